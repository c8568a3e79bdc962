"""Learning rates, and how far training moved what it trains."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["relative_displacement", "warm_up_then_cosine"]


def warm_up_then_cosine(
    optimiser: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Rates that rise linearly over a twentieth of ``steps`` and then fall as a cosine to 0."""
    warm_up = max(1, steps // 20)

    def factor(step: int) -> float:
        if step < warm_up:
            return (step + 1) / warm_up
        return 0.5 * (1 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def relative_displacement(now: Sequence[Tensor], before: Sequence[Tensor]) -> float:
    """‖now − before‖ / ‖before‖ over all tensors together; 0 where ``before`` is zero.

    In the tensors' own precision.
    """
    start = torch.cat([tensor.detach().flatten() for tensor in before])
    moved = torch.cat([tensor.detach().flatten() for tensor in now]) - start
    return (moved.norm() / start.norm()).item() if start.any() else 0.0
