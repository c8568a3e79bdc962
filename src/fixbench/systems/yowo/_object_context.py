"""What the relation branch is told about the objects at the same place.

Document 000, "Architecture Flow"; unchanged by the fix. Origin: see `_scene_context`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fixbench.systems.yowo._blocks import match_magnitude, pointwise_mlp
from fixbench.systems.yowo._heads import OBJECTS

__all__ = ["ObjectContext"]


class ObjectContext(nn.Module):
    """Features [B, d, H, W] fused with an embedding of the object probabilities, cell by cell.

    The embedding is brought to the features' magnitude over the whole batch; GroupNorm(x + δ).

    Args:
        zero_bias: the embedding's biases start at zero, as recorded (9d15cd8); the document does
            not say. ``False`` starts them as PyTorch does.
        silent: a control that is told nothing (zeros): the layers without their information.
    """

    def __init__(self, width: int, *, zero_bias: bool = True, silent: bool = False) -> None:
        super().__init__()
        self.silent = silent
        self.project = pointwise_mlp(OBJECTS, width, width, gain=1.0, zero_bias=zero_bias)
        self.fuse = pointwise_mlp(2 * width, width, width, gain=0.5)
        self.norm = nn.GroupNorm(32, width)

    def forward(self, features: Tensor, object_logits: Tensor) -> Tensor:
        told = torch.zeros_like(object_logits) if self.silent else object_logits.softmax(dim=1)
        context = match_magnitude(self.project(told), features, "batch")
        return self.norm(features + self.fuse(torch.cat([features, context], dim=1)))
