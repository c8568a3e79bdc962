"""What the small event sequences show: objects of eight classes that move over photographs.

A scene is a photograph that pans slowly, with objects that move, cross each other and stop in front
of it. An object is cut out of another photograph by the outline of its class; class, size, speed
and brightness are drawn independently of each other. Pictures are drawn at four times the size in
each direction and averaged, so that motion is smooth.

All arithmetic is on integers, so that a scene is the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.event_sequences import BOX_TYPE
from fixbench.datasets.photographs import photograph_region

__all__ = [
    "AREAS",
    "BACKGROUNDS",
    "COLUMNS",
    "KINDS",
    "LEAST_SEEN",
    "ROWS",
    "SIZES",
    "STEPS",
    "Kind",
    "Part",
    "Scene",
    "Size",
    "draw_scene",
    "outline",
    "scene_region",
]

Plane = NDArray[np.int64]
Mask = NDArray[np.bool_]
Size = Literal["small", "medium", "large"]
Part = Literal["pretraining", "train", "test"]

ROWS, COLUMNS = 64, 96
#: Pictures of a scene for each frame; events happen between them.
STEPS = 10
#: Of an object of which less is seen, in hundredths, there is no box.
LEAST_SEEN = 40
_FINE = 4


class Kind(NamedTuple):
    """How the objects of a class look.

    Attributes:
        photograph: what they are cut out of.
        shape: width and height, in hundredths of the root of the area of their box.
        outline: what of a box they fill: discs (column, row, radius) and rectangles (left, top,
            right, bottom), in 32nds of the box; negative radius, or negative left: what is cut out.
    """

    photograph: str
    shape: tuple[int, int]
    outline: tuple[tuple[int, ...], ...]


#: Class → its objects, in the order of their ids.
KINDS = MappingProxyType(
    {
        "pedestrian": Kind(
            "astronaut",
            (62, 161),
            ((16, 5, 5), (6, 9, 26, 20), (0, 10, 32, 14), (8, 20, 14, 32), (18, 20, 24, 32)),
        ),
        "car": Kind(
            "coffee", (141, 71), ((0, 13, 32, 26), (7, 0, 25, 14), (7, 26, 6), (25, 26, 6))
        ),
        "bicycle": Kind(
            "rocket",
            (110, 91),
            ((7, 24, 8), (7, 24, -5), (25, 24, 8), (25, 24, -5), (8, 20, 24, 24), (15, 0, 19, 22)),
        ),
        "bus": Kind("ihc", (150, 67), ((0, 0, 32, 28), (5, 28, 12, 32), (21, 28, 28, 32))),
        "motorbike": Kind(
            "flower", (115, 87), ((6, 25, 7), (26, 25, 7), (6, 14, 26, 24), (11, 0, 19, 15))
        ),
        "truck": Kind(
            "china", (146, 68), ((0, 0, 20, 27), (22, 9, 32, 27), (6, 27, 5), (26, 27, 5))
        ),
        "tram": Kind(
            "coins", (187, 53), ((0, 8, 32, 30), (13, 0, 19, 8), (3, 30, 9, 32), (23, 30, 29, 32))
        ),
        "wheelchair": Kind(
            "retina", (87, 115), ((12, 20, 12), (12, 20, -7), (4, 0, 9, 20), (9, 15, 32, 20))
        ),
    }
)

BACKGROUNDS = ("brick", "grass", "gravel", "motorcycle_left")

#: Square pixels of a box between small and medium, and medium and large.
AREAS = (144, 576)
#: Size → smallest and largest area of a box, and fastest motion in 16ths of a pixel a frame.
SIZES: MappingProxyType[Size, tuple[int, int, int]] = MappingProxyType(
    {"small": (60, 120, 24), "medium": (190, 480, 32), "large": (660, 1100, 36)}
)


@dataclass(frozen=True)
class _Object:
    """One object: its place at every step, in places of the fine picture."""

    label: int
    mask: Mask
    pixels: Plane
    left: Plane
    top: Plane


@dataclass(frozen=True)
class Scene:
    """One scene: a background and objects, the farthest first."""

    background: Plane
    pan: Plane
    objects: tuple[_Object, ...]

    def pictures(self) -> Iterator[Plane]:
        """Grey pictures, int64 [ROWS, COLUMNS]: the first, then one after each step.

        The unit is a sixteenth of a grey level.
        """
        for step in range(len(self.pan)):
            fine = self._background(step)
            for thing in self.objects:
                rows, columns = _place(thing, step)
                fine[rows, columns][thing.mask] = thing.pixels[thing.mask]
            lines = fine.reshape(ROWS, _FINE, -1).sum(axis=1)
            yield lines.reshape(ROWS, COLUMNS, _FINE).sum(axis=2)

    def boxes(self, step: int) -> NDArray[Any]:
        """The boxes of what is seen after a step, without times, of `BOX_TYPE`."""
        owner = np.full((ROWS * _FINE, COLUMNS * _FINE), -1)
        for number, thing in enumerate(self.objects):
            rows, columns = _place(thing, step)
            owner[rows, columns][thing.mask] = number
        found = []
        for number, thing in enumerate(self.objects):
            if 100 * np.count_nonzero(owner == number) < LEAST_SEEN * np.count_nonzero(thing.mask):
                continue
            height, width = thing.mask.shape
            left, top = int(thing.left[step]), int(thing.top[step])
            corner = (left / _FINE, top / _FINE, width / _FINE, height / _FINE)
            found.append((0, *corner, thing.label, number, 1))
        return np.array(found, dtype=BOX_TYPE)

    def _background(self, step: int) -> Plane:
        top, left = self.pan[step].tolist()
        return self.background[top : top + ROWS * _FINE, left : left + COLUMNS * _FINE].copy()


def _place(thing: _Object, step: int) -> tuple[slice, slice]:
    height, width = thing.mask.shape
    top, left = int(thing.top[step]), int(thing.left[step])
    return slice(top, top + height), slice(left, left + width)


def scene_region(photograph: str, part: Part) -> NDArray[np.uint8]:
    """What of a photograph the scenes of one part are cut from; parts share no pixel.

    Pretraining has a region of its own. Training and testing have the halves of the other one.
    """
    if part == "pretraining":
        return photograph_region(photograph, "pretraining")
    region = photograph_region(photograph, "evaluation")
    axis = 0 if region.shape[0] > region.shape[1] else 1
    first, second = np.split(region, [region.shape[axis] // 2], axis=axis)
    return first if part == "train" else second


def draw_scene(
    generator: np.random.Generator, part: Part, things: Iterable[tuple[int, Size]], *, frames: int
) -> Scene:
    """Draw a scene of ``frames`` frames.

    Args:
        things: label and size of each object.
    """
    steps = frames * STEPS
    name = BACKGROUNDS[int(generator.integers(len(BACKGROUNDS)))]
    background, pan = _panning(generator, scene_region(name, part), steps)
    # What is larger is nearer.
    order = sorted(things, key=lambda thing: tuple(SIZES).index(thing[1]))
    objects = tuple(_object(generator, label, size, part, steps) for label, size in order)
    return Scene(background, pan, objects)


def _panning(
    generator: np.random.Generator, region: NDArray[np.uint8], steps: int
) -> tuple[Plane, Plane]:
    """A dull background and, after each step, its place."""
    twice = _FINE // 2
    rows, columns = ROWS * _FINE // twice, COLUMNS * _FINE // twice
    grey = _grey(region)
    # A narrow region continues as its mirror image.
    grey = np.concatenate([grey, grey[:, ::-1]], axis=1)
    grey = np.concatenate([grey, grey[::-1]], axis=0)
    margin = 8
    top = int(generator.integers(grey.shape[0] - rows - margin + 1))
    left = int(generator.integers(grey.shape[1] - columns - margin + 1))
    view = grey[top : top + rows + margin, left : left + columns + margin]
    contrast = int(generator.integers(45, 85))
    level = int(generator.integers(80, 106))
    dull = np.clip(level + (view - int(view.sum()) // view.size) * contrast // 256, 1, 255)
    fast = generator.integers(-5, 6, size=2)  # 16ths of a pixel a frame
    moved = np.arange(steps + 1)[:, None] * fast * _FINE // (16 * STEPS)
    start = np.where(fast < 0, margin * twice, 0)
    large = dull.repeat(twice, axis=0).repeat(twice, axis=1)
    return large, np.clip(start + moved, 0, margin * twice)


def _object(
    generator: np.random.Generator, label: int, size: Size, part: Part, steps: int
) -> _Object:
    kind = tuple(KINDS.values())[label]
    smallest, largest = SIZES[size][0], SIZES[size][1]
    area = int(generator.integers(smallest, largest + 1))
    root = math.isqrt(area * _FINE * _FINE * 10_000)  # hundredths of a place
    width, height = (max(side * root // 10_000, _FINE) for side in kind.shape)
    mask = outline(kind, width, height)
    if generator.integers(2):
        mask = mask[:, ::-1]
    texture = _texture(generator, scene_region(kind.photograph, part), width, height)
    dark_or_bright = ((20, 46), (205, 246))[int(generator.integers(2))]
    level = int(generator.integers(*dark_or_bright))
    pixels = np.clip(level + texture * level // 160, 1, 255)
    left, top = _path(generator, size, width, height, steps)
    return _Object(label, mask, pixels, left, top)


def _texture(
    generator: np.random.Generator, region: NDArray[np.uint8], width: int, height: int
) -> Plane:
    """A crop of a photograph around zero, at half the resolution of the fine picture."""
    rows, columns = -(-height // 2), -(-width // 2)
    top = int(generator.integers(region.shape[0] - rows + 1))
    left = int(generator.integers(region.shape[1] - columns + 1))
    crop = _grey(region[top : top + rows, left : left + columns])
    large = (crop - int(crop.sum()) // crop.size).repeat(2, axis=0).repeat(2, axis=1)
    return large[:height, :width]


def _path(
    generator: np.random.Generator, size: Size, width: int, height: int, steps: int
) -> tuple[Plane, Plane]:
    """Left and top after each step: straight on in the frame, in half of the cases with a stop."""
    fastest = SIZES[size][2]
    across = int(generator.integers(fastest // 3, fastest + 1)) * (-1, 1)[generator.integers(2)]
    down = int(generator.integers(-fastest // 3, fastest // 3 + 1))
    moving = np.ones(steps, dtype=np.int64)
    if generator.integers(2):
        start = int(generator.integers(steps // 5, steps))
        moving[start : start + steps // 3] = 0
    elapsed = np.concatenate([[0], moving.cumsum()])
    places = []
    for speed, room in ((across, COLUMNS * _FINE - width), (down, ROWS * _FINE - height)):
        moved = elapsed * speed * _FINE // (16 * STEPS)
        low, high = int(-moved.min()), int(room - moved.max())
        start = int(generator.integers(low, high + 1)) if high >= low else room // 2
        places.append(np.clip(start + moved, 0, room))
    return places[0], places[1]


def outline(kind: Kind, width: int, height: int) -> Mask:
    """Which places of a box an object fills, bool [height, width]."""
    # Twice 32nds of the box at the middle of each place, times its extent.
    x = (2 * np.arange(width) + 1) * 32
    y = (2 * np.arange(height)[:, None] + 1) * 32
    mask = np.zeros((height, width), dtype=bool)
    for form in kind.outline:
        if len(form) == 3:
            column, row, radius = form
            across = (x - 2 * column * width) * height
            down = (y - 2 * row * height) * width
            inside = across**2 + down**2 <= (2 * radius * width * height) ** 2
            mask = mask & ~inside if radius < 0 else mask | inside
        else:
            left, top, right, bottom = (2 * edge for edge in form)
            inside = (x >= left * width) & (x < right * width)
            mask |= inside & (y >= top * height) & (y < bottom * height)
    return mask


def _grey(pixels: NDArray[np.uint8]) -> Plane:
    wide = pixels.astype(np.int64)
    grey: Plane = (wide[..., 0] + 2 * wide[..., 1] + wide[..., 2]) // 4
    return grey
