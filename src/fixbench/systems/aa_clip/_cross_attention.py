"""The fork's cross-attention, with its documented states as options.

Origin: document 003 (a fork of AA-CLIP; no licence, nothing copied) and the facts gathered about
it. V0 adds the output at full scale, V1 (the documented fix) at 0.1, V2 (a later revision)
normalises the context and matches the output's norm to its input before scaling by 0.1.
At ViT-L/14@336: 2,755,840 parameters in the image tower, 2,362,368 in the text tower.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.aa_clip._adapters import match_norm, xavier_uniform
from fixbench.training import StrictOptions

__all__ = ["CrossAttention", "CrossAttentionOptions"]


class CrossAttentionOptions(StrictOptions):
    """How a tower attends to the other modality.

    Attributes:
        enabled: off means that the module does not exist.
        scale: factor of the output before it is added to the residual stream.
        context: ``raw`` tokens or ``normalised`` (each token divided by its L2 norm).
        norm_match: rescale the output to the norm of its input, token by token.
        zero_init: control: the output projection starts at zero (an inert module).
        token_mean: control: every token receives the output's mean over tokens, so that the
            branch can do nothing but add one common vector to an image's tokens.
        detached: control: the branch adds what it adds, and no gradient can flow into it.
    """

    enabled: bool
    scale: float = Field(ge=0)
    context: Literal["raw", "normalised"]
    norm_match: bool = False
    zero_init: bool = False
    token_mean: bool = False
    detached: bool = False


class CrossAttention(nn.Module):
    """Multi-head attention from tokens of width D to context tokens of width C.

    q: D → C, k and v: C → C, out: C → D, biases, Xavier-uniform weights, zero biases. The
    document's dropout of 0.1 is inactive, because its trainers keep the model in eval mode.
    """

    def __init__(
        self,
        width: int,
        context_width: int,
        *,
        heads: int,
        options: CrossAttentionOptions,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.options = options
        self.query = xavier_uniform(context_width, width, generator)
        self.key = xavier_uniform(context_width, context_width, generator)
        self.value = xavier_uniform(context_width, context_width, generator)
        self.out = xavier_uniform(width, context_width, generator)
        self.query_bias = nn.Parameter(torch.zeros(context_width))
        self.key_bias = nn.Parameter(torch.zeros(context_width))
        self.value_bias = nn.Parameter(torch.zeros(context_width))
        self.out_bias = nn.Parameter(torch.zeros(width))
        if options.zero_init:
            nn.init.zeros_(self.out)

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.reshape(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def _context(self, context: Tensor) -> Tensor:
        if self.options.context == "normalised":
            return functional.normalize(context, dim=-1)
        return context

    def attention(self, x: Tensor, context: Tensor) -> Tensor:
        """Attention weights [B, heads, N, M] (for measurement only)."""
        query = self._split(functional.linear(x, self.query, self.query_bias))
        key = self._split(functional.linear(self._context(context), self.key, self.key_bias))
        return ((query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5).softmax(dim=-1)

    def branch(self, x: Tensor, context: Tensor) -> Tensor:
        """What the module adds to ``x`` [B, N, D] given ``context`` [B, M, C], scale included."""
        context = self._context(context)
        query = self._split(functional.linear(x, self.query, self.query_bias))
        key = self._split(functional.linear(context, self.key, self.key_bias))
        value = self._split(functional.linear(context, self.value, self.value_bias))
        out = functional.scaled_dot_product_attention(query, key, value)
        out = out.transpose(1, 2).reshape(x.shape[0], x.shape[1], -1)
        out = functional.linear(out, self.out, self.out_bias)
        if self.options.token_mean:
            out = out.mean(dim=1, keepdim=True).expand_as(out)
        if self.options.norm_match:
            out = match_norm(out, x, 1e-6)
        if self.options.detached:
            out = out.detach()
        return self.options.scale * out

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """``x`` [B, N, D] plus the branch."""
        return x + self.branch(x, context)
