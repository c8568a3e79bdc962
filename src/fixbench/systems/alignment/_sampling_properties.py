"""What the sampler of `sample_segments` does, exactly: no simulation.

Lists of action lengths are one list a video and hold its key steps only, of any length. As in the
sampler, a draw takes one of the eligible actions of a video with equal probability, so a video
with few actions shows each of them more often.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.procedures import Step
from fixbench.errors import InputError
from fixbench.systems.alignment._sampling import (
    check_sampler,
    progress_bins,
    progress_weights,
)

__all__ = [
    "bin_probabilities",
    "capped_share",
    "documented_weights_hold",
    "expected_bin_counts",
    "expected_examples",
    "progress_shares",
    "target_probabilities",
    "worked_example",
]

Floats = NDArray[np.float64]
Videos = Sequence[Sequence[int]]


def target_probabilities(
    length: int, *, stratified: bool, frames_per_segment: int = 5, min_segment_length: int = 3
) -> Floats:
    """Probability that one draw from an action takes each of its targets.

    Returns:
        [length - min_segment_length + 1], for ``min_segment_length``, …, ``length`` frames since
        the start; their sum is the expected number of examples of a draw.

    Raises:
        InputError: the action is shorter than ``min_segment_length``, or an option out of range.
    """
    check_sampler(1, frames_per_segment, min_segment_length)
    if length < min_segment_length:
        expected = f"at least min_segment_length, {min_segment_length}"
        raise InputError("target_probabilities", "length", length, expected=expected)
    targets = length - min_segment_length + 1
    if not stratified or targets < 3:
        return np.full(targets, min(frames_per_segment, targets) / targets)
    bins = progress_bins(np.arange(min_segment_length, length + 1) / length)
    sizes = np.bincount(bins, minlength=3)
    first = np.minimum(max(1, frames_per_segment // 3), sizes)
    left = targets - first.sum()
    more = min(max(0, frames_per_segment - first.sum()), left)
    at_first = (first / np.maximum(sizes, 1))[bins]
    # What is not taken first is one of the targets that are left, all alike.
    probabilities: Floats = at_first + (1 - at_first) * (more / left if left else 0.0)
    return probabilities


def progress_shares(
    videos: Videos,
    *,
    stratified: bool,
    edges: Sequence[float] = (0.3, 0.7),
    frames_per_segment: int = 5,
    min_segment_length: int = 3,
) -> Floats:
    """Claim LB07: which share of the examples has progress up to, between and beyond ``edges``.

    The document says that uniform sampling favours the middle, 0.3 to 0.7. Of an action of L
    frames the targets are 3/L, 4/L, …, 1, all alike, so nothing favours the middle: what is
    missing is the beginning.

    Returns:
        [len(edges) + 1], the expected number of examples in each interval over that of all; an
        edge belongs to the interval below it.

    Raises:
        InputError: no video has an eligible action.
    """
    counts = np.zeros(len(edges) + 1)
    for lengths in _eligible(videos, min_segment_length):
        for length in lengths:
            probabilities = target_probabilities(
                length,
                stratified=stratified,
                frames_per_segment=frames_per_segment,
                min_segment_length=min_segment_length,
            )
            progress = np.arange(min_segment_length, length + 1) / length
            where = np.digitize(progress, edges, right=True)
            counts += np.bincount(where, probabilities, len(edges) + 1) / len(lengths)
    return counts / counts.sum()


def bin_probabilities(
    length: int, *, stratified: bool, frames_per_segment: int = 5, min_segment_length: int = 3
) -> Floats:
    """Claim LB08: the probability that a draw has an early, a middle and a late example.

    The document says that stratified sampling guarantees all three. It does where a bin has a
    target at all; the early bin has none where 3/L > 0.33, that is up to L = 9, and below five
    frames (fewer than three targets) nothing is stratified.

    Returns:
        [3]: early, middle, late (`BIN_EDGES`).

    Raises:
        InputError: see `target_probabilities`.
    """
    check_sampler(1, frames_per_segment, min_segment_length)
    if length < min_segment_length:
        expected = f"at least min_segment_length, {min_segment_length}"
        raise InputError("bin_probabilities", "length", length, expected=expected)
    bins = progress_bins(np.arange(min_segment_length, length + 1) / length)
    sizes = np.bincount(bins, minlength=3)
    if stratified and len(bins) >= 3:
        return (sizes > 0).astype(np.float64)
    drawn = min(frames_per_segment, len(bins))
    none = [math.comb(len(bins) - int(size), drawn) / math.comb(len(bins), drawn) for size in sizes]
    return 1 - np.array(none)


def expected_bin_counts(
    length: int, *, stratified: bool, frames_per_segment: int = 5, min_segment_length: int = 3
) -> Floats:
    """Claim LB09: the expected number of early, middle and late examples of a draw, [3].

    The document's table says about 2, 2 and 1; the sampler takes one of each and two of all.

    Raises:
        InputError: see `target_probabilities`.
    """
    probabilities = target_probabilities(
        length,
        stratified=stratified,
        frames_per_segment=frames_per_segment,
        min_segment_length=min_segment_length,
    )
    bins = progress_bins(np.arange(min_segment_length, length + 1) / length)
    return np.bincount(bins, probabilities, 3).astype(np.float64)


def expected_examples(
    videos: Videos,
    *,
    samples_per_video: int = 10,
    frames_per_segment: int = 5,
    min_segment_length: int = 3,
) -> Floats:
    """Claim LB10: the expected number of training examples of each video, [len(videos)].

    The document says about 50. A draw from an action of L frames has min(5, L - 2) of them, so 50
    is the most; a video without an eligible action has none. Stratified or not makes no difference
    as long as ``frames_per_segment`` is at least three.

    Raises:
        InputError: an option is out of range.
    """
    check_sampler(samples_per_video, frames_per_segment, min_segment_length)
    examples = []
    for lengths in videos:
        targets = [n - min_segment_length + 1 for n in lengths if n >= min_segment_length]
        each = [min(frames_per_segment, count) for count in targets]
        examples.append(samples_per_video * sum(each) / len(each) if each else 0.0)
    return np.array(examples)


def capped_share(
    videos: Videos,
    *,
    stratified: bool,
    cap: float = 10.0,
    frames_per_segment: int = 5,
    min_segment_length: int = 3,
) -> float:
    """Claim LB11: the share of examples whose weight the cap lowers, those of progress below 1/cap.

    At progress 0.1 a cap of 10 equals 1 / progress; it lowers a weight only where 3/L < 0.1.

    Raises:
        InputError: no video has an eligible action.
    """
    shares = progress_shares(
        videos,
        stratified=stratified,
        edges=(np.nextafter(1 / cap, 0),),
        frames_per_segment=frames_per_segment,
        min_segment_length=min_segment_length,
    )
    return float(shares[0])


def documented_weights_hold(cap: float = 10.0) -> bool:
    """Claim LB11: whether progress 0.1, 0.2, 0.5 and 1 have the weights 10, 5, 2 and 1."""
    return bool(np.allclose(progress_weights([0.1, 0.2, 0.5, 1.0], cap), [10, 5, 2, 1], rtol=1e-12))


def worked_example(start: int = 50, target: int = 75, end: int = 100) -> float:
    """Claim LB17: the progress at ``target`` of the action of frames ``start`` to ``end``.

    The document's example: (75 - 50 + 1) / (100 - 50 + 1) = 26/51, about 0.51.
    """
    return (target - start + 1) / Step("", start, end).length


def _eligible(videos: Videos, min_segment_length: int) -> list[list[int]]:
    eligible = [[n for n in lengths if n >= min_segment_length] for lengths in videos]
    eligible = [lengths for lengths in eligible if lengths]
    if not eligible:
        expected = f"an action of at least {min_segment_length} frames"
        raise InputError("sampling properties", "lengths", videos, expected=expected)
    return eligible
