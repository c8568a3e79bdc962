"""Two sources of chance: seeds and data draws, crossed.

Every seed runs on every draw, once. The model is y = mean + seed + draw + rest, with all three
random and independent. It says how much of the scatter comes from seeds and how much from data,
and how wide an interval has to be that speaks of other data too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from fixbench.statistics._samples import scaled

__all__ = ["Components", "CrossedInterval", "NextHour", "crossed_interval", "next_hour"]


@dataclass(frozen=True, kw_only=True)
class Components:
    """Standard deviations of the three sources, in the unit of the effect.

    Attributes:
        seed, draw, rest: of seeds, of data draws, and of both together beyond their sum.
        seeds, draws: how many there are.
        negative: which of ``seed`` and ``draw`` had a negative estimate, which counts as 0. It
            means that the source is not seen beside the rest.
    """

    seed: float
    draw: float
    rest: float
    seeds: int
    draws: int
    negative: tuple[Literal["seed", "draw"], ...] = ()

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of seed, draw and rest in the sum of their variances; NaN where nothing varies."""
        largest = max(self.seed, self.draw, self.rest)
        if not largest > 0:
            return math.nan, math.nan, math.nan
        seed, draw, rest = ((x / largest) ** 2 for x in (self.seed, self.draw, self.rest))
        total = seed + draw + rest
        return seed / total, draw / total, rest / total

    def variance_of_mean(self, seeds: int, draws: int) -> float:
        """Of the mean over so many seeds and draws; the sum of the three variances is 1."""
        seed, draw, rest = self.shares
        return seed / seeds + draw / draws + rest / (seeds * draws)


@dataclass(frozen=True, kw_only=True)
class CrossedInterval:
    """The mean over seeds and draws, with an interval that counts both.

    Attributes:
        degrees: of freedom, by Satterthwaite; infinite where nothing varies.
    """

    estimate: float
    low: float
    high: float
    standard_error: float
    degrees: float
    components: Components


@dataclass(frozen=True, kw_only=True)
class NextHour:
    """What more computing would buy.

    Attributes:
        buy: what shrinks the variance of the mean more per unit of cost; ``"either"`` where both
            do so equally, or nothing varies.
        seed_gain, draw_gain: the share of it that one more seed on all draws, and one more draw
            for all seeds, take away per unit of cost.
    """

    buy: Literal["seed", "draw", "either"]
    seed_gain: float
    draw_gain: float


def crossed_interval(effects: ArrayLike, *, confidence: float = 0.95) -> CrossedInterval:
    """The mean of ``effects`` with an interval that includes seeds and data.

    Components are those of the analysis of variance (Searle, Casella and McCulloch, 1992, ch. 4),
    a negative one counts as 0. With the mean squares S of seeds, D of draws and E of the rest, the
    variance of the mean is (S + max(D - E, 0)) / (I J). Where D > E that is the unbiased estimate;
    else it is what the seeds alone say. Student's quantile has Satterthwaite's degrees of freedom
    (1946), and not fewer than the smaller of I - 1 and J - 1. The interval is never narrower than
    Student's interval of the means of seeds, which speaks of these draws alone.

    Satterthwaite's method is not exact. Simulated with 5 to 20 seeds, and variances of seeds and
    of draws of 0 to 10 times the rest, an interval of 95 % covers at least 94 % from five draws on,
    93 % with four, 92 % with three and 87 % with two. The tests repeat a part of this, with fewer
    tables. Two draws are a glimpse: the interval is then often several times wider, and still errs.

    Args:
        effects: (I, J): seed i, draw j; analysis scale, at least two of each.

    Raises:
        ValueError: there is one seed or one draw only, or an effect is not finite.
    """
    table = np.asarray(effects, dtype=float)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise ValueError("effects must be finite, of two seeds or more on two draws or more")
    rows, columns = table.shape
    flat, exponents = scaled(table.reshape(1, -1))
    y, power = flat.reshape(rows, columns), int(exponents[0, 0])
    mean = float(y.mean())
    by_seed, by_draw = y.mean(axis=1), y.mean(axis=0)
    freedom = rows - 1, columns - 1, (rows - 1) * (columns - 1)
    rest = y - by_seed[:, None] - by_draw[None, :] + mean
    seeds = columns * float(((by_seed - mean) ** 2).sum()) / freedom[0]
    draws = rows * float(((by_draw - mean) ** 2).sum()) / freedom[1]
    error = float((rest**2).sum()) / freedom[2]
    beyond = max(draws - error, 0.0)
    total = seeds + beyond
    degrees = math.inf
    if total > 0:
        spread = (seeds / total) ** 2 / freedom[0]
        if beyond > 0:
            spread += (draws / total) ** 2 / freedom[1] + (error / total) ** 2 / freedom[2]
        degrees = max(1 / spread, min(freedom[:2]))
    standard_error = math.sqrt(total / (rows * columns))
    level = (1 + confidence) / 2
    half = alone = float(special.stdtrit(freedom[0], level)) * math.sqrt(seeds / (rows * columns))
    if total > 0:
        half = max(alone, float(special.stdtrit(degrees, level)) * standard_error)
    negative: list[Literal["seed", "draw"]] = []
    if seeds < error:
        negative.append("seed")
    if draws < error:
        negative.append("draw")
    return CrossedInterval(
        estimate=float(np.ldexp(mean, power)),
        low=float(np.ldexp(mean - half, power)),
        high=float(np.ldexp(mean + half, power)),
        standard_error=float(np.ldexp(standard_error, power)),
        degrees=degrees,
        components=Components(
            seed=float(np.ldexp(math.sqrt(max(seeds - error, 0.0) / columns), power)),
            draw=float(np.ldexp(math.sqrt(beyond / rows), power)),
            rest=float(np.ldexp(math.sqrt(error), power)),
            seeds=rows,
            draws=columns,
            negative=tuple(negative),
        ),
    )


def next_hour(
    components: Components, cost_seed: float | None = None, cost_draw: float | None = None
) -> NextHour:
    """Whether one more seed or one more draw shrinks the variance of the mean more, per cost.

    Args:
        cost_seed: of one more seed on all draws, in any unit; by default its number of runs.
        cost_draw: of one more draw for all seeds, in the same unit; by default its number of runs.

    Raises:
        ValueError: a cost is not positive.
    """
    rows, columns = components.seeds, components.draws
    seed_cost = float(columns) if cost_seed is None else cost_seed
    draw_cost = float(rows) if cost_draw is None else cost_draw
    if not (seed_cost > 0 and draw_cost > 0):
        raise ValueError("costs must be positive")
    now = components.variance_of_mean(rows, columns)
    if math.isnan(now):
        return NextHour(buy="either", seed_gain=0.0, draw_gain=0.0)
    seed_gain = (1 - components.variance_of_mean(rows + 1, columns) / now) / seed_cost
    draw_gain = (1 - components.variance_of_mean(rows, columns + 1) / now) / draw_cost
    buy: Literal["seed", "draw", "either"] = "seed" if seed_gain > draw_gain else "draw"
    if math.isclose(seed_gain, draw_gain, rel_tol=1e-9):
        buy = "either"
    return NextHour(buy=buy, seed_gain=seed_gain, draw_gain=draw_gain)
