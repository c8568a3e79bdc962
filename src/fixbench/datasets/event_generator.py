"""Small event sequences, in the layout of Gen4 and eTraM.

A pixel of a sensor fires when the logarithm of its brightness has changed by a threshold since it
last fired, once for each threshold passed. Brightness is that of `event_scenes`; a few events more
come from nothing, as in real sensors. `stacked_histogram` makes frames of the events.

Frames are 64 x 96 and 50 ms long; a sequence has ten. Every second frame is labelled, as RVT thins
Gen4's labels to 10 Hz.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.event_scenes import (
    BACKGROUNDS,
    COLUMNS,
    KINDS,
    ROWS,
    SIZES,
    STEPS,
    Part,
    Scene,
    Size,
    draw_scene,
)
from fixbench.datasets.event_sequences import (
    WINDOW_US,
    Events,
    Sequence,
    Split,
    stacked_histograms,
    write_event_sequences,
)
from fixbench.datasets.photographs import PHOTOGRAPHS
from fixbench.errors import InputError
from fixbench.files import whole_folder

__all__ = [
    "FRAMES",
    "LABELLED_EVERY",
    "OBJECTS",
    "THRESHOLD",
    "events_of",
    "generate_events",
    "generate_pretraining",
    "make_sequence",
]

FRAMES = 10
#: In each sequence.
OBJECTS = 3
LABELLED_EVERY = 2
#: Change of brightness at which a pixel fires, in 256ths of an octave: a half, or 41 %.
THRESHOLD = 128
#: Events of no cause come at most so often a step, in the whole frame.
_NOISE = 3
#: Marks the stream of random numbers that deals out objects.
_DEALING = 1
#: Split → its number in seeds, and what its scenes are cut from.
_SPLITS: dict[str, tuple[int, Part]] = {
    "train": (0, "train"),
    "val": (1, "train"),
    "test": (2, "test"),
    "pretraining": (3, "pretraining"),
}


def generate_events(
    directory: Path, *, seed: int, train: int = 48, validation: int = 8, test: int = 32
) -> None:
    """Write sequences and ``SOURCES.json`` to ``directory``, whole or not at all.

    Equal arguments give equal bytes; a sequence depends on the seed, its split and its number only,
    not on how many others there are.

    Args:
        seed: non-negative.
        train, validation, test: sequences of each split, at least one.

    Raises:
        InputError: an argument is out of range, or the folder cannot be written.
    """
    counts: dict[Split, int] = {"train": train, "val": validation, "test": test}
    arguments = {"seed": (seed, 0), "train": (train, 1), "validation": (validation, 1)}
    for key, (value, least) in (arguments | {"test": (test, 1)}).items():
        if value < least:
            raise InputError("generate_events", key, value, expected=f"at least {least}")
    with whole_folder(Path(directory)) as folder:
        for split, count in counts.items():
            sequences = [
                make_sequence(f"{split}_{index:02d}", seed, split, index) for index in range(count)
            ]
            write_event_sequences(folder, split, sequences)
        sources = json.dumps(_sources(seed), indent=2, ensure_ascii=False) + "\n"
        (folder / "SOURCES.json").write_text(sources, encoding="utf-8")


def generate_pretraining(directory: Path, *, seed: int, count: int) -> None:
    """Write sequences for pretraining, as the split ``train`` of a folder of their own.

    They are too many to be tracked. Their scenes share no pixel of a photograph with those of
    `generate_events`.

    Raises:
        InputError: an argument is out of range, or the folder cannot be written.
    """
    for key, value, least in (("seed", seed, 0), ("count", count, 1)):
        if value < least:
            raise InputError("generate_pretraining", key, value, expected=f"at least {least}")
    with whole_folder(Path(directory)) as folder:
        for index in range(count):
            sequence = make_sequence(f"{index:04d}", seed, "pretraining", index)
            write_event_sequences(folder, "train", [sequence])


def make_sequence(
    name: str, seed: int, split: Split | Literal["pretraining"], index: int
) -> Sequence:
    """Draw a scene with a box in every labelled frame, and record it."""
    number, part = _SPLITS[split]
    generator = np.random.default_rng([seed, number, index])
    things = _things(seed, number, index)
    labelled = np.arange(LABELLED_EVERY - 1, FRAMES, LABELLED_EVERY)
    ends = WINDOW_US * (1 + np.arange(FRAMES))
    while True:
        scene = draw_scene(generator, part, things, frames=FRAMES)
        boxes = [scene.boxes((frame + 1) * STEPS) for frame in labelled.tolist()]
        if all(len(found) for found in boxes):
            break
    for found, time in zip(boxes, ends[labelled].tolist(), strict=True):
        found["t"] = time
    return Sequence(
        name=name,
        histograms=stacked_histograms(events_of(scene, generator), ends),
        boxes=tuple(boxes),
        labelled=labelled,
        time_us=ends,
        class_names=tuple(KINDS),
    )


def _things(seed: int, split: int, index: int) -> list[tuple[int, Size]]:
    """Label and size of the objects of a sequence.

    Eight sequences in a row have every class once in every size, dealt out by chance.
    """
    pairs = [(label, size) for label in range(len(KINDS)) for size in SIZES]
    together, place = divmod(index, len(pairs) // OBJECTS)
    order = np.random.default_rng([seed, split, together, _DEALING]).permutation(len(pairs))
    dealt = order[place * OBJECTS : (place + 1) * OBJECTS]
    return [pairs[pair] for pair in dealt.tolist()]


def events_of(scene: Scene, generator: np.random.Generator) -> Events:
    """What a sensor that starts with the first picture says of a scene.

    The events of a pixel in a step are spread evenly over it.
    """
    step_us = WINDOW_US // STEPS
    pictures = scene.pictures()
    reference = _logarithms()[next(pictures)]
    parts: list[NDArray[np.int64]] = []
    for step, picture in enumerate(pictures):
        change = _logarithms()[picture] - reference
        count = np.abs(change) // THRESHOLD
        reference += np.sign(change) * count * THRESHOLD
        y, x = np.nonzero(count)
        times = count[y, x]
        fired = np.repeat(np.arange(len(y)), times)
        order = np.arange(len(fired)) - np.repeat(np.cumsum(times) - times, times)
        t = step_us * step + step_us * (order + 1) // (times[fired] + 1)
        p = (change[y, x] > 0).astype(np.int64)
        parts.append(np.stack([t, x[fired], y[fired], p[fired]]))
        parts.append(_noise(generator, step_us * step, step_us))
    t, x, y, p = np.concatenate(parts, axis=1)
    order = np.argsort(t, kind="stable")
    return Events(t[order], x[order], y[order], p[order], ROWS, COLUMNS)


def _noise(generator: np.random.Generator, start: int, length: int) -> NDArray[np.int64]:
    count = int(generator.integers(_NOISE + 1))
    limits = np.array([[length - 1], [COLUMNS], [ROWS], [2]])
    noise: NDArray[np.int64] = generator.integers(limits, size=(4, count)) + np.array(
        [[start + 1], [0], [0], [0]]
    )
    return noise


@cache
def _logarithms() -> NDArray[np.int64]:
    """256 times the binary logarithm of brightness, rounded down, for every value of a picture."""
    return np.array([_logarithm(value) for value in range(16 * 255 + 1)])


def _logarithm(value: int) -> int:
    """By repeated squaring of whole numbers: functions of a processor differ in the last digit."""
    number = max(value, 1)
    whole = number.bit_length() - 1
    logarithm = whole
    mantissa = (number << 32) >> whole  # 1 to 2, with 32 binary digits
    for _ in range(8):
        mantissa = mantissa * mantissa >> 32
        logarithm *= 2
        if mantissa >> 33:
            mantissa >>= 1
            logarithm += 1
    return logarithm


def _sources(seed: int) -> dict[str, Any]:
    used = {kind.photograph for kind in KINDS.values()} | set(BACKGROUNDS)
    return {
        "description": "Events of scenes made of real photographs, in the layout in which RVT "
        "keeps Prophesee's 1 Mpx data set and eTraM, made by fixbench; no recording of either.",
        "seed": seed,
        "classes": {name: kind.photograph for name, kind in KINDS.items()},
        "photographs": {
            name: {
                "package": PHOTOGRAPHS[name].package,
                "file": PHOTOGRAPHS[name].file,
                "licence": PHOTOGRAPHS[name].licence,
                "region": PHOTOGRAPHS[name].evaluation._asdict(),
            }
            for name in sorted(used)
        },
    }
