"""Bad files of a sequence: one message that names the file, the place, the value and the right."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fixbench.datasets.event_sequences import BOX_TYPE, read_event_sequences, read_events
from fixbench.errors import InputError

from .conftest import FRAMES, Files

H5 = f"{FRAMES}/event_representations.h5"
FRAME_OF_LABEL = f"{FRAMES}/objframe_idx_2_repr_idx.npy"
TIMES = f"{FRAMES}/timestamps_us.npy"
LABELS = "labels_v2/labels.npz"
LABEL_TIMES = "labels_v2/timestamps_us.npy"


def _refused(folder: Path, split: Any = "train", **arguments: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_event_sequences(folder, split, **arguments)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("name", [H5, FRAME_OF_LABEL, TIMES, LABELS, LABEL_TIMES])
def test_a_missing_file(name: str, files: Files, tmp_path: Path) -> None:
    place = files.write(tmp_path)
    (place / name).unlink()
    error = _refused(tmp_path)
    assert error.file == str(place / name)
    assert "see fixbench.datasets.event_sequences" in error.expected


@pytest.mark.parametrize("name", [H5, FRAME_OF_LABEL, TIMES, LABELS, LABEL_TIMES])
@pytest.mark.parametrize("kept", [0, 0.5, 0.95])
def test_a_truncated_file(name: str, kept: float, files: Files, tmp_path: Path) -> None:
    place = files.write(tmp_path)
    content = (place / name).read_bytes()
    (place / name).write_bytes(content[: int(kept * len(content))])
    error = _refused(tmp_path)
    assert error.file == str(place / name)
    assert error.expected.startswith("a complete ")


@pytest.mark.parametrize("name", [H5, FRAME_OF_LABEL, TIMES, LABELS, LABEL_TIMES])
def test_a_damaged_file(name: str, files: Files, tmp_path: Path) -> None:
    """Bytes that changed on the way: a refusal, or content that the checks let pass."""
    place = files.write(tmp_path)
    content = (place / name).read_bytes()
    draw = np.random.default_rng(0)
    refusals: list[InputError] = []
    for _ in range(60):
        damaged = bytearray(content)
        damaged[int(draw.integers(min(len(content), 300)))] = int(draw.integers(256))
        (place / name).write_bytes(damaged)
        try:
            read_event_sequences(tmp_path, "train")
        except InputError as error:
            refusals.append(error)
    assert len(refusals) > 10
    assert all(error.file.startswith(str(place)) for error in refusals)
    assert not any("\n" in str(error) for error in refusals)


def test_a_damaged_chunk(files: Files, tmp_path: Path) -> None:
    """A compressed file of the right length, of which the content is wrong."""
    place = files.write(tmp_path)
    with h5py.File(place / H5, "w") as file:
        data = file.create_dataset("data", (4, 20, 8, 12), np.uint8, chunks=True, compression=1)
        for chunk in np.ndindex(
            tuple(-(-s // c) for s, c in zip(data.shape, data.chunks, strict=True))
        ):
            data.id.write_direct_chunk(tuple(np.multiply(chunk, data.chunks)), b"no zlib stream")
    error = _refused(tmp_path)
    assert (error.file, error.key) == (str(place / H5), "")
    assert error.expected.startswith("a complete HDF5 file")


def test_an_unknown_filter_names_itself_and_the_package(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RVT compresses with Blosc, which HDF5 does not have."""
    monkeypatch.setitem(sys.modules, "hdf5plugin", None)  # as where it is not installed
    place = files.write(tmp_path)
    with h5py.File(place / H5, "w") as file:
        space = h5py.h5s.create_simple((4, 20, 8, 12))
        creation = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        creation.set_chunk((1, 20, 8, 12))
        creation.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (2, 2, 1, 1920, 1, 1, 5))
        h5py.h5d.create(file.id, b"data", h5py.h5t.STD_U8LE, space, creation)
    error = _refused(tmp_path)
    assert (error.file, error.key) == (str(place / H5), "data: filter 32001")
    assert error.value == "Blosc"
    assert "pip install hdf5plugin" in error.expected


