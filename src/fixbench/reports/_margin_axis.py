"""Effects of many claims on one axis of a page: distances from no effect, counted in margins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.ablation import Claim
from fixbench.reports._judging import ClaimResult
from fixbench.reports.paper._standard import LIMIT, placed, standard_effect

__all__ = ["BAND", "TICKS", "StripView", "percent", "strip_view"]


@dataclass(frozen=True, kw_only=True)
class StripView:
    """Places on the axis of all claims, in per cent of its width.

    Attributes:
        documented: ``None`` where the document has no figure.
    """

    value: float
    low: float
    high: float
    documented: float | None


def percent(value: float) -> float:
    """The place of a value in margins, in per cent of the axis, with room for marks at its ends."""
    return round(50 + 46 * placed(value), 2)


def strip_view(claim: Claim, result: ClaimResult) -> StripView | None:
    """Where the effect of a claim lies; ``None`` where it has no margin to be counted in."""
    effect = standard_effect(claim, result)
    if effect is None:
        return None
    bounded = not math.isnan(effect.low + effect.high)
    return StripView(
        value=percent(effect.value),
        low=percent(effect.low if bounded else effect.value),
        high=percent(effect.high if bounded else effect.value),
        documented=None if effect.documented is None else percent(effect.documented),
    )


#: Places and labels of the axis.
TICKS: Sequence[tuple[float, str]] = tuple(
    (percent(value), f"{value:g}".replace("-", "−")) for value in (-LIMIT, -5, -1, 0, 1, 5, LIMIT)
)
#: The ends of the zone of effects too small to matter.
BAND = (percent(-1), percent(1))
