"""Procedures for the small tier: key steps that real photographs go through, as frame features.

A video is a sequence of key steps and background. In a step an object, cut from a photograph,
moves, grows, is uncovered, turns, is stirred, is stacked or changes into another one in front of a
texture, and fills more and more of the picture. Progress can be seen, but not read off a single
frame: every occurrence starts and ends at other values and has another pace. Each video has its
own tempo, so the number of frames since a step began predicts its progress only roughly.

Frames (48 x 48 RGB) are rendered and turned into features by a fixed transform; only features are
kept. The transform: 32 filters of 5 x 5 x 3 with as many +1 as -1 (blind to brightness), on frames
at half the size, in steps of two; rectified; summed in a grid of 5 x 5 cells; 800 x 128 random
signs; each feature shifted and scaled to zero mean and unit variance on calibration frames. All
sums are of integers, so they are the same on every machine. Features are stored as fixed-point
uint8, which `read_procedures` scales back.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fixbench.datasets.photographs import PHOTOGRAPHS, photograph_region
from fixbench.datasets.procedures import (
    ANNOTATION,
    FEATURES,
    FIXED_POINT_OFFSET,
    FIXED_POINT_SCALE,
    SPLITS,
)
from fixbench.errors import InputError
from fixbench.files import whole_folder

__all__ = ["PROCEDURES", "KeyStep", "generate_procedures"]

Image8 = NDArray[np.uint8]
Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Motion = Literal["slide", "rise", "grow", "reveal", "turn", "stir", "stack", "dissolve"]
Duration = Literal["short", "medium", "long"]


@dataclass(frozen=True)
class KeyStep:
    """What happens in a key step.

    Attributes:
        photograph: the object (a key of `PHOTOGRAPHS`).
        becomes: the object that it turns into, where it does.
    """

    photograph: str
    motion: Motion
    duration: Duration
    becomes: str = ""


#: Task → its key steps in their usual order; in annotations their ids are "1", "2", ….
PROCEDURES: MappingProxyType[str, tuple[KeyStep, ...]] = MappingProxyType(
    {
        "kitchen": (
            KeyStep("coffee", "slide", "short"),
            KeyStep("retina", "stack", "medium"),
            KeyStep("chelsea", "grow", "short"),
            KeyStep("flower", "stir", "long", becomes="china"),
            KeyStep("ihc", "reveal", "medium"),
            KeyStep("astronaut", "turn", "short"),
        ),
        "workshop": (
            KeyStep("camera", "slide", "short"),
            KeyStep("clock_motion", "turn", "medium"),
            KeyStep("rocket", "rise", "short"),
            KeyStep("flower", "stack", "long"),
            KeyStep("ihc", "reveal", "short"),
            KeyStep("cell", "grow", "short"),
            KeyStep("coffee", "dissolve", "short", becomes="china"),
        ),
        "garden": (
            KeyStep("flower", "grow", "short"),
            KeyStep("chelsea", "reveal", "long"),
            KeyStep("china", "turn", "short"),
            KeyStep("astronaut", "dissolve", "medium", becomes="camera"),
            KeyStep("rocket", "rise", "short"),
        ),
    }
)
BACKDROPS = ("brick", "grass", "gravel", "hubble_deep_field")

#: Frames of a step: smallest, median, largest. Up to 9 frames leave progress <= 0.33 without a
#: target, and above 30 the weight of early targets is capped, so both kinds are needed.
LENGTHS: MappingProxyType[Duration, tuple[int, int, int]] = MappingProxyType(
    {"short": (2, 5, 9), "medium": (10, 13, 20), "long": (26, 34, 48)}
)
#: How often a step is left out of a video, and how often it happens again later on.
MISSING: MappingProxyType[Duration, float] = MappingProxyType(
    {"short": 0.12, "medium": 0.35, "long": 0.4}
)
REPEATED: MappingProxyType[Duration, float] = MappingProxyType(
    {"short": 0.3, "medium": 0.1, "long": 0.0}
)
SWAPPED = 0.25
BETWEEN = 0.85
FRAMES = (30, 100)
FRAME_SIZE = 48
FEATURE_COUNT = 128

_SPLIT_NUMBERS = {"train": 0, "val": 1, "test": 2}
#: Of filters, projection and calibration frames: the transform does not depend on the data's seed.
_TRANSFORM_SEED = 128_048
_CALIBRATION_VIDEOS = 2
_MARGIN = 4

_Plan = list[tuple["int | None", int]]


def generate_procedures(
    directory: Path, *, seed: int, train: int = 30, validation: int = 2, test: int = 8
) -> None:
    """Write `PROCEDURES` in EgoProceL's layout to ``directory``, whole or not at all.

    Equal arguments give equal bytes; a video depends on the seed, its task, its split and its
    number only, not on how many others there are.

    Args:
        seed: non-negative.
        train, validation, test: videos of each task in each split, at least one.

    Raises:
        InputError: an argument is out of range, or the folder cannot be written.
    """
    counts = {"train": train, "val": validation, "test": test}
    arguments = {"seed": (seed, 0), "train": (train, 1), "validation": (validation, 1)}
    for key, (value, least) in (arguments | {"test": (test, 1)}).items():
        if value < least:
            raise InputError("generate_procedures", key, value, expected=f"at least {least}")
    annotation: dict[str, dict[str, list[Any]]] = {}
    splits: dict[str, dict[str, list[str]]] = {}
    with whole_folder(Path(directory)) as folder:
        (folder / FEATURES).mkdir(parents=True)
        for number, (task, key_steps) in enumerate(PROCEDURES.items()):
            keys = ("handles", "hdl_actions", "hdl_start_times", "hdl_end_times")
            entry: dict[str, list[Any]] = {key: [] for key in keys}
            annotation[task] = entry
            splits[task] = {}
            for split, count in counts.items():
                handles = [f"{task}_{split}_{index:02d}" for index in range(count)]
                splits[task][split] = handles
                for index, handle in enumerate(handles):
                    generator = np.random.default_rng([seed, number, _SPLIT_NUMBERS[split], index])
                    plan = _plan(key_steps, generator)
                    ends = np.cumsum([length for _, length in plan]).tolist()
                    labels = ["0" if step is None else str(step + 1) for step, _ in plan]
                    values = (handle, labels, [0, *ends[:-1]], ends)
                    for key, value in zip(keys, values, strict=True):
                        entry[key].append(value)
                    frames = _render(key_steps, plan, generator)
                    np.save(folder / FEATURES / f"{handle}.npy", _transform(frames))
        description = f"Synthetic procedures with {counts} videos a task, made by fixbench."
        _write_json(folder / ANNOTATION, annotation)
        _write_json(folder / SPLITS, {"description": description, "seed": seed, "splits": splits})
        _write_json(folder / "SOURCES.json", _sources(seed))


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


# What happens when.


def _plan(key_steps: tuple[KeyStep, ...], generator: np.random.Generator) -> _Plan:
    """(index of the key step, ``None`` for background; frames) of a video's segments."""
    while True:
        tempo = np.exp(generator.normal(0, 0.35))
        present = [generator.random() >= MISSING[step.duration] for step in key_steps]
        order = [index for index, kept in enumerate(present) if kept]
        for position in range(len(order) - 1):
            if generator.random() < SWAPPED:
                order[position : position + 2] = order[position : position + 2][::-1]
        for index in tuple(order):
            if generator.random() < REPEATED[key_steps[index].duration]:
                order.insert(int(generator.integers(order.index(index) + 1, len(order) + 1)), index)
        plan: _Plan = []
        for step in order:
            # Without background between them, two occurrences of a step would be one segment.
            if not plan or plan[-1][0] == step or generator.random() < BETWEEN:
                plan.append((None, int(generator.integers(1, 5))))
            plan.append((step, _length(key_steps[step].duration, tempo, generator)))
        plan.append((None, int(generator.integers(1, 5))))
        frames = sum(length for _, length in plan)
        if len(order) >= 3 and FRAMES[0] <= frames <= FRAMES[1]:
            return plan


