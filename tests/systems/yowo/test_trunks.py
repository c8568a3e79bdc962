"""YOLO11 and X3D against published sizes and independent computations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import maximum_filter
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.yowo._encoder import ChannelEncoder, ChannelSelfAttention
from fixbench.systems.yowo._x3d import X3D, TemporalAttention, _SqueezeExcitation
from fixbench.systems.yowo._yolo11 import (
    _SPPF,
    YOLO11,
    Scale,
    _SpatialAttention,
    detect_layer,
)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("scale", "channels", "published"),
    [
        ("n", (64, 128, 256), 2_624_080),
        ("s", (128, 256, 512), 9_458_752),
        ("m", (256, 512, 512), 20_114_688),
    ],
)
def test_yolo11_has_the_published_parameters(
    scale: Scale, channels: tuple[int, int, int], published: int
) -> None:
    with torch.device("meta"):
        trunk = YOLO11(scale)
        assert trunk.channels == channels
        detect = detect_layer(channels)
    assert _count(trunk) + _count(detect) == published
    # The 16 fixed bins of Detect are the only ones without a gradient.
    assert sum(p.numel() for p in detect.parameters() if not p.requires_grad) == 16
    maps = trunk(torch.empty(1, 3, 224, 160, device="meta"))
    assert [tuple(x.shape[1:]) for x in maps] == [
        (channels[0], 28, 20),
        (channels[1], 14, 10),
        (channels[2], 7, 5),
    ]


def test_every_part_of_yolo11_reaches_the_maps() -> None:
    trunk = YOLO11("n").train()
    maps = trunk(torch.rand(2, 3, 64, 64))
    sum(x.square().sum() for x in maps).backward()
    unreached = [name for name, p in trunk.named_parameters() if not p.grad.abs().sum() > 0]
    assert unreached == []


def test_the_maps_see_the_whole_image() -> None:
    """Upward and downward paths: a pixel in a corner moves every map at the opposite one."""
    trunk = YOLO11("n").eval()
    image = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    other = image.clone()
    other[:, :, :32, :32] = 0
    for before, after in zip(trunk(image), trunk(other), strict=True):
        assert not torch.equal(before[..., -1, -1], after[..., -1, -1])


def test_pyramid_pooling_is_maxima_over_5_9_and_13() -> None:
    torch.manual_seed(0)
    module = _SPPF(4).eval()
    x = torch.randn(1, 4, 11, 13)
    reduced = module.reduce(x)
    windows = [
        maximum_filter(reduced.detach().numpy(),
                       size=(1, 1, side, side), mode="constant", cval=-np.inf)
        for side in (1, 5, 9, 13)
    ]  # fmt: skip
    expected = module.merge(torch.from_numpy(np.concatenate(windows, axis=1)))
    torch.testing.assert_close(module(x), expected)


def test_spatial_attention_against_pytorchs() -> None:
    torch.manual_seed(1)
    module = _SpatialAttention(128).eval()
    assert module.heads == 2
    x = torch.randn(2, 128, 3, 5)
    sources = (module.query(x), module.key(x), module.value(x))
    assert [source.shape[1] for source in sources] == [64, 64, 128]
    halves = zip(*(source.flatten(2).transpose(1, 2).chunk(2, dim=2) for source in sources),
                 strict=True)  # fmt: skip
    attended = [functional.scaled_dot_product_attention(*half) for half in halves]
    joined = torch.cat(attended, dim=2).transpose(1, 2).reshape(x.shape)
    expected = module.project(joined + module.position(sources[2]))
    torch.testing.assert_close(module(x), expected)


# X3D


def test_x3d_has_the_published_parameters() -> None:
    """3,794,274 with the head: 1 x 1 to 432, normalised, to 2048, and 400 classes."""
    with torch.device("meta"):
        trunk = X3D([24, 48, 96, 192], [3, 5, 11, 7])
    head = 192 * 432 + 2 * 432 + 432 * 2048 + 2048 * 400 + 400
    assert _count(trunk) == 2_006_130
    assert _count(trunk) + head == 3_794_274
    squeezed = [
        m.gate[0].out_channels for m in trunk.modules() if isinstance(m, _SqueezeExcitation)
    ]
    # Every second block of 3, 5, 11 and 7; a sixteenth of 54, 108, 216 and 432 in eights.
    assert squeezed == [8] * 2 + [8] * 3 + [16] * 6 + [32] * 4


def test_x3d_divides_space_by_32_and_keeps_time_until_it_is_pooled() -> None:
    trunk = X3D([8, 8, 16, 16], [1, 2, 1, 1]).eval()
    clip = torch.rand(1, 3, 5, 96, 64)
    maps = trunk.stages(trunk.stem(clip))
    assert maps.shape == (1, 16, 5, 3, 2)
    torch.testing.assert_close(trunk(clip), maps.mean(dim=2))
    assert trunk.channels == 16


def test_every_part_of_x3d_is_reached() -> None:
    trunk = X3D([8, 8, 16, 16], [2, 1, 1, 1], pooling="attention").train()
    trunk(torch.rand(2, 3, 4, 64, 64)).square().sum().backward()
    unreached = [name for name, p in trunk.named_parameters() if not p.grad.abs().sum() > 0]
    assert unreached == []


def test_temporal_attention_by_hand() -> None:
    torch.manual_seed(2)
    module = TemporalAttention(8)
    x = torch.randn(2, 8, 5, 3, 4)
    frames = x.numpy()
    scores = np.einsum("c,bct->bt", module.score.weight[0].detach(), frames.mean(axis=(3, 4)))
    weights = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    expected = sum(weights[:, t, None, None, None] * frames[:, :, t] for t in range(5))
    np.testing.assert_allclose(module(x).detach(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(module(x[:, :, :1]), x[:, :, 0])
    with torch.no_grad():
        module.score.weight.zero_()
    torch.testing.assert_close(module(x), x.mean(dim=2))


# Channel encoder


def test_channel_self_attention_row_by_row() -> None:
    module = ChannelSelfAttention().double()
    x = torch.randn(2, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert torch.equal(module(x), x)
    with torch.no_grad():
        module.gamma.fill_(0.7)
    found = module(x).detach().numpy()
    for sample in range(2):
        rows = x[sample].reshape(3, 4).numpy()
        out = np.empty_like(rows)
        for c in range(3):
            energy = np.array([rows[c] @ rows[k] for k in range(3)])
            weight = np.exp(energy.max() - energy)
            weight /= weight.sum()
            out[c] = 0.7 * sum(weight[k] * rows[k] for k in range(3)) + rows[c]
        np.testing.assert_allclose(found[sample].reshape(3, 4), out, rtol=1e-10)


def test_channel_attention_survives_large_energies() -> None:
    """Pixels times 255: energies of 10⁶ and more must not overflow."""
    module = ChannelSelfAttention()
    with torch.no_grad():
        module.gamma.fill_(1.0)
    x = (torch.randn(1, 8, 7, 7) * 1e4).requires_grad_()
    out: Tensor = module(x)
    out.sum().backward()
    assert torch.isfinite(out).all()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_encoder_fuses_channels_and_drops_while_training_only() -> None:
    encoder = ChannelEncoder(5, 4, dropout=0.5)
    x = torch.randn(2, 5, 3, 3)
    assert encoder(x).shape == (2, 4, 3, 3)
    assert not torch.equal(encoder(x), encoder(x))
    encoder.eval()
    assert torch.equal(encoder(x), encoder(x))
    convolutions = [m for m in encoder.modules() if isinstance(m, nn.Conv2d)]
    assert [c.kernel_size[0] for c in convolutions] == [1, 3, 3, 1]
    assert [c.bias is not None for c in convolutions] == [False, False, False, True]
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {(n.eps, n.momentum) for n in norms} == {(1e-3, 0.03)}
