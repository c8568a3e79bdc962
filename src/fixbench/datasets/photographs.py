"""The real photographs that the suite's small data are made of.

They ship inside the scikit-image and scikit-learn wheels, so nothing is downloaded: files are
opened by path, never through the packages' fetching functions. Each photograph is cut into two
disjoint rectangles: towers are pretrained on one, adapters are trained and tested on the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fixbench.errors import InputError

__all__ = ["PHOTOGRAPHS", "Photograph", "Region", "load_photograph", "photograph_region"]

Image8 = NDArray[np.uint8]
Part = Literal["pretraining", "evaluation"]


class Region(NamedTuple):
    """A half-open rectangle of pixels: rows ``top:bottom``, columns ``left:right``."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Photograph:
    """One photograph and how it is used.

    Attributes:
        noun: what it shows, in the words of captions and prompts.
        kind: ``texture`` (the same stuff everywhere) or ``object``.
        package: the distribution that ships it; ``file``: its path inside the package.
        shape: rows and columns of the whole photograph.
        licence: what the package's documentation says about origin and licence.
        pretraining, evaluation: the two disjoint parts.
        sides: smallest and largest side of a square crop, in pixels of the photograph.
    """

    name: str
    noun: str
    kind: Literal["texture", "object"]
    package: Literal["skimage", "sklearn"]
    file: str
    shape: tuple[int, int]
    licence: str
    pretraining: Region
    evaluation: Region
    sides: tuple[int, int]


_UNSTATED = "licence not stated with the file: see scikit-image"
_MIDDLEBURY = "Middlebury 2014 stereo benchmark (Scharstein et al., GCPR 2014): see scikit-image"


def _bundled(
    name: str,
    noun: str,
    kind: Literal["texture", "object"],
    shape: tuple[int, int],
    licence: str,
    parts: tuple[tuple[int, int, int, int], tuple[int, int, int, int]],
    sides: tuple[int, int],
    *,
    file: str = "",
    package: Literal["skimage", "sklearn"] = "skimage",
) -> Photograph:
    path = file or f"data/{name}.png"
    pretraining, evaluation = (Region(*part) for part in parts)
    return Photograph(
        name, noun, kind, package, path, shape, licence, pretraining, evaluation, sides
    )


_LEFT_RIGHT_512 = ((0, 0, 512, 256), (0, 256, 512, 512))
_TOP_BOTTOM_512 = ((0, 0, 256, 512), (256, 0, 512, 512))

