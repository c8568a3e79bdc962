"""Which labels of a recording RVT keeps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["crop_to_frame", "keep_labels"]

Boxes = NDArray[Any]


def crop_to_frame(boxes: Boxes, *, rows: int, columns: int) -> Boxes:
    """Boxes cut at the edges of the frame, without those that lie outside it.

    The last row and column of the frame are its edges, as in RVT.
    """
    cropped = boxes.copy()
    for start, extent, limit in (("x", "w", columns), ("y", "h", rows)):
        low = np.clip(boxes[start], 0, limit - 1)
        high = np.clip(boxes[start] + boxes[extent], 0, limit - 1)
        cropped[start], cropped[extent] = low, high - low
    return cropped[(cropped["w"] > 0) & (cropped["h"] > 0)]


def keep_labels(
    boxes: Boxes,
    *,
    rows: int,
    columns: int,
    classes: int,
    side: float = 5.0,
    diagonal: float = 0.0,
    widest: float | None = None,
) -> Boxes:
    """The boxes of known classes, cut at the edges, that are not too small and not too wide.

    Args:
        boxes: with Prophesee's fields, in pixels of the sensor.
        rows, columns: of the sensor.
        classes: ids below are kept; RVT keeps 3 of Gen4's 7.
        side, diagonal: of the smallest box, in pixels. RVT's default is 5 and 0; Prophesee's
            evaluation has 20 and 60 on Gen4.
        widest: the largest width. RVT's training labels have at most nine tenths of ``columns``,
            as some labels span the frame without an object.
    """
    known = crop_to_frame(boxes[boxes["class_id"] < classes], rows=rows, columns=columns)
    width, height = known["w"].astype(np.float64), known["h"].astype(np.float64)
    kept = (width >= side) & (height >= side) & (width**2 + height**2 >= diagonal**2)
    if widest is not None:
        kept &= width <= widest
    return known[kept]
