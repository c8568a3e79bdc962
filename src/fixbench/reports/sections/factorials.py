"""Main effects and interactions of every full design that a claim reads."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from fixbench.ablation import Effect, Factorial
from fixbench.reports._arm_names import position
from fixbench.reports._effects import effect_unit
from fixbench.reports._format import MISSING, p_value
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import EffectEstimate, estimate_effect, holm, measure
from fixbench.reports._metrics import metric_label
from fixbench.reports._views import TableText, measured
from fixbench.reports.sections._section import Block, BlockSection, Paragraph, Table

__all__ = ["build"]

_NOTE = (
    "A main effect is the mean at a factor's high level less that at its low one, over all levels "
    "of the other factors. An interaction is the difference that the second factor makes to the "
    "effect of the first. Each is paired by seed. The second p is adjusted by Holm's method within "
    "its table. These tables describe and judge no claim."
)


def build(inputs: Inputs) -> BlockSection | None:
    """The section; ``None`` where no design was measured in full."""
    better = {key: metric.better for key, metric in inputs.ablation.metrics.items()}
    results = None
    blocks: list[Block] = []
    for design in _designs(inputs):
        results = results or measure(inputs.frame, better)
        if all(map(results.measures, design.weighted)):
            effects = dict(_effects(design))
            estimates = {}
            for name, effect in effects.items():
                seeds = results.per_seed(effect, name=name)
                estimates[name] = estimate_effect(
                    seeds.values, scale=effect.reported, failed=seeds.failed
                )
            blocks.append(_table(inputs, design, effects, estimates))
    if not blocks:
        return None
    return BlockSection(
        id="factorials",
        heading="Main effects and interactions",
        navigation="Factorial effects",
        blocks=[Paragraph(text=_NOTE, soft=True), *blocks],
    )


def _designs(inputs: Inputs) -> Iterator[Effect]:
    """One effect of each design, metric and scale that claims read, in their order."""
    known = set()
    for claim in inputs.ablation.claims:
        for _, effect in claim.effects():
            if (design := effect.factorial) is None:
                continue
            key = (frozenset(design.cells.items()), design.metric, design.stage, design.at)
            if (*key, effect.scale) not in known:
                known.add((*key, effect.scale))
                yield effect


def _effects(effect: Effect) -> Iterator[tuple[str, Effect]]:
    """Name → effect: main effects, then interactions of two factors, of three, and so on."""
    design = effect.factorial
    assert design is not None
    for size in range(1, len(design.factors) + 1):
        for chosen in combinations(design.factors, size):
            name = " × ".join(factor.rsplit(".", 1)[-1] for factor in chosen)
            one = design.model_copy(update={"of": list(chosen)})
            yield name, effect.model_copy(update={"factorial": one})


def _table(
    inputs: Inputs,
    effect: Effect,
    effects: dict[str, Effect],
    estimates: dict[str, EffectEstimate],
) -> Table:
    design = effect.factorial
    assert design is not None
    adjusted = holm({name: found.p_value for name, found in estimates.items()})
    rows = []
    for name, found in estimates.items():
        item = measured(found, effect_unit(effects[name], inputs.ablation))
        p = f"{item.p} / {p_value(adjusted[name])}"
        value = f"{item.value} {item.unit}".strip()
        rows.append((name, value, item.interval or MISSING, p, f"{item.n} ({item.failed})"))
    return Table(
        text=TableText(
            caption=f"{metric_label(inputs.ablation, [design.metric])}, {design.stage}, "
            f"{position(design.at)}; {_ends(design)}",
            columns=("Effect", "Measured", "Interval", "p raw / Holm", "n (failed)"),
        ),
        rows=rows,
        widths=(None, None, 2, None, None),
    )


def _ends(design: Factorial) -> str:
    """Which of the variants are at all low and at all high levels."""
    low, high = (
        next(variant for variant, signs in design.cells.items() if set(signs) == {sign})
        for sign in "-+"
    )
    return f"{len(design.cells)} variants, all low: {low}, all high: {high}"
