"""Global-local cross-attention: the tokens that matter most ask, and all tokens answer.

Zhu et al., "Dual cross-attention learning for fine-grained visual categorization and object
re-identification", CVPR 2022 (arXiv 2205.02151), section 3.2; the class token is always among the
queries, as in the documented code.
"""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor, nn

from fixbench.systems.dcal._options import GlobalLocalOptions, TrunkOptions
from fixbench.systems.dcal._vit import Block

__all__ = ["FALLBACKS", "GlobalLocalBlock"]

#: Why uniform scores can replace those of rollout.
FALLBACKS = ("missing", "empty", "shape")


class GlobalLocalBlock(nn.Module):
    """One block with weights of its own.

    Attributes:
        triggers: how often the fallback replaced scores, by `FALLBACKS`.
    """

    def __init__(self, trunk: TrunkOptions, options: GlobalLocalOptions) -> None:
        super().__init__()
        self.options = options
        self.local = max(1, int(options.share * trunk.patches))
        self.block = Block(trunk, 0.0)
        self.triggers = Counter[str]()

    def forward(self, x: Tensor, scores: Tensor | None) -> Tensor:
        """One read-out token an image.

        Args:
            x: the trunk's tokens [B, N, width], the class token first.
            scores: of the patches [B, N − 1].

        Returns:
            [B, width]: the class token, or the mean of the local ones.
        """
        scores = self._checked(scores, x)
        asked = torch.cat(
            [
                torch.zeros(len(x), 1, dtype=torch.long, device=x.device),
                scores.topk(self.local, dim=1).indices + 1,
            ],
            dim=1,
        )
        return self.read(self.attend(x, asked))

    def attend(self, x: Tensor, asked: Tensor) -> Tensor:
        """Tokens ``asked`` [B, 1 + R], the class token first → what becomes of them, with width."""
        place = asked[:, :, None].expand(-1, -1, x.shape[-1])
        attention, normed = self.block.attention, self.block.norm1(x)
        _, keys, values = attention.project(normed)
        queries = attention.project_queries(normed.gather(1, place))
        attended, _ = attention.attend(queries, keys, values)
        return self.block.finish(x.gather(1, place), attended)

    def read(self, found: Tensor) -> Tensor:
        """[B, 1 + R, width] → [B, width]."""
        return found[:, 0] if self.options.read_out == "cls" else found[:, 1:].mean(dim=1)

    def _checked(self, scores: Tensor | None, x: Tensor) -> Tensor:
        """``scores``, or uniform ones where the documented fallback puts them."""
        shape = (len(x), x.shape[1] - 1)
        reason = None
        if scores is None:
            reason = "missing"
        elif self.options.fallback == "validated":
            if scores.numel() == 0:
                reason = "empty"
            elif scores.shape != shape:
                reason = "shape"
        if reason is not None:
            self.triggers[reason] += 1
            return torch.ones(shape, device=x.device)
        assert scores is not None
        return scores
