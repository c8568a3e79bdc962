"""Effects of variants whose runs are no pairs: each variant is an arm of its own.

What a run adds to the effect is the weighted sum of its variant's terms. Seeds need not be the same
in the arms. Failed runs count as `fixbench.verdicts._failures` says, as far as that has a meaning
without pairs: a failed run has the worst value of the successful runs of the effect's variants;
where neither direction of the metric is better, it has the value at which the arms differ by the
null. Where all runs of a variant are copies of one, they count as one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fixbench import statistics
from fixbench.ablation import Ablation, Claim, Effect
from fixbench.verdicts._measurements import Measurements, SeedEffects
from fixbench.verdicts._notes import (
    ConstantArms,
    FailedAsNull,
    FailedAsWorst,
    FailedOnBothSides,
    FailedUnpaired,
    NoPairs,
    Note,
)

if TYPE_CHECKING:
    from fixbench.statistics import EffectEstimate

__all__ = ["UnpairedSeeds", "compare_arms"]

# Correlations of fewer common seeds say nothing.
_FEWEST_COMMON = 3


@dataclass(frozen=True, kw_only=True)
class UnpairedSeeds(SeedEffects):
    """What is left of "seed by seed" without pairs: no values, and the mean of the contrast.

    Attributes:
        contrast: the sum of the means of the arms, analysis scale.
        samples: the runs of each arm, likewise.
    """

    contrast: float
    samples: Sequence[Sequence[float]]

    @property
    def mean(self) -> float:
        return self.contrast


def compare_arms(
    ablation: Ablation, claim: Claim, results: Measurements, *, confidence: float
) -> tuple[UnpairedSeeds, EffectEstimate]:
    """The effect of a claim, its variants compared as independent samples.

    Raises:
        InputError: as `Measurements.per_seed` of one variant.
    """
    effect, decision = claim.effect, claim.decision
    assert effect is not None
    scale = effect.reported
    null = statistics.default_null(scale) if decision.null is None else decision.null
    origin = statistics.to_analysis(null, scale)
    found = {
        variant: results.per_seed(
            Effect(
                terms=[term for term in effect.weighted if term.variant == variant],
                scale=effect.scale,
            ),
            name=f"claim {claim.id}",
        )
        for variant in dict.fromkeys(term.variant for term in effect.weighted)
    }
    values, notes = _imputed(ablation, effect, found, origin)
    for seeds in found.values():
        own = (FailedAsWorst, FailedAsNull, FailedOnBothSides)
        notes += [note for note in seeds.notes if not isinstance(note, own) and note not in notes]
    estimate = statistics.estimate_unpaired(
        values,
        scale=scale,
        null=null,
        confidence=confidence,
        failed={name: len(seeds.failed & set(seeds.values)) for name, seeds in found.items()},
        complete={name: list(seeds.complete.values()) for name, seeds in found.items()},
    )
    notes.append(_no_pairs(found))
    if estimate.standard_deviation == 0 and not math.isnan(estimate.p_value):
        notes.append(ConstantArms(sizes=tuple(map(len, values.values()))))
    every = list(values.values())
    return (
        UnpairedSeeds(
            values={},
            failed=frozenset().union(*(seeds.failed for seeds in found.values())),
            failed_runs=sum(seeds.failed_runs for seeds in found.values()),
            notes=tuple(notes),
            undefined=frozenset().union(*(seeds.undefined for seeds in found.values())),
            contrast=statistics.welch(every).mean,
            samples=every,
        ),
        estimate,
    )


def _imputed(
    ablation: Ablation, effect: Effect, found: Mapping[str, SeedEffects], origin: float
) -> tuple[dict[str, list[float]], list[Note]]:
    """What the runs of each arm add to the effect, failed ones at the value that policy gives."""
    values = {name: list(seeds.values.values()) for name, seeds in found.items()}
    failing = [name for name, seeds in found.items() if seeds.failed & set(seeds.values)]
    complete = {name: list(seeds.complete.values()) for name, seeds in found.items()}
    if not failing or not all(complete.values()):
        return values, []
    terms = {term.variant: term for term in effect.weighted}
    read = {(term.metric, term.stage, term.at) for term in effect.weighted}
    plain = len(terms) == len(effect.weighted) and len(read) == 1
    if not plain or not all(term.weight for term in terms.values()):
        # Several numbers of a run: its sum is imputed within its variant.
        return values, [FailedUnpaired(neutral=False)]
    better = ablation.metrics[next(iter(read))[0]].better
    pool = [value / terms[name].weight for name in complete for value in complete[name]]
    means = {name: float(np.mean(values)) for name, values in complete.items()}
    for name in failing:
        if better == "neither":
            instead = origin - math.fsum(means[other] for other in means if other != name)
        else:
            instead = terms[name].weight * (min(pool) if better == "higher" else max(pool))
        values[name] = [
            instead if seed in found[name].failed else value
            for seed, value in found[name].values.items()
        ]
    return values, [FailedUnpaired(neutral=better == "neither")]


def _no_pairs(found: Mapping[str, SeedEffects]) -> NoPairs:
    """How the arms were compared, and what pairs would have gained as far as that is known."""
    sizes = {name: len(seeds.values) for name, seeds in found.items()}
    common: list[int] = []
    correlation = gain = math.nan
    if len(found) == 2:
        a, b = (seeds.complete for seeds in found.values())
        common = sorted(a.keys() & b.keys())
        if len(common) >= _FEWEST_COMMON:
            # Of a difference: the second arm counts with its minus.
            pairs = statistics.pairing([a[s] for s in common], [-b[s] for s in common])
            correlation, gain = pairs.correlation, pairs.gain
    return NoPairs(
        sizes=tuple(sizes.items()), common=len(common), correlation=correlation, gain=gain
    )
