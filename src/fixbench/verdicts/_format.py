"""How numbers stand in sentences."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fixbench.verdicts._ruling import Evidence

__all__ = ["evidence_text", "figure", "p_text", "range_text", "seeds_text", "sentence"]


def figure(value: float) -> str:
    """Three significant digits, without an exponent where it can be avoided."""
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    if not 1e-4 <= abs(rounded) < 1e7:
        return f"{rounded:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"


def p_text(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {figure(p)}"


def range_text(low: float, high: float) -> str:
    return f"{figure(low)} to {figure(high)}"


def seeds_text(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"


def sentence(text: str) -> str:
    """The text with exactly one full stop; nothing where there is no text."""
    return f"{text.strip().rstrip('.')}." if text else ""


def _over(family: int) -> str:
    if not family:
        return ", adjusted"
    return f", adjusted for {family} claim" + "s" * (family > 1)


def evidence_text(evidence: Evidence) -> str:
    """Its p and for how many claims it is adjusted, or at which look it met its level."""
    if not evidence.looked:
        return p_text(evidence.p) + (_over(evidence.family) if evidence.adjusted else "")
    crossing = evidence.crossing
    if crossing is None:
        return f"{p_text(evidence.p)}; its level was met at no look"
    return (
        f"{p_text(crossing.p)} at look {crossing.look} with {seeds_text(crossing.n)}, level "
        f"{figure(crossing.level)}"
    )