def _change(name: str, value: Any) -> Callable[[Files], None]:
    return lambda files: setattr(files, name, value)


def _change_label(place: int, **values: Any) -> Callable[[Files], None]:
    def change(files: Files) -> None:
        for name, value in values.items():
            files.labels[name][place] = value

    return change


ZEROS = np.zeros((4, 20, 8, 12), np.uint8)


@pytest.mark.parametrize(
    ("change", "name", "key", "value"),
    [
        (_change("key", "events"), H5, "data", None),
        (_change("data", ZEROS.astype(np.float32)), H5, "data", "float32 [4, 20, 8, 12]"),
        (_change("data", ZEROS[:, :10]), H5, "data", "uint8 [4, 10, 8, 12]"),
        (_change("data", ZEROS[0]), H5, "data", "uint8 [20, 8, 12]"),
        (_change("data", ZEROS[:0]), H5, "data", "uint8 [0, 20, 8, 12]"),
        (_change("times", np.array([50, 100, 150])), TIMES, "time", "3 entries"),
        (_change("times", np.array([50, 150, 100, 200])), TIMES, "time[2]", 100),
        (_change("times", np.array([50, 100, 100, 200])), TIMES, "time[2]", 100),
        (_change("times", np.array([0.5, 1, 2, 3])), TIMES, "time", "float64 [4]"),
        (_change("times", np.zeros((4, 1), int)), TIMES, "time", "int64 [4, 1]"),
        (_change("frames", np.array([1, 4])), FRAME_OF_LABEL, "frame[1]", 4),
        (_change("frames", np.array([-1, 3])), FRAME_OF_LABEL, "frame[0]", -1),
        (_change("frames", np.array([3, 1])), FRAME_OF_LABEL, "frame[1]", 1),
        (_change("frames", np.array([1, 2, 3])), LABELS, "objframe_idx_2_label_idx", "2 entries"),
        (_change("starts", np.array([0, 3])), LABELS, "objframe_idx_2_label_idx[1]", 3),
        (_change("starts", np.array([1, 2])), LABELS, "objframe_idx_2_label_idx[0]", 1),
        (_change("starts", np.array([0, 0])), LABELS, "objframe_idx_2_label_idx[1]", 0),
        (_change("label_times", np.array([100_000])), LABEL_TIMES, "time", "1 entries"),
        (_change("label_times", np.array([100_000, 150_000])), LABEL_TIMES, "time[1]", 150_000),
        (_change("label_times", np.array([200_000, 100_000])), LABEL_TIMES, "time[1]", 100_000),
        (_change_label(2, t=100_000), LABELS, "labels[2].t", 100_000),
        (_change_label(1, class_id=8), LABELS, "labels[1].class_id", 8),
        (_change_label(0, x=-1), LABELS, "labels[0].x", "-1 (with w 3)"),
        (_change_label(2, w=2.6), LABELS, "labels[2].x", "9.5 (with w 2.6)"),
        (_change_label(2, y=6.5), LABELS, "labels[2].y", "6.5 (with h 2)"),
        (_change_label(1, h=0), LABELS, "labels[1].h", 0),
        (_change_label(1, w=-2), LABELS, "labels[1].w", -2),
        (_change_label(1, class_confidence=np.nan), LABELS, "labels[1].class_confidence", None),
        (_change("labels", np.zeros((3, 8))), LABELS, "labels", "float64 [3, 8]"),
        (_change("labels", np.array([object()])), LABELS, "", None),
    ],
)
def test_bad_content(
    change: Callable[[Files], None],
    name: str,
    key: str,
    value: Any,
    files: Files,
    tmp_path: Path,
) -> None:
    change(files)
    place = files.write(tmp_path)
    error = _refused(tmp_path)
    assert (error.file, error.key) == (str(place / name), key)
    if value is not None:
        assert error.value == value


