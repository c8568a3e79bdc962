"""The streams of random numbers of this system."""

from __future__ import annotations

import torch

__all__ = ["affine_generator", "part_generator"]

#: Name → number of the streams of a run, beside the towers' (which have none).
_NUMBERS = {"batches": 1, "gradients": 2, "augmentation": 3}
#: The modules that start from random weights, each in the place of its number.
_PARTS = ("image_adapter", "text_adapter", "image_cross", "text_cross")


def affine_generator(seed: int, name: str | None = None, *indices: int) -> torch.Generator:
    """A generator for (seed, name, indices); without a name, for random towers.

    The published results of this system come from these numbers, and not from
    `fixbench.training.Streams`: the system adopts that when it is next run again. The mix is
    affine, so that the states of neighbouring seeds differ by a constant.
    """
    stream = () if name is None else (_NUMBERS[name], *indices)
    mixed = 0
    for part in (seed, *stream):
        mixed = (mixed * 1_000_003 + part + 0x9E3779B97F4A7C15) % 2**63
    return torch.Generator().manual_seed(mixed)


def part_generator(seed: int, part: str) -> torch.Generator:
    """For the initial weights of ``part``; kept for published results as above."""
    return torch.Generator().manual_seed(8 * seed + _PARTS.index(part))
