"""The vision transformer: pre-norm blocks, a class token, learned positions.

Dosovitskiy et al., "An image is worth 16x16 words", ICLR 2021. Stochastic depth: Huang et al.,
ECCV 2016, with rates that rise linearly over the blocks.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.dcal._options import TrunkOptions

__all__ = ["EPSILON", "Attention", "Block", "Trunk", "initialise"]

#: Of layer normalisation.
EPSILON = 1e-6


class Attention(nn.Module):
    """Multi-head attention in parts, so that queries can meet keys of other images.

    Args:
        dropout: of the attention weights and of the output.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def project(self, x: Tensor) -> Tensor:
        """[B, N, width] → queries, keys and values [3, B, heads, N, width / heads]."""
        shape = (*x.shape[:2], 3, self.heads, x.shape[2] // self.heads)
        return self.qkv(x).view(shape).permute(2, 0, 3, 1, 4).contiguous()

    def project_queries(self, x: Tensor) -> Tensor:
        """[B, R, width] → queries alone [B, heads, R, width / heads]."""
        width = x.shape[-1]
        queries = functional.linear(x, self.qkv.weight[:width], self.qkv.bias[:width])
        return queries.unflatten(2, (self.heads, -1)).transpose(1, 2).contiguous()

    def attend(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Softmax over all keys.

        Args:
            queries: [B, heads, R, width / heads]; keys, values: [B, heads, N, width / heads].

        Returns:
            outputs before their projection [B, R, width], and the weights before dropout
            [B · heads, R, N].
        """
        # Of three dimensions: with four, matmul costs more views than products in a small model.
        asked, held = queries.flatten(0, 1), keys.flatten(0, 1)
        weights = (torch.bmm(asked, held.transpose(1, 2)) * self.scale).softmax(dim=-1)
        kept = functional.dropout(weights, self.dropout, self.training)
        found = torch.bmm(kept, values.flatten(0, 1)).view(queries.shape)
        return found.transpose(1, 2).flatten(2), weights

    def output(self, x: Tensor) -> Tensor:
        """The projection of what `attend` gives."""
        return functional.dropout(self.proj(x), self.dropout, self.training)


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)); both can be dropped for single images.

    Args:
        drop_path: how often.
    """

    def __init__(self, options: TrunkOptions, drop_path: float) -> None:
        super().__init__()
        hidden = options.mlp_ratio * options.width
        self.norm1 = nn.LayerNorm(options.width, eps=EPSILON)
        self.attention = Attention(options.width, options.heads, options.dropout)
        self.norm2 = nn.LayerNorm(options.width, eps=EPSILON)
        self.fc1 = nn.Linear(options.width, hidden)
        self.fc2 = nn.Linear(hidden, options.width)
        self.dropout = options.dropout
        self.drop_path = drop_path

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Self-attention: [B, N, width] → the same, and the attention weights [B · heads, N, N]."""
        attended, weights = self.attention.attend(*self.attention.project(self.norm1(x)))
        return self.finish(x, attended), weights

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """What follows attention, for tokens ``x`` and what they have attended to."""
        x = x + self._dropped(self.attention.output(attended))
        hidden = functional.gelu(self.fc1(self.norm2(x)))
        hidden = functional.dropout(hidden, self.dropout, self.training)
        return x + self._dropped(functional.dropout(self.fc2(hidden), self.dropout, self.training))

    def _dropped(self, x: Tensor) -> Tensor:
        """Stochastic depth: 0 for some images, the rest scaled up."""
        if not self.training or self.drop_path == 0:
            return x
        keep = 1 - self.drop_path
        kept = torch.rand(len(x), 1, 1, device=x.device) < keep
        return x * (kept / keep)


class Trunk(nn.Module):
    """Patches, class token, positions, blocks, and the last norm."""

    def __init__(self, options: TrunkOptions) -> None:
        super().__init__()
        self.options = options
        self.embed = nn.Conv2d(3, options.width, options.patch, stride=options.patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, options.width))
        self.positions = nn.Parameter(torch.zeros(1, options.patches + 1, options.width))
        rates = torch.linspace(0, options.drop_path, options.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(Block(options, rate) for rate in rates)
        self.norm = nn.LayerNorm(options.width, eps=EPSILON)

    def tokens(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] → what enters the first block, [B, patches + 1, width]."""
        side, patch = self.options.image // self.options.patch, self.options.patch
        # As a matrix product: a convolution of so few pixels costs more in overhead.
        cut = images.view(len(images), 3, side, patch, side, patch).permute(0, 2, 4, 1, 3, 5)
        weight = self.embed.weight.flatten(1)
        patches = functional.linear(cut.flatten(3).flatten(1, 2), weight, self.embed.bias)
        x = torch.cat([self.cls.expand(len(images), -1, -1), patches], dim=1) + self.positions
        return functional.dropout(x, self.options.dropout, self.training)

    def forward(self, images: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Self-attention alone.

        Returns:
            the last block's tokens before the last norm [B, N, width], and each block's attention
            weights [B · heads, N, N].
        """
        x, maps = self.tokens(images), []
        for block in self.blocks:
            x, weights = block(x)
            maps.append(weights)
        return x, maps


def initialise(module: nn.Module) -> None:
    """Fresh weights: normal of deviation 0.02, cut off at 2; zero biases; norms of 1 and 0."""
    for part in module.modules():
        if isinstance(part, nn.Linear | nn.Conv2d):
            nn.init.trunc_normal_(part.weight, std=0.02)
            assert part.bias is not None
            nn.init.zeros_(part.bias)
        elif isinstance(part, Trunk):
            nn.init.trunc_normal_(part.cls, std=0.02)
            nn.init.trunc_normal_(part.positions, std=0.02)
