"""Random numbers that depend on a seed and on what they are for, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["generator", "seeded"]


def _mixed(seed: int, stream: tuple[int, ...]) -> int:
    return int(np.random.SeedSequence([seed, *stream]).generate_state(1, np.uint64)[0] >> 1)


def generator(seed: int, *stream: int) -> torch.Generator:
    """A generator of its own for (seed, stream…), on the CPU."""
    return torch.Generator().manual_seed(_mixed(seed, stream))


@contextmanager
def seeded(seed: int, *stream: int) -> Iterator[None]:
    """Layers built and dropout drawn inside depend on (seed, stream…) alone.

    PyTorch's initialisers and dropout read the global generators; these are put back afterwards.
    """
    devices = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(_mixed(seed, stream))
        if devices:
            torch.cuda.manual_seed(_mixed(seed, stream))
        yield
