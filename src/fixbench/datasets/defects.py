"""Procedural surface defects with exact masks.

An operator draws a shape (anti-aliased coverage in [0, 1]) and alters the image where the
coverage is positive. The mask then follows from what can be seen: a pixel belongs to it if the
change in its strongest channel is at least `VISIBLE` grey levels, or if it lies between such
pixels (morphological closing by a disc) inside the drawn shape, as an annotator would
fill it. Every pixel outside the mask gets its original value back, so mask and change agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

__all__ = ["AREA", "DEFECTS", "VISIBLE", "Severity", "apply_defect"]

Image8 = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Plane = NDArray[np.float64]

#: Smallest change (grey levels of 255, strongest channel) that counts as visible.
VISIBLE = 12
#: Smallest and largest share of the image that a mask covers.
AREA = (0.015, 0.20)
_BRIDGE = np.hypot(*np.mgrid[-3:4, -3:4]) < 3.5
_SMALLEST_ISLAND = 5
_SUPERSAMPLING = 4
_ATTEMPTS = 200


@dataclass(frozen=True)
class Severity:
    """How large and how strong defects are drawn.

    Attributes:
        extent: range of the diameter (length, for lines) as a share of the image side.
        contrast: range of the strength; 1 replaces the surface or shifts it by about 100 grey
            levels, more on a surface whose own contrast would hide the change.
    """

    extent: tuple[float, float]
    contrast: tuple[float, float]


Operator = Callable[
    [Plane, np.random.Generator, float, float, "Image8 | None"], tuple[Plane, Plane]
]


def apply_defect(
    image: Image8,
    generator: np.random.Generator,
    kind: str,
    severity: Severity,
    *,
    donor: Image8 | None = None,
) -> tuple[Image8, Mask] | None:
    """Damage one image.

    Shapes are redrawn until the mask covers a share of the image within `AREA`.

    Args:
        image: uint8 [H, W, 3], square or nearly so.
        kind: a key of `DEFECTS`.
        donor: uint8 [H, W, 3], the foreign surface that ``contamination`` shows.

    Returns:
        The damaged image (uint8 [H, W, 3]) and its mask (bool [H, W]); ``None`` when the surface
        does not let this defect be seen (a smudge on a flat surface).
    """
    original = image.astype(np.float64)
    for _ in range(_ATTEMPTS):
        extent = generator.uniform(*severity.extent)
        contrast = generator.uniform(*severity.contrast)
        altered, coverage = DEFECTS[kind](original, generator, extent, contrast, donor)
        damaged, mask = _settle(image, altered, coverage > 0)
        if AREA[0] <= mask.mean() <= AREA[1]:
            return damaged, mask
    return None


def _settle(image: Image8, altered: Plane, support: Mask) -> tuple[Image8, Mask]:
    candidate = np.clip(np.rint(altered), 0, 255).astype(np.uint8)
    change = np.abs(candidate.astype(np.int16) - image).max(axis=2)
    visible = (change >= VISIBLE) & support
    bridged = ndimage.binary_closing(visible, _BRIDGE)
    mask = (visible | bridged) & support
    islands, count = ndimage.label(mask, np.ones((3, 3)))
    sizes = np.bincount(islands.ravel(), minlength=count + 1)
    sizes[0] = 0
    mask = sizes[islands] >= _SMALLEST_ISLAND
    return np.where(mask[..., None], candidate, image), mask


def _scratch(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A slightly wavering line, lighter or darker than what it crosses."""
    side = min(image.shape[:2])
    points = _walk(generator, image.shape, length=extent * side, wobble=0.12)
    width = generator.uniform(0.025, 0.06) * side
    coverage = _lines(image.shape, [(points, width, width * generator.uniform(0.4, 1.0))])
    return _shift(image, generator, coverage, contrast), coverage


