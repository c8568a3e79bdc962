"""The figures that a report in HTML prints of its claims, against the table of claims.

The page is read as a reader does. The figures of a claim stand in the rows that link to it, those
of its preconditions, controls and supporting measurements in its article, beside their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from fixbench.published import PublishedClaim
from fixbench.verification._check import Check, Mismatch
from fixbench.verification._printed import NUMBER, agrees
from fixbench.verification._run import Run

__all__ = ["Element", "check_page", "read_page"]

_VOID = ("meta", "link", "br", "hr", "img", "input", "col", "wbr", "source")
#: What may hold a name with its figures.
_BLOCKS = ("tr", "li", "p", "dd", "div", "tbody")
_END = rf"(?:{NUMBER}|−?∞|–)"
_TRIPLE = re.compile(rf"({NUMBER}) \[({_END}), ({_END})\]")
_TWO_P = re.compile(rf"(<?{NUMBER}|–) / (<?{NUMBER}|–)(?: \(m = \d+\))?")


@dataclass
class Element:
    """An element of a page; pictures are left out."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element | str] = field(default_factory=list)

    def everything(self) -> Iterator[Element]:
        """This element and all below it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.everything()

    @property
    def text(self) -> str:
        """All text in it, with single spaces."""
        return " ".join(" ".join(self._strings()).split())

    def _strings(self) -> Iterator[str]:
        for child in self.children:
            if isinstance(child, Element):
                yield from child._strings()
            else:
                yield child


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("page", {})]
        self.pictures = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.pictures += tag == "svg"
        if self.pictures:
            return
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if self.pictures:
            self.pictures -= tag == "svg"
        elif any(element.tag == tag for element in self.open[1:]):
            while self.open.pop().tag != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not self.pictures:
            self.open[-1].children.append(data)


def read_page(text: str) -> Element:
    """The page as a tree."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return reader.open[0]


def check_page(run: Run) -> Check:
    """Verdict, estimate, interval and p of every claim, and the same of what stands beside it."""
    name = run.page.name
    if not run.page.is_file():
        remark = "there is no such page"
        return Check(ablation=run.name, name=name, compared=0, of="figures", remark=remark)
    page = read_page(run.page.read_text(encoding="utf-8"))
    compared, mismatches = 0, []
    for claim in run.claims:
        for where, found, expected, same in _claim(page, claim):
            compared += 1
            if not same:
                mismatches.append(
                    Mismatch(
                        file=run.page,
                        where=f"{claim.id} {where}",
                        found=found,
                        expected=expected,
                    )
                )
    return Check(
        ablation=run.name,
        name=name,
        compared=compared,
        of=f"figures of {len(run.claims)} claims",
        mismatches=mismatches,
    )


#: Field, what is printed, what the table has, and whether they agree.
_Found = tuple[str, Any, Any, bool]


def _claim(page: Element, claim: PublishedClaim) -> Iterator[_Found]:
    rows = list(_linking(page, claim.id))
    article = next((e for e in page.everything() if e.attributes.get("id") == claim.id), None)
    if article is None or not rows:
        missing = "its article" if article is None else "a row that links to it"
        yield "", None, missing, False
        return
    verdicts = [
        element.text
        for element in article.everything()
        if "badge" in (element.attributes.get("class") or "").split()
    ]
    yield "verdict", ", ".join(verdicts) or None, claim.verdict, claim.verdict in verdicts
    if claim.interval_low is not None:
        yield from _estimate("", _estimates(rows), claim)
        cells = [element for row in rows for element in row.everything()]
        pairs = [found for cell in cells if (found := _TWO_P.fullmatch(cell.text))]
        for key, printed in zip(
            ("p_raw", "p_adjusted"), pairs[0].groups() if pairs else (), strict=False
        ):
            value = getattr(claim, key)
            yield key, printed, value, agrees(printed, value)
    for kind in ("preconditions", "controls", "supporting"):
        for item in getattr(claim, kind):
            if item.interval_low is None:
                continue
            yield from _estimate(f"{kind}[{item.name}].", _beside(article, item.name), item)


def _linking(page: Element, id_: str) -> Iterator[Element]:
    """The rows of the table of verdicts that are of one claim."""
    for table in page.everything():
        if table.tag == "section" and table.attributes.get("id") == "verdicts":
            for row in table.everything():
                links = (e.attributes.get("href") for e in row.everything() if e.tag == "a")
                if row.tag == "tr" and f"#{id_}" in links:
                    yield row


def _beside(article: Element, name: str) -> list[tuple[str, ...]]:
    """The estimates in the smallest block that has an element with this name and nothing else.

    Where the page has no such element, in the smallest block that has the name at all.
    """
    name = " ".join(name.split())
    blocks = [e for e in article.everything() if e.tag in _BLOCKS and name in e.text]
    named = {id(e) for e in blocks if any(part.text == name for part in e.everything())}
    for block in sorted(blocks, key=lambda e: (id(e) not in named, len(e.text))):
        if found := _estimates([block]):
            return found
    return []


def _estimates(blocks: Sequence[Element]) -> list[tuple[str, ...]]:
    """What the elements of the blocks print that begin with an estimate and its interval."""
    elements = (element for block in blocks for element in block.everything())
    found = (_TRIPLE.match(element.text) for element in elements)
    return [match.groups() for match in found if match is not None]


def _estimate(prefix: str, printed: list[tuple[str, ...]], item: Any) -> Iterator[_Found]:
    """The first printed estimate with its interval."""
    if not printed:
        yield f"{prefix}measured", None, item.measured, False
        return
    for key, text in zip(("measured", "interval_low", "interval_high"), printed[0], strict=True):
        value = getattr(item, key)
        yield f"{prefix}{key}", text, value, agrees(text, value)
