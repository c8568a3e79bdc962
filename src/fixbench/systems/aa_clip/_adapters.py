"""AA-CLIP's residual adapters and projections.

Paper: Ma et al., "AA-CLIP: Enhancing Zero-Shot Anomaly Detection via Anomaly-Aware CLIP", CVPR
2025 (code Apache-2.0; nothing copied). Sizes at ViT-L/14@336: image 10,223,616 and text
2,359,296 trainable parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ImageAdapter", "TextAdapter", "match_norm", "xavier_uniform"]

_NEGATIVE_SLOPE = 0.01


def match_norm(source: Tensor, target: Tensor, epsilon: float = 0.0) -> Tensor:
    """``source`` rescaled to the norm of ``target`` along the last axis."""
    norm = target.norm(dim=-1, keepdim=True) / (source.norm(dim=-1, keepdim=True) + epsilon)
    return source * norm


def xavier_uniform(out_features: int, in_features: int, generator: torch.Generator) -> nn.Parameter:
    """A weight [out, in] drawn from Glorot's uniform distribution."""
    weight = torch.empty(out_features, in_features)
    nn.init.xavier_uniform_(weight, generator=generator)
    return nn.Parameter(weight)


class _ResidualAdapters(nn.Module):
    """Norm-matched residual adapters after the first blocks of a tower.

    a = LeakyReLU(W x); a ← a · |x| / |a| per token; x ← weight · a + (1 − weight) · x.
    """

    def __init__(
        self, width: int, count: int, *, weight: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.weight = weight
        self.layer_adapters = nn.ParameterList(
            xavier_uniform(width, width, generator) for _ in range(count)
        )

    def adapt(self, index: int, x: Tensor) -> Tensor:
        """Tokens [..., D] after block ``index`` (from 0) → adapted tokens."""
        if index >= len(self.layer_adapters):
            return x
        adapted = functional.leaky_relu(
            functional.linear(x, self.layer_adapters[index]), _NEGATIVE_SLOPE
        )
        # The published code divides without a guard; a zero activation cannot occur with a
        # leaky slope unless the token itself is zero, and the guard is below float32 resolution.
        return self.weight * match_norm(adapted, x, 1e-12) + (1 - self.weight) * x


class ImageAdapter(_ResidualAdapters):
    """Adapters of the image tower, one segmentation projection a tap, one detection projection.

    Args:
        relu: LeakyReLU behind the projections (off by default in the published script).
    """

    def __init__(
        self,
        width: int,
        joint: int,
        *,
        count: int,
        taps: int,
        weight: float,
        relu: bool,
        generator: torch.Generator,
    ) -> None:
        super().__init__(width, count, weight=weight, generator=generator)
        self.relu = relu
        self.seg_proj = nn.ParameterList(
            xavier_uniform(joint, width, generator) for _ in range(taps)
        )
        self.det_proj = xavier_uniform(joint, width, generator)

    def _project(self, weight: Tensor, patches: Tensor) -> Tensor:
        out = functional.linear(patches, weight)
        if self.relu:
            out = functional.leaky_relu(out, _NEGATIVE_SLOPE)
        return functional.normalize(out, dim=-1)

    def segment(self, tap: int, patches: Tensor) -> Tensor:
        """Patches [..., D] of tap ``tap`` → unit vectors [..., J]."""
        return self._project(self.seg_proj[tap], patches)

    def detect(self, patches: Tensor) -> Tensor:
        """Last tap's patches [B, N, D] → [B, J]: the mean of unit vectors."""
        return self._project(self.det_proj, patches).mean(dim=1)


class TextAdapter(_ResidualAdapters):
    """Adapters of the text tower and the projection that replaces CLIP's."""

    def __init__(
        self, width: int, joint: int, *, count: int, weight: float, generator: torch.Generator
    ) -> None:
        super().__init__(width, count, weight=weight, generator=generator)
        self.projection = xavier_uniform(joint, width, generator)

    def project(self, features: Tensor) -> Tensor:
        """End-token features [B, D] → [B, J]."""
        return functional.leaky_relu(functional.linear(features, self.projection), _NEGATIVE_SLOPE)