def _crack(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A dark jagged line that branches and tapers."""
    side = min(image.shape[:2])
    trunk = _walk(generator, image.shape, length=extent * side, wobble=0.55)
    width = generator.uniform(0.025, 0.045) * side
    strokes = [(trunk, width, width * 0.5)]
    for _branch in range(generator.integers(1, 4)):
        start = trunk[generator.integers(1, len(trunk) - 1)]
        length = extent * side * generator.uniform(0.25, 0.5)
        branch = _walk(generator, image.shape, length=length, wobble=0.55, start=start)
        strokes.append((branch, width * 0.75, width * 0.35))
    coverage = _lines(image.shape, strokes)
    dark = image.mean(axis=(0, 1)) * generator.uniform(0.05, 0.3)
    opacity = coverage[..., None] * (0.45 + 0.55 * contrast)
    return image * (1 - opacity) + dark * opacity, coverage


def _stain(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A soft-edged tinted patch through which the surface still shows."""
    coverage = _blob(generator, image.shape, extent, softness=0.25)
    strength = 0.35 + 0.65 * contrast
    tint = generator.uniform(0.15, 1.0, size=3)
    stained = image * (1 - strength * (1 - tint))
    return image + coverage[..., None] * (stained - image), coverage


def _hole(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A dark ellipse, deeper on one side, with a rim that catches light on the other."""
    rows, columns = image.shape[:2]
    side = min(rows, columns)
    semi = 0.5 * extent * side * np.array([1.0, generator.uniform(0.55, 1.0)])
    centre = generator.uniform(0.15, 0.85, size=2) * (rows, columns)
    angle, light = generator.uniform(0, 2 * np.pi, size=2)
    y, x = np.mgrid[:rows, :columns] + 0.5
    dy, dx = y - centre[0], x - centre[1]
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = dy * np.cos(angle) - dx * np.sin(angle)
    radius = np.sqrt((along / semi[0]) ** 2 + (across / semi[1]) ** 2)
    distance = (radius - 1) * semi.min()
    inside = np.clip(0.5 - distance, 0, 1)
    rim = np.clip(1 - np.abs(distance - 1.0), 0, 1)
    lit = (dx * np.cos(light) + dy * np.sin(light)) / semi.max()
    depth = (0.5 + 0.5 * contrast) * (0.85 + 0.15 * np.clip(lit, -1, 1))
    altered = image * (1 - (inside * depth)[..., None])
    altered = altered + (rim * np.clip(lit, -0.6, 1) * 70 * (0.4 + contrast))[..., None]
    return altered, np.maximum(inside, rim)


def _contamination(
    image: Plane,
    generator: np.random.Generator,
    extent: float,
    contrast: float,
    donor: Image8 | None,
) -> tuple[Plane, Plane]:
    """A scrap of another surface, with a thin shadow along its edge."""
    if donor is None:
        raise ValueError("contamination needs a donor image")
    coverage = _blob(generator, image.shape, extent, softness=0.06)
    foreign = np.roll(donor, tuple(generator.integers(0, donor.shape[0], size=2)), axis=(0, 1))
    shadow = ndimage.shift(coverage, (1.5, 1.5), order=1) * (1 - coverage)
    opacity = coverage * (0.6 + 0.4 * contrast)
    altered = image * (1 - 0.35 * shadow[..., None])
    altered = altered * (1 - opacity[..., None]) + foreign * opacity[..., None]
    return altered, np.maximum(coverage, shadow)


def _smudge(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A wiped patch under a greasy film: blurred, mostly along one direction, and hazy."""
    side = min(image.shape[:2])
    coverage = _blob(generator, image.shape, extent, softness=0.15)
    long, short = (0.03 + 0.06 * contrast) * side, 0.02 * side
    sigma = (long, short, 0) if generator.random() < 0.5 else (short, long, 0)
    blurred = ndimage.gaussian_filter(image, sigma, mode="nearest")
    film = blurred + _sign(generator) * (8 + 16 * contrast)
    return image + coverage[..., None] * (film - image), coverage


def _bend(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A dent: the surface is pushed aside around a point and catches light on one slope."""
    rows, columns = image.shape[:2]
    side = min(rows, columns)
    centre = generator.uniform(0.2, 0.8, size=2) * (rows, columns)
    angle = generator.uniform(0, 2 * np.pi)
    radius = 0.5 * extent * side
    y, x = np.mgrid[:rows, :columns].astype(np.float64)
    window = np.clip(1 - ((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / radius**2, 0, 1) ** 1.5
    push = (0.06 + 0.08 * contrast) * side * window
    source = np.stack([y - push * np.sin(angle), x - push * np.cos(angle)])
    warped = np.stack(
        [
            ndimage.map_coordinates(image[..., channel], source, order=1, mode="reflect")
            for channel in range(3)
        ],
        axis=-1,
    )
    slope_y, slope_x = np.gradient(window)
    slope = slope_y * np.sin(angle) + slope_x * np.cos(angle)
    shading = slope / np.abs(slope).max() * (12 + 28 * contrast)
    return warped + shading[..., None], window


def _missing(
    image: Plane, generator: np.random.Generator, extent: float, contrast: float, _: Image8 | None
) -> tuple[Plane, Plane]:
    """A chipped-off piece: an angular patch without the surface's pattern, lighter or darker."""
    side = min(image.shape[:2])
    count = generator.integers(5, 9)
    angles = np.sort(generator.uniform(0, 2 * np.pi, size=count))
    radii = 0.5 * extent * side * generator.uniform(0.6, 1.1, size=count)
    centre = generator.uniform(0.12, 0.88, size=2) * image.shape[:2]
    corners = centre + radii[:, None] * np.stack([np.sin(angles), np.cos(angles)], axis=1)
    coverage = _polygon(image.shape, corners)
    bare = ndimage.gaussian_filter(image, (0.12 * side, 0.12 * side, 0), mode="nearest")
    bare = bare + _sign(generator) * contrast * 45 + generator.normal(0, 4, size=image.shape)
    return image + coverage[..., None] * (bare - image), coverage


#: Name → operator. An operator takes the image (float64), the generator, an extent and a
#: contrast drawn from the `Severity`, and the donor; it returns what it drew and its coverage.
DEFECTS: MappingProxyType[str, Operator] = MappingProxyType(
    {
        "bend": _bend,
        "contamination": _contamination,
        "crack": _crack,
        "hole": _hole,
        "missing": _missing,
        "scratch": _scratch,
        "smudge": _smudge,
        "stain": _stain,
    }
)


def _sign(generator: np.random.Generator) -> float:
    return 1.0 if generator.random() < 0.5 else -1.0


def _shift(image: Plane, generator: np.random.Generator, coverage: Plane, contrast: float) -> Plane:
    """Replace the surface by a line's colour, which differs from what is below it."""
    below = (image * coverage[..., None]).sum(axis=(0, 1)) / coverage.sum()
    amplitude = 25 + 75 * contrast + 0.4 * image.std()
    # Away from the nearer end of the grey scale, or the line would be clipped to invisibility.
    room = np.array([below.mean(), 255 - below.mean()])
    direction = -1.0 if generator.random() < room[0] / room.sum() else 1.0
    colour = below + direction * amplitude + generator.normal(0, 6, size=3)
    opacity = coverage[..., None] * (0.6 + 0.4 * contrast)
    shifted: Plane = image * (1 - opacity) + colour * opacity
    return shifted


def _walk(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    *,
    length: float,
    wobble: float,
    start: Plane | None = None,
) -> Plane:
    """Points (row, column) of a random walk of ``length`` pixels; ``wobble`` in radians a step."""
    steps = 10
    if start is None:
        start = generator.uniform(0.15, 0.85, size=2) * shape[:2]
        inward = np.asarray(shape[:2]) / 2 - start
        heading = np.arctan2(inward[0], inward[1]) + generator.uniform(-0.9, 0.9)
    else:
        heading = generator.uniform(0, 2 * np.pi)
    headings = heading + np.cumsum(generator.normal(0, wobble, size=steps))
    moves = np.stack([np.sin(headings), np.cos(headings)], axis=1) * length / steps
    return np.concatenate([start[None], start + np.cumsum(moves, axis=0)])


def _lines(shape: tuple[int, ...], strokes: list[tuple[Plane, float, float]]) -> Plane:
    """Coverage of polylines, each (points, width at its start, width at its end), in pixels."""

    def draw(canvas: ImageDraw.ImageDraw) -> None:
        for points, first, last in strokes:
            widths = np.linspace(first, last, len(points)) * _SUPERSAMPLING
            xy = points[:, ::-1] * _SUPERSAMPLING
            for index in range(len(xy) - 1):
                segment = [tuple(xy[index]), tuple(xy[index + 1])]
                canvas.line(segment, fill=255, width=max(1, round(widths[index])))
                reach = widths[index + 1] / 2
                x, y = xy[index + 1]
                canvas.ellipse([x - reach, y - reach, x + reach, y + reach], fill=255)

    return _coverage(shape, draw)


def _polygon(shape: tuple[int, ...], corners: Plane) -> Plane:
    points = [tuple(point) for point in corners[:, ::-1] * _SUPERSAMPLING]
    return _coverage(shape, lambda canvas: canvas.polygon(points, fill=255))


def _coverage(shape: tuple[int, ...], draw: Callable[[ImageDraw.ImageDraw], None]) -> Plane:
    """What share of each pixel a drawing covers, by drawing it larger."""
    rows, columns = shape[:2]
    canvas = Image.new("L", (columns * _SUPERSAMPLING, rows * _SUPERSAMPLING))
    draw(ImageDraw.Draw(canvas))
    return np.asarray(canvas.reduce(_SUPERSAMPLING), dtype=np.float64) / 255


def _blob(
    generator: np.random.Generator, shape: tuple[int, ...], extent: float, *, softness: float
) -> Plane:
    """Coverage of a smooth irregular blob of about ``extent`` of the side in diameter.

    Its outline is a circle whose radius varies with the angle (three harmonics); ``softness`` is
    the width of the edge as a share of the radius, at least one pixel.
    """
    rows, columns = shape[:2]
    radius = 0.5 * extent * min(rows, columns)
    centre = generator.uniform(0.15, 0.85, size=2) * (rows, columns)
    y, x = np.mgrid[:rows, :columns] + 0.5
    dy, dx = y - centre[0], (x - centre[1]) * generator.uniform(0.7, 1.4)
    angle = np.arctan2(dy, dx)
    outline = np.ones_like(angle)
    for harmonic in (2, 3, 5):
        weight = generator.uniform(0, 0.45) / harmonic
        outline += weight * np.cos(harmonic * angle + generator.uniform(0, 2 * np.pi))
    edge = max(1.0, softness * radius)
    coverage: Plane = np.clip((radius * outline - np.hypot(dy, dx)) / edge + 0.5, 0, 1)
    return coverage
