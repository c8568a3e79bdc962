"""Single readings beside a claim that rests on their mean, in words and as a figure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fixbench.ablation import Claim
from fixbench.reports import figures
from fixbench.reports._effects import null_of
from fixbench.reports._format import counted, number, percentage
from fixbench.reports._judging import is_tested
from fixbench.reports._readings import single_readings
from fixbench.reports._views import FigureView

__all__ = ["ReadingsView", "readings_view"]


@dataclass(frozen=True, kw_only=True)
class ReadingsView:
    """Single readings in print."""

    sentences: list[str]
    figure: FigureView


def readings_view(name: str, claim: Claim, frame: pd.DataFrame) -> ReadingsView | None:
    """How single readings scatter around an effect that averages them."""
    if claim.effect is None or not is_tested(claim) or claim.decision.rule == "share":
        return None
    readings = single_readings(claim.effect, frame)
    if readings is None:
        return None
    logarithmic = claim.effect.reported == "log"
    effects = f"one reading ({len(readings.effects)} of {counted(readings.seeds, 'seed')})"
    items = [_spread(effects, readings.effects, claim)]
    sentences = [
        "These numbers describe single readings and test nothing. A reading is the effect at one "
        f"step (such as one batch) of one seed. Of {len(readings.effects)} readings from "
        f"{counted(readings.seeds, 'seed')} {_scatter(readings.effects, claim)}."
    ]
    if readings.reference is not None:
        joint = "over" if logarithmic else "minus"
        arm = repr(readings.reference)
        pairs = f"{arm} {joint} itself, two readings of one seed: nothing was changed"
        items.append(_spread(pairs, readings.floor, claim))
        sentences.append(
            f"The noise floor is {arm} at one step {joint} {arm} at another step of the same seed: "
            f"nothing was changed between them. Of all {len(readings.floor)} ordered pairs "
            f"{_scatter(readings.floor, claim)}."
        )
    sentences.append(
        "Readings of one seed share a model, so that these shares are not probabilities."
    )
    documented = claim.documented.value
    marks = "dashed line: no effect"
    if documented is not None:
        marks += "; orange line: documented value"
    return ReadingsView(
        sentences=sentences,
        figure=FigureView(
            svg=figures.spreads(
                f"{name}-{claim.id}-readings",
                items,
                logarithmic=logarithmic,
                null=null_of(claim.effect, claim.decision.null),
                documented=documented,
            ),
            caption="Single readings (description): histograms, each scaled to its highest bar; "
            f"bar and dot: middle 90 % and median; {marks}.",
            alternative=f"Single readings of claim {claim.id}. {' '.join(sentences)}",
        ),
    )


def _spread(label: str, values: npt.NDArray[np.float64], claim: Claim) -> figures.Spread:
    low, median, high = np.quantile(values, (0.05, 0.5, 0.95))
    note = f"{number(median, 3)} ({number(low, 3)} to {number(high, 3)})"
    return figures.Spread(label=f"{claim.id}: {label}", values=values, note=note)


def _scatter(values: npt.NDArray[np.float64], claim: Claim) -> str:
    """Where the middle 90 % lie, and the shares as far as documented and beyond no effect."""
    assert claim.effect is not None
    null, documented = null_of(claim.effect, claim.decision.null), claim.documented.value
    low, high = np.quantile(values, (0.05, 0.95))
    text = f"the middle 90 % lie between {number(low, 3)} and {number(high, 3)}"
    direction = claim.decision.direction
    if direction is None and documented is not None:
        direction = "greater" if documented > null else "less"
    if direction is None:
        return text
    word, sign = ("above", 1) if direction == "greater" else ("below", -1)
    if documented is not None:
        share = float(np.mean(sign * values >= sign * documented))
        text += f", {percentage(share)} at or {word} the documented {number(documented)}"
    beyond = float(np.mean(sign * values > sign * null))
    return f"{text}, {percentage(beyond)} {word} {number(null)}"
