"""The rules of `fixbench.verdicts` for thousands of planted claims at once, in arrays.

`fixbench.verdicts.adjudicate` takes milliseconds a claim, mostly for rows and for checks that
decide nothing; that is too long to tell 5 % from 10 %. So the rules stand here a second time, with
the tests of the package. `fixbench.calibration` compares both on claims of every planted world.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fixbench.calibration._methods import ALPHA
from fixbench.calibration._planted_runs import Contrast, Runs, contrasts, grouped
from fixbench.calibration._worlds import Beside, Truth
from fixbench.statistics import (
    SPENDING,
    TTests,
    holm_factors,
    holms,
    insides,
    outsides,
    spending_levels,
    t_tests,
    tosts,
)

__all__ = ["EXPLAINABLE", "Judged", "judge", "judge_looks"]

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]
Verdicts = NDArray[np.str_]

#: The verdicts that a control can explain.
EXPLAINABLE = ("reproduced", "direction only", "another size")
_KINDS = ("different", "within", "beyond")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Verdicts on planted claims, each (claim,).

    Attributes:
        alone: what the effect alone gives, before preconditions and controls count.
        tests: of the effects.
    """

    verdicts: Verdicts
    alone: Verdicts
    tests: TTests


def judge(runs: Runs, *, family: int = 1) -> Judged:
    """Verdicts at one number of seeds.

    Args:
        family: how many claims make one, one after another; where it is 1, each is alone.
    """
    p_values, tests, fails = _test_effects(runs, ALPHA)
    shown = {}
    for kind, raw in p_values.items():
        counted = np.where(np.isnan(raw), 1.0, raw)  # no test, but a place in the family
        shown[kind] = ~np.isnan(raw) & (holms(counted.reshape(-1, family)).ravel() < ALPHA)
    alone = _rule_on(runs.truths, shown, tests, fails)
    stands = _stand(runs, alone, ALPHA, lambda size: np.arange(size, 0, -1.0))
    return Judged(verdicts=stands, alone=alone, tests=tests)


def judge_looks(runs: Runs, looks: Sequence[int]) -> Judged:
    """Final verdicts on claims, each alone, with seeds until a verdict.

    Args:
        looks: seeds at each look; the last is all that there are.
    """
    plans = {
        kind: [
            look.level / (2 if twice else 1)
            for look in spending_levels(
                looks, alpha=2 * ALPHA if twice else ALPHA, spending=SPENDING
            )
        ]
        # One-sided: of a symmetric plan at twice alpha each side errs with alpha.
        for kind, twice in (("different", False), ("within", True), ("beyond", False))
    }
    size = len(runs.truths)
    verdicts, alone = (np.full(size, "inconclusive", dtype="<U16") for _ in range(2))
    low, high, mean, p_value = (np.full(size, math.nan) for _ in range(4))
    going = np.arange(size)
    # Of each claim and kind: the seeds of the first look that showed it, 0 where none did.
    crossed = {kind: np.zeros(size, dtype=int) for kind in _KINDS}
    # That it differs is a verdict of this rule alone.
    by_difference = np.array([truth.rule == "difference" for truth in runs.truths])
    for number, n in enumerate(looks):
        level = spending_levels(looks, alpha=ALPHA, spending=SPENDING)[number].level
        part = runs.chosen(going).first(n)
        p_values, tests, fails = _test_effects(part, level)
        for kind, found in p_values.items():
            new = (crossed[kind][going] == 0) & (found <= plans[kind][number])
            crossed[kind][going[new]] = n
        shown = _upheld(part, {kind: crossed[kind][going] for kind in _KINDS}, tests, fails)
        alone[going] = _rule_on(part.truths, shown, tests, fails)
        factors = partial(_factors, looks=looks, made=number + 1)
        verdicts[going] = _stand(part, alone[going], level, factors)
        for kept, found in ((low, tests.low), (high, tests.high), (mean, tests.mean)):
            kept[going] = found
        p_value[going] = tests.p_value
        settled = np.any([crossed[kind][going] > 0 for kind in ("within", "beyond")], axis=0)
        settled |= (crossed["different"][going] > 0) & by_difference[going]
        going = going[~settled | (verdicts[going] == "unresolved")]
        if not going.size:
            break
    ends = TTests(mean=mean, low=low, high=high, p_value=p_value)
    return Judged(verdicts=verdicts, alone=alone, tests=ends)


