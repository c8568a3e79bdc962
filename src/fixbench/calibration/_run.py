"""Runs all simulations, and draws the conclusions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fixbench.calibration._claims import claim_cells
from fixbench.calibration._distributions import DISTRIBUTIONS, TWO_POINT
from fixbench.calibration._methods import ALPHA, CLAIMS, SIZES, Cell, method_cells
from fixbench.calibration._rate import FAMILY_LEVEL, SEEN_WITH, Rate, judged_together
from fixbench.calibration._speed import Speed, measure_speed
from fixbench.calibration._verdict_conclusions import verdict_conclusions
from fixbench.statistics import SPENDING

__all__ = ["Calibration", "calibrate", "cells"]

# A level between half and one and a half times the nominal one is tolerable (Bradley, 1978).
_TOLERABLE = 1.5
_PEEKING = "t, 5 % at every look"


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What the simulations found.

    Attributes:
        replications: those of a test; slower methods run a share of them (`Rate.trials`).
        conclusions: what follows from the rates, one sentence each.
        speed: `None` where it was not measured.
    """

    seed: int
    replications: int
    rates: tuple[Rate, ...]
    conclusions: tuple[str, ...]
    speed: Speed | None

    @property
    def failed(self) -> tuple[Rate, ...]:
        """The rates that are not what theory promises."""
        return tuple(rate for rate in self.rates if rate.failed)


def cells() -> list[Cell]:
    """Every simulation, in the order in which they are run."""
    return [*method_cells(), *claim_cells()]


def calibrate(
    *,
    replications: int,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
    speed: bool = True,
) -> Calibration:
    """Run every simulation; the rates depend on ``replications`` and ``seed`` alone.

    Args:
        progress: called with a title, the simulations done and their number.
        speed: measure the speed too, which depends on the machine.
    """
    planned = cells()
    found: list[Rate] = []
    for index, cell in enumerate(planned):
        if progress is not None:
            progress(cell.title, index, len(planned))
        # A generator of its own, so that adding or removing a simulation changes no other.
        random = np.random.default_rng([seed, *cell.title.encode()])
        found += cell.simulate(random, max(1, round(cell.share * replications)))
    if progress is not None:
        progress("done", len(planned), len(planned))
    rates = judged_together(found)
    return Calibration(
        seed=seed,
        replications=replications,
        rates=rates,
        conclusions=tuple(_conclusions(rates)),
        speed=measure_speed(seed=seed) if speed else None,
    )


