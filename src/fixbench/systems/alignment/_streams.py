"""The streams of random numbers of this system."""

from __future__ import annotations

from contextlib import AbstractContextManager

from fixbench.training import Streams, seeded_with

__all__ = ["generator", "initialised", "numpy_generator"]

#: The numbers are those that made the published results.
_STREAMS = Streams({"batches": 0, "segments": 1, "alignment": 2})
generator = _STREAMS.generator
numpy_generator = _STREAMS.numpy_generator


def initialised(state: int) -> AbstractContextManager[None]:
    """Modules built inside draw their initial weights from ``state``, and from nothing else.

    A model's parts have the states 8 · seed, 8 · seed + 1, … and not streams by name, which would
    change the published results.
    """
    return seeded_with(state)
