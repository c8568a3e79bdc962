"""Evidence of absence: two one-sided tests, or one where only the worse side matters."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from fixbench.statistics._estimate import Scale, student_t, to_analysis
from fixbench.statistics._samples import tosts

__all__ = ["equivalence_bounds", "not_worse", "tost"]


def equivalence_bounds(null: float, margin: float, scale: Scale) -> tuple[float, float]:
    """The effects too small to matter, on the analysis scale.

    ``null - margin`` to ``null + margin``; for log effects ``null / margin`` to ``null * margin``,
    as logarithms.
    """
    centre, reach = to_analysis(null, scale), to_analysis(margin, scale)
    return centre - reach, centre + reach


def tost(values: ArrayLike, *, low: float, high: float) -> float:
    """p of the two one-sided t-tests that the mean of the effects (n,) lies in (low, high).

    The larger of both p-values (Schuirmann, 1987); NaN if n < 2 or a value is not finite. Without
    variance the t-test is undefined: p is then that of the one-sided sign test, 1 / 2ⁿ inside and
    1 outside.
    """
    return float(tosts(np.asarray(values, dtype=float)[None], low=low, high=high)[0])


def not_worse(values: ArrayLike, *, bound: float, direction: Literal["greater", "less"]) -> float:
    """p of the non-inferiority test that the mean of the effects (n,) lies beyond ``bound``.

    The one-sided t-test, doubled: compared with alpha it is made at alpha / 2, as ICH E9 asks, so
    that it agrees with the interval of confidence 1 - alpha. NaN if n < 2 or a value is not finite.
    Without variance it is the doubled sign test, as in `student_t`.

    Args:
        direction: the side of ``bound`` that counts as not worse.
    """
    x = np.asarray(values, dtype=float)
    if len(x) < 2 or not np.isfinite(x).all():
        return math.nan
    test = student_t(x, null=bound)
    shown = test.mean > bound if direction == "greater" else test.mean < bound
    return test.p_value if shown else 1.0
