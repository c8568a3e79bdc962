"""One effect summarised over seeds: interval, tests, effect size."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from fixbench.statistics._bootstrap import bootstrap_ts
from fixbench.statistics._clustered import ClusteredInterval
from fixbench.statistics._samples import is_constant, scaled, t_tests
from fixbench.statistics._welch import welch

__all__ = [
    "Arm",
    "EffectEstimate",
    "StudentT",
    "default_null",
    "estimate_effect",
    "estimate_unpaired",
    "hedges_correction",
    "is_constant",
    "student_t",
    "to_analysis",
    "to_natural",
]

Scale = Literal["plain", "log"]


@dataclass(frozen=True, kw_only=True)
class StudentT:
    """Mean, confidence interval and two-sided p-value of one sample."""

    mean: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One side of an effect whose runs are no pairs.

    Attributes:
        variant: its name.
        n: runs that entered; n_failed: how many of them failed and were imputed by policy.
    """

    variant: str
    n: int
    n_failed: int = 0


@dataclass(frozen=True, kw_only=True)
class EffectEstimate:
    """A per-seed contrast, summarised over seeds; or one of arms that are no pairs.

    ``estimate``, ``low`` and ``high`` are on the natural scale (ratios for log effects); the
    interval and ``p_value`` come from one method (Student t on the analysis scale), so that they
    never disagree about ``null``.

    Attributes:
        per_seed: seed → effect on the natural scale (failed seeds at their imputed value).
        n: seeds that entered; n_failed: how many of them failed and were imputed by policy.
        p_bootstrap_t, bootstrap_low, bootstrap_high: bootstrap-t test of the same null and its
            interval, a sensitivity check (`bootstrap_ts`; NaN if undefined).
        complete_case: the estimate without failed seeds (NaN when none is left).
        standard_deviation: of the per-seed effects, on the analysis scale.
        standardised: Hedges-corrected paired effect size (mean minus null over SD).
        clustered: natural-scale interval that counts the samples inside seeds, where the effect
            declares them; a sensitivity check.
        arms: where runs are no pairs: its sides, compared by Welch's t. ``per_seed`` is then
            empty, ``n`` and ``n_failed`` count runs, ``standard_deviation`` is that of the contrast
            of single runs, ``standardised`` divides by the root mean variance of the arms.
        degrees_of_freedom: likewise, of Welch and Satterthwaite.
    """

    scale: Scale
    null: float
    estimate: float
    low: float
    high: float
    confidence: float
    n: int
    n_failed: int
    p_value: float
    p_bootstrap_t: float
    bootstrap_low: float
    bootstrap_high: float
    complete_case: float
    standard_deviation: float
    standardised: float
    per_seed: Mapping[int, float]
    clustered: ClusteredInterval | None = None
    arms: tuple[Arm, ...] = ()
    degrees_of_freedom: float | None = None


def default_null(scale: Scale) -> float:
    """The value that means "no effect" on the natural scale where none is declared."""
    return 1.0 if scale == "log" else 0.0


def to_analysis(value: float, scale: Scale) -> float:
    """Natural scale → the scale on which tests are made."""
    return math.log(value) if scale == "log" else float(value)


def to_natural(value: float, scale: Scale) -> float:
    """The inverse of `to_analysis`."""
    if scale == "plain":
        return float(value)
    with np.errstate(over="ignore"):
        return float(np.exp(value))


def student_t(values: ArrayLike, *, null: float = 0.0, confidence: float = 0.95) -> StudentT:
    """One-sample t-test of the per-seed effects (n,) and the interval that belongs to it.

    With n = 1 interval and p are NaN; all is NaN where a value is not finite. Without variance the
    t-test is undefined: the interval is then the point, and p that of the sign test, 2 / 2ⁿ (1
    where the point is ``null``).
    """
    found = t_tests(np.asarray(values, dtype=float)[None], null=null, confidence=confidence)
    return StudentT(
        mean=float(found.mean[0]),
        low=float(found.low[0]),
        high=float(found.high[0]),
        p_value=float(found.p_value[0]),
    )


def hedges_correction(degrees_of_freedom: int) -> float:
    """The factor that makes mean over SD an unbiased effect size (Hedges, 1981); NaN below 2."""
    if degrees_of_freedom < 2:
        return math.nan
    half = degrees_of_freedom / 2
    return math.exp(special.gammaln(half) - special.gammaln(half - 0.5)) / math.sqrt(half)


