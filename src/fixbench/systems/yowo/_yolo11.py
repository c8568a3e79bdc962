"""The 2D trunk: YOLO11's backbone and neck at scales n, s and m.

Re-implemented from the published layout (layer types, channels, repeats) and papers: overview,
Khanam and Hussain, 2024; cross-stage partial blocks, Wang et al., CVPRW 2020; partial
self-attention, Wang et al., "YOLOv10", NeurIPS 2024. Widths and repeats inside the blocks are
those with which it has, Detect included, the published 2,624,080 (n), 9,458,752 (s) and 20,114,688
(m) parameters; what parameters do not tell is chosen, and said so. Initial values are PyTorch's.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.yowo._blocks import convolution

__all__ = ["YOLO11", "detect_layer"]

Scale = Literal["n", "s", "m"]

#: Scale → channels after the five reductions, and whether all C3k2 blocks hold a C3k.
_SCALES: dict[Scale, tuple[tuple[int, int, int, int, int], bool]] = {
    "n": ((16, 32, 64, 128, 256), False),
    "s": ((32, 64, 128, 256, 512), False),
    "m": ((64, 128, 256, 512, 512), True),
}


class _Residual(nn.Module):
    """x + layers(x)."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


def _bottleneck(width: int, hidden: int) -> nn.Module:
    return _Residual(convolution(width, hidden, 3), convolution(hidden, width, 3))


class _C3k(nn.Module):
    """Two bottlenecks on half of the channels, beside a shortcut of the other half."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.main = nn.Sequential(
            convolution(width, half), _bottleneck(half, half), _bottleneck(half, half)
        )
        self.side = convolution(width, half)
        self.merge = convolution(2 * half, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.merge(torch.cat([self.main(x), self.side(x)], dim=1))


class _C3k2(nn.Module):
    """Split in two, one block on the second half, merge all three."""

    def __init__(self, inputs: int, outputs: int, *, nested: bool, expansion: float = 0.5) -> None:
        super().__init__()
        hidden = int(outputs * expansion)
        self.split = convolution(inputs, 2 * hidden)
        self.block = _C3k(hidden) if nested else _bottleneck(hidden, hidden // 2)
        self.merge = convolution(3 * hidden, outputs)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.split(x).chunk(2, dim=1)
        return self.merge(torch.cat([first, second, self.block(second)], dim=1))


class _SPPF(nn.Module):
    """Spatial pyramid pooling: 5 x 5 maxima, one, two and three times over."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce = convolution(width, width // 2)
        self.merge = convolution(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.reduce(x)]
        for _ in range(3):
            maps.append(functional.max_pool2d(maps[-1], 5, stride=1, padding=2))
        return self.merge(torch.cat(maps, dim=1))


class _SpatialAttention(nn.Module):
    """Multi-head self-attention over positions; queries and keys have half the values' channels.

    Left open by the published layout; choices: heads of 64 channels, as in Vaswani et al., NIPS
    2017; the depthwise 3 x 3 convolution encodes positions as in Dong et al., "CSWin", CVPR 2022:
    of the values, added to what is attended to; no activations.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // 64
        self.query = convolution(width, width // 2, activation=False)
        self.key = convolution(width, width // 2, activation=False)
        self.value = convolution(width, width, activation=False)
        self.position = convolution(width, width, 3, groups=width, activation=False)
        self.project = convolution(width, width, activation=False)

    def forward(self, x: Tensor) -> Tensor:
        def heads(channels: Tensor) -> Tensor:
            return channels.flatten(2).unflatten(1, (self.heads, -1))

        query, key, value = heads(self.query(x)), heads(self.key(x)), self.value(x)
        scores = torch.einsum("bhcq,bhck->bhqk", query, key) / math.sqrt(key.shape[2])
        attended = torch.einsum("bhqk,bhck->bhcq", scores.softmax(dim=-1), heads(value))
        return self.project(attended.reshape(x.shape) + self.position(value))


class _C2PSA(nn.Module):
    """Attention and a feed-forward pair on half of the channels, each added to its input.

    Whether layers that are added to something have an activation is left open; choice: none.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.split = convolution(width, width)
        self.block = nn.Sequential(
            _Residual(_SpatialAttention(half)),
            _Residual(convolution(half, width), convolution(width, half, activation=False)),
        )
        self.merge = convolution(width, width)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.split(x).chunk(2, dim=1)
        return self.merge(torch.cat([first, self.block(second)], dim=1))


