"""Raw events, as recorded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.event_sequences._files import open_hdf5, read_dataset
from fixbench.errors import InputError

__all__ = ["Events", "read_events"]

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Events:
    """Changes of brightness, in the order of time.

    Attributes:
        t: µs, int64, not descending.
        x, y: column and row, int64.
        p: 1 where a pixel became brighter, else 0, int64.
        rows, columns: of the sensor.
    """

    t: Integers
    x: Integers
    y: Integers
    p: Integers
    rows: int
    columns: int

    def __getitem__(self, part: slice) -> Events:
        """Consecutive events."""
        return Events(
            self.t[part], self.x[part], self.y[part], self.p[part], self.rows, self.columns
        )


def read_events(path: Path) -> Events:
    """Read a recording of Gen4 or eTraM: HDF5 with ``events/{t, x, y, p, width, height}``.

    Recordings have a few events that are stamped earlier than one before them. As in RVT, they get
    the time of the latest before them. Polarities are 0 or 1, or -1 or 1.

    Raises:
        InputError: the file is missing or damaged, an array is missing or of another length than
            the others, or a value is out of range.
    """
    path = Path(path)
    with open_hdf5(path) as file:
        arrays = {key: _array(path, file, f"events/{key}") for key in "txyp"}
        columns, rows = (
            int(_array(path, file, f"events/{key}").reshape(-1)[0]) for key in ("width", "height")
        )
    for key, array in arrays.items():
        if array.shape != arrays["t"].shape or array.ndim != 1:
            expected = f"one for each of the {arrays['t'].size} times"
            raise InputError(path, f"events/{key}", list(array.shape), expected=expected)
    p = np.maximum(arrays["p"], 0)
    for key, array, limit in (
        ("x", arrays["x"], columns),
        ("y", arrays["y"], rows),
        ("p", p, 2),
        ("t", arrays["t"], None),
    ):
        wrong = np.flatnonzero((array < 0) | (False if limit is None else array >= limit))
        if len(wrong):
            place = int(wrong[0])
            expected = "0 or more" if limit is None else f"0 to {limit - 1}"
            value = int(array[place])
            raise InputError(path, f"events/{key}[{place}]", value, expected=expected)
    t = np.maximum.accumulate(arrays["t"]) if len(arrays["t"]) else arrays["t"]
    return Events(t, arrays["x"], arrays["y"], p, rows, columns)


def _array(path: Path, file: Any, key: str) -> Integers:
    array = np.asarray(read_dataset(path, file, key)[()])
    if array.dtype.kind not in "iub" or (array.size == 0 and key.endswith(("width", "height"))):
        found = f"{array.dtype} {list(array.shape)}"
        raise InputError(path, key, found, expected="whole numbers")
    return array.astype(np.int64)
