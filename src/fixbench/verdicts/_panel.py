"""What those who judge replications ask of a claim, beside its verdict; it decides nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Ablation, Claim, Effect, Term
from fixbench.statistics import Aggregate, EffectEstimate, Pairing, Superiority
from fixbench.verdicts._family import first_parts
from fixbench.verdicts.rules import TestedRule, load_rule

if TYPE_CHECKING:
    from fixbench.verdicts._measurements import Measurements

__all__ = ["ReplicationPanel", "replication_panel"]


@dataclass(frozen=True, kw_only=True)
class ReplicationPanel:
    """A replication judged in several ways; ``None`` where one does not apply.

    Attributes:
        documented_in_interval: whether the documented value lies in the confidence interval of the
            mean; ``None`` where there is no such value, or none on this scale.
        prediction_low, prediction_high: where the effect of one more run lies, natural scale, with
            the confidence of the interval.
        documented_in_prediction: whether the documented value lies there. A documented figure is
            that of a single run, so this is the fairer question.
        minimum_effect_p: p against "the effect, in the documented direction, is at most the
            margin", by Student's t, adjusted for nothing.
        superiority: P(A > B) over all pairs of runs, of a contrast of two variants on one metric,
            A being the one with the positive weight; runs that failed are left out.
            paired_superiority: over runs with the same seed.
        pairing: what pairing by seed gained in this contrast.
        sceptical_p: one-sided, with the golden level (`fixbench.statistics.sceptical_p`), where
            the document's figure has a standard error.
        interquartile: of a contrast of the same two variants over several tasks (metrics, stages
            or steps) of equal weight: the interquartile mean of the difference A - B over seeds
            and tasks, on the natural scale; ``tasks`` is their number.
        holm_m: by how many claims Holm adjusts p of a difference; holm_m_within: p of absence.
            ``None`` outside the family.
    """

    documented_in_interval: bool | None = None
    prediction_low: float | None = None
    prediction_high: float | None = None
    documented_in_prediction: bool | None = None
    minimum_effect_p: float | None = None
    superiority: Superiority | None = None
    paired_superiority: Superiority | None = None
    pairing: Pairing | None = None
    sceptical_p: float | None = None
    interquartile: Aggregate | None = None
    tasks: int | None = None
    holm_m: int | None = None
    holm_m_within: int | None = None


def replication_panel(
    ablation: Ablation,
    claim: Claim,
    effect: EffectEstimate | None,
    results: Measurements,
    family: Sequence[str],
) -> ReplicationPanel | None:
    """The panel of a judged claim; ``None`` where no effect was measured, or no mean was tested.

    Args:
        effect: of the claim, as judged.
        family: the claims that p is adjusted for.
    """
    if claim.effect is None or effect is None or math.isnan(effect.estimate):
        return None
    rule = load_rule(claim.decision.rule)
    if not isinstance(rule, TestedRule) or not rule.of_means:
        return None  # a share of seeds, or an exact property, is no mean of runs
    if effect.arms:
        return _of_arms(ablation, claim, effect, results, family)
    values = _analysed(effect)
    prediction = _prediction(effect, values)
    documented = _comparable(claim, effect)
    arms = _arms(claim.effect, results)
    tasks, interquartile = _over_tasks(claim.effect, effect, results)
    different, within = _family_sizes(ablation, claim, family)
    return ReplicationPanel(
        documented_in_interval=_inside(documented, (effect.low, effect.high)),
        prediction_low=prediction[0],
        prediction_high=prediction[1],
        documented_in_prediction=_inside(documented, prediction),
        minimum_effect_p=_minimum_effect(claim, effect, values),
        superiority=arms and statistics.superiority(*arms, confidence=effect.confidence),
        paired_superiority=arms
        and statistics.paired_superiority(*arms, confidence=effect.confidence),
        pairing=arms and statistics.pairing(*arms),
        sceptical_p=_sceptical(claim, effect, values),
        interquartile=interquartile,
        tasks=tasks,
        holm_m=different,
        holm_m_within=within,
    )


def _of_arms(
    ablation: Ablation,
    claim: Claim,
    effect: EffectEstimate,
    results: Measurements,
    family: Sequence[str],
) -> ReplicationPanel:
    """What has a meaning where runs are no pairs."""
    assert claim.effect is not None
    found = _contrasts(claim.effect)
    superiority = None
    if found is not None and len(found[2]) == 1:
        a, b = (list(_level(term, claim.effect, results).values()) for term in found[2][0])
        if a and b:
            superiority = statistics.superiority(a, b, confidence=effect.confidence)
    different, within = _family_sizes(ablation, claim, family)
    return ReplicationPanel(
        documented_in_interval=_inside(_comparable(claim, effect), (effect.low, effect.high)),
        superiority=superiority,
        holm_m=different,
        holm_m_within=within,
    )


def _analysed(effect: EffectEstimate) -> list[float]:
    """The effects of seeds on the scale on which they are tested."""
    values = effect.per_seed.values()
    if effect.scale == "log" and min(values) <= 0:  # the ratio is too small for a number
        return [math.nan] * len(values)
    return [statistics.to_analysis(value, effect.scale) for value in values]


def _prediction(
    effect: EffectEstimate, values: Sequence[float]
) -> tuple[float, float] | tuple[None, None]:
    low, high = statistics.prediction_interval(values, confidence=effect.confidence)
    if math.isnan(low):
        return None, None
    return statistics.to_natural(low, effect.scale), statistics.to_natural(high, effect.scale)


def _comparable(claim: Claim, effect: EffectEstimate) -> float | None:
    value = claim.documented.value
    if value is None or (effect.scale == "log" and value <= 0):
        return None
    return value


def _inside(value: float | None, interval: tuple[float, float] | tuple[None, None]) -> bool | None:
    low, high = interval
    if value is None or low is None or high is None or math.isnan(low) or math.isnan(high):
        return None
    return low <= value <= high


def _minimum_effect(claim: Claim, effect: EffectEstimate, values: Sequence[float]) -> float | None:
    if claim.decision.margin is None:
        return None
    origin = statistics.to_analysis(effect.null, effect.scale)
    _, edge = statistics.equivalence_bounds(effect.null, claim.decision.margin, effect.scale)
    # Bounds are symmetric about the null on the analysis scale.
    p = statistics.minimum_effect_p(
        values, margin=edge - origin, null=origin, direction=claim.decision.direction
    )
    return None if math.isnan(p) else p


def _sceptical(claim: Claim, effect: EffectEstimate, values: Sequence[float]) -> float | None:
    value, error = _comparable(claim, effect), claim.documented.error
    n = len(values)
    if value is None or error is None or n < 2 or math.isnan(values[0]):
        return None
    if statistics.is_constant(values):
        return None
    origin = statistics.to_analysis(effect.null, effect.scale)
    # The error of a logarithm, to first order, is the error over the value.
    analysed = error / value if effect.scale == "log" else error
    return statistics.sceptical_p(
        statistics.to_analysis(value, effect.scale) - origin,
        analysed,
        statistics.to_analysis(effect.estimate, effect.scale) - origin,
        effect.standard_deviation / math.sqrt(n),
        degrees_of_freedom=n - 1,
    )


def _contrasts(effect: Effect) -> tuple[str, str, list[tuple[Term, Term]]] | None:
    """Two variants, A with positive weight, and their terms task by task; ``None`` if no contrast.

    Every task must have the same weight, since nothing else is an average of contrasts.
    """
    if effect.slope is not None:
        return None
    terms = effect.weighted
    above = {(term.metric, term.stage, term.at): term for term in terms if term.weight > 0}
    below = {(term.metric, term.stage, term.at): term for term in terms if term.weight < 0}
    first = {term.variant for term in above.values()}
    second = {term.variant for term in below.values()}
    weights = {abs(term.weight) for term in terms}
    if (
        len(above) + len(below) != len(terms)
        or above.keys() != below.keys()
        or len(first) != 1
        or len(second) != 1
        or first == second
        or max(weights) - min(weights) > 1e-12 * max(weights)
    ):
        return None
    return first.pop(), second.pop(), [(above[key], below[key]) for key in above]


def _arms(effect: Effect, results: Measurements) -> tuple[list[float], list[float]] | None:
    """The values of the two arms in seeds where neither failed; ``None`` if no contrast."""
    found = _contrasts(effect)
    if found is None or len(found[2]) != 1:
        return None
    a, b = (_level(term, effect, results) for term in found[2][0])
    seeds = sorted(a.keys() & b.keys())
    return ([a[seed] for seed in seeds], [b[seed] for seed in seeds]) if seeds else None


def _level(term: Term, effect: Effect, results: Measurements) -> dict[int, float]:
    """Seed → the term's value on the analysis scale, of runs that did not fail."""
    alone = Effect(
        terms=[term.model_copy(update={"weight": 1.0})], scale=effect.scale, samples=effect.samples
    )
    seeds = results.per_seed(alone, describes=True).complete
    return {seed: value for seed, value in seeds.items() if math.isfinite(value)}


