"""On which boxes the document's weight of size falls, and which of them the evaluation drops."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fixbench.systems.event_detector._evaluation import keep_boxes
from fixbench.systems.event_detector._loss import size_weights
from fixbench.systems.event_detector._run_options import EvaluationOptions

__all__ = ["DOCUMENTED_WEIGHTS", "box_weights"]

#: W of the document, and of its record.
DOCUMENTED_WEIGHTS = (2.0, 2.5)


def box_weights(
    truths: Sequence[NDArray[Any]], options: EvaluationOptions, area_scale: float
) -> dict[str, float]:
    """Metric → value, of labelled frames with Prophesee's fields.

    ``extra_weight_on_dropped`` is Σ (weight − 1) over boxes that are too small to count in the
    evaluation, divided by the same sum over all; ``largest_weight_kept`` is of the boxes that
    count. Both are 0 where nothing is weighted, or kept.
    """
    boxes = np.concatenate(truths)
    kept = keep_boxes(boxes, skip_us=-1, diagonal=options.diagonal, side=options.side)
    values = {"boxes_dropped": 1 - len(kept) / len(boxes) if len(boxes) else 0.0}
    for largest in DOCUMENTED_WEIGHTS:
        extra, extra_kept = (_extra(part, largest, area_scale) for part in (boxes, kept))
        total, counted = float(extra.sum()), float(extra_kept.sum())
        values[f"extra_weight_on_dropped/{largest}"] = (total - counted) / total if total else 0.0
        most = 1 + float(extra_kept.max()) if len(extra_kept) else 0.0
        values[f"largest_weight_kept/{largest}"] = most
    return values


def _extra(boxes: NDArray[Any], largest: float, area_scale: float) -> NDArray[np.float64]:
    areas = torch.from_numpy(boxes["w"].astype(float) * boxes["h"].astype(float))
    weights: NDArray[np.float64] = size_weights(areas, largest, area_scale).numpy()
    return weights - 1
