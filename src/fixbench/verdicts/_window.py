"""Whether the whole interval of an effect lies between bounds, as controls and preconditions ask.

Where an effect is the same in all seeds, its interval is a point. It then decides only with so many
seeds that 2⁻ⁿ is no more than half of what the confidence leaves (six at 95 %), as the sign test
asks. Where runs failed, the interval with the failed seeds and that without them both must lie
between the bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fixbench.ablation import Effect
from fixbench.statistics import EffectEstimate, estimate_effect
from fixbench.verdicts._beside import complete_case, constant_seeds
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import About, Note, OutsideWithoutFailed, TooFewEqualSeeds

__all__ = ["Window", "measure_window"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """An effect beside its bounds.

    Attributes:
        within: the whole interval lies between the bounds; never where there are none.
    """

    effect: EffectEstimate
    within: bool
    notes: tuple[Note, ...]


def measure_window(
    effect: Effect,
    results: Measurements,
    *,
    claim: str,
    name: str,
    confidence: float,
    above: float | None,
    below: float | None,
) -> Window:
    """Measure an effect, and compare its interval with the bounds.

    Args:
        claim, name: whose effect it is, for notes and messages.
        above, below: an omitted bound is open. Without any, the effect decides nothing.

    Raises:
        InputError: as `Measurements.per_seed`.
    """
    decides = above is not None or below is not None
    seeds = results.per_seed(effect, name=f"claim {claim}, {name!r}", describes=not decides)
    found = estimate_effect(
        seeds.values, scale=effect.reported, confidence=confidence, failed=seeds.failed
    )
    notes: list[Note] = [*seeds.notes, *complete_case(found)]
    within = decides and _between(found, above, below)
    if decides:
        notes += constant_seeds(found)
        if not _enough(found):
            notes.append(TooFewEqualSeeds(fewest=_seeds_if_constant(confidence)))
    if within and seeds.failed:
        rest = (
            estimate_effect(seeds.complete, scale=effect.reported, confidence=confidence)
            if seeds.complete
            else None
        )
        if rest is None or not _between(rest, above, below):
            within = False
            notes.append(OutsideWithoutFailed())
    return Window(effect=found, within=within, notes=tuple(About(name, note) for note in notes))


def _between(effect: EffectEstimate, above: float | None, below: float | None) -> bool:
    """Never where there is no interval (NaN)."""
    if not _enough(effect):
        return False
    return (above is None or effect.low > above) and (below is None or effect.high < below)


def _enough(effect: EffectEstimate) -> bool:
    """Whether the seeds vary, or are as many as the sign test of equal ones needs."""
    return effect.standard_deviation != 0 or effect.n >= _seeds_if_constant(effect.confidence)


def _seeds_if_constant(confidence: float) -> int:
    return math.ceil(-math.log2((1 - confidence) / 2))
