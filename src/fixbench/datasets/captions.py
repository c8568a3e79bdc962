"""Image-caption pairs for pretraining small CLIP towers.

Pictures come from the pretraining part of every photograph. A small grammar builds captions from
facts that hold for the picture: what it shows, how near, how bright, whether it is grey, tinted,
blurred or turned, and, for the minority that is damaged, that it is damaged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from fixbench.datasets.defects import Severity, apply_defect
from fixbench.datasets.photographs import PHOTOGRAPHS, photograph_region
from fixbench.datasets.prompts import (
    ABNORMAL_STATES,
    NORMAL_STATES,
    PRAISED_STATES,
    SPECIFIC_STATES,
    TEMPLATES,
)
from fixbench.errors import InputError

__all__ = ["BRIGHT", "DARK", "TINT", "caption_batch"]

Image8 = NDArray[np.uint8]

#: Drawn apart from the defects of the anomaly families, over a wider range of strengths.
_SEVERITY = MappingProxyType(
    {
        "crack": Severity(extent=(0.6, 1.3), contrast=(0.5, 1.0)),
        "hole": Severity(extent=(0.2, 0.45), contrast=(0.5, 1.0)),
        "scratch": Severity(extent=(0.6, 1.3), contrast=(0.4, 1.0)),
        "stain": Severity(extent=(0.3, 0.5), contrast=(0.4, 1.0)),
    }
)
#: A crop whose green channel varies less (standard deviation) shows background only.
_EMPTY = 8
_PRAISED, _ALTERED, _MENTIONED = 0.1, 0.15, 0.5
#: Mean luminance (Rec. 601, of 255) below which a picture is dark, above which it is bright.
DARK, BRIGHT = 75, 165
#: How far the mean of one channel must lie above both others (grey levels) for a tint.
TINT = 25


@dataclass(frozen=True)
class _Picture:
    pixels: Image8
    attributes: tuple[str, ...]
    defect: str | None


def caption_batch(
    generator: np.random.Generator,
    size: int,
    image_size: int,
    *,
    subjects: int | None = None,
    damaged: float = 0.25,
) -> tuple[Image8, list[str]]:
    """Draw image-caption pairs.

    Args:
        size: number of pairs, at least 1.
        image_size: rows and columns of an image, at least 32.
        subjects: how many photographs the batch is drawn from; all when omitted. With few, pairs
            differ in their state more than in what they show (hard negatives).
        damaged: share of pictures that show damage, and then the caption says so.

    Returns:
        Images uint8 [size, image_size, image_size, 3] and one caption each.

    Raises:
        InputError: a size is too small.
    """
    for key, value, least in (("size", size, 1), ("image_size", image_size, 32)):
        if value < least:
            raise InputError("caption_batch", key, value, expected=f"at least {least}")
    names = tuple(PHOTOGRAPHS)
    if subjects is not None:
        names = tuple(generator.choice(names, size=subjects, replace=False).tolist())
    images = np.empty((size, image_size, image_size, 3), dtype=np.uint8)
    captions = []
    for index in range(size):
        name = names[generator.integers(len(names))]
        picture = _picture(generator, name, image_size, damaged)
        images[index] = picture.pixels
        captions.append(_caption(generator, PHOTOGRAPHS[name].noun, picture))
    return images, captions


def _picture(
    generator: np.random.Generator, name: str, image_size: int, damaged_share: float
) -> _Picture:
    region = photograph_region(name, "pretraining")
    longest = min(region.shape[:2])
    nearest = min(PHOTOGRAPHS[name].sides[0], longest) * 0.8
    side = int(generator.uniform(nearest, longest))
    pixels = np.zeros((image_size, image_size, 3))
    while pixels[..., 1].std() < _EMPTY:
        top = generator.integers(0, region.shape[0] - side + 1)
        left = generator.integers(0, region.shape[1] - side + 1)
        crop = Image.fromarray(region[top : top + side, left : left + side])
        resized = crop.resize((image_size, image_size), Image.Resampling.BICUBIC)
        pixels = np.asarray(resized, dtype=np.float64)
    attributes = []
    nearness = (side - nearest) / (longest - nearest)
    if nearness < 1 / 3:
        attributes.append("close-up")
    elif nearness > 2 / 3:
        attributes.append("wide")
    pixels, changed = _alter(generator, pixels)
    pixels = pixels + generator.normal(0, 1.5, size=pixels.shape[:2])[..., None]
    image = np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
    defect = None
    if generator.random() < damaged_share:
        kind = tuple(_SEVERITY)[generator.integers(len(_SEVERITY))]
        damaged = apply_defect(image, generator, kind, _SEVERITY[kind])
        if damaged is not None:
            image, defect = damaged[0], kind
    return _Picture(image, (*attributes, *changed, *_appearance(image)), defect)


def _alter(
    generator: np.random.Generator, pixels: NDArray[np.float64]
) -> tuple[NDArray[np.float64], list[str]]:
    """Change colour, brightness, sharpness and orientation, each now and then."""
    attributes = []
    grey, tint, blur, turn = generator.random(4) < _ALTERED
    if grey:
        pixels = np.repeat(pixels @ _LUMINANCE[:, None], 3, axis=2)
    elif tint:
        gains = np.full(3, 0.6)
        gains[generator.integers(3)] = 1.1
        pixels = pixels * gains
    exposure = generator.random()
    if exposure < 0.2:
        pixels = pixels * generator.uniform(0.3, 0.6)
    elif exposure < 0.4:
        pixels = 255 - (255 - pixels) * generator.uniform(0.3, 0.6)
    if blur:
        sigma = generator.uniform(0.025, 0.045) * pixels.shape[0]
        pixels = ndimage.gaussian_filter(pixels, (sigma, sigma, 0), mode="nearest")
        attributes.append("blurry")
    if turn:
        pixels = np.rot90(pixels, k=int(generator.integers(1, 4)))
        attributes.append("rotated")
    return pixels, attributes


_LUMINANCE = np.array([0.299, 0.587, 0.114])


def _appearance(image: Image8) -> list[str]:
    """Attributes that are read off the finished picture."""
    channels = [np.ascontiguousarray(image[..., channel]) for channel in range(3)]
    means = np.array([channel.mean() for channel in channels])
    luminance = means @ _LUMINANCE
    attributes = []
    if luminance < DARK:
        attributes.append("dark")
    elif luminance > BRIGHT:
        attributes.append("bright")
    if np.array_equal(channels[0], channels[1]) and np.array_equal(channels[1], channels[2]):
        attributes.append("gray")
    strongest = int(means.argmax())
    if means[strongest] - np.delete(means, strongest).max() > TINT:
        attributes.append(("reddish", "greenish", "bluish")[strongest])
    return attributes


def _caption(generator: np.random.Generator, noun: str, picture: _Picture) -> str:
    mentioned = [word for word in picture.attributes if generator.random() < _MENTIONED]
    if picture.defect is not None:
        states: Sequence[str] = ABNORMAL_STATES
        if generator.random() < 0.5:
            states = (SPECIFIC_STATES[picture.defect],)
    elif generator.random() < _PRAISED:
        states = PRAISED_STATES
    else:
        states = NORMAL_STATES
    subject = states[int(generator.integers(len(states)))].format(noun)
    if mentioned:
        return f"a {' '.join(mentioned)} photo of {subject}."
    return TEMPLATES[generator.integers(len(TEMPLATES))].format(subject)
