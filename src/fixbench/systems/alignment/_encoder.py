"""The encoder: a base over frames, and a context network of one head a task.

Facts of the documented fork (commit 238da93; no licence, nothing copied); the context network is
GTCC's (Donahue & Elhamifar, CVPR 2024). Where the documents are silent the choice is said below.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.alignment._streams import initialised
from fixbench.training import StrictOptions

__all__ = [
    "CONV3D",
    "LIGHT",
    "ContextNetwork",
    "Conv3dBase",
    "Encoder",
    "EncoderOptions",
    "LightBase",
    "join_heads",
]

Widths = Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]


class EncoderOptions(StrictOptions):
    """Dimensions of the encoder.

    Attributes:
        base: ``conv3d`` over feature maps (T, F, 14, 14) of ResNet-50's conv4, or ``light``, a
            stack of 1-D convolutions over feature vectors (T, F).
        features: F.
        channels: of the base's convolutions; the light base ends at ``embedding``.
        linears: hidden widths of conv3d's linear layers; ``[]`` for the light base.
        embedding: D, the width of base, heads and output.
        heads: H; the document has 16, the number of EgoProceL's tasks.
        head_widths, attention_widths: hidden widths of each head and of the attention.
        fusion: how the heads (H, T, D) become the attention's input (T, H · D): ``view`` reads
            their memory as it lies, as the fork does (see `join_heads`); ``permutation`` puts the
            heads of each frame side by side.
    """

    base: Literal["light", "conv3d"]
    features: int = Field(ge=1)
    channels: Widths
    linears: list[Annotated[int, Field(ge=1)]]
    embedding: int = Field(ge=1)
    heads: int = Field(ge=1)
    head_widths: Widths
    attention_widths: Widths
    fusion: Literal["view", "permutation"]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.base == "light" and self.channels[-1] != self.embedding:
            raise ValueError(
                f"the light base's last channels ({self.channels[-1]}) equal to the embedding "
                f"({self.embedding})"
            )
        if self.base == "light" and self.linears:
            raise ValueError("no linears in the light base")
        return self


#: The published dimensions: 48.6 million parameters, of which the base has 43.1.
CONV3D = EncoderOptions(
    base="conv3d",
    features=1024,
    channels=[1024, 512],
    linears=[512, 512],
    embedding=128,
    heads=16,
    head_widths=[512, 128, 256],
    attention_widths=[512, 1024, 512, 512],
    fusion="view",
)
#: The published light base: 1.39 million parameters.
LIGHT = EncoderOptions(
    base="light",
    features=2048,
    channels=[256, 128, 128, 128, 128, 128, 128],
    linears=[],
    embedding=128,
    heads=16,
    head_widths=[512, 128, 256],
    attention_widths=[512, 1024, 512, 512],
    fusion="view",
)


class Encoder(nn.Module):
    """Videos to embeddings."""

    def __init__(self, options: EncoderOptions, *, seed: int) -> None:
        super().__init__()
        self.options = options
        with initialised(seed):
            self.base = Conv3dBase(options) if options.base == "conv3d" else LightBase(options)
            self.context = ContextNetwork(options)

    def forward(self, videos: Sequence[Tensor]) -> list[Tensor]:
        """Frames (T, F) or (T, F, 14, 14) of each video to embeddings (T, D) of each."""
        frames = torch.cat([self.base(video) for video in videos])
        return self.context(frames, [len(video) for video in videos])


class LightBase(nn.Module):
    """Convolutions over time without bias: kernel 2, then 3, ReLU between.

    Padded to keep the length, the first by one frame after the end (so that frame t sees t and
    t+1), the others on both sides.
    """

    def __init__(self, options: EncoderOptions) -> None:
        super().__init__()
        widths = [options.features, *options.channels]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(before, after, 3 if place else 2, bias=False)
            for place, (before, after) in enumerate(pairwise(widths))
        )

    def forward(self, frames: Tensor) -> Tensor:
        """(T, F) to (T, D)."""
        x = frames.T[None]
        for place, convolution in enumerate(self.convolutions):
            x = functional.pad(x.relu() if place else x, (1 if place else 0, 1))
            x = convolution(x)
        return x[0].T


class Conv3dBase(nn.Module):
    """Two 3-D convolutions over windows of two frames, global maximum, linear layers, all ReLU.

    As found, embedding t sees frames t-2 and t-1 and never t; embedding 0 sees zeros alone.
    """

    def __init__(self, options: EncoderOptions) -> None:
        super().__init__()
        widths = [options.features, *options.channels]
        self.convolutions = nn.ModuleList(
            nn.Conv3d(before, after, 3, padding=1) for before, after in pairwise(widths)
        )
        widths = [options.channels[-1], *options.linears, options.embedding]
        self.linears = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))

    def forward(self, maps: Tensor) -> Tensor:
        """(T, F, h, w) to (T, D)."""
        before = torch.cat([maps.new_zeros(2, *maps.shape[1:]), maps])
        x = torch.stack([before[:-2], before[1:-1]], dim=2)
        for convolution in self.convolutions:
            x = convolution(x).relu()
        x = x.amax(dim=(2, 3, 4))
        for linear in self.linears:
            x = linear(x).relu()
        return x


class ContextNetwork(nn.Module):
    """A head for each task, all applied to every frame, mixed by attention over the heads.

    Choice: Tanh behind every hidden layer of the attention, the first included.
    """

    def __init__(self, options: EncoderOptions) -> None:
        super().__init__()
        self.fusion = options.fusion
        ends = options.embedding, options.embedding
        self.heads = nn.ModuleList(
            _perceptron([ends[0], *options.head_widths, ends[1]], nn.ReLU)
            for _ in range(options.heads)
        )
        joined = options.heads * options.embedding
        self.attention = _perceptron([joined, *options.attention_widths, options.heads], nn.Tanh)

    def forward(self, frames: Tensor, lengths: Sequence[int]) -> list[Tensor]:
        """Frames of all videos (sum of lengths, D) to embeddings (T, D) of each video."""
        heads = torch.stack([head(frames) for head in self.heads])
        parts = heads.split(list(lengths), dim=1)
        joined = torch.cat([join_heads(part, self.fusion) for part in parts])
        weights = self.attention(joined).softmax(dim=-1)
        mixed = torch.einsum("nh,hnd->nd", weights, heads)
        return list(mixed.split(list(lengths)))


def join_heads(heads: Tensor, fusion: Literal["view", "permutation"]) -> Tensor:
    """(H, T, D) to (T, H · D).

    ``view`` keeps the order in memory, so that row t holds H consecutive frames of one head, among
    them later ones: row t starts at frame t · H mod T of head t · H // T.
    """
    count, length, width = heads.shape
    if fusion == "permutation":
        heads = heads.permute(1, 0, 2)
    return heads.reshape(length, count * width)


def _perceptron(widths: Sequence[int], activation: type[nn.Module]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])
