"""Pair-wise cross-attention against loops, its depth, and with whom an image is paired."""

from __future__ import annotations

import math
from collections import Counter
from itertools import permutations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fixbench.systems.dcal._pair_wise import draw_pairs, forward_pairs, self_pair_rate
from fixbench.systems.dcal._vit import Block, Trunk

from .conftest import make_images, make_model

PAIRS = torch.tensor([2, 3, 1, 0])


def _crossed(block: Block, x: Tensor, other: Tensor) -> Tensor:
    """One block on the tokens [N, width] of an image and of its pair, head by head."""
    attention, width = block.attention, x.shape[-1]
    each = width // attention.heads
    own, theirs = attention.qkv(block.norm1(x)), attention.qkv(block.norm1(other))
    parts = []
    for head in range(attention.heads):
        part = slice(head * each, (head + 1) * each)
        query, key, value = (tokens[:, part] for tokens in own.split(width, dim=1))
        _, other_key, other_value = (tokens[:, part] for tokens in theirs.split(width, dim=1))
        logits = torch.cat([query @ key.T, query @ other_key.T], dim=1) / math.sqrt(each)
        parts.append(logits.softmax(dim=1) @ torch.cat([value, other_value]))
    y = x + attention.proj(torch.cat(parts, dim=1))
    return y + block.fc2(functional.gelu(block.fc1(block.norm2(y))))


def _by_loops(trunk: Trunk, images: Tensor, pairs: Tensor, *, restarted: bool) -> Tensor:
    """Every image by itself, and PWCA in every block, overwritten where it is restarted."""
    results = []
    for image, pair in enumerate(pairs):
        x, y = trunk.tokens(images)[image], trunk.tokens(images)[pair]
        crossed = x
        for block in trunk.blocks:
            assert isinstance(block, Block)
            crossed = _crossed(block, x if restarted else crossed, y)
            (x, y), _ = block(torch.stack([x, y]))
        results.append(crossed)
    return torch.stack(results)


@pytest.mark.parametrize("stream", ["separate", "restarted"])
def test_streams_are_those_of_single_images(stream: str) -> None:
    model = make_model(pwca={"stream": stream})
    images = make_images()
    streams = forward_pairs(model.trunk, images, PAIRS, model.options.pwca)
    expected = _by_loops(model.trunk, images, PAIRS, restarted=stream == "restarted")
    torch.testing.assert_close(streams.pwca, expected)
    alone, maps = model.trunk(images)
    torch.testing.assert_close(streams.sa, alone)
    torch.testing.assert_close(streams.maps, maps)


@pytest.mark.parametrize("stream", ["separate", "restarted"])
def test_an_image_paired_with_itself_has_self_attention(stream: str) -> None:
    """Each key stands there twice, so that every weight is halved and counted twice."""
    model = make_model(pwca={"stream": stream})
    logits = model(make_images(), torch.arange(4))
    torch.testing.assert_close(logits.pwca, logits.sa, rtol=0, atol=1e-12)
    other = model(make_images(), PAIRS)
    assert (other.pwca - other.sa).abs().max() > 1e-3


@pytest.mark.parametrize(("stream", "reached"), [("separate", 4), ("restarted", 1)])
def test_how_many_blocks_of_pwca_reach_its_loss(stream: str, reached: int) -> None:
    """By the gradient that arrives at what PWCA attended to in each block."""
    model = make_model(trunk={"depth": 4}, pwca={"stream": stream}).train()
    logits = model(make_images(), PAIRS)
    for attended in model.attended_pairs:
        attended.retain_grad()
    functional.cross_entropy(logits.pwca, torch.tensor([0, 1, 2, 3])).backward()
    norms = [x.grad.norm().item() for x in model.attended_pairs if x.grad is not None]
    assert sum(norm > 0 for norm in norms) == reached


@pytest.mark.parametrize("stream", ["separate", "restarted"])
def test_the_pairs_stream_is_computed_apart_only_where_chance_would_differ(stream: str) -> None:
    """With a drop rate that drops nothing in practice, both ways give the same."""
    images = make_images()
    found = []
    for drop_path in (0.0, 1e-12):
        torch.manual_seed(3)
        trunk = {"dropout": 0.0, "drop_path": drop_path}
        model = make_model(trunk=trunk, pwca={"stream": stream}).train()
        found.append(model(images, PAIRS))
    for here, there in zip(*found, strict=True):
        torch.testing.assert_close(here, there)


def test_the_label_is_that_of_the_image_that_asks() -> None:
    model = make_model()
    labels = torch.tensor([4, 0, 1, 2])
    logits = model(make_images(), PAIRS)
    expected = [-logit.log_softmax(dim=1)[range(4), labels].mean() for logit in logits]
    torch.testing.assert_close(model.losses(logits, labels), torch.stack(expected))


# With whom


def test_the_documented_repair_restores_the_identity_in_a_pair() -> None:
    """Of 2 images half, of 4 one in 96, are paired with themselves after the repair."""
    assert self_pair_rate(2, "sequential_swap") == 0.5
    assert self_pair_rate(4, "sequential_swap") == 1 / 96
    assert self_pair_rate(4, "none") == 1 / 4
    assert self_pair_rate(4, "derangement") == 0


@pytest.mark.parametrize(("physical", "rule"), [(2, "sequential_swap"), (4, "none")])
def test_drawn_pairs_have_the_enumerated_rate(physical: int, rule: str) -> None:
    generator = torch.Generator().manual_seed(2)
    pairs = draw_pairs(4000, physical, rule, generator)  # type: ignore[arg-type]
    share = (pairs == torch.arange(4000)).double().mean().item()
    expected = self_pair_rate(physical, rule)  # type: ignore[arg-type]
    # In pairs of two both or neither; four standard deviations.
    assert share == pytest.approx(expected, abs=4 * math.sqrt(expected * (1 - expected) / 2000))


def test_derangements_are_drawn_alike_and_within_the_physical_batch() -> None:
    generator = torch.Generator().manual_seed(2)
    count = 3600
    pairs = draw_pairs(4 * count, 4, "derangement", generator).view(count, 4)
    pairs = pairs - 4 * torch.arange(count)[:, None]
    seen = Counter(tuple(row) for row in pairs.tolist())
    expected = [p for p in permutations(range(4)) if all(i != j for i, j in enumerate(p))]
    assert sorted(seen) == expected
    assert len(expected) == 9
    chi_square = sum((seen[p] - count / 9) ** 2 / (count / 9) for p in expected)
    assert chi_square < 26.1  # the 99.9th percentile with 8 degrees of freedom


def test_images_that_are_left_over_are_paired_among_themselves() -> None:
    pairs = draw_pairs(6, 4, "none", torch.Generator().manual_seed(1))
    assert sorted(pairs[:4].tolist()) == [0, 1, 2, 3]
    assert sorted(pairs[4:].tolist()) == [4, 5]
