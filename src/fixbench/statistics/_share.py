"""A share of seeds, without scipy: rulings hold it, and rules are listed at every start."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Proportion"]


@dataclass(frozen=True, kw_only=True)
class Proportion:
    """A share of seeds, with its exact interval (Clopper and Pearson, 1934).

    Attributes:
        held, checked: the seeds in which it held, of how many.
        p_value: two-sided, of the test against the null; NaN without one.
    """

    held: int
    checked: int
    share: float
    low: float
    high: float
    confidence: float
    p_value: float
