"""Small sequences, written by hand in the files of the layout."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from fixbench.datasets.event_sequences import BOX_TYPE

FRAMES = "event_representations_v2/stacked_histogram_dt=50_nbins=10"
NAME = "moorea_2019-02-19_001"


def boxes_of(*rows: tuple[Any, ...]) -> NDArray[Any]:
    """Boxes (t, x, y, w, h, class, track, confidence)."""
    return np.array(list(rows), dtype=BOX_TYPE)


@dataclass
class Files:
    """What the files of one sequence hold: four frames of 8 x 12, of which two are labelled."""

    data: Any = field(
        default_factory=lambda: (
            np.random.default_rng(5).integers(0, 11, (4, 20, 8, 12)).astype(np.uint8)
        )
    )
    key: str = "data"
    file: str = "event_representations.h5"
    times: Any = field(default_factory=lambda: np.array([50_000, 100_000, 150_000, 200_000]))
    frames: Any = field(default_factory=lambda: np.array([1, 3]))
    label_times: Any = field(default_factory=lambda: np.array([100_000, 200_000]))
    labels: Any = field(
        default_factory=lambda: boxes_of(
            (100_000, 1, 2, 3, 4, 0, 7, 1),
            (100_000, 0, 0, 12, 8, 7, 8, 1),
            (200_000, 9.5, 6, 2.5, 2, 3, 7, 0.5),
        )
    )
    starts: Any = field(default_factory=lambda: np.array([0, 2]))

    def write(self, folder: Path, *, split: str = "train", name: str = NAME) -> Path:
        """Write the files; gives the folder of the sequence."""
        place = folder / split / name
        (place / FRAMES).mkdir(parents=True)
        (place / "labels_v2").mkdir()
        with h5py.File(place / FRAMES / self.file, "w") as file:
            file[self.key] = self.data
        np.save(place / FRAMES / "timestamps_us.npy", self.times)
        np.save(place / FRAMES / "objframe_idx_2_repr_idx.npy", self.frames)
        np.save(place / "labels_v2" / "timestamps_us.npy", self.label_times)
        np.savez(
            place / "labels_v2" / "labels.npz",
            labels=self.labels,
            objframe_idx_2_label_idx=self.starts,
        )
        return place


@pytest.fixture
def files() -> Files:
    return Files()
