"""Small pictures whose coarse kind fills them and whose fine class two small parts decide.

A picture is a crop of one photograph (the body) with three small scraps of two others on it (the
parts). The body says the coarse kind. The crown and the left wing say the variant of the kind: each
is of one of two materials. The right wing is of either by chance and says nothing. All parts move
together by up to `SHIFT` pixels, and each by up to `STRAY` more.

All arithmetic is on integers, so that a picture is the same on every machine.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.photographs import photograph_region
from fixbench.errors import InputError

__all__ = [
    "BODIES",
    "CLASS_NAMES",
    "MATERIALS",
    "PART_SIDE",
    "PICTURE_SIDE",
    "PLACES",
    "SHIFT",
    "STRAY",
    "FinePicture",
    "Piece",
    "coarse_batch",
    "fine_picture",
    "piece_region",
]

Image8 = NDArray[np.uint8]
Plane = NDArray[np.int64]
Split = Literal["pretraining", "train", "test"]

PICTURE_SIDE = 32
PART_SIDE = 6


class Piece(NamedTuple):
    """What is cut out of a photograph: its name, and the smallest and largest side of a crop."""

    photograph: str
    sides: tuple[int, int]


#: Coarse kind → what fills its pictures.
BODIES = MappingProxyType(
    {
        "Brick": Piece("brick", (64, 130)),
        "Coin": Piece("coins", (64, 120)),
        "Flower": Piece("flower", (70, 150)),
        "Gravel": Piece("gravel", (64, 130)),
        "Tissue": Piece("ihc", (64, 130)),
    }
)

#: What parts are made of.
MATERIALS = MappingProxyType(
    {"retina": Piece("retina", (24, 48)), "sky": Piece("rocket", (24, 48))}
)

#: Part → rows above and columns left of it, before it is moved.
PLACES = MappingProxyType({"crown": (5, 13), "left wing": (18, 5), "right wing": (18, 21)})
#: How far the parts of a picture move together, and each for itself, in pixels.
SHIFT, STRAY = 2, 1

#: Fine classes, from 0: all variants of the first kind, then of the next. Crown, then left wing.
CLASS_NAMES = tuple(
    f"{kind}_{crown}_{wing}" for kind in BODIES for crown in MATERIALS for wing in MATERIALS
)
_VARIANTS = len(MATERIALS) ** 2


def piece_region(photograph: str, split: Split) -> Image8:
    """The part of a photograph from which the pictures of one split are cut.

    The evaluation region is halved across its longer side, for training and for testing, so that no
    two splits share a pixel.
    """
    if split == "pretraining":
        return photograph_region(photograph, "pretraining")
    region = photograph_region(photograph, "evaluation")
    axis = 0 if region.shape[0] > region.shape[1] else 1
    first, second = np.split(region, [region.shape[axis] // 2], axis=axis)
    return first if split == "train" else second


class FinePicture(NamedTuple):
    """One picture of a fine class.

    Attributes:
        pixels: uint8 [32, 32, 3].
        covered: where the parts are, bool [32, 32].
        centres: (x, y) of each part of `PLACES`, in pixels from the left and the top edge.
    """

    pixels: Image8
    covered: NDArray[np.bool_]
    centres: tuple[tuple[int, int], ...]


def fine_picture(generator: np.random.Generator, label: int, split: Split) -> FinePicture:
    """Draw a picture of a fine class.

    Args:
        label: a position in `CLASS_NAMES`.
    """
    kind, variant = divmod(label, _VARIANTS)
    picture = _body(generator, tuple(BODIES.values())[kind], split)
    crown, wing = divmod(variant, len(MATERIALS))
    materials = tuple(MATERIALS.values())
    chosen = (crown, wing, int(generator.integers(len(materials))))
    covered = np.zeros(picture.shape[:2], dtype=bool)
    centres = []
    together = generator.integers(-SHIFT, SHIFT + 1, size=2)
    for (top, left), material in zip(PLACES.values(), chosen, strict=True):
        down, across = (together + generator.integers(-STRAY, STRAY + 1, size=2)).tolist()
        rows = slice(top + down, top + down + PART_SIDE)
        columns = slice(left + across, left + across + PART_SIDE)
        scrap = _view(generator, materials[material], split, PART_SIDE)
        picture[rows, columns][_ROUND] = _lit(generator, scrap, (225, 288), 8)[_ROUND]
        covered[rows, columns] |= _ROUND
        centres.append((columns.start + PART_SIDE // 2, rows.start + PART_SIDE // 2))
    return FinePicture(picture.astype(np.uint8), covered, tuple(centres))


def coarse_batch(generator: np.random.Generator, size: int) -> tuple[Image8, NDArray[np.int64]]:
    """Draw pictures without parts for pretraining, from the pretraining regions of the photographs.

    Args:
        size: how many, at least 1.

    Returns:
        Pictures uint8 [size, 32, 32, 3] and coarse labels int64 [size], positions in `BODIES`.

    Raises:
        InputError: the size is too small.
    """
    if size < 1:
        raise InputError("coarse_batch", "size", size, expected="at least 1")
    bodies = tuple(BODIES.values())
    labels = generator.integers(len(bodies), size=size)
    pictures = [_body(generator, bodies[label], "pretraining") for label in labels.tolist()]
    return np.stack(pictures).astype(np.uint8), labels


def _body(generator: np.random.Generator, piece: Piece, split: Split) -> Plane:
    return _lit(generator, _view(generator, piece, split, PICTURE_SIDE), (205, 308), 12)


def _view(generator: np.random.Generator, piece: Piece, split: Split, size: int) -> Plane:
    """A square crop of changing place and scale, int64 [size, size, 3]."""
    region = piece_region(piece.photograph, split)
    smallest, largest = piece.sides
    side = int(generator.integers(smallest, min(largest, *region.shape[:2]) + 1))
    top = int(generator.integers(region.shape[0] - side + 1))
    left = int(generator.integers(region.shape[1] - side + 1))
    return _shrunk(region[top : top + side, left : left + side], size)


def _lit(
    generator: np.random.Generator, pixels: Plane, gain: tuple[int, int], offset: int
) -> Plane:
    """Pixels under another light: times a gain (in 256ths), plus an offset up to ``offset``."""
    factor = int(generator.integers(gain[0], gain[1] + 1))
    shift = int(generator.integers(-offset, offset + 1))
    lit: Plane = np.clip((pixels * factor + 128) // 256 + shift, 0, 255)
    return lit


def _shrunk(crop: Image8, size: int) -> Plane:
    """The mean of what each pixel covers of a square crop, rounded half up."""
    side = crop.shape[0]
    overlap = _overlap(side, size)
    # Whole numbers below 2^53, for which sums of doubles are exact in any order.
    channels = [overlap @ crop[..., channel].astype(np.float64) @ overlap.T for channel in range(3)]
    sums = np.stack(channels, axis=-1).astype(np.int64)
    shrunk: Plane = (2 * sums + side * side) // (2 * side * side)
    return shrunk


@cache
def _overlap(side: int, size: int) -> NDArray[np.float64]:
    """How much of each of ``size`` equal parts of a line each of ``side`` covers, [size, side].

    The unit is the length of the line over ``side * size``.
    """
    edges = np.arange(side * size)
    overlap = np.zeros((size, side))
    np.add.at(overlap, (edges // side, edges // size), 1)
    return overlap


def _disc() -> NDArray[np.bool_]:
    disc = np.ones((PART_SIDE, PART_SIDE), dtype=bool)
    disc[np.ix_([0, -1], [0, -1])] = False
    return disc


_ROUND = _disc()
