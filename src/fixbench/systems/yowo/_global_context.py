"""The fix (D), its first revision (E), the local variant after it, and controls."""

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
#: Bounds of |context_scale|.
_SCALES = (0.1, 2.0)
#: E's softmax over cells; rank of its prior, standard deviation of its factors and its weight at
#: first.
_TEMPERATURE, _RANK, _FACTOR_STD, _PRIOR_SCALE = 0.1, 64, 0.01, 0.1
#: Side of the local variant's window, in cells.
_WINDOW = 5


class _FusedContext(SceneContext):
    """GroupNorm(x + fusion[x ‖ context]), the context an embedding of ``inputs`` numbers.

    Weights are Glorot's with gain 1; the embedding's biases start at zero, the fusion's as PyTorch
    starts them.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.project = pointwise_mlp(inputs, width, width, gain=1.0, zero_bias=True)
        self.fuse = pointwise_mlp(2 * width, width, width, gain=1.0)
        self.norm = nn.GroupNorm(32, width)

    def _fused(self, features: Tensor, context: Tensor) -> Tensor:
        joined = torch.cat([features, context.expand_as(features)], dim=1)
        return self.norm(features + self.fuse(joined))


class GlobalContext(_FusedContext):
    """D (9d15cd8): one vector for the whole scene, fused with the features of every cell.

    Document 000, "The Fix": the maximum of each class over space → embedding → every cell; then,
    which its listing leaves out, brought to the features' mean magnitude and multiplied by
    |context_scale| clamped to [0.1, 2].

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
        super().__init__((OBJECTS + RELATIONS) * (5 if positions else 1), width)
        self.pooling = pooling
        self.positions = positions
        self.rescale = rescale
        self.context_scale = nn.Parameter(torch.tensor(1.0)) if learned_scale else None

    def pooled(self, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        """The scene as one vector: [B, 62]; with positions [B, 310], five numbers for each class.

        These are its presence, its expected (x, y), and the same relative to the person's. They
        stand class by class; recorded are five blocks, which is the same layer with its inputs in
        another order.
        """
        told = scene_probabilities(object_logits, relation_logits)
        if self.pooling == "zero":
            told = torch.zeros_like(told)
        presence = told.mean(dim=(2, 3)) if self.pooling == "mean" else pooled_presence(told)
        if not self.positions:
            return presence
        places = expected_positions(told)
        apart = places - places[:, _PERSON, None]
        return torch.cat([presence[..., None], places, apart], dim=2).flatten(1)

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        scene = self.pooled(object_logits, relation_logits)
        context = match_magnitude(self.project(scene[:, :, None, None]), features, self.rescale)
        if self.context_scale is not None:
            context = context * self.context_scale.abs().clamp(*_SCALES)
        return self._fused(features, context)


def expected_positions(probabilities: Tensor, *, temperature: float = _TEMPERATURE) -> Tensor:
    """[B, K, H, W] → [B, K, 2]: the mean (x, y) of each class under softmax(p / temperature).

    Coordinates run from 0 in the first column and row to 1 in the last; where there is only one,
    they are 0.
    """
    height, width = probabilities.shape[2:]
    y, x = (
        torch.arange(size, device=probabilities.device).to(probabilities) / max(size - 1, 1)
        for size in (height, width)
    )
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    places = torch.stack([grid_x.flatten(), grid_y.flatten()], dim=-1)
    return (probabilities.flatten(2) / temperature).softmax(dim=-1) @ places


class LocalContext(_FusedContext):
    """The later revision, which averages the predictions over 5 x 5 cells.

    All but the window is left open by the documentation; choice: D without rescaling and learned
    scale, told the mean of each class over those cells of the window that exist. What is told thus
    is its only difference from that variant of D.
    """

    def __init__(self, width: int) -> None:
        super().__init__(OBJECTS + RELATIONS, width)

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        near = functional.avg_pool2d(
            scene_probabilities(object_logits, relation_logits),
            _WINDOW,
            stride=1,
            padding=_WINDOW // 2,
            count_include_pad=False,
        )
        return self._fused(features, self.project(near))


class Cooccurrence(nn.Module):
    """Revision E's prior on actions from the objects present: scale · A Oᵀ presence, of rank 64.

    Presence is D's maximum over space; the prior is added to the action logits of every cell. The
    factors A and O start as N(0, 0.01), the learned scale at 0.1. Choice: one prior for all levels.
    """

    def __init__(self, rank: int = _RANK) -> None:
        super().__init__()
        self.action_factors = nn.Parameter(torch.randn(ACTIONS, rank) * _FACTOR_STD)
        self.object_factors = nn.Parameter(torch.randn(OBJECTS, rank) * _FACTOR_STD)
        self.scale = nn.Parameter(torch.tensor(_PRIOR_SCALE))

    def forward(self, action_logits: Tensor, object_logits: Tensor) -> Tensor:
        presence = pooled_presence(object_logits.softmax(dim=1))
        prior = presence @ self.object_factors @ self.action_factors.T
        return action_logits + self.scale * prior[:, :, None, None]
