"""Streams of random numbers: each by a seed and by the name of what it is for.

A stream depends on its seed, its name and its indices alone, so that a part of a run draws the
same numbers whatever the other parts draw. Variants of one seed are paired by this.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch

__all__ = ["Streams", "generator", "numpy_generator", "seeded", "seeded_with"]


class Streams:
    """The streams of one system.

    Args:
        numbers: name → the number that stands for it in the entropy. Systems whose results are
            published bind their names to the numbers that made them; a name that is not among
            them is then refused. A new system leaves ``numbers`` out and uses names alone.
    """

    def __init__(self, numbers: Mapping[str, int] | None = None) -> None:
        self._numbers = None if numbers is None else dict(numbers)

    def generator(self, seed: int, name: str, *indices: int) -> torch.Generator:
        """A torch generator of its own for (seed, name, indices), on the CPU.

        Args:
            seed: of the run, 0 or more.
            name: what the numbers are for, such as ``"batches"``.
            indices: where one name stands for many streams, such as one a step.

        Raises:
            KeyError: the system has a table of names, and this one is not in it.
        """
        return torch.Generator().manual_seed(self._state(seed, name, indices))

    def numpy_generator(self, seed: int, name: str, *indices: int) -> np.random.Generator:
        """The same for NumPy; its numbers are not those of `generator`."""
        return np.random.default_rng(self._entropy(seed, name, indices))

    @contextmanager
    def seeded(self, seed: int, name: str, *indices: int) -> Iterator[None]:
        """Initial weights and dropout inside depend on (seed, name, indices) alone.

        See `seeded_with`.
        """
        with seeded_with(self._state(seed, name, indices)):
            yield

    def _entropy(self, seed: int, name: str, indices: tuple[int, ...]) -> list[int]:
        if self._numbers is not None:
            number = self._numbers[name]
        else:
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
        return [seed, number, *indices]

    def _state(self, seed: int, name: str, indices: tuple[int, ...]) -> int:
        mixed = np.random.SeedSequence(self._entropy(seed, name, indices))
        # torch takes seeds below 2**63 on every device.
        return int(mixed.generate_state(1, np.uint64)[0] >> np.uint64(1))


@contextmanager
def seeded_with(state: int) -> Iterator[None]:
    """torch's global generators start from ``state`` inside, and are put back afterwards.

    PyTorch's initialisers and its dropout read the global generators and take no other. Covered
    are the CPU's and, once CUDA is in use, those of all CUDA devices. The generators of NumPy and
    of the module ``random`` are not touched: a system draws from none of them.
    """
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(state)
        if devices:
            torch.cuda.manual_seed_all(state)
        yield


_BY_NAME = Streams()
generator = _BY_NAME.generator
numpy_generator = _BY_NAME.numpy_generator
seeded = _BY_NAME.seeded
