"""The learning rate: its rule over the batch, and its course over the steps."""

from __future__ import annotations

import math

from fixbench.systems.dcal._options import LearningRateOptions

__all__ = ["ANCHORS", "peak_rate", "rate_at"]

#: The effective batch at which each rule gives its base rate, as documented.
ANCHORS = {"linear": 512, "sqrt": 16, "fixed": 16}
_EXPONENTS = {"linear": 1.0, "sqrt": 0.5, "fixed": 0.0}


def peak_rate(options: LearningRateOptions, batch: int) -> float:
    """The rate behind the warm-up, at an effective batch of ``batch``."""
    anchor = ANCHORS[options.rule] if options.anchor is None else options.anchor
    return options.factor * options.base * (batch / anchor) ** _EXPONENTS[options.rule]


def rate_at(options: LearningRateOptions, step: int, steps: int, batch: int) -> float:
    """The rate of step ``step`` (from 0) of a run of ``steps``.

    Linear warm-up step by step to the peak, then a cosine to ``minimum`` at the end of the whole
    schedule, of which a run shows the first part.
    """
    peak = peak_rate(options, batch)
    whole = steps / options.shown
    warm_up = round(options.warm_up * whole)
    if step < warm_up:
        return peak * (step + 1) / warm_up
    position = (step - warm_up) / max(1.0, whole - warm_up)
    floor = min(options.minimum, peak)
    return floor + (peak - floor) * 0.5 * (1 + math.cos(math.pi * position))
