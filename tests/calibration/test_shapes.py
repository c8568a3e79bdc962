"""The table of worst rates is what the calibration finds, and covers all that verdicts say."""

import json
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.calibration import DISTRIBUTIONS, SHAPES, shape_cells, write_shape_rates, wrong_share
from fixbench.calibration._distributions import collapsing
from fixbench.cli import main
from fixbench.verdicts import SHAPE_RATES, calibrated_shapes

TABLE = json.loads(SHAPE_RATES.read_text(encoding="utf-8"))
CELLS = shape_cells()
# Of the simulations behind a rate of the table; and of those made here.
TRIALS = TABLE["replications"] // 2
FEW = 400


def refuted(wrong: int, trials: int, rate: float, *, both: bool) -> bool:
    """Whether a count is far from the table's rate, which is itself a count."""
    held = round(rate * TRIALS)
    pair = [[wrong, trials - wrong], [held, TRIALS - held]]
    side = "two-sided" if both else "greater"
    return bool(stats.fisher_exact(pair, alternative=side).pvalue < 1e-5)


def test_each_rate_is_found_again() -> None:
    cells = {(cell.said, cell.key, cell.truth.name): cell for cell in CELLS}
    far = []
    for said, by_size in TABLE["rates"].items():
        for key, found in by_size.items():
            cell = cells[said, key, found["world"]]
            wrong = round(FEW * wrong_share(cell, FEW, 7))
            if refuted(wrong, FEW, found["rate"], both=True):
                far.append((said, key, found, wrong / FEW))
    assert far == []


@pytest.mark.parametrize("n", [5, 10])
def test_no_world_is_worse_than_the_table_says(n: int) -> None:
    worse = []
    for cell in CELLS:
        rate = TABLE["rates"][cell.said][cell.key]["rate"]
        if cell.seeds == n and refuted(
            round(100 * wrong_share(cell, 100, 8)), 100, rate, both=False
        ):
            worse.append((cell.said, cell.truth.name))
    assert worse == []


def test_the_table_covers_every_thing_said_and_number_of_seeds() -> None:
    wanted: dict[str, set[str]] = {}
    for cell in CELLS:
        wanted.setdefault(cell.said, set()).add(cell.key)
    assert {said: {*rates} for said, rates in TABLE["rates"].items()} == wanted
    assert {*calibrated_shapes()} == {kind.name for kind in SHAPES if "mirrored" not in kind.name}
    # The shapes at which the calibration finds errors above 5 % are among them.
    assert {kind.name for kind in DISTRIBUTIONS if not kind.symmetric} <= {*calibrated_shapes()}
    # They say more than 5 %: that is what the reader must know.
    assert all(0.05 < TABLE["rates"][said]["10"]["rate"] < 1 for said in TABLE["rates"])


def test_shapes_have_mean_0_and_deviation_1() -> None:
    for kind in (*SHAPES, collapsing(share=0.5, depth=3.0)):
        x = kind.draw(np.random.default_rng(3), (400_000,))
        assert x.mean() == pytest.approx(0, abs=0.01)
        assert x.std() == pytest.approx(1, rel=0.2 if kind.name == "heavy-tailed" else 0.05)


def test_the_command_writes_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    few = [cell for cell in CELLS if (cell.said, cell.seeds) == ("reversed", 5)]
    monkeypatch.setattr("fixbench.calibration._shapes.shape_cells", lambda: few)
    path = write_shape_rates(tmp_path / "rates.json", replications=2000, seed=3)
    (by_size,) = json.loads(path.read_text())["rates"].values()
    assert by_size["5"]["rate"] == pytest.approx(TABLE["rates"]["reversed"]["5"]["rate"], abs=0.05)
    monkeypatch.setattr("fixbench.calibration._shapes.SHAPE_RATES", tmp_path / "other.json")
    assert main(["calibrate", "--write-rates", "--replications", "1000"]) == 0
    assert "other.json" in capsys.readouterr().out
