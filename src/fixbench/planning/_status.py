"""How far a run has come: each job's results, and what was judged."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pyarrow.parquet as pq

from fixbench.ablation import Ablation
from fixbench.draws import split_block
from fixbench.errors import InputError
from fixbench.made_by import check_options, check_records
from fixbench.provenance import code_hash
from fixbench.reading import parse_seeds
from fixbench.results import RUN_METRIC, read_metadata
from fixbench.workflow import Plan, verdict_file

__all__ = ["STATES", "AblationStatus", "JobState", "RunStatus", "run_status"]

State = Literal["there", "out of date", "refused", "running", "interrupted", "failed", "planned"]
#: In the order in which they are printed, with what they mean.
STATES: Mapping[State, str] = {
    "there": "results of the present options and code",
    "out of date": "results of other options or code; a run makes them again",
    "refused": "a file of results that is damaged, or that no record of a job speaks of",
    "running": "something of the job was written in the last two minutes",
    "interrupted": "a save of it is there, from which it goes on",
    "failed": "it has a log, and no results",
    "planned": "not started",
}
#: A job saves, or writes to its log, at least this often; else it has stopped.
_QUIET_SECONDS = 120.0


@dataclass(frozen=True, kw_only=True)
class JobState:
    """One job.

    Attributes:
        why: of a file that cannot be used, the message that says so.
        seeds_done: of a job under way, those whose results are saved.
        runs_failed: seeds in which the run diverged, failed or ran out of memory.
    """

    variant: str
    block: str
    state: State
    why: str = ""
    seeds_done: int = 0
    runs_failed: int = 0


@dataclass(frozen=True, kw_only=True)
class AblationStatus:
    """The jobs of an ablation, and its claims.

    Attributes:
        claims: how many there are; verdicts: verdict → the number of claims that have it, none
            where nothing was judged.
        judged_before: verdicts are older than a file of results.
        page: the report, where it is there.
    """

    name: str
    jobs: Sequence[JobState]
    claims: int
    verdicts: Mapping[str, int]
    judged_before: bool
    page: str | None

    def count(self, state: State) -> int:
        """The number of jobs in that state."""
        return sum(job.state == state for job in self.jobs)


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """All ablations of a plan.

    Attributes:
        locked: Snakemake holds the working directory, or was killed while it did.
    """

    tier: str
    locked: bool
    ablations: Sequence[AblationStatus]


def run_status(plan: Plan) -> RunStatus:
    """Look at every file of results of a plan, and at what is under way. Paths are relative."""
    locks = Path(".snakemake", "locks")
    return RunStatus(
        tier=plan.tier,
        locked=locks.is_dir() and any(locks.iterdir()),
        ablations=[_ablation(plan, name) for name in plan.ablations],
    )


def _ablation(plan: Plan, name: str) -> AblationStatus:
    planned = plan.ablations[name]
    code = code_hash(planned.ablation, plan.folder / name)
    jobs = [
        _job(plan, name, variant, label, code)
        for variant in planned.ablation.at(plan.tier).variants
        for label in planned.labels()
    ]
    verdicts = verdict_file(name, plan.tier)
    page = plan.reports / f"{name}.html"
    newest = max((path.stat().st_mtime for path in _files(plan, name)), default=0.0)
    return AblationStatus(
        name=name,
        jobs=jobs,
        claims=len(planned.ablation.claims),
        verdicts=_verdicts(verdicts),
        judged_before=verdicts.is_file() and verdicts.stat().st_mtime < newest,
        page=str(page) if page.is_file() else None,
    )


def _files(plan: Plan, name: str) -> Iterator[Path]:
    return (path for path in map(Path, plan.results(name)) if path.is_file())


def _job(plan: Plan, name: str, variant: str, label: str, code: str) -> JobState:
    place = Path(name, plan.tier, variant)
    results = Path("results") / place / f"{label}.parquet"
    log = Path("logs") / place / f"{label}.log"
    if results.is_file():
        record = Path("logs") / place / f"{label}.provenance.json"
        ablation = plan.ablations[name].ablation
        state, why = _usable(results, record, ablation, plan.tier, variant, code)
        failed = _runs_failed(results) if state in ("there", "out of date") else 0
        return JobState(variant=variant, block=label, state=state, why=why, runs_failed=failed)
    saves = list(_saves(place, label))
    done = sum(path.name.endswith(".done") for path in saves)
    written = max((path.stat().st_mtime for path in [*saves, log] if path.exists()), default=None)
    state = "planned"
    if written is not None:
        stopped: State = "interrupted" if saves else "failed"
        state = "running" if time.time() - written < _QUIET_SECONDS else stopped
    return JobState(variant=variant, block=label, state=state, seeds_done=done)


def _usable(
    results: Path, record: Path, ablation: Ablation, tier: str, variant: str, code: str
) -> tuple[State, str]:
    """What judging would say of a file."""
    try:
        metadata = read_metadata(results)
        check_options(results, variant, [metadata.get("options", {})], ablation.at(tier))
        check_records({results: metadata}, [record], code)
    except InputError as error:
        changed = error.key.startswith("options.") or error.key == "code.sha256"
        return "out of date" if changed else "refused", str(error)
    return "there", ""


def _runs_failed(results: Path) -> int:
    table = pq.read_table(results, columns=["seed", "metric", "status"]).to_pylist()
    return len(
        {row["seed"] for row in table if row["metric"] == RUN_METRIC and row["status"] != "ok"}
    )


def _saves(place: Path, label: str) -> Iterator[Path]:
    """What a job keeps to go on from, until it has written its results."""
    block, draw = split_block(label)
    folder = Path(".fixbench", "resume") / place / ("" if draw is None else f"data-{draw}")
    for seed in parse_seeds(block):
        yield from folder.glob(f"seed-{seed}.*")


def _verdicts(file: Path) -> dict[str, int]:
    """Verdict → count; nothing where there are none, or the file cannot be read."""
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))["verdicts"]
        return dict(Counter(str(row["verdict"]) for row in rows))
    except (OSError, ValueError, LookupError, TypeError):
        return {}
