"""Writing sequences in the layout that `read_event_sequences` reads."""

from __future__ import annotations

from collections.abc import Sequence as Sequences
from pathlib import Path

import h5py
import numpy as np

from fixbench.datasets.event_sequences._deflate import compress
from fixbench.datasets.event_sequences._sequence import (
    BOX_TYPE,
    CLASS_NAMES_FILE,
    Sequence,
    Split,
    frames_folder,
    labels_folder,
)
from fixbench.errors import InputError

__all__ = ["write_event_sequences"]


def write_event_sequences(folder: Path, split: Split, sequences: Sequences[Sequence]) -> None:
    """Write one split, and the names of its classes. Equal sequences give equal bytes.

    Raises:
        InputError: a labelled frame has no box, which the layout cannot say.
    """
    for sequence in sequences:
        place = folder / split / sequence.name
        frames, labels = frames_folder(place), labels_folder(place)
        for number, boxes in zip(sequence.labelled.tolist(), sequence.boxes, strict=True):
            if not len(boxes):
                key = f"boxes of frame {number}"
                raise InputError(place, key, 0, expected="a box in every labelled frame")
        frames.mkdir(parents=True, exist_ok=True)
        labels.mkdir(parents=True, exist_ok=True)
        # Without the bounds, newer versions of HDF5 write other bytes.
        with h5py.File(frames / "event_representations.h5", "w", libver=("v110", "v110")) as file:
            shape = sequence.histograms.shape
            data = file.create_dataset(
                "data", shape, np.uint8, chunks=shape, compression="gzip", track_times=False
            )
            # HDF5 itself would compress with the machine's zlib, whose bytes differ between builds.
            data.id.write_direct_chunk((0,) * 4, compress(sequence.histograms.tobytes()))
        np.save(frames / "objframe_idx_2_repr_idx.npy", sequence.labelled)
        np.save(frames / "timestamps_us.npy", sequence.time_us)
        counts = [len(boxes) for boxes in sequence.boxes]
        np.savez(
            labels / "labels.npz",
            labels=np.concatenate([np.zeros(0, dtype=BOX_TYPE), *sequence.boxes]),
            objframe_idx_2_label_idx=np.cumsum([0, *counts])[:-1],
        )
        np.save(labels / "timestamps_us.npy", sequence.time_us[sequence.labelled])
        names = "".join(f"{name}\n" for name in sequence.class_names)
        (folder / CLASS_NAMES_FILE).write_text(names, encoding="utf-8")
