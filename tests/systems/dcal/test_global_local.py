"""Global-local cross-attention against loops, and what its selection can change."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from fixbench.systems.dcal._global_local import GlobalLocalBlock

from .conftest import make_model


def _make(**options: object) -> GlobalLocalBlock:
    glca = make_model(glca=options).glca
    assert glca is not None
    return glca


def _by_loops(glca: GlobalLocalBlock, x: Tensor, places: list[list[int]]) -> Tensor:
    """Every asked token of every image by itself: [B, asked, width]."""
    block, attention = glca.block, glca.block.attention
    width, heads = x.shape[-1], attention.heads
    each = width // heads
    found = torch.zeros(len(x), len(places[0]), width, dtype=x.dtype)
    for image, asked in enumerate(places):
        normed = block.norm1(x[image])
        queries, keys, values = (
            functional.linear(normed, weight, bias)
            for weight, bias in zip(
                attention.qkv.weight.split(width), attention.qkv.bias.split(width), strict=True
            )
        )
        for place, token in enumerate(asked):
            parts = []
            for head in range(heads):
                part = slice(head * each, (head + 1) * each)
                logits = torch.stack([queries[token, part] @ key[part] / each**0.5 for key in keys])
                parts.append(logits.softmax(dim=0) @ values[:, part])
            y = x[image, token] + attention.proj(torch.cat(parts))
            found[image, place] = y + block.fc2(functional.gelu(block.fc1(block.norm2(y))))
    return found


def _case() -> tuple[Tensor, Tensor]:
    return torch.randn(3, 10, 12, dtype=torch.float64), torch.rand(3, 9, dtype=torch.float64)


@pytest.mark.parametrize("read_out", ["cls", "mean_local"])
def test_the_class_token_and_the_best_patches_ask_all_tokens(read_out: str) -> None:
    glca = _make(share=0.34, read_out=read_out)
    x, scores = _case()
    best = [sorted(range(9), key=row.__getitem__)[-3:] for row in scores.tolist()]
    expected = _by_loops(glca, x, [[0, *(place + 1 for place in places)] for places in best])
    wanted = expected[:, 0] if read_out == "cls" else expected[:, 1:].mean(dim=1)
    torch.testing.assert_close(glca(x, scores), wanted)


@pytest.mark.parametrize(("share", "local"), [(0.1, 1), (0.23, 2), (0.34, 3), (1.0, 9)])
def test_a_tenth_of_the_patches_is_rounded_down_to_one_at_least(share: float, local: int) -> None:
    """Of 9 patches; the published 78 of 784 stands with the published size."""
    assert _make(share=share).local == local


def test_which_patches_ask_changes_nothing_that_is_read_from_the_class_token() -> None:
    """Queries do not see each other, and the MLP works token by token."""
    x, scores = _case()
    for read_out, inert in (("cls", True), ("mean_local", False)):
        glca = _make(share=0.34, read_out=read_out)
        change = (glca(x, scores) - glca(x, -scores)).abs().max().item()
        assert (change < 1e-12) is inert


def test_the_documented_fallback_never_runs_on_valid_scores() -> None:
    x, scores = _case()
    for fallback in ("missing", "validated"):
        glca = _make(fallback=fallback)
        glca(x, scores)
        assert not glca.triggers
        glca(x, None)
        assert dict(glca.triggers) == {"missing": 1}


def test_only_the_validated_fallback_takes_scores_of_another_shape() -> None:
    x, scores = _case()
    validated = _make(fallback="validated", read_out="mean_local", share=1.0)
    uniform = validated(x, None)
    assert torch.equal(validated(x, scores[:, :4]), uniform)
    assert torch.equal(validated(x, scores[:0]), uniform)
    assert dict(validated.triggers) == {"missing": 1, "shape": 1, "empty": 1}
    before = _make(fallback="missing")
    with pytest.raises((RuntimeError, IndexError)):
        before(x, scores[:0])
