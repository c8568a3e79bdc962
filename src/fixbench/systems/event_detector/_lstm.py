"""The recurrent cell of every stage.

Shi et al., "Convolutional LSTM Network" (arXiv 1506.04214), as RVT has it: the gates are a 1 x 1
convolution of input and hidden state, before which the hidden state may pass a 3 x 3 depthwise one.
There are no peepholes. Order of the gates: forget, input, output, candidate.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ConvLSTM", "LSTMState"]

#: Hidden state and cell, each [B, C, H, W].
LSTMState = tuple[Tensor, Tensor]


class ConvLSTM(nn.Module):
    """A step of an LSTM in every cell of a map; without ``convolution`` cells do not mix."""

    def __init__(self, channels: int, *, convolution: bool) -> None:
        super().__init__()
        self.hidden = (
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
            if convolution
            else nn.Identity()
        )
        self.gates = nn.Conv2d(2 * channels, 4 * channels, 1)

    def forward(self, x: Tensor, state: LSTMState | None) -> LSTMState:
        """[B, C, H, W] and the state before, zeros where ``None``, → the state after."""
        hidden, cell = (torch.zeros_like(x),) * 2 if state is None else state
        mixed = self.gates(torch.cat([x, self.hidden(hidden)], dim=1))
        forget, enter, leave, candidate = mixed.chunk(4, dim=1)
        cell = forget.sigmoid() * cell + enter.sigmoid() * candidate.tanh()
        return leave.sigmoid() * cell.tanh(), cell
