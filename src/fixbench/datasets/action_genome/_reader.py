"""One split of Action Genome: which frames are used, and with which clips."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from fixbench.datasets.action_genome._annotations import Annotations
from fixbench.datasets.action_genome._clips import Pictures
from fixbench.datasets.action_genome._frame import SceneFrame, Split
from fixbench.errors import InputError

#: STTran keeps videos with more than two usable frames.
_FEWEST_FRAMES = 3

NO_PERSON = "no person box"
NO_OBJECT = "no visible object"
SHORT_VIDEO = "fewer than three usable frames in the video"


@dataclass(frozen=True)
class ActionGenome:
    """One split.

    Attributes:
        frames: usable frames, by key.
        dropped: reason → keys of the annotated frames of this split that were left out.
        clipped: keys of frames in which a box reached beyond the picture and was cut at its edge.
        unlabelled_persons: boxes of second and further persons that were left out.
        filled: pictures of clips that are not stored and were replaced by a later one.
    """

    frames: tuple[SceneFrame, ...]
    dropped: Mapping[str, tuple[str, ...]]
    clipped: tuple[str, ...]
    unlabelled_persons: int
    filled: int


def read_action_genome(
    directory: Path,
    *,
    split: Split,
    clip_length: int = 16,
    sampling_rate: int = 1,
    fps: float = 24.0,
    longest_gap: int = 0,
    persons: Literal["first", "all"] = "first",
) -> ActionGenome:
    """Read one split of Action Genome, or of data in its format.

    A clip ends at its annotated frame and goes back ``sampling_rate`` frames a step, not beyond
    frame 1. Time is (frame − 1) / fps. An object that is not visible gets no box, but its relations
    count for the person, as in document 000's code.

    Args:
        fps: of videos that ``video_fps.json`` does not list (24 is the document's assumption).
        longest_gap: a frame of a clip that is not stored is replaced by the next stored one, at
            most so many frames later (variable frame rate). By default all must be stored.
        persons: ``first`` keeps and labels one person a frame, as the document's code does;
            ``all`` keeps them all. The format has one list of actions for all persons: unless
            ``frame_details.json`` tells them apart, all get the same.

    Raises:
        InputError: names the file, the key and the value of the first thing that is wrong.
    """
    source = "read_action_genome"
    if split not in ("train", "test"):
        raise InputError(source, "split", split, expected="'train' or 'test'")
    if persons not in ("first", "all"):
        raise InputError(source, "persons", persons, expected="'first' or 'all'")
    least = {"clip_length": (clip_length, 1), "sampling_rate": (sampling_rate, 1)}
    for name, (value, smallest) in (least | {"longest_gap": (longest_gap, 0)}).items():
        if value < smallest:
            raise InputError(source, name, value, expected=f"at least {smallest}")
    if not 0 < fps < math.inf:
        raise InputError(source, "fps", fps, expected="a positive number")

    annotations = Annotations(Path(directory), fps)
    frames: dict[str, list[SceneFrame]] = {}
    dropped: dict[str, list[str]] = {NO_PERSON: [], NO_OBJECT: [], SHORT_VIDEO: []}
    clipped: list[str] = []
    unlabelled = 0
    pictures = Pictures(Path(directory) / "frames", clip_length, sampling_rate, longest_gap)
    for key in sorted(annotations.objects):
        scene = annotations.scene(key)
        if scene.split != split:
            continue
        if not len(scene.person_boxes):
            dropped[NO_PERSON].append(key)
        elif not len(scene.object_boxes):
            dropped[NO_OBJECT].append(key)
        else:
            count = 1 if persons == "first" else len(scene.person_boxes)
            unlabelled += len(scene.person_boxes) - count
            if scene.clipped:
                clipped.append(key)
            frames.setdefault(scene.video, []).append(scene.frame(count, pictures.clip(key)))
    for video, usable in list(frames.items()):
        if len(usable) < _FEWEST_FRAMES:
            dropped[SHORT_VIDEO] += [f"{video}/{frame.clip[-1].name}" for frame in usable]
            del frames[video]
    return ActionGenome(
        frames=tuple(frame for usable in frames.values() for frame in usable),
        dropped=MappingProxyType({reason: tuple(keys) for reason, keys in dropped.items()}),
        clipped=tuple(clipped),
        unlabelled_persons=unlabelled,
        filled=pictures.filled,
    )
