"""What a sequence is, and where its files lie."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BOX_TYPE",
    "CLASS_NAMES_FILE",
    "ETRAM_CLASSES",
    "GEN4_CLASSES",
    "HALF_SIZE",
    "SPLITS",
    "Sequence",
    "Split",
    "frames_folder",
    "labels_folder",
]

Split = Literal["train", "val", "test"]
SPLITS = ("train", "val", "test")

#: A labelled box, as Prophesee's files have it: µs; pixels from the upper left corner.
BOX_TYPE = np.dtype(
    [
        ("t", "<i8"),
        ("x", "<f4"),
        ("y", "<f4"),
        ("w", "<f4"),
        ("h", "<f4"),
        ("class_id", "u1"),
        ("track_id", "<u4"),
        ("class_confidence", "<f4"),
    ]
)

#: In the order of their ids.
ETRAM_CLASSES = (
    "pedestrian",
    "car",
    "bicycle",
    "bus",
    "motorbike",
    "truck",
    "tram",
    "wheelchair",
)
#: The three of seven classes that RVT keeps.
GEN4_CLASSES = ("pedestrian", "two wheeler", "car")

CLASS_NAMES_FILE = "class_names.txt"
#: What the name of a file of frames at half size ends with.
HALF_SIZE = "_ds2_nearest"


@dataclass(frozen=True)
class Sequence:
    """One recording, cut into frames.

    Attributes:
        name: of its folder.
        histograms: uint8 [frames, 20, rows, columns]; see `stacked_histogram`.
        boxes: of each labelled frame, of `BOX_TYPE`, in pixels of the histograms.
        labelled: int64, the frames that are labelled, ascending.
        time_us: int64 [frames], the end of each frame.
        class_names: of the data set.
    """

    name: str
    histograms: NDArray[np.uint8]
    boxes: tuple[NDArray[Any], ...]
    labelled: NDArray[np.int64]
    time_us: NDArray[np.int64]
    class_names: tuple[str, ...]


def frames_folder(sequence: Path) -> Path:
    """Where the frames of a sequence are."""
    return sequence / "event_representations_v2" / "stacked_histogram_dt=50_nbins=10"


def labels_folder(sequence: Path) -> Path:
    """Where the boxes of a sequence are."""
    return sequence / "labels_v2"
