"""The weights of the losses by hand."""

from __future__ import annotations

import math

import pytest
import torch

from fixbench.systems.dcal._loss_weighting import LossWeighting
from fixbench.systems.dcal._options import LossWeightOptions

LOSSES = torch.tensor([5.3, 0.7, 2.0])


def test_loss_and_gradient_by_hand() -> None:
    """½ Σ (exp(−w) L + w), so ∂/∂w = ½ (1 − exp(−w) L) and ∂/∂L = ½ exp(−w)."""
    weighting = LossWeighting(3, LossWeightOptions())
    weighting.log_variances.data = torch.tensor([1.0, -0.5, 0.0])
    losses = LOSSES.clone().requires_grad_()
    total = weighting(losses)
    assert total.item() == pytest.approx(0.5 * (5.3 / math.e + 1 + 0.7 * math.exp(0.5) - 0.5 + 2.0))
    total.backward()
    expected = [0.5 * (1 - 5.3 / math.e), 0.5 * (1 - 0.7 * math.exp(0.5)), 0.5 * (1 - 2.0)]
    assert weighting.log_variances.grad.tolist() == pytest.approx(expected)
    assert losses.grad.tolist() == pytest.approx([0.5 / math.e, 0.5 * math.exp(0.5), 0.5])


@pytest.mark.parametrize("bound", [None, 2.0, 1.0])
def test_weights_settle_at_the_logarithm_of_the_loss_or_at_their_bound(bound: float | None) -> None:
    weighting = LossWeighting(3, LossWeightOptions(bound=bound))
    optimiser = torch.optim.SGD(weighting.parameters(), lr=0.5)
    for _ in range(400):
        optimiser.zero_grad()
        weighting(LOSSES).backward()
        optimiser.step()
    weighting.clamp()
    best = [math.log(loss) for loss in LOSSES.tolist()]
    if bound is not None:
        best = [max(-bound, min(bound, w)) for w in best]
    assert weighting.log_variances.tolist() == pytest.approx(best, abs=1e-4)
    assert (best[0] == 1.0) is (bound == 1.0)  # ln 5.3 = 1.67 lies outside the narrow bounds


@pytest.mark.parametrize(
    ("start", "live", "duplicated"),
    [("zeros", False, False), ("random", True, False), ("duplicate", False, True)],
)
def test_the_documented_start_reaches_a_duplicate(start: str, live: bool, duplicated: bool) -> None:
    weighting = LossWeighting(3, LossWeightOptions(start=start))  # type: ignore[arg-type]
    assert weighting.log_variances.any().item() is live
    assert (weighting.duplicate is not None) is duplicated
    if weighting.duplicate is not None:
        assert weighting.duplicate.any()
        assert not weighting.duplicate.requires_grad
    before = weighting(LOSSES).item()
    if duplicated:
        weighting.duplicate.data += 1.0
        assert weighting(LOSSES).item() == before == LossWeighting(3, LossWeightOptions())(LOSSES)
