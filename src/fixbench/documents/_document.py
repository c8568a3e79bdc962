"""A document: its lines and sections, and where words stand in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path

from fixbench.documents._figures import Figure, figures
from fixbench.documents._plain import Plain, plain, plain_lines
from fixbench.errors import InputError

__all__ = ["Document", "Passage", "Section", "read_document"]

_HEADING = re.compile(r"^(#{1,6})\s+(.*)$")
# **Evidence:** or **Problem**: at the start of a line heads what follows, below all headings.
_LABEL = re.compile(r"^\*\*([^*]+?)(?::\*\*|\*\*\s*:)")
_FENCE = re.compile(r"^\s*(```|~~~)")
_LEVEL_OF_LABEL = 7
_ENUMERATION = re.compile(r"^(?:\d{1,2}|[a-z])[.)]\s+")
_LEFT_OUT = re.compile(r"\[?(?:…|\.\.\.)\]?")


@dataclass(frozen=True)
class Passage:
    """Lines of a document, the first and the last from 1."""

    first: int
    last: int

    def __str__(self) -> str:
        if self.first == self.last:
            return f"line {self.first}"
        return f"lines {self.first} to {self.last}"

    def holds(self, other: Passage) -> bool:
        """Whether the other lies within this one."""
        return self.first <= other.first and other.last <= self.last


@dataclass(frozen=True)
class Section:
    """A heading, or a bold label such as ``**Evidence:**``, and the lines below it."""

    title: str
    level: int
    passage: Passage


@dataclass(frozen=True)
class Document:
    """A text file in Markdown.

    Attributes:
        name: of the file.
        lines: its lines.
        sections: in their order; one may lie within another.
    """

    name: str
    lines: Sequence[str]
    sections: Sequence[Section]

    @property
    def whole(self) -> Passage:
        """All lines."""
        return Passage(1, max(len(self.lines), 1))

    def named(self, title: str) -> list[Section]:
        """The sections that a title names.

        A title is a whole heading, with or without its number or letter, or else how a heading
        begins, which may go on with a state or a remark.
        """
        wanted = _forms(title)
        exact = [section for section in self.sections if wanted & _forms(section.title)]
        return exact or [
            section
            for section in self.sections
            if any(_begins(form, begin) for form in _forms(section.title) for begin in wanted)
        ]

    def nearest_heading(self, title: str) -> Section | None:
        """The section whose heading looks most like a title."""
        wanted = plain(title)
        ranked = [
            (SequenceMatcher(None, wanted, plain(section.title)).ratio(), -place)
            for place, section in enumerate(self.sections)
        ]
        return self.sections[-max(ranked)[1]] if ranked else None

    def text(self, passage: Passage) -> Plain:
        """The plain text of some lines."""
        return plain_lines(self.lines[passage.first - 1 : passage.last], passage.first)

    def find(self, words: str, places: Iterable[Passage]) -> Passage | None:
        """Where words stand, in the first of ``places`` that has them; ``…`` leaves words out."""
        pieces = [piece for part in _LEFT_OUT.split(words) if (piece := plain(part))]
        for place in places:
            text = self.text(place)
            found = _in_order(pieces, text.text)
            if found is not None:
                return Passage(*text.where(*found))
        return None

    def find_figure(self, figure: Figure, places: Iterable[Passage]) -> Passage | None:
        """The first line with that number, in the first of ``places`` that has it."""
        for place in places:
            text = self.text(place)
            for found in figures(text.text):
                if found.equals(figure):
                    return Passage(*text.where(found.start, found.end))
        return None

    def nearest(self, words: str, place: Passage) -> Passage | None:
        """The line of ``place`` that shares the longest run with words."""
        wanted = plain(_LEFT_OUT.sub(" ", words))
        best, line = 0, None
        for number in range(place.first, place.last + 1):
            text = plain(self.lines[number - 1]) if self.lines else ""
            same = SequenceMatcher(None, wanted, text, autojunk=False).find_longest_match()
            if same.size > best:
                best, line = same.size, number
        return None if line is None else Passage(line, line)

    def quoted(self, passage: Passage, longest: int = 100) -> str:
        """A line for a message."""
        text = " ".join(self.lines[passage.first - 1].split())
        return text if len(text) <= longest else f"{text[: longest - 1]}…"


def read_document(path: Path) -> Document:
    """Read a document.

    Raises:
        InputError: it cannot be read as text in UTF-8.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(path, "", expected=f"a text file in UTF-8 ({error})") from None
    # Not `splitlines`, which also splits where an editor shows no new line.
    lines = text.split("\n")
    if not lines[-1]:  # behind the last new line there is none
        del lines[-1]
    return Document(path.name, lines, list(_sections(lines)))


def _sections(lines: Sequence[str]) -> Iterator[Section]:
    heads = list(_heads(lines))
    for place, (number, level, title) in enumerate(heads):
        following = (other for other, depth, _ in heads[place + 1 :] if depth <= level)
        last = next(following, len(lines) + 1) - 1
        while last > number and lines[last - 1].strip() in ("", "---"):
            last -= 1
        yield Section(title, level, Passage(number, last))


def _heads(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Line, level and title of each heading and label outside listings."""
    fenced = False
    for number, line in enumerate(lines, start=1):
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            continue
        elif heading := _HEADING.match(line):
            yield number, len(heading[1]), heading[2].strip()
        elif label := _LABEL.match(line):
            yield number, _LEVEL_OF_LABEL, label[1].strip()


def _forms(title: str) -> set[str]:
    """A title as it is compared: with its number or letter, and without."""
    # Bullets go from a line's start, and so does the number of a heading.
    whole = plain(f"x{title}")[1:].strip()
    return {whole, _ENUMERATION.sub("", whole).strip(" :")}


def _begins(form: str, begin: str) -> bool:
    return bool(begin) and form.startswith(begin) and not form[len(begin)].isalnum()


def _in_order(pieces: Sequence[str], text: str) -> tuple[int, int] | None:
    """Start and end of pieces that follow each other, each of whole words."""
    start, position = None, 0
    for piece in pieces:
        found = next(_whole(piece, text, position), None)
        if found is None:
            return None
        start = found if start is None else start
        position = found + len(piece)
    return None if start is None else (start, position)


def _whole(piece: str, text: str, position: int) -> Iterator[int]:
    while (position := text.find(piece, position)) != -1:
        end = position + len(piece)
        cut_before = piece[0].isalnum() and position > 0 and text[position - 1].isalnum()
        cut_behind = piece[-1].isalnum() and end < len(text) and text[end].isalnum()
        if not (cut_before or cut_behind):
            yield position
        position += 1
