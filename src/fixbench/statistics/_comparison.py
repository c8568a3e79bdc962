"""Several variants in one table: described, judged by no claim."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from fixbench.ablation import Ablation, Comparison
from fixbench.statistics._effects import Measurements
from fixbench.statistics._estimate import estimate_effect
from fixbench.statistics._multiplicity import holm
from fixbench.statistics._result import EffectEstimate

__all__ = ["ComparisonRow", "ComparisonTable", "compare_variants"]


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """Variant less (log scale: over) reference; ``p_adjusted``: Holm within the table."""

    variant: str
    reference: str
    effect: EffectEstimate
    p_adjusted: float


@dataclass(frozen=True, kw_only=True)
class ComparisonTable:
    """A comparison, measured.

    Attributes:
        left_out: variants of which there is no such measurement, as where the tier runs none.
        policy: what failed runs were replaced with, one sentence each.
    """

    comparison: Comparison
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
    results = Measurements(frame, {key: metric.better for key, metric in ablation.metrics.items()})
    tables = []
    for comparison in ablation.comparisons:
        found: dict[tuple[str, str], EffectEstimate] = {}
        left_out: dict[str, None] = {}
        policy: dict[str, None] = {}
        for variant, reference, effect in comparison.effects(ablation.baseline_variant):
            if absent := [term.variant for term in effect.terms if not results.measures(term)]:
                left_out |= dict.fromkeys(absent)
                continue
            seeds = results.per_seed(effect)
            policy |= dict.fromkeys(seeds.policy)
            found[variant, reference] = estimate_effect(
                seeds.values, scale=effect.reported, confidence=confidence, failed=seeds.failed
            )
        adjusted = holm({repr(pair): effect.p_value for pair, effect in found.items()})
        rows = [
            ComparisonRow(
                variant=pair[0],
                reference=pair[1],
                effect=effect,
                p_adjusted=adjusted[repr(pair)],
            )
            for pair, effect in found.items()
        ]
        tables.append(
            ComparisonTable(
                comparison=comparison,
                rows=tuple(rows),
                left_out=tuple(left_out),
                policy=tuple(policy),
            )
        )
    return tables
