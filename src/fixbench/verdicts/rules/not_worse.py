"""The claim asserts that nothing that matters is lost: non-inferiority.

*Different* is the t-test against ``null``. *Not worse* is the t-test against ``null`` less
``margin`` (plus it, where ``direction`` is less), alpha / 2 on the side that ``direction``, the
better side, names. *Beyond* is the same test on the other side.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
not worse, even if different in either direction                                   reproduced
beyond the margin on the worse side                                                refuted
none of these                                                                      inconclusive
=================================================================================  ==============
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._format import evidence_text, figure
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._mean import MeanRule, cannot_text, null_text
from fixbench.verdicts.rules._rule import Problem, Tested

if TYPE_CHECKING:
    from fixbench.statistics import EffectEstimate
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _NotWorse(MeanRule):
    name = "not_worse"
    within = "not worse"
    settled_by = ("not worse", "beyond")

    def check(self, claim: Claim) -> Iterator[Problem]:
        decision = claim.decision
        if decision.direction is None or decision.margin is None:
            expected = "a 'not_worse' rule with a direction (the better side) and a margin"
            yield Problem("decision", expected)
        if decision.tolerance is not None:
            expected = "a 'not_worse' rule without a tolerance: the margin bounds its size"
            yield Problem("decision", expected)

    def bounds(self, claim: Claim, effect: EffectEstimate) -> tuple[float, float]:
        low, high = super().bounds(claim, effect)
        return (low, math.inf) if claim.decision.direction == "greater" else (-math.inf, high)

    def p_within(self, values: list[float], low: float, high: float) -> float:
        direction: Literal["greater", "less"] = "greater" if math.isinf(high) else "less"
        bound = low if direction == "greater" else high
        return statistics.not_worse(values, bound=bound, direction=direction)

    def p_within_unpaired(
        self, samples: Sequence[Sequence[float]], low: float, high: float
    ) -> float:
        # One bound is infinite: the doubled one-sided test against the other.
        return statistics.welch_inside(samples, low=low, high=high)

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        better_above = tested.claim.decision.direction == "greater"
        verdict: Verdict = "inconclusive"
        finding = "open"
        if evidence["not worse"].shown:
            verdict, finding = "reproduced", "not worse"
        elif evidence["beyond"].shown:
            verdict, finding = "refuted", "worse"
        details = {"worse side": "below" if better_above else "above"}
        return self.ruling(tested, evidence, verdict, finding, details=details)

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        mean, deviation = tested.seeds.mean, tested.effect.standard_deviation
        low, high = tested.bounds
        better_above = math.isinf(high)
        # Both verdicts are differences from the same bound.
        bound = low if better_above else high
        toward: Verdict = "reproduced" if (mean > bound) == better_above else "refuted"
        if toward == "reproduced" and tested.fails:
            return None, toward
        return statistics.seeds_for_difference(mean, deviation, null=bound, alpha=alpha), toward

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        assert ruling.margin is not None
        assert result.effect is not None
        side = ruling.details["worse side"]
        bound = figure(ruling.margin[0] if side == "below" else ruling.margin[1])
        null, p = null_text(result), evidence_text(ruling.evidence["different"])
        p_not_worse = evidence_text(ruling.evidence["not worse"])
        if ruling.finding == "not worse":
            text = f"It is not {side} {bound} (non-inferiority {p_not_worse})"
            if ruling.evidence["different"].shown:
                found = "below" if result.effect.estimate < result.effect.null else "above"
                text += f"; it is {found} {null} ({p})"
                text += ", but by less than matters" if found == side else ""
            return text
        if ruling.finding == "worse":
            p = evidence_text(ruling.evidence["beyond"])
            return (
                f"It is {side} {null} ({p}) by more than the smallest effect that matters: its "
                f"whole interval lies {side} {bound}"
            )
        return (
            f"That it is not {side} {bound} is not shown (non-inferiority {p_not_worse}), nor "
            f"that it is{cannot_text(ruling)}"
        )


RULE = _NotWorse()
