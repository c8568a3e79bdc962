"""Figures in a text, and whether one follows from others."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Figure", "derivation", "figures"]

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:e[-+]?\d+)?"
# No part of a name (h0, float32), of a version, or of a longer number.
_FIGURE = re.compile(
    rf"(?<![\w.])(?P<number>[-+]?{_NUMBER})(?:(?P<many>[km])(?![a-z])|\s?(?P<percent>%))?", re.I
)
_MANY = {"k": 1e3, "m": 1e6}
# Behind these a minus is a sign; elsewhere it joins a range, as in 0.1-0.5.
_BEFORE_SIGN = " ([=:~<>≈×x/"


@dataclass(frozen=True)
class Figure:
    """A number in a text.

    Attributes:
        printed: as it stands there.
        value: its value, of a percentage the number before the sign.
        percent: whether it is a percentage.
        start, end: where it stands.
    """

    printed: str
    value: float
    percent: bool
    start: int
    end: int

    @property
    def readings(self) -> tuple[float, ...]:
        """The numbers that it may be given as."""
        return (self.value, self.value / 100) if self.percent else (self.value,)

    def equals(self, other: Figure) -> bool:
        """Whether both say the same number, one perhaps as a percentage."""
        return any(math.isclose(a, b) for a in self.readings for b in other.readings)


def figures(text: str) -> list[Figure]:
    """The figures of a text in plain form (`fixbench.documents._plain.plain`)."""
    found = []
    for match in _FIGURE.finditer(text):
        number = match["number"].replace(",", "")
        start = match.start()
        before = text[start - 1] if start else " "
        if number[0] in "+-" and before not in _BEFORE_SIGN:
            number, start = number[1:], start + 1
        value = float(number) * _MANY.get((match["many"] or "").lower(), 1.0)
        printed = text[start : match.end()].strip()
        found.append(
            Figure(
                printed=printed.upper() if match["many"] == "m" else printed,
                value=value,
                percent=match["percent"] is not None,
                start=start,
                end=match.end(),
            )
        )
    return found


def derivation(value: float, printed: str, given: Iterable[Figure]) -> str | None:
    """How a number follows from figures; ``None`` where it does not.

    It is one of them, perhaps a percentage as a share. Or it has two or more significant digits and
    is, rounded to these, the ratio or the difference of two.
    """
    known = list(given)
    for one in known:
        if any(math.isclose(value, reading) for reading in one.readings):
            return f"{printed} is {one.printed}"
    decimals, significant = _digits(printed)
    if significant < 2:
        return None
    for one in known:
        for other in known:
            # Percentages go with percentages, whose ratio is that of their shares.
            if one is other or one.percent != other.percent:
                continue
            a, b = one.readings[-1], other.readings[-1]
            if b and _rounds(a / b, value, decimals):
                return f"{printed} is {one.printed} / {other.printed}"
            if _rounds(a - b, value, decimals):
                return f"{printed} is {one.printed} - {other.printed}"
    return None


def _digits(printed: str) -> tuple[int, int]:
    """Decimals of what a figure stands for (of 37 % those of 0.37), and its significant digits."""
    mantissa, _, exponent = printed.lower().rstrip("%km ").partition("e")
    whole, _, decimals = mantissa.lstrip("+-").replace(",", "").partition(".")
    behind = len(decimals) - int(exponent or 0) + 2 * printed.endswith("%")
    return max(behind, 0), len((whole + decimals).lstrip("0"))


def _rounds(exact: float, value: float, decimals: int) -> bool:
    # Half a digit, and what floats lose.
    return abs(exact - value) <= 0.5 * 10.0**-decimals * (1 + 1e-9)
