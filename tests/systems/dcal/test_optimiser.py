"""Updates by hand, and against an optimiser of separate tensors."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import nn

from fixbench.systems.dcal._optimiser import PUBLISHED_PARAMETERS, Update
from fixbench.systems.dcal._options import OptimiserOptions


def _options(**values: Any) -> OptimiserOptions:
    defaults: dict[str, Any] = {"kind": "adam", "weight_decay": 0.05, "clip_norm": 1e9}
    return OptimiserOptions(**defaults | values)


def _by_hand(kind: str, decay: float, weight: float, gradients: list[float], rate: float) -> float:
    """Adam (Kingma and Ba, algorithm 1) on one number, decay in the gradient or apart from it."""
    first = second = 0.0
    for number, gradient in enumerate(gradients, start=1):
        if kind == "adam":
            gradient += decay * weight
        else:
            weight -= rate * decay * weight
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        change = (first / (1 - 0.9**number)) / (math.sqrt(second / (1 - 0.999**number)) + 1e-8)
        weight -= rate * change
    return weight


@pytest.mark.parametrize(("kind", "decay"), [("adam", 0.05), ("adamw", 0.05), ("adam", 0.0)])
def test_updates_by_hand(kind: str, decay: float) -> None:
    weight = nn.Parameter(torch.tensor([0.8], dtype=torch.float64))
    update = Update([weight], _options(kind=kind, weight_decay=decay), batch=16)
    gradients = [0.3, -0.02, 0.1, 0.0]
    for gradient in gradients:
        update.clear()
        (gradient * weight).sum().backward()
        update.step(0.01)
    assert weight.item() == pytest.approx(_by_hand(kind, decay, 0.8, gradients, 0.01), rel=1e-9)


def test_coupled_decay_without_a_gradient_moves_weights_by_the_whole_rate() -> None:
    """What the document's optimiser does to weights whose gradient is clipped to little."""
    moved = {}
    for kind in ("adam", "adamw"):
        weight = nn.Parameter(torch.tensor([0.03]))
        update = Update([weight], _options(kind=kind), batch=16)
        for _ in range(100):
            update.step(1e-4)
        moved[kind] = 0.03 - weight.item()
    assert moved["adam"] == pytest.approx(100 * 1e-4, rel=0.07)  # less as weights shrink
    assert moved["adamw"] == pytest.approx(0.03 * 100 * 1e-4 * 0.05, rel=0.01)


@pytest.mark.parametrize("kind", ["adam", "adamw"])
def test_one_vector_moves_as_separate_tensors_do(kind: str) -> None:
    ours = nn.Sequential(nn.Linear(3, 4), nn.GELU(), nn.Linear(4, 2)).double()
    theirs = copy.deepcopy(ours)
    kinds: dict[str, Any] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}
    reference = kinds[kind](theirs.parameters(), lr=0.01, weight_decay=0.05)
    update = Update(ours.parameters(), _options(kind=kind, clip_norm=0.5), batch=16)
    for _ in range(5):
        x = torch.randn(6, 3, dtype=torch.float64)
        for model in (ours, theirs):
            model.zero_grad(set_to_none=False)
            model(x).square().sum().backward()
        norm = nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        reference.step()
        assert update.step(0.01) == pytest.approx(norm.item())
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other)


def test_a_matched_clip_bounds_the_root_mean_square_as_at_the_published_size() -> None:
    weight = nn.Parameter(torch.ones(1000))
    update = Update([weight], _options(clip_norm=1.0, clip="matched"), batch=16)
    (50 * weight).sum().backward()
    update.step(0.01)
    bound = 1.0 / math.sqrt(PUBLISHED_PARAMETERS)
    assert update.gradient.square().mean().sqrt().item() == pytest.approx(bound, rel=1e-4)


def test_moments_scaled_by_the_batch() -> None:
    """κ = 4 at a batch of 64: 1 − β becomes four times as much and epsilon half."""
    weight = nn.Parameter(torch.ones(3))
    options = _options(scaled_moments=True, epsilon=1e-6, betas=(0.9, 0.99))
    (group,) = Update([weight], options, batch=64).optimiser.param_groups
    assert group["betas"] == pytest.approx((0.6, 0.96))
    assert group["eps"] == pytest.approx(5e-7)
