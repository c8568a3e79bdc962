"""Threats to validity: the general ones, then those of single claims."""

from __future__ import annotations

from fixbench.reports._inputs import Inputs
from fixbench.reports._sentences import left_out
from fixbench.reports.sections._section import Block, BlockSection, Items, Paragraph

__all__ = ["build"]


def build(inputs: Inputs) -> BlockSection:
    """The section; a threat to single claims begins with their names."""
    threats = inputs.threats
    items = [threat.text for threat in threats if not threat.claims]
    items += [f"{', '.join(threat.claims)}: {threat.text}" for threat in threats if threat.claims]
    blocks: list[Block] = [Items(items=items)]
    reasons = [said.why_not for _, said in inputs.sentences.threats() if said.why_not]
    if reasons:
        blocks.append(Paragraph(text=left_out("threat", reasons), soft=True))
    return BlockSection(
        id="threats",
        heading="Threats to validity",
        navigation="Threats to validity",
        blocks=blocks,
    )
