"""Numbers as they are printed: one rule for every table, figure and format."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = [
    "MISSING",
    "NOT_RECORDED",
    "bytes_",
    "counted",
    "duration",
    "interval",
    "mean_and_deviation",
    "number",
    "p_value",
    "percentage",
    "seed_ranges",
    "short_hash",
]

MISSING = "–"
NOT_RECORDED = "not recorded"
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def number(value: float | None, digits: int = 4) -> str:
    """``value`` to at most ``digits`` significant digits; an en dash where there is no number."""
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if not -4 <= exponent < 6:
        return _scientific(value, digits - 1)
    text = f"{float(f'{value:.{digits - 1}e}'):.{max(0, digits - 1 - exponent)}f}"
    return _minus(text.rstrip("0").rstrip(".") if "." in text else text)


def interval(estimate: float, low: float, high: float, digits: int = 5) -> tuple[str, str]:
    """An estimate and its interval, to the two digits that the interval makes meaningful.

    The shorter arm of the interval sets the number of decimals, which all three share; more than
    ``digits`` significant digits are never worth their room.
    """
    arms = [arm for arm in (estimate - low, high - estimate) if math.isfinite(arm) and arm > 0]
    if not arms or not math.isfinite(estimate):
        digits = min(digits, 4)
        if all(math.isnan(bound) for bound in (low, high)):
            return number(estimate, digits), MISSING
        bounds = ", ".join(number(bound, digits) for bound in (low, high))
        return number(estimate, digits), f"[{bounds}]"
    scale = math.floor(math.log10(min(arms)))
    largest = max(abs(value) for value in (estimate, low, high) if math.isfinite(value))
    top = math.floor(math.log10(largest))
    scale = max(scale, top - (digits - 2))
    if scale < -5 or top >= 6:
        texts = [_scientific(value, min(6, max(1, top - scale + 1))) for value in (low, high)]
        return _scientific(estimate, min(6, max(1, top - scale + 1))), f"[{', '.join(texts)}]"
    decimals = max(0, 1 - scale)
    return _fixed(estimate, decimals), f"[{_fixed(low, decimals)}, {_fixed(high, decimals)}]"


def mean_and_deviation(mean: float, deviation: float) -> str:
    """``0.412 ± 0.018``: the deviation to two digits, the mean to as many decimals.

    Without a deviation the mean stands alone, to four digits.
    """
    if not (math.isfinite(mean) and math.isfinite(deviation) and deviation > 0):
        alone = number(mean)
        return f"{alone} ± 0" if deviation == 0 else alone
    text, _ = interval(mean, mean - deviation, mean + deviation)
    decimals = len(text.partition(".")[2])
    if "×" in text or deviation < 10.0**-decimals:
        return f"{text} ± {number(deviation, 2)}"
    return f"{text} ± {_fixed(deviation, decimals)}"


def p_value(value: float) -> str:
    """Two significant digits, ``<0.001`` below that, an en dash for NaN."""
    if math.isnan(value):
        return MISSING
    if value < 0.001:
        return "<0.001"
    if value > 0.995:
        return "1.0"
    return f"{value:.{1 - math.floor(math.log10(value))}f}"


def percentage(share: float) -> str:
    """A share in per cent to two digits, and never 0 or 100 % where that is not exact."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    text = number(100 * share, 2)
    return f"{text} %" if text != "100" or share == 1 else "more than 99 %"


def counted(count: int, noun: str) -> str:
    """``1 seed``, ``2 seeds``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def short_hash(digest: object | None) -> str:
    """The first twelve characters of a hash, enough to recognise it."""
    return str(digest)[:12] if digest else NOT_RECORDED


def seed_ranges(seeds: Iterable[int]) -> str:
    """``[0, 1, 2, 5]`` → ``0–2, 5``."""
    runs: list[list[int]] = []
    for seed in sorted(set(seeds)):
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return ", ".join(str(a) if a == b else f"{a}–{b}" for a, b in runs) or "none"


def duration(seconds: float) -> str:
    """Seconds, minutes or hours, whichever keeps the number readable."""
    for size, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def bytes_(count: float) -> str:
    """Binary units, one decimal."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"


def _fixed(value: float, decimals: int) -> str:
    if not math.isfinite(value):
        return number(value)
    return _minus(f"{value:.{decimals}f}")


def _scientific(value: float, digits: int) -> str:
    if not math.isfinite(value):
        return number(value)
    mantissa, exponent = f"{value:.{digits}e}".split("e")
    return f"{_minus(mantissa)}×10{str(int(exponent)).translate(_SUPERSCRIPT)}"


def _minus(text: str) -> str:
    """A typographic minus, and none before a number that rounds to zero."""
    if text.startswith("-"):
        return text[1:] if float(text) == 0 else f"−{text[1:]}"
    return text
