"""What those who judge replications ask beside an interval and a p-value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

from fixbench.statistics._samples import is_constant, scaled, t_tests

__all__ = [
    "Heterogeneity",
    "Superiority",
    "Synthesis",
    "minimum_effect_p",
    "paired_superiority",
    "prediction_interval",
    "sceptical_p",
    "standard_error",
    "superiority",
    "synthesis",
    "two_effects_p",
]

Array = NDArray[np.float64]
_GOLDEN = (1 + math.sqrt(5)) / 2
_ROUNDS = 500


@dataclass(frozen=True, kw_only=True)
class Superiority:
    """P(A > B) + P(A = B) / 2 with its interval; the interval is NaN where it is undefined."""

    probability: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Heterogeneity:
    """How far estimates differ beyond their errors.

    Attributes:
        q: Cochran's Q; p_value: of chi² with k - 1 degrees of freedom.
        i_squared: the share of the variance that is between studies, in [0, 1].
        tau_squared: the variance between studies, in squared units of the estimates.
    """

    q: float
    p_value: float
    i_squared: float
    tau_squared: float


@dataclass(frozen=True, kw_only=True)
class Synthesis:
    """Several estimates of one effect taken together.

    Attributes:
        k: how many estimates.
        fixed, fixed_low, fixed_high: the common effect, with its normal interval.
        random, random_low, random_high: the mean of the distribution of effects, with the
            interval of Hartung and Knapp.
        prediction_low, prediction_high: where the effect of one more study lies.
    """

    k: int
    fixed: float
    fixed_low: float
    fixed_high: float
    random: float
    random_low: float
    random_high: float
    prediction_low: float
    prediction_high: float
    heterogeneity: Heterogeneity


def prediction_interval(values: ArrayLike, *, confidence: float = 0.95) -> tuple[float, float]:
    """Where the effect of one more run lies: mean ± t · s · √(1 + 1/n), for normal effects (n,).

    (NaN, NaN) if n < 2. Without variance it is the point.
    """
    x = np.asarray(values, dtype=float)
    found = t_tests(x[None], confidence=confidence)
    mean = float(found.mean[0])
    # The interval of the mean reaches t · s / √n.
    wider = math.sqrt(len(x) + 1)
    return (
        mean - wider * (mean - float(found.low[0])),
        mean + wider * (float(found.high[0]) - mean),
    )


def minimum_effect_p(
    values: ArrayLike,
    *,
    margin: float,
    null: float = 0.0,
    direction: Literal["greater", "less"] | None = None,
) -> float:
    """p against "the mean effect differs from ``null`` by at most ``margin``", by Student's t.

    With a direction it is one-sided: small where the effect exceeds the margin that way. Without
    one, both tails count at the nearer edge of the margin; margin 0 then gives the two-sided p of
    the t-test (the minimum-effect test of Murphy and Myors, 1999).

    Args:
        values: effects (n,); p is NaN if n < 2, and that of the sign test without variance.
        margin: at least 0, in units of the effects.

    Raises:
        ValueError: the margin is negative.
    """
    if not margin >= 0:
        raise ValueError("a margin of at least 0")
    x = np.asarray(values, dtype=float) - null
    n = len(x)
    if n < 2 or np.isnan(x).any():
        return math.nan
    mean = float(x.mean())
    towards = {"greater": mean, "less": -mean, None: abs(mean)}[direction]
    if is_constant(np.asarray(values, dtype=float)):
        beyond = towards > margin and not math.isclose(towards, margin, rel_tol=1e-9)
        return (1 if direction else 2) * 2.0**-n if beyond else 1.0
    y, exponents = scaled(x[None])  # squares of tiny or huge effects stay finite
    power = -int(exponents[0, 0])
    error = float(y.std(ddof=1)) / math.sqrt(n)
    towards, margin = float(np.ldexp(towards, power)), float(np.ldexp(margin, power))
    p = float(special.stdtr(n - 1, -(towards - margin) / error))
    if direction is None:
        p += float(special.stdtr(n - 1, -(towards + margin) / error))
    return min(p, 1.0)


def superiority(a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95) -> Superiority:
    """P(A > B) + P(A = B) / 2 over all pairs of a run (n,) and a run (m,).

    The interval is the estimate ± t · error, cut to [0, 1], with the variance and the degrees of
    freedom of Brunner and Munzel (2000); `scipy.stats.brunnermunzel` tests 1/2 with the same.
    Where every run of one arm lies above all of the other, that variance is 0. Then min(n, m)
    disjoint pairs all agree, and the bound is Clopper and Pearson's for as many trials.
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    n, m = len(x), len(y)
    wins = (x[:, None] > y[None]) + 0.5 * (x[:, None] == y[None])
    p = float(wins.mean()) if wins.size else math.nan
    if min(n, m) < 2 or math.isnan(p):
        return Superiority(probability=p, low=math.nan, high=math.nan)
    if p in (0.0, 1.0):
        bound = ((1 - confidence) / 2) ** (1 / min(n, m))
        low, high = (bound, 1.0) if p == 1 else (0.0, 1 - bound)
        return Superiority(probability=p, low=low, high=high)
    by_a = float(wins.mean(axis=1).var(ddof=1)) / n
    by_b = float(wins.mean(axis=0).var(ddof=1)) / m
    if by_a + by_b == 0:  # all runs are equal
        return Superiority(probability=p, low=math.nan, high=math.nan)
    freedom = (by_a + by_b) ** 2 / (by_a**2 / (n - 1) + by_b**2 / (m - 1))
    reach = -stats.t.ppf((1 - confidence) / 2, freedom) * math.sqrt(by_a + by_b)
    return Superiority(
        probability=p, low=float(max(0.0, p - reach)), high=float(min(1.0, p + reach))
    )


