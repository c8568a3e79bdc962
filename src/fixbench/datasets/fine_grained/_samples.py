"""Samples of a fine-grained data set, and their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fixbench.errors import InputError

__all__ = ["BANNER", "FineGrained", "Sample", "load_images"]

#: Rows at the bottom of every image of FGVC-Aircraft that name its photographer.
BANNER = 20


@dataclass(frozen=True)
class Sample:
    """One image.

    Attributes:
        path: its file.
        label: its class, from 0.
        box: left, top, right and bottom of the object in pixels of the file, half-open, from 0;
            ``None`` where the data set gives no boxes.
    """

    path: Path
    label: int
    box: tuple[int, int, int, int] | None


@dataclass(frozen=True)
class FineGrained:
    """A data set: the names of its classes, and the samples of both parts in their lists' order."""

    class_names: tuple[str, ...]
    train: tuple[Sample, ...]
    test: tuple[Sample, ...]


def load_images(samples: Sequence[Sample], size: int, *, crop_bottom: int = 0) -> NDArray[np.uint8]:
    """The whole pictures, resized to squares bicubically, whatever their shape was.

    Args:
        size: rows and columns of the result, at least 1.
        crop_bottom: rows of the file to leave out at the bottom; `BANNER` for FGVC-Aircraft.

    Returns:
        RGB, uint8 [samples, size, size, 3].

    Raises:
        InputError: an argument is out of range, or a file is missing, no image, or not complete.
    """
    for key, value, least in (("size", size, 1), ("crop_bottom", crop_bottom, 0)):
        if value < least:
            raise InputError("load_images", key, value, expected=f"at least {least}")
    images = np.empty((len(samples), size, size, 3), dtype=np.uint8)
    for position, sample in enumerate(samples):
        picture = _open(sample.path)
        kept = picture.height - crop_bottom
        if kept < 1:
            expected = f"more rows than crop_bottom {crop_bottom}"
            raise InputError(sample.path, "rows", picture.height, expected=expected)
        resized = picture.resize(
            (size, size), Image.Resampling.BICUBIC, box=(0, 0, picture.width, kept)
        )
        images[position] = np.asarray(resized)
    return images


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except FileNotFoundError as error:
        raise InputError(path, "", expected="an existing image file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(path, "", expected=f"a complete image file ({error})") from error
