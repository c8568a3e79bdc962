"""The examples that the progress head is trained on (document 004, steps 1, 2 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fixbench.datasets.procedures import Step
from fixbench.errors import InputError

__all__ = [
    "BIN_EDGES",
    "SegmentSamples",
    "check_sampler",
    "eligible_actions",
    "progress_bins",
    "progress_weights",
    "sample_segments",
]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Progress up to the first is early, up to the second middle, beyond it late.
BIN_EDGES = (0.33, 0.67)


@dataclass(frozen=True)
class SegmentSamples:
    """N examples: the frames ``start`` to ``target`` (included) of a video, and the progress there.

    Attributes:
        video: int64 [N], positions among the videos that were sampled from.
        start, target: int64 [N], frames.
        progress: float64 [N], (target - start + 1) / length of the action, in (0, 1].
    """

    video: Integers
    start: Integers
    target: Integers
    progress: Floats

    def __len__(self) -> int:
        return len(self.video)


def sample_segments(
    videos: Sequence[Sequence[Step]],
    generator: np.random.Generator,
    *,
    stratified: bool,
    samples_per_video: int = 10,
    frames_per_segment: int = 5,
    min_segment_length: int = 3,
) -> SegmentSamples:
    """Draw actions and target frames within them, as the fork does.

    As often as ``samples_per_video`` says, one of a video's actions of at least
    ``min_segment_length`` frames is drawn, with replacement, and in it up to
    ``frames_per_segment`` different target frames, none before the ``min_segment_length``-th.
    Uniform: all targets alike. ``stratified``, where there are at least three targets: first
    frames_per_segment // 3 (at least one, at most what is there) from each of the bins early,
    middle and late (`BIN_EDGES`), then the rest from all targets that are left; so of five targets
    two fall anywhere.

    Args:
        videos: the steps of each video; background is left out.
        generator: drawn from in a fixed order; give it to nothing else if arms are to be paired.

    Returns:
        The examples, video by video; a video without an action that is long enough has none.

    Raises:
        InputError: an option is out of range.
    """
    check_sampler(samples_per_video, frames_per_segment, min_segment_length)
    rows: list[tuple[int, int, int, float]] = []
    for number, steps in enumerate(videos):
        actions = eligible_actions(steps, min_segment_length)
        for _ in range(samples_per_video if actions else 0):
            action = actions[generator.integers(len(actions))]
            elapsed = _draw(
                action.length, generator, stratified, frames_per_segment, min_segment_length
            )
            rows += [
                (number, action.start, action.start + count - 1, count / action.length)
                for count in elapsed.tolist()
            ]
    video, start, target, progress = zip(*rows, strict=True) if rows else ((), (), (), ())
    return SegmentSamples(
        np.array(video, np.int64),
        np.array(start, np.int64),
        np.array(target, np.int64),
        np.array(progress, np.float64),
    )


def _draw(
    length: int, generator: np.random.Generator, stratified: bool, frames: int, least: int
) -> Integers:
    """Numbers of frames from the action's start to a target, both included."""
    elapsed, pools = _targets(length, least)
    if not stratified or len(elapsed) < 3:
        return generator.permutation(elapsed)[:frames]
    each = max(1, frames // 3)
    chosen = np.concatenate([generator.permutation(pool)[:each] for pool in pools])
    left = np.ones(len(elapsed), dtype=bool)
    left[chosen - least] = False
    rest = generator.permutation(elapsed[left])[: max(0, frames - len(chosen))]
    return np.concatenate([chosen, rest])


@cache
def _targets(length: int, least: int) -> tuple[Integers, tuple[Integers, ...]]:
    """All targets of an action, as frames since its start, and those of each bin."""
    elapsed = np.arange(least, length + 1)
    bins = progress_bins(elapsed / length)
    return elapsed, tuple(elapsed[bins == number] for number in range(3))


def eligible_actions(steps: Sequence[Step], min_segment_length: int = 3) -> list[Step]:
    """The key steps that are long enough to be sampled from."""
    return [step for step in steps if not step.is_background and step.length >= min_segment_length]


def progress_bins(progress: ArrayLike) -> Integers:
    """0 (early), 1 (middle) or 2 (late) for each progress; an edge belongs to the bin below it."""
    return np.digitize(np.asarray(progress), BIN_EDGES, right=True).astype(np.int64)


def progress_weights(progress: ArrayLike, cap: float) -> Floats:
    """Weights of the progress loss, min(1 / max(progress, 1 / cap), cap): early errors count more.

    Raises:
        InputError: the cap is below 1, where it would cap every weight.
    """
    if not cap >= 1:
        raise InputError("progress_weights", "cap", cap, expected="at least 1")
    weights: Floats = np.minimum(1 / np.maximum(np.asarray(progress, np.float64), 1 / cap), cap)
    return weights


def check_sampler(samples_per_video: int, frames_per_segment: int, min_segment_length: int) -> None:
    """Refuse sampling options that are out of range."""
    options = {
        "samples_per_video": (samples_per_video, 1),
        "frames_per_segment": (frames_per_segment, 1),
        # A segment of one frame is no sequence; the fork drops it after drawing.
        "min_segment_length": (min_segment_length, 2),
    }
    for key, (value, least) in options.items():
        if value < least:
            raise InputError("sample_segments", key, value, expected=f"at least {least}")