def paired_superiority(a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95) -> Superiority:
    """P(A > B) + P(A = B) / 2 of two runs with the same seed, from n pairs (n,).

    The interval is Clopper and Pearson's with each tie as half a success, which has at least the
    stated coverage: a tie varies less than a success or a failure.
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    n = len(difference)
    if n == 0 or np.isnan(difference).any():
        return Superiority(probability=math.nan, low=math.nan, high=math.nan)
    won = float((difference > 0).sum() + 0.5 * (difference == 0).sum())
    tail = (1 - confidence) / 2
    low = 0.0 if won == 0 else float(special.betaincinv(won, n - won + 1, tail))
    high = 1.0 if won == n else float(special.betaincinv(won + 1, n - won, 1 - tail))
    return Superiority(probability=won / n, low=low, high=high)


def standard_error(low: float, high: float, *, n: float, confidence: float) -> float:
    """The standard error that Student's t interval of n values was made from; NaN if n < 2."""
    if n < 2:
        return math.nan
    return (high - low) / 2 / float(-special.stdtrit(n - 1, (1 - confidence) / 2))


def two_effects_p(
    first: float, se_first: float, n_first: float, second: float, se_second: float, n_second: float
) -> float:
    """Two-sided p that two independent means of n values each are one (Welch, 1947).

    Unlike Q of two studies it allows for standard errors that are estimates.
    """
    unit = max(se_first, se_second)
    a, b = (se_first / unit) ** 2, (se_second / unit) ** 2
    freedom = (a + b) ** 2 / (a**2 / (n_first - 1) + b**2 / (n_second - 1))
    t = (first - second) / unit / math.sqrt(a + b)
    return float(2 * special.stdtr(freedom, -abs(t)))


def sceptical_p(
    original: float,
    se_original: float,
    replication: float,
    se_replication: float,
    *,
    alternative: Literal["one-sided", "two-sided"] = "one-sided",
    recalibration: Literal["nominal", "golden"] = "golden",
    degrees_of_freedom: int | None = None,
) -> float:
    """The sceptical p-value of a replication (Held, 2020, J. R. Stat. Soc. A 183:431-448).

    A sceptic's prior is made just so strong that the original is no longer convincing; p says how
    strong it may be while the replication still contradicts the sceptic. With z_o, z_r and
    c = se_original² / se_replication², z² solves (z_o² / z² - 1) (z_r² / z² - 1) = c.

    Args:
        original, replication: effects less the value that means "no effect".
        se_original, se_replication: their standard errors, positive.
        alternative: one-sided in the direction of the original; a replication the other way then
            has p > 1/2.
        recalibration: "nominal" is Held (2020). "golden" multiplies z by √1.618 (Held, Micheloud
            and Pawel, 2022, Ann. Appl. Stat. 16:706-720): an original that is just significant
            succeeds only with a replication effect at least as large. It is then compared with the
            usual level, such as 0.025 one-sided.
        degrees_of_freedom: of the t of the replication. z_r is then the normal quantile of the p of
            that t; without it, the ratio is taken as normal.

    Raises:
        ValueError: a standard error is not positive.
    """
    if not (se_original > 0 and se_replication > 0):
        raise ValueError("positive standard errors")
    z_original, z_replication = abs(original) / se_original, abs(replication) / se_replication
    if degrees_of_freedom is not None:
        tail = special.stdtr(degrees_of_freedom, -z_replication)
        z_replication = float(-special.ndtri(tail))
    z = math.sqrt(
        _sceptical_square(z_original**2, z_replication**2, (se_original / se_replication) ** 2)
    )
    if recalibration == "golden":
        z *= math.sqrt(_GOLDEN)
    tail = float(special.ndtr(-z))
    if alternative == "two-sided":
        return 2 * tail
    return tail if original * replication >= 0 else 1 - tail


