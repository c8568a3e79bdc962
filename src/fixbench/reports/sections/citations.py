"""Where the document says what was claimed, so that a reader can look it up."""

from __future__ import annotations

from fixbench.reports._citations import citation, origin_text, quoted_words
from fixbench.reports._inputs import Inputs
from fixbench.reports._views import TableText
from fixbench.reports.sections._section import Block, BlockSection, Paragraph, Table

__all__ = ["build"]

_TABLE = TableText(
    caption="Section and lines of the document, and its words. Lines count from 1.",
    columns=("Claim", "Where it stands", "Words of the document"),
)


def build(inputs: Inputs) -> BlockSection:
    """The section."""
    document = inputs.ablation.document
    rows = [(claim.id, citation(claim), quoted_words(claim)) for claim in inputs.ablation.claims]
    text = f"The document is “{document.title}” (file {document.file}). {origin_text(document)}"
    blocks: list[Block] = [
        Paragraph(text=text),
        Table(text=_TABLE, rows=rows, widths=(None, 2.0, 4.0)),
    ]
    return BlockSection(id="document", heading="The document", navigation="Document", blocks=blocks)
