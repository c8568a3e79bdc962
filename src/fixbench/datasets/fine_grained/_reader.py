"""One function for all layouts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from fixbench.datasets.fine_grained._aircraft import read_aircraft
from fixbench.datasets.fine_grained._cars import read_cars
from fixbench.datasets.fine_grained._cub import read_cub
from fixbench.datasets.fine_grained._samples import FineGrained
from fixbench.errors import InputError

__all__ = ["LAYOUTS", "Layout", "read_fine_grained"]

Layout = Literal["cub", "cars", "aircraft"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)

_READERS: Mapping[str, Callable[[Path], FineGrained]] = MappingProxyType(
    {"cub": read_cub, "cars": read_cars, "aircraft": read_aircraft}
)


def read_fine_grained(folder: Path, layout: Layout) -> FineGrained:
    """Read the lists of a data set and check that they agree and that every image is there.

    No image is opened: `load_images` does that.

    Args:
        folder: holds the files of the layout; see `fixbench.datasets.fine_grained`.

    Raises:
        InputError: names the file, the line or the key, and the value of the first thing that is
            wrong.
    """
    if layout not in _READERS:
        expected = f"one of {', '.join(LAYOUTS)}"
        raise InputError("read_fine_grained", "layout", layout, expected=expected)
    return _READERS[layout](Path(folder))