def _conclusions(rates: Sequence[Rate]) -> list[str]:
    required = [rate for rate in rates if rate.required]
    failed = [rate for rate in required if rate.failed]
    worst = max(_find(rates, "false positives", "t", symmetric=True), key=lambda rate: rate.rate)
    student = _by_size(rates, "false positives", "t", symmetric=False)
    flipped = _by_size(rates, "false positives", "sign-flip", symmetric=False)
    unreachable = [
        n for n in SIZES if not any(r.count for r in rates if (r.method, r.n) == ("sign-flip", n))
    ]
    family = _by_size(
        rates, f"any false positive among {CLAIMS} claims", "t, Holm", symmetric=False
    )
    covered = min(_find(rates, "coverage", "BCa", symmetric=True), key=lambda rate: rate.rate)
    looks = [
        r for r in rates if r.question.startswith("any false look") and r.condition == "normal"
    ]
    asymmetric = max(
        (
            r
            for r in rates
            if r.question.startswith("any false look")
            and r.method == f"t, {SPENDING}"
            and r.condition in ("skewed", "bimodal")
        ),
        key=lambda rate: rate.rate,
    )
    peeking = max((r for r in looks if r.method == _PEEKING), key=lambda rate: rate.rate)
    guarded = max((r for r in looks if r.method != _PEEKING), key=lambda rate: rate.rate)
    families = [r for r in rates if r.question == "false verdicts in families"]
    mixed = [r for r in families if r.condition.startswith(f"{CLAIMS} primary claims: ")]
    (sized,) = (r for r in families if not r.required)
    noted = _noted(rates, symmetric=True), _noted(rates, symmetric=False)
    holds = not failed and worst.rate <= _TOLERABLE * ALPHA
    return [
        f"{len(required) - len(failed)} of {len(required)} rates that theory promises are not "
        f"refuted, at a level ({required[0].level:.2g} each, after Bonferroni) at which any is "
        f"wrongly refuted in at most {_percent(FAMILY_LEVEL)} of calibrations."
        + "".join(f" Refuted: {r.question}, {r.method}, {r.condition}, n = {r.n}." for r in failed),
        f"What this could see, with a probability of {100 * SEEN_WITH:.0f} %: {_seen(required)}.",
        f"Where effects are symmetric about 0, as those of two variants that differ in nothing "
        f"always are, the t-test is wrong in at most {_percent(worst.rate)} of cases "
        f"({worst.condition}, n = {worst.n}).",
        "Where their mean is 0 but they are not symmetric (the worse of skewed and bimodal), it is "
        f"wrong in {student}; the sign-flip test in {flipped}.",
        "The sign-flip test can never be significant at n = "
        f"{' and '.join(map(str, unreachable)) or 'none of these sizes'}, nor, adjusted for "
        f"{CLAIMS} claims, at n = 10.",
        f"Holm's adjustment asks for the far tails, where asymmetry weighs most: any of {CLAIMS} "
        f"claims is wrongly shown in {family} of such families. A verdict on few seeds that are "
        "clearly skewed or have collapsed rests on more than the test.",
        f"Where most seeds give the same value ({TWO_POINT.meaning.partition(':')[0]}), "
        f"equivalence is wrongly shown in {_two_point(rates, 'false equivalence at the margin')}, "
        f"and the interval covers {_two_point(rates, 'coverage')}: nothing is promised there.",
        "Holm's adjustment is made for each kind of evidence: of "
        f"{mixed[0].condition}, any is wrongly shown to differ in "
        f"{_percent(mixed[0].rate)} of families, to be absent in {_percent(mixed[1].rate)}, either "
        f"in {_percent(mixed[2].rate)} (bound {_percent(mixed[2].nominal)}).",
        f"Sizes are judged by intervals, which nothing adjusts: any of {CLAIMS} claims at the edge "
        f"of its tolerance is wrongly 'reproduced' in {_percent(sized.rate)} of families.",
        f"The BCa interval covers as little as {_percent(covered.rate)} on symmetric effects "
        f"({covered.condition}, n = {covered.n}): it is shown beside the t interval and decides "
        "nothing.",
        "Looking after every block of seeds and stopping at 5 % errs in up to "
        f"{_percent(peeking.rate)} of cases (blocks of {peeking.n}); with the levels of "
        f"seeds=until-verdict in up to {_percent(guarded.rate)}, on normal effects. On skewed and "
        f"bimodal ones these too err in up to {_percent(asymmetric.rate)} ({asymmetric.condition}, "
        f"blocks of {asymmetric.n}).",
        f"That seeds are skewed is noted beside verdicts on {noted[0]} of normal samples, on "
        f"{noted[1]} of skewed and bimodal ones.",
        *verdict_conclusions(rates),
        "The default is Student's t, on the log scale for ratios."
        if holds
        else "Student's t does not hold its level here and should not be the default.",
    ]


def _find(rates: Sequence[Rate], question: str, method: str, *, symmetric: bool) -> list[Rate]:
    kinds = {kind.name for kind in DISTRIBUTIONS if kind.symmetric == symmetric}
    return [
        rate
        for rate in rates
        if (rate.question, rate.method) == (question, method)
        and rate.condition.partition(",")[0] in kinds
    ]


def _seen(required: Sequence[Rate]) -> str:
    """The true rates that would be refuted, by what is promised of an error."""
    texts = []
    for nominal in (ALPHA / 2, ALPHA, 2 * ALPHA):
        seen = [
            math.inf if r.seen[1] is None else r.seen[1]
            for r in required
            if (r.bound, r.nominal) == ("at most", nominal)
        ]
        lowest, highest = _percent(min(seen)), _percent(max(seen))
        rates = lowest if lowest == highest else f"{lowest} to {highest}"
        texts.append(f"an error of {rates} where at most {100 * nominal:g} % is promised")
    return ", ".join(texts)


def _two_point(rates: Sequence[Rate], question: str) -> str:
    """The worse rate at each n, as text."""
    found = [
        rate
        for rate in rates
        if rate.question == question and rate.condition.partition(",")[0] == TWO_POINT.name
    ]
    texts = []
    for n in SIZES:
        here = [r.rate for r in found if r.n == n]
        worst = min(here) if question == "coverage" else max(here)
        texts.append(f"{_percent(worst)} (n = {n})")
    return ", ".join(texts)


def _noted(rates: Sequence[Rate], *, symmetric: bool) -> str:
    """How often skewness is noted, from the smallest n at which it can be."""
    found = [
        rate.rate
        for rate in rates
        if rate.question == "noted as skewed"
        and rate.condition in (("normal",) if symmetric else ("skewed", "bimodal"))
        and rate.count
    ]
    return f"{_percent(min(found, default=0.0))} to {_percent(max(found, default=0.0))}"


def _by_size(rates: Sequence[Rate], question: str, method: str, *, symmetric: bool) -> str:
    """The highest rate at each n, as text."""
    found = _find(rates, question, method, symmetric=symmetric)
    texts = []
    for n in SIZES:
        worst = max(rate.rate for rate in found if rate.n == n)
        texts.append(f"{_percent(worst)} (n = {n})")
    return ", ".join(texts)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
