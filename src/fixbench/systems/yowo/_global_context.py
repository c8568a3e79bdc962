"""The fix (D), its first revision (E), the local variant after it, and controls."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.detection import cell_centres
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
#: E's softmax over cells; rank and weight of its prior.
_TEMPERATURE, _RANK, _PRIOR_WEIGHT = 0.1, 64, 0.1
#: Side of the local variant's window, in cells.
_WINDOW = 5


class _FusedContext(SceneContext):
    """GroupNorm(x + fusion[x ‖ context]), the context an embedding of ``inputs`` numbers.

    Weights are Glorot's with gain 1; the embedding's biases start at zero. The fusion's are left
    open by the documentation; choice: PyTorch's default.
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

        These are its presence, its expected (x, y), and the same relative to the person's. Their
        order is left open by the documentation, which gives their number; choice: class by class.
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

    Soft-argmax with the documented temperature. Coordinates are left open by the documentation;
    choice: the cells' centres, as fractions of the map's width and height.
    """
    height, width = probabilities.shape[2:]
    sides = probabilities.new_tensor([width, height])
    centres = cell_centres(height, width, 1, probabilities.device) / sides
    return (probabilities.flatten(2) / temperature).softmax(dim=-1) @ centres


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
    """Revision E's prior of rank 64 on actions from the objects present, with weight 0.1.

    Left open by the documentation; choices: linear in each object's presence, D's maximum over
    space; added to the action logits of every cell; one prior for all levels; PyTorch's default
    initial values; the weight constant, as a learned one could not be told from the matrices.
    """

    def __init__(self, rank: int = _RANK) -> None:
        super().__init__()
        self.prior = nn.Sequential(
            nn.Linear(OBJECTS, rank, bias=False), nn.Linear(rank, ACTIONS, bias=False)
        )

    def forward(self, action_logits: Tensor, object_logits: Tensor) -> Tensor:
        presence = pooled_presence(object_logits.softmax(dim=1))
        return action_logits + _PRIOR_WEIGHT * self.prior(presence)[:, :, None, None]