@pytest.mark.parametrize("missing", ["t", "x", "class_id", "track_id", "class_confidence"])
def test_a_missing_field(missing: str, files: Files, tmp_path: Path) -> None:
    files.labels = files.labels[[n for n in BOX_TYPE.names or () if n != missing]].copy()
    place = files.write(tmp_path)
    error = _refused(tmp_path)
    assert (error.file, error.key) == (str(place / LABELS), "labels")
    assert repr(missing) in error.expected


@pytest.mark.parametrize("missing", ["labels", "objframe_idx_2_label_idx"])
def test_a_missing_array(missing: str, files: Files, tmp_path: Path) -> None:
    place = files.write(tmp_path)
    arrays = {"labels": files.labels, "objframe_idx_2_label_idx": files.starts}
    del arrays[missing]
    np.savez(place / LABELS, **arrays)
    error = _refused(tmp_path)
    assert (error.file, error.key) == (str(place / LABELS), missing)


def test_a_box_may_end_at_the_edge_but_for_rounding(files: Files, tmp_path: Path) -> None:
    """9.1 + 2.9 is more than 12 in single precision."""
    files.labels["x"][2], files.labels["w"][2] = 9.1, 2.9
    assert float(files.labels["x"][2]) + float(files.labels["w"][2]) > 12
    files.write(tmp_path)
    assert len(read_event_sequences(tmp_path, "train")) == 1


def test_no_such_split_sequence_or_folder(files: Files, tmp_path: Path) -> None:
    files.write(tmp_path)
    error = _refused(tmp_path, "testing")
    assert (error.key, error.expected) == ("split", "one of train, val, test")
    assert _refused(tmp_path, "val").file == str(tmp_path / "val")
    assert _refused(tmp_path, names=["other"]).value == "other"
    (tmp_path / "test").mkdir()
    assert _refused(tmp_path, "test").key == "sequences"


@pytest.mark.parametrize(
    ("content", "key"), [(b"a\n\nb\n", "line 2"), (b"a\nb\na\n", "line 3"), (b"\xff\n", "")]
)
def test_bad_names_of_classes(content: bytes, key: str, files: Files, tmp_path: Path) -> None:
    files.write(tmp_path)
    (tmp_path / "class_names.txt").write_bytes(content)
    error = _refused(tmp_path)
    assert (error.file, error.key) == (str(tmp_path / "class_names.txt"), key)


EVENTS = {"t": [0, 5, 9], "x": [0, 11, 3], "y": [0, 7, 2], "p": [0, 1, 1], "width": 12, "height": 8}


@pytest.mark.parametrize(
    ("changes", "key", "value"),
    [
        ({"x": [0, 12, 3]}, "events/x[1]", 12),
        ({"y": [0, 7, -1]}, "events/y[2]", -1),
        ({"p": [0, 2, 1]}, "events/p[1]", 2),
        ({"t": [-1, 5, 9]}, "events/t[0]", -1),
        ({"x": [0, 11]}, "events/x", [2]),
        ({"p": [0.0, 1.0, 1.0]}, "events/p", "float64 [3]"),
        ({"t": None}, "events/t", None),
        ({"width": None}, "events/width", None),
    ],
)
def test_bad_events(changes: dict[str, Any], key: str, value: Any, tmp_path: Path) -> None:
    path = tmp_path / "events.h5"
    with h5py.File(path, "w") as file:
        for name, array in (EVENTS | changes).items():
            if array is not None:
                file[f"events/{name}"] = array
    with pytest.raises(InputError) as caught:
        read_events(path)
    assert (caught.value.file, caught.value.key, caught.value.value) == (str(path), key, value)


def test_a_truncated_recording(tmp_path: Path) -> None:
    path = tmp_path / "events.h5"
    with h5py.File(path, "w") as file:
        for name, array in EVENTS.items():
            file[f"events/{name}"] = array
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="expected a complete HDF5 file"):
        read_events(path)
    with pytest.raises(InputError, match="expected a file of an event sequence"):
        read_events(tmp_path / "missing.h5")
