"""Detection as AA-CLIP's test script does it: a map and a score for each image of a class.

Facts: the map is smoothed at the patch grid and then upsampled; map and score are scaled to
[0, 1] over all test images of a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional

__all__ = ["Domain", "detection_map", "detection_score", "image_scores", "unit_range"]

Domain = Literal["industrial", "medical"]
Array = NDArray[np.float64]

#: σ and half the width of the Gaussian, in patches.
_SMOOTHING = {"industrial": (1.0, 3), "medical": (1.5, 4)}


def detection_map(
    segments: Sequence[Tensor], anchors: Tensor, size: int, *, domain: Domain
) -> Array:
    """Sum over taps of (100 s_abnormal + 1 − 100 s_normal) / 2, before it is scaled.

    The sum is smoothed at the grid (the border is reflected without repeating the edge) and then
    upsampled bilinearly, corners aligned. Both are linear, so that their sums may be taken first.

    Args:
        segments: for each tap unit vectors [B, N, J] on a square grid.
        anchors: normal and abnormal anchors [B, J, 2].
        size: of the map in pixels.

    Returns:
        [B, size, size]
    """
    logits = 100 * torch.stack([torch.einsum("bnj,bjk->bkn", s, anchors) for s in segments])
    grid = ((logits[:, :, 1] + 1 - logits[:, :, 0]) / 2).sum(dim=0)
    side = round(grid.shape[-1] ** 0.5)
    sigma, radius = _SMOOTHING[domain]
    smooth = gaussian_filter(
        grid.reshape(-1, side, side).double().cpu().numpy(),
        sigma,
        mode="mirror",
        radius=radius,
        axes=(1, 2),
    )
    maps = functional.interpolate(
        torch.from_numpy(smooth).unsqueeze(1), size=size, mode="bilinear", align_corners=True
    )
    return np.asarray(maps.squeeze(1))


def detection_score(detection: Tensor, anchors: Tensor) -> Array:
    """(s_abnormal + 1) / 2 of detection vectors [B, J] and anchors [B, J, 2], before scaling."""
    similarity = torch.einsum("bj,bj->b", detection, anchors[..., 1])
    return np.asarray((similarity.double().cpu() + 1) / 2)


def image_scores(maps: Array, scores: Array, *, domain: Domain) -> Array:
    """What images are ranked by, from the scaled maps [N, S, S] and the unscaled scores [N].

    Industrial: half the map's maximum plus half the scaled score. Medical: the map's maximum.
    """
    highest: Array = maps.max(axis=(1, 2))
    if domain == "medical":
        return highest
    return 0.5 * highest + 0.5 * unit_range(scores)


def unit_range(values: Array) -> Array:
    """Scaled to [0, 1] over all values; zeros where all are equal."""
    spread = values.max() - values.min()
    return (values - values.min()) / spread if spread > 0 else np.zeros_like(values)
