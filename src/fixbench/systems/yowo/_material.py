"""The data of a run: frames of a split as boxes and labels, for training and for measurement."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from fixbench.datasets.action_genome import SceneFrame, read_action_genome
from fixbench.systems.yowo._assignment import Targets, pad_targets
from fixbench.systems.yowo._heads import ACTIONS, OBJECTS
from fixbench.systems.yowo._metrics import Truth
from fixbench.training import first_of_each

__all__ = [
    "SPLITS",
    "ClipFormat",
    "Split",
    "SplitName",
    "load_clips",
    "load_split",
    "only_actions",
    "targets_at",
]

SplitName = Literal["train", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "test")


@dataclass(frozen=True)
class ClipFormat:
    """How clips are read.

    Attributes:
        side: rows and columns of a picture.
        length, rate: pictures of a clip, and how many frames apart they are.
        gap: for how many missing pictures a stored one stands.
    """

    side: int
    length: int
    rate: int
    gap: int


@dataclass(frozen=True)
class Split:
    """One split of a data set; persons come first in a frame, all of them labelled.

    Attributes:
        keys: such as "001YG.mp4/000089.png".
        targets: boxes in pixels of the clips, labels of 36 objects, 157 actions, 26 relations.
    """

    frames: tuple[SceneFrame, ...]
    keys: tuple[str, ...]
    targets: Targets
    truths: tuple[Truth, ...]

    def at(self, places: Sequence[int]) -> Split:
        """Some of its frames."""
        index = torch.as_tensor(places)
        return Split(
            frames=tuple(self.frames[place] for place in places),
            keys=tuple(self.keys[place] for place in places),
            targets=targets_at(self.targets, index),
            truths=tuple(self.truths[place] for place in places),
        )

    def to(self, device: torch.device) -> Split:
        """The same with targets on ``device``."""
        moved = {
            field.name: getattr(self.targets, field.name).to(device) for field in fields(Targets)
        }
        return replace(self, targets=Targets(**moved))

    def first_of_each_subset(self, count: int) -> list[int]:
        """Places of the first ``count`` frames of each subset."""
        return first_of_each([truth.subset for truth in self.truths], count)


def targets_at(targets: Targets, index: Tensor) -> Targets:
    """The targets of some frames."""
    return Targets(
        boxes=targets.boxes[index], labels=targets.labels[index], present=targets.present[index]
    )


def only_actions(targets: Targets, actions: Sequence[int]) -> Targets:
    """The same targets with no other actions labelled."""
    keep = torch.zeros(targets.labels.shape[-1])
    keep[:OBJECTS] = 1
    keep[OBJECTS + ACTIONS :] = 1
    keep[[OBJECTS + action for action in actions]] = 1
    return replace(targets, labels=targets.labels * keep.to(targets.labels))


@functools.cache
def load_split(directory: Path, split: SplitName, form: ClipFormat) -> Split:
    """Read a split; cached, because every seed reads the same."""
    data = read_action_genome(
        directory,
        split=split,
        clip_length=form.length,
        sampling_rate=form.rate,
        longest_gap=form.gap,
        persons="all",
    )
    boxes = [frame.boxes_at(form.side) for frame in data.frames]
    return Split(
        frames=data.frames,
        keys=tuple(f"{frame.video}/{frame.clip[-1].name}" for frame in data.frames),
        targets=pad_targets(
            [torch.from_numpy(each) for each in boxes],
            [torch.from_numpy(frame.labels) for frame in data.frames],
        ),
        truths=tuple(
            Truth(
                boxes=each.astype(np.float64),
                objects=frame.objects,
                relations=frame.relations,
                actions=frame.actions,
                video=frame.video,
                subset=frame.subset,
            )
            for frame, each in zip(data.frames, boxes, strict=True)
        ),
    )


def load_clips(frames: Sequence[SceneFrame], side: int, device: torch.device) -> Tensor:
    """Clips [B, 3, T, side, side] in [0, 1]."""
    clips = np.stack([frame.load_clip(side) for frame in frames])
    return torch.from_numpy(clips).to(device).permute(0, 4, 1, 2, 3).float() / 255
