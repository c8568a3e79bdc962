"""FGVC-Aircraft."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fixbench.datasets.fine_grained._lists import (
    both_parts,
    image_file,
    inclusive_box,
    read_lines,
    split_line,
    whole_number,
)
from fixbench.datasets.fine_grained._samples import FineGrained, Sample
from fixbench.errors import InputError

__all__ = ["read_aircraft"]


def read_aircraft(folder: Path) -> FineGrained:
    """Read a folder in FGVC-Aircraft's layout."""
    data = folder / "data"
    variants = data / "variants.txt"
    labels: dict[str, int] = {}
    for where, name in read_lines(variants):
        if name in labels:
            raise InputError(variants, where, name, expected="each variant once")
        labels[name] = len(labels)
    development = [data / "images_variant_trainval.txt"]
    if not development[0].exists():
        halves = [data / f"images_variant_{part}.txt" for part in ("train", "val")]
        if any(path.exists() for path in halves):
            development = halves
    test_list = data / "images_variant_test.txt"
    boxes = _boxes(data / "images_box.txt")
    seen: dict[str, Path] = {}
    train, test = (
        _samples(paths, data / "images", labels, boxes, seen)
        for paths in (development, [test_list])
    )
    return both_parts(test_list, tuple(labels), train, test)


def _samples(
    lists: Sequence[Path],
    images: Path,
    labels: dict[str, int],
    boxes: dict[str, tuple[int, int, int, int]] | None,
    seen: dict[str, Path],
) -> list[Sample]:
    """The samples of some lists; ``seen`` gains the list of each id."""
    samples = []
    for path in lists:
        for line in read_lines(path):
            identifier, variant = split_line(path, line, ("image", "variant"))
            where = f"{line[0]}: image"
            if identifier in seen:
                expected = f"each image once in all lists (it is also in {seen[identifier].name})"
                raise InputError(path, where, identifier, expected=expected)
            seen[identifier] = path
            if variant not in labels:
                expected = "a name in variants.txt"
                raise InputError(path, f"{line[0]}: variant", variant, expected=expected)
            if boxes is not None and identifier not in boxes:
                expected = "an image with a line in images_box.txt"
                raise InputError(path, where, identifier, expected=expected)
            suffix = ".png" if (images / f"{identifier}.png").is_file() else ".jpg"
            file = image_file(path, where, images, f"{identifier}{suffix}")
            box = None if boxes is None else boxes[identifier]
            samples.append(Sample(file, labels[variant], box))
    return samples


def _boxes(path: Path) -> dict[str, tuple[int, int, int, int]] | None:
    """Id → box; ``None`` without the file. It may name images that no list of variants names."""
    if not path.exists():
        return None
    boxes: dict[str, tuple[int, int, int, int]] = {}
    fields = ("image", "xmin", "ymin", "xmax", "ymax")
    for line in read_lines(path):
        identifier, *corners = split_line(path, line, fields)
        if identifier in boxes:
            raise InputError(path, f"{line[0]}: image", identifier, expected="each image once")
        numbers = [
            whole_number(path, f"{line[0]}: {name}", corner, 0)
            for name, corner in zip(fields[1:], corners, strict=True)
        ]
        boxes[identifier] = inclusive_box(path, line[0], numbers)
    return boxes
