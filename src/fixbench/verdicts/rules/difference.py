"""The claim asserts an effect in a direction.

*Different* is the t-test against ``null``; *equivalent* is TOST within ``margin`` around ``null``.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
equivalent, even if different in either direction: smaller than the smallest       absent
effect that matters
different, on the documented side; no tolerance declared, or the whole interval    reproduced
within it of the documented size
different, on the documented side                                                  direction only
different, on the other side                                                       reversed
none of these                                                                      inconclusive
=================================================================================  ==============
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._direction import direction_text, judge_direction
from fixbench.verdicts.rules._mean import MeanRule, equivalent_text, open_text
from fixbench.verdicts.rules._rule import Problem, Tested

if TYPE_CHECKING:
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _Difference(MeanRule):
    name = "difference"
    within = "equivalent"

    def check(self, claim: Claim) -> Iterator[Problem]:
        decision = claim.decision
        for name, value in (("direction", decision.direction), ("margin", decision.margin)):
            if value is None:
                yield Problem(f"decision.{name}", "this key, which a 'difference' rule needs")
        if decision.tolerance is not None and claim.documented.value is None:
            yield Problem("documented.value", "this key: the size that 'tolerance' is around")

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        if evidence["equivalent"].shown:
            return self.ruling(tested, evidence, "absent", "equivalent")
        if not evidence["different"].shown:
            return self.ruling(tested, evidence, "inconclusive", "open")
        verdict, finding, tolerance = judge_direction(tested)
        return self.ruling(tested, evidence, verdict, finding, tolerance=tolerance)

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict]:
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
        if (mean > null) != (tested.claim.decision.direction == "greater"):
            return outside, "reversed"
        return (
            outside,
            "reproduced" if tested.claim.decision.tolerance is None else "direction only",
        )

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        texts = {"equivalent": equivalent_text, "open": open_text}
        return texts.get(ruling.finding, direction_text)(ruling, result)


RULE = _Difference()
