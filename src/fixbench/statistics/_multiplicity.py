"""Several claims at once: Holm's adjustment, and whether a run can reach it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from fixbench.statistics._samples import holms

__all__ = ["Reachability", "holm", "reachable"]


@dataclass(frozen=True, kw_only=True)
class Reachability:
    """Whether the exact sign-flip test can be significant after Holm's adjustment.

    Attributes:
        smallest_p: the smallest p that n seeds can give, 2 / 2ⁿ.
        smallest_p_adjusted: the same after adjustment for the family.
        smallest_n: the fewest seeds whose smallest adjusted p is below alpha.
    """

    possible: bool
    smallest_p: float
    smallest_p_adjusted: float
    smallest_n: int


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's adjusted p-values of a family (Holm, 1979).

    A claim that could not be tested (NaN) still belongs to the family: it counts as p = 1 and
    stays NaN in the result.
    """
    if not p_values:
        return {}
    raw = np.array(list(p_values.values()), dtype=float)
    untested = np.isnan(raw)
    adjusted = holms(np.where(untested, 1.0, raw)[None])[0]
    return {
        name: math.nan if skipped else float(value)
        for name, value, skipped in zip(p_values, adjusted, untested, strict=True)
    }


def reachable(n: int, family_size: int, alpha: float = 0.05) -> Reachability:
    """Whether ``n`` paired seeds can settle a family of ``family_size`` claims, before running.

    The t-test has no such floor; the sign-flip test, which assumes less, gives 2 / 2ⁿ at best.
    """
    smallest_n = 1
    while family_size * 2.0 ** (1 - smallest_n) >= alpha:
        smallest_n += 1
    smallest_p = min(1.0, 2.0 ** (1 - n))
    return Reachability(
        possible=n >= smallest_n,
        smallest_p=smallest_p,
        smallest_p_adjusted=min(1.0, family_size * smallest_p),
        smallest_n=smallest_n,
    )
