"""The fix (D), its first revision (E), what its author moved on to, and controls."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.yowo._blocks import Rescale, match_magnitude, pointwise_mlp
from fixbench.systems.yowo._heads import ACTIONS, OBJECTS, RELATIONS
from fixbench.systems.yowo._scene_context import (
    SceneContext,
    pooled_presence,
    scene_probabilities,
)

__all__ = ["Cooccurrence", "GlobalContext", "LocalContext", "expected_positions"]

_PERSON = 0


class GlobalContext(SceneContext):
    """D (9d15cd8): one vector for the whole scene, fused with the features of every cell.

    Document 000, "The Fix": the maximum of each class over space → embedding → every cell; then,
    which its listing leaves out, brought to the features' mean magnitude and multiplied by
    |context_scale| clamped to [0.1, 2]; then fused, GroupNorm(x + δ).

    Args:
        positions: revision E (bba87e0): where each class is expected, too.
        pooling: over space; ``zero`` replaces the scene by zeros.
    """

    def __init__(
        self,
        width: int,
        *,
        pooling: Literal["max", "mean", "zero"] = "max",
        positions: bool = False,
        rescale: Rescale = "batch",
        learned_scale: bool = True,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.positions = positions
        self.rescale = rescale
        classes = (OBJECTS + RELATIONS) * (5 if positions else 1)
        self.project = pointwise_mlp(classes, width, width, gain=1.0, zero_bias=True)
        self.fuse = pointwise_mlp(2 * width, width, width, gain=1.0)
        self.context_scale = nn.Parameter(torch.tensor(1.0)) if learned_scale else None
        self.norm = nn.GroupNorm(32, width)

    def pooled(self, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        """The scene as one vector [B, 62], or [B, 310] with positions."""
        probabilities = scene_probabilities(object_logits, relation_logits)
        if self.pooling == "zero":
            probabilities = torch.zeros_like(probabilities)
        if self.pooling == "mean":
            scene = probabilities.mean(dim=(2, 3))
        else:
            scene = pooled_presence(probabilities)
        if not self.positions:
            return scene
        places = expected_positions(probabilities)
        relative = places - places[:, :, _PERSON : _PERSON + 1]
        return torch.cat([scene, places.flatten(1), relative.flatten(1)], dim=1)

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        scene = self.pooled(object_logits, relation_logits)
        context = match_magnitude(self.project(scene[:, :, None, None]), features, self.rescale)
        if self.context_scale is not None:
            context = context * self.context_scale.abs().clamp(0.1, 2.0)
        fused = self.fuse(torch.cat([features, context.expand_as(features)], dim=1))
        return self.norm(features + fused)


def expected_positions(probabilities: Tensor, *, temperature: float = 0.1) -> Tensor:
    """[B, K, H, W] → [B, 2, K]: (y, x) in [0, 1], means under softmax(p / temperature)."""
    height, width = probabilities.shape[2:]
    weights = (probabilities / temperature).flatten(2).softmax(dim=-1).unflatten(2, (height, width))
    y = torch.linspace(0, 1, height, dtype=weights.dtype, device=weights.device)
    x = torch.linspace(0, 1, width, dtype=weights.dtype, device=weights.device)
    return torch.stack([weights.sum(dim=3) @ y, weights.sum(dim=2) @ x], dim=1)


class LocalContext(SceneContext):
    """The later revision: 5 x 5 means of the probabilities, embedded and added, GroupNorm.

    The window counts cells outside the grid as zeros.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = pointwise_mlp(OBJECTS + RELATIONS, width, width, gain=None)
        self.norm = nn.GroupNorm(32, width)

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        probabilities = scene_probabilities(object_logits, relation_logits)
        near = functional.avg_pool2d(probabilities, 5, stride=1, padding=2)
        return self.norm(features + self.project(near))


class Cooccurrence(nn.Module):
    """Revision E's prior: action logits plus 0.1 (learned) · M presence, M of rank 64.

    Presence is the maximum of each object's probability over the level's cells.
    """

    def __init__(self, rank: int = 64) -> None:
        super().__init__()
        self.actions = nn.Parameter(torch.randn(ACTIONS, rank) * 0.01)
        self.objects = nn.Parameter(torch.randn(OBJECTS, rank) * 0.01)
        self.scale = nn.Parameter(torch.tensor(0.1))

    def forward(self, action_logits: Tensor, object_logits: Tensor) -> Tensor:
        presence = pooled_presence(object_logits.softmax(dim=1))
        prior = presence @ self.objects @ self.actions.T
        return action_logits + self.scale * prior[:, :, None, None]
