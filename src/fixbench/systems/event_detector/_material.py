"""A split of event sequences as a run uses it."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fixbench.datasets.event_sequences import read_event_sequences
from fixbench.errors import InputError
from fixbench.systems.event_detector._assignment import Targets, pad_targets

__all__ = ["Material", "load_material"]


@dataclass(frozen=True)
class Material:
    """Sequences of one split; labelled frames are numbered through all of them.

    Attributes:
        names: of the sequences; class_names.
        frames: of each sequence, uint8 [F, 20, H, W].
        labels: of each sequence, labelled frame → its number.
        truths: by number, the true boxes with Prophesee's fields.
        times: by number, µs.
        sequence: by number, the place of its sequence.
        boxes: by number, corners [K, 4] in pixels; classes: by number, int64 [K].
        mirrored: places of sequences that are seen with left and right exchanged.
    """

    names: tuple[str, ...]
    class_names: tuple[str, ...]
    frames: tuple[Tensor, ...]
    labels: tuple[dict[int, int], ...]
    truths: tuple[NDArray[Any], ...]
    times: tuple[int, ...]
    sequence: tuple[int, ...]
    boxes: tuple[Tensor, ...]
    classes: tuple[Tensor, ...]
    mirrored: frozenset[int] = frozenset()

    @property
    def lengths(self) -> list[int]:
        """How many frames each sequence has."""
        return [len(frames) for frames in self.frames]

    def targets(self, numbers: Sequence[int], device: torch.device) -> Targets:
        """The truth of some labelled frames."""
        return pad_targets(
            [self.boxes[n].to(device) for n in numbers],
            [self.classes[n].to(device) for n in numbers],
        )

    def batch(self, pieces: Sequence[tuple[int, int]], device: torch.device) -> Tensor:
        """One frame each of sequences (place, frame), as float [B, 20, H, W]; zeros behind the end
        of a sequence.
        """
        return torch.stack([self._frame(*piece) for piece in pieces]).to(device).float()

    def _frame(self, place: int, number: int) -> Tensor:
        frames = self.frames[place]
        if number >= len(frames):
            return torch.zeros_like(frames[0])
        return frames[number].flip(-1) if place in self.mirrored else frames[number]

    def with_mirror_images(self) -> Material:
        """The sequences, and behind them each of them mirrored."""
        count, labelled = len(self.frames), len(self.truths)
        width = self.frames[0].shape[-1]
        boxes = [
            torch.stack([width - b[:, 2], b[:, 1], width - b[:, 0], b[:, 3]], dim=-1)
            for b in self.boxes
        ]
        truths = []
        for each in self.truths:
            truth = each.copy()
            truth["x"] = width - each["x"] - each["w"]
            truths.append(truth)
        return replace(
            self,
            names=self.names + tuple(f"{name} mirrored" for name in self.names),
            frames=self.frames * 2,
            labels=self.labels
            + tuple({f: n + labelled for f, n in each.items()} for each in self.labels),
            truths=(*self.truths, *truths),
            times=self.times * 2,
            sequence=self.sequence + tuple(place + count for place in self.sequence),
            boxes=(*self.boxes, *boxes),
            classes=self.classes * 2,
            mirrored=frozenset(range(count, 2 * count)),
        )


@functools.cache
def load_material(folder: Path, split: str, classes: int) -> Material:
    """Read one split.

    Raises:
        InputError: as the reader; or the data set has more classes than the model tells apart, or
            no labelled frame.
    """
    sequences = read_event_sequences(folder, split)  # type: ignore[arg-type]
    names = sequences[0].class_names
    if len(names) != classes:
        expected = f"{len(names)}, the classes of {folder}"
        raise InputError("options", "model.classes", classes, expected=expected)
    labels: list[dict[int, int]] = []
    truths: list[NDArray[Any]] = []
    times: list[int] = []
    places: list[int] = []
    for place, sequence in enumerate(sequences):
        labels.append({int(f): len(truths) + i for i, f in enumerate(sequence.labelled)})
        truths += sequence.boxes
        times += sequence.time_us[sequence.labelled].tolist()
        places += [place] * len(sequence.labelled)
    if not truths:
        raise InputError(folder / split, "labels", expected="labelled frames")
    corners = [
        np.stack([b["x"], b["y"], b["x"] + b["w"], b["y"] + b["h"]], axis=-1) for b in truths
    ]
    return Material(
        names=tuple(sequence.name for sequence in sequences),
        class_names=names,
        frames=tuple(torch.from_numpy(np.ascontiguousarray(s.histograms)) for s in sequences),
        labels=tuple(labels),
        truths=tuple(truths),
        times=tuple(times),
        sequence=tuple(places),
        boxes=tuple(torch.from_numpy(c.astype(np.float32)) for c in corners),
        classes=tuple(torch.from_numpy(b["class_id"].astype(np.int64)) for b in truths),
    )
