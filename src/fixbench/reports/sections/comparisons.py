"""Tables of several variants, which describe and judge no claim."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fixbench.ablation import Ablation
from fixbench.reports._arm_names import position
from fixbench.reports._format import MISSING, number, p_value
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ComparisonTable, compare_variants
from fixbench.reports._metrics import metric_label, metric_of, printed_unit
from fixbench.reports._views import Measured, measured
from fixbench.reports.sections._section import Section

__all__ = ["ComparisonView", "ComparisonsSection", "build"]

_NOTE = (
    "These tables describe variants and judge no claim. Each lists the level of every variant "
    "(mean over seeds; the geometric mean where ratios are compared), then pairs. A level compares "
    "nothing and has no p. The second p is adjusted by Holm's method within its table."
)


@dataclass(frozen=True, kw_only=True)
class ComparisonView:
    """A table of several variants.

    Attributes:
        levels: variant and what it reaches.
        rows: pair, effect, adjusted p.
    """

    name: str
    quantity: str
    levels: list[tuple[str, Measured]]
    rows: list[tuple[str, Measured, str]]
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class ComparisonsSection(Section):
    """Tables with one note and one row of column headings."""

    note: str
    columns: tuple[str, ...]
    comparisons: list[ComparisonView]


def build(inputs: Inputs) -> ComparisonsSection | None:
    """The section; ``None`` where the ablation declares no comparison."""
    found = compare_variants(inputs.ablation, inputs.frame)
    if not found:
        return None
    return ComparisonsSection(
        layout="comparisons",
        id="comparisons",
        heading="Several variants",
        note=_NOTE,
        columns=("Variant or pair", "Measured", "p raw / Holm", "n (failed)"),
        comparisons=[_comparison(inputs.ablation, table) for table in found],
    )


def _comparison(ablation: Ablation, found: ComparisonTable) -> ComparisonView:
    declared = found.comparison
    level_unit = printed_unit(metric_of(ablation, declared.metric))
    logarithmic = declared.scale == "log"
    unit, sign = ("ratio", "÷") if logarithmic else (level_unit, "−")
    levels = [(item.variant, item.level) for item in found.levels]
    pairs = [(f"{row.variant} {sign} {row.reference}", row) for row in found.rows]
    notes = list(found.policy)
    notes += [
        f"{name} without failed seeds: {number(effect.complete_case)}."
        for name, effect in [*levels, *((pair, row.effect) for pair, row in pairs)]
        if effect.n_failed
    ]
    if found.left_out:
        notes.append(f"Not measured here: {', '.join(found.left_out)}.")
    return ComparisonView(
        name=declared.name,
        quantity=f"{metric_label(ablation, [declared.metric])}, {declared.stage}, "
        f"{position(declared.at)}" + "; levels are geometric means" * logarithmic,
        levels=[(name, replace(measured(level, level_unit), p=MISSING)) for name, level in levels],
        rows=[(pair, measured(row.effect, unit), p_value(row.p_adjusted)) for pair, row in pairs],
        notes=notes,
    )
