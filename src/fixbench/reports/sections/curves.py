"""Metrics over steps: each loss, and each metric that the ablation asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from fixbench.ablation import Ablation, Metric
from fixbench.reports import figures
from fixbench.reports._format import counted
from fixbench.reports._inputs import Inputs
from fixbench.reports._metrics import (
    declared_metrics,
    metric_label,
    metric_of,
    metric_words,
    printed_unit,
)
from fixbench.reports._readings import steps_are_readings
from fixbench.reports._views import FigureView
from fixbench.reports.sections._section import Block, BlockSection, Paragraph, Picture
from fixbench.results import DATA_SEED

__all__ = ["MAXIMUM_PANELS", "build", "comparable_panels"]

#: Panels of one metric at most: more are not looked at, and a page would weigh megabytes.
MAXIMUM_PANELS = 4


def build(inputs: Inputs) -> BlockSection | None:
    """The section, which LaTeX leaves out; ``None`` where no curve is drawn."""
    views, left_out = _curves(inputs)
    if not views:
        return None
    blocks: list[Block] = [Picture(figure=view) for view in views]
    if left_out:
        blocks.append(Paragraph(text=left_out, soft=True))
    return BlockSection(
        id="curves",
        heading="Curves",
        navigation="Curves",
        formats=("html", "typ"),
        blocks=blocks,
    )


def _curves(inputs: Inputs) -> tuple[list[FigureView], str]:
    """A figure a metric, and a sentence on those whose steps are in no order."""
    ablation = inputs.ablation
    declared = declared_metrics(ablation, inputs.frame["metric"].unique())
    metrics = [name for name in declared if "loss" in name or name in ablation.curves]
    rows, drawn = _rows_with_curves(inputs, metrics)
    unordered = [
        stage for stage in rows["stage"].unique() if steps_are_readings(ablation, str(stage))
    ]
    left_out = rows[rows["stage"].isin(unordered)]
    rows = rows[~rows["stage"].isin(unordered)]
    groups = comparable_panels(ablation, rows)
    views = []
    for metric in metrics:
        part = rows[rows["metric"] == metric]
        panels = [
            replace(panel, stage=str(stage), title=" · ".join(filter(None, (stage, panel.title))))
            for stage in part["stage"].unique()
            for panel in groups
            if any((metric, stage, arm) in drawn for arm in panel.arms)
        ]
        if not panels:
            continue
        more = len(panels) - MAXIMUM_PANELS
        panels = panels[:MAXIMUM_PANELS]
        label = _label(metric_of(ablation, metric), metric)
        if DATA_SEED in inputs.frame:
            label += ", mean over data draws"
        svg, block = figures.curves(
            f"{inputs.name}-{metric}", part, panels, label=label, baseline=ablation.baseline_variant
        )
        said = metric_label(ablation, [metric])
        views.append(_view(f"{said}: {label}", part, svg, block, panels, more))
    cells = left_out[["metric", "stage"]].drop_duplicates().itertuples(index=False)
    text = "; ".join(f"{metric} in {stage}" for metric, stage in cells)
    if text:
        text = f"Not drawn, because the claims treat these steps as readings in no order: {text}."
    return views, text


def _label(metric: Metric, name: str) -> str:
    """The metric in words, its unit, and which side is better."""
    unit = printed_unit(metric)
    words = f"{metric_words(name)} in {unit}" if unit else metric_words(name)
    return words if metric.better == "neither" else f"{words} ({metric.better} is better)"


def _rows_with_curves(
    inputs: Inputs, metrics: Sequence[str]
) -> tuple[pd.DataFrame, set[tuple[str, str, str]]]:
    """Rows of variants that claims compare, and the metrics, stages and variants with a curve."""
    named = _compared(inputs.ablation)
    frame = inputs.frame
    rows = frame[(frame["status"] == "ok") & frame["variant"].isin(named)]
    rows = rows[rows["metric"].isin(metrics)]
    if DATA_SEED in rows:  # a seed's curve is its mean over data draws, as its effect is
        run = ["metric", "stage", "variant", "seed", "step"]
        rows = rows.groupby(run, sort=False, as_index=False)["value"].mean()
    steps = rows.groupby(["metric", "stage", "variant", "seed"], sort=False)["step"].nunique()
    # A metric that is measured once a run has no curve, whatever the step.
    most = steps.groupby(["metric", "stage", "variant"], sort=False).max()
    drawn = set(most[most > 1].index)
    stages = {(metric, stage) for metric, stage, _ in drawn}
    pairs = pd.MultiIndex.from_frame(rows[["metric", "stage"]])
    return rows[pairs.isin(stages)], drawn


def _compared(ablation: Ablation) -> set[str]:
    """The baseline, and the variants that the effects of claims name; not those of controls."""
    named = {
        term.variant
        for claim in ablation.claims
        if claim.effect is not None
        for term in claim.effect.weighted
    }
    return {ablation.baseline_variant, *named}


def comparable_panels(ablation: Ablation, rows: pd.DataFrame) -> list[figures.Panel]:
    """The arms that belong in one panel, whatever the stage.

    Curves compare where they begin with the same weights and run for about as long: arms are
    grouped by the variant they start from, then by length, within a factor of two. A group too
    large for one panel is split into equal parts, which all show the baseline if it is among them.
    """
    last = rows.groupby(["stage", "variant"])["step"].max() + 1
    relative = last / last.groupby("stage").transform("max")
    # An arm need not run every stage: how long it is, is said by the one in which it is longest.
    length = relative.groupby("variant").max().to_dict()
    order = [arm for arm in ablation.variants if arm in length]
    lead = [arm for arm in order if arm == ablation.baseline_variant]
    starts = dict.fromkeys(ablation.variants[arm].starts_from for arm in [*lead, *order])
    groups: list[tuple[str, list[str]]] = []
    for start in starts:
        title = f"starts from {start}" if start else "starts afresh"
        alike = [arm for arm in order if ablation.variants[arm].starts_from == start]
        shortest = 0.0
        for arm in sorted(alike, key=lambda arm: length[arm]):
            if length[arm] > 2 * shortest:
                groups.append((title if shortest == 0 else f"{title}, longer", []))
                shortest = length[arm]
            groups[-1][1].append(arm)
    panels = []
    for family, (title, group) in enumerate(groups):
        others = sorted(set(group) - set(lead), key=order.index)
        parts = max(1, -(-len(others) // figures.ARMS))
        size = -(-len(others) // parts)
        panels += [
            figures.Panel(
                title=title if len(groups) > 1 else "",
                stage="",
                arms=[arm for arm in lead if arm in group]
                + others[part * size : (part + 1) * size],
                family=family,
            )
            for part in range(parts)
        ]
    return panels


def _view(
    label: str,
    rows: pd.DataFrame,
    svg: str,
    block: int,
    panels: Sequence[figures.Panel],
    more: int,
) -> FigureView:
    shown = {(panel.stage, arm) for panel in panels for arm in panel.arms}
    rows = rows[pd.MultiIndex.from_frame(rows[["stage", "variant"]]).isin(shown)]
    seeds = rows["seed"].nunique()
    thin = f"the first {figures.MAXIMUM_LINES} of {seeds} seeds"
    if seeds <= figures.MAXIMUM_LINES:
        thin = "single seeds"
    caption = (
        f"{label}. Thick lines: mean over seeds; bands: 95 % t interval of that mean; thin lines: "
        f"{thin}, cut off where they leave the panel."
    )
    if block > 1:
        caption += f" Each point averages up to {block} consecutive steps."
    families = {(panel.stage, panel.family) for panel in panels}
    if len({panel.family for panel in panels}) > 1:
        caption += (
            " Variants that start from other weights, or run more than twice as long, have a panel "
            "and a scale of their own."
        )
    if len(families) < len(panels):
        caption += " Panels with the same title share a scale."
    if more > 0:
        caption += f" {counted(more, 'further panel')} of this metric would follow and is left out."
    caption += " A failed run leaves the curves at the step where it failed."
    arms = ", ".join(str(arm) for arm in rows["variant"].unique())
    stages = ", ".join(str(stage) for stage in rows["stage"].unique())
    return FigureView(
        svg=svg, caption=caption, alternative=f"{label} over steps in {stages} for {arms}."
    )
