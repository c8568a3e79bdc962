"""The tests of this package, of many samples at once.

A sample is a row. The functions for one sample call these, so that what is calibrated by
simulation (`fixbench.calibration`) is what judges a claim.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

__all__ = [
    "TTests",
    "are_constant",
    "holms",
    "is_constant",
    "scaled",
    "sign_flips",
    "t_tests",
    "tosts",
]

Array = NDArray[np.float64]

_EXACT_UP_TO = 20
_RANDOM_FLIPS = 99_999
_FLIPS_AT_ONCE = 1_000
# Signed sums in memory at once, 32 MB.
_LARGEST = 4_000_000
# A spread this small beside the values is rounding, not variation between seeds.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class TTests:
    """Means, confidence intervals and two-sided p-values, each (m,)."""

    mean: Array
    low: Array
    high: Array
    p_value: Array


def scaled(samples: Array) -> tuple[Array, NDArray[np.int64]]:
    """Each row of ``samples`` (m, n) over a power of two, and its exponents (m, 1).

    The largest magnitude of a row is then in [1, 2), so that no square of it over- or underflows;
    the power changes no bit of what follows.
    """
    largest = np.abs(samples).max(axis=1, keepdims=True, initial=0.0)
    usable = np.isfinite(largest) & (largest > 0)
    exponents = np.where(usable, np.frexp(np.where(usable, largest, 1.0))[1] - 1, 0)
    return np.ldexp(samples, -exponents), exponents.astype(np.int64)


def _moved(value: float, exponents: NDArray[np.int64]) -> Array:
    """A number beside scaled rows: (m, 1)."""
    with np.errstate(over="ignore"):  # infinitely far from samples so small
        return np.asarray(np.ldexp(value, -exponents))


def is_constant(values: ArrayLike) -> bool:
    """Whether the values (n,) differ by no more than rounding, so that they have no variance."""
    return bool(are_constant(np.asarray(values, dtype=float)[None])[0])


def t_tests(samples: ArrayLike, *, null: float = 0.0, confidence: float = 0.95) -> TTests:
    """`fixbench.statistics.student_t` of each row of ``samples`` (m, n)."""
    x, exponents = scaled(np.asarray(samples, dtype=float))
    power, origin = exponents[:, 0], _moved(null, exponents)[:, 0]
    m, n = x.shape
    mean = x.mean(axis=1)
    if n < 2:
        nothing = np.full(m, math.nan)
        return TTests(mean=np.ldexp(mean, power), low=nothing, high=nothing, p_value=nothing)
    constant = are_constant(x)
    mean = np.where(constant, np.median(x, axis=1), mean)
    error = np.where(constant, 0.0, x.std(axis=1, ddof=1) / math.sqrt(n))
    reach = -special.stdtrit(n - 1, (1 - confidence) / 2) * error
    p_value = 2 * special.stdtr(n - 1, -np.abs(_over(mean - origin, error)))
    same = np.isclose(mean, origin, rtol=_ROUNDING, atol=0.0)
    p_value = np.where(constant, np.where(same, 1.0, 2.0 ** (1 - n)), p_value)
    return TTests(
        mean=np.ldexp(mean, power),
        low=np.ldexp(mean - reach, power),
        high=np.ldexp(mean + reach, power),
        p_value=p_value,
    )


def tosts(samples: ArrayLike, *, low: float, high: float) -> Array:
    """`fixbench.statistics.tost` of each row of ``samples`` (m, n): p-values (m,)."""
    x, exponents = scaled(np.asarray(samples, dtype=float))
    lower, upper = (_moved(bound, exponents)[:, 0] for bound in (low, high))
    m, n = x.shape
    if n < 2:
        return np.full(m, math.nan)
    mean, error = x.mean(axis=1), x.std(axis=1, ddof=1) / math.sqrt(n)
    below = special.stdtr(n - 1, -_over(mean - lower, error))
    above = special.stdtr(n - 1, -_over(upper - mean, error))
    middle = np.median(x, axis=1)
    inside = np.where((lower < middle) & (middle < upper), 2.0**-n, 1.0)
    p_value: Array = np.where(are_constant(x), inside, np.maximum(below, above))
    return np.where(np.isnan(x).any(axis=1), math.nan, p_value)


def sign_flips(
    samples: ArrayLike, *, null: float = 0.0, seed: int = 0, flips: int = _RANDOM_FLIPS
) -> Array:
    """`fixbench.statistics.sign_flip` of each row of ``samples`` (m, n): p-values (m,).

    Args:
        flips: random flips where n is too large for all of them; every row meets the same ones.
    """
    x, _ = scaled(np.asarray(samples, dtype=float) - null)
    m, n = x.shape
    if n < 2:
        return np.full(m, math.nan)
    # Sums that are equal on paper must not fall below the observed one by rounding.
    observed = np.abs(x.sum(axis=1)) - 1e-12 * np.abs(x).sum(axis=1)
    exact = n <= _EXACT_UP_TO
    step = max(1, _LARGEST >> n if exact else _LARGEST // _FLIPS_AT_ONCE)
    blocks = [slice(start, start + step) for start in range(0, m, step)]
    if exact:
        return np.concatenate([_share_of_all(x[block], observed[block]) for block in blocks])
    reached = np.zeros(m)
    for signs in _random_signs(n, seed, flips):
        for block in blocks:
            reached[block] += (np.abs(signs @ x[block].T) >= observed[block]).sum(axis=0)
    # The observed signs are one of the possible flips: without them the test would be too small.
    return (reached + 1) / (flips + 1)


def holms(p_values: Array, factors: Array | None = None) -> Array:
    """Holm's adjusted p-values of families (m, k), each a row (Holm, 1979).

    Args:
        factors: what the smallest p of a row is multiplied by, then the second, …: (k,). By default
            k, k - 1, …, 1; at one of several looks those of `holm_factors`.

    As `statsmodels.stats.multitest.multipletests`, which collects garbage at every call: a third
    of a second in a process that has much in memory.
    """
    order = np.argsort(p_values, axis=1)
    ascending = np.take_along_axis(p_values, order, axis=1)
    steps = np.arange(p_values.shape[1], 0, -1.0) if factors is None else factors
    adjusted = np.minimum(np.maximum.accumulate(ascending * steps, axis=1), 1.0)
    result = np.empty_like(adjusted)
    np.put_along_axis(result, order, adjusted, axis=1)
    return result


def _share_of_all(x: Array, observed: Array) -> Array:
    """The share of all signed sums of each row that are at least as far from 0 as ``observed``."""
    # By doubling, as scipy enumerates them in Python. Those that begin with a minus mirror others.
    sums = x[:, :1]
    for column in range(1, x.shape[1]):
        value = x[:, column, None]
        sums = np.concatenate([sums + value, sums - value], axis=1)
    return np.asarray((np.abs(sums) >= observed[:, None]).mean(axis=1))


def _random_signs(n: int, seed: int, flips: int) -> Iterator[Array]:
    random = np.random.default_rng(seed)
    for start in range(0, flips, _FLIPS_AT_ONCE):
        drawn = random.integers(0, 2, (min(_FLIPS_AT_ONCE, flips - start), n), dtype=np.int8)
        yield 2.0 * drawn.astype(np.float64) - 1.0


def are_constant(x: Array) -> NDArray[np.bool_]:
    """`is_constant` of each row of ``x`` (m, n): (m,)."""
    y, _ = scaled(x)
    return np.asarray(np.ptp(y, axis=1) <= _ROUNDING * np.abs(y).max(axis=1))


def _over(numerator: Array, error: Array) -> Array:
    """The quotient; anything where the error is 0, as those samples are treated apart."""
    return numerator / np.where(error > 0, error, 1.0)
