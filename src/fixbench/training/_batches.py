"""Which samples a training step or a measurement sees."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

__all__ = ["first_of_each", "shuffled_batches"]


def shuffled_batches(count: int, size: int, steps: int, generator: torch.Generator) -> list[Tensor]:
    """``steps`` batches of indices into ``count`` samples, in a new random order each epoch.

    Args:
        size: of a batch; all samples where there are fewer. What is left of an epoch after its
            last whole batch is left out.
        generator: drawn from once an epoch, so that longer training begins like shorter.

    Returns:
        int64 tensors [size], or [count] where that is less.
    """
    size = min(size, count)
    used = count - count % size
    epochs = math.ceil(steps * size / used)
    order = [torch.randperm(count, generator=generator)[:used] for _ in range(epochs)]
    return list(torch.cat(order).split(size)[:steps])


def first_of_each(groups: Sequence[Hashable], count: int) -> list[int]:
    """Places of the first ``count`` samples of each group, in their order."""
    seen: dict[Hashable, int] = {}
    places = []
    for place, group in enumerate(groups):
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= count:
            places.append(place)
    return places
