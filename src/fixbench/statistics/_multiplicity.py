"""Several claims at once: Holm's adjustment."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from fixbench.statistics._samples import holms

__all__ = ["holm"]


def holm(p_values: Mapping[str, float], factors: Sequence[float] | None = None) -> dict[str, float]:
    """Holm's adjusted p-values of a family (Holm, 1979).

    A claim that could not be tested (NaN) still belongs to the family: it counts as p = 1 and
    stays NaN in the result. ``factors`` as for `fixbench.statistics.holms`.
    """
    if not p_values:
        return {}
    raw = np.array(list(p_values.values()), dtype=float)
    untested = np.isnan(raw)
    steps = None if factors is None else np.array(factors, dtype=float)
    adjusted = holms(np.where(untested, 1.0, raw)[None], steps)[0]
    return {
        name: math.nan if skipped else float(value)
        for name, value, skipped in zip(p_values, adjusted, untested, strict=True)
    }
