"""Milliseconds of a step with and without attention; never a row, because no two runs agree."""

from __future__ import annotations

import time

from fixbench.systems.event_detector._cost import example_maps
from fixbench.systems.event_detector._model import Neck
from fixbench.systems.event_detector._options import AttentionOptions, ModelOptions
from fixbench.systems.event_detector._rows import Rows

__all__ = ["timed"]

_KINDS = {
    "off": AttentionOptions(),
    "spatial": AttentionOptions(spatial="on"),
    "temporal": AttentionOptions(temporal="global_buffer"),
    "channel": AttentionOptions(channel="on"),
    "all": AttentionOptions(spatial="on", temporal="global_buffer", channel="on"),
}


def timed(
    model: ModelOptions, *, rows: int = 20, height: int = 64, width: int = 96, repeats: int = 20
) -> dict[str, float]:
    """Attention → the least of ``repeats`` forward and backward passes, in milliseconds."""
    found = {}
    for name, attention in _KINDS.items():
        chosen = model.model_copy(update={"attention": attention})
        neck = Neck(chosen, 0)
        maps = example_maps(chosen, rows, height, width)
        times = []
        for _ in range(repeats):
            start = time.perf_counter()
            predictions = neck(maps, Rows.alone(rows))
            total = predictions.boxes.sum() + predictions.classes.sum()
            (total + predictions.confidence.sum()).backward()
            times.append(time.perf_counter() - start)
        found[name] = 1000 * min(times)
    return found
