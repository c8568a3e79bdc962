"""The same seed, run in several ways: what is found, and that nothing is disturbed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from fixbench.ablation import load_ablation
from fixbench.cli import main
from fixbench.determinism import Scatter, check_determinism, compare_rows, read_determinism
from fixbench.errors import InputError
from fixbench.provenance import code_hash


@pytest.fixture(autouse=True)
def _restore_torch() -> Any:
    threads = torch.get_num_threads()
    yield
    torch.use_deterministic_algorithms(False)
    torch.set_num_threads(threads)


def edit_system(project: Path, old: str, new: str) -> None:
    path = project / "ablations" / "toy" / "system.py"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def files_of(project: Path) -> list[Path]:
    """All but caches, which whatever imports a module or hashes its code may write."""
    found = (path for path in project.rglob("*") if "__pycache__" not in path.parts)
    return sorted(path for path in found if path.name != "imports.json")


def labels(found: Any) -> dict[str, str]:
    return {item.how: item.label for item in found.repetitions}


def test_a_seeded_system_is_bitwise_the_same_and_nothing_is_left(project: Path) -> None:
    resume = project / ".fixbench" / "resume" / "toy" / "fast" / "seed-0.of-another-run.training"
    resume.parent.mkdir(parents=True)
    resume.write_text("a run that goes on meanwhile")
    before = files_of(project)
    asked: list[str] = []
    found = check_determinism(project, "toy", tier="smoke", device="cpu", progress=asked.append)
    assert labels(found) == dict.fromkeys(("again", "behind seed 1", "with 2 threads"), "bitwise")
    assert asked == ["first", *labels(found)]
    assert (found.label, found.variant, found.seed) == ("bitwise", "fast", 0)
    assert all(item.differences == {"loss": 0.0} for item in found.repetitions)
    assert all(item.scattered == () for item in found.repetitions)
    toy = project / "ablations" / "toy"
    assert found.code == code_hash(load_ablation(toy / "ablation.yaml"), toy)
    assert found.options["training"] == {"steps": 12}
    assert found.measured == {"train": ("loss",)}
    after = files_of(project)
    assert after == before


def test_a_variant_is_run_after_what_it_starts_from(project: Path) -> None:
    found = check_determinism(project, "toy", variant="continued", seed=2, device="cpu")
    assert (found.variant, found.seed, found.label) == ("continued", 2, "bitwise")
    assert list(labels(found))[1] == "behind seed 0"


def test_what_hangs_on_the_block_or_on_nothing_is_found(project: Path) -> None:
    edit_system(project, '"loss", loss)', '"loss", loss * (1 + 1e-9 * CALLS[0]))')
    edit_system(project, "def run(", "CALLS = [0]\n\n\ndef run(")
    edit_system(project, "    generator =", "    CALLS[0] += 1\n    generator =")
    # The module is imported afresh for every job, so that only the block can be told apart.
    found = check_determinism(project, "toy", device="cpu")
    assert labels(found) == {
        "again": "bitwise",
        "behind seed 1": "within tolerance",
        "with 2 threads": "bitwise",
    }
    assert found.label == "within tolerance"
    (again, block, _) = found.repetitions
    assert block.differences["loss"] == pytest.approx(1e-9, rel=1e-3)
    assert again.scattered == ()
    (cell,) = block.scattered
    assert (cell.stage, cell.metric, cell.steps) == ("train", "loss", tuple(range(20)))
    np.testing.assert_allclose(np.divide(cell.repeated, cell.first) - 1, 1e-9, rtol=1e-3)
    assert check_determinism(project, "toy", device="cpu", tolerance=1e-10).label == "noisy"
    edit_system(project, "1e-9 * CALLS[0]", "int.from_bytes(__import__('os').urandom(4)) * 1e-10")
    assert set(labels(check_determinism(project, "toy", device="cpu")).values()) == {"noisy"}


def rows(values: dict[int, float], status: str = "ok", metric: str = "loss") -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"stage": "s", "step": step, "metric": metric, "value": value, "status": status}
            for step, value in values.items()
        ]
    )


@pytest.mark.parametrize(
    ("second", "label", "difference"),
    [
        (rows({1: 4.0, 0: 2.0}), "bitwise", 0.0),
        (rows({0: 2.0, 1: 4.0 + 4e-7}), "within tolerance", 1e-7),
        (rows({0: 2.5, 1: 4.0}), "noisy", 0.2),
        (rows({0: -2.0, 1: 4.0}), "noisy", 2.0),
        (rows({0: 2.0}), "noisy", None),
        (rows({0: 2.0, 1: 4.0}, status="diverged"), "noisy", None),
        (rows({0: 2.0, 1: math.nan}), "noisy", None),
    ],
)
def test_rows_are_compared_value_by_value(
    second: pd.DataFrame, label: str, difference: float | None
) -> None:
    found = compare_rows(rows({0: 2.0, 1: 4.0}), second, how="again", tolerance=1e-6)
    assert found.label == label
    expected = None if difference is None else pytest.approx(difference, rel=1e-6)
    assert found.differences == {"loss": expected}
    cell = Scatter(stage="s", metric="loss", steps=(0, 1), first=(2.0, 4.0), repeated=(2.0, 4.0))
    if label == "bitwise":
        assert found.scattered == ()
    elif (second["status"] == "ok").all() and len(second) == 2:
        (scattered,) = found.scattered
        assert replace(scattered, repeated=cell.repeated) == cell
        np.testing.assert_array_equal(scattered.repeated, second["value"])
    else:
        assert found.scattered == (replace(cell, steps=(), first=(), repeated=()),)


def test_stages_are_compared_one_by_one() -> None:
    both = [pd.concat([rows({0: 1.0}), rows({0: x, 1: 4.0}).assign(stage="t")]) for x in (3.0, 2.0)]
    found = compare_rows(*both, how="again", tolerance=0.5)
    assert found.label == "within tolerance"
    assert found.differences == {"loss": pytest.approx(1 / 3)}
    assert [(cell.stage, cell.first) for cell in found.scattered] == [("t", (3.0, 4.0))]


def test_zero_and_failure_are_no_difference_from_themselves() -> None:
    both = rows({0: 0.0, 1: math.nan}, status="diverged")
    found = compare_rows(both, both.copy(), how="again", tolerance=0.0)
    assert (found.label, found.differences) == ("bitwise", {"loss": 0.0})
    signed = compare_rows(rows({0: 0.0}), rows({0: -0.0}), how="again", tolerance=0.0)
    assert signed.label == "within tolerance"  # equal, but not to the last bit
    more = compare_rows(
        rows({0: 1.0}), pd.concat([rows({0: 1.0}), rows({0: 1.0}, metric="x")]), how="", tolerance=0
    )
    assert (more.label, more.differences) == ("noisy", {"loss": 0.0, "x": None})


def test_the_command_writes_what_the_report_reads(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["determinism", "toy", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "  with 2 threads: bitwise (largest relative difference 0)\n" in said
    path = Path("results/toy/small/determinism.json")
    assert said.endswith(f"toy fast, tier small, seed 0: bitwise; wrote {path}\n")
    found = read_determinism(path)
    assert asdict(found) == asdict(check_determinism(project, "toy", device="cpu"))
    path.write_text(json.dumps({"ablation": "toy"}))
    with pytest.raises(InputError, match="what `fixbench determinism` of this version wrote"):
        read_determinism(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tier": "full"}, "tiers is 'full'; expected one of smoke, small"),
        ({"threads": 1}, "--threads is 1; expected more than one thread"),
        ({"tolerance": -1.0}, "--tolerance is -1.0; expected no negative tolerance"),
        ({"variant": "fats"}, "variants is 'fats'; expected a variant that tier 'small' runs"),
    ],
)
def test_what_cannot_be_run_is_refused(project: Path, changes: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_determinism(project, "toy", **changes)
    assert message in str(caught.value)
