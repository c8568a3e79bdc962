"""The cross-attention before the fix, in three states: A, B and C.

Document 000, "Original Design (Broken)", says only that queries come from features and keys from
predictions; three recorded states fit that. C is the parent of the fix. Numbers that the origin's
code gives on these modules' weights are kept in ``tests/systems/yowo/golden``.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.yowo._blocks import Rescale, match_magnitude, pointwise_mlp
from fixbench.systems.yowo._heads import OBJECTS, PRIOR_BIAS, RELATIONS
from fixbench.systems.yowo._scene_context import SceneContext, scene_probabilities

__all__ = ["Attention", "GatedAttention", "LogitAttention"]

#: Rows and columns of the learned position table, which is resampled to the grid.
_TABLE = 32
#: B's learned factors of the position and of the predictions' embeddings, at first.
_POSITION_SCALE, _CONTEXT_SCALE = 0.3, 2.0


class GatedAttention(SceneContext):
    """A (bc5f614): LayerNorm(x + gate · attention), the gate 0 at first.

    Keys and values are one embedding of the probabilities: half the channels from the objects, half
    from the relations, mixed by two linear layers with ReLU between them. Initial values of which
    nothing is recorded, and the attention, are PyTorch's.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.objects = nn.Linear(OBJECTS, width // 2)
        self.relations = nn.Linear(RELATIONS, width // 2)
        self.mix = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.attend = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.gate = nn.Parameter(torch.tensor(0.0))

    def _attended(
        self, features: Tensor, object_logits: Tensor, relation_logits: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries [B, N, d], what they attend to [B, N, d], and weights [B, heads, N, N]."""
        probabilities = _tokens(scene_probabilities(object_logits, relation_logits))
        objects, relations = probabilities.split([OBJECTS, RELATIONS], dim=-1)
        halves = [self.objects(objects), self.relations(relations)]
        context = self.mix(torch.cat(halves, dim=-1))
        query = _tokens(features)
        attended, weights = self.attend(query, context, context, average_attn_weights=False)
        return query, attended, weights

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        query, attended, _ = self._attended(features, object_logits, relation_logits)
        return self.norm(query + self.gate * attended).transpose(1, 2).reshape(features.shape)

    def attention(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        return self._attended(features, object_logits, relation_logits)[2]


class _CrossAttention(SceneContext):
    """What B and C have in common: GroupNorm(x + projection of the attended values).

    Queries come from features and a learned position, keys from the predictions, values from the
    features beside an embedding of the predictions.

    Args:
        width: of the features.
        inner: of queries, keys and values.
        hidden: of the predictions' embeddings; ``gain``: of their Glorot weights. Their biases
            start at zero.
        position_std: of the position table.

    Queries, values and the output projection start as PyTorch starts them.
    """

    def __init__(
        self,
        width: int,
        *,
        inner: int,
        heads: int,
        hidden: int,
        gain: float,
        position_std: float,
    ) -> None:
        super().__init__()
        self.heads = heads
        classes = OBJECTS + RELATIONS
        self.query = nn.Conv2d(width, inner, 1)
        self.key = pointwise_mlp(classes, hidden, inner, gain=gain, zero_bias=True)
        self.context = pointwise_mlp(classes, hidden, width, gain=gain, zero_bias=True)
        self.value = nn.Conv2d(2 * width, inner, 1)
        self.out = nn.Conv2d(inner, width, 1)
        self.rows = nn.Parameter(torch.randn(inner // 2, _TABLE) * position_std)
        self.columns = nn.Parameter(torch.randn(inner // 2, _TABLE) * position_std)
        self.norm = nn.GroupNorm(32, width)

    def position(self, height: int, width: int) -> Tensor:
        """[inner, H, W]: the row's half before the column's, linearly resampled."""
        rows = self.rows @ _resampling(height, self.rows)
        columns = self.columns @ _resampling(width, self.columns)
        return torch.cat(
            [rows[:, :, None].expand(-1, -1, width), columns[:, None].expand(-1, height, -1)]
        )

    def _query_key_context(
        self, features: Tensor, object_logits: Tensor, relation_logits: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Queries and keys [B, inner, H, W]; [B, width, H, W] that joins features in the values."""
        raise NotImplementedError

    def _carried(self, features: Tensor, context: Tensor) -> Tensor:
        """What a cell's value is made of: [B, 2 · width, H, W]."""
        return torch.cat([features, context], dim=1)

    def _split(self, x: Tensor) -> Tensor:
        """[B, inner, H, W] → [B, heads, H · W, inner / heads]."""
        batch, inner = x.shape[:2]
        return x.reshape(batch, self.heads, inner // self.heads, -1).transpose(2, 3)

    def _weights(self, query: Tensor, key: Tensor) -> Tensor:
        query, key = self._split(query), self._split(key)
        return (query @ key.transpose(2, 3) * query.shape[-1] ** -0.5).softmax(dim=-1)

    def forward(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        query, key, context = self._query_key_context(features, object_logits, relation_logits)
        value = self.value(self._carried(features, context))
        attended = self._weights(query, key) @ self._split(value)
        return self.norm(features + self.out(attended.transpose(2, 3).reshape(query.shape)))

    def attention(self, features: Tensor, object_logits: Tensor, relation_logits: Tensor) -> Tensor:
        query, key, _ = self._query_key_context(features, object_logits, relation_logits)
        return self._weights(query, key)


class Attention(_CrossAttention):
    """C (810e3af): keys and values see probabilities.

    Keys are brought to the queries' mean magnitude, the values' context to the features'.

    Args:
        inner: of the attention, the features' width as documented.
        output_gain: of the output projection's Glorot weights, 0.1 as documented.
        values: what is carried from a cell; told: of what (see `SceneContextOptions`).
    """

    def __init__(
        self,
        width: int,
        *,
        inner: int,
        heads: int,
        output_gain: float,
        rescale: Rescale = "batch",
        values: Literal["both", "features", "predictions"] = "both",
        told: Literal["scene", "nothing"] = "scene",
    ) -> None:
        super().__init__(
            width,
            inner=inner,
            heads=heads,
            hidden=inner,
            gain=1.0,
            position_std=0.02,
        )
        nn.init.xavier_uniform_(self.out.weight, output_gain)
        self.rescale = rescale
        self.values = values
        self.told = told

    def _query_key_context(
        self, features: Tensor, object_logits: Tensor, relation_logits: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        if self.told == "nothing":
            object_logits = torch.full_like(object_logits, PRIOR_BIAS)
            relation_logits = torch.full_like(relation_logits, PRIOR_BIAS)
        probabilities = scene_probabilities(object_logits, relation_logits)
        query = self.query(features) + self.position(*features.shape[2:])
        key = match_magnitude(self.key(probabilities), query, self.rescale)
        context = match_magnitude(self.context(probabilities), features, self.rescale)
        return query, key, context

    def _carried(self, features: Tensor, context: Tensor) -> Tensor:
        if self.values == "features":
            context = torch.zeros_like(context)
        elif self.values == "predictions":
            features = torch.zeros_like(features)
        return super()._carried(features, context)


class LogitAttention(_CrossAttention):
    """B (``yowo_multitask_fixed.py``): keys and values see raw logits.

    Their embeddings are narrower, with gain 2, and multiplied by context_scale instead of being
    brought to a magnitude; positions, in queries alone, are larger, times position_scale. Both
    factors are learned, from 2.0 and 0.3.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__(
            width,
            inner=width,
            heads=heads,
            hidden=width // 2,
            gain=2.0,
            position_std=0.5,
        )
        self.context_scale = nn.Parameter(torch.tensor(_CONTEXT_SCALE))
        self.position_scale = nn.Parameter(torch.tensor(_POSITION_SCALE))

    def _query_key_context(
        self, features: Tensor, object_logits: Tensor, relation_logits: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        logits = torch.cat([object_logits, relation_logits], dim=1)
        query = self.query(features) + self.position_scale * self.position(*features.shape[2:])
        key = self.key(logits) * self.context_scale
        return query, key, self.context(logits) * self.context_scale


def _tokens(x: Tensor) -> Tensor:
    """[B, C, H, W] → [B, H · W, C]."""
    return x.flatten(2).transpose(1, 2)


def _resampling(size: int, like: Tensor) -> Tensor:
    """[32, size]: the table's linear interpolation as a matrix.

    `interpolate` itself has no deterministic gradient on a GPU.
    """
    table = torch.eye(_TABLE, dtype=like.dtype, device=like.device)
    return functional.interpolate(table[None], size=size, mode="linear", align_corners=False)[0]
