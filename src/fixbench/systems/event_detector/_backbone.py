"""The recurrent backbone: four stages of overlapping convolution, attention and LSTM.

Gehrig and Scaramuzza, CVPR 2023 ("RVT"; code MIT), re-implemented from recorded facts: one block a
stage, window before grid attention (Tu et al., "MaxViT", arXiv 2204.01697), MLPs four times as
wide, LayerScale. The published attention has no relative position bias, unlike MaxViT's, and its
first normalisation is the one behind the convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.systems.event_detector._lstm import ConvLSTM, LSTMState
from fixbench.systems.event_detector._options import ModelOptions
from fixbench.systems.event_detector._partition import Kind, merge, partition

__all__ = ["STAGE_STRIDES", "Backbone", "BackboneState", "Stage", "reset"]

#: Of the stages' convolutions, and so 4, 8, 16 and 32 of their outputs.
_STEPS = (4, 2, 2, 2)
STAGE_STRIDES = (4, 8, 16, 32)
_MLP_RATIO = 4

#: Of every stage.
BackboneState = tuple[LSTMState, ...]


class _PartitionAttention(nn.Module):
    """Self-attention within the parts of a map, then an MLP, both residual; [B, H, W, C]."""

    def __init__(self, channels: int, kind: Kind, options: ModelOptions, *, normalise: bool):
        super().__init__()
        self.kind: Kind = kind
        self.rows, self.columns = options.partition
        self.heads = channels // options.head_width
        self.norm1 = nn.LayerNorm(channels) if normalise else nn.Identity()
        self.qkv = nn.Linear(channels, 3 * channels)
        self.project = nn.Linear(channels, channels)
        self.scale1 = nn.Parameter(torch.full((channels,), options.layer_scale))
        self.norm2 = nn.LayerNorm(channels)
        self.mlp = nn.Sequential(
            nn.Linear(channels, _MLP_RATIO * channels),
            nn.GELU(),
            nn.Linear(_MLP_RATIO * channels, channels),
        )
        self.scale2 = nn.Parameter(torch.full((channels,), options.layer_scale))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[1:3]
        parts = partition(self.norm1(x), self.kind, self.rows, self.columns)
        attended = merge(self._attend(parts), self.kind, self.rows, self.columns, height, width)
        x = x + self.scale1 * attended
        return x + self.scale2 * self.mlp(self.norm2(x))

    def _attend(self, parts: Tensor) -> Tensor:
        count, cells, channels = parts.shape
        q, k, v = self.qkv(parts).view(count, cells, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        # Written out: the fused form has no deterministic backward pass on every device.
        weights = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(dim=-1)
        return self.project((weights @ v).transpose(1, 2).reshape(count, cells, channels))


class Stage(nn.Module):
    """Downsampling, window attention, grid attention, LSTM.

    Only the LSTM depends on the frame before, so that the rest sees all frames at once.
    """

    def __init__(self, inputs: int, channels: int, step: int, options: ModelOptions) -> None:
        super().__init__()
        kernel = 2 * step - 1
        self.down = nn.Conv2d(inputs, channels, kernel, step, kernel // 2, bias=False)
        self.norm = nn.LayerNorm(channels)
        self.window = _PartitionAttention(channels, "window", options, normalise=False)
        self.grid = _PartitionAttention(channels, "grid", options, normalise=True)
        self.lstm = ConvLSTM(channels, convolution=options.convolution_in_lstm)

    def forward(self, frames: Tensor, state: LSTMState | None) -> tuple[Tensor, LSTMState]:
        """[T, B, C, H, W] and the state before → hidden states [T, B, C', H', W'], state after."""
        x = self.norm(self.down(frames.flatten(0, 1)).permute(0, 2, 3, 1))
        x = self.grid(self.window(x)).permute(0, 3, 1, 2).contiguous()
        hidden = []
        for seen in x.unflatten(0, frames.shape[:2]):
            state = self.lstm(seen, state)
            hidden.append(state[0])
        assert state is not None
        return torch.stack(hidden), state


class Backbone(nn.Module):
    """Four stages; the pyramid sees the hidden states."""

    def __init__(self, options: ModelOptions) -> None:
        super().__init__()
        self.side = [STAGE_STRIDES[-1] * cells for cells in options.partition]
        inputs, stages = options.bins, []
        for step, factor in zip(_STEPS, (1, 2, 4, 8), strict=True):
            channels = factor * options.embed
            stages.append(Stage(inputs, channels, step, options))
            inputs = channels
        self.stages = nn.ModuleList(stages)
        self.scales = options.scales

    def forward(
        self, frames: Tensor, state: BackboneState | None
    ) -> tuple[list[Tensor], BackboneState]:
        """Histograms [T, B, bins, H, W], T frames one after another, and the state before.

        Frames are padded with zeros, on the right and below, to whole partitions at stride 32.

        Returns:
            the pyramid's maps [T, B, C, H, W] by level, and the state behind the last frame.
        """
        down, across = self.side
        x = functional.pad(frames, (0, -frames.shape[-1] % across, 0, -frames.shape[-2] % down))
        maps: list[Tensor] = []
        states: list[LSTMState] = []
        for place, stage in enumerate(self.stages):
            x, after = stage(x, None if state is None else state[place])
            maps.append(x)
            states.append(after)
        return maps[4 - self.scales :], tuple(states)


def reset(state: BackboneState | None, first: Tensor) -> BackboneState | None:
    """The state of samples that go on, detached; zeros where ``first`` [B] says that one begins."""
    if state is None:
        return None
    keep = (~first).to(state[0][0].dtype)[:, None, None, None]
    return tuple((hidden.detach() * keep, cell.detach() * keep) for hidden, cell in state)
