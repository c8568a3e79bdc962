"""What is found beside the verdict on an effect: sensitivity checks, and seeds that look odd."""

from __future__ import annotations

import math

from fixbench.ablation import Ablation
from fixbench.reading import parse_seeds
from fixbench.statistics import EffectEstimate
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import (
    CompleteCase,
    ConstantSeeds,
    Note,
    OtherSeeds,
    TestsDisagree,
)
from fixbench.verdicts.rules import Tested

__all__ = ["beside", "complete_case", "constant_seeds", "other_seeds"]


def beside(tested: Tested, alpha: float) -> list[Note]:
    """How failed runs count, and whether other methods agree."""
    effect = tested.effect
    notes: list[Note] = [*tested.seeds.notes, *complete_case(effect, tested.unit)]
    if math.isnan(effect.p_value) or tested.proportion is not None:
        return notes
    notes += constant_seeds(effect, tested.unit)
    resampled = effect.p_bootstrap_t
    if not math.isnan(resampled) and (effect.p_value < alpha) != (resampled < alpha):
        notes.append(TestsDisagree(p=effect.p_value, p_bootstrap_t=resampled))
    return notes


def complete_case(effect: EffectEstimate, unit: str = "") -> list[Note]:
    """What the successful runs alone would have said, where some failed."""
    if not effect.n_failed or math.isnan(effect.complete_case):
        return []
    return [CompleteCase(n_failed=effect.n_failed, estimate=effect.complete_case, unit=unit)]


def constant_seeds(effect: EffectEstimate, unit: str = "") -> list[Note]:
    """Where an effect is the same in all seeds."""
    if effect.standard_deviation != 0 or effect.arms:
        return []
    return [ConstantSeeds(n=effect.n, estimate=effect.estimate, unit=unit)]


def other_seeds(ablation: Ablation, results: Measurements, tier: str) -> list[Note]:
    """Where the seeds are not those that the tier declares."""
    planned = [parse_seeds(plan.seeds) for name, plan in ablation.tiers.items() if name == tier]
    if not planned or set(planned[0]) == results.seeds:
        return []
    return [OtherSeeds(seeds=tuple(sorted(results.seeds)), tier=tier, planned=tuple(planned[0]))]
