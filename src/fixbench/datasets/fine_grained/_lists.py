"""What the layouts have in common: text lists with one entry a line, and checks of entries."""

from __future__ import annotations

import os.path
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from fixbench.datasets.fine_grained._samples import FineGrained, Sample
from fixbench.errors import InputError

__all__ = [
    "Line",
    "both_parts",
    "image_file",
    "inclusive_box",
    "one_line_each",
    "read_lines",
    "split_line",
    "whole_number",
]

#: Where an entry stands ("line 3") and its text.
Line = tuple[str, str]


def read_lines(path: Path) -> list[Line]:
    """The lines of a text file in UTF-8. Lines may end as on Windows.

    Raises:
        InputError: it is missing, not UTF-8, empty, or has an empty line among the others.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        expected = "a list of the data set; see fixbench.datasets.fine_grained"
        raise InputError(path, "", expected=expected) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", expected=f"a readable text file in UTF-8 ({error})") from error
    lines = [line.strip() for line in text.rstrip().split("\n")]
    if lines == [""]:
        raise InputError(path, "", expected="at least one line")
    for number, line in enumerate(lines, start=1):
        if not line:
            raise InputError(path, f"line {number}", line, expected="an entry, not an empty line")
    return [(f"line {number}", line) for number, line in enumerate(lines, start=1)]


def split_line(path: Path, line: Line, names: Sequence[str]) -> list[str]:
    """The fields of a line, of which the last may contain spaces."""
    where, text = line
    fields = text.split(maxsplit=len(names) - 1)
    if len(fields) != len(names):
        raise InputError(path, where, text, expected=" ".join(f"<{name}>" for name in names))
    return fields


def whole_number(path: Path, where: str, text: str, least: int, most: int | None = None) -> int:
    """A whole number in a range that includes both ends."""
    digits = text.isascii() and text.isdigit() and len(text) < 19
    number = int(text) if digits else least - 1
    if number < least or (most is not None and number > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(path, where, text, expected=f"a whole number {limits}")
    return number


def one_line_each(
    path: Path, images: Path, ids: Sequence[str], names: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Id → where it stands and the rest of its line, for a list with one line for each image.

    Args:
        images: the list in which the images stand, for the message.
        names: the fields of a line; the first is the id.

    Raises:
        InputError: an id is unknown, occurs twice, or has no line.
    """
    known = set(ids)
    found: dict[str, tuple[str, str]] = {}
    for line in read_lines(path):
        identifier, rest = split_line(path, line, (names[0], " ".join(names[1:])))
        if identifier not in known:
            expected = f"the id of an image in {images.name}"
            raise InputError(path, f"{line[0]}: {names[0]}", identifier, expected=expected)
        if identifier in found:
            expected = f"each image once (it is also on {found[identifier][0]})"
            raise InputError(path, f"{line[0]}: {names[0]}", identifier, expected=expected)
        found[identifier] = line[0], rest
    for identifier in ids:
        if identifier not in found:
            expected = f"a line for every image in {images.name}"
            raise InputError(path, names[0], identifier, expected=f"{expected}; it has none")
    return found


def image_file(source: Path, where: str, folder: Path, name: str) -> Path:
    """The file of an image that a list names.

    Raises:
        InputError: it lies outside ``folder`` or does not exist.
    """
    plain = PurePosixPath(name)
    if plain.is_absolute() or ".." in plain.parts:
        raise InputError(source, where, name, expected=f"a path inside {folder}")
    path = folder / plain
    if not os.path.isfile(path):  # which is false for names that no file can have
        raise InputError(source, where, name, expected=f"an existing file in {folder}")
    return path


def inclusive_box(source: Path, where: str, corners: Sequence[int]) -> tuple[int, int, int, int]:
    """Of corners that are counted from 1 and belong to the box, the half-open box from 0."""
    left, top, right, bottom = corners
    if right < left or bottom < top:
        expected = "left, top, right and bottom, of which right and bottom are not the smaller ones"
        raise InputError(source, where, tuple(corners), expected=expected)
    return max(left - 1, 0), max(top - 1, 0), right, bottom


def both_parts(
    source: Path, class_names: Sequence[str], train: Sequence[Sample], test: Sequence[Sample]
) -> FineGrained:
    """The data set.

    Raises:
        InputError: no image belongs to one of the parts.
    """
    for name, samples in (("training", train), ("test", test)):
        if not samples:
            raise InputError(source, f"{name} images", 0, expected="at least one")
    return FineGrained(tuple(class_names), tuple(train), tuple(test))
