"""Losses weighted by learned uncertainty: ½ Σ (exp(−w) L + w).

Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses", CVPR 2018. At a
fixed L the best w is ln L.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fixbench.systems.dcal._options import LossWeightOptions

__all__ = ["LossWeighting"]


class LossWeighting(nn.Module):
    """The weights w of some losses, kept within bounds in place before each use.

    Attributes:
        log_variances: w [terms].
        duplicate: what ``start: duplicate`` initialises instead; nothing reads it.
    """

    def __init__(self, terms: int, options: LossWeightOptions) -> None:
        super().__init__()
        self.options = options
        self.log_variances = nn.Parameter(torch.zeros(terms), requires_grad=options.learned)
        self.duplicate: nn.Parameter | None = None
        if options.start == "duplicate":
            self.duplicate = nn.Parameter(0.1 * torch.randn(terms), requires_grad=False)
        elif options.start == "random":
            nn.init.normal_(self.log_variances, std=0.1)

    def forward(self, losses: Tensor) -> Tensor:
        """Losses [terms] → their weighted sum."""
        self.clamp()
        return 0.5 * (torch.exp(-self.log_variances) * losses + self.log_variances).sum()

    def clamp(self) -> None:
        """Bring w back to its bounds; the gradient does not know of it."""
        bound = self.options.bound
        if bound is not None:
            self.log_variances.data.clamp_(-bound, bound)
