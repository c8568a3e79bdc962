"""Evidence of absence: two one-sided tests."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fixbench.statistics._estimate import Scale, to_analysis
from fixbench.statistics._samples import tosts

__all__ = ["equivalence_bounds", "tost"]


def equivalence_bounds(null: float, margin: float, scale: Scale) -> tuple[float, float]:
    """The effects too small to matter, on the analysis scale.

    ``null - margin`` to ``null + margin``; for log effects ``null / margin`` to ``null * margin``,
    as logarithms.
    """
    centre, reach = to_analysis(null, scale), to_analysis(margin, scale)
    return centre - reach, centre + reach


def tost(values: ArrayLike, *, low: float, high: float) -> float:
    """p of the two one-sided t-tests that the mean of the effects (n,) lies in (low, high).

    The larger of both p-values (Schuirmann, 1987); NaN if n < 2. Without variance the t-test is
    undefined: p is then that of the one-sided sign-flip test, 1 / 2ⁿ inside and 1 outside.
    """
    return float(tosts(np.asarray(values, dtype=float)[None], low=low, high=high)[0])
