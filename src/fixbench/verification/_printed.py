"""Numbers as they are printed, read back."""

from __future__ import annotations

import re

__all__ = ["MISSING", "NUMBER", "agrees"]

#: A number in a page or a file for LaTeX; its decimals say how far it is rounded.
NUMBER = r"[−-]?\d+(?:\.\d+)?(?:×10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+|e-?\d+)?"
#: What stands where there is no finite number.
MISSING = ("–", "-", "--", "∞", "−∞", "")
_DIGITS = 4
_POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-")


def agrees(text: str, value: float | None) -> bool:
    """Whether ``text`` is ``value``, rounded to the digits that are shown.

    ``<0.001`` agrees with everything below. A sign for a missing number agrees with ``None``.
    """
    text = text.strip()
    if value is None:
        return text in MISSING
    if text.startswith("<"):
        return agrees(text[1:], value) or value < _read(text[1:])[0]
    if re.fullmatch(NUMBER, text) is None:
        return False
    number, half = _read(text)
    return abs(number - value) <= half * (1 + 1e-6) + 1e-12 * abs(value)


def _read(text: str) -> tuple[float, float]:
    """A printed number, and half a unit of its last digit."""
    mantissa, _, power = re.sub(r"×10", "e", text).translate(_POWERS).partition("e")
    decimals = len(mantissa.partition(".")[2])
    if "." not in mantissa:
        # Four significant digits at most are printed of a large number: its other digits are 0.
        digits = mantissa.lstrip("-")
        zeros = len(digits) - len(digits.rstrip("0"))
        decimals = -max(0, min(zeros, len(digits) - _DIGITS))
    scale = 10.0 ** int(power or 0)
    return float(mantissa) * scale, 0.5 * 10.0**-decimals * scale
