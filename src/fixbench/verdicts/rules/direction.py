"""The claim asserts an effect in a direction, of whatever size.

There is no margin: which size matters is not declared. So that there is no effect that matters is
never shown, and neither is the claim ever reproduced. *Different* is the t-test against ``null``.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
different, on the other side                                                       reversed
different, on the documented side                                                  direction only
neither                                                                            inconclusive
=================================================================================  ==============
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._format import evidence_text
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._direction import as_documented
from fixbench.verdicts.rules._mean import MeanRule, null_text
from fixbench.verdicts.rules._rule import Problem, Tested

if TYPE_CHECKING:
    from fixbench.statistics import EffectEstimate
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _DirectionRule(MeanRule):
    name = "direction"
    beyond = False

    def check(self, claim: Claim) -> Iterator[Problem]:
        decision = claim.decision
        if decision.direction is None:
            yield Problem("decision.direction", "this key, which a 'direction' rule needs")
        for name in ("margin", "tolerance"):
            if getattr(decision, name) is not None:
                expected = f"no {name} with a 'direction' rule; a 'difference' rule takes one"
                yield Problem(f"decision.{name}", expected, getattr(decision, name))

    def bounds(self, claim: Claim, effect: EffectEstimate) -> tuple[float, float]:
        return -math.inf, math.inf

    def p_within(self, values: list[float], low: float, high: float) -> float:
        return math.nan

    def p_within_unpaired(
        self, samples: Sequence[Sequence[float]], low: float, high: float
    ) -> float:
        return math.nan

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        if not evidence["different"].shown:
            return self.ruling(tested, evidence, "inconclusive", "open")
        if as_documented(tested):
            return self.ruling(tested, evidence, "direction only", "direction")
        return self.ruling(tested, evidence, "reversed", "opposite")

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        seeds = statistics.seeds_for_difference(
            tested.seeds.mean,
            tested.effect.standard_deviation,
            null=statistics.to_analysis(tested.effect.null, tested.effect.scale),
            alpha=alpha,
        )
        return seeds, "direction only" if as_documented(tested) else "reversed"

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        null, p = null_text(result), evidence_text(ruling.evidence["different"])
        if ruling.finding == "open":
            return f"No difference from {null} is shown ({p})"
        where = "as claimed" if ruling.finding == "direction" else "against the claimed direction"
        return (
            f"It is {ruling.side} {null}, {where} ({p}). No margin is declared, so that nothing "
            "is said of whether its size matters"
        )


RULE = _DirectionRule()
