"""A claim in one line of text, for a terminal or a notebook."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fixbench.reports._claim_fields import claim_measured
from fixbench.reports._format import MISSING, p_value
from fixbench.reports._judging import Verdict
from fixbench.reports.paper import JudgedAblation
from fixbench.reports.paper._row import rests_on_equivalence

__all__ = ["ClaimLine", "claim_lines"]


@dataclass(frozen=True, kw_only=True)
class ClaimLine:
    """A claim in print.

    Attributes:
        measured: with its interval and unit.
        n: pairs, or the runs of each arm as "5 + 4"; failed: those of them that failed.
        p, p_adjusted: of a difference; of equivalence, where the verdict rests on it.
    """

    id: str
    measured: str
    n: str
    failed: int
    p: str
    p_adjusted: str
    equivalence: bool
    verdict: Verdict


def claim_lines(judged: JudgedAblation) -> list[ClaimLine]:
    """One a claim, in the order of judging."""
    lines = []
    for claim, result in judged.claims:
        found, effect = claim_measured(judged.ablation, claim, result), result.effect
        same = claim is not None and rests_on_equivalence(claim, result)
        raw = math.nan if effect is None else effect.p_value
        p, adjusted = (
            (result.p_equivalence, result.p_equivalence_adjusted)
            if same
            else (raw, result.p_adjusted)
        )
        times = "× " if found.unit == "ratio" else ""
        unit = "" if found.unit == "ratio" else found.unit
        measured = " ".join(filter(None, (f"{times}{found.value}", found.interval, unit)))
        lines.append(
            ClaimLine(
                id=result.id,
                measured=MISSING if found.value == MISSING else measured,
                n=found.n,
                failed=0 if effect is None else effect.n_failed,
                p=p_value(p),
                p_adjusted=p_value(adjusted),
                equivalence=same,
                verdict=result.verdict,
            )
        )
    return lines
