"""The recurrent cell against torch's LSTM and by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from fixbench.systems.event_detector._lstm import ConvLSTM


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_one_cell_by_hand() -> None:
    """Gates are w·x + u·h + b with the order forget, input, output, candidate."""
    cell = ConvLSTM(1, convolution=False)
    with torch.no_grad():
        weights = torch.tensor([[0.5, -1.0], [1.5, 0.25], [-0.75, 2.0], [1.0, 1.0]])
        cell.gates.weight.copy_(weights[:, :, None, None])
        cell.gates.bias.copy_(torch.tensor([0.1, -0.2, 0.3, -0.4]))
    x, h, c = 0.8, -0.3, 1.2
    hidden, memory = cell(
        torch.full((1, 1, 1, 1), x), (torch.full((1, 1, 1, 1), h), torch.full((1, 1, 1, 1), c))
    )
    forget = _sigmoid(0.5 * x - h + 0.1)
    enter = _sigmoid(1.5 * x + 0.25 * h - 0.2)
    leave = _sigmoid(-0.75 * x + 2 * h + 0.3)
    kept = forget * c + enter * math.tanh(x + h - 0.4)
    assert memory.item() == pytest.approx(kept, abs=1e-6)
    assert hidden.item() == pytest.approx(leave * math.tanh(kept), abs=1e-6)


def test_without_the_convolution_every_cell_is_an_lstm_of_torch() -> None:
    channels, steps = 6, 4
    own = ConvLSTM(channels, convolution=False)
    other = nn.LSTM(channels, channels)
    with torch.no_grad():
        mixed = own.gates.weight[:, :, 0, 0]
        forget, enter, leave, candidate = mixed.split(channels)
        # torch's order: input, forget, candidate, output.
        ordered = torch.cat([enter, forget, candidate, leave])
        other.weight_ih_l0.copy_(ordered[:, :channels])
        other.weight_hh_l0.copy_(ordered[:, channels:])
        forget, enter, leave, candidate = own.gates.bias.split(channels)
        other.bias_ih_l0.copy_(torch.cat([enter, forget, candidate, leave]))
        other.bias_hh_l0.zero_()
    x = torch.randn(steps, 2, channels, 3, 2)
    cells = x.permute(0, 1, 3, 4, 2).reshape(steps, 12, channels)
    expected, _ = other(cells)
    state = None
    for step in range(steps):
        state = own(x[step], state)
        found = state[0].permute(0, 2, 3, 1).reshape(12, channels)
        assert torch.allclose(found, expected[step], atol=1e-6)


def test_the_convolution_mixes_neighbours_of_the_hidden_state_alone() -> None:
    for convolution in (False, True):
        cell = ConvLSTM(4, convolution=convolution)
        hidden = torch.zeros(1, 4, 5, 5)
        state = (hidden, torch.zeros_like(hidden))
        still, _ = cell(torch.zeros(1, 4, 5, 5), state)
        hidden = hidden.clone()
        hidden[0, :, 2, 2] = 1
        moved, _ = cell(torch.zeros(1, 4, 5, 5), (hidden, state[1]))
        changed = (moved != still).any(dim=1)[0]
        assert changed.sum() == (9 if convolution else 1)
        x = torch.zeros(1, 4, 5, 5)
        x[0, :, 2, 2] = 1
        moved, _ = cell(x, state)
        assert (moved != still).any(dim=1).sum() == 1