def _test_effects(runs: Runs, alpha: float) -> tuple[dict[str, Array], TTests, Flags]:
    """Kind of evidence → p, adjusted for nothing; intervals; whether a run failed."""
    effects, failed = runs.effects(Contrast("score", 1, 0))
    tests = t_tests(effects, confidence=1 - alpha)
    fails: Flags = np.asarray(failed.any(axis=1))
    within, beyond = np.empty(len(effects)), np.empty(len(effects))
    for truth, claims in grouped(runs.truths):
        own, margin = effects[claims], truth.margin
        if truth.rule == "not_worse":
            from_bound = t_tests(own, null=-margin)
            p = np.where(from_bound.mean > -margin, from_bound.p_value, 1.0)
            within[claims] = np.where(np.isnan(from_bound.mean), math.nan, p)
            beyond[claims] = outsides(own, low=-margin, high=math.inf)
        else:
            within[claims] = tosts(own, low=-margin, high=margin)
            beyond[claims] = outsides(own, low=-margin, high=margin)
    # What an effect is not, no run that failed can show.
    within = np.where(fails & ~np.isnan(within), 1.0, within)
    return {"different": tests.p_value, "within": within, "beyond": beyond}, tests, fails


def _upheld(
    runs: Runs, crossed: dict[str, NDArray[np.int64]], tests: TTests, fails: Flags
) -> dict[str, Flags]:
    """What a look showed and the estimate from all seeds does not contradict."""
    effects, _ = runs.effects(Contrast("score", 1, 0))
    sums = np.cumsum(effects, axis=1)
    n = np.maximum(crossed["different"], 1)
    then = np.take_along_axis(sums, n[:, None] - 1, axis=1)[:, 0]
    margins = np.array([truth.margin for truth in runs.truths])
    high = [math.inf if truth.rule == "not_worse" else truth.margin for truth in runs.truths]
    inside = (-margins < tests.mean) & (tests.mean < np.array(high))
    agree = {"different": (then > 0) == (tests.mean > 0), "within": inside & ~fails}
    agree["beyond"] = ~inside
    return {kind: (crossed[kind] > 0) & agree[kind] for kind in _KINDS}


def _rule_on(
    truths: Sequence[Truth], shown: dict[str, Flags], tests: TTests, fails: Flags
) -> Verdicts:
    """The first line of its rule that applies to each claim."""
    verdicts = np.full(len(truths), "inconclusive", dtype="<U16")
    for truth, claims in grouped(truths):
        different, within, beyond = (shown[kind][claims] for kind in _KINDS)
        if truth.rule != "difference":
            lines = [(within, "reproduced"), (beyond, "refuted")]
        else:
            above = tests.mean[claims] > 0
            low, high = tests.low[claims], tests.high[claims]
            lines = [
                (within & different & above, "negligible"),
                (within, "absent"),
                (different & ~above, "reversed"),
            ]
            if truth.tolerance is None:
                lines.append((different & beyond, "reproduced"))
            else:
                least = truth.documented - truth.tolerance
                most = truth.documented + truth.tolerance
                sized = different & ~fails[claims]
                lines += [
                    (sized & ((high < least) | (low > most)), "another size"),
                    (sized & beyond & (least <= low) & (high <= most), "reproduced"),
                ]
            lines.append((different, "direction only"))
        conditions, names = zip(*lines, strict=True)
        verdicts[claims] = np.select(conditions, names, "inconclusive")
    return verdicts