def _length(duration: Duration, tempo: float, generator: np.random.Generator) -> int:
    least, median, most = LENGTHS[duration]
    length = round(float(median * tempo * np.exp(generator.normal(0, 0.2))))
    # Reflected at the limits: cut there, the smallest and largest would be the most frequent.
    length = least + abs(length - least)
    return max(most - abs(most - length), least)


# What it looks like.


@dataclass(frozen=True)
class _Occurrence:
    """How a step goes this time.

    What can be seen of it runs from ``first`` to ``last`` as progress ** ``pace``.
    """

    step: KeyStep
    first: float
    last: float
    pace: float
    shift: tuple[int, int]
    turns: float
    angle: float

    def seen(self, progress: float) -> float:
        return float(self.first + (self.last - self.first) * progress**self.pace)


def _occurrence(step: KeyStep, generator: np.random.Generator) -> _Occurrence:
    row, column = generator.integers(-3, 4, size=2)
    return _Occurrence(
        step,
        first=generator.uniform(0, 0.12),
        last=generator.uniform(0.86, 1),
        pace=float(np.exp(generator.normal(0, 0.3))),
        shift=(int(row), int(column)),
        turns=generator.uniform(1.5, 3.5),
        angle=generator.uniform(0, 2 * np.pi),
    )


