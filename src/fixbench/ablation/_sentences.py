"""Sentences whose figures stand by key: ``{LB02.measured}``, and ``{=0.01}`` for one of the design.

What the keys mean is checked in `fixbench.ablation._sentence_checks`; `fixbench.reports` prints
their figures.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

__all__ = [
    "CLAIM_FIELDS",
    "COMPARED",
    "ENTRY_FIELDS",
    "FIGURE_FIELDS",
    "FORMATS",
    "TURNED",
    "Condition",
    "Constant",
    "Part",
    "Reference",
    "hand_written",
    "numbers_in",
    "parse_condition",
    "parse_sentence",
]

#: What can be said of a claim: the fields that ``numbers.tex`` has of it.
CLAIM_FIELDS = (
    *("label", "verdict", "documented", "documentedvalue"),
    *("measured", "interval", "low", "high", "confidence", "unit", "n", "failed"),
    *("effectsize", "seedsneeded", "weakest", "predictionlow", "predictionhigh", "m"),
    *("rule", "null", "margin", "tolerance", "direction"),
    *("p", "ptext", "padjusted", "padjustedtext"),
    *("pequivalence", "pequivalencetext", "pequivalenceadjusted", "pequivalenceadjustedtext"),
)
#: Of a precondition, a control or a supporting measurement.
ENTRY_FIELDS = ("name", "measured", "interval", "low", "high", "unit", "n", "p", "state")
#: Of a figure of ``findings.yaml``.
FIGURE_FIELDS = ("measured", "interval", "low", "high", "unit", "n")
#: Those that a format turns into another form.
TURNED = ("measured", "interval", "low", "high")
#: Those that a condition compares.
COMPARED = ("measured", "low", "high", "p", "n")

#: Format → what it prints.
FORMATS = {
    "up": "the figure, which must lie above no effect (0, of a ratio 1)",
    "down": "the figure the other way round (−x, of a ratio 1/x), which must lie below no effect",
    "percent": "100 times the figure, in per cent",
    "change": "of a ratio, by how many per cent it changes: 100 (x − 1)",
}

_RELATIONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}

# Words that carry a figure as a digit does. "One" is left out: it is mostly a pronoun.
_WORDS: dict[str, float] = {
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "dozen": 12,
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
    "hundred": 100,
    "thousand": 1000,
    "million": 1e6,
    "half": 0.5,
    "halves": 0.5,
    "halved": 0.5,
    "halving": 0.5,
    "twice": 2,
    "double": 2,
    "doubles": 2,
    "doubled": 2,
    "doubling": 2,
}
_DIGITS = r"\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d*\.?\d+(?:[eE][-+−]?\d+)?"
_NUMBER = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b|{_DIGITS}", re.IGNORECASE)
# A digit behind a letter belongs to a name, such as LB02 or YOLO11. Superscripts and fractions are
# numeric, and no digits.
_BY_HAND = re.compile(
    rf"\b(?:{'|'.join(_WORDS)})\b|(?<![A-Za-z_\d])(?:{_DIGITS})|[²³¹⁰⁴-⁹₀-₉¼-¾⅐-⅞]",
    re.IGNORECASE,
)
_FORMS = "{LB02.measured}, {LB02.CONTROL.measured}, {FIGURE.measured} or {=0.01}"


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A figure by its key.

    Attributes:
        owner: the id of a claim, or the name of a figure of ``findings.yaml``.
        entry: the id or the name of what stands beside the claim; empty for the claim itself.
        field: what is printed of it, such as ``measured``.
        formats: what is done with it first.
        text: as it is written.
    """

    owner: str
    entry: str
    field: str
    formats: tuple[str, ...]
    text: str


@dataclass(frozen=True)
class Constant:
    """Text with a number that was fixed before there were results."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A bound on a figure, or a comparison of two; ``text`` is what was written."""

    left: Reference | float
    relation: str
    right: Reference | float
    text: str

    @property
    def references(self) -> list[Reference]:
        """The figures that it compares."""
        return [side for side in (self.left, self.right) if isinstance(side, Reference)]

    def holds(self, value: Callable[[Reference], float]) -> bool:
        """Whether it is true of the given figures; never of NaN."""
        left, right = (
            value(side) if isinstance(side, Reference) else side for side in (self.left, self.right)
        )
        return _RELATIONS[self.relation](left, right)


Part = str | Reference | Constant


def parse_sentence(text: str) -> list[Part]:
    """The parts of a text, in their order.

    Raises:
        ValueError: what stands in braces is no key; the message says what would be right.
    """
    parts: list[Part] = []
    # Every second piece stood in braces.
    for place, piece in enumerate(re.split(r"\{([^{}]*)\}", text)):
        if place % 2 == 0:
            if "{" in piece or "}" in piece:
                raise ValueError(f"braces in pairs, around a key: {_FORMS}")
            parts.append(piece)
        elif piece.strip().startswith("="):
            constant = _plain(piece).removeprefix("=").strip()
            if not _NUMBER.search(constant):
                raise ValueError(f"a number behind '=' in {{{piece}}}")
            parts.append(Constant(constant))
        else:
            parts.append(_reference(piece))
    return parts


def parse_condition(text: str) -> Condition:
    """A bound such as ``LB02.high < 0.04``.

    Raises:
        ValueError: it is none; the message says what would be right.
    """
    pieces = re.split(r"(<=|>=|<|>)", text)
    if len(pieces) != 3:
        raise ValueError("one figure, one of < <= > >=, and a number or another figure")
    left, right = _side(pieces[0]), _side(pieces[2])
    condition = Condition(left=left, relation=pieces[1], right=right, text=_plain(text))
    if not condition.references:
        raise ValueError("a figure on one side, such as LB02.measured")
    return condition


def hand_written(parts: Sequence[Part]) -> list[str]:
    """The figures that are typed in the text itself, digits and number words."""
    return [
        match[0] for part in parts if isinstance(part, str) for match in _BY_HAND.finditer(part)
    ]


def numbers_in(text: str) -> set[float]:
    """The size of every number in a text, also of one in words or in a name."""
    return {_size(match[0]) for match in _NUMBER.finditer(text)}


def _size(text: str) -> float:
    known = _WORDS.get(text.lower())
    return float(text.replace(",", "").replace("−", "-")) if known is None else known


def _plain(text: str) -> str:
    return " ".join(text.split())


def _reference(piece: str) -> Reference:
    key, *formats = (_plain(part) for part in piece.split("|"))
    # A name may have points: the field is behind the last one.
    owner, _, rest = key.partition(".")
    entry, _, field = rest.rpartition(".")
    if not owner or not field:
        raise ValueError(f"a key with its field: {_FORMS}")
    return Reference(
        owner=owner, entry=entry, field=field, formats=tuple(formats), text=_plain(piece)
    )


def _side(text: str) -> Reference | float:
    try:
        return float(text)
    except ValueError:
        return _reference(text)
