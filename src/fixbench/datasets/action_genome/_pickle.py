"""Pickles of plain values, read without running anything that is in them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.action_genome._files import ANNOTATION_FILE
from fixbench.errors import InputError


def read_pickle(path: Path) -> dict[str, Any]:
    """A pickle of containers, strings, numbers and arrays of numbers: nothing in it is run."""
    try:
        with path.open("rb") as stream:
            value = _PlainUnpickler(stream, path).load()
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(path, "", expected=ANNOTATION_FILE) from error
    # A damaged pickle can raise almost any exception.
    except Exception as error:
        expected = f"a complete pickle ({type(error).__name__}: {error})"
        raise InputError(path, "", expected=expected) from error
    if not isinstance(value, dict):
        raise InputError(path, "", value, expected="a dictionary, key → annotation")
    return value


class _PlainUnpickler(pickle.Unpickler):
    """Resolves only the names that numpy's arrays and scalars need, to functions of this module."""

    def __init__(self, stream: Any, path: Path) -> None:
        # Pickles of Python 2 hold byte strings.
        super().__init__(stream, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return _NDARRAY
        builder = _BUILDERS.get((module.replace("numpy._core", "numpy.core"), name))
        if builder is None:
            expected = "plain containers, strings, numbers and numpy arrays only"
            raise InputError(self._path, "class", f"{module}.{name}", expected=expected)
        # A pickle may set attributes on what it is given: each time it is a new wrapper.
        return lambda *arguments: builder(*arguments)


#: Stands for numpy's class, which a pickle could call.
_NDARRAY = object()


def _new_array(kind: object, shape: object, code: object) -> NDArray[Any]:
    """The empty array that numpy's pickles start from; its state sets shape, type and content."""
    if kind is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError("an array of another class")
    return np.empty(0, dtype="b")


def _dtype(code: str, align: bool = False, copy: bool = True) -> np.dtype[Any]:
    dtype = np.dtype(code, align=align, copy=True)
    if dtype.kind not in "biufSU":
        raise pickle.UnpicklingError(f"an array of {dtype}")
    return dtype


def _scalar(dtype: np.dtype[Any], content: bytes) -> Any:
    return np.frombuffer(content, dtype=dtype)[0]


def _from_buffer(
    content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"]
) -> NDArray[Any]:
    return np.frombuffer(content, dtype=dtype).reshape(shape, order=order)


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """How protocol 2 stores bytes; for empty ones it calls `_no_bytes`."""
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


_BUILDERS: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("numpy.core.multiarray", "_reconstruct"): _new_array,
        ("numpy.core.multiarray", "scalar"): _scalar,
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("numpy", "dtype"): _dtype,
        ("_codecs", "encode"): _latin1,
        ("__builtin__", "bytes"): _no_bytes,
    }
)
