"""The whole detector: backbone, pyramid, attention, head."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from fixbench.systems.event_detector._attention import Attention
from fixbench.systems.event_detector._backbone import Backbone
from fixbench.systems.event_detector._gates import count_parameters
from fixbench.systems.event_detector._head import Head, Predictions
from fixbench.systems.event_detector._options import ModelOptions
from fixbench.systems.event_detector._pyramid import Pyramid
from fixbench.systems.event_detector._rows import Rows
from fixbench.training import seeded

__all__ = ["Detector", "Neck", "parameter_counts"]


class Neck(nn.Module):
    """What follows the backbone: pyramid, attention, head.

    Initial weights of each part have a stream of their own, so that variants of one seed share
    those of the parts that they share.
    """

    def __init__(self, options: ModelOptions, seed: int) -> None:
        super().__init__()
        with seeded(seed, "pyramid"):
            self.pyramid = Pyramid(options.channels, options.depth)
        self.attention = Attention(options, seed)
        with seeded(seed, "head"):
            self.head = Head(options.channels, options.strides, options.classes)

    def forward(
        self,
        maps: Sequence[Tensor],
        rows: Rows,
        record: dict[int, dict[str, Tensor]] | None = None,
    ) -> Predictions:
        """Maps of the backbone [B, Cᵢ, Hᵢ, Wᵢ] → predictions of B frames.

        Args:
            record: where gates are written, by stride and name.
        """
        return self.head(self.attention(self.pyramid(maps), rows, record))


class Detector(nn.Module):
    """Backbone and `Neck`."""

    def __init__(self, options: ModelOptions, seed: int) -> None:
        super().__init__()
        with seeded(seed, "backbone"):
            self.backbone = Backbone(options)
        self.neck = Neck(options, seed)


def parameter_counts(detector: Detector) -> dict[str, int]:
    """Part → how many numbers are trained."""
    neck = detector.neck
    parts = {
        "backbone": detector.backbone,
        "pyramid": neck.pyramid,
        "attention": neck.attention,
        "head": neck.head,
    }
    return {name: count_parameters(part) for name, part in parts.items()}
