"""Which p decides a claim: Holm's adjustment over the family, or the levels of looks.

The family is made of the primary claims with a tested rule, those included that could not be
tested, or were taken out of the file after their results existed (withdrawn). Each kind of evidence
(different; within bounds, which is equivalent or not worse; beyond the margin) is adjusted by
itself. Every claim of the family counts for "different" and for "beyond", so that an effect which
is shown to lie beyond the margin is always shown to differ. A claim that is
not primary is judged by its unadjusted p.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixbench import statistics
from fixbench.ablation import Ablation, Claim
from fixbench.verdicts._result import Looks
from fixbench.verdicts._ruling import Evidence
from fixbench.verdicts.rules import Tested, TestedRule, is_tested, load_rule

__all__ = ["Adjusted", "adjust", "family_of", "tested_rule", "weigh"]


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """Claim → Holm-adjusted p, of the claims of the family; empty where there were looks."""

    different: Mapping[str, float]
    within: Mapping[str, float]
    beyond: Mapping[str, float]

    def of(self, kind: str) -> Mapping[str, float]:
        """The adjusted p of a kind of evidence."""
        return {"different": self.different, "beyond": self.beyond}.get(kind, self.within)


def tested_rule(claim: Claim) -> TestedRule:
    rule = load_rule(claim.decision.rule)
    assert isinstance(rule, TestedRule)
    return rule


def family_of(ablation: Ablation, withdrawn: Sequence[str]) -> list[str]:
    """The claims that p is adjusted for.

    Args:
        withdrawn: the claims that were taken out of the file and still count.
    """
    return [
        *(claim.id for claim in ablation.claims if claim.primary and is_tested(claim)),
        *withdrawn,
    ]


def adjust(
    ablation: Ablation, family: Sequence[str], tested: Mapping[str, Tested], *, looked: bool
) -> Adjusted:
    """Holm's adjustment; a claim that could not be tested counts as p = 1."""
    if looked:
        return Adjusted(different={}, within={}, beyond={})
    without = {
        claim.id
        for claim in ablation.claims
        if is_tested(claim) and tested_rule(claim).within is None
    }
    return Adjusted(
        different=statistics.holm(
            {key: tested[key].effect.p_value if key in tested else math.nan for key in family}
        ),
        within=statistics.holm(
            {
                key: tested[key].p_within if key in tested else math.nan
                for key in family
                if key not in without
            }
        ),
        beyond=statistics.holm(
            {key: tested[key].p_beyond if key in tested else math.nan for key in family}
        ),
    )


def weigh(
    tested: Tested, adjusted: Adjusted, looks: Looks | None, *, alpha: float
) -> dict[str, Evidence]:
    """What each kind of evidence shows of a claim."""
    claim = tested.claim
    evidence = {}
    for kind, raw in tested_rule(claim).kinds(tested).items():
        p = adjusted.of(kind).get(claim.id, raw)
        crossing = None if looks is None else looks.shown.get(kind)
        evidence[kind] = Evidence(
            p=p,
            shown=p < alpha if looks is None else crossing is not None,
            adjusted=claim.primary,
            family=len(adjusted.of(kind)) if claim.primary else 0,
            looked=looks is not None,
            crossing=crossing,
        )
    return evidence
