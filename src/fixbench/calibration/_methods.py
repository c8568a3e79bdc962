"""Error rates, coverage and power of the tests, simulated many samples at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from fixbench.calibration._distributions import (
    DISTRIBUTIONS,
    TWO_POINT,
    TWO_POINT_MARGIN,
    Distribution,
)
from fixbench.calibration._rate import Rate
from fixbench.statistics import (
    SKEWED,
    SPENDING,
    SPENDINGS,
    bca_intervals,
    decide,
    holms,
    plan_looks,
    seeds_for_difference,
    seeds_for_equivalence,
    sign_flips,
    spending_levels,
    standardised_skewness,
    t_tests,
    tosts,
)

__all__ = ["ALPHA", "SIZES", "Cell", "method_cells"]

ALPHA = 0.05
SIZES = (3, 5, 10, 30)
CLAIMS = 40
# Fewer resamples than the package takes leave time for more replications. A Monte Carlo sign-flip
# test is exact with any number of flips; few resamples make a BCa bound noisier but keep its level.
_FLIPS = 1_999
_RESAMPLES = 1_999
# Effects, in standard deviations, that the t-test shows at n seeds with a power of about 0.8.
_DETECTABLE = {3: 3.3, 5: 1.7, 10: 1.0, 30: 0.53}
# Half the width of the equivalence range, in standard deviations: enough for three seeds.
_MARGIN = 4.0

# Seeds a block, up to a budget of 30.
_BLOCKS, _BUDGET = (3, 5, 10), 30

Array = NDArray[np.float64]
NORMAL = DISTRIBUTIONS[0]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One simulation.

    Attributes:
        share: the part of the requested replications that it runs.
        simulate: generator and replications → rates.
    """

    title: str
    simulate: Callable[[np.random.Generator, int], list[Rate]] = field(repr=False)
    share: float = 1.0


def method_cells() -> Iterator[Cell]:
    """The simulations of every method, distribution and number of seeds."""
    for n in SIZES:
        for kind in DISTRIBUTIONS:
            title = f"one test, {kind.name}, n = {n}"
            yield Cell(title=title, simulate=partial(_one_test, kind, n))
            yield Cell(
                title=f"BCa, {kind.name}, n = {n}", simulate=partial(_bca, kind, n), share=0.1
            )
            yield Cell(title=f"TOST, {kind.name}, n = {n}", simulate=partial(_tost, kind, n))
            yield Cell(title=f"power, {kind.name}, n = {n}", simulate=partial(_power, kind, n))
            title = f"{CLAIMS} claims, {kind.name}, n = {n}"
            yield Cell(title=title, simulate=partial(_family, kind, n), share=0.4)
        title = f"{TWO_POINT.name}, n = {n}"
        yield Cell(title=f"one test, {title}", simulate=partial(_one_test, TWO_POINT, n))
        tost = partial(_tost, TWO_POINT, n, margin=TWO_POINT_MARGIN)
        yield Cell(title=f"TOST, {title}", simulate=tost)
    for kind in DISTRIBUTIONS:
        for block in _BLOCKS:
            title = f"looks, {kind.name}, blocks of {block}"
            yield Cell(title=title, simulate=partial(_looks, kind, block))
    for block in _BLOCKS:
        title = f"looks at {CLAIMS} claims, blocks of {block}"
        yield Cell(title=title, simulate=partial(_looks_at_family, block), share=0.4)
    for alpha in (ALPHA, ALPHA / CLAIMS):
        for effect in (0.6, 1.0, 2.0):
            title = f"seeds for a difference of {effect:g} at {alpha:g}"
            yield Cell(title=title, simulate=partial(_planned_difference, effect, alpha))
        for margin in (0.8, 1.5):
            title = f"seeds for equivalence within {margin:g} at {alpha:g}"
            yield Cell(title=title, simulate=partial(_planned_equivalence, margin, alpha))


