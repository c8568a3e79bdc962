"""Stacked histograms against a plain loop, and RVT's rules by hand."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.typing import NDArray

from fixbench.datasets.event_sequences import (
    Events,
    read_events,
    stacked_histogram,
    stacked_histograms,
)
from fixbench.errors import InputError

ROWS, COLUMNS = 5, 7


def _events(*rows: tuple[int, int, int, int]) -> Events:
    """Events (t, x, y, p)."""
    t, x, y, p = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    return Events(t, x, y, p, ROWS, COLUMNS)


def _random(seed: int, count: int, span: int) -> Events:
    draw = np.random.default_rng(seed)
    t = np.sort(draw.integers(1_000, 1_000 + span, count))
    x, y = draw.integers(0, COLUMNS, count), draw.integers(0, ROWS, count)
    return Events(t, x, y, draw.integers(0, 2, count), ROWS, COLUMNS)


def _plain(events: Events, bins: int, largest: int) -> NDArray[np.int64]:
    """One event at a time, with the time as a fraction."""
    counts = np.zeros((2 * bins, events.rows, events.columns), dtype=np.int64)
    first, last = int(events.t[0]), int(events.t[-1])
    for t, x, y, p in zip(events.t, events.x, events.y, events.p, strict=True):
        share = (int(t) - first) / max(last - first, 1)
        place = min(int(np.floor(share * bins)), bins - 1)
        counts[bins * p + place, y, x] += 1
    return np.minimum(counts, largest)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("bins", "largest"), [(10, 10), (4, 255), (1, 1)])
def test_a_histogram_is_that_of_a_plain_loop(seed: int, bins: int, largest: int) -> None:
    events = _random(seed, 900, 50_000)
    found = stacked_histogram(events, bins=bins, largest=largest)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, _plain(events, bins, largest))


def test_bins_part_the_time_between_the_first_and_the_last_event() -> None:
    """Of events at 20, 21, …, 40 ms, ten bins have two each and the last has three."""
    events = _events(*[(20_000 + 1_000 * step, 0, 0, 1) for step in range(21)])
    found = stacked_histogram(events)[:, 0, 0]
    assert found.tolist() == [0] * 10 + [2] * 9 + [3]


def test_channels_are_polarities_then_bins() -> None:
    found = stacked_histogram(_events((0, 1, 2, 0), (50, 3, 4, 0), (99, 5, 0, 1), (100, 6, 1, 1)))
    assert sorted(zip(*map(np.ndarray.tolist, np.nonzero(found)), strict=True)) == [
        (0, 2, 1),
        (5, 4, 3),
        (19, 0, 5),
        (19, 1, 6),
    ]


def test_counts_are_clipped() -> None:
    events = _events(*[(0, 0, 0, 0)] * 10, *[(0, 1, 0, 0)] * 11, *[(0, 2, 0, 0)] * 300)
    assert stacked_histogram(events)[0, 0, :4].tolist() == [10, 10, 10, 0]
    assert stacked_histogram(events, largest=255)[0, 0, :4].tolist() == [10, 11, 255, 0]


def test_a_window_without_events_is_empty() -> None:
    found = stacked_histogram(_events())
    assert (found.shape, found.max()) == ((20, ROWS, COLUMNS), 0)


@pytest.mark.parametrize(("key", "value"), [("bins", 0), ("largest", 0), ("largest", 256)])
def test_arguments_out_of_range(key: str, value: int) -> None:
    with pytest.raises(InputError) as caught:
        stacked_histogram(_events((0, 0, 0, 0)), **{key: value})
    assert (caught.value.key, caught.value.value) == (key, value)


def test_windows_hold_the_events_up_to_their_end_and_from_their_length_before() -> None:
    events = _random(1, 600, 200_000)
    ends = np.array([40_000, 60_000, 150_000, 400_000])
    found = stacked_histograms(events, ends, window_us=30_000)
    for frame, end in zip(found, ends.tolist(), strict=True):
        inside = (events.t >= end - 30_000) & (events.t <= end)
        t, x, y, p = (array[inside] for array in (events.t, events.x, events.y, events.p))
        chosen = Events(t, x, y, p, ROWS, COLUMNS)
        expected = _plain(chosen, 10, 10) if inside.any() else 0
        np.testing.assert_array_equal(frame, np.broadcast_to(expected, frame.shape))
    assert found[0].any()
    assert not found[3].any()


def test_a_recording_is_read_as_rvt_reads_it(tmp_path: Path) -> None:
    """Times that step back are held; polarity -1 is 0."""
    path = tmp_path / "events.h5"
    with h5py.File(path, "w") as file:
        file["events/t"] = np.array([3, 8, 5, 7, 9], dtype=np.uint32)
        file["events/x"] = np.array([0, 6, 1, 2, 3], dtype=np.uint16)
        file["events/y"] = np.array([0, 4, 1, 2, 3], dtype=np.uint16)
        file["events/p"] = np.array([-1, 1, 0, 1, -1], dtype=np.int8)
        file["events/width"], file["events/height"] = 7, 5
    events = read_events(path)
    assert events.t.tolist() == [3, 8, 8, 8, 9]
    assert events.p.tolist() == [0, 1, 0, 1, 0]
    assert (events.rows, events.columns) == (5, 7)
    assert stacked_histogram(events).sum() == 5
    assert events[1:3].x.tolist() == [6, 1]
