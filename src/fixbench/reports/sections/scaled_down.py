"""What the tier scales down from the published experiment."""

from __future__ import annotations

from fixbench.reports._inputs import Inputs
from fixbench.reports.sections._section import Block, BlockSection, Items, Paragraph

__all__ = ["build"]


def build(inputs: Inputs) -> BlockSection:
    """The section."""
    declared = inputs.tier.scaled_down
    block: Block = Items(items=declared)
    if not declared:
        block = Paragraph(text="Nothing is declared to be scaled down in this tier.")
    return BlockSection(
        id="scaled-down", heading="Scaled down", navigation="Scaled down", blocks=[block]
    )
