"""Detections of labelled frames, and how good they are by Prophesee's and COCO's rules."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fixbench.datasets.event_sequences import BOX_TYPE
from fixbench.detection import suppress
from fixbench.systems.event_detector._evaluation import (
    Matched,
    average_precision,
    keep_boxes,
)
from fixbench.systems.event_detector._head import Predictions
from fixbench.systems.event_detector._material import Material
from fixbench.systems.event_detector._model import Neck
from fixbench.systems.event_detector._run_options import EvaluationOptions, Options
from fixbench.systems.event_detector._sampling import in_order, labelled_rows

__all__ = ["Evaluated", "detect", "evaluate", "precision_values", "sequence_values"]

#: Stride → gate → its values, each with the numbers of its labelled frames.
Gates = dict[int, dict[str, list[tuple[Tensor, Tensor]]]]


class Evaluated:
    """What a detector says of all labelled frames of a split.

    Attributes:
        detections: by number of the labelled frame, with Prophesee's fields.
        gates: empty unless they were asked for.
        finite: whether all scores were finite numbers.
    """

    def __init__(self, count: int) -> None:
        nothing = np.zeros(0, dtype=BOX_TYPE)
        self.detections: list[NDArray[Any]] = [nothing] * count
        self.gates: Gates = {}
        self.finite = True

    def keep(self, record: dict[int, dict[str, Tensor]], numbers: Sequence[int]) -> None:
        """Add the gates of a call."""
        index = torch.tensor(numbers)
        for stride, gates in record.items():
            for name, values in gates.items():
                found = self.gates.setdefault(stride, {}).setdefault(name, [])
                found.append((values.cpu(), index))


@torch.no_grad()
def evaluate(
    neck: Neck, features: Sequence[Tensor], material: Material, options: Options, *, gates: bool
) -> Evaluated:
    """Run through a split in order, as RVT validates: several sequences side by side.

    Memories start empty and what training remembers is put back, but for the documented buffer.

    Args:
        features: of the backbone, by number of the labelled frame.
    """
    found = Evaluated(len(material.truths))
    training = neck.training
    neck.eval()
    with neck.attention.set_aside():
        for pieces in in_order(
            material.lengths,
            samples=options.training.samples,
            length=options.training.length,
        ):
            labelled = labelled_rows(pieces, material.labels)
            if not labelled.labels:
                continue
            index = torch.tensor(labelled.labels, device=features[0].device)
            record: dict[int, dict[str, Tensor]] | None = {} if gates else None
            predictions = neck([level[index] for level in features], labelled.rows, record)
            for logits in (predictions.confidence, predictions.classes):
                found.finite &= bool(logits.isfinite().all())
            for row, number in enumerate(labelled.labels):
                boxes = detect(predictions, row, options.evaluation)
                boxes["t"] = material.times[number]
                found.detections[number] = boxes
            if record is not None:
                found.keep(record, labelled.labels)
    neck.train(training)
    return found


def detect(predictions: Predictions, row: int, options: EvaluationOptions) -> NDArray[Any]:
    """Detections of one frame, by falling score: each cell's likeliest class, without what a
    stronger detection of the class overlaps.
    """
    likeliest = predictions.classes[row].sigmoid().max(dim=-1)
    scores = likeliest.values * predictions.confidence[row].sigmoid()
    best = scores.argsort(descending=True, stable=True)
    best = best[scores[best] >= options.confidence]
    classes = likeliest.indices
    kept = suppress(
        predictions.boxes[row, best], scores[best], options.overlap, classes=classes[best]
    )
    best = best[kept[: options.detections]]
    corners = predictions.boxes[row, best].cpu().numpy()
    boxes = np.zeros(len(best), dtype=BOX_TYPE)
    boxes["x"], boxes["y"] = corners[:, 0], corners[:, 1]
    boxes["w"], boxes["h"] = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    boxes["class_id"] = classes[best].cpu().numpy()
    boxes["class_confidence"] = scores[best].cpu().numpy()
    return boxes


#: COCO's names → metrics.
_NAMES = {
    "AP": "ap",
    "AP50": "ap50",
    "AP_S": "ap_small",
    "AP_M": "ap_medium",
    "AP_L": "ap_large",
}


def precision_values(
    found: Evaluated, material: Material, options: EvaluationOptions
) -> dict[str, float]:
    """Metric → value: over classes, by class, and class-agnostic as in eTraM's evaluation.

    A metric is left out where no true box counts for it.
    """
    truths = [_keep(boxes, options) for boxes in material.truths]
    detections = [_keep(boxes, options) for boxes in found.detections]
    areas = (options.areas[0], options.areas[1])
    values: dict[str, float] = {}
    for agnostic in (False, True):
        scores = average_precision(detections, truths, areas=areas, class_agnostic=agnostic)
        for name, metric in _NAMES.items():
            values[f"{metric}_agnostic" if agnostic else metric] = scores[name]
        if not agnostic:
            for place, name in enumerate(material.class_names):
                if f"AP/{place}" in scores:
                    values[f"ap/{name}"] = scores[f"AP/{place}"]
    return {metric: value for metric, value in values.items() if not math.isnan(value)}


def sequence_values(
    found: Evaluated, material: Material, options: EvaluationOptions
) -> dict[int, dict[str, float]]:
    """What an interval that counts sequences needs: place of a sequence → metric → value.

    ``ap_share`` is the sequence's pseudo-value of the jackknife (Tukey, 1958): n · AP of all less
    (n − 1) · AP without it. Their mean is AP, but for its bias. ``ap_of`` is the precision over its
    frames alone, class-agnostic, since a sequence has few classes. Both also of small boxes. A
    sequence in which no true box counts for a metric has no such value.
    """
    truths = [_keep(boxes, options) for boxes in material.truths]
    detections = [_keep(boxes, options) for boxes in found.detections]
    areas = (options.areas[0], options.areas[1])
    agnostic, usual = (
        Matched(detections, truths, areas=areas, class_agnostic=each) for each in (True, False)
    )
    whole = usual.average_precision()
    count = len(material.names)
    values: dict[int, dict[str, float]] = {}
    for place in range(count):
        own = [n for n, of in enumerate(material.sequence) if of == place]
        others = [n for n, of in enumerate(material.sequence) if of != place]
        of, without = agnostic.average_precision(own), usual.average_precision(others)
        scores = {}
        for short in ("AP", "AP_S"):
            if not math.isnan(of[short]):
                scores[f"{_NAMES[short]}_of"] = of[short]
                share = count * whole[short] - (count - 1) * without[short]
                scores[f"{_NAMES[short]}_share"] = share
        values[place] = {name: value for name, value in scores.items() if not math.isnan(value)}
    return values


def _keep(boxes: NDArray[Any], options: EvaluationOptions) -> NDArray[Any]:
    return keep_boxes(boxes, skip_us=options.skip_us, diagonal=options.diagonal, side=options.side)
