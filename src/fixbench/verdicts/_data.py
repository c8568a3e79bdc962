"""What a primary claim says of other data: the interval that counts data draws, and what to buy.

The verdict has the seed as its unit and speaks of the draws that were run. This interval is beside
it, and it changes no verdict. It is that of `fixbench.statistics.crossed_interval`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fixbench.ablation import Ablation, Claim, Scale
from fixbench.reading import parse_seeds
from fixbench.statistics import (
    Components,
    NextHour,
    crossed_interval,
    next_hour,
    to_natural,
)
from fixbench.verdicts._draws import DrawnEffects, DrawnMeasurements
from fixbench.verdicts._format import figure, range_text, seeds_text
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import Note
from fixbench.verdicts._ruling import Ruling

if TYPE_CHECKING:
    from fixbench.verdicts.rules import Tested

__all__ = ["DataInterval", "DrawsOnly", "OtherDraws", "SeedsAndData", "count_data", "data_row"]

#: Draws from which on the interval covers about what it promises.
_ENOUGH = 4


@dataclass(frozen=True, kw_only=True)
class DataInterval:
    """An effect with the interval that counts seeds and data draws.

    Attributes:
        estimate, low, high: natural scale.
        degrees: of freedom, by Satterthwaite.
        components: standard deviations, analysis scale (of a log effect: natural logarithms).
        by_draw: data seed → the mean over seeds on that draw, natural scale.
        next: what more computing would buy, a run of each variant costing the same.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    scale: Scale
    degrees: float
    components: Components
    by_draw: Mapping[int, float]
    next: NextHour


@dataclass(frozen=True)
class SeedsAndData:
    """The interval that counts data, in words."""

    data: DataInterval
    unit: str = ""

    @property
    def text(self) -> str:
        data, parts = self.data, self.data.components
        text = (
            f"Counting data as a second source of chance, the effect over {parts.draws} data draws "
            f"and {seeds_text(parts.seeds)} is {figure(data.estimate)}{self.unit} "
            f"({100 * data.confidence:.3g} % interval {range_text(data.low, data.high)})."
        )
        if not math.isnan(parts.shares[0]):
            seed, draw, rest = (f"{100 * share:.0f} %" for share in parts.shares)
            text += (
                f" Of the variance of a single effect, seeds make up {seed}, data draws {draw} and "
                f"the rest {rest}. {_advice(data.next)}"
            )
        if parts.draws < _ENOUGH:
            text += f" With fewer than {_ENOUGH} draws this interval is right less often than said."
        return text


def _advice(bought: NextHour) -> str:
    if bought.buy == "either":
        return "One more seed and one more data draw narrow it alike for the same number of runs."
    one, other = "One more seed on all draws", "one more data draw for all seeds"
    if bought.buy == "draw":
        one, other = "One more data draw for all seeds", "one more seed on all draws"
    return f"{one} narrows it more for the same number of runs than {other}."


@dataclass(frozen=True)
class DrawsOnly:
    """What is shown of these draws, and not of other data.

    Attributes:
        reaches: what the interval that counts data includes.
    """

    reaches: tuple[str, ...]

    @property
    def text(self) -> str:
        return (
            f"The interval that counts data reaches {' and '.join(self.reaches)}: the verdict "
            "speaks of these data draws only."
        )


@dataclass(frozen=True)
class OtherDraws:
    """The data draws are not those of the tier."""

    draws: tuple[int, ...]
    tier: str
    planned: tuple[int, ...]

    @property
    def text(self) -> str:
        run, declared = (
            f"data draws {[*draws]}" if draws else "the tracked data"
            for draws in (self.draws, self.planned)
        )
        return f"Run on {run}; tier {self.tier!r} declares {declared}."


def count_data(
    ablation: Ablation,
    claim: Claim,
    results: Measurements,
    tested: Tested | None,
    ruling: Ruling | None,
    *,
    tier: str,
    confidence: float,
) -> tuple[DataInterval | None, list[Note]]:
    """The interval of a primary claim, and what is to be said of data; none without data draws.

    There is no interval with one draw or one seed, for a share of seeds, or where no run of a
    variant succeeded.
    """
    notes: list[Note] = []
    draws = results.draws if isinstance(results, DrawnMeasurements) else ()
    declared = {str(name): plan.data_seeds for name, plan in ablation.tiers.items()}.get(tier)
    planned = tuple(parse_seeds(declared)) if declared is not None else ()
    if draws != planned:
        notes.append(OtherDraws(draws=draws, tier=tier, planned=planned))
    if not claim.primary or tested is None or not isinstance(tested.seeds, DrawnEffects):
        return None, notes
    data = _interval(tested, tested.seeds, confidence)
    if data is None:
        return None, notes
    notes.append(SeedsAndData(data, tested.unit))
    if ruling is not None and (reaches := _reaches(data, tested, ruling)):
        notes.append(DrawsOnly(reaches))
    return data, notes


def _interval(tested: Tested, effects: DrawnEffects, confidence: float) -> DataInterval | None:
    if tested.proportion is not None or math.isnan(tested.effect.estimate):
        return None
    table, scale = effects.table, tested.effect.scale
    if min(table.shape) < 2:
        return None
    found = crossed_interval(table, confidence=confidence)
    return DataInterval(
        estimate=to_natural(found.estimate, scale),
        low=to_natural(found.low, scale),
        high=to_natural(found.high, scale),
        confidence=confidence,
        scale=scale,
        degrees=found.degrees,
        components=found.components,
        by_draw={
            draw: to_natural(float(mean), scale)
            for draw, mean in zip(effects.by_draw, table.mean(axis=0), strict=True)
        },
        next=next_hour(found.components),
    )


def _reaches(data: DataInterval, tested: Tested, ruling: Ruling) -> tuple[str, ...]:
    """What the interval includes although the seeds show that the effect is on one side of it."""
    found = []
    null, scale = tested.effect.null, tested.effect.scale
    shown = [kind for kind, evidence in ruling.evidence.items() if evidence.shown]
    if "different" in shown and data.low <= null <= data.high:
        found.append(f"no effect ({figure(null)})")
    if any(kind != "different" for kind in shown):
        low, high = (to_natural(bound, scale) for bound in tested.bounds)
        crossed = [bound for bound in (low, high) if data.low <= bound <= data.high]
        if crossed:
            found.append(f"effects that matter (from {figure(crossed[0])} on)")
    if ruling.verdict == "reproduced" and ruling.tolerance is not None:
        low, high = ruling.tolerance
        if data.low < low or data.high > high:
            found.append(f"other sizes than documented ({range_text(low, high)})")
    return tuple(found)


def data_row(data: DataInterval | None) -> dict[str, Any] | None:
    """The interval as a row of ``claims.json``; a number that does not exist is ``None``."""
    if data is None:
        return None
    seed, draw, rest = data.components.shares
    return {
        "measured": data.estimate,
        "interval_low": data.low,
        "interval_high": data.high,
        "confidence": data.confidence,
        "scale": data.scale,
        "degrees_of_freedom": _finite(data.degrees),
        "seeds": data.components.seeds,
        "draws": data.components.draws,
        "share_of_variance": {
            "seeds": _finite(seed),
            "draws": _finite(draw),
            "rest": _finite(rest),
        },
        "by_draw": {str(key): value for key, value in sorted(data.by_draw.items())},
        "next_run_buys": data.next.buy,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
