"""Other methods, other counts of failures, and noise, beside the effect of a claim."""

from __future__ import annotations

from fixbench.ablation import Claim
from fixbench.reports._determinism import noise_floor
from fixbench.reports._format import counted, interval, number, p_value, percentage
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult, EffectEstimate, Proportion
from fixbench.reports._views import Fact

__all__ = ["noise_floors", "sensitivity", "worst_errors"]


def sensitivity(claim: Claim, result: ClaimResult) -> list[Fact]:
    """What other methods say of the same effect; nothing where nothing was measured."""
    effect = result.effect
    if result.proportion is not None:
        return _proportion_facts(claim, result.proportion, result)
    if effect is None or claim.decision.rule == "property":
        return []
    shown = "Non-inferiority" if claim.decision.rule == "not_worse" else "Equivalence"
    scale = " of the log effect" if effect.scale == "log" else ""
    facts = [
        *_collapsed(result),
        *_other_method(effect),
        *_clustered(effect),
        *_looks(result),
        ("Without failed seeds", number(effect.complete_case)),
        (f"Standard deviation over seeds{scale}", number(effect.standard_deviation)),
        ("Standardised effect (Hedges)", number(effect.standardised, 3)),
        (
            f"{shown} p, raw / Holm",
            f"{p_value(result.p_equivalence)} / {p_value(result.p_equivalence_adjusted)}",
        ),
    ]
    return facts + _seeds_needed(result)


def _other_method(effect: EffectEstimate) -> list[Fact]:
    if effect.arms:
        sizes = ", ".join(f"{arm.variant}: {arm.n}" for arm in effect.arms)
        freedom = number(effect.degrees_of_freedom, 3)
        return [("Runs without pairs", sizes), ("Degrees of freedom (Welch)", freedom)]
    return [
        ("Bootstrap-t p", p_value(effect.p_bootstrap_t)),
        (
            f"Bootstrap-t {number(100 * effect.confidence, 3)} % interval",
            interval(effect.estimate, effect.bootstrap_low, effect.bootstrap_high)[1],
        ),
    ]


def _collapsed(result: ClaimResult) -> list[Fact]:
    """How many seeds collapsed, of a claim that counts them apart."""
    found = None if result.ruling is None else result.ruling.collapses
    if found is None:
        return []
    facts = [
        (
            f"Seeds in which {arm} collapsed",
            f"{share.held} of {share.checked} "
            f"{interval(share.share, share.low, share.high)[1]} (exact)",
        )
        for arm, share in zip(found.variants, (found.plus, found.minus), strict=True)
    ]
    plus, minus = found.alone.held, found.alone.checked - found.alone.held
    p = f"exact McNemar p {p_value(found.alone.p_value)}"
    first, second = found.variants
    return [*facts, (f"{first} alone, {second} alone", f"{plus}, {minus} ({p})")]


def worst_errors(result: ClaimResult) -> list[Fact]:
    """How often what the verdict says of means is wrong at the worst shapes of seeds."""
    if not result.worst:
        return []
    sizes = {"blocks of 5" if item.n is None else f"n = {item.n}" for item in result.worst}
    rates = [
        f"{item.said}: {percentage(item.rate)} ({item.shape}"
        + (f", n = {item.n})" if len(sizes) > 1 else ")")
        for item in result.worst
    ]
    at = f", calibrated at {sizes.pop()}" if len(sizes) == 1 else ""
    return [
        (
            f"Errs at worst, were seeds skewed or collapsing{at}",
            "; ".join(rates),
        )
    ]


def noise_floors(inputs: Inputs, claim: Claim, result: ClaimResult) -> list[Fact]:
    """How far a repetition alone moves the effect, where that was measured."""
    if inputs.determinism is None or claim.effect is None or result.effect is None:
        return []
    return [noise_floor(claim.effect, inputs.ablation, inputs.determinism)]


def _clustered(effect: EffectEstimate) -> list[Fact]:
    found = effect.clustered
    if found is None:
        return []
    count = counted(found.most, "sample")
    if found.fewest < found.most:
        count = f"{found.fewest} to {count}"
    kind = "the same in all seeds" if found.crossed else "different in each seed"
    percent = number(100 * effect.confidence, 3)
    return [
        (
            f"{percent} % interval over seeds and samples ({count}, {kind}; bootstrap)",
            interval(effect.estimate, found.low, found.high)[1],
        )
    ]


def _proportion_facts(claim: Claim, found: Proportion, result: ClaimResult) -> list[Fact]:
    effect = result.effect
    counts = "" if claim.decision.direction == "less" else "not "
    policy = f" (failed seeds count as {counts}held)" if effect and effect.n_failed else ""
    facts = [
        ("Seeds in which every measurement held", f"{found.held} of {found.checked}{policy}"),
        (
            f"Exact {number(100 * found.confidence, 3)} % interval of their share",
            interval(found.share, found.low, found.high)[1],
        ),
    ]
    if claim.decision.rule == "share" and effect is not None:
        facts.append(("Without failed seeds", number(effect.complete_case)))
    return [*facts, *_looks(result), *_seeds_needed(result)]


def _looks(result: ClaimResult) -> list[Fact]:
    if result.looks is None:
        return []
    return [
        (f"{kind.capitalize()}: p at each look", ", ".join(p_value(p) for p in values))
        for kind, values in result.looks.p_values.items()
    ]


def _seeds_needed(result: ClaimResult) -> list[Fact]:
    if result.seeds_needed is None:
        return []
    paired = result.effect is None or not result.effect.arms
    who = "Paired seeds" if paired else "Runs of each variant"
    label = f"{who} that would settle the claim if the effect is as observed"
    return [(label, str(result.seeds_needed))]
