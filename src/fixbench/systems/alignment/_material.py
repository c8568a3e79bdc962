"""The videos of a run."""

from __future__ import annotations

import functools
from itertools import chain
from pathlib import Path
from typing import Literal

import torch

from fixbench.datasets.procedures import ProcedureTask, join_videos, read_procedures
from fixbench.errors import InputError
from fixbench.systems.alignment._loop import Clip, to_clips
from fixbench.systems.alignment._metrics import action_frames
from fixbench.systems.alignment._options import DataOptions, Options
from fixbench.training import RunContext

__all__ = ["Videos"]

Split = Literal["train", "test"]


@functools.cache
def _tasks(root: Path, settings: str, split: Split) -> tuple[ProcedureTask, ...]:
    """The videos of a split; ``settings`` are `DataOptions` as JSON, which can be a key."""
    data = DataOptions.model_validate_json(settings)
    tasks = read_procedures(
        root / data.folder,
        split=split,
        frame_rate=data.frame_rate,
        length_mismatch=data.length_mismatch,
        empty_steps=data.empty_steps,
    )
    return tasks if data.join is None else tuple(join_videos(task, data.join) for task in tasks)


@functools.cache
def _clips(root: Path, settings: str, split: Split, device: str) -> list[list[Clip]]:
    """Of all seeds: they read the same videos."""
    return to_clips(_tasks(root, settings, split), torch.device(device))


class Videos:
    """The videos of both splits, on the device of the run.

    Raises:
        InputError: the model or the loop cannot use them.
    """

    def __init__(self, options: Options, context: RunContext) -> None:
        source = context.root, options.data.model_dump_json()
        device = str(context.device)
        self.train_tasks, self.test_tasks = _tasks(*source, "train"), _tasks(*source, "test")
        self.train = _clips(*source, "train", device)
        self.test = list(chain.from_iterable(_clips(*source, "test", device)))
        self.test_frames = action_frames(self.test_tasks)
        where = options.data.folder
        found = tuple(self.test[0].features.shape[1:])
        wanted, light = options.encoder.features, options.encoder.base == "light"
        if found[0] != wanted or len(found) != (1 if light else 3):
            shape = f"({wanted},)" if light else f"({wanted}, h, w)"
            expected = f"{shape} for each frame, as encoder.features and encoder.base say"
            raise InputError(where, "features", found, expected=expected)
        for task, clips in zip(self.train_tasks, self.train, strict=True):
            if len(clips) < 2:
                expected = "at least two training videos a task, which make a batch"
                raise InputError(where, f"{task.name}: train", len(clips), expected=expected)