def _factors(size: int, *, looks: Sequence[int], made: int) -> Array:
    return np.array(holm_factors(size, looks=looks, made=made, alpha=ALPHA, spending=SPENDING))


def _stand(runs: Runs, alone: Verdicts, alpha: float, factors: Callable[[int], Array]) -> Verdicts:
    """The verdicts after preconditions, then controls.

    Args:
        factors: number of p-values → what Holm's steps multiply the smallest by, the second, ….
    """
    verdicts = alone.copy()
    for truth, claims in grouped(runs.truths):
        if not truth.besides:
            continue
        here = runs.chosen(claims)
        windows = [
            _window(here, contrast, item)
            for item, contrast in zip(truth.besides, contrasts(truth)[1:], strict=True)
        ]
        count = len(truth.controls)
        own = verdicts[claims]
        if truth.preconditions:
            p_met, p_unmet = (np.stack(p, axis=1) for p in zip(*windows[count:], strict=True))
            met = p_met < alpha
            unmet = ~met & (_holm(p_unmet, factors) < alpha)
            waits = ~met & ~unmet
            own = np.select(
                [unmet.any(axis=1), waits.any(axis=1) & (own != "inconclusive")],
                ["not testable", "unresolved"],
                own,
            )
        if truth.controls:
            p_in, p_out = (np.stack(p, axis=1) for p in zip(*windows[:count], strict=True))
            explains = _holm(p_in, factors) < alpha
            ruled_out = ~explains & (p_out < alpha)
            asked = np.isin(own, EXPLAINABLE)
            own = np.select(
                [asked & explains.any(axis=1), asked & ~ruled_out.all(axis=1)],
                ["confounded", "unresolved"],
                own,
            )
        verdicts[claims] = own
    return verdicts


def _window(runs: Runs, contrast: Contrast, item: Beside) -> tuple[Array, Array]:
    """p that the effect lies between the bounds, and p that it does not.

    Each the largest over the effects with failed seeds imputed, without them and, for the second,
    with failed seeds at that effect of the others which lies farthest inside from a bound; that it
    lies outside, all must show on the same side. NaN where there is no effect.
    """
    effects, failed = runs.effects(contrast)
    sides = [
        {"low": low, "high": high}
        for low, high in ((item.above, math.inf), (-math.inf, item.below))
        if math.isfinite(low) or math.isfinite(high)
    ]
    bounds = {"low": item.above, "high": item.below}
    inside = insides(effects, **bounds)
    beyond = [outsides(effects, **side) for side in sides]
    lost = np.isnan(effects).any(axis=1)
    left = (~failed).sum(axis=1)
    # Those without a failure come first in each row.
    order = np.argsort(failed, axis=1, kind="stable")
    for count in np.unique(left[(left < failed.shape[1]) & ~lost]):
        claims = np.flatnonzero((left == count) & ~lost)
        if count == 0:
            inside[claims] = 1.0
            for p in beyond:
                p[claims] = 1.0
            continue
        own = effects[claims]
        rest = np.take_along_axis(own, order[claims, :count], axis=1)
        inward = [
            np.where(failed[claims], farthest(rest, axis=1, keepdims=True), own)
            for farthest, bound in ((np.max, item.above), (np.min, item.below))
            if math.isfinite(bound)
        ]
        p_inside = insides(rest, **bounds) if count > 1 else 1.0
        inside[claims] = np.fmax(inside[claims], p_inside)
        for p, side in zip(beyond, sides, strict=True):
            p[claims] = np.fmax(p[claims], outsides(rest, **side) if count > 1 else 1.0)
            for moved in inward:
                p[claims] = np.fmax(p[claims], outsides(moved, **side))
    return inside, np.min(beyond, axis=0)


def _holm(p_values: Array, factors: Callable[[int], Array]) -> Array:
    """Holm's adjustment of each row; where there is no p it counts as 1."""
    return holms(np.where(np.isnan(p_values), 1.0, p_values), factors(p_values.shape[1]))
