"""The claim asserts that a property holds in more, or in fewer, than a share of seeds.

The share is that of the seeds in which every value is exactly 1. *Different* is the exact binomial
test against ``null``. A failed seed counts against the claim.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
different, on the documented side; no tolerance declared, or the whole interval    reproduced
within it of the documented size
different, on the documented side                                                  direction only
different, on the other side                                                       reversed
none of these                                                                      inconclusive
=================================================================================  ==============
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import fmean
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Ablation, Claim, Decision
from fixbench.verdicts._format import evidence_text
from fixbench.verdicts._notes import FailedShare
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._counted import check_terms, described
from fixbench.verdicts.rules._direction import as_documented, direction_text, judge_direction
from fixbench.verdicts.rules._mean import null_text, side_of
from fixbench.verdicts.rules._rule import Problem, Tested, TestedRule

if TYPE_CHECKING:
    from fixbench.verdicts._measurements import Measurements
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _Share(TestedRule):
    name = "share"

    def check(self, claim: Claim) -> Iterator[Problem]:
        decision = claim.decision
        if decision.direction is None or decision.null is None or not 0 < decision.null < 1:
            yield Problem("decision", "a 'share' rule with a direction and a null between 0 and 1")
        if decision.margin is not None:
            yield Problem(
                "decision", "a 'share' rule without a margin: no share is equivalent to its null"
            )
        if decision.tolerance is not None and claim.documented.value is None:
            yield Problem("documented.value", "this key: the size that 'tolerance' is around")
        yield from check_terms(claim)
        if claim.effect is not None and claim.effect.scale == "log":
            yield Problem("effect.scale", "the plain scale with a 'share' rule")

    def test(
        self, ablation: Ablation, claim: Claim, results: Measurements, confidence: float
    ) -> Tested:
        from fixbench.verdicts._measurements import SeedEffects  # imports pandas

        effect, decision = claim.effect, claim.decision
        assert effect is not None
        assert decision.null is not None
        count = results.count_property(effect)
        # Failing is an outcome, and the one least favourable to the claim.
        imputed = 0.0 if decision.direction == "greater" else 1.0
        complete = {
            seed: float(share == 1)
            for seed, share in count.share.items()
            if seed not in count.failed
        }
        values = complete | dict.fromkeys(count.failed, imputed)
        if count.lost:
            values = dict.fromkeys(values, math.nan)
        notes = (*(FailedShare(holds=bool(imputed)),) * bool(count.failed), *count.notes)
        held, checked = (0, 0) if count.lost else (int(sum(values.values())), len(values))
        found = statistics.proportion(held, checked, null=decision.null, confidence=confidence)
        return Tested(
            claim=claim,
            seeds=SeedEffects(values=values, failed=count.failed, notes=count.lost or notes),
            effect=described(
                found,
                n=len(values),
                null=decision.null,
                complete_case=fmean(complete.values()) if complete else math.nan,
                failed=len(count.failed),
                per_seed=dict(sorted(values.items())),
            ),
            p_within=math.nan,
            bounds=(math.nan, math.nan),
            proportion=found,
        )

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        verdict: Verdict = "inconclusive"
        finding, tolerance = "open", None
        if evidence["different"].shown:
            verdict, finding, tolerance = judge_direction(tested, beyond=None)
        return Ruling(
            rule=self.name,
            verdict=verdict,
            finding=finding,
            evidence=evidence,
            side=side_of(tested.effect),
            tolerance=tolerance,
        )

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        effect = tested.effect
        seeds = statistics.seeds_for_share(effect.estimate, null=effect.null, alpha=alpha)
        if not as_documented(tested):
            return seeds, "reversed"
        return seeds, "direction only" if tested.claim.decision.tolerance else "reproduced"

    def fewest_seeds(self, decision: Decision, *, family: int, alpha: float) -> int | None:
        # At best the property holds in every seed, or in none.
        assert decision.null is not None
        each = decision.null if decision.direction == "greater" else 1 - decision.null
        return statistics.fewest_seeds(2 * family, each, alpha)

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        if ruling.finding != "open":
            return direction_text(ruling, result)
        p = evidence_text(ruling.evidence["different"])
        return f"That it differs from {null_text(result)} is not shown ({p})"


RULE = _Share()
