"""A rate that a simulation found, and whether it is what was promised."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from scipy import stats

__all__ = ["Bound", "Rate"]

Bound = Literal["equal", "at most", "at least"]
# Of a few hundred rates one in a hundred calibrations refutes one that is as promised.
_REFUTED = 5e-5


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How often something happened in simulations.

    Attributes:
        question: what is counted, such as ``"false positives"``.
        condition: what the simulated effects were like.
        nominal: the promised rate, in the sense of ``bound``.
        required: theory promises it, so that a departure is a mistake in the code; otherwise a
            departure is a property of the method, to be known.
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
        """Judged by the exact binomial test: refuted, refuted on the harmless side, or neither."""
        if self._refuted("two-sided" if self.bound == "equal" else self._harmful):
            return "off"
        if self.bound != "equal" and self._refuted(self._harmless):
            return "conservative"
        return "holds"

    @property
    def failed(self) -> bool:
        """Not what theory promises."""
        return self.required and self.verdict == "off"

    @property
    def departure(self) -> float:
        """Rate less nominal, in percentage points."""
        return 100 * (self.rate - self.nominal)

    @property
    def _harmful(self) -> str:
        return "greater" if self.bound == "at most" else "less"

    @property
    def _harmless(self) -> str:
        return "less" if self.bound == "at most" else "greater"

    def _refuted(self, alternative: str) -> bool:
        test = stats.binomtest(self.count, self.trials, self.nominal, alternative=alternative)
        return bool(test.pvalue < _REFUTED)
