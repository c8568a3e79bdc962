"""Scalars of TensorBoard's event files, by its own reader, which is installed only where used."""

from __future__ import annotations

from pathlib import Path

from fixbench.errors import InputError

__all__ = ["read_events"]


def read_events(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Tag → its (step, value), in the order of the file.

    A value is the single-precision number that the file holds.

    Raises:
        InputError: the library ``tensorboard`` is not installed.
    """
    try:
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
        from tensorboard.util.tensor_util import make_ndarray
    except ModuleNotFoundError:
        expected = "the library that reads event files: pip install tensorboard"
        raise InputError(folder, "", expected=expected) from None
    # 0: all of them, not a sample.
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "tensors": 0})
    events.Reload()
    tags = events.Tags()
    found = {
        tag: [(e.step, float(e.value)) for e in events.Scalars(tag)] for tag in tags["scalars"]
    }
    for tag in tags["tensors"]:
        values = [(e.step, make_ndarray(e.tensor_proto)) for e in events.Tensors(tag)]
        if all(value.ndim == 0 and value.dtype.kind == "f" for _, value in values):
            found[tag] = [(step, float(value)) for step, value in values]
    return found
