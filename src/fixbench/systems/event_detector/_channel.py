"""Scale-aware channel attention (document 002): squeeze and excitation, narrower at small strides.

Hu et al., "Squeeze-and-Excitation Networks" (arXiv 1709.01507), with the document's reduction: 16
up to stride 8, and 8 above. There is no residual connection.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.errors import InputError
from fixbench.systems.event_detector._gates import Record
from fixbench.systems.event_detector._options import AttentionOptions

__all__ = ["ScaleAwareChannelAttention", "detail_share", "reduction"]


def reduction(stride: int) -> int:
    """Channels for one hidden unit."""
    return 16 if stride <= 8 else 8


class ScaleAwareChannelAttention(nn.Module):
    """[B, C, H, W] → the same shape.

    Raises:
        InputError: fewer channels than the reduction, and ``small_channels`` is ``refuse``.
    """

    def __init__(self, channels: int, stride: int, options: AttentionOptions) -> None:
        super().__init__()
        hidden = channels // reduction(stride)
        if hidden == 0 and options.small_channels == "refuse":
            expected = f"at least {reduction(stride)} channels at stride {stride}"
            raise InputError("options", "model.embed", channels, expected=expected)
        if options.small_channels == "clamp":
            hidden = max(1, hidden)
        with warnings.catch_warnings():
            # Of layers without inputs, whose weights are nothing to initialise.
            warnings.filterwarnings("ignore", "Initializing zero-element tensors")
            self.squeeze = nn.Linear(channels, hidden)
            self.excite = nn.Linear(hidden, channels)
        if stride <= 8 and options.small_stride_gain != 1:
            with torch.no_grad():
                self.excite.weight.mul_(options.small_stride_gain)

    def gate(self, x: Tensor) -> Tensor:
        """[B, C] in (0, 1)."""
        return self.excite(self.squeeze(x.mean(dim=(2, 3))).relu()).sigmoid()

    def forward(self, x: Tensor, record: Record = None) -> Tensor:
        gate = self.gate(x)
        if record is not None:
            record["channel"] = gate.detach()
            record["detail"] = detail_share(x.detach())
        return x * gate[..., None, None]


def detail_share(x: Tensor) -> Tensor:
    """Of maps [B, C, H, W], the share [B, C] of their variance that a 3 x 3 mean removes."""
    smooth = functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
    whole = x.var(dim=(2, 3), correction=0)
    return (x - smooth).var(dim=(2, 3), correction=0) / whole.clamp(min=1e-12)
