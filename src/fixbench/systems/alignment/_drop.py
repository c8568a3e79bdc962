"""GTCC's drop network: which frames have no partner in the other video."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from fixbench.systems.alignment._streams import initialised

__all__ = ["DROP_WIDTHS", "DropNetwork"]

#: The published hidden widths: 985,473 parameters for embeddings of 128.
DROP_WIDTHS = (256, 1024, 512, 256)


class DropNetwork(nn.Module):
    """Embeddings (T, D) of one video to D weights and a bias (D + 1,): the mean over its frames.

    Another video's frame x is then kept with a probability that grows with x · weights + bias
    (Donahue & Elhamifar, CVPR 2024).
    """

    def __init__(self, embedding: int, widths: Sequence[int], *, seed: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        with initialised(seed):
            for before, after in pairwise([embedding, *widths, embedding + 1]):
                layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, embeddings: Tensor) -> Tensor:
        """(T, D) to (D + 1,)."""
        return self.layers(embeddings).mean(dim=0)