def _render(key_steps: tuple[KeyStep, ...], plan: _Plan, generator: np.random.Generator) -> Image8:
    """The frames of a video, uint8 [T, FRAME_SIZE, FRAME_SIZE, 3]."""
    names = sorted({name for step in key_steps for name in (step.photograph, step.becomes) if name})
    objects = {name: _object(name, generator) for name in names}
    backdrop = _backdrop(BACKDROPS[generator.integers(len(BACKDROPS))], generator)
    occurrences = [
        None if step is None else _occurrence(key_steps[step], generator) for step, _ in plan
    ]
    count = sum(length for _, length in plan)
    period = 4 * _MARGIN
    walk = generator.choice([-1, 0, 0, 0, 0, 1], size=(count, 2)).cumsum(axis=0)
    walk += generator.integers(period, size=2)
    camera = _MARGIN - np.abs(walk % period - period // 2)  # reflected at the margins
    gain = generator.uniform(0.85, 1.15) * generator.uniform(0.98, 1.02, size=3)
    level = generator.uniform(-15, 15)
    flicker = generator.normal(0, 0.03, size=count)
    frames = np.empty((count, FRAME_SIZE, FRAME_SIZE, 3), dtype=np.uint8)
    time = 0
    for number, (_, length) in enumerate(plan):
        occurrence, progress = occurrences[number], (np.arange(length) + 0.5) / length
        if occurrence is None and number + 1 < len(plan) and generator.random() < 0.5:
            # The object of the next step already lies there.
            occurrence, progress = occurrences[number + 1], np.zeros(length)
        for value in progress:
            down, right = camera[time]
            top, left = _MARGIN + down, _MARGIN + right
            canvas = Image.fromarray(backdrop[top : top + FRAME_SIZE, left : left + FRAME_SIZE])
            if occurrence is not None:
                _draw(canvas, objects, occurrence, float(value), (int(down), int(right)))
            view = np.asarray(canvas, dtype=np.float64) * (gain * (1 + flicker[time])) + level
            view = view + generator.normal(0, 1.5, size=view.shape)
            frames[time] = np.clip(np.rint(view), 0, 255)
            time += 1
    return frames


def _draw(
    canvas: Image.Image,
    objects: dict[str, Image.Image],
    occurrence: _Occurrence,
    progress: float,
    camera: tuple[int, int],
) -> None:
    step, seen = occurrence.step, occurrence.seen(progress)
    picture = objects[step.photograph]
    if step.becomes:
        share = seen if step.motion == "dissolve" else seen / 2
        picture = Image.blend(picture, objects[step.becomes], share)
    row, column, size = FRAME_SIZE / 2, FRAME_SIZE / 2, 10 + 22 * seen
    if step.motion == "slide":
        column += 28 * seen - 14
    elif step.motion == "rise":
        row += 14 - 28 * seen
    elif step.motion == "grow":
        size = 8 + 26 * seen
    elif step.motion == "turn":
        picture = picture.rotate(-170 * seen, Image.Resampling.BILINEAR)
    elif step.motion == "stir":
        angle = occurrence.angle + 2 * np.pi * occurrence.turns * progress
        row, column = row + 9 * np.sin(angle), column + 9 * np.cos(angle)
    places = [(row, column)]
    if step.motion == "stack":
        size = 14.0
        places = [(row + y, column + x) for y in (8, -8) for x in (-14, 0, 14)][: round(6 * seen)]
    pixels = max(round(size), 1)
    picture = picture.resize((pixels, pixels), Image.Resampling.BILINEAR)
    if step.motion == "reveal":
        picture = picture.crop((0, 0, max(round(pixels * seen), 1), pixels))
    for y, x in places:
        # A camera that moves down and right sees objects move up and left.
        top = round(y + occurrence.shift[0] - camera[0] - pixels / 2)
        left = round(x + occurrence.shift[1] - camera[1] - pixels / 2)
        canvas.paste(picture, (left, top), picture)


def _object(photograph: str, generator: np.random.Generator) -> Image.Image:
    """A round piece of a photograph, about the same in every video, RGBA 40 x 40."""
    region = photograph_region(photograph, "evaluation")
    side = round(sum(PHOTOGRAPHS[photograph].sides) / 2 * generator.uniform(0.92, 1.08))
    side = min(side, *region.shape[:2])
    top, left = (
        round(np.clip(0.5 + generator.normal(0, 0.05), 0, 1) * (extent - side))
        for extent in region.shape[:2]
    )
    piece = Image.fromarray(region[top : top + side, left : left + side])
    piece = piece.resize((40, 40), Image.Resampling.BICUBIC)
    disc = Image.new("L", (160, 160))
    ImageDraw.Draw(disc).ellipse([2, 2, 157, 157], fill=255)
    piece.putalpha(disc.reduce(4))
    return piece


def _backdrop(photograph: str, generator: np.random.Generator) -> Image8:
    """A piece of a texture at less contrast, with a margin for the camera's movement."""
    region = photograph_region(photograph, "evaluation")
    side = int(generator.integers(*PHOTOGRAPHS[photograph].sides))
    top, left = (int(generator.integers(extent - side + 1)) for extent in region.shape[:2])
    piece = Image.fromarray(region[top : top + side, left : left + side])
    size = FRAME_SIZE + 2 * _MARGIN
    view = np.asarray(piece.resize((size, size), Image.Resampling.BICUBIC), dtype=np.float64)
    mean = view.mean(axis=(0, 1))
    toned: Image8 = np.clip(np.rint(80 + 0.25 * mean + 0.15 * (view - mean)), 0, 255).astype(
        np.uint8
    )
    return toned


# What is kept of it.


def _transform(frames: Image8) -> Image8:
    """Features of frames, fixed-point uint8 [T, FEATURE_COUNT]."""
    centre, spread = _calibration()
    scaled = FIXED_POINT_SCALE * (_responses(frames) - centre) / spread
    features: Image8 = np.clip(np.rint(FIXED_POINT_OFFSET + scaled), 0, 255).astype(np.uint8)
    return features


def _responses(frames: Image8) -> Floats:
    """Projected filter responses [T, FEATURE_COUNT]: integers, so no order of sums matters."""
    filters, projection = _weights()
    count, half = len(frames), FRAME_SIZE // 2
    small = frames.reshape(count, half, 2, half, 2, 3).sum(axis=(2, 4), dtype=np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(small, (5, 5), axis=(1, 2))[:, ::2, ::2]
    maps = np.maximum(windows.reshape(*windows.shape[:3], -1) @ filters, 0)
    cells = maps.reshape(count, 5, 2, 5, 2, -1).sum(axis=(2, 4))
    responses: Floats = cells.reshape(count, -1) @ projection
    return responses


@cache
def _weights() -> tuple[Floats, Floats]:
    """Filters [75, 32] of 37 times +1, 37 times -1 and one 0; projection [800, 128] of signs."""
    generator = np.random.default_rng([_TRANSFORM_SEED, 0])
    balanced = np.repeat([1.0, -1.0, 0.0], [37, 37, 1])
    filters = np.stack([generator.permutation(balanced) for _ in range(32)], axis=1)
    signs = generator.choice([-1.0, 1.0], size=(5 * 5 * 32, FEATURE_COUNT))
    return filters, signs


@cache
def _calibration() -> tuple[Floats, Floats]:
    """Mean and standard deviation of the responses to calibration frames, as whole numbers."""
    responses = []
    for number, key_steps in enumerate(PROCEDURES.values()):
        for index in range(_CALIBRATION_VIDEOS):
            generator = np.random.default_rng([_TRANSFORM_SEED, 1, number, index])
            plan = _plan(key_steps, generator)
            responses.append(_responses(_render(key_steps, plan, generator)))
    pooled = np.concatenate(responses)
    return np.rint(pooled.mean(axis=0)), np.rint(pooled.std(axis=0))


def _sources(seed: int) -> dict[str, Any]:
    used = {
        name for steps in PROCEDURES.values() for s in steps for name in (s.photograph, s.becomes)
    }
    photographs = {
        name: {
            "package": PHOTOGRAPHS[name].package,
            "file": PHOTOGRAPHS[name].file,
            "licence": PHOTOGRAPHS[name].licence,
            "region": PHOTOGRAPHS[name].evaluation._asdict(),
        }
        for name in sorted((used | set(BACKDROPS)) - {""})
    }
    steps = {
        task: {str(i + 1): asdict(step) for i, step in enumerate(key_steps)}
        for task, key_steps in PROCEDURES.items()
    }
    return {
        "description": "Features of frames rendered from real photographs, made by fixbench.",
        "seed": seed,
        "key_steps": steps,
        "photographs": photographs,
    }
