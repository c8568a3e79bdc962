"""Whether the same seed gives the same rows: the noise floor below every effect.

One seed of one variant runs once, once more, in a block behind another seed, and with another
number of threads, all in a scratch folder. A difference between variants that is no larger than
the differences between these runs shows nothing.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import TypeAdapter

from fixbench.ablation import Ablation, load_ablation
from fixbench.errors import InputError
from fixbench.provenance import code_hash

__all__ = [
    "Determinism",
    "Repetition",
    "Scatter",
    "check_determinism",
    "compare_rows",
    "read_determinism",
    "run_again",
]

Label = Literal["bitwise", "within tolerance", "noisy"]

#: Folders that a scratch project has for itself and does not share with the real one.
_OWN = (".fixbench", "results", "logs", "reports")


@dataclass(frozen=True, kw_only=True)
class Scatter:
    """One metric of one stage whose rows are not the same to the last bit.

    Attributes:
        steps, first, repeated: the steps and both values at each; empty where the steps or the
            statuses of the two runs differ.
    """

    stage: str
    metric: str
    steps: tuple[int, ...]
    first: tuple[float, ...]
    repeated: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Repetition:
    """One way of running the same seed again.

    Attributes:
        how: in words, such as ``again``.
        label: ``bitwise`` if every row is the same to the last bit; ``within tolerance`` if no
            value differs by more than the tolerance, relative to the larger; else ``noisy``.
        differences: metric → its largest relative difference; ``None`` where the steps or statuses
            differ or only one value is finite, which counts as noisy.
        scattered: the values that are not the same to the last bit.
    """

    how: str
    label: Label
    differences: dict[str, float | None]
    scattered: tuple[Scatter, ...]


@dataclass(frozen=True, kw_only=True)
class Determinism:
    """What `check_determinism` found.

    Attributes:
        code: `fixbench.provenance.code_hash` of the jobs.
        options: those of the variant.
        label: the worst label of all repetitions.
        measured: stage → the metrics of its rows.
    """

    ablation: str
    variant: str
    tier: str
    seed: int
    tolerance: float
    device: str
    code: str
    options: dict[str, Any]
    label: Label
    measured: dict[str, tuple[str, ...]]
    repetitions: tuple[Repetition, ...]


_FOUND = TypeAdapter(Determinism)


def check_determinism(
    root: Path,
    name: str,
    *,
    variant: str | None = None,
    tier: str = "small",
    seed: int | None = None,
    threads: int = 2,
    device: str = "auto",
    tolerance: float = 1e-6,
    ablations: Path = Path("ablations"),
    progress: Callable[[str], None] = lambda how: None,
) -> Determinism:
    """Run one seed in several ways and compare its rows with those of the first run.

    Args:
        root: as for `fixbench.job.run_job`; nothing is written there.
        variant: by default the baseline variant. The variants that it starts from run first.
        seed: by default the first seed of the tier.
        threads: the number of threads of the last run; all other runs have one.
        tolerance: the largest relative difference that does not count as noise.
        progress: called before each run, with its name.

    Raises:
        InputError: as `fixbench.job.run_job`; ``threads`` is 1, or ``tolerance`` is negative.
    """
    import torch  # takes seconds to import

    file = root / ablations / name / "ablation.yaml"
    ablation = load_ablation(file)
    if tier not in ablation.tiers:
        raise InputError(file, "tiers", tier, expected=f"one of {', '.join(ablation.tiers)}")
    if threads < 2:
        raise InputError("--threads", "", threads, expected="more than one thread")
    if not tolerance >= 0:
        raise InputError("--tolerance", "", tolerance, expected="no negative tolerance")
    variant = variant or ablation.baseline_variant
    declared = ablation.at(tier).seeds
    seed = declared[0] if seed is None else seed
    other = next((item for item in declared if item != seed), seed + 1)
    on_gpu = device != "cpu" and torch.cuda.is_available()
    ways: list[tuple[str, list[int], int, str]] = [
        ("first", [seed], 1, device),
        ("again", [seed], 1, device),
        (f"behind seed {other}", [other, seed], 1, device),
        (f"with {threads} threads", [seed], threads, device),
    ]
    if on_gpu:
        ways.append(("on the CPU", [seed], 1, "cpu"))
    code = code_hash(ablation, file.parent)
    frames: dict[str, pd.DataFrame] = {}
    with tempfile.TemporaryDirectory(prefix="fixbench-") as scratch:
        project = _scratch_project(root, Path(scratch))
        for how, seeds, count, place in ways:
            progress(how)
            found = _run(
                project,
                ablations,
                name,
                ablation,
                variant,
                seeds,
                tier,
                threads=count,
                device=place,
            )
            frames[how] = found[found["seed"] == seed]
    first = frames.pop("first")
    repetitions = tuple(
        compare_rows(first, frame, how=how, tolerance=tolerance) for how, frame in frames.items()
    )
    order: Sequence[Label] = ("bitwise", "within tolerance", "noisy")
    return Determinism(
        ablation=name,
        variant=variant,
        tier=tier,
        seed=seed,
        tolerance=tolerance,
        device="cuda" if on_gpu else "cpu",
        code=code,
        options=ablation.at(tier).options(variant),
        label=max((item.label for item in repetitions), key=order.index),
        measured={
            str(stage): tuple(sorted(set(rows["metric"]))) for stage, rows in first.groupby("stage")
        },
        repetitions=repetitions,
    )


def compare_rows(
    first: pd.DataFrame, second: pd.DataFrame, *, how: str, tolerance: float
) -> Repetition:
    """Compare two runs of one seed, row by row. The order of rows does not count."""
    scattered: list[Scatter] = []
    found: dict[str, list[float | None]] = {}
    runs = [_cells(frame) for frame in (first, second)]
    for metric, stage in sorted({*runs[0], *runs[1]}):
        here, there = (run.get((metric, stage), first[:0].set_index("step")) for run in runs)
        steps: tuple[int, ...] = ()
        x = y = np.array([])
        known = here.index.equals(there.index) and here["status"].equals(there["status"])
        if known:
            steps = tuple(here.index.tolist())
            x, y = here["value"].to_numpy(), there["value"].to_numpy()
        found.setdefault(metric, []).append(_largest_difference(x, y) if known else None)
        if not known or x.tobytes() != y.tobytes():
            values = {"first": tuple(x.tolist()), "repeated": tuple(y.tolist())}
            scattered.append(Scatter(stage=stage, metric=metric, steps=steps, **values))
    differences = {
        metric: None if None in values else max(value for value in values if value is not None)
        for metric, values in found.items()
    }
    label: Label = "within tolerance" if scattered else "bitwise"
    if any(value is None or value > tolerance for value in differences.values()):
        label = "noisy"
    return Repetition(how=how, label=label, differences=differences, scattered=tuple(scattered))


def read_determinism(path: Path) -> Determinism:
    """Read what `fixbench determinism` wrote.

    Raises:
        InputError: the file is missing or of another kind.
    """
    try:
        return _FOUND.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # which a ValidationError is
        raise InputError(
            path, "", expected="what `fixbench determinism` of this version wrote"
        ) from None


def run_again(
    root: Path,
    name: str,
    variant: str,
    seeds: Sequence[int],
    tier: str,
    *,
    ablations: Path = Path("ablations"),
    threads: int = 1,
    device: str = "cpu",
) -> pd.DataFrame:
    """The rows of some seeds of a variant, run in a scratch folder; nothing is written in ``root``.

    The variants that it starts from run first.

    Raises:
        InputError: as `fixbench.job.run_job`.
    """
    ablation = load_ablation(root / ablations / name / "ablation.yaml")
    with tempfile.TemporaryDirectory(prefix="fixbench-") as scratch:
        project = _scratch_project(root, Path(scratch))
        return _run(
            project,
            ablations,
            name,
            ablation,
            variant,
            list(seeds),
            tier,
            threads=threads,
            device=device,
        )


def _cells(frame: pd.DataFrame) -> dict[tuple[str, str], pd.DataFrame]:
    """(metric, stage) → its rows by step."""
    groups = frame.groupby(["metric", "stage"])
    return {
        (str(metric), str(stage)): rows.set_index("step").sort_index()
        for (metric, stage), rows in groups
    }


def _largest_difference(x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> float | None:
    """Relative to the larger of two values; ``None`` where only one of them is finite."""
    finite = np.isfinite(x)
    if not np.array_equal(finite, np.isfinite(y)):
        return None
    x, y = x[finite], y[finite]
    size = np.maximum(np.abs(x), np.abs(y))
    return float(np.max(np.abs(x - y) / np.where(size > 0, size, 1.0), initial=0.0))


def _scratch_project(root: Path, scratch: Path) -> Path:
    """A folder in which jobs find what ``root`` has, and disturb no job that runs in ``root``."""
    for path in root.resolve().iterdir():
        if path.name not in _OWN:
            os.symlink(path, scratch / path.name)
    return scratch


def _run(
    project: Path,
    ablations: Path,
    name: str,
    ablation: Ablation,
    variant: str,
    seeds: list[int],
    tier: str,
    *,
    threads: int,
    device: str,
) -> pd.DataFrame:
    """The rows of a variant. The variants that it starts from run first."""
    from fixbench.job import run_job
    from fixbench.results import read_results

    chain = [variant]
    known = ablation.at(tier).variants
    while chain[0] in known and (origin := known[chain[0]].starts_from) is not None:
        chain.insert(0, origin)
    output, parent = project / "rows.parquet", None
    for link in chain:
        state = project / f"{link}.state"
        run_job(
            project,
            name,
            link,
            seeds,
            tier,
            output,
            ablations=ablations,
            state=state,
            parent=parent,
            device=device,
            threads=threads,
        )
        parent = state
    return read_results([output])
