"""What the sections of a report are built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from fixbench.ablation import Ablation, Claim
from fixbench.determinism import Determinism
from fixbench.errors import InputError
from fixbench.reports._determinism import determinism_label
from fixbench.reports._judging import ClaimResult
from fixbench.reports._sentences import Sentences
from fixbench.reports._tier import ReportedTier

__all__ = ["Inputs", "PrintedThreat", "read_inputs"]

_HISTORY = "Of earlier results, with figures written by hand: "


@dataclass(frozen=True, kw_only=True)
class PrintedThreat:
    """A threat in print, with the ids of the claims that it concerns, if it names any."""

    claims: list[str]
    text: str


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All that a section may read.

    Attributes:
        frame: the tidy results with the column ``file``.
        results: one a claim, withdrawn claims included, in the order in which they were judged.
        provenance: one record a job.
        determinism: how far the same seed gives the same rows, where it was measured for these
            results; determinism_label: the same in words, or why there is none.
    """

    name: str
    ablation: Ablation
    tier: ReportedTier
    frame: pd.DataFrame
    results: Sequence[ClaimResult]
    provenance: Sequence[Mapping[str, Any]]
    determinism: Determinism | None
    determinism_label: str

    @property
    def judged(self) -> list[tuple[Claim, ClaimResult]]:
        """Each claim of the ablation with its result."""
        by_id = {result.id: result for result in self.results if result.verdict != "withdrawn"}
        return [(claim, by_id[claim.id]) for claim in self.ablation.claims]

    @cached_property
    def sentences(self) -> Sentences:
        """What a person wrote with results in view, with the figures of these results."""
        return Sentences(self.ablation, self.tier.name, self.results, self.frame)

    @cached_property
    def threats(self) -> list[PrintedThreat]:
        """The threats known beforehand, then those seen later whose suppositions are found."""
        known = [
            PrintedThreat(claims=threat.claims or [], text=threat.text)
            for threat in self.ablation.threats
        ]
        later = [
            PrintedThreat(
                claims=threat.claims or [],
                text=f"{_HISTORY if threat.history else ''}{said.text}",
            )
            for threat, said in self.sentences.threats()
            if not said.why_not
        ]
        return [*known, *later]

    @property
    def withdrawn(self) -> list[ClaimResult]:
        """Results of claims that the ablation no longer has."""
        return [result for result in self.results if result.verdict == "withdrawn"]


def read_inputs(
    name: str,
    ablation: Ablation,
    tier: str,
    frame: pd.DataFrame,
    results: Sequence[ClaimResult],
    provenance: Sequence[Mapping[str, Any]],
    *,
    determinism: Determinism | None = None,
) -> Inputs:
    """Put together what a report is built from.

    Raises:
        InputError: a claim of the ablation has no result, or a result no claim.
    """
    found = {result.id for result in results if result.verdict != "withdrawn"}
    differing = sorted(found ^ {claim.id for claim in ablation.claims})
    if differing:
        raise InputError(
            f"results of {name}",
            "claims",
            differing,
            expected="one result for each claim of the ablation; run the analysis again",
        )
    reported = ReportedTier(ablation=ablation, name=tier)
    label, usable = determinism_label(name, reported, determinism, provenance)
    return Inputs(
        name=name,
        ablation=ablation,
        tier=reported,
        frame=frame,
        results=results,
        provenance=provenance,
        determinism=usable,
        determinism_label=label,
    )
