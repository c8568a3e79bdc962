"""A section of a report, and the blocks of which a plain one is made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from fixbench.reports._inputs import Inputs
from fixbench.reports._views import FigureView, TableText

__all__ = [
    "ALL_FORMATS",
    "Block",
    "BlockSection",
    "Builder",
    "Format",
    "Items",
    "Paragraph",
    "Picture",
    "Section",
    "Table",
]

Format = Literal["html", "tex", "typ"]
ALL_FORMATS: tuple[Format, ...] = ("html", "tex", "typ")


@dataclass(frozen=True, kw_only=True)
class Section:
    """What every section has; a subclass adds its data.

    Attributes:
        layout: the name of its templates, ``templates/<format>/sections/<layout>.<format>``.
        id: its anchor in HTML.
        heading: empty for a section that stands below another's heading.
        navigation: the text of the link that leads to it, empty for no link.
        formats: the formats that print it.
    """

    layout: str
    id: str
    heading: str
    navigation: str = ""
    formats: tuple[Format, ...] = ALL_FORMATS


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """A paragraph; ``soft`` for one in smaller type and a lighter colour."""

    text: str
    soft: bool = False
    block: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True, kw_only=True)
class Items:
    """A list."""

    items: Sequence[str]
    block: Literal["items"] = "items"


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure, which LaTeX leaves out."""

    figure: FigureView
    block: Literal["picture"] = "picture"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of text.

    Attributes:
        rows: one cell a column; the first is a name, printed as code.
        widths: relative widths of the columns, ``None`` for as wide as the content.
    """

    text: TableText
    rows: Sequence[Sequence[str]]
    widths: Sequence[float | None]
    block: Literal["table"] = "table"


Block = Paragraph | Items | Picture | Table


@dataclass(frozen=True, kw_only=True)
class BlockSection(Section):
    """A section of blocks below each other, which needs no template of its own."""

    layout: str = "blocks"
    blocks: Sequence[Block]


#: Makes a section; ``None`` where there is nothing to print.
Builder = Callable[[Inputs], Section | None]
