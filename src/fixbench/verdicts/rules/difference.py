"""The claim asserts an effect in a direction.

*Different* is the t-test against ``null``; *equivalent* is TOST within ``margin`` around ``null``;
*beyond* is the t-test against the end of the margin on which the estimate lies.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
equivalent, and different on the documented side: real, but smaller than the       negligible
smallest effect that matters
equivalent otherwise                                                               absent
different, on the other side                                                       reversed
different, on the documented side; the whole interval outside the tolerance        another size
around the documented size
different, on the documented side; beyond; no tolerance declared, or the whole     reproduced
interval within it
different, on the documented side                                                  direction only
none of these                                                                      inconclusive
=================================================================================  ==============
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._direction import (
    as_documented,
    direction_text,
    judge_direction,
    tolerated,
)
from fixbench.verdicts.rules._mean import MeanRule, equivalent_text, open_text
from fixbench.verdicts.rules._rule import Problem, Tested

if TYPE_CHECKING:
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE", "DifferenceRule"]


class DifferenceRule(MeanRule):
    """The rule, and what a rule shares that judges the same words."""

    name = "difference"
    within = "equivalent"

    def check(self, claim: Claim) -> Iterator[Problem]:
        decision = claim.decision
        for name, value in (("direction", decision.direction), ("margin", decision.margin)):
            if value is None:
                yield Problem(f"decision.{name}", f"this key, which a {self.name!r} rule needs")
        if decision.tolerance is not None and claim.documented.value is None:
            yield Problem("documented.value", "this key: the size that 'tolerance' is around")

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        if evidence["equivalent"].shown:
            real = evidence["different"].shown and as_documented(tested)
            return self.ruling(tested, evidence, "negligible" if real else "absent", "equivalent")
        if not evidence["different"].shown:
            return self.ruling(tested, evidence, "inconclusive", "open")
        verdict, finding, tolerance = judge_direction(tested, beyond=evidence["beyond"].shown)
        return self.ruling(tested, evidence, verdict, finding, tolerance=tolerance)

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        mean, deviation = tested.seeds.mean, tested.effect.standard_deviation
        null = statistics.to_analysis(tested.effect.null, tested.effect.scale)
        low, high = tested.bounds
        inside = None
        if not tested.fails:
            inside = statistics.seeds_for_equivalence(
                mean, deviation, low=low, high=high, alpha=alpha
            )
        outside = statistics.seeds_for_difference(mean, deviation, null=null, alpha=alpha)
        if outside is None or (inside is not None and inside <= outside):
            return inside, "absent"
        if not as_documented(tested):
            return outside, "reversed"
        if tested.claim.decision.tolerance is None and not low <= mean <= high:
            return DifferenceRule.seeds_for_size(self, tested, alpha)
        return outside, "direction only"

    def seeds_for_size(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        mean, deviation = tested.seeds.mean, tested.effect.standard_deviation
        low, high = tested.bounds
        if low <= mean <= high:
            if tested.fails:
                return None, None
            seeds = statistics.seeds_for_equivalence(
                mean, deviation, low=low, high=high, alpha=alpha
            )
            return seeds, "negligible"
        beyond = statistics.seeds_for_window(mean, deviation, low=low, high=high, alpha=alpha)
        if tested.claim.decision.tolerance is None:
            return beyond, "reproduced"
        near = tolerated(tested)
        if near is None or tested.fails:
            return None, None
        scale = tested.effect.scale
        least, most = (statistics.to_analysis(bound, scale) for bound in near)
        # The interval of the size is adjusted for nothing.
        size = statistics.seeds_for_window(
            mean, deviation, low=least, high=most, alpha=1 - tested.effect.confidence
        )
        if not least <= mean <= most:
            return size, "another size"
        return (None if size is None or beyond is None else max(size, beyond)), "reproduced"

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        texts = {"equivalent": equivalent_text, "open": open_text}
        return texts.get(ruling.finding, direction_text)(ruling, result)


RULE = DifferenceRule()
