"""A rate that a simulation found, compared with the promised rate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from scipy import special, stats

__all__ = ["FAMILY_LEVEL", "SEEN_WITH", "Bound", "Rate", "judged_together"]

Bound = Literal["equal", "at most", "at least"]
#: The probability that a calibration refutes any rate that is as promised.
FAMILY_LEVEL = 0.01
#: The probability with which a rate at `Rate.seen` is refuted.
SEEN_WITH = 0.8


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How often something happened in simulations.

    Attributes:
        question: what is counted, such as ``"false positives"``.
        condition: what the simulated effects were like.
        nominal: the promised rate, in the sense of ``bound``.
        required: theory promises it, so that a departure is a mistake in the code; otherwise a
            departure is a property of the method, to be known.
        level: the level of the test that can refute it.
    """

    question: str
    method: str
    condition: str
    n: int
    count: int
    trials: int
    nominal: float
    bound: Bound
    required: bool = False
    level: float = FAMILY_LEVEL

    @property
    def rate(self) -> float:
        return self.count / self.trials

    @cached_property
    def interval(self) -> tuple[float, float]:
        """The exact 95 % interval of the rate (Clopper and Pearson, 1934)."""
        found = stats.binomtest(self.count, self.trials).proportion_ci(0.95)
        return float(found.low), float(found.high)

    @cached_property
    def verdict(self) -> Literal["holds", "conservative", "off"]:
        """Judged by the exact binomial test: refuted, refuted on the harmless side, or neither.

        Each side has its own test, at half the level where the rate should be equal.
        """
        below = bool(stats.binom.cdf(self.count, self.trials, self.nominal) < self._sided)
        above = bool(stats.binom.sf(self.count - 1, self.trials, self.nominal) < self._sided)
        harmful = {"equal": below or above, "at most": above, "at least": below}[self.bound]
        if harmful:
            return "off"
        return "conservative" if below or above else "holds"

    @cached_property
    def seen(self) -> tuple[float | None, float | None]:
        """The true rates nearest to the promised one, below and above it, that are refuted.

        With a probability of `SEEN_WITH`, on the harmful sides; `None` on a harmless one, and where
        there are too few trials to refute any.
        """
        n, level = self.trials, self._sided
        below = above = None
        # The counts that refute are at most `few` or at least `many`.
        few = int(stats.binom.ppf(level, n, self.nominal)) - 1
        many = int(stats.binom.isf(level, n, self.nominal)) + 1
        if self.bound != "at most" and few >= 0:
            below = float(special.betaincinv(few + 1, n - few, 1 - SEEN_WITH))
        if self.bound != "at least" and many <= n:
            above = float(special.betaincinv(many, n - many + 1, SEEN_WITH))
        return below, above

    @property
    def failed(self) -> bool:
        """Not what theory promises."""
        return self.required and self.verdict == "off"

    @property
    def departure(self) -> float:
        """Rate less nominal, in percentage points."""
        return 100 * (self.rate - self.nominal)

    @property
    def _sided(self) -> float:
        return self.level / 2 if self.bound == "equal" else self.level


def judged_together(rates: Sequence[Rate]) -> tuple[Rate, ...]:
    """Rates with the level at which any promised one is wrongly refuted in `FAMILY_LEVEL` of cases.

    Bonferroni's, over those that are `Rate.required`. It depends on no result, so that what a rate
    could show is known beforehand; the others are judged at the same level.
    """
    level = FAMILY_LEVEL / max(1, sum(rate.required for rate in rates))
    return tuple(replace(rate, level=level) for rate in rates)
