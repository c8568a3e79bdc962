"""A sample of runs, trained again and compared with its rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixbench.determinism import compare_rows, run_again
from fixbench.errors import InputError
from fixbench.provenance import read_provenance
from fixbench.results import DATA_SEED, read_results
from fixbench.verification._check import Check, Mismatch
from fixbench.verification._run import Run

__all__ = ["Sample", "check_again", "choose"]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Seeds of one variant.

    Attributes:
        threads, device: those of the recorded job.
    """

    run: Run
    variant: str
    seeds: tuple[int, ...]
    threads: int
    device: str


def choose(runs: Sequence[Run], *, seeds: int, variants: Sequence[str]) -> list[Sample]:
    """The first ``seeds`` of each of the ``variants``; by default of the cheapest baseline.

    Raises:
        InputError: no run has one of the variants.
    """
    if not seeds:
        return []
    if not variants:
        costs = [(_cost(run), place) for place, run in enumerate(runs) if run.rows]
        if not costs:
            return []
        run = runs[min(costs)[1]]
        return [_sample(run, run.ablation.baseline_variant, seeds)]
    samples = []
    for variant in variants:
        having = [run for run in runs if run.rows and variant in run.ablation.at(run.tier).variants]
        if not having:
            known = [
                name for run in runs if run.rows for name in run.ablation.at(run.tier).variants
            ]
            expected = f"a variant with rows: {', '.join(dict.fromkeys(known)) or 'there is none'}"
            raise InputError("--variants", "", variant, expected=expected)
        samples += [_sample(run, variant, seeds) for run in having]
    return samples


def _cost(run: Run) -> float:
    """Seconds that a seed of the baseline took; unknown without a record."""
    found = _records_of(run, run.ablation.baseline_variant)
    return min((r["wall_seconds"] / len(r["seeds"]) for r in found), default=math.inf)


def _records_of(run: Run, variant: str) -> list[dict[str, Any]]:
    records = map(read_provenance, run.records)
    return [record for record in records if record["variant"] == variant]


def _sample(run: Run, variant: str, seeds: int) -> Sample:
    rows = read_results(run.rows)
    found = sorted(set(rows.loc[rows["variant"] == variant, "seed"].tolist()))
    record = next(iter(_records_of(run, variant)), {})
    return Sample(
        run=run,
        variant=variant,
        seeds=tuple(found[:seeds]),
        threads=record.get("threads", 1),
        device=record.get("device", {}).get("type", "cpu"),
    )


def check_again(
    sample: Sample, *, ablations: Path, tolerance: float, progress: Callable[[str], None]
) -> Check:
    """Run the seeds, and compare their rows with those that are kept."""
    run = sample.run
    numbers = ", ".join(map(str, sample.seeds))
    name = f"run again: {sample.variant}, seed {numbers}"
    rows = read_results(run.rows)
    if DATA_SEED in rows:
        remark = "runs on data draws are not run again"
        return Check(ablation=run.name, name=name, compared=0, of="rows", remark=remark)
    progress(f"{run.name}: {sample.variant}, seed {numbers}")
    fresh = run_again(
        run.root,
        run.name,
        sample.variant,
        sample.seeds,
        run.tier,
        ablations=ablations,
        threads=sample.threads,
        device=sample.device,
    )
    compared, worst, mismatches = 0, 0.0, []
    labels = set()
    for seed in sample.seeds:
        kept = rows[(rows["variant"] == sample.variant) & (rows["seed"] == seed)]
        again = fresh[fresh["seed"] == seed]
        found = compare_rows(kept, again, how=name, tolerance=tolerance)
        compared += len(kept)
        labels.add(found.label)
        worst = max([worst, *(value for value in found.differences.values() if value is not None)])
        for metric, difference in found.differences.items():
            if difference is None or difference > tolerance:
                mismatches.append(
                    Mismatch(
                        file=run.rows[0],
                        where=f"{sample.variant}, seed {seed}, {metric}",
                        found="other steps or statuses"
                        if difference is None
                        else f"{difference:.2g} away, relative to its size",
                        expected=f"at most {tolerance:g}",
                    )
                )
    remark = "equal to the last bit"
    if labels != {"bitwise"}:
        label = "noisy" if "noisy" in labels else "within tolerance"
        remark = f"{label}: largest relative difference {worst:.2g}"
    return Check(
        ablation=run.name,
        name=name,
        compared=compared,
        of="rows",
        mismatches=mismatches,
        remark=remark,
    )