def _over_tasks(
    effect: Effect, estimate: EffectEstimate, results: Measurements
) -> tuple[int | None, Aggregate | None]:
    found = _contrasts(effect)
    if found is None or len(found[2]) < 2:
        return None, None
    columns = []
    for pair in found[2]:
        a, b = (_level(term, effect, results) for term in pair)
        columns.append({seed: a[seed] - b[seed] for seed in a.keys() & b.keys()})
    seeds = sorted(set.intersection(*(set(column) for column in columns)))
    if len(seeds) < 2:
        return None, None
    table = [[column[seed] for column in columns] for seed in seeds]
    middle = statistics.interquartile_mean(table, confidence=estimate.confidence)
    return len(columns), Aggregate(
        value=statistics.to_natural(middle.value, effect.scale),
        low=statistics.to_natural(middle.low, effect.scale),
        high=statistics.to_natural(middle.high, effect.scale),
    )


def _family_sizes(
    ablation: Ablation, claim: Claim, family: Sequence[str]
) -> tuple[int | None, int | None]:
    """Holm's m for a difference and for absence; a rule without the second is not counted there."""
    if claim.id not in family:
        return None, None
    rules = {other.id: load_rule(other.decision.rule) for other in ablation.claims}
    without = {
        key for key, rule in rules.items() if isinstance(rule, TestedRule) and rule.within is None
    }
    if claim.id in without:
        return len(family), None
    return len(family), len([key for key in first_parts(family) if key not in without])
