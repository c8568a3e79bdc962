"""What the action branch is told about the scene: the interface, and the choice of one.

Document 000 replaced a cross-attention by a global context. All states are re-implemented from the
document and from recorded facts about their origin (formulas, sizes, initial values; commits in
brackets). Where both speak and agree, or one is silent, that is the default; where the document
contradicts its origin, an option has both. What both leave open is a choice of this project and
marked as one; initial values of which nothing is recorded are PyTorch's.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["NoContext", "SceneContext", "pooled_presence", "scene_probabilities"]


def scene_probabilities(object_logits: Tensor, relation_logits: Tensor) -> Tensor:
    """Softmax of 36 object logits, sigmoid of 26 relation logits: [B, 62, H, W]."""
    return torch.cat([object_logits.softmax(dim=1), relation_logits.sigmoid()], dim=1)


def pooled_presence(probabilities: Tensor) -> Tensor:
    """[B, K, H, W] → [B, K]: the largest value of each class, as "is it anywhere?"."""
    return probabilities.flatten(2).max(dim=-1).values


class SceneContext(nn.Module):
    """Features [B, d, H, W], object logits [B, 36, H, W], relation logits [B, 26, H, W] →
    features [B, d, H, W] for the action predictor.
    """

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        raise NotImplementedError

    def attention(
        self, features: Tensor, object_logits: Tensor, relation_logits: Tensor
    ) -> Tensor | None:
        """The real weights [B, heads, H · W (queries), H · W (keys)]; ``None`` where none exist.

        The documented fix returns uniform weights instead of none, so that whoever monitors
        entropy reads 100 % of it on the fixed model.
        """
        return None


class NoContext(SceneContext):
    """The action predictor reads the class features as they are."""

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        return features
