"""Terms within one video that keep its frames apart: contrastive inverse difference moments.

With the distance D of two frames, Δ frames apart, and a margin of 2 (Haresh et al., CVPR 2021, for
LAV; Liu et al., CVPR 2022, for VAVA): frames further apart in time than a window are pushed apart
up to the margin, frames within it are pulled together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fixbench.systems.alignment.losses._pairs import distances, frame_gaps

__all__ = ["intra_as_found", "intra_lav", "intra_vava"]

MARGIN = 2.0
#: Frames within which two frames count as near: LAV's, VAVA's, and the fork's, which excludes it.
LAV_WINDOW = 10
VAVA_WINDOW = 15
FORK_WINDOW = 15


def intra_lav(clip: Tensor, frames: Tensor, length: int) -> Tensor:
    """LAV's: a sum over pairs of frames of (1 + Δ²) · relu(2 − D²) far apart, and D² within 10.

    Args:
        clip: embeddings (N, D) of the frames drawn.
        frames: their numbers (N,) in a video of ``length`` frames; Δ is a fraction of it.
    """
    index = frames.to(clip)
    gap = (index[:, None] - index).abs()
    squared = distances(clip, clip).square()
    far = (1 + (gap / length).square()) * (MARGIN - squared).relu()
    return torch.where(gap > LAV_WINDOW, far, squared).sum()


def intra_vava(video: Tensor) -> Tensor:
    """VAVA's: the mean over pairs of frames of relu(2 − D²) far apart, D² / (Δ² + 1) within 15."""
    gap = frame_gaps(video)
    squared = distances(video, video).square()
    near = squared / (gap.square() + 1)
    return torch.where(gap > VAVA_WINDOW, (MARGIN - squared).relu(), near).mean()


def intra_as_found(video: Tensor) -> Tensor:
    """The fork's, of LAV and VAVA alike: a sum over pairs of frames of (1 + Δ²) times a margin.

    Far apart the margin is relu(2 − D), with D unsquared and Δ in frames. Closer than 15 frames D
    is missing: the margin is 2, so the term is a constant that pulls nothing together.
    """
    gap = frame_gaps(video)
    margin = torch.where(gap < FORK_WINDOW, MARGIN, (MARGIN - distances(video, video)).relu())
    return ((1 + gap.square()) * margin).sum()
