"""Event sequences: stacked histograms with labelled boxes.

A stand-in for the reader of the real layout: one ``.npz`` a sequence, in one folder for each split.
"""

from __future__ import annotations

from collections.abc import Sequence as Sequences
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fixbench.errors import InputError

__all__ = ["BOX_TYPE", "Sequence", "Split", "read_event_sequences", "write_event_sequences"]

Split = Literal["train", "val", "test"]

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


@dataclass(frozen=True)
class Sequence:
    """One recording.

    Attributes:
        histograms: uint8 [frames, 20, rows, columns].
        boxes: of each labelled frame, of `BOX_TYPE`.
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


def read_event_sequences(folder: Path, split: Split) -> tuple[Sequence, ...]:
    """All sequences of a split, by name.

    Raises:
        InputError: the folder has none.
    """
    paths = sorted((folder / split).glob("*.npz"))
    if not paths:
        raise InputError(folder / split, "", expected="a folder of event sequences")
    sequences = []
    for path in paths:
        with np.load(path) as content:
            counts = content["counts"]
            sequences.append(
                Sequence(
                    name=path.stem,
                    histograms=content["histograms"],
                    boxes=tuple(np.split(content["boxes"], np.cumsum(counts)[:-1])),
                    labelled=content["labelled"],
                    time_us=content["time_us"],
                    class_names=tuple(content["class_names"].tolist()),
                )
            )
    return tuple(sequences)


def write_event_sequences(folder: Path, split: Split, sequences: Sequences[Sequence]) -> None:
    """Write what `read_event_sequences` reads."""
    (folder / split).mkdir(parents=True, exist_ok=True)
    for sequence in sequences:
        np.savez(
            folder / split / f"{sequence.name}.npz",
            histograms=sequence.histograms,
            boxes=np.concatenate(sequence.boxes),
            counts=np.array([len(boxes) for boxes in sequence.boxes]),
            labelled=sequence.labelled,
            time_us=sequence.time_us,
            class_names=np.array(sequence.class_names),
        )
