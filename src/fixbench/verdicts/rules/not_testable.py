"""The claim asserts something that no measurement of the ablation could contradict.

The verdict is "not testable", with the declared reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fixbench.ablation import Claim
from fixbench.verdicts._ruling import Ruling
from fixbench.verdicts.rules._rule import ExactRule, Problem, Settled

if TYPE_CHECKING:
    from fixbench.verdicts._measurements import Measurements
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]


class _NotTestable(ExactRule):
    name = "not_testable"
    needs_effect = False

    def check(self, claim: Claim) -> Iterator[Problem]:
        if not claim.decision.reason:
            yield Problem("decision", "a 'not_testable' rule with a reason")

    def settle(self, claim: Claim, results: Measurements | None, confidence: float) -> Settled:
        return Settled(
            ruling=Ruling(
                rule=self.name,
                verdict="not testable",
                finding="declared",
                details={"reason": claim.decision.reason or ""},
            )
        )

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        return str(ruling.details["reason"]).strip().rstrip(".")


RULE = _NotTestable()
