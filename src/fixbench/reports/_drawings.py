"""Figures of a page, as figures for a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from fixbench.ablation import Ablation
from fixbench.reports import figures
from fixbench.reports._effects import effect_axis, effect_quantity
from fixbench.reports._metrics import metric_of, metric_words, printed_unit
from fixbench.reports._strips import claim_strip
from fixbench.reports.paper import JudgedAblation
from fixbench.reports.sections.curves import comparable_panels

__all__ = ["draw_curves_of", "draw_forest_of", "draw_strips_of"]


def draw_strips_of(judged: JudgedAblation, names: Mapping[str, str]) -> figures.Drawing:
    """Effects seed by seed, an axis each.

    Args:
        names: id of a claim that `is_drawn` → what it is called; claims without a name are left
            out.
    """
    items = _strips(judged, names, axes=True)
    return figures.drawing(judged.name, lambda: figures.draw_strips(items))


def draw_forest_of(judged: JudgedAblation, names: Mapping[str, str]) -> figures.Drawing:
    """Effects with their intervals below each other; arguments as of `draw_strips_of`."""
    items = _strips(judged, names, axes=False)
    return figures.drawing(judged.name, lambda: figures.draw_forest(items))


def _strips(judged: JudgedAblation, names: Mapping[str, str], *, axes: bool) -> list[figures.Strip]:
    quantity = effect_axis if axes else effect_quantity
    items = []
    for claim, result in judged.claims:
        if claim is None or claim.effect is None or result.id not in names:
            continue
        share = claim.decision.rule == "share"
        items.append(
            claim_strip(
                claim,
                result,
                f"{names[result.id]} ({result.verdict})",
                quantity="share of seeds" if share else quantity(claim.effect, judged.ablation),
                ablation=judged.ablation,
            )
        )
    return items


def draw_curves_of(
    ablation: Ablation,
    rows: pd.DataFrame,
    metric: str,
    *,
    labels: Mapping[str, str],
    stages: Sequence[str],
) -> figures.Drawing:
    """One metric over steps: mean over seeds with its 95 % t interval, and single seeds.

    Args:
        rows: of the metric, with ``variant``, ``seed``, ``stage``, ``step`` and ``value``, each
            finite; some of every variant that is to be shown.
        labels: variant → what it is called.
        stages: those to be shown, a panel or more each.
    """
    unit = printed_unit(metric_of(ablation, metric))
    better = metric_of(ablation, metric).better
    label = f"{metric_words(metric)} in {unit}" if unit else metric_words(metric)
    if better != "neither":
        label += f" ({better} is better)"
    panels = [
        replace(
            panel,
            stage=stage,
            title=" · ".join(filter(None, (stage if len(stages) > 1 else "", panel.title))),
            arms=[labels[arm] for arm in panel.arms],
        )
        for stage in stages
        for panel in comparable_panels(ablation, rows)
    ]
    named = rows.assign(variant=rows["variant"].map(labels))
    baseline = labels[ablation.baseline_variant]
    return figures.drawing(
        metric, lambda: figures.draw_curves(named, panels, label=label, baseline=baseline)[0]
    )
