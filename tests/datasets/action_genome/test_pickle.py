"""Pickles are read without running anything that is in them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixbench.datasets.action_genome import _pickle
from fixbench.errors import InputError

from .conftest import KEY, OBJECTS, PERSONS, Dataset


class _Attack:
    """Runs a command when unpickled by a careless reader."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", [OBJECTS, PERSONS])
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(
    data: Dataset, tmp_path: Path, name: str, protocol: int
) -> None:
    marker = tmp_path / "executed"
    attack = pickle.dumps({KEY: [_Attack(marker)]}, protocol=protocol)
    pickle.loads(attack)
    assert marker.exists()  # it is an attack
    marker.unlink()
    data.file(name).write_bytes(attack)
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == (
        f"{data.file(name)}: class is 'posix.system'; expected plain containers, strings, numbers "
        "and numpy arrays only"
    )
    assert not marker.exists()


def _attacks() -> dict[str, tuple[Any, str]]:
    return {
        "a path": (Path("x"), "pathlib.PosixPath"),
        "eval": (_Call(eval, "1"), "builtins.eval"),
        "getattr": (_Call(getattr, "x", "join"), "builtins.getattr"),
        "a function of numpy": (_Call(np.zeros, 3), "numpy.zeros"),
        "an own class": (Dataset.__new__(Dataset), f"{__name__}.Dataset"),
    }


class _Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self) -> Any:
        return self.function, self.arguments


@pytest.mark.parametrize("name", _attacks())
def test_only_arrays_are_known_by_name(data: Dataset, name: str) -> None:
    value, known_as = _attacks()[name]
    # An own class is looked up in a module of this name.
    payload = pickle.dumps(value) if name != "an own class" else _own_class(known_as)
    data.file(OBJECTS).write_bytes(payload)
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value).startswith(f"{data.file(OBJECTS)}: class is {known_as!r}; expected ")


def _own_class(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n)R.".encode()


class _Reduced:
    """Pickles as the call of a numpy function that arrays need, with other arguments."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


def _reconstruct() -> Any:
    return np.zeros(1).__reduce__()[0]


@pytest.mark.parametrize(
    "value",
    [
        np.array([{"a": 1}], dtype=object),
        np.zeros(1, dtype=[("a", "f4"), ("b", "f4")]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        _Reduced(_reconstruct(), (np.ndarray, (10**12,), b"b")),
        _Reduced(
            _reconstruct(), (np.ndarray, (0,), b"b"), (1, (10**12,), np.dtype("f4"), False, b"")
        ),
        _Reduced(np.ndarray, ((10**12,),)),
        _Reduced(np.dtype, ("O",)),
    ],
    ids=["objects", "records", "dates", "huge start", "huge state", "constructor", "object type"],
)
def test_arrays_of_anything_but_numbers_and_text_are_refused(data: Dataset, value: Any) -> None:
    data.objects[KEY][0]["bbox"] = value
    data.write()
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value).startswith(f"{data.file(OBJECTS)}; expected a complete pickle (")


def test_what_a_pickle_does_to_its_builders_does_not_stay(data: Dataset) -> None:
    """A pickle can set attributes on a function that it was given: not on the next reader's."""
    builder = pickle.dumps(_Reduced(_reconstruct(), (np.ndarray, (0,), b"b")), protocol=2)
    name = builder[2 : builder.index(b"q")]
    assert name.startswith(b"c")
    # BUILD with attributes for the function itself.
    state = pickle.dumps((None, {"__defaults__": (1,)}), protocol=2)[2:-1]
    data.file(OBJECTS).write_bytes(b"\x80\x02" + name + state + b"b.")
    with pytest.raises(InputError):
        data.read()
    assert _pickle._new_array.__defaults__ is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_numbers_of_numpy_are_read_in_every_protocol(
    tmp_path: Path, protocol: int
) -> None:
    value = {
        "float": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big endian": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "text": np.array(["a", "bc"]),
        "scalar": np.float64(1.5),
        "flag": np.bool_(True),
        "bytes": b"\x00\xff",
        "rest": ("a", [1, 2.5, None, True], {"b": ()}),
    }
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    read, usual = _pickle.read_pickle(path), pickle.loads(path.read_bytes())
    assert read.keys() == value.keys()
    for name, expected in value.items():
        if isinstance(expected, np.ndarray):
            assert read[name].dtype == usual[name].dtype
            assert np.array_equal(read[name], expected)
        else:
            assert read[name] == expected
            assert type(read[name]) is type(expected)


def test_pickles_of_older_numpy_are_read(tmp_path: Path) -> None:
    """numpy 1 has no ``_core``; Python 2 left byte strings."""
    path = tmp_path / "x.pkl"
    content = pickle.dumps({"a": np.arange(3.0)}, protocol=2)
    assert b"numpy._core.multiarray" in content
    path.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert np.array_equal(_pickle.read_pickle(path)["a"], np.arange(3.0))
    path.write_bytes(b"(dS'visible'\nI01\ns.")
    assert _pickle.read_pickle(path) == {"visible": True}


@pytest.mark.parametrize(
    "content", [b"", b"garbage", pickle.dumps({"a": [1] * 50})[:40], b"\x80\x09."]
)
def test_a_damaged_pickle_is_refused(data: Dataset, content: bytes) -> None:
    data.file(PERSONS).write_bytes(content)
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value).startswith(f"{data.file(PERSONS)}; expected a complete pickle (")
    assert "\n" not in str(error.value)


def test_a_pickle_of_something_else_is_refused(data: Dataset) -> None:
    data.file(PERSONS).write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError) as error:
        data.read()
    expected = "expected a dictionary, key → annotation"
    assert str(error.value) == f"{data.file(PERSONS)} is [1]; {expected}"
