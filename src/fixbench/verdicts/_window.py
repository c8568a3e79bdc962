"""On which side of its bounds an effect lies, as controls and preconditions ask: three answers.

*Inside* and *outside* are shown by the tests of `fixbench.statistics.inside` and ``outside``, which
agree with the interval; what neither shows is *open*. Where an effect is the same in all seeds, p
is that of the sign test, which decides only from six seeds on (at 95 %). Without a number, as where
a variant has no successful run, everything is open.

Failed runs never help. To show either side, the effect with the failed seeds imputed and that
without them both must show it, *outside* on the same side. To show *outside*, so must the effect in
which every failed seed has the value, of those without a failure, that speaks most for *inside*.
What failures alone keep open, no number of seeds is promised to decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from fixbench import statistics
from fixbench.ablation import Effect
from fixbench.statistics import EffectEstimate, estimate_effect, to_analysis
from fixbench.verdicts._beside import complete_case, constant_seeds
from fixbench.verdicts._measurements import Measurements, SeedEffects
from fixbench.verdicts._notes import About, Note, OpenByFailures, TooFewEqualSeeds

__all__ = ["Place", "Window", "measure_window"]

Place = Literal["inside", "outside", "open"]


@dataclass(frozen=True, kw_only=True)
class Window:
    """An effect beside its bounds.

    Attributes:
        p_inside, p_outside: NaN where there are no bounds, or nothing to test; not adjusted.
        mean, deviation, low, high: of the effects of seeds, and the bounds, analysis scale.
        open_by_failures: the imputed effect alone would show a side.
    """

    effect: EffectEstimate
    p_inside: float
    p_outside: float
    mean: float
    deviation: float
    low: float
    high: float
    notes: tuple[Note, ...]
    open_by_failures: bool = False

    @property
    def decides(self) -> bool:
        """Whether there is a bound."""
        return math.isfinite(self.low) or math.isfinite(self.high)

    def place(self, p_inside: float) -> Place:
        """Where the effect is shown to lie.

        Args:
            p_inside: adjusted where several windows of a claim are looked at. That all of them
                are shown to lie on one side needs no adjustment.
        """
        alpha = 1 - self.effect.confidence
        if p_inside < alpha:
            return "inside"
        return "outside" if self.p_outside < alpha else "open"

    def seeds_needed(self, factor: float = 1.0) -> int | None:
        """Seeds that would decide it, were the effect as observed, with 80 % power.

        Args:
            factor: what p is multiplied by, where several windows are adjusted for.
        """
        if self.open_by_failures:
            return None
        alpha = 1 - self.effect.confidence
        within = self.low < self.mean < self.high
        return statistics.seeds_for_window(
            self.mean,
            self.deviation,
            low=self.low,
            high=self.high,
            alpha=alpha / factor if within else alpha,
        )


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
    """Measure an effect, and test on which side of its bounds it lies.

    Args:
        claim, name: whose effect it is, for notes and messages.
        above, below: natural scale; an omitted bound is open. Without any, the effect decides
            nothing.

    Raises:
        InputError: as `Measurements.per_seed`.
    """
    decides = above is not None or below is not None
    seeds = results.per_seed(effect, name=f"claim {claim}, {name!r}", describes=not decides)
    found = estimate_effect(
        seeds.values, scale=effect.reported, confidence=confidence, failed=seeds.failed
    )
    low = -math.inf if above is None else to_analysis(above, effect.reported)
    high = math.inf if below is None else to_analysis(below, effect.reported)
    notes: list[Note] = [*seeds.notes, *complete_case(found)]
    p_inside = p_outside = math.nan
    open_by_failures = False
    if decides and not math.isnan(found.estimate):
        notes += constant_seeds(found)
        if found.standard_deviation == 0 and found.n < _seeds_if_constant(confidence):
            notes.append(TooFewEqualSeeds(fewest=_seeds_if_constant(confidence)))
        samples = _samples(seeds, low, high)
        p_inside = _largest(statistics.inside, samples[:2], low, high)
        # Samples that lie on different sides do not agree that the effect is outside.
        p_outside = min(
            _largest(statistics.outside, samples, *side)
            for side in ((low, math.inf), (-math.inf, high))
            if side != (-math.inf, math.inf)
        )
        alone = [
            test(samples[0], low=low, high=high) for test in (statistics.inside, statistics.outside)
        ]
        alpha = 1 - confidence
        open_by_failures = min(alone) < alpha and not min(p_inside, p_outside) < alpha
        if open_by_failures:
            notes.append(OpenByFailures())
    return Window(
        effect=found,
        p_inside=p_inside,
        p_outside=p_outside,
        mean=seeds.mean,
        deviation=found.standard_deviation,
        low=low,
        high=high,
        notes=tuple(About(name, note) for note in notes),
        open_by_failures=open_by_failures,
    )


def _samples(seeds: SeedEffects, low: float, high: float) -> list[list[float]]:
    """The effects of seeds: imputed; without failed seeds; failed seeds towards the inside."""
    samples = [list(seeds.values.values())]
    if not seeds.failed:
        return samples
    rest = seeds.complete
    samples.append(list(rest.values()))
    if rest:
        inward = [max(rest.values())] if math.isfinite(low) else []
        inward += [min(rest.values())] if math.isfinite(high) else []
        samples += [_replaced(seeds.values, seeds.failed, value) for value in inward]
    return samples


def _replaced(values: Mapping[int, float], failed: frozenset[int], value: float) -> list[float]:
    return [value if seed in failed else own for seed, own in values.items()]


def _largest(
    test: Callable[..., float], samples: list[list[float]], low: float, high: float
) -> float:
    """The largest p; 1 where too few seeds are left to test."""
    found = [test(sample, low=low, high=high) if sample else math.nan for sample in samples]
    return max(1.0 if math.isnan(p) else p for p in found)


def _seeds_if_constant(confidence: float) -> int:
    return math.ceil(-math.log2((1 - confidence) / 2))
