"""The first part of a claim whose seeds may collapse: in how many seeds each arm does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Claim, Term
from fixbench.verdicts._format import evidence_text, figure, seeds_text
from fixbench.verdicts._ruling import Collapses, Evidence, Side
from fixbench.verdicts.rules._rule import CollapsedSeeds, Tested

if TYPE_CHECKING:
    from fixbench.verdicts._measurements import Measurements, SeedEffects

__all__ = ["collapse_text", "count_collapses", "described_collapses", "without_collapses"]


def count_collapses(claim: Claim, results: Measurements, confidence: float) -> CollapsedSeeds:
    """In which seeds runs of the claim collapsed, with McNemar's exact test of the arms.

    A seed in which both arms collapsed, or neither, says nothing of a difference between them. Of
    the others each arm has half, where the arms collapse as often (McNemar, 1947; exact: Clopper
    and Pearson, 1934).
    """
    effect, collapse = claim.effect, claim.decision.collapse
    assert effect is not None
    assert collapse is not None
    plus, minus = results.collapsed(effect, collapse, name=f"claim {claim.id}")
    seeds: set[int] = set()
    for term in effect.weighted:
        seeds |= results.seeds_of(term.variant)
    return CollapsedSeeds(
        seeds=tuple(sorted(seeds)),
        plus=plus,
        minus=minus,
        alone=statistics.proportion(
            len(plus - minus), len(plus ^ minus), null=0.5, confidence=confidence
        ),
    )


def without_collapses(seeds: SeedEffects, collapses: CollapsedSeeds) -> SeedEffects:
    """The effects of the seeds in which neither arm collapsed; those that failed stay named."""
    # How a failed run would have been imputed does not matter: it is not among them.
    return replace(seeds.without(collapses.plus | collapses.minus), notes=())


def described_collapses(tested: Tested, mean: str) -> Collapses:
    """The facts for the ruling.

    Args:
        mean: which line of the rule applies to the mean of the other seeds.
    """
    found, collapse, effect = tested.collapses, tested.claim.decision.collapse, tested.claim.effect
    assert found is not None
    assert collapse is not None
    assert effect is not None
    n, confidence = len(found.seeds), found.alone.confidence
    bound = f"below {collapse.below:g}" if collapse.below is not None else ""
    if collapse.above is not None:
        bound = f"above {collapse.above:g}"
    pull: Side = "above" if collapse.above is not None else "below"
    plus, minus = (
        statistics.proportion(len(seeds), n, confidence=confidence)
        for seeds in (found.plus, found.minus)
    )
    return Collapses(
        plus=plus,
        minus=minus,
        variants=(_arm(effect.weighted, sign=1), _arm(effect.weighted, sign=-1)),
        bound=f"{effect.weighted[0].metric} {bound}",
        alone=found.alone,
        failed=len(tested.seeds.failed),
        mean=mean,
        pull=pull,
    )


def collapse_text(collapses: Collapses, evidence: Evidence) -> str:
    """What the first part shows, in words."""
    plus, minus = (repr(name) for name in collapses.variants)
    n = collapses.plus.checked
    failed = f", or failed as in {seeds_text(collapses.failed)}" if collapses.failed else ""
    shown = "shown" if evidence.shown else "not shown"
    only = collapses.alone
    alone = "; no seed collapsed in one of them alone"
    if only.checked:
        alone = (
            f"; {seeds_text(only.held)} in {plus} alone, {seeds_text(only.checked - only.held)} in "
            f"{minus} alone. That one collapses more often is {shown} ({evidence_text(evidence)})"
        )
    return (
        f"Collapsed ({collapses.bound}{failed}): {collapses.plus.held} of {n} seeds in {plus} "
        f"({_percents(collapses.plus.low, collapses.plus.high)}), {collapses.minus.held} of {n} in "
        f"{minus} ({_percents(collapses.minus.low, collapses.minus.high)}){alone}"
    )


def _percents(low: float, high: float) -> str:
    return f"{figure(100 * low)} to {figure(100 * high)} %"


def _arm(terms: list[Term], *, sign: int) -> str:
    """The variants of an arm."""
    return ", ".join(dict.fromkeys(term.variant for term in terms if term.weight * sign > 0))