class YOLO11(nn.Module):
    """Image [B, 3, S, S] → maps P3, P4, P5 at strides 8, 16, 32 (S a multiple of 8).

    Attributes:
        channels: of the three maps: n 64, 128, 256; s 128, 256, 512; m 256, 512, 512.
    """

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        (c1, c2, c3, c4, c5), nested = _SCALES[scale]
        self.channels = (c3, c4, c5)
        self.stage3 = nn.Sequential(
            convolution(3, c1, 3, stride=2),
            convolution(c1, c2, 3, stride=2),
            _C3k2(c2, c3, nested=nested, expansion=0.25),
            convolution(c3, c3, 3, stride=2),
            _C3k2(c3, c4, nested=nested, expansion=0.25),
        )
        self.stage4 = nn.Sequential(convolution(c4, c4, 3, stride=2), _C3k2(c4, c4, nested=True))
        self.stage5 = nn.Sequential(
            convolution(c4, c5, 3, stride=2), _C3k2(c5, c5, nested=True), _SPPF(c5), _C2PSA(c5)
        )
        self.top4 = _C3k2(c5 + c4, c4, nested=nested)
        self.top3 = _C3k2(c4 + c4, c3, nested=nested)
        self.down3 = convolution(c3, c3, 3, stride=2)
        self.out4 = _C3k2(c3 + c4, c4, nested=nested)
        self.down4 = convolution(c4, c4, 3, stride=2)
        self.out5 = _C3k2(c4 + c5, c5, nested=True)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        back3 = self.stage3(image)
        back4 = self.stage4(back3)
        back5 = self.stage5(back4)
        top4 = self.top4(torch.cat([_enlarged(back5, back4), back4], dim=1))
        p3 = self.top3(torch.cat([_enlarged(top4, back3), back3], dim=1))
        p4 = self.out4(torch.cat([self.down3(p3), top4], dim=1))
        p5 = self.out5(torch.cat([self.down4(p4), back5], dim=1))
        return p3, p4, p5


def _enlarged(x: Tensor, like: Tensor) -> Tensor:
    """Doubled, but for an odd side of the larger map (S no multiple of 32)."""
    return functional.interpolate(x, size=like.shape[2:], mode="nearest")


def detect_layer(channels: tuple[int, int, int], *, classes: int = 80, bins: int = 16) -> nn.Module:
    """The layers of YOLO11's Detect, for its parameters: nothing in this system calls it.

    A branch of box distributions (Li et al., "Generalized Focal Loss", NeurIPS 2020: ``bins`` for
    each side) and one of classes for each level, and the fixed bins.
    """
    box_width, class_width = 4 * bins, max(channels[0], classes)

    def boxes(width: int) -> nn.Module:
        return nn.Sequential(
            convolution(width, box_width, 3),
            convolution(box_width, box_width, 3),
            nn.Conv2d(box_width, 4 * bins, 1),
        )

    def labels(width: int) -> nn.Module:
        return nn.Sequential(
            convolution(width, width, 3, groups=width),
            convolution(width, class_width),
            convolution(class_width, class_width, 3, groups=class_width),
            convolution(class_width, class_width),
            nn.Conv2d(class_width, classes, 1),
        )

    layer = nn.Module()
    layer.boxes = nn.ModuleList(boxes(width) for width in channels)
    layer.labels = nn.ModuleList(labels(width) for width in channels)
    layer.bins = nn.Parameter(torch.arange(float(bins)), requires_grad=False)
    return layer
