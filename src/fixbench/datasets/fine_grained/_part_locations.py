"""Where the parts of an object are, in CUB-200-2011's files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from fixbench.datasets.fine_grained._cub import numbered_names, read_images
from fixbench.datasets.fine_grained._lists import read_lines, split_line, whole_number
from fixbench.errors import InputError

__all__ = ["PartLocations", "read_part_locations"]


@dataclass(frozen=True)
class PartLocations:
    """Places of parts.

    Attributes:
        names: the parts, in the order of their ids.
        places: file of an image → for each part (x, y) of its centre in pixels of the file, from
            its left and its top; ``None`` for a part that is not visible.
    """

    names: tuple[str, ...]
    places: Mapping[Path, tuple[tuple[float, float] | None, ...]]


def read_part_locations(folder: Path) -> PartLocations:
    """Read ``parts/parts.txt`` and ``parts/part_locs.txt`` of a folder in the layout ``cub``.

    The paths are those of the samples of `read_fine_grained`.

    Raises:
        InputError: names the file, the line and the value of the first thing that is wrong.
    """
    folder = Path(folder)
    names = numbered_names(folder / "parts/parts.txt", "part")
    images = read_images(folder)
    found: dict[str, dict[int, tuple[float, float] | None]] = {key: {} for key in images}
    source = folder / "parts/part_locs.txt"
    for line in read_lines(source):
        where = line[0]
        image, part, *rest = split_line(source, line, ("image_id", "part_id", "x", "y", "visible"))
        if image not in found:
            expected = "the id of an image in images.txt"
            raise InputError(source, f"{where}: image_id", image, expected=expected)
        number = whole_number(source, f"{where}: part_id", part, 1, len(names))
        if number in found[image]:
            expected = f"each part once for image {image}"
            raise InputError(source, f"{where}: part_id", part, expected=expected)
        place = _place(source, where, rest[:2])
        visible = whole_number(source, f"{where}: visible", rest[2], 0, 1)
        found[image][number] = place if visible else None
    for image, parts in found.items():
        for number in range(1, len(names) + 1):
            if number not in parts:
                expected = f"a line for each part of image {image}; it has none"
                raise InputError(source, "part_id", number, expected=expected)
    places = {
        path: tuple(found[image][number] for number in range(1, len(names) + 1))
        for image, path in images.items()
    }
    return PartLocations(tuple(names), MappingProxyType(places))


def _place(source: Path, where: str, fields: list[str]) -> tuple[float, float]:
    try:
        x, y = map(float, fields)
        if not (math.isfinite(x) and math.isfinite(y)):
            raise ValueError
    except ValueError as error:
        expected = "two finite numbers: x y"
        raise InputError(source, where, " ".join(fields), expected=expected) from error
    return x, y
