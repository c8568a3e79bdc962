"""How long the statistics of a whole appendix take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from fixbench.calibration._distributions import DISTRIBUTIONS
from fixbench.calibration._planted_runs import adjudicate_planted
from fixbench.calibration._worlds import TRUTHS
from fixbench.statistics import bca_intervals

__all__ = ["Speed", "measure_speed"]

_CLAIMS, _SEEDS, _RESAMPLES = 80, 10, 9_999


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Seconds of processor time, in which other programs do not count.

    Attributes:
        verdicts: from rows to the verdicts of all claims, each with a control.
        bootstrap: all their BCa intervals at once.
        scipy: the same intervals by `scipy.stats.bootstrap`, in a loop.
        largest_difference: between both, in widths of an interval.
    """

    claims: int
    seeds: int
    resamples: int
    verdicts: float
    bootstrap: float
    scipy: float
    largest_difference: float


def measure_speed(*, seed: int = 0) -> Speed:
    """Time the statistics of 80 claims at 10 seeds with 9,999 resamples."""
    random = np.random.default_rng(seed)
    controlled = next(truth for truth in TRUTHS if truth.controls)
    samples = DISTRIBUTIONS[0].draw(random, (_CLAIMS, _SEEDS))

    def judge() -> None:
        adjudicate_planted(controlled, n=_SEEDS, claims=_CLAIMS, random=random, primary=True)

    def loop() -> list[tuple[float, float]]:
        found = []
        for sample in samples:
            interval = stats.bootstrap(
                (sample,), np.mean, n_resamples=_RESAMPLES, rng=np.random.default_rng(0)
            ).confidence_interval
            found.append((interval.low, interval.high))
        return found

    bootstrap, ours = _timed(lambda: np.array(bca_intervals(samples, resamples=_RESAMPLES)).T)
    scipy, theirs = _timed(lambda: np.array(loop()))
    verdicts, _ = _timed(judge)
    width = theirs[:, 1] - theirs[:, 0]
    return Speed(
        claims=_CLAIMS,
        seeds=_SEEDS,
        resamples=_RESAMPLES,
        verdicts=verdicts,
        bootstrap=bootstrap,
        scipy=scipy,
        largest_difference=float((np.abs(ours - theirs) / width[:, None]).max()),
    )


def _timed(function: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = function()
    return time.process_time() - started, result
