"""COCO's average precision, and which boxes Prophesee's evaluation keeps.

A stand-in for the evaluation over pycocotools; the rules are those of its `COCOeval`: 101 recalls,
IoU thresholds .5 to .95, at most 100 detections a frame and class, boxes of other areas ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["average_precision", "keep_boxes"]

Boxes = NDArray[Any]
Floats = NDArray[np.float64]

_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0, 1, 101)
_MOST = 100


def keep_boxes(boxes: Boxes, *, skip_us: int, diagonal: float, side: float) -> Boxes:
    """The boxes that count: later than ``skip_us``, and not too small in pixels."""
    large = boxes["w"].astype(float) ** 2 + boxes["h"].astype(float) ** 2 >= diagonal**2
    return boxes[(boxes["t"] > skip_us) & large & (boxes["w"] >= side) & (boxes["h"] >= side)]


def average_precision(
    detections: Sequence[Boxes],
    truths: Sequence[Boxes],
    *,
    areas: tuple[float, float],
    class_agnostic: bool,
) -> dict[str, float]:
    """AP, AP50, AP_S, AP_M, AP_L and, by class, AP/0, AP/1, …; NaN where there is no true box.

    Args:
        detections, truths: by frame, with the fields of a labelled box.
        areas: in square pixels, between small and medium, and between medium and large.
        class_agnostic: whether a box of any class may match.
    """
    low, high = areas
    ranges = {
        "AP": (0.0, np.inf),
        "AP_S": (0.0, low),
        "AP_M": (low, high),
        "AP_L": (high, np.inf),
    }
    frames = list(zip(detections, truths, strict=True))
    classes = sorted({int(c) for t in truths for c in t["class_id"]})
    groups: list[int | None] = [None] if class_agnostic else list(classes)
    found: dict[str, list[Floats]] = {name: [] for name in ranges}
    for group in groups:
        prepared = [_prepare(d, t, group) for d, t in frames]
        for name, limits in ranges.items():
            found[name].append(_precision(prepared, limits))
    means = {name: float(np.mean(_defined(values))) for name, values in found.items()}
    means["AP50"] = float(np.mean(_defined([value[:1] for value in found["AP"]])))
    if not class_agnostic:
        for group, value in zip(groups, found["AP"], strict=True):
            means[f"AP/{group}"] = float(np.mean(value))
    return means


def _defined(values: list[Floats]) -> Floats:
    together = np.concatenate(values) if values else np.array([np.nan])
    kept = together[~np.isnan(together)]
    return kept if len(kept) else np.array([np.nan])


def _prepare(found: Boxes, true: Boxes, group: int | None) -> tuple[Floats, Floats, Floats, Floats]:
    """Scores, areas of detections, areas of true boxes, overlaps; by falling score."""
    if group is not None:
        found, true = found[found["class_id"] == group], true[true["class_id"] == group]
    order = np.argsort(-found["class_confidence"], kind="stable")[:_MOST]
    found = found[order]
    a, b = _corners(found), _corners(true)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = np.prod(np.clip(high - low, 0, None), axis=-1)
    area_a = (found["w"] * found["h"]).astype(float)
    area_b = (true["w"] * true["h"]).astype(float)
    overlaps = common / np.maximum(area_a[:, None] + area_b[None] - common, 1e-12)
    return found["class_confidence"].astype(float), area_a, area_b, overlaps


def _corners(boxes: Boxes) -> Floats:
    x, y = boxes["x"].astype(float), boxes["y"].astype(float)
    return np.stack([x, y, x + boxes["w"], y + boxes["h"]], axis=-1)


def _precision(prepared: Sequence[Any], limits: tuple[float, float]) -> Floats:
    """AP at each threshold, NaN without a box of this area."""
    scores, hits, ignored, count = [], [], [], 0
    for score, area, true_area, overlaps in prepared:
        outside = (true_area < limits[0]) | (true_area > limits[1])
        count += int((~outside).sum())
        order = np.argsort(outside, kind="stable")
        overlaps, outside = overlaps[:, order], outside[order]
        hit = np.zeros((len(score), len(_THRESHOLDS)), dtype=bool)
        skip = np.zeros_like(hit)
        for place, threshold in enumerate(_THRESHOLDS):
            free = np.ones(len(outside), dtype=bool)
            for row in np.flatnonzero((overlaps >= threshold).any(axis=1)):
                fits = free & (overlaps[row] >= threshold)
                inside = fits & ~outside
                fits = inside if inside.any() else fits
                if fits.any():
                    best = int(np.argmax(np.where(fits, overlaps[row], -1)))
                    free[best] = False
                    hit[row, place], skip[row, place] = True, outside[best]
        skip |= ~hit & ((area < limits[0]) | (area > limits[1]))[:, None]
        scores.append(score)
        hits.append(hit)
        ignored.append(skip)
    if not count:
        return np.full(len(_THRESHOLDS), np.nan)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    hit, skip = np.concatenate(hits)[order], np.concatenate(ignored)[order]
    result = np.zeros(len(_THRESHOLDS))
    for place in range(len(_THRESHOLDS)):
        kept = ~skip[:, place]
        true = np.cumsum(hit[kept, place])
        recall = true / count
        precision = true / np.arange(1, len(true) + 1)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(recall, _RECALLS, side="left")
        padded = np.append(precision, 0.0)
        result[place] = padded[np.minimum(places, len(precision))].mean()
    return result
