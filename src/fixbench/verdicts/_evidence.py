"""Which p decides a claim: Holm's adjustment over the family, or the levels of looks.

The family is made of the primary claims with a tested rule, those included that could not be
tested, or were taken out of the file after their results existed (withdrawn). A claim that counts
collapsed seeds apart stands in it twice, once for each of its parts. Each kind of evidence
(different; within bounds, which is equivalent or not worse; beyond the margin; collapses) is
adjusted by itself. As "different" and "collapses" are both adjusted for the places of both, any
false direction has a probability of at most alpha. Every place of the family counts for "different"
and for "beyond", so that an effect which is shown to lie beyond the margin is always shown to
differ. A claim that is not primary is judged by its unadjusted p.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixbench import statistics
from fixbench.ablation import Ablation, Claim
from fixbench.verdicts._family import first_parts, parts_of, second_part
from fixbench.verdicts._result import Looks
from fixbench.verdicts._ruling import Evidence
from fixbench.verdicts.rules import Tested, TestedRule, is_tested, load_rule

__all__ = [
    "Adjusted",
    "adjust",
    "family_of",
    "tested_rule",
    "weigh",
]


@dataclass(frozen=True, kw_only=True)
class Adjusted:
    """Claim → Holm-adjusted p, of the claims of the family; empty where there were looks.

    Attributes:
        collapses: under the name of the second part of a claim (`second_part`).
    """

    different: Mapping[str, float]
    within: Mapping[str, float]
    beyond: Mapping[str, float]
    collapses: Mapping[str, float]

    def of(self, kind: str) -> Mapping[str, float]:
        """The adjusted p of a kind of evidence."""
        kinds = {"different": self.different, "beyond": self.beyond, "collapses": self.collapses}
        return kinds.get(kind, self.within)


def tested_rule(claim: Claim) -> TestedRule:
    rule = load_rule(claim.decision.rule)
    assert isinstance(rule, TestedRule)
    return rule


def family_of(ablation: Ablation, withdrawn: Sequence[str]) -> list[str]:
    """What p is adjusted for: the claims, and the second parts of those that have two.

    Args:
        withdrawn: likewise, of the claims that were taken out of the file and still count.
    """
    return [
        *(
            part
            for claim in ablation.claims
            if claim.primary and is_tested(claim)
            for part in parts_of(claim.id, claim.decision.rule)
        ),
        *withdrawn,
    ]


def _of_collapses(tested: Mapping[str, Tested]) -> dict[str, float]:
    return {
        second_part(key): item.collapses.alone.p_value
        for key, item in tested.items()
        if item.collapses is not None and item.claim.primary
    }


def adjust(
    ablation: Ablation, family: Sequence[str], tested: Mapping[str, Tested], *, looked: bool
) -> Adjusted:
    """Holm's adjustment; a claim that could not be tested counts as p = 1."""
    if looked:
        return Adjusted(different={}, within={}, beyond={}, collapses={})
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
                for key in first_parts(family)
                if key not in without
            }
        ),
        beyond=statistics.holm(
            {key: tested[key].p_beyond if key in tested else math.nan for key in family}
        ),
        collapses=statistics.holm(dict.fromkeys(family, math.nan) | _of_collapses(tested)),
    )


def weigh(
    tested: Tested, adjusted: Adjusted, looks: Looks | None, *, alpha: float
) -> dict[str, Evidence]:
    """What each kind of evidence shows of a claim."""
    claim = tested.claim
    evidence = {}
    for kind, raw in tested_rule(claim).kinds(tested).items():
        name = second_part(claim.id) if kind == "collapses" else claim.id
        # Outside of the family the two parts of a claim are one of their own.
        alone = tested.collapses is not None and kind != tested_rule(claim).within
        p = adjusted.of(kind).get(name, min(1.0, 2 * raw) if alone and looks is None else raw)
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
