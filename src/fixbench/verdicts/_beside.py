"""What is found beside the verdict on an effect: sensitivity checks, and seeds that look odd."""

from __future__ import annotations

import math

import numpy as np

from fixbench.ablation import Ablation
from fixbench.reading import parse_seeds
from fixbench.statistics import (
    SKEWED,
    EffectEstimate,
    reachable,
    scaled,
    standardised_skewness,
)
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import (
    CompleteCase,
    ConstantSeeds,
    Note,
    OtherSeeds,
    SignFlipFloor,
    TestsDisagree,
)
from fixbench.verdicts._ruling import Skewness
from fixbench.verdicts.rules import Tested

__all__ = ["beside", "complete_case", "constant_seeds", "other_seeds", "skewness"]


def beside(tested: Tested, alpha: float) -> list[Note]:
    """How failed runs count, and whether other methods agree."""
    effect = tested.effect
    notes: list[Note] = [*tested.seeds.notes, *complete_case(effect, tested.unit)]
    if math.isnan(effect.p_value) or tested.proportion is not None:
        return notes
    notes += constant_seeds(effect, tested.unit)
    if not reachable(effect.n, 1, alpha).possible:
        notes.append(SignFlipFloor(n=effect.n, alpha=alpha))
    elif (effect.p_value < alpha) != (effect.p_sign_flip < alpha):
        notes.append(TestsDisagree(p=effect.p_value, p_sign_flip=effect.p_sign_flip))
    return notes


def complete_case(effect: EffectEstimate, unit: str = "") -> list[Note]:
    """What the successful runs alone would have said, where some failed."""
    if not effect.n_failed or math.isnan(effect.complete_case):
        return []
    return [CompleteCase(n_failed=effect.n_failed, estimate=effect.complete_case, unit=unit)]


def constant_seeds(effect: EffectEstimate, unit: str = "") -> list[Note]:
    """Where an effect is the same in all seeds."""
    if effect.standard_deviation != 0:
        return []
    return [ConstantSeeds(n=effect.n, estimate=effect.estimate, unit=unit)]


def skewness(tested: Tested) -> Skewness | None:
    """Where the seeds are so skewed that p and interval promise too much; not of an exact test."""
    if tested.proportion is not None:
        return None
    seeds, values = zip(*tested.seeds.values.items(), strict=True)
    value = float(standardised_skewness(np.array(values)[None])[0])
    if not abs(value) > SKEWED:
        return None
    squares = scaled((np.array(values) - np.mean(values))[None])[0][0] ** 2
    return Skewness(
        value=value,
        seed=int(seeds[squares.argmax()]),
        share=float(squares.max() / squares.sum()),
    )


def other_seeds(ablation: Ablation, results: Measurements, tier: str) -> list[Note]:
    """Where the seeds are not those that the tier declares."""
    planned = [parse_seeds(plan.seeds) for name, plan in ablation.tiers.items() if name == tier]
    if not planned or set(planned[0]) == results.seeds:
        return []
    return [OtherSeeds(seeds=tuple(sorted(results.seeds)), tier=tier, planned=tuple(planned[0]))]
