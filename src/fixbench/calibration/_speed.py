"""How long the statistics of a whole appendix take."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixbench.calibration._distributions import DISTRIBUTIONS
from fixbench.calibration._planted_runs import adjudicate_planted
from fixbench.calibration._worlds import TRUTHS
from fixbench.statistics import bootstrap_ts

__all__ = ["Speed", "measure_speed"]

Array = NDArray[np.float64]

_CLAIMS, _SEEDS, _RESAMPLES = 80, 10, 9_999


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of processor time, in which other programs do not count.

    Attributes:
        verdicts: from rows to the verdicts of all claims, each with a control.
        bootstrap: all their bootstrap-t intervals at once.
        loop: the same intervals sample by sample, each resample drawn as values.
        largest_difference: between both, in widths of an interval.
    """

    claims: int
    seeds: int
    resamples: int
    verdicts: float
    bootstrap: float
    loop: float
    largest_difference: float


def measure_speed(*, seed: int = 0) -> Speed:
    """Time the statistics of 80 claims at 10 seeds with 9,999 resamples."""
    random = np.random.default_rng(seed)
    controlled = next(truth for truth in TRUTHS if truth.controls)
    samples = DISTRIBUTIONS[0].draw(random, (_CLAIMS, _SEEDS))

    def judge() -> None:
        adjudicate_planted(controlled, n=_SEEDS, claims=_CLAIMS, random=random, primary=True)

    def loop() -> Array:
        return np.array([_one_interval(sample, _RESAMPLES) for sample in samples])

    def together() -> Array:
        found = bootstrap_ts(samples, resamples=_RESAMPLES)
        return np.stack([found.low, found.high], axis=1)

    bootstrap, ours = _timed(together)
    looped, theirs = _timed(loop)
    verdicts, _ = _timed(judge)
    width = theirs[:, 1] - theirs[:, 0]
    return Speed(
        claims=_CLAIMS,
        seeds=_SEEDS,
        resamples=_RESAMPLES,
        verdicts=verdicts,
        bootstrap=bootstrap,
        loop=looped,
        largest_difference=float((np.abs(ours - theirs) / width[:, None]).max()),
    )


def _one_interval(sample: Array, resamples: int) -> tuple[float, float]:
    """The bootstrap-t interval of 95 % of one sample, from the resamples of `bootstrap_ts`."""
    n = len(sample)
    drawn = sample[np.random.default_rng(0).integers(0, n, (resamples, n))]
    errors = drawn.std(axis=1, ddof=1) / math.sqrt(n)
    ratios = np.sort((drawn.mean(axis=1) - sample.mean()) / errors)
    last = math.ceil((resamples + 1) * 0.025) - 2
    error = sample.std(ddof=1) / math.sqrt(n)
    low = sample.mean() - ratios[resamples - 1 - last] * error
    return float(low), float(sample.mean() - ratios[last] * error)


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = function()
    return time.process_time() - started, result
