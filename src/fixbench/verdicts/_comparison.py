"""Several variants in one table: described, judged by no claim."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fixbench.ablation import Ablation, Comparison, Effect
from fixbench.statistics import EffectEstimate, estimate_effect, holm
from fixbench.verdicts._draws import measure
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import Note

__all__ = ["ComparisonRow", "ComparisonTable", "VariantLevel", "compare_variants"]


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """Variant less (log scale: over) reference; ``p_adjusted``: Holm within the table."""

    variant: str
    reference: str
    effect: EffectEstimate
    p_adjusted: float


@dataclass(frozen=True, kw_only=True)
class VariantLevel:
    """What one variant reaches: the mean over seeds, on the log scale the geometric mean.

    A level compares nothing: null and p of ``level`` mean nothing.
    """

    variant: str
    level: EffectEstimate


@dataclass(frozen=True, kw_only=True)
class ComparisonTable:
    """A comparison, measured.

    Attributes:
        levels: of the variants that are measured, each once; ``rows`` their pairs.
        left_out: variants of which there is no such measurement, as where the tier runs none.
        policy: what failed runs were replaced with, one sentence each.
    """

    comparison: Comparison
    levels: tuple[VariantLevel, ...]
    rows: tuple[ComparisonRow, ...]
    left_out: tuple[str, ...]
    policy: tuple[str, ...]


def compare_variants(
    ablation: Ablation, frame: pd.DataFrame, *, confidence: float = 0.95
) -> list[ComparisonTable]:
    """The tables that the ablation asks for, in its order.

    Raises:
        InputError: an effect cannot be read from the frame.
    """
    if not ablation.comparisons:
        return []
    results = measure(frame, {key: metric.better for key, metric in ablation.metrics.items()})
    return [
        _table(comparison, ablation.baseline_variant, results, confidence)
        for comparison in ablation.comparisons
    ]


def _table(
    comparison: Comparison, baseline: str, results: Measurements, confidence: float
) -> ComparisonTable:
    policy: dict[Note, None] = {}

    def estimate(effect: Effect) -> EffectEstimate:
        seeds = results.per_seed(effect, name=f"comparison {comparison.name!r}")
        policy.update(dict.fromkeys(seeds.notes))
        return estimate_effect(
            seeds.values, scale=effect.reported, confidence=confidence, failed=seeds.failed
        )

    declared = comparison.levels(baseline)
    levels = {
        variant: estimate(effect)
        for variant, effect in declared
        if all(map(results.measures, effect.terms))
    }
    pairs = {
        (variant, reference): estimate(effect)
        for variant, reference, effect in comparison.effects(baseline)
        if {variant, reference} <= levels.keys()
    }
    adjusted = holm({repr(pair): effect.p_value for pair, effect in pairs.items()})
    return ComparisonTable(
        comparison=comparison,
        levels=tuple(VariantLevel(variant=name, level=level) for name, level in levels.items()),
        rows=tuple(
            ComparisonRow(
                variant=pair[0], reference=pair[1], effect=effect, p_adjusted=adjusted[repr(pair)]
            )
            for pair, effect in pairs.items()
        ),
        left_out=tuple(variant for variant, _ in declared if variant not in levels),
        policy=tuple(note.text for note in policy),
    )
