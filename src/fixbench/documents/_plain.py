"""Text as a reader sees it, with the line that each character stands on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Plain", "plain", "plain_lines"]

# A list's bullet or number, a heading's hashes, a citation's mark, at the start of a line.
_LEADING = re.compile(r"^\s*(?:(?:[-*+>]|\d{1,2}[.)]|#{1,6})\s+)+")
# The lines that tables and boxes are drawn with.
_BOX = re.compile(r"[|\u2500-\u259f]")
_MARKS = re.compile(r"[*`#]")
_QUOTES = re.compile("[\"'\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb]")
_DASHES = re.compile("[\u2010-\u2015\u2212]")


@dataclass(frozen=True)
class Plain:
    """Plain text.

    Attributes:
        text: with single spaces.
        lines: the line of each of its characters.
    """

    text: str
    lines: Sequence[int]

    def where(self, start: int, end: int) -> tuple[int, int]:
        """The first and the last line of the characters from ``start`` to before ``end``."""
        return self.lines[start], self.lines[end - 1]


def plain(text: str) -> str:
    """A text in the form in which texts are compared."""
    return plain_lines(text.splitlines(), 1).text


def plain_lines(lines: Sequence[str], first: int) -> Plain:
    """Lines in that form.

    Args:
        first: the number of the first of them.
    """
    characters: list[str] = []
    numbers: list[int] = []
    for number, line in enumerate(lines, start=first):
        bare = _MARKS.sub("", _LEADING.sub("", _BOX.sub(" ", line))).casefold()
        bare = _DASHES.sub("-", _QUOTES.sub("'", bare))
        for character in f"{bare} ":
            if not character.isspace():
                characters.append(character)
            elif characters and characters[-1] != " ":
                characters.append(" ")
            else:
                continue
            numbers.append(number)
    if characters and characters[-1] == " ":
        del characters[-1], numbers[-1]
    return Plain("".join(characters), numbers)
