"""How often something holds: exact intervals and tests of a share of seeds."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from fixbench.statistics._power import MOST_SEEDS
from fixbench.statistics._share import Proportion

__all__ = ["proportion", "seeds_for_share"]


def proportion(
    held: int, checked: int, *, null: float | None = None, confidence: float = 0.95
) -> Proportion:
    """The exact interval of a share, and the exact test that it differs from ``null``.

    p is twice the smaller tail, so that it never disagrees with the interval, whose ends are where
    a tail has half of what the confidence leaves. Everything is NaN where nothing was checked.
    """
    nan = math.nan
    share, low, high, p_value = nan, nan, nan, nan
    if checked:
        share = held / checked
        interval = stats.binomtest(held, checked).proportion_ci(confidence, method="exact")
        low, high = float(interval.low), float(interval.high)
        if null is not None:
            tails = [
                float(stats.binomtest(held, checked, null, alternative=side).pvalue)
                for side in ("less", "greater")
            ]
            p_value = min(1.0, 2 * min(tails))
    return Proportion(
        held=held,
        checked=checked,
        share=share,
        low=low,
        high=high,
        confidence=confidence,
        p_value=p_value,
    )


def seeds_for_share(share: float, *, null: float, alpha: float, power: float = 0.8) -> int | None:
    """Fewest seeds with which the exact test shows the true ``share`` to differ from ``null``.

    The exact test moves in steps, so a few seeds more can have a little less power. A rejection on
    the wrong side shows nothing and does not count. ``None`` above `MOST_SEEDS`.
    """
    if share == null:
        return None
    if share < null:  # the mirror image
        share, null = 1 - share, 1 - null
    n = np.arange(1, MOST_SEEDS + 1)
    # Rejected from the smallest count whose upper tail under the null is below alpha / 2.
    critical = stats.binom.isf(alpha / 2, n, null) + 1
    enough = stats.binom.sf(critical - 1, n, share) >= power
    return int(n[enough][0]) if enough.any() else None
