"""How good detections are: Prophesee's choice of boxes, and COCO's average precision.

Average precision is COCO's, by faster-coco-eval: 101 recalls, IoU thresholds .5 to .95, at most 100
detections a frame and class; boxes of other areas than asked for neither help nor harm. As in
Prophesee's evaluation (Perot et al., NeurIPS 2020), only frames with a true box count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from faster_coco_eval import COCO, COCOeval_faster
from numpy.typing import NDArray

__all__ = ["BoxLimits", "Matched", "average_precision", "keep_boxes", "scaled_limits"]

Boxes = NDArray[Any]

_MOST = 100
_EVERYTHING = 1e10


class BoxLimits(NamedTuple):
    """The diagonal and the side of the smallest box that counts, in pixels."""

    diagonal: float
    side: float


def scaled_limits(columns: int) -> BoxLimits:
    """Prophesee's limits, 60 and 20 on 1280 columns, on frames of another width.

    Frames of half the width have 30 and 10, as in RVT. Frames of 96 columns have 4.5 and 1.5.
    """
    return BoxLimits(60 * columns / 1280, 20 * columns / 1280)


def keep_boxes(boxes: Boxes, *, skip_us: int, diagonal: float, side: float) -> Boxes:
    """The boxes that count, true or detected: later than ``skip_us``, and not too small.

    Prophesee skips the first 500,000 µs.

    Args:
        diagonal, side: in pixels; see `scaled_limits`.
    """
    width, height = boxes["w"].astype(np.float64), boxes["h"].astype(np.float64)
    large = (width**2 + height**2 >= diagonal**2) & (width >= side) & (height >= side)
    return boxes[large & (boxes["t"] > skip_us)]


def average_precision(
    detections: Sequence[Boxes],
    truths: Sequence[Boxes],
    *,
    areas: tuple[float, float],
    class_agnostic: bool,
) -> dict[str, float]:
    """AP, AP50, AP_S, AP_M, AP_L and, by class, AP/0, AP/1, …

    NaN where there is no true box. Without classes there are no entries by class.

    Args:
        detections, truths: by frame, with the fields of a labelled box.
        areas: in square pixels, between small and medium, and between medium and large. A box of
            just this area belongs to both.
        class_agnostic: whether a box of any class may match; eTraM's evaluation does so.
    """
    matched = Matched(detections, truths, areas=areas, class_agnostic=class_agnostic)
    return matched.average_precision()


class Matched:
    """Detections matched with true boxes, once, to be scored over several choices of frames.

    Args: as of `average_precision`.
    """

    def __init__(
        self,
        detections: Sequence[Boxes],
        truths: Sequence[Boxes],
        *,
        areas: tuple[float, float],
        class_agnostic: bool,
    ) -> None:
        pairs = list(zip(detections, truths, strict=True))
        self._frames = [number for number, (_, true) in enumerate(pairs) if len(true)]
        # Without classes, COCOeval still drops detections of classes that it does not know.
        counted = [boxes for pair in pairs for boxes in (pair if class_agnostic else pair[1:])]
        self._classes = sorted({int(label) for boxes in counted for label in boxes["class_id"]})
        self._agnostic = class_agnostic
        if not self._frames:
            return
        self._evaluation = COCOeval_faster(
            _dataset([pairs[number][1] for number in self._frames], self._classes),
            _dataset([pairs[number][0] for number in self._frames], self._classes),
            "bbox",
            separate_eval=True,
        )
        low, high = areas
        settings = self._evaluation.params
        settings.useCats = int(not class_agnostic)
        settings.maxDets = [_MOST]
        settings.areaRng = [(0, _EVERYTHING), (0, low), (low, high), (high, _EVERYTHING)]
        self._evaluation.evaluate()
        matches = self._evaluation._evalImgs_cpp
        results = np.empty(len(matches), dtype=object)
        results[:] = matches
        #: By class and area, then by frame.
        self._results = results.reshape(-1, len(self._frames))

    def average_precision(self, frames: Sequence[int] | None = None) -> dict[str, float]:
        """As the function `average_precision`, over some frames.

        Args:
            frames: by their numbers; by default all. One that occurs twice counts twice.
        """
        place = {number: position for position, number in enumerate(self._frames)}
        chosen = [place[n] for n in (self._frames if frames is None else frames) if n in place]
        if not chosen:
            return dict.fromkeys(("AP", "AP50", "AP_S", "AP_M", "AP_L"), math.nan)
        evaluation = self._evaluation
        evaluation._evalImgs_cpp = self._results[:, chosen].reshape(-1).tolist()
        evaluation._paramsEval.imgIds = list(range(len(chosen)))
        evaluation.accumulate()
        # By threshold, recall, class, area; -1 where there is no true box.
        precision = evaluation.eval["precision"][..., 0]
        values = {
            "AP": _mean(precision[..., 0]),
            "AP50": _mean(precision[0, ..., 0]),
            "AP_S": _mean(precision[..., 1]),
            "AP_M": _mean(precision[..., 2]),
            "AP_L": _mean(precision[..., 3]),
        }
        if not self._agnostic:
            for position, label in enumerate(self._classes):
                values[f"AP/{label}"] = _mean(precision[:, :, position, 0])
        return values


def _mean(precision: NDArray[np.float64]) -> float:
    defined = precision[precision > -1]
    return float(defined.mean()) if len(defined) else math.nan


def _dataset(frames: Sequence[Boxes], classes: Sequence[int]) -> COCO:
    """Boxes as COCO has them."""
    annotations: list[dict[str, Any]] = []
    for image, boxes in enumerate(frames):
        fields = ("x", "y", "w", "h", "class_id", "class_confidence")
        for x, y, width, height, label, score in zip(
            *(boxes[name].tolist() for name in fields), strict=True
        ):
            annotations.append(
                {
                    "id": len(annotations) + 1,  # 0 means none
                    "image_id": image,
                    "category_id": label,
                    "bbox": [x, y, width, height],
                    "area": width * height,
                    "iscrowd": 0,
                    "score": score,
                }
            )
    return COCO(
        {
            "images": [{"id": image} for image in range(len(frames))],
            "categories": [{"id": label} for label in classes],
            "annotations": annotations,
        }
    )
