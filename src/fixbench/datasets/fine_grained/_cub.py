"""CUB-200-2011."""

from __future__ import annotations

import math
from pathlib import Path

from fixbench.datasets.fine_grained._lists import (
    both_parts,
    image_file,
    one_line_each,
    read_lines,
    split_line,
    whole_number,
)
from fixbench.datasets.fine_grained._samples import FineGrained, Sample
from fixbench.errors import InputError

__all__ = ["numbered_names", "read_cub", "read_images"]


def read_cub(folder: Path) -> FineGrained:
    """Read a folder in CUB-200-2011's layout."""
    class_names = numbered_names(folder / "classes.txt", "class")
    paths = read_images(folder)
    images, ids = folder / "images.txt", tuple(paths)
    labels_file, split_file = folder / "image_class_labels.txt", folder / "train_test_split.txt"
    labels = one_line_each(labels_file, images, ids, ("image_id", "class_id"))
    split = one_line_each(split_file, images, ids, ("image_id", "is_training_image"))
    boxes = _boxes(folder / "bounding_boxes.txt", images, ids)
    parts: tuple[list[Sample], list[Sample]] = ([], [])
    for identifier, path in paths.items():
        where, text = labels[identifier]
        label = whole_number(labels_file, f"{where}: class_id", text, 1, len(class_names)) - 1
        where, text = split[identifier]
        training = whole_number(split_file, f"{where}: is_training_image", text, 0, 1)
        parts[training].append(Sample(path, label, boxes.get(identifier)))
    return both_parts(split_file, class_names, parts[1], parts[0])


def read_images(folder: Path) -> dict[str, Path]:
    """Id → file of every image, in the order of the list."""
    source = folder / "images.txt"
    paths: dict[str, Path] = {}
    for line in read_lines(source):
        identifier, name = split_line(source, line, ("image_id", "image_name"))
        whole_number(source, f"{line[0]}: image_id", identifier, 0)
        if identifier in paths:
            expected = "an id that no other image has"
            raise InputError(source, f"{line[0]}: image_id", identifier, expected=expected)
        where = f"{line[0]}: image_name"
        paths[identifier] = image_file(source, where, folder / "images", name)
    return paths


def numbered_names(path: Path, what: str) -> list[str]:
    """The names of a list whose ids are 1, 2, 3 and so on; ``what`` they are names of."""
    names: list[str] = []
    for line in read_lines(path):
        identifier, name = split_line(path, line, (f"{what}_id", f"{what}_name"))
        expected = len(names) + 1
        if whole_number(path, f"{line[0]}: {what}_id", identifier, 1) != expected:
            wanted = f"{expected}, as ids count from 1"
            raise InputError(path, f"{line[0]}: {what}_id", identifier, expected=wanted)
        names.append(name)
    return names


def _boxes(path: Path, images: Path, ids: tuple[str, ...]) -> dict[str, tuple[int, int, int, int]]:
    """Id → the smallest box of whole pixels around the image's box; nothing without the file."""
    if not path.exists():
        return {}
    boxes = {}
    fields = ("image_id", "x", "y", "width", "height")
    for identifier, (where, text) in one_line_each(path, images, ids, fields).items():
        try:
            left, top, width, height = map(float, text.split())
        except ValueError as error:
            expected = "four numbers: x y width height"
            raise InputError(path, where, text, expected=expected) from error
        if not (all(map(math.isfinite, (left, top, width, height))) and width > 0 < height):
            expected = "finite numbers x y width height, width and height above 0"
            raise InputError(path, where, text, expected=expected)
        corner = max(math.floor(left), 0), max(math.floor(top), 0)
        boxes[identifier] = (*corner, math.ceil(left + width), math.ceil(top + height))
    return boxes