#: Name → photograph, for every photograph in use.
PHOTOGRAPHS = MappingProxyType(
    {
        photograph.name: photograph
        for photograph in (
            _bundled(
                "astronaut",
                "astronaut",
                "object",
                (512, 512),
                "NASA Great Images, portrait of Eileen Collins; public domain",
                _TOP_BOTTOM_512,
                (110, 200),
            ),
            _bundled(
                "brick",
                "brick wall",
                "texture",
                (512, 512),
                "CC0Textures, Bricks25; CC0",
                _LEFT_RIGHT_512,
                (110, 180),
            ),
            _bundled(
                "camera",
                "photographer",
                "object",
                (512, 512),
                "Lav Varshney; CC0",
                ((30, 80, 256, 400), (256, 80, 482, 400)),
                (110, 220),
            ),
            _bundled(
                "cell",
                "cell",
                "object",
                (660, 550),
                "Müller et al., Optics Express 26(8), 2018; CC0",
                ((260, 200, 660, 550), (0, 0, 260, 550)),
                (150, 260),
            ),
            _bundled(
                "chelsea",
                "cat",
                "object",
                (300, 451),
                "Stefan van der Walt; CC0",
                ((0, 0, 300, 230), (0, 230, 300, 451)),
                (90, 150),
            ),
            _bundled(
                "clock_motion",
                "clock",
                "object",
                (300, 400),
                "Stefan van der Walt; public domain",
                ((60, 60, 240, 200), (60, 200, 240, 340)),
                (90, 140),
            ),
            _bundled(
                "coffee",
                "coffee cup",
                "object",
                (400, 600),
                "Rachel Michetti, courtesy of Pikolo Espresso Bar; CC0",
                ((0, 0, 400, 290), (0, 290, 400, 560)),
                (110, 190),
            ),
            _bundled(
                "coins",
                "coin",
                "object",
                (303, 384),
                "Brooklyn Museum, Greek coins from Pompeii; no known copyright restrictions",
                ((0, 0, 152, 384), (152, 0, 303, 384)),
                (70, 110),
            ),
            _bundled(
                "grass",
                "grass",
                "texture",
                (512, 512),
                "linolafett (DeviantArt); CC0",
                _LEFT_RIGHT_512,
                (100, 180),
            ),
            _bundled(
                "gravel",
                "gravel",
                "texture",
                (512, 512),
                "CC0Textures, Gravel04; CC0",
                _LEFT_RIGHT_512,
                (100, 170),
            ),
            _bundled(
                "hubble_deep_field",
                "galaxy",
                "texture",
                (872, 1000),
                "NASA, Hubble eXtreme Deep Field; public domain",
                ((0, 0, 872, 500), (0, 500, 872, 1000)),
                (110, 250),
                file="data/hubble_deep_field.jpg",
            ),
            _bundled(
                "ihc",
                "tissue",
                "texture",
                (512, 512),
                "Center for Microscopy and Molecular Imaging; no known copyright restrictions",
                _TOP_BOTTOM_512,
                (110, 180),
            ),
            _bundled("moon", "moon", "texture", (512, 512), _UNSTATED, _TOP_BOTTOM_512, (110, 220)),
            _bundled(
                "motorcycle_left",
                "motorcycle",
                "object",
                (500, 741),
                _MIDDLEBURY,
                ((100, 0, 480, 370), (100, 370, 480, 741)),
                (130, 260),
            ),
            _bundled(
                "page",
                "page",
                "texture",
                (191, 384),
                _UNSTATED,
                ((0, 0, 191, 192), (0, 192, 191, 384)),
                (80, 150),
            ),
            _bundled(
                "retina",
                "retina",
                "texture",
                (1411, 1411),
                "Mikael Häggström, Medical gallery 2014; CC0",
                ((190, 300, 700, 1150), (720, 300, 1230, 1150)),
                (200, 360),
                file="data/retina.jpg",
            ),
            _bundled(
                "rocket",
                "rocket",
                "object",
                (427, 640),
                "SpaceX, launch of DSCOVR; public domain",
                ((50, 230, 230, 410), (230, 210, 427, 440)),
                (100, 170),
                file="data/rocket.jpg",
            ),
            _bundled(
                "text",
                "handwriting",
                "texture",
                (172, 448),
                "Wikipedia, Corner.png; no known copyright restrictions",
                ((0, 0, 172, 224), (0, 224, 172, 448)),
                (80, 150),
            ),
            _bundled(
                "china",
                "pagoda",
                "object",
                (427, 640),
                "danielbuechele (Flickr 6061409035); CC BY 2.0",
                ((20, 0, 380, 212), (20, 212, 427, 420)),
                (100, 170),
                file="datasets/images/china.jpg",
                package="sklearn",
            ),
            _bundled(
                "flower",
                "flower",
                "object",
                (427, 640),
                "vultilion (Flickr 6056698931); CC BY 2.0",
                ((60, 120, 427, 309), (60, 309, 427, 480)),
                (90, 150),
                file="datasets/images/flower.jpg",
                package="sklearn",
            ),
        )
    }
)


@cache
def load_photograph(name: str) -> Image8:
    """The whole photograph, uint8 [rows, columns, 3], read-only; grey ones are repeated thrice.

    Raises:
        InputError: the name is unknown, or the installed package does not ship the file as
            described.
    """
    if name not in PHOTOGRAPHS:
        known = ", ".join(PHOTOGRAPHS)
        raise InputError("photographs", "name", name, expected=f"one of {known}")
    photograph = PHOTOGRAPHS[name]
    path = files(photograph.package).joinpath(photograph.file)
    distribution = {"skimage": "scikit-image", "sklearn": "scikit-learn"}[photograph.package]
    try:
        with path.open("rb") as stream, Image.open(stream) as image:
            pixels = np.array(image.convert("RGB"))
    except OSError as error:
        expected = f"the photograph that {distribution} ships; reinstall {distribution}"
        raise InputError(str(path), "", expected=expected) from error
    if pixels.shape[:2] != photograph.shape:
        raise InputError(
            str(path),
            "shape",
            pixels.shape[:2],
            expected=f"{photograph.shape}, as in the pinned version of {distribution}",
        )
    pixels.setflags(write=False)
    return pixels


def photograph_region(name: str, part: Part) -> Image8:
    """The ``"pretraining"`` or ``"evaluation"`` part of a photograph, uint8 [rows, columns, 3]."""
    whole = load_photograph(name)
    top, left, bottom, right = getattr(PHOTOGRAPHS[name], part)
    return whole[top:bottom, left:right]
