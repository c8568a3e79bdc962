"""Status and cost of a run as text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fixbench.planning._expected import AblationCost, RunCost
from fixbench.planning._status import STATES, AblationStatus, RunStatus
from fixbench.reports import bytes_, duration

__all__ = ["cost_text", "status_text"]

_FEW = 3


def status_text(status: RunStatus) -> str:
    """One line an ablation, and below it what is wrong."""
    return "\n".join(_status_lines(status))


def cost_text(cost: RunCost) -> str:
    """One line an ablation, the sum, and what it rests on."""
    return "\n".join(_cost_lines(cost))


def _status_lines(status: RunStatus) -> Iterator[str]:
    occurring = [
        state
        for state in STATES
        if state == "there" or any(one.count(state) for one in status.ablations)
    ]
    rows = [["ablation", "jobs", *occurring, "runs failed", "claims judged"]]
    for one in status.ablations:
        failed = sum(job.runs_failed for job in one.jobs)
        rows.append(
            [
                one.name,
                str(len(one.jobs)),
                *(str(one.count(state)) for state in occurring),
                str(failed),
                _judged(one),
            ]
        )
    yield f"tier {status.tier}"
    yield from table(rows)
    for state in occurring:
        if state != "there":
            yield f"{state}: {STATES[state]}"
    for one in status.ablations:
        yield from _problems(one)
    if status.locked:
        yield (
            "Snakemake holds this folder (.snakemake/locks): a run is going on. If none is, it was "
            "killed; snakemake --unlock takes the lock away."
        )


def _judged(one: AblationStatus) -> str:
    judged = sum(count for verdict, count in one.verdicts.items() if verdict != "withdrawn")
    return f"{judged} of {one.claims}{', before the newest results' if one.judged_before else ''}"


def _problems(one: AblationStatus) -> Iterator[str]:
    for state in ("out of date", "refused", "failed", "interrupted", "running"):
        jobs = [job for job in one.jobs if job.state == state]
        for job in jobs[:_FEW]:
            done = f" ({job.seeds_done} seeds done)" if job.seeds_done else ""
            why = f": {job.why}" if job.why else ""
            yield f"  {one.name} {job.variant} {job.block} {state}{done}{why}"
        if len(jobs) > _FEW:
            yield f"  {one.name}: {len(jobs) - _FEW} more {state}"


def _cost_lines(cost: RunCost) -> Iterator[str]:
    rows = [["ablation", "variants", "seeds", "jobs", "left", "processor time", "memory a job"]]
    rows += [_cost_row(one) for one in cost.ablations]
    yield f"tier {cost.tier}"
    yield from table(rows)
    cores = "1 core" if cost.cores == 1 else f"{cost.cores} cores"
    if cost.seconds is None:
        lacking = ", ".join(one.name for one in cost.ablations if one.cpu_seconds is None)
        yield f"No time can be named for the whole: there is no record of {lacking}."
    else:
        yield f"On {cores} about {duration(cost.seconds)} for all jobs{_left(cost)}."
    if cost.memory_bytes is not None:
        yield f"{cores.capitalize()} at work take up to {bytes_(cost.memory_bytes)} of memory."
    for one in cost.ablations:
        yield from _remarks(one)
    if any(one.records for one in cost.ablations):
        yield (
            "Times are those of the recorded processors, for each seed its share of a block. Data, "
            "verdicts and reports are not counted."
        )


def _left(cost: RunCost) -> str:
    jobs = sum(one.jobs for one in cost.ablations)
    left = sum(one.jobs_left for one in cost.ablations)
    if left == jobs or cost.seconds_left is None:
        return ""
    return f", {duration(cost.seconds_left)} for the {left} of {jobs} without results"


def _cost_row(one: AblationCost) -> list[str]:
    seeds = str(one.seeds) if one.draws == 1 else f"{one.seeds} × {one.draws} draws"
    return [
        one.name,
        str(one.variants),
        seeds,
        str(one.jobs),
        str(one.jobs_left),
        "no record" if one.cpu_seconds is None else duration(one.cpu_seconds),
        "no record" if one.memory_bytes is None else bytes_(one.memory_bytes),
    ]


def _remarks(one: AblationCost) -> Iterator[str]:
    if one.records:
        on = f", on {', '.join(one.processors)}" if one.processors else ""
        records = "1 record" if one.records == 1 else f"{one.records} records"
        yield f"  {one.name}: {records} in {one.source}{on}"
        if one.without_record:
            lacking = ", ".join(one.without_record[:_FEW])
            more = len(one.without_record) - _FEW
            also = f" and {more} more" if more > 0 else ""
            yield f"  {one.name}: no record of {lacking}{also}; the mean of the others is taken"
    if one.wanted:
        wanted = ", ".join(f"{item.claim} ({item.seeds})" for item in one.wanted)
        yield (
            f"  {one.name}: more than {one.seeds} seeds are needed, by an earlier run, for {wanted}"
        )


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Columns: names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()
