"""Industrial-style anomaly data: the reader of their layout, and what the small families show.

The layout is the one that AA-CLIP reads: ``<family>/meta.jsonl`` with one object a line
(``image_path``, ``label``, ``class_name``, ``mask_path``). Paths are relative to the family's
folder and sorted as MVTec AD sorts them (``<class>/test/<defect>/``,
``<class>/ground_truth/<defect>/``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fixbench.datasets.photographs import PHOTOGRAPHS
from fixbench.errors import InputError

__all__ = ["FAMILIES", "AnomalyFamily", "Family", "class_noun", "read_anomaly_family"]

Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Family:
    """What a generated family is made of: classes (photographs, by class name) and defects."""

    classes: Mapping[str, str]
    defects: tuple[str, ...]


#: Disjoint in photographs; two defects in common, three of their own each.
FAMILIES: MappingProxyType[str, Family] = MappingProxyType(
    {
        "workshop": Family(
            classes={
                "astronaut": "astronaut",
                "brick": "brick",
                "coffee_cup": "coffee",
                "coin": "coins",
                "gravel": "gravel",
                "rocket": "rocket",
            },
            defects=("crack", "hole", "scratch", "smudge", "stain"),
        ),
        "field": Family(
            classes={
                "cat": "chelsea",
                "flower": "flower",
                "grass": "grass",
                "pagoda": "china",
                "retina": "retina",
                "tissue": "ihc",
            },
            defects=("bend", "contamination", "missing", "scratch", "stain"),
        ),
    }
)


@dataclass(frozen=True)
class AnomalyFamily:
    """One family in memory.

    Attributes:
        images: uint8 [N, H, W, 3].
        masks: bool [N, H, W], all false for normal images.
        labels: int64 [N], 1 = anomalous.
        classes: class names, sorted; class_index: int64 [N], positions in it.
    """

    images: Image8
    masks: Mask
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    class_index: NDArray[np.int64]


def class_noun(class_name: str) -> str:
    """The words for a class in prompts; for classes of other datasets, its name in words."""
    for family in FAMILIES.values():
        if class_name in family.classes:
            return PHOTOGRAPHS[family.classes[class_name]].noun
    return " ".join(class_name.replace("_", " ").split())


def read_anomaly_family(directory: Path, *, image_size: int | None = None) -> AnomalyFamily:
    """Read one family (or an export of VisA or MVTec AD in the same layout).

    Args:
        directory: holds ``meta.jsonl`` and the files it names.
        image_size: resize to this many rows and columns, images bicubically and masks to the
            nearest pixel; by default all images must have one size already.

    Returns:
        The rows in file order.

    Raises:
        InputError: names the file, the line and the key of the first thing that is wrong.
    """
    directory = Path(directory)
    if image_size is not None and image_size < 1:
        raise InputError("read_anomaly_family", "image_size", image_size, expected="at least 1")
    index = directory / "meta.jsonl"
    images: list[Image8] = []
    masks: list[Mask] = []
    labels: list[int] = []
    names: list[str] = []
    for number, row in _rows(index):
        where = f"line {number}"
        image = _read_image(index, directory, where, row)
        mask = _read_mask(index, directory, where, row, image.size)
        if image_size is not None:
            size = (image_size, image_size)
            image = image.resize(size, Image.Resampling.BICUBIC)
            mask = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        pixels = np.asarray(image)
        if images and pixels.shape != images[0].shape:
            raise InputError(
                index,
                f"{where}: image_path",
                row["image_path"],
                expected=f"an image of {_size(images[0])} like the ones before it, not "
                f"{_size(pixels)}; or set image_size",
            )
        images.append(pixels)
        masks.append(mask)
        labels.append(row["label"])
        names.append(row["class_name"])
    if not images:
        raise InputError(index, "", expected="at least one row")
    classes = tuple(sorted(set(names)))
    return AnomalyFamily(
        images=np.stack(images),
        masks=np.stack(masks),
        labels=np.array(labels, dtype=np.int64),
        classes=classes,
        class_index=np.array([classes.index(name) for name in names], dtype=np.int64),
    )


def _rows(index: Path) -> list[tuple[int, dict[str, Any]]]:
    try:
        lines = index.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        expected = "the index of a family; run `fixbench data pull` for the small ones"
        raise InputError(index, "", expected=expected) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(index, "", expected="a readable UTF-8 text file") from error
    rows = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(index, where, line, expected="one JSON object") from error
        if not isinstance(row, dict):
            raise InputError(index, where, row, expected="one JSON object")
        _check_row(index, where, row)
        rows.append((number, row))
    return rows


def _check_row(index: Path, where: str, row: dict[str, Any]) -> None:
    for key in ("image_path", "label", "class_name", "mask_path"):
        if key not in row:
            raise InputError(index, f"{where}: {key}", expected="this key in every row")
    for key in ("image_path", "class_name"):
        if not isinstance(row[key], str) or not row[key]:
            raise InputError(index, f"{where}: {key}", row[key], expected="a non-empty string")
    label, mask_path = row["label"], row["mask_path"]
    if isinstance(label, bool) or label not in (0, 1):
        expected = "0 (normal) or 1 (anomalous)"
        raise InputError(index, f"{where}: label", label, expected=expected)
    if mask_path is not None and not isinstance(mask_path, str):
        raise InputError(index, f"{where}: mask_path", mask_path, expected="a string or null")
    if label == 1 and not mask_path:
        expected = "a mask file, because the row is anomalous (label 1)"
        raise InputError(index, f"{where}: mask_path", mask_path or "", expected=expected)


def _read_image(index: Path, directory: Path, where: str, row: Mapping[str, Any]) -> Image.Image:
    return _open(index, directory, f"{where}: image_path", row["image_path"]).convert("RGB")


def _read_mask(
    index: Path, directory: Path, where: str, row: Mapping[str, Any], size: tuple[int, int]
) -> Mask:
    """Non-zero pixels of the row's mask, bool [H, W]; all false where the row names none."""
    name = row["mask_path"]
    if not name:
        return np.zeros(size[::-1], dtype=bool)
    key = f"{where}: mask_path"
    picture = _open(index, directory, key, name)
    if picture.size != size:
        expected = f"a mask of its image's size {size[0]}x{size[1]}, not "
        expected += f"{picture.size[0]}x{picture.size[1]} (columnsxrows)"
        raise InputError(index, key, name, expected=expected)
    mask: Mask = np.asarray(picture) > 0
    if mask.ndim == 3:
        # An opaque alpha channel marks nothing.
        mask = np.any(mask[..., : 1 if picture.mode == "LA" else 3], axis=2)
    if mask.any() != (row["label"] == 1):
        expected = (
            "a mask with at least one non-zero pixel, because the row is anomalous (label 1)"
            if row["label"] == 1
            else "no mask or an empty one, because the row is normal (label 0)"
        )
        raise InputError(index, key, name, expected=expected)
    return mask


def _open(index: Path, directory: Path, key: str, name: str) -> Image.Image:
    root = directory.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise InputError(index, key, name, expected="a path inside the folder of meta.jsonl")
    try:
        with Image.open(path) as image:
            image.load()
            return image.copy()
    except FileNotFoundError as error:
        raise InputError(index, key, name, expected="an existing file") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(index, key, name, expected="a complete image file") from error


def _size(pixels: Image8) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]} pixels"
