"""The streams of random numbers of this system."""

from __future__ import annotations

from fixbench.training import Streams

__all__ = ["generator", "seeded"]

#: The numbers are those that made the published results; some stand for streams of several parts
#: of a run, which then draw the same bits for different things.
_STREAMS = Streams(
    {
        # The model's parts: those that two variants share start alike in both.
        "trunk_2d": 0,
        "trunk_3d": 1,
        "encoders": 2,
        "heads": 3,
        "predictors": 4,
        "object_context": 5,
        "scene_context": 6,
        "cooccurrence": 7,
        "detect_layer": 8,
        # Training.
        "batches": 101,
        "dropout": 102,
        # Fresh modules, by the number of the initialisation.
        "mechanism/module": 0,
        "mechanism/features": 1,
        "mechanism/objects": 2,
        "mechanism/predictors": 3,
        "mechanism/grid": 4,
        # One backward pass of a fresh cascade.
        "gradients/dropout": 0,
        "gradients/projection": 1,
        "gradients/features": 5,
        # The positive control.
        "oracle/module": 0,
        "oracle/read_out": 1,
        "oracle/train": 2,
        "oracle/test": 3,
        # Pretraining, by the seed of its recipe.
        "pretraining/batches": 1,
        "pretraining/flips": 2,
        "pretraining/dropout": 3,
    }
)
generator = _STREAMS.generator
seeded = _STREAMS.seeded
