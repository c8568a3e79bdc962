"""Which rows of which result files every number of a claim rests on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import pandas as pd

from fixbench.ablation import Claim, Effect, Term
from fixbench.reports._arm_names import position
from fixbench.reports._format import seed_ranges, short_hash
from fixbench.reports._records import Record, nested
from fixbench.results import run_columns

__all__ = ["FileView", "ResultFiles", "SourceView", "claim_sources"]


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """A cell of the results that a number rests on: one variant, stage and metric."""

    claim: str
    quantity: str
    variant: str
    stage: str
    metric: str
    position: str
    rows: str
    seeds: str
    files: list[str]


@dataclass(frozen=True, kw_only=True)
class FileView:
    """A result file: its label in the table of sources, its path as recorded, a short SHA-256."""

    label: str
    path: str
    sha256: str


class ResultFiles:
    """The result files, numbered, and the cells found in them."""

    def __init__(self, frame: pd.DataFrame, records: Sequence[Record]) -> None:
        self._cells = dict(list(frame.groupby(["variant", "stage", "metric"])))
        self._names = sorted(str(name) for name in frame["file"].unique())
        self._labels = {name: f"F{index}" for index, name in enumerate(self._names, start=1)}
        self._outputs = {
            PurePath(path): digest
            for record in records
            for path, digest in (nested(record, "outputs") or {}).items()
        }

    def table(self) -> list[FileView]:
        """The files; a recorded path is preferred, as it names no machine's folders."""
        views = []
        for name in self._names:
            parts = PurePath(name).parts
            recorded = next((p for p in self._outputs if parts[-len(p.parts) :] == p.parts), None)
            digest = self._outputs[recorded] if recorded else None
            views.append(
                FileView(
                    label=self._labels[name],
                    path=str(recorded or name),
                    sha256=short_hash(digest),
                )
            )
        return views

    def source(self, claim: str, quantity: str, term: Term) -> SourceView:
        """The cell that one term of an effect reads."""
        cell = self._cells.get((term.variant, term.stage, term.metric))
        rows, files, seeds = 0, [], ""
        if cell is not None:
            if isinstance(term.at, int):
                cell = cell[cell["step"] == term.at]
            elif term.at in ("first", "last"):
                cell = cell.drop_duplicates(run_columns(cell))  # one row a run, whichever it is
            rows = len(cell)
            seeds = seed_ranges(int(seed) for seed in cell["seed"].unique())
            files = [self._labels[name] for name in sorted(cell["file"].astype(str).unique())]
        return SourceView(
            claim=claim,
            quantity=quantity,
            variant=term.variant,
            stage=term.stage,
            metric=term.metric,
            position=position(term.at),
            rows=str(rows),
            seeds=seeds,
            files=files,
        )


def claim_sources(claims: Iterable[Claim], files: ResultFiles) -> list[SourceView]:
    """The cells of every effect, precondition, control and supporting measurement."""
    views = []
    for claim in claims:
        quantities: list[tuple[str, Effect]] = []
        if claim.effect is not None:
            quantities.append(("effect", claim.effect))
        quantities += [(f"precondition: {item.name}", item.effect) for item in claim.preconditions]
        quantities += [(f"control: {control.name}", control.effect) for control in claim.controls]
        quantities += [(f"supporting: {item.name}", item.effect) for item in claim.supporting]
        views += [
            files.source(claim.id, quantity, term)
            for quantity, effect in quantities
            for term in effect.weighted
        ]
    return views
