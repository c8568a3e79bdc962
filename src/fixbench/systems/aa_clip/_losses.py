"""AA-CLIP's losses: focal and dice for segmentation, cross-entropy for detection.

Sources: focal loss, Lin et al., ICCV 2017 (γ = 2, no class weights, targets smoothed by 1e-5);
dice loss, Milletari et al., 3DV 2016 (smoothing 1); their sum as in AA-CLIP's training code.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["detection_loss", "dice_loss", "focal_loss", "segmentation_loss", "similarity_maps"]


def focal_loss(
    probabilities: Tensor, mask: Tensor, *, gamma: float = 2.0, smooth: float = 1e-5
) -> Tensor:
    """Mean focal loss of ``probabilities`` [B, 2, H, W] against ``mask`` [B, H, W] of 0 and 1."""
    one_hot = torch.stack([1 - mask, mask], dim=1).clamp(smooth, 1 - smooth)
    correct = (one_hot * probabilities).sum(dim=1) + smooth
    return (-((1 - correct).clamp(min=0) ** gamma) * correct.log()).mean()


def dice_loss(probability: Tensor, mask: Tensor, *, smooth: float = 1.0) -> Tensor:
    """One minus the dice coefficient of [B, H, W] maps, averaged over the batch."""
    probability, mask = probability.flatten(1), mask.flatten(1)
    overlap = (probability * mask).sum(dim=1)
    dice = (2 * overlap + smooth) / (probability.sum(dim=1) + mask.sum(dim=1) + smooth)
    return 1 - dice.mean()


def segmentation_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Focal loss plus the dice losses of both classes, for ``logits`` [B, 2, H, W]."""
    probabilities = logits.softmax(dim=1)
    return (
        focal_loss(probabilities, mask)
        + dice_loss(probabilities[:, 0], 1 - mask)
        + dice_loss(probabilities[:, 1], mask)
    )


def detection_loss(detection: Tensor, text: Tensor, label: Tensor) -> Tensor:
    """Cross-entropy of ``detection`` [B, J] against ``text`` [B, J, 2], without temperature."""
    return functional.cross_entropy(torch.einsum("bj,bjk->bk", detection, text), label)


def similarity_maps(patches: Tensor, text: Tensor, size: int) -> Tensor:
    """100 · patch–text similarity, upsampled to ``size`` pixels.

    Args:
        patches: unit vectors [B, N, J] on a square grid.
        text: normal and abnormal anchors [B, J, 2].

    Returns:
        logits [B, 2, size, size].
    """
    logits = 100 * torch.einsum("bnj,bjk->bkn", patches, text)
    side = round(logits.shape[-1] ** 0.5)
    logits = logits.reshape(*logits.shape[:2], side, side)
    return functional.interpolate(logits, size=size, mode="bilinear", align_corners=True)
