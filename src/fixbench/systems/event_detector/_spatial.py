"""Multi-scale spatial attention (document 002): where to look, by dilated convolutions.

Each dilation has ⌊C / number of dilations⌋ channels, at least one. Their features become one map in
two 1 x 1 convolutions, a quarter as wide between them, and a sigmoid. The output is x · a + x.
Side, normalisation and activation of the convolutions are open in the document.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fixbench.systems.event_detector._gates import Record
from fixbench.systems.event_detector._options import AttentionOptions

__all__ = ["MultiScaleSpatialAttention"]


class MultiScaleSpatialAttention(nn.Module):
    """[B, C, H, W] → the same shape, for any C."""

    def __init__(self, channels: int, options: AttentionOptions) -> None:
        super().__init__()
        dilations = options.dilations
        each = max(1, channels // len(dilations))
        combined = each * len(dilations)
        narrow = max(1, combined // 4)

        def layers(convolution: nn.Conv2d) -> nn.Sequential:
            norm = [nn.BatchNorm2d(convolution.out_channels)] if options.norm == "batch" else []
            return nn.Sequential(convolution, *norm, nn.ReLU())

        self.scales = nn.ModuleList(
            layers(
                nn.Conv2d(
                    channels,
                    each,
                    options.kernel,
                    padding=dilation * (options.kernel // 2),
                    dilation=dilation,
                )
            )
            for dilation in dilations
        )
        self.narrow = layers(nn.Conv2d(combined, narrow, 1))
        self.map = nn.Conv2d(narrow, 1, 1)

    def gate(self, x: Tensor) -> Tensor:
        """The attention map [B, 1, H, W] in (0, 1)."""
        found = torch.cat([scale(x) for scale in self.scales], dim=1)
        return self.map(self.narrow(found)).sigmoid()

    def forward(self, x: Tensor, record: Record = None) -> Tensor:
        gate = self.gate(x)
        if record is not None:
            record["spatial"] = gate.detach()
        return x * gate + x
