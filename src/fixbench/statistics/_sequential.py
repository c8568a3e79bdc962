"""Seeds in blocks, with a look after each: an error rate that survives the peeking.

A group-sequential test with alpha spending (Lan and DeMets, 1983). After each block a claim's p is
compared with a level that is set beforehand; the levels are such that looking at all of them, and
stopping at the first that is met, errs with probability alpha. They are found for normal sums by
recursive integration (Armitage, McPherson and Rowe, 1969) and applied to the p of the t-test, the
"significance level approach" of Jennison and Turnbull (2000). With so few seeds that errs up to
1.15 times too often (simulated, with blocks of 3 to 10), so 0.85 of alpha is spent. Over a family,
Holm's steps are taken with the levels of alpha / m, alpha / (m - 1), …, each of which is a
sequential test (Maurer and Bretz, 2013). `fixbench.calibration` simulates both.

The interval of confidence 1 - level at each look, level being that of one claim with all of alpha,
is a repeated confidence interval (Jennison and Turnbull, 1989): all of them together hold the
effect with probability 1 - alpha, whatever made the run stop. p is that of a single look. The
estimate of a claim that was stopped for what it showed is too far from null on average.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from fixbench.errors import InputError
from fixbench.statistics._look import Crossing, Look, Progress

__all__ = [
    "SPENDING",
    "SPENDINGS",
    "Spending",
    "decide",
    "holm_factors",
    "spending_levels",
]

Array = NDArray[np.float64]
Spending = Literal["pocock", "obrien-fleming"]
SPENDINGS: tuple[Spending, ...] = get_args(Spending)
#: The one that is used: with it a large effect stops early.
SPENDING: Spending = "pocock"

_NODES = 160
# Beyond so many standard deviations there is nothing left to spend.
_FAR = 12.0
# The part of alpha spent where there are several looks; see above.
_KEPT = 0.85


def spending_levels(
    looks: Sequence[int], *, alpha: float = 0.05, spending: Spending = SPENDING
) -> tuple[Look, ...]:
    """The level of each look.

    Args:
        looks: seeds at each, increasing; the last one is the budget. They are part of the plan:
            choosing the next from what the last showed would void it.
        alpha: two-sided, over all looks together.
        spending: ``"pocock"`` spends alpha · ln(1 + (e - 1) t) up to the share t of the budget, so
            that a large effect stops early; ``"obrien-fleming"`` keeps almost all for the end.

    Raises:
        InputError: looks that do not increase, or an alpha that is no probability.
    """
    if not looks or looks[0] < 2 or any(a >= b for a, b in pairwise(looks)):
        expected = "increasing numbers of seeds, two at least"
        raise InputError("seeds=until-verdict", "looks", list(looks), expected=expected)
    if not 0 < alpha < 1:
        raise InputError("seeds=until-verdict", "alpha", alpha, expected="a number between 0 and 1")
    return _levels(tuple(looks), alpha, spending)


def holm_factors(
    size: int,
    *,
    looks: Sequence[int],
    made: int,
    alpha: float = 0.05,
    spending: Spending = SPENDING,
) -> tuple[float, ...]:
    """What Holm's steps multiply the p of ``size`` tests by at one of the looks.

    The level of all alpha divided by that of alpha / size, alpha / (size - 1), …, alpha, for the
    smallest p, the second, …: an adjusted p is below the level of all alpha where the raw one is
    below that of its step. At a single look these are size, size - 1, …, 1; the levels of several
    looks do not shrink in proportion to alpha.

    Args:
        looks, alpha, spending: as for `spending_levels`.
        made: how many looks were made; the level is that of the last of them.
    """
    levels = [
        spending_levels(looks, alpha=alpha / steps, spending=spending)[made - 1].level
        for steps in range(size, 0, -1)
    ]
    return tuple(levels[-1] / level for level in levels)


def decide(
    evidence: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    looks: Sequence[int],
    alpha: float = 0.05,
    spending: Spending = SPENDING,
) -> Progress:
    """Whether to add another block of seeds.

    Args:
        evidence: claim → kind of evidence that would settle it → its p at each look so far: for a
            claim of a difference the t-test's ("different") and that of TOST ("equivalent"). Every
            kind is a family of its own, in which each claim counts, shown or not, even one without
            any evidence, for which nobody waits. Two-sided p, but for "equivalent".
        looks: as planned, all of them.

    Raises:
        InputError: claims or kinds with other numbers of looks, or with more than are planned.
    """
    spending_levels(looks, alpha=alpha, spending=spending)
    done = _looks_done(evidence, len(looks))
    shown: dict[str, dict[str, Crossing]] = {claim: {} for claim in evidence}
    for kind in dict.fromkeys(kind for kinds in evidence.values() for kind in kinds):
        family = {claim: kinds[kind] for claim, kinds in evidence.items() if kind in kinds}
        one_sided = kind == "equivalent"
        found = _holm(family, len(evidence), tuple(looks), alpha, spending, one_sided)
        for claim, crossing in found.items():
            shown[claim][kind] = crossing
    undecided = tuple(claim for claim, kinds in evidence.items() if kinds and not shown[claim])
    going = bool(undecided) and done < len(looks)
    return Progress(
        shown=shown,
        undecided=undecided,
        next_n=looks[done] if going else None,
    )


def _looks_done(evidence: Mapping[str, Mapping[str, Sequence[float]]], planned: int) -> int:
    counts = {len(values) for kinds in evidence.values() for values in kinds.values()}
    if len(counts) > 1 or any(count > planned for count in counts):
        expected = f"one p a look for every claim, {planned} at most"
        raise InputError("seeds=until-verdict", "looks", sorted(counts), expected=expected)
    return counts.pop() if counts else planned


def _holm(
    family: Mapping[str, Sequence[float]],
    size: int,
    looks: tuple[int, ...],
    alpha: float,
    spending: Spending,
    one_sided: bool,
) -> dict[str, Crossing]:
    """The claims shown: those that meet alpha / m, then those that meet alpha / (m - 1), …"""
    shown: dict[str, Crossing] = {}
    while True:
        share = alpha / (size - len(shown)) if len(shown) < size else alpha
        # Of a symmetric two-sided plan at twice alpha each side errs with alpha.
        plan = _levels(looks, min(2 * share, 0.999) if one_sided else share, spending)
        levels = [look.level / (2 if one_sided else 1) for look in plan]
        found = {
            claim: _first_crossing(values, looks, levels)
            for claim, values in family.items()
            if claim not in shown
        }
        met = {claim: crossing for claim, crossing in found.items() if crossing is not None}
        if not met:
            return shown
        shown |= met


def _first_crossing(
    values: Sequence[float], looks: Sequence[int], levels: Sequence[float]
) -> Crossing | None:
    for number, (p, n, level) in enumerate(zip(values, looks, levels, strict=False), start=1):
        if p <= level:
            return Crossing(look=number, n=n, p=p, level=level)
    return None


@lru_cache(maxsize=512)
def _levels(looks: tuple[int, ...], alpha: float, spending: Spending) -> tuple[Look, ...]:
    shares = np.array(looks) / looks[-1]
    spent = _spent(shares, alpha if len(looks) == 1 else _KEPT * alpha, spending)
    bounds = _boundaries(shares, np.diff(spent, prepend=0.0) / 2)
    return tuple(
        Look(n=n, spent=float(total), level=float(2 * special.ndtr(-bound)))
        for n, total, bound in zip(looks, spent, bounds, strict=True)
    )


def _spent(shares: Array, alpha: float, spending: Spending) -> Array:
    if spending == "pocock":
        return np.asarray(alpha * np.log1p((math.e - 1) * shares))
    return np.asarray(4 * special.ndtr(special.ndtri(alpha / 4) / np.sqrt(shares)))


def _boundaries(shares: Array, tails: Array) -> list[float]:
    """The bounds of |Z| at each look, of which the k-th is first crossed upwards with ``tails[k]``.

    ``shares`` are the variances of the sums, which have independent increments.
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    bounds: list[float] = []
    # The sum's places and their probabilities, as far as no bound was crossed.
    places, masses = np.zeros(1), np.ones(1)
    for step, share, tail in zip(np.diff(shares, prepend=0.0), shares, tails, strict=True):
        error, scale = math.sqrt(step), math.sqrt(share)

        def excess(
            bound: float,
            places: Array = places,
            masses: Array = masses,
            error: float = error,
            scale: float = scale,
            tail: float = tail,
        ) -> float:
            crossed = special.ndtr((places - bound * scale) / error)
            return float(masses @ crossed) - tail

        # Where next to nothing is spent the bound is out of reach.
        bound = _FAR if excess(_FAR) >= 0 else float(optimize.brentq(excess, 0.0, _FAR, xtol=1e-10))
        bounds.append(bound)
        reached = bound * scale * nodes
        steps = (reached[:, None] - places) / error
        density = np.exp(-(steps**2) / 2) @ masses / (error * math.sqrt(2 * math.pi))
        places, masses = reached, density * weights * bound * scale
    return bounds
