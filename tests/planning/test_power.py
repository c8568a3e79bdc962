"""How many seeds: from a deviation, and from a pilot with its own uncertainty."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from fixbench.cli import main


def ask(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["power", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_seeds_by_deviation(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--effect", "0.02", "--deviation", "0.015")
    alone = ask(capsys, *given)
    # Cohen's d of 4/3: seven pairs at 5 %, two-sided (statsmodels, G*Power).
    assert [item["difference"] for item in alone["seeds"]] == [7]
    family = ask(capsys, *given, "--comparisons", "10")
    assert family["seeds"][0]["difference"] > 7
    stricter = ask(capsys, *given, "--alpha", "0.005")
    assert family["seeds"] == stricter["seeds"]
    by_seeds = {row["seeds"]: row["difference"] for row in alone["table"]}
    assert by_seeds[5] < 0.8 <= by_seeds[7]
    assert list(by_seeds.values()) == sorted(by_seeds.values())


def test_text(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["power", "--effect", "0.02", "--deviation", "0.015", "--comparisons", "4"]
    assert main([*arguments, "--equivalence-margin", "0.01"]) == 0
    text = capsys.readouterr().out
    assert "over 4 comparisons the smallest p is compared with 0.0125" in text
    assert "differs  equivalent" in text


def pilot(path: Path, metrics: tuple[str, ...] = ("accuracy",)) -> list[float]:
    generator = np.random.default_rng(3)
    lines = [",".join(["variant", "seed", *metrics])]
    differences = []
    for seed in range(6):
        base = generator.normal(0.8, 0.05)
        gain = generator.normal(0.03, 0.015)
        differences.append(gain)
        for name, value in (("baseline", base), ("fix", base + gain)):
            lines.append(",".join([name, str(seed), *[repr(float(value))] * len(metrics)]))
    path.write_text("\n".join(lines) + "\n")
    return differences


def test_a_pilot_gives_the_deviation_of_differences_and_its_limit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    differences = pilot(tmp_path / "pilot.csv")
    found = ask(capsys, "--pilot", "pilot.csv", "--effect", "0.02")
    (scatter,) = found["scatter"]
    deviation = np.std(differences, ddof=1)
    assert scatter["deviation"] == pytest.approx(deviation)
    assert scatter["n"] == 6
    limit = deviation * math.sqrt(5 / stats.chi2.ppf(0.2, 5))
    assert scatter["limit"] == pytest.approx(limit)
    observed, upper = found["seeds"]
    assert (observed["upper_limit"], upper["upper_limit"]) == (False, True)
    assert upper["difference"] > observed["difference"]
    assert found["of"] == upper
    assert [path.name for path in tmp_path.iterdir()] == ["pilot.csv"]  # nothing is left behind


def test_a_pilot_with_several_metrics_asks_which(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pilot.csv"
    pilot(file, ("accuracy", "loss"))
    arguments = ["power", "--pilot", str(file), "--effect", "0.02"]
    assert main(arguments) == 2
    assert "--metric; expected one of accuracy, loss" in capsys.readouterr().err
    assert main([*arguments, "--metric", "loss"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--deviation", "1"], "--effect; expected it, or --equivalence-margin"),
        (["--deviation", "0", "--effect", "1"], "--deviation is 0.0; expected a number above 0"),
        (["--deviation", "1", "--effect", "0"], "--effect is 0.0; expected a number that is not 0"),
        (["--deviation", "1", "--effect", "1", "--power", "1"], "--power is 1.0; expected a share"),
        (["--deviation", "1", "--effect", "1", "--metric", "x"], "--metric; expected --pilot"),
        (["--pilot", "nowhere.csv", "--effect", "1"], "nowhere.csv"),
    ],
)
def test_refused(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["power", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