def _one_test(kind: Distribution, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    samples = kind.draw(random, (trials, n))
    tests = t_tests(samples)
    flips = sign_flips(samples, flips=_FLIPS)
    # Where samples may have no variance the t-test's p is that of the sign-flip test.
    exact = kind.name == "normal"
    make = partial(Rate, condition=kind.name, n=n, trials=trials)
    return [
        make(
            question="false positives",
            method="t",
            count=int((tests.p_value < ALPHA).sum()),
            nominal=ALPHA,
            bound="equal" if exact else "at most",
            required=exact,
        ),
        make(
            question="false positives",
            method="sign-flip",
            # The exact test rejects at p ≤ alpha; the equality matters where alpha is a possible p.
            count=int((flips <= ALPHA).sum()),
            nominal=ALPHA,
            bound="at most",
            required=kind.symmetric,
        ),
        make(
            question="coverage",
            method="t",
            count=int(((tests.low <= 0) & (tests.high >= 0)).sum()),
            nominal=1 - ALPHA,
            bound="equal" if exact else "at least",
            required=exact,
        ),
        make(
            question="noted as skewed",
            method=f"standardised skewness beyond {SKEWED:g}",
            count=int((np.abs(standardised_skewness(samples)) > SKEWED).sum()),
            nominal=ALPHA,
            bound="at most" if kind.symmetric else "at least",
        ),
    ]


def _bca(kind: Distribution, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    low, high = bca_intervals(kind.draw(random, (trials, n)), resamples=_RESAMPLES)
    # Without variance there is no interval: it covers nothing, and it claims nothing.
    covered = np.isnan(low) | ((low <= 0) & (high >= 0))
    return [
        Rate(
            question="coverage",
            method="BCa",
            condition=kind.name,
            n=n,
            count=int(covered.sum()),
            trials=trials,
            nominal=1 - ALPHA,
            bound="at least",
        )
    ]


def _tost(
    kind: Distribution,
    n: int,
    random: np.random.Generator,
    trials: int,
    *,
    margin: float = _MARGIN,
) -> list[Rate]:
    """A true effect on either end of the range: equivalence is then the error."""
    samples = kind.draw(random, (trials, n))
    return [
        Rate(
            question="false equivalence at the margin",
            method="TOST",
            condition=f"{kind.name}, {end}",
            n=n,
            count=int((tosts(samples, low=low, high=low + 2 * margin) < ALPHA).sum()),
            trials=trials,
            nominal=ALPHA,
            bound="at most",
            required=kind.name == "normal",
        )
        for end, low in (("lower end", 0.0), ("upper end", -2 * margin))
    ]


def _power(kind: Distribution, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    effect = _DETECTABLE[n]
    samples = kind.draw(random, (trials, n)) + effect
    critical, shift = stats.t.isf(ALPHA / 2, n - 1), effect * math.sqrt(n)
    theory = stats.nct.sf(critical, n - 1, shift) + stats.nct.cdf(-critical, n - 1, shift)
    exact = kind.name == "normal"
    make = partial(Rate, condition=kind.name, n=n, trials=trials, nominal=float(theory))
    return [
        make(
            question="power",
            method="t",
            count=int((t_tests(samples).p_value < ALPHA).sum()),
            bound="equal" if exact else "at least",
            required=exact,
        ),
        make(
            question="power",
            method="sign-flip",
            count=int((sign_flips(samples, flips=_FLIPS) <= ALPHA).sum()),
            bound="at least",
        ),
    ]


def _family(kind: Distribution, n: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Whether any of the true nulls of a family is rejected after Holm's adjustment."""
    rates = []
    cases = [("independent", 0.0, 0)]
    if kind.name == "normal":
        cases += [("dependent", 0.9, 0), ("half of them true", 0.0, CLAIMS // 2)]
    for name, correlation, true in cases:
        own = kind.draw(random, (trials, CLAIMS, n))
        # All claims of a document share their seeds, so their errors may be correlated.
        shared = kind.draw(random, (trials, 1, n))
        samples = math.sqrt(1 - correlation) * own + math.sqrt(correlation) * shared
        samples[:, :true] += 10
        flat = samples.reshape(-1, n)
        for method, p_values in (
            ("t", t_tests(flat).p_value),
            ("sign-flip", sign_flips(flat, flips=_FLIPS)),
        ):
            wrong = (holms(p_values.reshape(trials, CLAIMS))[:, true:] < ALPHA).any(axis=1)
            rates.append(
                Rate(
                    question=f"any false positive among {CLAIMS} claims",
                    method=f"{method}, Holm",
                    condition=f"{kind.name}, {name}",
                    n=n,
                    count=int(wrong.sum()),
                    trials=trials,
                    nominal=ALPHA,
                    bound="at most",
                    required=kind.name == "normal" or (method != "t" and kind.symmetric),
                )
            )
    return rates


def _looks(kind: Distribution, block: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Whether any look, after every block, errs: with the levels for it, and without them."""
    looks = plan_looks(_BUDGET, block=block)
    samples = kind.draw(random, (trials, _BUDGET))
    p_values = np.stack([t_tests(samples[:, :n]).p_value for n in looks], axis=1)
    equivalent = np.stack([tosts(samples[:, :n], low=0, high=8) for n in looks], axis=1)
    make = partial(Rate, n=block, trials=trials, nominal=ALPHA, bound="at most")
    rates = []
    for spending in SPENDINGS:
        levels = [look.level for look in spending_levels(looks, spending=spending)]
        twice = spending_levels(looks, alpha=2 * ALPHA, spending=spending)
        sides = [look.level / 2 for look in twice]
        for method, wrong in (
            (f"t, {spending}", p_values <= levels),
            (f"TOST at the margin, {spending}", equivalent <= sides),
        ):
            rates.append(
                make(
                    question=f"any false look, by seeds a block, up to {_BUDGET}",
                    method=method,
                    condition=kind.name,
                    count=int(wrong.any(axis=1).sum()),
                    required=kind.name == "normal",
                )
            )
    rates.append(
        make(
            question=f"any false look, by seeds a block, up to {_BUDGET}",
            method="t, 5 % at every look",
            condition=kind.name,
            count=int((p_values < ALPHA).any(axis=1).sum()),
        )
    )
    return rates


def _looks_at_family(block: int, random: np.random.Generator, trials: int) -> list[Rate]:
    """Whether any true null of a family, half of it true, is shown at any look."""
    looks, real = plan_looks(_BUDGET, block=block), CLAIMS // 2
    wrong = 0
    for _ in range(trials):
        samples = NORMAL.draw(random, (CLAIMS, _BUDGET))
        samples[:real] += 1
        p_values = np.stack([t_tests(samples[:, :n]).p_value for n in looks], axis=1)
        evidence = {f"{i}": {"different": list(p)} for i, p in enumerate(p_values)}
        shown = decide(evidence, looks=looks).shown
        wrong += any(shown[f"{i}"] for i in range(real, CLAIMS))
    return [
        Rate(
            question=f"any false look, by seeds a block, up to {_BUDGET}",
            method=f"t, {SPENDING}, Holm",
            condition=f"normal, {CLAIMS} claims, half of them true",
            n=block,
            count=wrong,
            trials=trials,
            nominal=ALPHA,
            bound="at most",
            required=True,
        )
    ]


def _planned_difference(
    effect: float, alpha: float, random: np.random.Generator, trials: int
) -> list[Rate]:
    n = seeds_for_difference(effect, 1.0, null=0.0, alpha=alpha)
    assert n is not None
    rates = []
    for seeds, bound in ((n, "at least"), (n - 1, "at most")):
        tests = t_tests(NORMAL.draw(random, (trials, seeds)) + effect)
        rates.append(
            Rate(
                question="power of the planned seeds" if seeds == n else "power of one seed fewer",
                method="t",
                condition=f"effect {effect:g}, alpha {alpha:g}",
                n=seeds,
                count=int(((tests.p_value < alpha) & (tests.mean > 0)).sum()),
                trials=trials,
                nominal=0.8,
                bound=bound,  # type: ignore[arg-type]
                required=True,
            )
        )
    return rates


def _planned_equivalence(
    margin: float, alpha: float, random: np.random.Generator, trials: int
) -> list[Rate]:
    mean = 0.1
    n = seeds_for_equivalence(mean, 1.0, low=-margin, high=margin, alpha=alpha)
    assert n is not None
    p_values = tosts(NORMAL.draw(random, (trials, n)) + mean, low=-margin, high=margin)
    return [
        Rate(
            question="power of the planned seeds",
            method="TOST",
            condition=f"effect {mean:g}, margin {margin:g}, alpha {alpha:g}",
            n=n,
            count=int((p_values < alpha).sum()),
            trials=trials,
            nominal=0.8,
            bound="at least",
            required=True,
        )
    ]
