"""The claim asserts that there is no effect that matters.

*Different* is the t-test against ``null``; *equivalent* is TOST within ``margin`` around ``null``;
*beyond* is the t-test against the end of the margin on which the estimate lies.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
equivalent, even if different                                                      reproduced
beyond the margin on one side                                                      refuted
none of these                                                                      inconclusive
=================================================================================  ==============
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._format import evidence_text, range_text
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._mean import (
    MeanRule,
    equivalent_text,
    null_text,
    open_text,
)
from fixbench.verdicts.rules._rule import Problem, Tested

if TYPE_CHECKING:
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _NoDifference(MeanRule):
    name = "no_difference"
    within = "equivalent"
    settled_by = ("equivalent", "beyond")

    def check(self, claim: Claim) -> Iterator[Problem]:
        if claim.decision.margin is None:
            yield Problem("decision", "a 'no_difference' rule with a margin")

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        if evidence["equivalent"].shown:
            return self.ruling(tested, evidence, "reproduced", "equivalent")
        if evidence["beyond"].shown:
            return self.ruling(tested, evidence, "refuted", "beyond the margin")
        return self.ruling(tested, evidence, "inconclusive", "open")

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        mean, deviation = tested.seeds.mean, tested.effect.standard_deviation
        null = statistics.to_analysis(tested.effect.null, tested.effect.scale)
        low, high = tested.bounds
        if low <= mean <= high:
            if tested.fails:
                return None, "reproduced"
            inside = statistics.seeds_for_equivalence(
                mean, deviation, low=low, high=high, alpha=alpha
            )
            return inside, "reproduced"
        # An effect beyond the margin is what would contradict a claim of none.
        bound = high if mean > null else low
        return (
            statistics.seeds_for_difference(mean, deviation, null=bound, alpha=alpha),
            "refuted",
        )

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        assert ruling.margin is not None
        if ruling.finding == "equivalent":
            return equivalent_text(ruling, result)
        if ruling.finding == "open":
            return open_text(ruling, result)
        p = evidence_text(ruling.evidence["beyond"])
        return (
            f"It differs from {null_text(result)} ({p}) by more than the smallest effect that "
            f"matters ({range_text(*ruling.margin)})"
        )


RULE = _NoDifference()
