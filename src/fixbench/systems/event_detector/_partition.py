"""Windows and grids of a feature map, as MaxViT attends to them.

Tu et al., "MaxViT" (arXiv 2204.01697), section 3.2: a window is a block of neighbouring cells, a
grid cell a set of cells that are spread evenly over the map.
"""

from __future__ import annotations

from typing import Literal

from torch import Tensor

__all__ = ["Kind", "merge", "partition"]

Kind = Literal["window", "grid"]


def partition(x: Tensor, kind: Kind, rows: int, columns: int) -> Tensor:
    """[B, H, W, C] → [B · H/rows · W/columns, rows · columns, C].

    A window holds ``rows`` x ``columns`` neighbours; a grid holds as many cells, each H/rows and
    W/columns from the next.

    Raises:
        ValueError: the map is not a whole number of partitions.
    """
    batch, height, width, channels = x.shape
    if height % rows or width % columns:
        raise ValueError(f"a map of {height} x {width} has no whole partitions {rows} x {columns}")
    down, across = height // rows, width // columns
    if kind == "window":
        split = x.view(batch, down, rows, across, columns, channels).permute(0, 1, 3, 2, 4, 5)
    else:
        split = x.view(batch, rows, down, columns, across, channels).permute(0, 2, 4, 1, 3, 5)
    return split.reshape(-1, rows * columns, channels)


def merge(parts: Tensor, kind: Kind, rows: int, columns: int, height: int, width: int) -> Tensor:
    """The inverse of `partition`: [B, height, width, C]."""
    down, across = height // rows, width // columns
    split = parts.view(-1, down, across, rows, columns, parts.shape[-1])
    order = (0, 1, 3, 2, 4, 5) if kind == "window" else (0, 3, 1, 4, 2, 5)
    return split.permute(*order).reshape(-1, height, width, parts.shape[-1])
