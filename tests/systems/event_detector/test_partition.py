"""Windows and grids against loops over cells."""

from __future__ import annotations

import pytest
import torch

from fixbench.systems.event_detector._partition import merge, partition


def test_a_window_holds_neighbours() -> None:
    x = torch.arange(2 * 4 * 6 * 3.0).view(2, 4, 6, 3)
    parts = partition(x, "window", 2, 3)
    expected = [
        torch.stack([x[b, top + i, left + j] for i in range(2) for j in range(3)])
        for b in range(2)
        for top in (0, 2)
        for left in (0, 3)
    ]
    assert torch.equal(parts, torch.stack(expected))


def test_a_grid_holds_cells_at_equal_distances() -> None:
    x = torch.arange(2 * 4 * 6 * 3.0).view(2, 4, 6, 3)
    parts = partition(x, "grid", 2, 3)
    # 2 x 3 cells, two apart in either direction; the four grids start at the first 2 x 2 cells.
    expected = [
        torch.stack([x[b, top + 2 * i, left + 2 * j] for i in range(2) for j in range(3)])
        for b in range(2)
        for top in range(2)
        for left in range(2)
    ]
    assert torch.equal(parts, torch.stack(expected))


@pytest.mark.parametrize("kind", ["window", "grid"])
def test_merging_undoes_the_partition(kind: str) -> None:
    x = torch.randn(3, 8, 30, 5)
    parts = partition(x, kind, 4, 10)  # type: ignore[arg-type]
    assert parts.shape == (3 * 2 * 3, 40, 5)
    assert torch.equal(merge(parts, kind, 4, 10, 8, 30), x)  # type: ignore[arg-type]


def test_a_map_that_is_no_whole_number_of_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="4 x 6 has no whole partitions 3 x 3"):
        partition(torch.zeros(1, 4, 6, 1), "window", 3, 3)
