"""Sequences of Gen4 and eTraM: what the files say is what the reader gives."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from fixbench.datasets.event_sequences import (
    BOX_TYPE,
    ETRAM_CLASSES,
    GEN4_CLASSES,
    read_event_sequences,
    write_event_sequences,
)
from fixbench.errors import InputError

from .conftest import FRAMES, NAME, Files


def test_a_sequence(files: Files, tmp_path: Path) -> None:
    files.write(tmp_path)
    (sequence,) = read_event_sequences(tmp_path, "train")
    assert sequence.name == NAME
    assert sequence.histograms.dtype == np.uint8
    np.testing.assert_array_equal(sequence.histograms, files.data)
    assert sequence.labelled.tolist() == [1, 3]
    assert sequence.time_us.tolist() == [50_000, 100_000, 150_000, 200_000]
    assert sequence.class_names == ETRAM_CLASSES
    assert [len(boxes) for boxes in sequence.boxes] == [2, 1]
    np.testing.assert_array_equal(np.concatenate(sequence.boxes), files.labels)


def test_the_file_of_classes_names_them(files: Files, tmp_path: Path) -> None:
    files.labels["class_id"] = [0, 1, 2]
    files.write(tmp_path)
    (tmp_path / "class_names.txt").write_text("pedestrian\ntwo wheeler\ncar\n")
    (sequence,) = read_event_sequences(tmp_path, "train")
    assert sequence.class_names == GEN4_CLASSES


def test_boxes_of_frames_at_half_size_are_halved(files: Files, tmp_path: Path) -> None:
    """RVT stores Gen4's frames at half size and its boxes at full size."""
    files.file = "event_representations_ds2_nearest.h5"
    for name in ("x", "y", "w", "h"):
        files.labels[name] *= 2
    files.write(tmp_path)
    (sequence,) = read_event_sequences(tmp_path, "train")
    assert sequence.histograms.shape == (4, 20, 8, 12)
    found = np.concatenate(sequence.boxes)
    assert found["x"].tolist() == [1, 0, 9.5]
    assert found["h"].tolist() == [4, 8, 2]
    assert found["class_confidence"].tolist() == [1, 1, 0.5]


def test_frames_at_full_size_are_preferred(files: Files, tmp_path: Path) -> None:
    place = files.write(tmp_path)
    with h5py.File(place / FRAMES / "event_representations_ds2_nearest.h5", "w") as file:
        file["data"] = files.data[:, :, ::2, ::2]
    (sequence,) = read_event_sequences(tmp_path, "train")
    assert sequence.histograms.shape == (4, 20, 8, 12)


def test_sequences_by_name_and_split(files: Files, tmp_path: Path) -> None:
    for name in ("b", "c", "a"):
        files.write(tmp_path, name=name)
    files.write(tmp_path, split="test", name="d")
    (tmp_path / "train" / "notes.txt").write_text("not a sequence")
    assert [s.name for s in read_event_sequences(tmp_path, "train")] == ["a", "b", "c"]
    assert [s.name for s in read_event_sequences(tmp_path, "test")] == ["d"]
    chosen = read_event_sequences(tmp_path, "train", names=["c", "a"])
    assert [s.name for s in chosen] == ["a", "c"]


def test_labels_may_have_other_types_and_an_order_of_their_own(
    files: Files, tmp_path: Path
) -> None:
    """Published labels differ in the types of their fields."""
    expected = files.labels
    names = ["class_id", "t", "w", "h", "x", "y", "class_confidence", "track_id"]
    wider = [(name, "<u8" if name in ("t", "class_id") else "<f8") for name in names]
    rows = [(*(row[name] for name in names), 1) for row in expected]
    files.labels = np.array(rows, dtype=[*wider, ("source", "u1")])
    files.write(tmp_path)
    (sequence,) = read_event_sequences(tmp_path, "train")
    found = np.concatenate(sequence.boxes)
    assert found.dtype == BOX_TYPE
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("compression", ["gzip", "lzf", None])
def test_frames_may_be_compressed_and_in_chunks(
    compression: str | None, files: Files, tmp_path: Path
) -> None:
    place = files.write(tmp_path)
    with h5py.File(place / FRAMES / files.file, "w") as file:
        file.create_dataset("data", data=files.data, chunks=(1, 20, 8, 12), compression=compression)
    (sequence,) = read_event_sequences(tmp_path, "train")
    np.testing.assert_array_equal(sequence.histograms, files.data)


def test_what_is_written_is_read_and_written_again_to_the_same_bytes(
    files: Files, tmp_path: Path
) -> None:
    files.write(tmp_path / "hand", name="a")
    files.write(tmp_path / "hand", name="b")
    sequences = read_event_sequences(tmp_path / "hand", "train")
    contents = []
    for place in (tmp_path / "first", tmp_path / "second"):
        write_event_sequences(place, "val", sequences)
        paths = sorted(path for path in place.rglob("*") if path.is_file())
        contents.append({path.relative_to(place): path.read_bytes() for path in paths})
    assert contents[0] == contents[1]
    assert len(contents[0]) == 2 * 5 + 1
    again = read_event_sequences(tmp_path / "first", "val")
    for one, other in zip(sequences, again, strict=True):
        assert (one.name, one.class_names) == (other.name, other.class_names)
        np.testing.assert_array_equal(one.histograms, other.histograms)
        np.testing.assert_array_equal(one.time_us, other.time_us)
        np.testing.assert_array_equal(one.labelled, other.labelled)
        for before, after in zip(one.boxes, other.boxes, strict=True):
            np.testing.assert_array_equal(before, after)


def test_a_labelled_frame_without_a_box_is_not_written(files: Files, tmp_path: Path) -> None:
    files.write(tmp_path)
    (sequence,) = read_event_sequences(tmp_path, "train")
    empty = type(sequence)(
        **{**vars(sequence), "boxes": (sequence.boxes[0], sequence.boxes[1][:0])}
    )
    with pytest.raises(InputError, match="boxes of frame 3 is 0; expected a box in every"):
        write_event_sequences(tmp_path, "val", [empty])
