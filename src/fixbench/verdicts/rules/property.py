"""The claim asserts that something always holds: every value of the metric is exactly 1.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
any value of a successful run is not exactly 1                                     does not hold
a run failed                                                                       inconclusive
every value is exactly 1                                                           holds
=================================================================================  ==============
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim
from fixbench.verdicts._format import seeds_text
from fixbench.verdicts._notes import join
from fixbench.verdicts._ruling import Ruling, Verdict
from fixbench.verdicts.rules._counted import check_terms, described
from fixbench.verdicts.rules._rule import ExactRule, Problem, Settled

if TYPE_CHECKING:
    from fixbench.verdicts._measurements import Measurements
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _Property(ExactRule):
    name = "property"

    def check(self, claim: Claim) -> Iterator[Problem]:
        yield from check_terms(claim)

    def settle(self, claim: Claim, results: Measurements | None, confidence: float) -> Settled:
        assert claim.effect is not None
        assert results is not None
        count = results.count_property(claim.effect)
        share = count.held / count.checked if count.checked else math.nan
        verdict: Verdict = "holds"
        if count.held < count.checked:
            verdict = "does not hold"
        elif count.failed:
            verdict = "inconclusive"
        whole = sum(value == 1 and seed not in count.failed for seed, value in count.share.items())
        seeds = statistics.proportion(
            whole, len(count.failed | set(count.share)), confidence=confidence
        )
        # The effect is the share of measurements, which has no interval: those of a seed go
        # together.
        measurements = replace(seeds, share=share, low=math.nan, high=math.nan)
        return Settled(
            ruling=Ruling(
                rule=self.name,
                verdict=verdict,
                finding=verdict,
                details={
                    "held": count.held,
                    "checked": count.checked,
                    "failed seeds": len(count.failed),
                    "lost": join(count.lost),
                    "undefined": join(count.notes),
                },
            ),
            effect=described(
                measurements,
                n=seeds.checked,
                null=1.0,
                complete_case=share,
                failed=len(count.failed),
                per_seed=count.share,
            ),
            proportion=seeds,
        )

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        details = ruling.details
        text = f"The property held in {details['held']} of {details['checked']} measurements"
        if details["failed seeds"]:
            text += f"; {seeds_text(int(details['failed seeds']))} had a failed run"
        if ruling.finding == "inconclusive":
            text += ", in which it is unknown"
            if details["lost"]:
                text += f". {details['lost']}".rstrip(".")
        if details["undefined"]:
            text += f". {details['undefined']}".rstrip(".")
        return text


RULE = _Property()
