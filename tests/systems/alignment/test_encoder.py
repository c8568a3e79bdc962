"""Encoder and drop network: published sizes, what each frame sees, the mixing of heads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from fixbench.systems.alignment import (
    CONV3D,
    DROP_WIDTHS,
    LIGHT,
    DropNetwork,
    Encoder,
    EncoderOptions,
)
from fixbench.systems.alignment._encoder import ContextNetwork, Conv3dBase, LightBase, join_heads


def _options(**changes: Any) -> EncoderOptions:
    options = {
        "base": "light",
        "features": 5,
        "channels": [6, 8],
        "linears": [],
        "embedding": 8,
        "heads": 3,
        "head_widths": [7],
        "attention_widths": [9, 4],
        "fusion": "view",
    }
    return EncoderOptions.model_validate(options | changes)


CONV = {"base": "conv3d", "features": 2, "channels": [3, 4], "linears": [6]}


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _changed_rows(function: Callable[[Tensor], Tensor], x: Tensor, frame: int) -> list[int]:
    """The rows of the output that another frame ``frame`` of the input changes."""
    moved = x.clone()
    moved[frame] += 1
    with torch.no_grad():
        return torch.nonzero((function(x) != function(moved)).any(dim=1)).flatten().tolist()


# Published dimensions


def test_parameter_counts_of_the_published_dimensions() -> None:
    with torch.device("meta"):
        conv3d, light = Encoder(CONV3D, seed=0), Encoder(LIGHT, seed=0)
        drop = DropNetwork(128, DROP_WIDTHS, seed=0)
    convolutions = 1024 * 1024 * 27 + 1024 + 1024 * 512 * 27 + 512
    linears = 2 * (512 * 512 + 512) + 512 * 128 + 128
    assert _count(conv3d.base) == convolutions + linears == 43_059_840
    assert _count(conv3d.context.heads) == 16 * 197_632 == 3_162_112
    assert _count(conv3d.context.attention) == 2_370_064
    assert _count(conv3d) == 48_592_016
    assert _count(light.base) == 2048 * 256 * 2 + 256 * 128 * 3 + 5 * 128 * 128 * 3 == 1_392_640
    assert _count(drop) == 985_473


def test_the_published_encoders_run() -> None:
    """Shapes at full width, without the 28 million weights of one convolution."""
    with torch.device("meta"):
        maps = [torch.empty(4, 1024, 14, 14), torch.empty(3, 1024, 14, 14)]
        assert [z.shape for z in Encoder(CONV3D, seed=0)(maps)] == [(4, 128), (3, 128)]
        vectors = [torch.empty(40, 2048), torch.empty(30, 2048)]
        assert [z.shape for z in Encoder(LIGHT, seed=0)(vectors)] == [(40, 128), (30, 128)]


# Bases


def test_conv3d_never_sees_its_own_frame() -> None:
    torch.manual_seed(0)
    base = Conv3dBase(_options(**CONV)).double()
    for bias in (parameter for name, parameter in base.named_parameters() if "bias" in name):
        nn.init.constant_(bias, 0.5)  # keeps ReLU open
    maps = torch.randn(6, 2, 4, 4, dtype=torch.float64)
    assert base(maps).shape == (6, 8)
    assert _changed_rows(base, maps, 2) == [3, 4]
    assert _changed_rows(base, maps, 5) == []
    with torch.no_grad():
        assert torch.equal(base(maps)[0], base(torch.zeros_like(maps))[0])


def test_conv3d_by_hand() -> None:
    torch.manual_seed(1)
    base = Conv3dBase(_options(**CONV)).double()
    maps = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    window = torch.stack([maps[0], maps[1]], dim=1)[None]  # of embedding 2
    convolution: Any
    for convolution in base.convolutions:
        window = nn.functional.conv3d(
            window, convolution.weight, convolution.bias, padding=1
        ).clamp_min(0)
    x = window.flatten(2).max(dim=2).values[0]
    for linear in base.linears:
        x = (linear.weight @ x + linear.bias).clamp_min(0)
    torch.testing.assert_close(base(maps)[2], x)


def test_light_base_by_hand() -> None:
    torch.manual_seed(2)
    base = LightBase(_options()).double()
    x = torch.randn(7, 5, dtype=torch.float64)
    first, second = (convolution.weight for convolution in base.convolutions)
    zero = torch.zeros(1, 5, dtype=torch.float64)
    after = torch.cat([x, zero])
    hidden = (after[:-1] @ first[..., 0].T + after[1:] @ first[..., 1].T).clamp_min(0)
    edge = torch.zeros(1, 6, dtype=torch.float64)
    padded = torch.cat([edge, hidden, edge])
    taps = [padded[k : k + 7] @ second[..., k].T for k in range(3)]
    expected = torch.stack(taps).sum(dim=0)
    torch.testing.assert_close(base(x), expected)
    assert _changed_rows(base, x, 3) == [1, 2, 3, 4]


# Heads and attention


def test_joined_heads_by_hand() -> None:
    heads = torch.tensor(
        [[[0.0], [1.0], [2.0]], [[10.0], [11.0], [12.0]]]
    )  # two heads, three frames
    assert join_heads(heads, "permutation").tolist() == [[0, 10], [1, 11], [2, 12]]
    assert join_heads(heads, "view").tolist() == [[0, 1], [2, 10], [11, 12]]


def test_the_view_reads_what_lies_in_memory() -> None:
    heads = torch.randn(3, 7, 4)
    assert torch.equal(join_heads(heads, "view"), heads.view(7, 12))
    length, count = 7, 3
    joined = join_heads(heads, "view").view(length, count, 4)
    for t in range(length):
        for j in range(count):
            place = t * count + j
            assert torch.equal(joined[t, j], heads[place // length, place % length])


@pytest.mark.parametrize(("fusion", "leaks"), [("view", True), ("permutation", False)])
def test_the_view_leaks_the_future(fusion: str, leaks: bool) -> None:
    torch.manual_seed(3)
    network = ContextNetwork(_options(fusion=fusion)).double()
    frames = torch.randn(10, 8, dtype=torch.float64)
    changed = _changed_rows(lambda x: network(x, [10])[0], frames, 9)
    assert (changed == [9]) is not leaks
    assert (min(changed) < 9) is leaks
    # Without the last frame, earlier embeddings are the same only where nothing leaks.
    with torch.no_grad():
        shorter, longer = network(frames[:9], [9])[0], network(frames, [10])[0][:9]
    assert torch.allclose(shorter, longer, rtol=1e-12, atol=0) is not leaks


def test_attention_weighs_the_heads_of_each_frame() -> None:
    torch.manual_seed(4)
    network = ContextNetwork(_options(fusion="permutation")).double()
    frames = torch.randn(4, 8, dtype=torch.float64)
    (mixed,) = network(frames, [4])
    heads = [head(frames) for head in network.heads]
    for t in range(4):
        logits = network.attention(torch.cat([head[t] for head in heads]))
        weights = logits.exp() / logits.exp().sum()
        expected = sum(weight * head[t] for weight, head in zip(weights, heads, strict=True))
        torch.testing.assert_close(mixed[t], expected)


def test_videos_of_a_batch_do_not_mix() -> None:
    encoder = Encoder(_options(), seed=5).double()
    videos = [torch.randn(n, 5, dtype=torch.float64) for n in (6, 9)]
    together = encoder(videos)
    for video, embeddings in zip(videos, together, strict=True):
        torch.testing.assert_close(embeddings, encoder([video])[0])


# Initialisation, options


def test_initialisation_depends_on_the_seed_alone() -> None:
    torch.manual_seed(0)
    first = Encoder(_options(), seed=1)
    before = torch.random.get_rng_state()
    second = Encoder(_options(fusion="permutation"), seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    other = Encoder(_options(), seed=2)
    for a, b, c in zip(*(e.parameters() for e in (first, second, other)), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"channels": [6, 7]},
            r"the light base's last channels \(7\) equal to the embedding \(8\)",
        ),
        ({"linears": [3]}, "no linears in the light base"),
        ({"fusion": "stack"}, "'view' or 'permutation'"),
        ({"heads": 0}, "greater than or equal to 1"),
        ({"head_widths": []}, "at least 1 item"),
        ({"depth": 3}, "Extra inputs"),
    ],
)
def test_options_that_do_not_fit(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        _options(**changes)


# Drop network


def test_the_drop_network_is_the_mean_over_frames() -> None:
    drop = DropNetwork(4, [6, 5], seed=0)
    frames = torch.randn(9, 4)
    rows = torch.stack([drop.layers(frame) for frame in frames])
    assert drop(frames).shape == (5,)
    torch.testing.assert_close(drop(frames), rows.mean(dim=0))
    assert sum(isinstance(layer, nn.ReLU) for layer in drop.layers) == 2
    assert isinstance(drop.layers[-1], nn.Linear)