def estimate_effect(
    per_seed: Mapping[int, float],
    *,
    scale: Scale = "plain",
    null: float | None = None,
    confidence: float = 0.95,
    failed: Collection[int] = (),
) -> EffectEstimate:
    """Summarise per-seed effects.

    Args:
        per_seed: seed → effect on the analysis scale (natural log for ``scale="log"``); one that
            is not finite leaves nothing but NaN, since the seed cannot be passed over, and so does
            no seed at all.
        null: the value that means "no effect" on the natural scale (0, or 1 for log effects).
        failed: the seeds whose effect rests on an imputed value.
    """
    seeds = sorted(per_seed)
    x = np.array([per_seed[seed] for seed in seeds], dtype=float)
    null = default_null(scale) if null is None else float(null)
    origin = to_analysis(null, scale)
    complete = [per_seed[seed] for seed in seeds if seed not in failed]
    low = high = p_bootstrap = deviation = standardised = math.nan
    student = StudentT(mean=math.nan, low=math.nan, high=math.nan, p_value=math.nan)
    if len(x) and np.isfinite(x).all():
        student = student_t(x, null=origin, confidence=confidence)
        resampled = bootstrap_ts(x[None], null=origin, confidence=confidence)
        low, high = float(resampled.low[0]), float(resampled.high[0])
        p_bootstrap = float(resampled.p_value[0])
        if len(x) > 1:
            constant = is_constant(x)
            y, exponents = scaled(x[None])
            power = int(exponents[0, 0])
            spread = float(np.std(y, ddof=1))
            deviation = 0.0 if constant else float(np.ldexp(spread, power))
            if not constant:
                shift = float(np.ldexp(student.mean - origin, -power)) / spread
                standardised = shift * hedges_correction(len(x) - 1)
    return EffectEstimate(
        scale=scale,
        null=null,
        estimate=to_natural(student.mean, scale),
        low=to_natural(student.low, scale),
        high=to_natural(student.high, scale),
        confidence=confidence,
        n=len(x),
        n_failed=len(set(failed) & set(seeds)),
        p_value=student.p_value,
        p_bootstrap_t=p_bootstrap,
        bootstrap_low=to_natural(low, scale),
        bootstrap_high=to_natural(high, scale),
        complete_case=to_natural(float(np.mean(complete)), scale) if complete else math.nan,
        standard_deviation=deviation,
        standardised=standardised,
        per_seed={seed: to_natural(per_seed[seed], scale) for seed in seeds},
    )


def estimate_unpaired(
    arms: Mapping[str, Sequence[float]],
    *,
    scale: Scale = "plain",
    null: float | None = None,
    confidence: float = 0.95,
    failed: Mapping[str, int] | None = None,
    complete: Mapping[str, Sequence[float]] | None = None,
) -> EffectEstimate:
    """Summarise a contrast of independent arms by Welch's t.

    Args:
        arms: variant → what each of its runs adds to the effect, analysis scale.
        null, confidence: as in `estimate_effect`.
        failed: variant → how many of its values are imputed.
        complete: the arms without those values; the arms themselves where nothing failed.
    """
    null = default_null(scale) if null is None else float(null)
    origin = to_analysis(null, scale)
    failed = failed or {}
    found = welch(list(arms.values()), null=origin, confidence=confidence)
    alone = welch(list((arms if complete is None else complete).values()))
    standardised = math.nan
    if found.deviation > 0:
        # Divided by the root mean variance: of two arms by the usual deviation of one.
        spread = found.deviation / math.sqrt(len(arms))
        freedom = sum(map(len, arms.values())) - len(arms)
        standardised = (found.mean - origin) / spread * hedges_correction(freedom)
    return EffectEstimate(
        scale=scale,
        null=null,
        estimate=to_natural(found.mean, scale),
        low=to_natural(found.low, scale),
        high=to_natural(found.high, scale),
        confidence=confidence,
        n=sum(map(len, arms.values())),
        n_failed=sum(failed.values()),
        p_value=found.p_value,
        p_bootstrap_t=math.nan,
        bootstrap_low=math.nan,
        bootstrap_high=math.nan,
        complete_case=to_natural(alone.mean, scale),
        standard_deviation=found.deviation,
        standardised=standardised,
        per_seed={},
        arms=tuple(
            Arm(variant=name, n=len(values), n_failed=failed.get(name, 0))
            for name, values in arms.items()
        ),
        degrees_of_freedom=found.degrees_of_freedom,
    )
