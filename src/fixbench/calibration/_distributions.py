"""Distributions of the effects of single seeds, with mean 0 and standard deviation 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DISTRIBUTIONS", "TWO_POINT", "TWO_POINT_MARGIN", "Distribution", "collapsing"]

Array = NDArray[np.float64]
_RARE = 0.2


@dataclass(frozen=True, kw_only=True)
class Distribution:
    """A distribution of per-seed effects.

    Attributes:
        symmetric: whether it is symmetric, as for two variants that differ in nothing.
        draw: generator and shape → effects.
    """

    name: str
    meaning: str
    symmetric: bool
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array]


def _log_normal(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (random.lognormal(size=shape) - math.exp(0.5)) / math.sqrt(math.e * (math.e - 1))


def _skewed_arms(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return (_log_normal(random, shape) - _log_normal(random, shape)) / math.sqrt(2)


def _heavy(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(random.standard_t(3, shape) / math.sqrt(3), dtype=np.float64)


def collapsing(*, share: float, depth: float, name: str = "") -> Distribution:
    """Normal effects of which a share collapses, by ``depth`` standard deviations of the others."""

    def draw(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
        collapsed = random.random(shape) < share
        values = random.normal(size=shape) - depth * collapsed + depth * share
        return np.asarray(values / math.sqrt(1 + depth**2 * share * (1 - share)))

    percent = f"{100 * share:g} %"
    return Distribution(
        name=name or f"{percent} collapse by {depth:g} SD",
        meaning=f"normal, but {percent} of the seeds collapse, by {depth:g} standard deviations",
        symmetric=False,
        draw=draw,
    )


def _discrete(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    return np.asarray(random.binomial(4, 0.5, shape) - 2.0, dtype=np.float64)


def _two_point(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    rare = np.asarray(random.random(shape) < _RARE, dtype=np.float64)
    return (rare - _RARE) / math.sqrt(_RARE * (1 - _RARE))


DISTRIBUTIONS: tuple[Distribution, ...] = (
    Distribution(
        name="normal",
        meaning="normal",
        symmetric=True,
        draw=lambda random, shape: random.normal(size=shape),
    ),
    Distribution(
        name="heavy-tailed",
        meaning="t with 3 degrees of freedom",
        symmetric=True,
        draw=_heavy,
    ),
    Distribution(
        name="discrete",
        meaning="five values, −2 to 2 (binomial): ties, and sometimes no variance",
        symmetric=True,
        draw=_discrete,
    ),
    Distribution(
        name="skewed arms",
        meaning="the difference of two log-normal runs: two variants that differ in nothing",
        symmetric=True,
        draw=_skewed_arms,
    ),
    Distribution(
        name="skewed",
        meaning="log-normal about its mean",
        symmetric=False,
        draw=_log_normal,
    ),
    collapsing(share=0.15, depth=6.0, name="bimodal"),
)

#: Kept apart: its samples lack variance so often that no test holds its level.
TWO_POINT = Distribution(
    name="two-point",
    meaning="0 in 80 % of the seeds, 0.1 in 20 %, the margin 0.02 as large as the mean: promised "
    "by nothing",
    symmetric=False,
    draw=_two_point,
)
#: Their mean, in standard deviations.
TWO_POINT_MARGIN = math.sqrt(_RARE / (1 - _RARE))
