"""Reading preprocessed sequences."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as Sequences
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.event_sequences._files import (
    ascending_integers,
    load_npy,
    load_npz,
    open_hdf5,
    read_dataset,
)
from fixbench.datasets.event_sequences._histogram import CHANNELS
from fixbench.datasets.event_sequences._sequence import (
    BOX_TYPE,
    CLASS_NAMES_FILE,
    ETRAM_CLASSES,
    HALF_SIZE,
    SPLITS,
    Sequence,
    Split,
    frames_folder,
    labels_folder,
)
from fixbench.errors import InputError

__all__ = ["read_event_sequences"]

_TIMES = "timestamps_us.npy"
_FRAME_OF_LABEL = "objframe_idx_2_repr_idx.npy"
#: Stored coordinates are of single precision.
_ROUNDING = 1e-3


def read_event_sequences(
    folder: Path, split: Split, *, names: Sequences[str] | None = None
) -> tuple[Sequence, ...]:
    """The sequences of a split, in the order of their names, with all frames in memory.

    Args:
        folder: holds the splits; see `fixbench.datasets.event_sequences`.
        names: of the sequences to read; by default all.

    Raises:
        InputError: names the file, the key and the value of the first thing that is wrong.
    """
    folder = Path(folder)
    if split not in SPLITS:
        expected = f"one of {', '.join(SPLITS)}"
        raise InputError("read_event_sequences", "split", split, expected=expected)
    if not (folder / split).is_dir():
        raise InputError(folder / split, "", expected="a folder with a folder for each sequence")
    present = sorted(path.name for path in (folder / split).iterdir() if path.is_dir())
    for name in names or ():
        if name not in present:
            raise InputError(folder / split, "names", name, expected="the name of a sequence")
    chosen = present if names is None else sorted(names)
    if not chosen:
        raise InputError(folder / split, "sequences", 0, expected="at least one folder")
    class_names = _class_names(folder / CLASS_NAMES_FILE)
    return tuple(_read_sequence(folder / split / name, class_names) for name in chosen)


def _class_names(path: Path) -> tuple[str, ...]:
    if not path.exists():
        return ETRAM_CLASSES
    try:
        names = [line.strip() for line in path.read_text(encoding="utf-8").rstrip().split("\n")]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", expected=f"a text file in UTF-8 ({error})") from error
    for number, name in enumerate(names, start=1):
        if not name or name in names[: number - 1]:
            raise InputError(path, f"line {number}", name, expected="the name of another class")
    return tuple(names)


def _read_sequence(folder: Path, class_names: tuple[str, ...]) -> Sequence:
    histograms, scale = _frames(frames_folder(folder))
    frames = len(histograms)
    times_file = frames_folder(folder) / _TIMES
    time_us = ascending_integers(times_file, "time", load_npy(times_file))
    _same_length(times_file, "time", time_us, frames, "frames")
    labelled_file = frames_folder(folder) / _FRAME_OF_LABEL
    labelled = ascending_integers(labelled_file, "frame", load_npy(labelled_file))
    wrong = np.flatnonzero((labelled < 0) | (labelled >= frames))
    if len(wrong):
        place = int(wrong[0])
        expected = f"the number of a frame, 0 to {frames - 1}"
        raise InputError(labelled_file, f"frame[{place}]", int(labelled[place]), expected=expected)
    labels_file = labels_folder(folder) / "labels.npz"
    stored, first = load_npz(labels_file, "labels", "objframe_idx_2_label_idx")
    boxes = _boxes(labels_file, stored)
    starts = _starts(labels_file, first, len(boxes), len(labelled))
    label_times_file = labels_folder(folder) / _TIMES
    label_times = ascending_integers(label_times_file, "time", load_npy(label_times_file))
    _same_length(label_times_file, "time", label_times, len(labelled), "labelled frames")
    wrong = np.flatnonzero(label_times != time_us[labelled])
    if len(wrong):
        place = int(wrong[0])
        expected = f"{time_us[labelled[place]]}, the time of its frame {labelled[place]}"
        value = int(label_times[place])
        raise InputError(label_times_file, f"time[{place}]", value, expected=expected)
    _check_boxes(
        labels_file,
        boxes,
        np.repeat(label_times, np.diff([*starts, len(boxes)])),
        rows=histograms.shape[2] * scale,
        columns=histograms.shape[3] * scale,
        class_names=class_names,
    )
    for field in ("x", "y", "w", "h"):
        boxes[field] /= scale
    return Sequence(
        name=folder.name,
        histograms=histograms,
        boxes=tuple(np.split(boxes, starts[1:])) if len(starts) else (),
        labelled=labelled,
        time_us=time_us,
        class_names=class_names,
    )


def _frames(folder: Path) -> tuple[NDArray[np.uint8], int]:
    """Frames, and how many times larger the boxes are."""
    path, scale = folder / "event_representations.h5", 1
    half = folder / f"event_representations{HALF_SIZE}.h5"
    if half.exists() and not path.exists():
        path, scale = half, 2
    with open_hdf5(path) as file:
        data = read_dataset(path, file, "data")
        known = data.ndim == 4 and data.dtype == np.uint8 and data.shape[1] == CHANNELS
        if not known or 0 in data.shape:
            found = f"{data.dtype} {list(data.shape)}"
            expected = f"uint8 [frames, {CHANNELS}, rows, columns]"
            raise InputError(path, "data", found, expected=expected)
        return data[()], scale


def _same_length(path: Path, key: str, array: NDArray[Any], count: int, of: str) -> None:
    if len(array) != count:
        expected = f"{count} entries, one for each of the {of}"
        raise InputError(path, key, f"{len(array)} entries", expected=expected)


def _boxes(path: Path, stored: NDArray[Any]) -> NDArray[Any]:
    """Boxes of `BOX_TYPE`; other fields of the file are left out."""
    fields: Mapping[str, Any] = stored.dtype.fields or {}
    for name in BOX_TYPE.names or ():
        if name not in fields or fields[name][0].kind not in "fiub" or stored.ndim != 1:
            found = f"{stored.dtype} {list(stored.shape)}"
            expected = f"one structure a box, with the number {name!r}"
            raise InputError(path, "labels", found, expected=expected)
        if not np.isfinite(stored[name]).all():
            place = int(np.flatnonzero(~np.isfinite(stored[name]))[0])
            value = float(stored[name][place])
            raise InputError(path, f"labels[{place}].{name}", value, expected="a finite number")
    boxes = np.zeros(len(stored), dtype=BOX_TYPE)
    for name in BOX_TYPE.names or ():
        boxes[name] = stored[name]
    return boxes


def _starts(path: Path, array: NDArray[Any], boxes: int, frames: int) -> NDArray[np.int64]:
    """Where the boxes of each labelled frame begin."""
    key = "objframe_idx_2_label_idx"
    starts = ascending_integers(path, key, array)
    _same_length(path, key, starts, frames, "labelled frames")
    if len(starts) and starts[0] != 0:
        raise InputError(path, f"{key}[0]", int(starts[0]), expected="0, the first box")
    if len(starts) and starts[-1] >= boxes:
        expected = f"the number of a box, 0 to {boxes - 1}"
        raise InputError(path, f"{key}[{frames - 1}]", int(starts[-1]), expected=expected)
    if boxes and not len(starts):
        raise InputError(path, key, "0 entries", expected="the frame of every box")
    return starts


def _check_boxes(
    path: Path,
    boxes: NDArray[Any],
    times: NDArray[np.int64],
    *,
    rows: int,
    columns: int,
    class_names: tuple[str, ...],
) -> None:
    most = len(class_names) - 1
    ends = {"x": ("w", columns), "y": ("h", rows)}
    checks: list[tuple[str, NDArray[np.bool_], str]] = [
        ("t", boxes["t"] != times, "the time of the frame that it labels"),
        ("class_id", boxes["class_id"] > most, f"a class from 0 ({class_names[0]}) to {most}"),
    ]
    for start, (extent, limit) in ends.items():
        low = boxes[start].astype(np.float64)
        high = low + boxes[extent]
        outside = (low < -_ROUNDING) | (high > limit + _ROUNDING)
        checks += [
            (extent, boxes[extent] <= 0, "more than 0 pixels"),
            (start, outside, f"a box within the frame, {start} 0 to {limit} with {extent}"),
        ]
    for name, wrong, expected in checks:
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            value = boxes[name][place].item()
            if name in ends:
                value = f"{value:g} (with {ends[name][0]} {boxes[ends[name][0]][place]:g})"
            raise InputError(path, f"labels[{place}].{name}", value, expected=expected)
