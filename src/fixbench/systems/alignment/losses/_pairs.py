"""What the four losses share: pairs of videos, distances between frames, sampled frames."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from fixbench.errors import InputError

__all__ = [
    "Formulation",
    "Method",
    "check_choice",
    "check_embeddings",
    "distances",
    "frame_gaps",
    "ordered_pairs",
    "sample_frames",
    "select_frames",
]

Method = Literal["tcc", "lav", "vava", "gtcc"]
Formulation = Literal["paper", "as_found"]

_SUBJECT = "alignment loss"


def check_choice(key: str, value: str, choices: Any) -> None:
    """Refuse what is not one of the literals of ``choices``.

    Raises:
        InputError: naming ``key``, the value and the choices.
    """
    known = get_args(choices)
    if value not in known:
        raise InputError(_SUBJECT, key, value, expected=f"one of {', '.join(known)}")


def check_embeddings(embeddings: Sequence[Tensor]) -> None:
    """Refuse anything but two or more videos (T_i, D) of one width D and at least two frames.

    Raises:
        InputError: naming the first video that does not fit.
    """
    if len(embeddings) < 2:
        raise InputError(_SUBJECT, "embeddings", len(embeddings), expected="two or more videos")
    for number, video in enumerate(embeddings):
        key = f"embeddings[{number}]"
        if video.ndim != 2:
            raise InputError(_SUBJECT, key, tuple(video.shape), expected="(frames, channels)")
        if len(video) < 2:
            raise InputError(_SUBJECT, key, tuple(video.shape), expected="at least two frames")
        if video.shape[1] != embeddings[0].shape[1]:
            width = embeddings[0].shape[1]
            expected = f"{width} channels, as in the first video"
            raise InputError(_SUBJECT, key, tuple(video.shape), expected=expected)


def ordered_pairs(videos: int, *, itself: bool = False) -> list[tuple[int, int]]:
    """(a, b) and (b, a) for every two videos; with ``itself`` also (a, a)."""
    return [(a, b) for a, b in product(range(videos), repeat=2) if itself or a != b]


def distances(x: Tensor, y: Tensor) -> Tensor:
    """Euclidean distances (N, M) of frames (N, D) and (M, D), with gradient 0 where they are 0.

    From differences, not from a matrix product: untrained encoders map all frames close together,
    where the product cancels in single precision.
    """
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")


def frame_gaps(video: Tensor) -> Tensor:
    """Δ (N, N): the number of frames between any two."""
    index = torch.arange(len(video), dtype=video.dtype, device=video.device)
    return (index[:, None] - index).abs()


def sample_frames(length: int, count: int, generator: torch.Generator) -> Tensor:
    """Frame numbers, ascending: ``count`` drawn without replacement, or all of a shorter video."""
    if length <= count:
        return torch.arange(length)
    return torch.randperm(length, generator=generator)[:count].sort().values


def select_frames(video: Tensor, frames: Tensor) -> Tensor:
    """Rows of (T, D), by a product: indexing backwards adds in no fixed order on GPUs."""
    everything = torch.arange(len(video), device=video.device)
    return (frames.to(video.device)[:, None] == everything).to(video.dtype) @ video
