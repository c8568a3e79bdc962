"""Failed runs: how many, which, and with what status."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fixbench.reports._format import counted, seed_ranges
from fixbench.reports._inputs import Inputs
from fixbench.reports._views import TableText
from fixbench.reports.sections._section import Section
from fixbench.results import OUT_OF_MEMORY, UNDEFINED, run_columns

__all__ = ["FailedRuns", "FailuresSection", "build", "failed_runs"]

_TABLE = TableText(
    caption="Failed runs by variant and status", columns=("Variant", "Status", "Runs", "Seeds")
)


@dataclass(frozen=True, kw_only=True)
class FailedRuns:
    """Failed runs in print.

    Attributes:
        rows: variant, status, number of runs, their seeds.
    """

    rows: list[tuple[str, str, str, str]]
    sentence: str


@dataclass(frozen=True, kw_only=True)
class FailuresSection(Section):
    """Failed runs and the text of their table."""

    failed: FailedRuns
    table: TableText


def build(inputs: Inputs) -> FailuresSection:
    """The section."""
    return FailuresSection(
        layout="failures",
        id="failures",
        heading="Failed runs",
        navigation="Failed runs",
        failed=failed_runs(inputs.frame),
        table=_TABLE,
    )


def failed_runs(frame: pd.DataFrame) -> FailedRuns:
    """The failed runs of the results. A run is one variant with one seed, on one data draw."""
    run = run_columns(frame)
    runs = len(frame[run].drop_duplicates())
    failed = frame.loc[~frame["status"].isin(["ok", UNDEFINED]), [*run, "status"]]
    # A run counts once, under the status it met first.
    failed = failed.drop_duplicates(run)
    rows = [
        (
            str(variant),
            str(status).replace("_", " "),
            str(len(group)),
            seed_ranges(int(seed) for seed in group["seed"]),
        )
        for (variant, status), group in failed.groupby(["variant", "status"])
    ]
    if not rows:
        sentence = f"None of the {counted(runs, 'run')} failed."
    else:
        lost = int((failed["status"] == OUT_OF_MEMORY).sum())
        count = len(failed) - lost
        sentence = f"{count or 'None'} of {'the ' * (not count)}{counted(runs, 'run')} failed."
        sentence += " No failed run is dropped." * bool(count)
        if lost:
            sentence += (
                f" {counted(lost, 'run')} ran out of memory, a fault of the machine and no "
                "outcome: no verdict counts their seeds."
            )
    return FailedRuns(rows=rows, sentence=sentence + _undefined(frame))


def _undefined(frame: pd.DataFrame) -> str:
    """Which metrics have no value by their nature, and in how many runs."""
    rows = frame[frame["status"] == UNDEFINED]
    runs = {
        key: len(part[run_columns(frame)].drop_duplicates())
        for key, part in rows.groupby(["metric", "variant"])
    }
    text = "; ".join(
        f"{metric} of {variant} in {counted(count, 'run')}"
        for (metric, variant), count in runs.items()
    )
    return f" Undefined, which is no failure: {text}." if text else ""
