"""What pairing by seed gained, and whether the pairs are pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fixbench.statistics._samples import is_constant, scaled

__all__ = ["Pairing", "pairing", "pairs_in_doubt"]

Array = NDArray[np.float64]
_PERMUTATIONS = 9_999
_LEVEL = 0.05
# A pairing is called better than the declared one only on strong evidence: all offsets are tried.
_STRICT = 0.01
_FEWEST = 5


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """Two arms that were run with the same seeds.

    Attributes:
        n: pairs.
        correlation: ρ between the arms over seeds (Pearson); NaN where an arm does not vary.
        gain: (variance of A + variance of B) / variance of A - B. Unpaired arms of n · gain runs
            each would give as narrow an interval; below 1, pairing widened it.
        seeds_saved: n · (gain - 1) seeds of each arm, rounded down; negative where pairing cost.
        p_value: the share of permuted pairs whose ρ is at least as large, one-sided.
        offset: where seeds of B moved by so many places correlate with A more than the declared
            pairs do, and more than chance allows of all offsets together (p < 0.01 / (n - 1)).
        finding: what this says.
    """

    n: int
    correlation: float
    gain: float
    seeds_saved: int | None
    p_value: float
    offset: int | None
    finding: Literal["gain", "no gain shown", "other pairs correlate more", "undefined"]


def pairing(a: ArrayLike, b: ArrayLike, *, seed: int = 0) -> Pairing:
    """What pairing gained between two arms (n,), in the order of their seeds.

    Args:
        seed: of the 9,999 random permutations.

    Raises:
        ValueError: the arms have not the same length.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n = len(x)
    if len(y) != n:
        raise ValueError("as many values in both arms")
    if n < 3 or is_constant(x) or is_constant(y):
        return Pairing(
            n=n,
            correlation=math.nan,
            gain=math.nan,
            seeds_saved=None,
            p_value=math.nan,
            offset=None,
            finding="undefined",
        )
    u, w = _standard(x), _standard(y)
    rho = float(u @ w)
    both, _ = scaled(np.concatenate([x, y])[None])  # squares of tiny or huge values stay finite
    x, y = both[0, :n], both[0, n:]
    difference = x - y
    apart = 0.0 if is_constant(difference) else float(difference.var(ddof=1))
    gain = float(x.var(ddof=1) + y.var(ddof=1)) / apart if apart > 0 else math.inf
    chance = _permuted(u, w, seed)
    p = _p(chance, rho)
    offset = _better_offset(u, w, rho, chance)
    finding: Literal["gain", "no gain shown", "other pairs correlate more"] = "no gain shown"
    if offset is not None:
        finding = "other pairs correlate more"
    elif p <= _LEVEL:
        finding = "gain"
    return Pairing(
        n=n,
        correlation=rho,
        gain=gain,
        seeds_saved=math.floor(n * (gain - 1)) if math.isfinite(gain) else None,
        p_value=p,
        offset=offset,
        finding=finding,
    )


def pairs_in_doubt(pairings: Sequence[Pairing]) -> bool:
    """Whether several comparisons together suggest that their runs are not pairs.

    True where the arms of at least three comparisons are defined and none shows a gain, or where
    the same offset correlates more than the declared pairs in two of them or in all.
    """
    defined = [item for item in pairings if item.finding != "undefined" and item.n >= _FEWEST]
    offsets = [item.offset for item in defined if item.offset is not None]
    if any(offsets.count(one) >= min(2, len(defined)) for one in offsets):
        return True
    return len(defined) >= 3 and not any(item.finding == "gain" for item in defined)


def _standard(x: Array) -> Array:
    y, _ = scaled(x[None])
    centred = y[0] - y[0].mean()
    return np.asarray(centred / math.sqrt(float(centred @ centred)))


def _permuted(u: Array, w: Array, seed: int) -> Array:
    random = np.random.default_rng(seed)
    return np.asarray(random.permuted(np.tile(w, (_PERMUTATIONS, 1)), axis=1) @ u)


def _p(chance: Array, rho: float) -> float:
    # The declared pairs are one of the permutations.
    return float(((chance >= rho - 1e-12).sum() + 1) / (len(chance) + 1))


def _better_offset(u: Array, w: Array, rho: float, chance: Array) -> int | None:
    n = len(u)
    if n < _FEWEST:
        return None
    shifted = {offset: float(u @ np.roll(w, -offset)) for offset in range(1, n)}
    best = max(shifted, key=lambda offset: shifted[offset])
    if shifted[best] <= rho or _p(chance, shifted[best]) * (n - 1) > _STRICT:
        return None
    return best if best <= n // 2 else best - n
