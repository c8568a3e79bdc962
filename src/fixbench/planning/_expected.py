"""What a run would cost, from the records of earlier ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.provenance import read_provenance
from fixbench.published import read_rows
from fixbench.reading import parse_seeds
from fixbench.workflow import Plan

__all__ = ["AblationCost", "RunCost", "SeedsWanted", "expected_cost"]


@dataclass(frozen=True, kw_only=True)
class SeedsWanted:
    """A claim that an earlier run left open, and the seeds that would settle it."""

    claim: str
    verdict: str
    seeds: int


@dataclass(frozen=True, kw_only=True)
class AblationCost:
    """What an ablation costs.

    Attributes:
        seeds: of each variant; draws: the data draws on which each runs, 1 without draws.
        jobs: all of them; jobs_left: those without a file of results.
        cpu_seconds: processor time of all jobs, ``None`` where nothing is recorded;
            cpu_seconds_left: of those that are left. longest_seconds: of one job.
        memory_bytes: the most that one job took.
        records: how many there are; source: where they lie; processors: what they ran on.
        without_record: variants for which the mean of the others is taken.
        wanted: claims for which the seeds are too few.
    """

    name: str
    variants: int
    seeds: int
    draws: int
    jobs: int
    jobs_left: int
    cpu_seconds: float | None
    cpu_seconds_left: float | None
    longest_seconds: float | None
    memory_bytes: int | None
    records: int
    source: str
    processors: Sequence[str]
    without_record: Sequence[str]
    wanted: Sequence[SeedsWanted]


@dataclass(frozen=True, kw_only=True)
class RunCost:
    """What a plan costs.

    Attributes:
        seconds, seconds_left: from start to end of all jobs, and of those left, on that many cores;
            ``None`` where an ablation has no record.
        memory_bytes: of as many jobs at a time as there are cores, each as large as the largest.
    """

    tier: str
    cores: int
    seconds: float | None
    seconds_left: float | None
    memory_bytes: int | None
    ablations: Sequence[AblationCost]


def expected_cost(plan: Plan, cores: int) -> RunCost:
    """Scale recorded processor time and memory to the seeds and data draws of a plan.

    A record gives the time of a block of seeds, its start included; a run of one seed is taken to
    cost its share. Records of the run in this folder count before published ones.
    """
    costs = [_ablation(plan, name) for name in plan.ablations]
    peaks = [cost.memory_bytes for cost in costs if cost.memory_bytes is not None]
    jobs = max(cost.jobs for cost in costs)
    return RunCost(
        tier=plan.tier,
        cores=cores,
        seconds=_elapsed([(cost.cpu_seconds, cost.longest_seconds) for cost in costs], cores),
        seconds_left=_elapsed(
            [
                (cost.cpu_seconds_left, cost.longest_seconds if cost.jobs_left else 0.0)
                for cost in costs
            ],
            cores,
        ),
        memory_bytes=max(peaks) * min(cores, jobs) if peaks else None,
        ablations=costs,
    )


def _elapsed(costs: Iterable[tuple[float | None, float | None]], cores: int) -> float | None:
    """Jobs spread evenly over the cores, but no less than the longest of them."""
    total, longest = 0.0, 0.0
    for seconds, job in costs:
        if seconds is None:
            return None
        total, longest = total + seconds, max(longest, job or 0.0)
    return max(total / cores, longest)


def _ablation(plan: Plan, name: str) -> AblationCost:
    planned = plan.ablations[name]
    variants = list(planned.ablation.at(plan.tier).variants)
    records, source = _records(name, plan.tier)
    per_run = {
        variant: _per_run([one for one in records if one["variant"] == variant])
        for variant in variants
    }
    known = [seconds for seconds in per_run.values() if seconds is not None]
    mean = sum(known) / len(known) if known else None
    blocks = [len(parse_seeds(block)) for block in planned.blocks]
    seeds, draws = sum(blocks), max(1, len(planned.draws))
    total = left = longest = 0.0
    jobs_left = 0
    for variant in variants:
        own = per_run[variant]
        seconds = (mean if own is None else own) or 0.0
        total += seconds * seeds * draws
        longest = max(longest, seconds * max(blocks))
        for label, size in zip(
            planned.labels(), [size for size in blocks for _ in range(draws)], strict=True
        ):
            if not Path("results", name, plan.tier, variant, f"{label}.parquet").is_file():
                jobs_left += 1
                left += seconds * size
    used = [one for one in records if one["variant"] in variants]
    return AblationCost(
        name=name,
        variants=len(variants),
        seeds=seeds,
        draws=draws,
        jobs=len(variants) * len(planned.labels()),
        jobs_left=jobs_left,
        cpu_seconds=None if mean is None else total,
        cpu_seconds_left=None if mean is None and jobs_left else left,
        longest_seconds=None if mean is None else longest,
        memory_bytes=max((int(one["peak_memory_bytes"]) for one in used), default=None),
        records=len(used),
        source=source if used else "",
        processors=sorted({str(one.get("device", {}).get("name", "")) for one in used} - {""}),
        without_record=[name for name, seconds in per_run.items() if seconds is None],
        wanted=_wanted(plan, name, seeds),
    )


def _records(name: str, tier: str) -> tuple[list[dict[str, Any]], str]:
    """The usable records of the first place that has any."""
    for place, pattern in (
        (Path("logs", name, tier), "*/*.provenance.json"),
        (Path("reports", "reference", tier, "provenance", name), "*.json"),
    ):
        found = []
        for path in sorted(place.glob(pattern)):
            try:
                record = read_provenance(path)
            except InputError:
                continue
            if {"variant", "seeds", "cpu_seconds", "peak_memory_bytes"} <= record.keys():
                found.append(record)
        if found:
            return found, str(place)
    return [], ""


def _per_run(records: Sequence[dict[str, Any]]) -> float | None:
    """Processor time of one run, seconds: of one seed on one data draw."""
    runs = sum(len(record["seeds"]) for record in records)
    return sum(float(record["cpu_seconds"]) for record in records) / runs if runs else None


def _wanted(plan: Plan, name: str, seeds: int) -> list[SeedsWanted]:
    """Claims for which an earlier run asks for more seeds than are planned."""
    for table in (
        plan.reports / "claims.json",
        Path("reports", "reference", plan.tier, "claims.json"),
    ):
        if not table.is_file():
            continue
        rows = [row for row in read_rows(table) if row["ablation"] == name]
        if rows:
            return [
                SeedsWanted(claim=row["id"], verdict=row["verdict"], seeds=row["seeds_needed"])
                for row in rows
                if (row.get("seeds_needed") or 0) > seeds
            ]
    return []
