"""Frames from events: RVT's stacked histogram."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.event_sequences._events import Events
from fixbench.errors import InputError

__all__ = [
    "BINS",
    "CHANNELS",
    "LARGEST_COUNT",
    "WINDOW_US",
    "stacked_histogram",
    "stacked_histograms",
]

BINS = 10
CHANNELS = 2 * BINS
#: Counts are clipped here.
LARGEST_COUNT = 10
WINDOW_US = 50_000


def stacked_histogram(
    events: Events, *, bins: int = BINS, largest: int = LARGEST_COUNT
) -> NDArray[np.uint8]:
    """Count the events of one window by polarity, time bin and pixel.

    Bins are equal parts of the time from the first to the last event of the window, not of the
    window itself. The last event falls into the last bin. Channels are all bins of polarity 0 (the
    pixel became darker), then all bins of polarity 1.

    Args:
        bins: time bins.
        largest: counts are clipped here; at most 255.

    Returns:
        Counts, uint8 [2 * bins, rows, columns].

    Raises:
        InputError: an argument is out of range.
    """
    for key, value, limit in (("bins", bins, None), ("largest", largest, 255)):
        if value < 1 or (limit is not None and value > limit):
            expected = "at least 1" if limit is None else f"1 to {limit}"
            raise InputError("stacked_histogram", key, value, expected=expected)
    shape = (2, bins, events.rows, events.columns)
    if len(events.t) == 0:
        return np.zeros((2 * bins, *shape[2:]), dtype=np.uint8)
    elapsed = events.t - events.t[0]
    span = max(int(elapsed[-1]), 1)
    place = np.minimum(elapsed * bins // span, bins - 1)
    cell = np.ravel_multi_index((events.p, place, events.y, events.x), shape)
    counts = np.bincount(cell, minlength=int(np.prod(shape)))
    clipped = np.minimum(counts, largest).astype(np.uint8)
    return clipped.reshape(2 * bins, events.rows, events.columns)


def stacked_histograms(
    events: Events, ends_us: NDArray[np.int64], *, window_us: int = WINDOW_US
) -> NDArray[np.uint8]:
    """One histogram for each window, uint8 [windows, 20, rows, columns].

    A window holds the events from ``window_us`` before its end up to its end, both included.

    Args:
        ends_us: of the windows, µs.
    """
    first = np.searchsorted(events.t, ends_us - window_us, side="left")
    last = np.searchsorted(events.t, ends_us, side="right")
    frames = np.empty((len(ends_us), CHANNELS, events.rows, events.columns), dtype=np.uint8)
    for number, (start, stop) in enumerate(zip(first, last, strict=True)):
        frames[number] = stacked_histogram(events[start:stop])
    return frames
