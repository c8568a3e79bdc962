"""Arrays from npy, npz and HDF5 files, with refusals that name the file."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np
from numpy.typing import NDArray

from fixbench.errors import InputError

__all__ = ["ascending_integers", "load_npy", "load_npz", "open_hdf5", "read_dataset"]

#: Filters that HDF5 does not have itself and hdf5plugin does.
_PLUGINS = {32001: "Blosc", 32004: "LZ4", 32008: "bitshuffle", 32015: "Zstandard", 32026: "Blosc2"}

_LAYOUT = "a file of an event sequence; see fixbench.datasets.event_sequences"


def load_npy(path: Path) -> NDArray[Any]:
    """One array.

    Raises:
        InputError: the file is missing or damaged.
    """
    array = _load(path, ".npy", lambda stream: np.load(stream, allow_pickle=False))
    if not isinstance(array, np.ndarray):
        raise InputError(path, "", expected="a .npy file")
    return array


def load_npz(path: Path, *names: str) -> list[NDArray[Any]]:
    """Arrays by name.

    Raises:
        InputError: the file is missing or damaged, or has no such array.
    """

    def load(stream: BinaryIO) -> dict[str, NDArray[Any]]:
        with np.load(stream, allow_pickle=False) as content:
            return {name: content[name] for name in names if name in content}

    found = _load(path, ".npz", load)
    for name in names:
        if name not in found:
            raise InputError(path, name, expected="an array of this name")
    return [found[name] for name in names]


def _load(path: Path, kind: str, load: Callable[[BinaryIO], Any]) -> Any:
    try:
        with path.open("rb") as stream:
            return load(stream)
    except FileNotFoundError as error:
        raise InputError(path, "", expected=_LAYOUT) from error
    except Exception as error:  # numpy reports damage by whatever its parser runs into
        expected = f"a complete {kind} file ({_one_line(error)})"
        raise InputError(path, "", expected=expected) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())


def ascending_integers(path: Path, key: str, array: NDArray[Any]) -> NDArray[np.int64]:
    """A line of whole numbers, each larger than the one before.

    Raises:
        InputError: it is something else; says where.
    """
    if array.ndim != 1 or array.dtype.kind not in "iu":
        found = f"{array.dtype} {list(array.shape)}"
        raise InputError(path, key, found, expected="whole numbers in one dimension")
    numbers: NDArray[np.int64] = array.astype(np.int64)
    wrong = np.flatnonzero(np.diff(numbers) <= 0)
    if len(wrong):
        place = int(wrong[0]) + 1
        expected = f"more than {numbers[place - 1]}, the one before: ascending numbers"
        raise InputError(path, f"{key}[{place}]", int(numbers[place]), expected=expected)
    return numbers


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """An HDF5 file to read.

    Raises:
        InputError: it is missing or damaged, also where that shows only inside the block.
    """
    if not path.exists():
        raise InputError(path, "", expected=_LAYOUT)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, RuntimeError) as error:
        expected = f"a complete HDF5 file ({_one_line(error)})"
        raise InputError(path, "", expected=expected) from error


def read_dataset(path: Path, file: h5py.File, key: str) -> h5py.Dataset:
    """A data set of an open file, which can be decompressed here.

    Raises:
        InputError: there is none of this name, or its filter is missing.
    """
    dataset = file.get(key)
    if not isinstance(dataset, h5py.Dataset):
        raise InputError(path, key, expected="a data set of this name")
    creation = dataset.id.get_create_plist()
    for number in range(creation.get_nfilters()):
        code, _, _, name = creation.get_filter(number)
        if not _available(code):
            found = _PLUGINS.get(code) or name.decode(errors="replace") or "unnamed"
            expected = "a filter that is here; Blosc and others come with `pip install hdf5plugin`"
            raise InputError(path, f"{key}: filter {code}", found, expected=expected)
    return dataset


def _available(code: int) -> bool:
    if h5py.h5z.filter_avail(code):
        return True
    with suppress(ImportError):  # the package is optional; it registers its filters
        importlib.import_module("hdf5plugin")
    return bool(h5py.h5z.filter_avail(code))
