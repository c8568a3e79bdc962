"""The variants, and the options in which each differs from its reference."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from fixbench.reports._inputs import Inputs
from fixbench.reports._views import TableText
from fixbench.reports.sections._section import Section

__all__ = ["VariantView", "VariantsSection", "build"]

_TABLE = TableText(
    caption="The options in which each variant differs from its reference (the baseline where none "
    "is named), as checked before the run.",
    columns=(
        "Variant",
        "Reason",
        "Options that differ",
        "Bundle",
        "Starts from",
    ),
)


@dataclass(frozen=True, kw_only=True)
class VariantView:
    """A variant in print.

    Attributes:
        reference: the variant that it is declared relative to, empty for the baseline.
        changes: option, the reference's value, its own value.
    """

    name: str
    reason: str
    baseline: bool
    reference: str
    changes: list[tuple[str, str, str]]
    bundle: bool
    starts_from: str


@dataclass(frozen=True, kw_only=True)
class VariantsSection(Section):
    """Variants and the text of their table."""

    variants: list[VariantView]
    table: TableText


def build(inputs: Inputs) -> VariantsSection:
    """The section."""
    return VariantsSection(
        layout="variants",
        id="variants",
        heading="Variants and their options",
        navigation="Variants",
        variants=[_variant(inputs, name) for name in inputs.tier.variants],
        table=_TABLE,
    )


def _variant(inputs: Inputs, name: str) -> VariantView:
    variant = inputs.ablation.variants[name]
    return VariantView(
        name=name,
        reason=variant.reason,
        baseline=name == inputs.ablation.baseline_variant,
        reference=variant.relative_to or "",
        changes=[
            (key, _option(old), _option(new))
            for key, (old, new) in inputs.tier.changes(name).items()
        ],
        bundle=variant.bundle,
        starts_from=variant.starts_from or "",
    )


def _option(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
