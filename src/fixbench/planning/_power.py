"""How many seeds show which effect: a table for one comparison or several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fixbench import statistics
from fixbench.errors import InputError
from fixbench.planning._pilot import Scatter

__all__ = ["Asked", "PowerPlan", "PowerRow", "SeedsFor", "plan_power"]

_COMMAND = "fixbench power"
_SIZES = {"--effect": "a number that is not 0", "--equivalence-margin": "a number above 0"}
_USUAL = (3, 5, 8, 10, 15, 20, 30, 50, 100)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked of the seeds.

    Attributes:
        effect: the true difference that is to be shown, if one is; margin: the zone in which a true
            difference of zero is to be shown to lie, if one is.
        alpha: of the family; comparisons: its size. Holm compares the smallest p with their ratio,
            which is the worst case for any one claim.
    """

    effect: float | None
    margin: float | None
    power: float = 0.8
    alpha: float = 0.05
    comparisons: int = 1

    @property
    def level(self) -> float:
        """What the p of one claim is compared with in the worst case."""
        return self.alpha / self.comparisons


@dataclass(frozen=True, kw_only=True)
class SeedsFor:
    """The seeds for one comparison.

    Attributes:
        deviation: that was taken as true; whether it is the upper limit of a pilot's.
        difference, equivalence: the seeds; ``None`` where it was not asked, or where not even
            `fixbench.statistics.MOST_SEEDS` are enough.
    """

    label: str
    deviation: float
    upper_limit: bool
    difference: int | None
    equivalence: int | None


@dataclass(frozen=True, kw_only=True)
class PowerRow:
    """What a number of seeds would show; ``None`` where it was not asked."""

    seeds: int
    difference: float | None
    equivalence: float | None


@dataclass(frozen=True, kw_only=True)
class PowerPlan:
    """Seeds for each comparison, and power by the number of seeds.

    Attributes:
        scatter: the deviations, as given or from a pilot.
        of: the line of ``seeds`` that the table of power is for: the one that needs most.
    """

    asked: Asked
    scatter: Sequence[Scatter]
    seeds: Sequence[SeedsFor]
    of: SeedsFor
    table: Sequence[PowerRow]


def plan_power(asked: Asked, scatter: Sequence[Scatter]) -> PowerPlan:
    """How many paired seeds it takes, by the noncentral t.

    Raises:
        InputError: a number is out of its range, or nothing is asked.
    """
    _check(asked, scatter)
    seeds = [
        _seeds(asked, item.label, deviation, limit)
        for item in scatter
        for deviation, limit in ((item.deviation, False), (item.limit, True))
        if deviation is not None
    ]
    hardest = max(seeds, key=lambda item: item.deviation)
    needed = [number for number in (hardest.difference, hardest.equivalence) if number is not None]
    return PowerPlan(
        asked=asked,
        scatter=scatter,
        seeds=seeds,
        of=hardest,
        table=[_row(asked, hardest.deviation, n) for n in sorted({*_USUAL, *needed})],
    )


def _seeds(asked: Asked, label: str, deviation: float, limit: bool) -> SeedsFor:
    difference = equivalence = None
    if asked.effect is not None:
        difference = statistics.fewest_for_difference(
            asked.effect, deviation, alpha=asked.level, power=asked.power
        )
    if asked.margin is not None:
        equivalence = statistics.fewest_for_equivalence(
            deviation, margin=asked.margin, alpha=asked.level, power=asked.power
        )
    return SeedsFor(
        label=label,
        deviation=deviation,
        upper_limit=limit,
        difference=difference,
        equivalence=equivalence,
    )


def _row(asked: Asked, deviation: float, n: int) -> PowerRow:
    difference = equivalence = None
    if asked.effect is not None:
        difference = statistics.difference_power(asked.effect, deviation, n, asked.level)
    if asked.margin is not None:
        equivalence = statistics.equivalence_power(
            0.0, deviation, n, low=-asked.margin, high=asked.margin, alpha=asked.level
        )
    return PowerRow(seeds=n, difference=difference, equivalence=equivalence)


def _check(asked: Asked, scatter: Sequence[Scatter]) -> None:
    if asked.effect is None and asked.margin is None:
        expected = "it, or --equivalence-margin: what the seeds are to show"
        raise InputError(_COMMAND, "--effect", expected=expected)
    for option, value in (("--effect", asked.effect), ("--equivalence-margin", asked.margin)):
        if value is None:
            continue
        size = abs(value) if option == "--effect" else value
        if not (math.isfinite(value) and size > 0):
            raise InputError(_COMMAND, option, value, expected=_SIZES[option])
    for option, value in (("--power", asked.power), ("--alpha", asked.alpha)):
        if not 0 < value < 1:
            raise InputError(_COMMAND, option, value, expected="a share between 0 and 1")
    for item in scatter:
        if not (math.isfinite(item.deviation) and item.deviation > 0):
            raise InputError(_COMMAND, "--deviation", item.deviation, expected="a number above 0")
