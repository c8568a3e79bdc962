"""A figure of a sentence: an estimate, turned as its key asks, and printed as everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fixbench.reports._claim_fields import ends
from fixbench.reports._format import MISSING, interval, number
from fixbench.reports._judging import EffectEstimate
from fixbench.reports._views import Measured

__all__ = ["Figure", "figure"]

#: Significant digits in per cent: more say nothing to a reader.
_PER_CENT = 3


@dataclass(frozen=True, kw_only=True)
class Figure:
    """An estimate with the ends of its interval.

    Attributes:
        none: no effect: 0, of a ratio 1.
        ratio: it is one.
        per_cent: it is printed in per cent.
    """

    value: float
    low: float
    high: float
    none: float = 0.0
    ratio: bool = False
    per_cent: bool = False

    def turned(self, formats: Iterable[str]) -> Figure | None:
        """What the formats of `fixbench.ablation` make of it, in whatever order they stand.

        ``None`` where it does not lie on the side that ``up`` or ``down`` says.
        """
        asked = set(formats)
        found = self._changed() if "change" in asked else self
        if "up" in asked and not found.value > found.none:
            return None
        if "down" in asked:
            if not found.value < found.none:
                return None
            found = found._opposite()
        return found._in_per_cent() if "percent" in asked else found

    def printed(self, field: str) -> str:
        """Its field: ``measured``, ``interval``, ``low`` or ``high``."""
        value, limits = self._texts()
        found = Measured(
            value=value,
            interval="" if limits == MISSING else limits,
            unit="",
            p=MISSING,
            n=MISSING,
            failed="",
        )
        low, high = ends(found)
        text = {"measured": value, "interval": limits, "low": low, "high": high}[field]
        return f"{text} %" if self.per_cent and text != MISSING else text

    def _texts(self) -> tuple[str, str]:
        """Value and interval; three digits in per cent, unless the ends would then be the same."""
        full = interval(self.value, self.low, self.high)
        if not self.per_cent or full[1] == MISSING:
            return number(self.value, _PER_CENT) if self.per_cent else full[0], full[1]
        value, limits = interval(self.value, self.low, self.high, _PER_CENT)
        low, high = limits.strip("[]").split(", ")
        return value, full[1] if low == high else limits

    def _changed(self) -> Figure:
        value, low, high = (100 * (one - 1) for one in (self.value, self.low, self.high))
        return Figure(value=value, low=low, high=high, per_cent=True)

    def _opposite(self) -> Figure:
        """Of the comparison the other way round; the ends of the interval change places."""
        if self.ratio:
            return replace(
                self, value=_inverse(self.value), low=_inverse(self.high), high=_inverse(self.low)
            )
        return replace(self, value=-self.value, low=-self.high, high=-self.low)

    def _in_per_cent(self) -> Figure:
        value, low, high = (100 * one for one in (self.value, self.low, self.high))
        return replace(self, value=value, low=low, high=high, per_cent=True)


def figure(estimate: EffectEstimate) -> Figure:
    """The figure of an estimate."""
    ratio = estimate.scale == "log"
    return Figure(
        value=estimate.estimate,
        low=estimate.low,
        high=estimate.high,
        none=1.0 if ratio else 0.0,
        ratio=ratio,
    )


def _inverse(value: float) -> float:
    return 1 / value if value else float("inf")
