"""A tiny data set in EgoProceL's layout and the real ablation's options for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fixbench.datasets.procedures import ProcedureTask, read_procedures
from fixbench.systems.alignment import Options, Trainer
from fixbench.systems.alignment._loop import Clip, to_clips

from ..conftest import changed_options

ABLATION = Path(__file__).parents[3] / "ablations" / "lambda_rescaling" / "ablation.yaml"
#: Every width differs from every other, so that a wrong axis cannot go unnoticed.
FEATURES = 5
TINY = {
    "encoder__features": FEATURES,
    "encoder__channels": [6, 8],
    "encoder__embedding": 8,
    "encoder__heads": 3,
    "encoder__head_widths": [7],
    "encoder__attention_widths": [9, 4],
    "progress__hidden": 11,
    "progress__linear": 10,
    "objective__drop_widths": [12],
    "objective__loss__frames": 6,
    "objective__loss__components": 2,
    "objective__loss__fit_calls": 1,
    "training__steps": 3,
    "training__probes": 2,
    "training__evaluations": 1,
    "measures__curve_lengths": [20, 30],
}
#: Two tasks: label and frames of each segment, "0" is background.
SEGMENTS = (("0", 2), ("1", 10), ("0", 1), ("2", 5), ("3", 2), ("0", 3))


def write_procedures(
    folder: Path, *, train: int = 4, extra: int = 0, width: int = FEATURES
) -> Path:
    """Two tasks with ``train`` training, one validation and two test videos of 23 + n frames."""
    (folder / "egoprocel" / "features").mkdir(parents=True)
    annotation: dict[str, Any] = {}
    splits: dict[str, Any] = {}
    generator = np.random.default_rng(3)
    for task in ("cook", "repair"):
        entry: dict[str, list[Any]] = {
            name: [] for name in ("handles", "hdl_actions", "hdl_start_times", "hdl_end_times")
        }
        names: dict[str, list[str]] = {"train": [], "val": [], "test": []}
        for number, part in enumerate(["train"] * train + ["val"] + ["test"] * 2):
            handle = f"{task}_{number}"
            names[part].append(handle)
            lengths = [length for _, length in SEGMENTS]
            lengths[1] += number % 3 + extra
            ends = np.cumsum(lengths).tolist()
            entry["handles"].append(handle)
            entry["hdl_actions"].append([label for label, _ in SEGMENTS])
            entry["hdl_start_times"].append([0, *ends[:-1]])
            entry["hdl_end_times"].append(ends)
            values = generator.standard_normal((ends[-1], width)).cumsum(axis=0)
            np.save(folder / "egoprocel" / "features" / f"{handle}.npy", values.astype(np.float32))
        annotation[task], splits[task] = entry, names
    (folder / "egoprocel.json").write_text(json.dumps(annotation))
    (folder / "data_splits.json").write_text(json.dumps({"splits": splits}))
    return folder


@pytest.fixture(scope="session")
def procedures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_procedures(tmp_path_factory.mktemp("procedures") / "tiny")


@pytest.fixture(scope="session")
def train_tasks(procedures: Path) -> tuple[ProcedureTask, ...]:
    return read_procedures(procedures, split="train")


@pytest.fixture(scope="session")
def test_tasks(procedures: Path) -> tuple[ProcedureTask, ...]:
    return read_procedures(procedures, split="test")


@pytest.fixture(scope="session")
def clips(train_tasks: tuple[ProcedureTask, ...]) -> list[list[Clip]]:
    return to_clips(train_tasks, torch.device("cpu"))


MakeOptions = Callable[..., Options]


@pytest.fixture(scope="session")
def make_options(procedures: Path) -> MakeOptions:
    """A variant's options in the smoke tier, tiny, with dotted changes (``__`` for the dot)."""

    def make(variant: str = "lav_on_global", **changes: Any) -> Options:
        changes = TINY | {"data": str(procedures)} | changes
        return Options.model_validate(changed_options(ABLATION, variant, "smoke", changes))

    return make


MakeTrainer = Callable[..., Trainer]


@pytest.fixture(scope="session")
def make_trainer(make_options: MakeOptions, clips: list[list[Clip]]) -> MakeTrainer:
    """A trainer of a variant's tiny options."""

    def make(variant: str = "lav_on_global", *, seed: int = 7, **changes: Any) -> Trainer:
        return Trainer(make_options(variant, **changes), seed, clips, device=torch.device("cpu"))

    return make
