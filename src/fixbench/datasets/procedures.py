"""Videos of procedures with annotated key steps: the reader of EgoProceL's layout.

The layout is the one that the code of Donahue and Elhamifar ("Learning to Predict Activity
Progress by Self-Supervised Video Alignment", CVPR 2024) reads, with the splits of its fork::

    egoprocel.json                   task → handles, hdl_actions, hdl_start_times, hdl_end_times
    data_splits.json                 {"splits": {task → {"train" | "val" | "test" → handles}}}
    egoprocel/features/HANDLE.npy    one array a video, frames first

Step i of a video covers the native frames start_i <= f < end_i. In the published file
end_i = start_{i+1}; frames that no step covers count as background. Arrays of floating-point
numbers are taken as they are; uint8 arrays are fixed-point numbers and stand for
(value - 128) / 32.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixbench.errors import InputError

__all__ = [
    "BACKGROUND_LABELS",
    "ProcedureTask",
    "ProcedureVideo",
    "Step",
    "join_videos",
    "read_procedures",
]

#: Labels of segments in which no key step happens.
BACKGROUND_LABELS = frozenset({"0", "SIL", "background"})
#: Of uint8 features: value → (value - offset) / scale.
FIXED_POINT_OFFSET, FIXED_POINT_SCALE = 128, 32

ANNOTATION, SPLITS, FEATURES = "egoprocel.json", "data_splits.json", "egoprocel/features"
_KEYS = ("handles", "hdl_actions", "hdl_start_times", "hdl_end_times")
_SPLIT_KEYS = {"train": "train", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Step:
    """A segment of a video: feature frames ``start`` to ``end``, both included."""

    label: str
    start: int
    end: int

    @property
    def length(self) -> int:
        """Frames."""
        return self.end - self.start + 1

    @property
    def is_background(self) -> bool:
        """Whether no key step happens."""
        return self.label in BACKGROUND_LABELS


@dataclass(frozen=True)
class ProcedureVideo:
    """One video.

    Attributes:
        features: float32 [T, F], or [T, ...] where frames are feature maps.
        steps: in order of time, without overlap, inside the video.
        cut_frames: frames by which the longer of features and annotation was cut.
        dropped_steps: annotated steps that were left out, as asked for.
    """

    handle: str
    task: str
    features: NDArray[np.float32]
    steps: tuple[Step, ...]
    cut_frames: int = 0
    dropped_steps: int = 0

    def frame_labels(self) -> NDArray[np.str_]:
        """The label of every frame [T]; "0", background, where no step is annotated."""
        labels = ["0"] * len(self.features)
        for step in self.steps:
            labels[step.start : step.end + 1] = [step.label] * step.length
        return np.array(labels)


@dataclass(frozen=True)
class ProcedureTask:
    """The videos of one task in one split."""

    name: str
    videos: tuple[ProcedureVideo, ...]


class _Segment(NamedTuple):
    """An annotated step in native frames, ``start <= f < end``."""

    label: str
    start: float
    end: float


def read_procedures(
    root: Path,
    *,
    split: Literal["train", "validation", "test"],
    frame_rate: float | Mapping[str, float] = 1.0,
    length_mismatch: Literal["refuse", "truncate"] = "refuse",
    empty_steps: Literal["refuse", "drop"] = "refuse",
    min_frames: int = 10,
) -> tuple[ProcedureTask, ...]:
    """Read one split of a folder in EgoProceL's layout.

    The annotation is checked as a whole, arrays only where the split names them.

    Args:
        root: the folder that holds ``egoprocel.json``.
        frame_rate: native frames for each feature frame, one number or one for each task. Feature
            frame k shows native frame k x rate, so a step covers ceil(start / rate) to
            ceil(end / rate) - 1.
        length_mismatch: what to do where features and annotation differ in length. ``truncate``
            cuts the longer one, drops steps that lie behind the cut, and counts both in the video.
        empty_steps: what to do with a step so short that no feature frame shows it. ``drop``
            counts it in the video.
        min_frames: shortest video that is accepted.

    Returns:
        The tasks and their videos in the annotation's order.

    Raises:
        InputError: names the file, the key and the first thing that is wrong: a file is missing or
            damaged, steps overlap or lie outside the video, features are not finite, a handle
            stands in two splits, and so on.
    """
    root = Path(root)
    choices = {
        "split": (split, tuple(_SPLIT_KEYS)),
        "length_mismatch": (length_mismatch, ("refuse", "truncate")),
        "empty_steps": (empty_steps, ("refuse", "drop")),
    }
    for key, (value, known) in choices.items():
        if value not in known:
            raise InputError("read_procedures", key, value, expected=f"one of {', '.join(known)}")
    if min_frames < 1:
        raise InputError("read_procedures", "min_frames", min_frames, expected="at least 1")
    annotation = root / ANNOTATION
    tasks = _annotation(annotation)
    rates = _frame_rates(frame_rate, tuple(tasks))
    chosen = _chosen_handles(root / SPLITS, tasks, split)
    read = []
    trailing: tuple[int, ...] | None = None
    for task, videos in tasks.items():
        found = []
        for handle in (handle for handle in videos if handle in chosen):
            where = f"{task}: {handle}"
            steps, frames = _feature_steps(videos[handle], rates[task])
            kept = tuple(step for step in steps if step is not None)
            if len(kept) < len(steps) and empty_steps == "refuse":
                number = steps.index(None)
                label, start, end = videos[handle][number]
                expected = f"a step that a feature frame shows at frame_rate {rates[task]:g}"
                expected += "; or set empty_steps='drop'"
                key = f"{where}: step {number} ({label!r})"
                raise InputError(annotation, key, f"{start:g} to {end:g}", expected=expected)
            path = root / FEATURES / f"{handle}.npy"
            features = _features(path)
            if trailing is not None and features.shape[1:] != trailing:
                expected = f"{trailing} for each frame, like the videos before it"
                raise InputError(path, "shape", features.shape, expected=expected)
            trailing = features.shape[1:]
            cut = abs(frames - len(features))
            if cut and length_mismatch == "refuse":
                expected = f"{frames}, where the annotation of {where!r} ends"
                expected += f" (frame_rate {rates[task]:g}); or set length_mismatch='truncate'"
                raise InputError(path, "frames", len(features), expected=expected)
            frames = min(frames, len(features))
            if frames < min_frames:
                expected = f"at least {min_frames} frames (min_frames)"
                raise InputError(path, "frames", frames, expected=expected)
            inside = tuple(
                Step(step.label, step.start, min(step.end, frames - 1))
                for step in kept
                if step.start < frames
            )
            found.append(
                ProcedureVideo(
                    handle, task, features[:frames], inside, cut, len(steps) - len(inside)
                )
            )
        read.append(ProcedureTask(task, tuple(found)))
    return tuple(read)


def join_videos(task: ProcedureTask, frames: int) -> ProcedureTask:
    """The same frames in fewer, longer videos, for what depends on the length of a video.

    Videos are joined in their order, each once, until there are at least ``frames`` frames. A
    shorter rest is appended to the last joined video. Steps keep their labels, lengths and frames,
    and the background between them, so progress within a step stays the same. A joined video shows
    its procedure several times, by different people, with cuts in between.
    """
    groups: list[list[ProcedureVideo]] = [[]]
    for video in task.videos:
        if sum(len(part.features) for part in groups[-1]) >= frames:
            groups.append([])
        groups[-1].append(video)
    if len(groups) > 1 and sum(len(part.features) for part in groups[-1]) < frames:
        groups[-2:] = [groups[-2] + groups[-1]]
    return ProcedureTask(task.name, tuple(_joined(group) for group in groups))


def _joined(parts: list[ProcedureVideo]) -> ProcedureVideo:
    steps: list[Step] = []
    offset = 0
    for part in parts:
        steps += [Step(step.label, step.start + offset, step.end + offset) for step in part.steps]
        offset += len(part.features)
    return ProcedureVideo(
        "+".join(part.handle for part in parts),
        parts[0].task,
        np.concatenate([part.features for part in parts]),
        tuple(steps),
        sum(part.cut_frames for part in parts),
        sum(part.dropped_steps for part in parts),
    )


def _annotation(file: Path) -> dict[str, dict[str, list[_Segment]]]:
    """Task → handle → steps."""
    content = _read_object(file)
    if not content:
        raise InputError(file, "", expected="at least one task")
    owners: dict[str, str] = {}
    tasks = {}
    for task, entry in content.items():
        if not isinstance(entry, dict):
            raise InputError(file, task, entry, expected=f"an object with {', '.join(_KEYS)}")
        for key in _KEYS:
            if key not in entry:
                raise InputError(file, f"{task}: {key}", expected="this key in every task")
            if not isinstance(entry[key], list):
                raise InputError(file, f"{task}: {key}", entry[key], expected="a list")
            if len(entry[key]) != len(entry["handles"]):
                expected = f"one for each of the {len(entry['handles'])} handles"
                raise InputError(
                    file, f"{task}: lists in {key}", len(entry[key]), expected=expected
                )
        tasks[task] = videos = dict[str, list[_Segment]]()
        for number, handle in enumerate(entry["handles"]):
            key = f"{task}: handles: {number}"
            if not isinstance(handle, str) or not handle or Path(handle).name != handle:
                expected = "the name of a file in egoprocel/features, without .npy"
                raise InputError(file, key, handle, expected=expected)
            if handle in owners:
                expected = f"each handle once; task {owners[handle]!r} has it too"
                raise InputError(file, key, handle, expected=expected)
            owners[handle] = task
            lists = (entry[key][number] for key in _KEYS[1:])
            videos[handle] = _segments(file, f"{task}: {handle}", *lists)
    return tasks


def _segments(file: Path, where: str, labels: Any, starts: Any, ends: Any) -> list[_Segment]:
    for key, values in zip(_KEYS[1:], (labels, starts, ends), strict=True):
        if not isinstance(values, list):
            raise InputError(file, f"{where}: {key}", values, expected="a list, one entry a step")
        if len(values) != len(labels):
            expected = f"{len(labels)}, one for each of hdl_actions"
            raise InputError(file, f"{where}: entries of {key}", len(values), expected=expected)
    if not labels:
        raise InputError(file, f"{where}: hdl_actions", labels, expected="at least one step")
    segments: list[_Segment] = []
    for number, (label, start, end) in enumerate(zip(labels, starts, ends, strict=True)):
        if not isinstance(label, str) or not label:
            key = f"{where}: hdl_actions: {number}"
            raise InputError(file, key, label, expected="the id of an action, a string")
        for key, time in (("hdl_start_times", start), ("hdl_end_times", end)):
            number_like = isinstance(time, (int, float)) and not isinstance(time, bool)
            if not number_like or not math.isfinite(time) or time < 0:
                expected = "a frame number, at least 0"
                raise InputError(file, f"{where}: {key}: {number}", time, expected=expected)
        if end <= start:
            expected = f"a frame after the step's start, {start:g}"
            raise InputError(file, f"{where}: hdl_end_times: {number}", end, expected=expected)
        if segments and start < segments[-1].end:
            expected = f"at least {segments[-1].end:g}, where the step before ends: steps are in "
            expected += "order and do not overlap"
            raise InputError(file, f"{where}: hdl_start_times: {number}", start, expected=expected)
        segments.append(_Segment(label, start, end))
    return segments


def _frame_rates(
    frame_rate: float | Mapping[str, float], tasks: tuple[str, ...]
) -> dict[str, float]:
    rates = {}
    for task in tasks:
        key, rate = "frame_rate", frame_rate
        if isinstance(rate, Mapping):
            key = f"frame_rate: {task}"
            if task not in rate:
                raise InputError("read_procedures", key, expected="a rate for every task")
            rate = rate[task]
        if not math.isfinite(rate) or rate <= 0:
            raise InputError("read_procedures", key, rate, expected="a positive number")
        rates[task] = float(rate)
    return rates


def _chosen_handles(
    file: Path, tasks: Mapping[str, Mapping[str, list[_Segment]]], split: str
) -> set[str]:
    content = _read_object(file)
    splits = content.get("splits")
    if not isinstance(splits, dict):
        raise InputError(file, "splits", splits, expected="an object: task → split → handles")
    for task in splits.keys() - tasks.keys():
        raise InputError(file, f"splits: {task}", expected=f"a task that {ANNOTATION} has")
    chosen = set()
    for task, videos in tasks.items():
        parts = splits.get(task)
        if not isinstance(parts, dict):
            expected = f"an object with {', '.join(_SPLIT_KEYS.values())} for every task"
            raise InputError(file, f"splits: {task}", parts, expected=expected)
        seen: dict[str, str] = {}
        for part in _SPLIT_KEYS.values():
            key = f"splits: {task}: {part}"
            handles = parts.get(part)
            if not isinstance(handles, list):
                raise InputError(file, key, handles, expected="a list of handles")
            for handle in handles:
                if not isinstance(handle, str) or handle not in videos:
                    expected = f"handles that {ANNOTATION} has for this task"
                    raise InputError(file, key, handle, expected=expected)
                if handle in seen:
                    expected = f"each handle in one split, once; it is in {seen[handle]!r} already"
                    raise InputError(file, key, handle, expected=expected)
                seen[handle] = part
        missing = [handle for handle in videos if handle not in seen]
        if missing:
            expected = f"every handle that {ANNOTATION} has for this task in one of the splits"
            raise InputError(file, f"splits: {task}: without", missing[0], expected=expected)
        wanted = [handle for handle, part in seen.items() if part == _SPLIT_KEYS[split]]
        if not wanted:
            key = f"splits: {task}: {_SPLIT_KEYS[split]}"
            raise InputError(file, key, wanted, expected="at least one handle")
        chosen.update(wanted)
    return chosen


def _feature_steps(segments: list[_Segment], rate: float) -> tuple[list[Step | None], int]:
    """Steps in feature frames, ``None`` where no frame shows one, and where the annotation ends."""
    steps: list[Step | None] = []
    for label, start, end in segments:
        first, last = math.ceil(start / rate), math.ceil(end / rate) - 1
        steps.append(Step(label, first, last) if first <= last else None)
    return steps, math.ceil(segments[-1].end / rate)


def _features(path: Path) -> NDArray[np.float32]:
    try:
        stored = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        expected = "the video's features; see egoprocel.json, or run `fixbench data pull`"
        raise InputError(path, "", expected=expected) from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(path, "", expected="a complete .npy file of numbers") from error
    if not isinstance(stored, np.ndarray) or stored.ndim < 2 or 0 in stored.shape:
        shape = getattr(stored, "shape", type(stored).__name__)
        raise InputError(path, "shape", shape, expected="[frames, features]")
    if stored.dtype == np.uint8:
        whole = stored.astype(np.float32)
        return (whole - np.float32(FIXED_POINT_OFFSET)) / np.float32(FIXED_POINT_SCALE)
    if stored.dtype.kind != "f":
        raise InputError(path, "dtype", str(stored.dtype), expected="floating point or uint8")
    with np.errstate(over="ignore"):
        features: NDArray[np.float32] = stored.astype(np.float32)
    frames = features.reshape(len(features), -1)
    bad = np.flatnonzero(~np.isfinite(frames).all(axis=1))
    if bad.size:
        frame = int(bad[0])
        value = float(frames[frame][~np.isfinite(frames[frame])][0])
        raise InputError(path, f"frame {frame}", value, expected="finite features")
    return features


def _read_object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        expected = "this file of EgoProceL's layout; run `fixbench data pull` for the small one"
        raise InputError(file, "", expected=expected) from error
    except (OSError, ValueError) as error:
        raise InputError(file, "", expected=f"a complete UTF-8 JSON file ({error})") from error
    if not isinstance(content, dict):
        raise InputError(file, "", type(content).__name__, expected="one JSON object")
    return content
