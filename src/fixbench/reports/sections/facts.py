"""Facts about the run that a reader needs first; its code and machine stand in provenance."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.reports._format import seed_ranges
from fixbench.reports._inputs import Inputs
from fixbench.reports._views import Fact
from fixbench.reports.sections._section import Section

__all__ = ["FactsSection", "build"]


@dataclass(frozen=True, kw_only=True)
class FactsSection(Section):
    """Labels and values."""

    facts: list[Fact]


def build(inputs: Inputs) -> FactsSection:
    """The section."""
    given = inputs.ablation.results is not None
    return FactsSection(
        layout="facts",
        id="facts",
        heading="",
        facts=[
            ("Tier", "none: the results were given" if given else inputs.tier.name),
            ("Seeds", _seeds(inputs)),
            ("Determinism", "not known" if given else inputs.determinism_label),
        ],
    )


def _seeds(inputs: Inputs) -> str:
    """The seeds of the results, and those of the tier where they differ."""
    asked = inputs.tier.seeds
    found = {int(seed) for seed in inputs.frame["seed"].unique()}
    text = f"{seed_ranges(found)} ({len(found)})"
    return text if found == set(asked) else f"{text}; the tier declares {seed_ranges(asked)}"
