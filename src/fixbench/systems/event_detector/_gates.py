"""What attention modules have in common: records of gates, and the controls in their place."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

__all__ = ["HalfGate", "Matched", "Record", "count_parameters"]

#: Where a module writes its gates during a forward pass, by name; ``None`` for nowhere.
Record = dict[str, Tensor] | None


class HalfGate(nn.Module):
    """The control whose gate is 0.5 everywhere and always; no parameters.

    Args:
        residual: whether the module in whose place it stands adds its input again.
    """

    def __init__(self, *, residual: bool) -> None:
        super().__init__()
        self.factor = 1.5 if residual else 0.5

    def forward(self, x: Tensor, record: Record = None) -> Tensor:
        return self.factor * x


class Matched(nn.Module):
    """The control without a gate: x + two 1 x 1 convolutions, ReLU between them.

    Their inner width brings the number of parameters as near as can be to that of the module in
    whose place they stand, which is ``parameters``.
    """

    def __init__(self, channels: int, parameters: int) -> None:
        super().__init__()
        width = max(1, round((parameters - channels) / (2 * channels + 1)))
        self.inner = nn.Conv2d(channels, width, 1)
        self.activation = nn.ReLU()
        self.outer = nn.Conv2d(width, channels, 1)

    @classmethod
    def of(cls, channels: int, build: Callable[[], nn.Module]) -> Matched:
        """In the place of what ``build`` makes."""
        with torch.device("meta"):
            parameters = count_parameters(build())
        return cls(channels, parameters)

    def forward(self, x: Tensor, record: Record = None) -> Tensor:
        return x + self.outer(self.activation(self.inner(x)))


def count_parameters(module: nn.Module) -> int:
    """Numbers that are trained."""
    return sum(parameter.numel() for parameter in module.parameters())
