"""Small event sequences and a small detector for the tests of whole runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fixbench.datasets.event_sequences import BOX_TYPE, Sequence, write_event_sequences
from fixbench.systems.event_detector._options import ModelOptions
from fixbench.systems.event_detector._pretraining import Recipe, pretrain
from fixbench.systems.event_detector._run_options import Options, TrainingOptions

CLASS_NAMES = ("small", "medium", "large")
#: Width and height of an object of each class; areas between them are 60 and 250.
SIZES = ((6, 5), (13, 11), (25, 20))


def make_sequence(
    name: str,
    seed: int,
    *,
    frames: int = 6,
    rows: int = 32,
    columns: int = 64,
    sizes: tuple[tuple[int, int], ...] = SIZES,
    objects: int = 2,
) -> Sequence:
    """Bright rectangles that move; events where a pixel changes, in the second half of the bins
    where it becomes brighter. Every second frame is labelled.
    """
    draw = np.random.default_rng(seed)
    histograms = draw.poisson(0.02, (frames, 20, rows, columns)).astype(np.uint8)
    kinds = [(seed + number) % len(sizes) for number in range(objects)]
    boxes: list[Any] = []
    start = [draw.uniform(0, [columns - sizes[k][0], rows - sizes[k][1]]) for k in kinds]
    speed = draw.uniform(-4, 4, (objects, 2))
    labelled = np.arange(1, frames, 2)
    for frame in range(frames):
        here = []
        for number, kind in enumerate(kinds):
            width, height = sizes[kind]
            before, after = (
                np.clip(start[number] + speed[number] * step, 0, [columns - width, rows - height])
                for step in (frame, frame + 1)
            )
            images = np.zeros((2, rows, columns), dtype=int)
            for image, (x, y) in zip(images, (before, after), strict=True):
                image[round(y) : round(y) + height, round(x) : round(x) + width] = 1
                # A pattern by class, so that classes are told apart by more than their size.
                image[round(y) : round(y) + height : kind + 2, round(x) : round(x) + width] = 0
            change = images[1] - images[0]
            histograms[frame, 10:15][:, change > 0] += 3
            histograms[frame, :5][:, change < 0] += 3
            x, y = after
            here.append(((frame + 1) * 50_000, round(x), round(y), width, height, kind, number, 1))
        boxes.append(np.array(here, dtype=BOX_TYPE))
    return Sequence(
        name=name,
        histograms=histograms,
        boxes=tuple(boxes[frame] for frame in labelled),
        labelled=labelled,
        time_us=50_000 * (1 + np.arange(frames)),
        class_names=CLASS_NAMES,
    )


def write_data(folder: Path, *, train: int, test: int, **changes: Any) -> None:
    """Both splits."""
    for split, first, count in (("train", 0, train), ("test", 1000, test)):
        sequences = [
            make_sequence(f"{number:03}", first + number, **changes) for number in range(count)
        ]
        write_event_sequences(folder, split, sequences)  # type: ignore[arg-type]


def small_model(**changes: Any) -> ModelOptions:
    """The smallest detector."""
    options = {"classes": 3, "embed": 8, "head_width": 8, "partition": [1, 2], "depth": 0.33}
    return ModelOptions.model_validate(options | changes)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four training and three test sequences of six frames."""
    folder = tmp_path_factory.mktemp("events")
    write_data(folder, train=4, test=3)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, data: Path) -> Path:
    """The smallest detector, pretrained for two steps."""
    path = tmp_path_factory.mktemp("checkpoints") / "detector.pt"
    training = TrainingOptions(part="whole", steps=2, samples=2, length=3, learning_rate=1e-3)
    pretrain(path, Recipe(1, 1, small_model(), training), data=data, progress=lambda *_: None)
    return path


MakeOptions = Callable[..., Options]


@pytest.fixture(scope="session")
def make_options(data: Path, checkpoint: Path) -> MakeOptions:
    """Options of a short run; keyword arguments change groups of them."""

    def make(**changes: dict[str, Any]) -> Options:
        options: dict[str, Any] = {
            "model": {"attention": {}} | small_model().model_dump(exclude={"attention"}),
            "loss": {},
            "training": {
                "part": "heads",
                "steps": 4,
                "samples": 2,
                "length": 3,
                "learning_rate": 1e-3,
                "evaluations": 2,
            },
            "evaluation": {"areas": [60.0, 250.0], "skip_us": 0, "diagonal": 5.0, "side": 2.0},
            "pretrained": str(checkpoint),
            "data": str(data),
        }
        for group, values in changes.items():
            options[group] = options[group] | values if isinstance(values, dict) else values
        return Options.model_validate(options)

    return make
