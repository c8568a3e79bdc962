"""AA-CLIP's stage-2 augmentation of an image batch and its masks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from fixbench.systems.aa_clip._towers import PIXEL_MEAN, PIXEL_STD

__all__ = ["augment"]


def augment(images: Tensor, masks: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Random flips, rotation and translation (p .5 each), and colour jitter (p .7 each).

    Rotation within ±30°, translation within 15 % of the side, brightness, contrast and saturation
    factors within 1 ± .5. Geometry moves mask and image together (bilinear and nearest; zeros are
    padded as in the usual transforms).

    Args:
        images: normalised [B, 3, S, S]; masks: [B, S, S] of 0 and 1.
        generator: on the CPU, so that every device sees the same draws.
    """
    batch = images.shape[0]

    def chance(probability: float) -> Tensor:
        return (torch.rand(batch, generator=generator) < probability).float()

    def uniform(limit: float) -> Tensor:
        return (torch.rand(batch, generator=generator) * 2 - 1) * limit

    flip_x, flip_y = 1 - 2 * chance(0.5), 1 - 2 * chance(0.5)
    angle = torch.deg2rad(uniform(30)) * chance(0.5)
    shift_x, shift_y = uniform(0.3) * chance(0.5), uniform(0.3) * chance(0.5)
    factors = [1 + uniform(0.5) * chance(0.7) for _ in range(3)]

    cos, sin = angle.cos(), angle.sin()
    theta = torch.stack(
        [
            torch.stack([cos * flip_x, -sin * flip_y, shift_x], dim=1),
            torch.stack([sin * flip_x, cos * flip_y, shift_y], dim=1),
        ],
        dim=1,
    ).to(images.device)
    grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
    mean = torch.tensor(PIXEL_MEAN, device=images.device)[:, None, None]
    std = torch.tensor(PIXEL_STD, device=images.device)[:, None, None]
    pixels = functional.grid_sample(images * std + mean, grid, align_corners=False)
    moved = functional.grid_sample(
        masks.unsqueeze(1), grid, mode="nearest", align_corners=False
    ).squeeze(1)

    brightness, contrast, saturation = (f.to(images.device)[:, None, None, None] for f in factors)
    pixels = (pixels * brightness).clamp(0, 1)
    luma = torch.tensor([0.299, 0.587, 0.114], device=images.device)[:, None, None]
    gray = (pixels * luma).sum(dim=1, keepdim=True)
    average = gray.mean(dim=(2, 3), keepdim=True)
    pixels = (average + (pixels - average) * contrast).clamp(0, 1)
    gray = (pixels * luma).sum(dim=1, keepdim=True)
    pixels = (gray + (pixels - gray) * saturation).clamp(0, 1)
    return (pixels - mean) / std, moved
