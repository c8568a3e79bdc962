"""Attention rollout: how much of each patch the class token has seen after all blocks.

Abnar and Zuidema, "Quantifying attention flow in transformers", ACL 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["rollout_scores"]


@torch.no_grad()
def rollout_scores(maps: Sequence[Tensor], *, heads: int, epsilon: float) -> Tensor:
    """The class token's row of Ŝ = S̄ₗ … S̄₂ S̄₁, without its own column.

    S̄ is 0.5 S + 0.5 I with S the mean over heads; rows are divided by their sum + ``epsilon``.

    Args:
        maps: attention weights of each block [B · heads, N, N], the class token first.

    Returns:
        [B, N − 1], detached.
    """
    stack = torch.stack(list(maps)).unflatten(1, (-1, heads)).mean(dim=2)
    stack = 0.5 * stack + 0.5 * torch.eye(stack.shape[-1], device=stack.device, dtype=stack.dtype)
    stack = stack / (stack.sum(dim=-1, keepdim=True) + epsilon)
    # Of the product only the first row is asked for: it is multiplied from the last block down.
    row = stack[-1][:, :1]
    for matrix in stack.flip(0)[1:]:
        row = row @ matrix
    return row[:, 0, 1:]
