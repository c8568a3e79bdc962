"""The progress head: how far an action has come, from the frames seen of it so far."""

from __future__ import annotations

import math
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from fixbench.systems.alignment._streams import initialised
from fixbench.training import StrictOptions

__all__ = ["PROGRESS", "ProgressHead", "ProgressOptions"]


class ProgressOptions(StrictOptions):
    """The head (document 004, Step 3).

    Attributes:
        position: a number beside each frame i of a prefix of T frames: ``fraction`` is i / T, as
            documented; ``absolute`` i / ``longest``; ``length`` log T / log ``longest``, the same
            for all frames; ``none`` zero, so that parameters and initialisation stay the same.
        longest: frames of the longest action that is expected.
        pooling: ``gru``, or ``mean`` over frames, then a layer to ``hidden`` and ReLU, as in the
            fork (the document does not say what follows the mean).
        h0: the GRU's first state: ``learnable`` from zero, or ``zero``.
        hidden, linear: widths of GRU and of the layer behind it.
    """

    position: Literal["none", "fraction", "absolute", "length"]
    longest: int = Field(ge=2)
    pooling: Literal["gru", "mean"]
    h0: Literal["learnable", "zero"]
    hidden: int = Field(ge=1)
    linear: int = Field(ge=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.pooling == "mean" and self.h0 == "learnable":
            raise ValueError("h0 'zero' with pooling 'mean', which has no first state")
        return self


#: The published head: 39,617 parameters for embeddings of 128.
PROGRESS = ProgressOptions(
    position="fraction", longest=50, pooling="gru", h0="learnable", hidden=64, linear=32
)


class ProgressHead(nn.Module):
    """GRU over embeddings and positions, its last state through two layers and a sigmoid."""

    def __init__(self, options: ProgressOptions, embedding: int, *, seed: int) -> None:
        super().__init__()
        self.options = options
        hidden = options.hidden
        # Apart from each other, so that a variant of one leaves the other as it is.
        with initialised(seed):
            self.gru: nn.GRU | None = None
            self.mean: nn.Linear | None = None
            if options.pooling == "gru":
                self.gru = nn.GRU(embedding + 1, hidden)
            else:
                self.mean = nn.Linear(embedding + 1, hidden)
        with initialised(seed + 1):
            self.layers = nn.Sequential(
                nn.Linear(hidden, options.linear), nn.ReLU(), nn.Linear(options.linear, 1)
            )
        self.h0: nn.Parameter | None = None
        if options.h0 == "learnable":
            self.h0 = nn.Parameter(torch.zeros(1, 1, hidden))

    def forward(self, embeddings: Tensor, starts: Tensor, lengths: Tensor) -> Tensor:
        """Progress (B,) in [0, 1] after each of B prefixes.

        Args:
            embeddings: frames (N, D), of one video or of several one after another.
            starts: the row (B,) at which each prefix begins; lengths: its frames (B,), ≥ 1.
        """
        # (time, prefix), padded: what lies behind a prefix's end is computed and not read.
        time = torch.arange(int(lengths.max()), device=lengths.device)[:, None]
        inside = time < lengths
        rows = (starts + time).where(inside, starts)
        position = self._position(time, lengths).expand(rows.shape).to(embeddings.dtype)
        frames = embeddings.index_select(0, rows.flatten()).view(*rows.shape, -1)
        inputs = torch.cat([frames, position[:, :, None]], dim=2)
        if self.gru is None:
            assert self.mean is not None
            total = (inputs * inside[:, :, None]).sum(dim=0)
            state = self.mean(total / lengths[:, None]).relu()
        else:
            shape = (1, len(lengths), self.options.hidden)
            first = inputs.new_zeros(shape) if self.h0 is None else self.h0.expand(shape)
            states = self.gru(inputs, first.contiguous())[0]
            state = states[lengths - 1, torch.arange(len(lengths), device=lengths.device)]
        return self.layers(state)[:, 0].sigmoid()

    def _position(self, time: Tensor, lengths: Tensor) -> Tensor:
        match self.options.position:
            case "none":
                return torch.zeros_like(time, dtype=torch.float32)
            case "fraction":
                return time / lengths
            case "absolute":
                return time / self.options.longest
            case "length":
                return lengths.float().log() / math.log(self.options.longest)
