"""Threats to validity: the general ones, then those of single claims."""

from __future__ import annotations

from fixbench.reports._inputs import Inputs
from fixbench.reports.sections._section import BlockSection, Items

__all__ = ["build"]


def build(inputs: Inputs) -> BlockSection:
    """The section; a threat to single claims begins with their names."""
    threats = inputs.ablation.threats
    items = [threat.text for threat in threats if threat.claims is None]
    items += [
        f"{', '.join(threat.claims)}: {threat.text}"
        for threat in threats
        if threat.claims is not None
    ]
    return BlockSection(
        id="threats",
        heading="Threats to validity",
        navigation="Threats to validity",
        blocks=[Items(items=items)],
    )