def _sceptical_square(first: float, second: float, ratio: float) -> float:
    """The root z² of (first / z² - 1) (second / z² - 1) = ratio between 0 and the smaller."""
    if min(first, second) == 0:
        return 0.0
    # (1 - c) u² - (first + second) u + first · second = 0, in a form that holds at c = 1 as well.
    total, product = first + second, first * second
    return 2 * product / (total + math.sqrt(total**2 - 4 * (1 - ratio) * product))


def synthesis(
    estimates: ArrayLike, standard_errors: Sequence[float] | Array, *, confidence: float = 0.95
) -> Synthesis:
    """Estimates (k,) of one effect taken together, as a common effect and as random effects.

    The variance between studies is estimated by REML, the interval is that of Hartung and Knapp
    (2001), and the prediction interval has k - 1 degrees of freedom: what
    ``rma(yi, sei, method = "REML", test = "knha")`` of R's metafor gives. The interval is wide with
    two studies, where t has one degree of freedom.

    Args:
        estimates: on the analysis scale (logarithms of ratios).
        standard_errors: (k,), positive and taken as known. With few seeds they are estimates, and
            Q then rejects too often.

    Raises:
        ValueError: fewer than two estimates, or a standard error that is not positive.
    """
    y, errors = np.asarray(estimates, dtype=float), np.asarray(standard_errors, dtype=float)
    k = len(y)
    if k < 2 or len(errors) != k or not (errors > 0).all():
        raise ValueError("at least two estimates, each with a positive standard error")
    unit = float(errors.max())  # squares of tiny or huge errors stay finite
    y, v = y / unit, (errors / unit) ** 2
    weights = 1 / v
    fixed = float(weights @ y / weights.sum())
    q = float(weights @ (y - fixed) ** 2)
    tau = _reml(y, v)
    typical = (k - 1) * weights.sum() / (weights.sum() ** 2 - (weights**2).sum())
    z, t = -special.ndtri((1 - confidence) / 2), -special.stdtrit(k - 1, (1 - confidence) / 2)
    known = z / math.sqrt(weights.sum())
    mixed = 1 / (v + tau)
    random = float(mixed @ y / mixed.sum())
    error = math.sqrt(float(mixed @ (y - random) ** 2) / (k - 1) / mixed.sum())
    around = math.sqrt(tau + error**2)
    return Synthesis(
        k=k,
        fixed=fixed * unit,
        fixed_low=float(fixed - known) * unit,
        fixed_high=float(fixed + known) * unit,
        random=random * unit,
        random_low=float(random - t * error) * unit,
        random_high=float(random + t * error) * unit,
        prediction_low=float(random - t * around) * unit,
        prediction_high=float(random + t * around) * unit,
        heterogeneity=Heterogeneity(
            q=q,
            p_value=float(special.chdtrc(k - 1, q)),
            i_squared=float(tau / (tau + typical)),
            tau_squared=tau * unit * unit,
        ),
    )


def _reml(y: Array, v: Array) -> float:
    """The variance between studies by restricted maximum likelihood, at least 0.

    Fisher scoring from the unweighted estimate; a step below 0 ends at 0.
    """
    tau = max(0.0, float(y.var(ddof=1) - v.mean()))
    for _ in range(_ROUNDS):
        w = 1 / (v + tau)
        total = w.sum()
        residual = w * (y - w @ y / total)
        trace = total - (w**2).sum() / total
        squares = (w**2).sum() - 2 * (w**3).sum() / total + ((w**2).sum() / total) ** 2
        step = float((residual @ residual - trace) / squares)
        new = max(0.0, tau + step)
        if abs(new - tau) <= 1e-12 * (1 + tau):
            return new
        tau = new
    return tau
