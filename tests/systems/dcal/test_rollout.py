"""Attention rollout against the whole product, written as loops."""

from __future__ import annotations

import torch
from torch import Tensor

from fixbench.systems.dcal._rollout import rollout_scores


def _maps(blocks: int = 3, images: int = 2, heads: int = 3, tokens: int = 5) -> list[Tensor]:
    shape = (images * heads, tokens, tokens)
    return [torch.randn(shape, dtype=torch.float64).softmax(dim=-1) for _ in range(blocks)]


def test_scores_are_the_first_row_of_the_product_with_later_blocks_on_the_left() -> None:
    maps = _maps()
    for image in range(2):
        product = torch.eye(5, dtype=torch.float64)
        for weights in maps:
            mean = sum(weights[3 * image + head] for head in range(3)) / 3
            product = (0.5 * mean + 0.5 * torch.eye(5)) @ product
        torch.testing.assert_close(rollout_scores(maps, heads=3, epsilon=0)[image], product[0, 1:])


def test_scores_and_what_is_left_on_the_class_token_sum_to_one() -> None:
    """Every S̄ is a stochastic matrix, and so is their product."""
    (one_image,) = rollout_scores(_maps(images=1), heads=3, epsilon=0)
    assert 0 < one_image.sum().item() < 1


def test_one_block_gives_half_of_its_own_attention() -> None:
    (weights,) = _maps(blocks=1, images=1, heads=1)
    scores = rollout_scores([weights], heads=1, epsilon=0)
    torch.testing.assert_close(scores, 0.5 * weights[:, 0, 1:])


def test_the_documented_epsilon_changes_no_bit() -> None:
    """1 + 1e-8 is 1 in single precision, and rows of a softmax sum to 1."""
    maps = [weights.float() for weights in _maps(blocks=12, images=8, tokens=17)]
    before = rollout_scores(maps, heads=3, epsilon=0)
    assert torch.equal(rollout_scores(maps, heads=3, epsilon=1e-8), before)
    assert not torch.equal(rollout_scores(maps, heads=3, epsilon=1e-3), before)


def test_no_gradient_flows_through_the_scores() -> None:
    maps = [weights.requires_grad_() for weights in _maps()]
    assert not rollout_scores(maps, heads=3, epsilon=0).requires_grad
