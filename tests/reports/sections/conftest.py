"""The planted report as its readers get it: the page as a tree, and checks of printed numbers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from fixbench.statistics import EffectEstimate

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


@dataclass
class Element:
    """An element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        """This element and all below it that have the tag."""
        return [element for element in self.everything() if element.tag == tag]

    def everything(self) -> list[Element]:
        """This element and all below it."""
        below = [
            c for child in self.children if isinstance(child, Element) for c in child.everything()
        ]
        return [self, *below]

    @property
    def text(self) -> str:
        """The text with single spaces."""
        return " ".join(self._raw().split())

    def of_id(self, id_: str) -> Element:
        """The element with this id."""
        (found,) = (e for e in self.everything() if e.attributes.get("id") == id_)
        return found

    def of_class(self, name: str) -> list[Element]:
        """The elements of a class."""
        return [e for e in self.everything() if name in e.attributes.get("class", "").split()]

    def table(self, *columns: str) -> list[list[str]]:
        """The body of the table whose columns begin with ``columns``."""
        (found,) = (
            table
            for table in self.all("table")
            if tuple(head.text for head in table.all("th"))[: len(columns)] == columns
        )
        return found.rows()

    def rows(self) -> list[list[str]]:
        """The cells of a table's body."""
        return [
            [cell.text for cell in row.children if isinstance(cell, Element)]
            for body in self.all("tbody")
            for row in body.all("tr")
        ]

    def _raw(self) -> str:
        return "".join(child if isinstance(child, str) else child._raw() for child in self.children)


class Reader(HTMLParser):
    """Builds a tree and refuses what a browser would have to repair."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"attribute twice in <{tag}>"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {n: v or "" for n, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


class Pages:
    """Reads pages, and checks what they print against exact numbers."""

    def read(self, text: str) -> Element:
        """The tree of a page."""
        reader = Reader()
        reader.feed(text)
        reader.close()
        assert reader.open == [reader.root], "an element is left open"
        return reader.root

    def close(self, text: str, exact: float) -> bool:
        """A printed number is the exact one, rounded to the digits it shows."""
        decimals = len(text.partition(".")[2])
        return abs(float(text.replace("−", "-")) - exact) <= 0.5 * 10.0**-decimals * (1 + 1e-9)

    def check_measured(self, text: str, effect: EffectEstimate) -> None:
        """Estimate and interval are those of the effect."""
        found = re.match(r"(\S+) \[(\S+), (\S+)\]", text)
        assert found is not None
        assert self.close(found[1], effect.estimate)
        assert self.close(found[2], effect.low)
        assert self.close(found[3], effect.high)

    def check_p(self, text: str, exact: float) -> None:
        """A p is the exact one; a dash stands for none."""
        if math.isnan(exact):
            assert text == "–"
        elif text == "<0.001":
            assert exact < 0.001
        else:
            assert self.close(text, exact)


@pytest.fixture(scope="session")
def pages() -> Pages:
    return Pages()


@pytest.fixture(scope="session")
def page(written: dict[str, Path], pages: Pages) -> Element:
    return pages.read(written["html"].read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def latex(written: dict[str, Path]) -> str:
    return written["tex"].read_text(encoding="utf-8")
