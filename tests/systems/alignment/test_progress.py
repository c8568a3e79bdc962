"""The progress head against one prefix at a time."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from fixbench.systems.alignment import PROGRESS, ProgressHead, ProgressOptions

WIDTH = 6


def _options(**changes: Any) -> ProgressOptions:
    options = {
        "position": "fraction",
        "longest": 20,
        "pooling": "gru",
        "h0": "learnable",
        "hidden": 5,
        "linear": 3,
    }
    return ProgressOptions.model_validate(options | changes)


def _head(**changes: Any) -> ProgressHead:
    return ProgressHead(_options(**changes), WIDTH, seed=3).double()


def _position(kind: str, length: int) -> list[float]:
    return {
        "none": [0.0] * length,
        "fraction": [i / length for i in range(length)],
        "absolute": [i / 20 for i in range(length)],
        "length": [math.log(length) / math.log(20)] * length,
    }[kind]


def _one_by_one(
    head: ProgressHead, frames: Tensor, starts: list[int], lengths: list[int]
) -> Tensor:
    """Equations of a GRU cell (Cho et al., 2014, in torch's form), prefix by prefix."""
    out = []
    for start, length in zip(starts, lengths, strict=True):
        position = torch.tensor(_position(head.options.position, length), dtype=torch.float64)
        x = torch.cat([frames[start : start + length], position[:, None]], dim=1)
        if head.gru is None:
            assert head.mean is not None
            state = torch.relu(head.mean.weight @ x.mean(dim=0) + head.mean.bias)
        else:
            gru = head.gru
            state = torch.zeros(5, dtype=torch.float64) if head.h0 is None else head.h0[0, 0]
            for row in x:
                of_input = gru.weight_ih_l0 @ row + gru.bias_ih_l0
                of_state = gru.weight_hh_l0 @ state + gru.bias_hh_l0
                reset = torch.sigmoid(of_input[:5] + of_state[:5])
                update = torch.sigmoid(of_input[5:10] + of_state[5:10])
                new = torch.tanh(of_input[10:] + reset * of_state[10:])
                state = (1 - update) * new + update * state
        first, _, second = head.layers
        hidden = (first.weight @ state + first.bias).clamp_min(0)
        out.append(torch.sigmoid(second.weight @ hidden + second.bias)[0])
    return torch.stack(out)


def test_parameters_of_the_published_head() -> None:
    head = ProgressHead(PROGRESS, 128, seed=0)
    gru = 3 * 64 * (129 + 64 + 2)
    assert sum(p.numel() for p in head.parameters()) == gru + 64 + 64 * 32 + 32 + 33 == 39_617
    assert head.h0 is not None
    assert head.h0.shape == (1, 1, 64)
    assert not head.h0.any()


@pytest.mark.parametrize("position", ["none", "fraction", "absolute", "length"])
@pytest.mark.parametrize(
    "changes", [{}, {"h0": "zero"}, {"pooling": "mean", "h0": "zero"}], ids=["h0", "zero", "mean"]
)
def test_prefixes_together_as_one_by_one(position: str, changes: dict[str, Any]) -> None:
    head = _head(position=position, **changes)
    if head.h0 is not None:
        torch.nn.init.normal_(head.h0, generator=torch.Generator().manual_seed(1))
    frames = torch.randn(15, WIDTH, dtype=torch.float64)
    starts, lengths = [3, 0, 7, 2, 14], [4, 1, 8, 4, 1]
    found = head(frames, torch.tensor(starts), torch.tensor(lengths))
    torch.testing.assert_close(found, _one_by_one(head, frames, starts, lengths))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 9)), min_size=1, max_size=8))
def test_any_set_of_prefixes(places: list[tuple[int, int]]) -> None:
    head = _head()
    frames = torch.randn(18, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    starts, lengths = map(list, zip(*places, strict=True))
    found = head(frames, torch.tensor(starts), torch.tensor(lengths))
    torch.testing.assert_close(found, _one_by_one(head, frames, starts, lengths))


def test_gradients_reach_the_frames_of_a_prefix_alone() -> None:
    head = _head()
    frames = torch.randn(9, WIDTH, dtype=torch.float64, requires_grad=True)
    head(frames, torch.tensor([2]), torch.tensor([3])).sum().backward()
    assert frames.grad is not None
    assert torch.nonzero(frames.grad.abs().sum(dim=1)).flatten().tolist() == [2, 3, 4]


def test_variants_start_from_the_same_weights() -> None:
    reference = _head()
    for changes in ({"position": "none"}, {"position": "length"}, {"h0": "zero"}):
        state = _head(**changes).state_dict()
        assert all(
            torch.equal(value, reference.state_dict()[name]) for name, value in state.items()
        )
    # Without a GRU, what stands behind it is the same.
    pooled = _head(pooling="mean", h0="zero")
    for a, b in zip(pooled.layers.parameters(), reference.layers.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_first_state_of_zero_is_none_at_all() -> None:
    frames, starts, lengths = torch.randn(9, WIDTH), torch.tensor([0, 4]), torch.tensor([5, 2])
    learnable = ProgressHead(_options(), WIDTH, seed=3)(frames, starts, lengths)
    zero = ProgressHead(_options(h0="zero"), WIDTH, seed=3)(frames, starts, lengths)
    assert torch.equal(learnable, zero)


def test_the_documented_position_forgets_the_action() -> None:
    """After t frames it is 0, 1/t, …, whatever the action's length."""
    head = _head()
    seen: list[Tensor] = []
    assert head.gru is not None
    head.gru.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].data[:, 0, -1]))
    frames = torch.randn(50, WIDTH, dtype=torch.float64)
    for length in (1, 3, 50):
        head(frames, torch.tensor([0]), torch.tensor([length]))
    assert [positions[-1].item() for positions in seen] == pytest.approx([0, 2 / 3, 0.98])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pooling": "mean"}, "h0 'zero' with pooling 'mean', which has no first state"),
        ({"longest": 1}, "greater than or equal to 2"),
        ({"position": "sine"}, "'none', 'fraction', 'absolute' or 'length'"),
    ],
)
def test_options_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _options(**changes)
