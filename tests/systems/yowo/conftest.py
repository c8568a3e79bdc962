"""Small models for the tests of the YOWO system, and one deterministic thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from fixbench.ablation import load_ablation, resolve_options
from fixbench.datasets import generate_scenes
from fixbench.systems.yowo._cache import Recipe, cache_features, pretrain
from fixbench.systems.yowo._material import ClipFormat
from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions
from fixbench.systems.yowo._run_options import Options

ABLATION = Path(__file__).parents[3] / "ablations" / "scene_context" / "ablation.yaml"

#: The published configuration.
PUBLISHED: dict[str, Any] = {
    "yolo11": "m",
    "detect_layer": True,
    "x3d_widths": [24, 48, 96, 192],
    "x3d_depths": [3, 5, 11, 7],
    "head_dim": 128,
}


@pytest.fixture(scope="session", autouse=True)
def _one_deterministic_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    deterministic = torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)


def model_options(**changes: Any) -> ModelOptions:
    """The smallest model of the family, with ``changes``."""
    options = {
        "yolo11": "n",
        "x3d_widths": [8, 8, 16, 16],
        "x3d_depths": [1, 1, 2, 1],
        "head_dim": 32,
    } | changes
    return ModelOptions.model_validate(options)


def context(kind: str = "global", **changes: Any) -> SceneContextOptions:
    """A scene context as documented, with ``changes``."""
    return SceneContextOptions.model_validate({"kind": kind} | changes)


def recipe(**changes: Any) -> Recipe:
    """Two steps of pretraining the smallest model on four videos."""
    recipe: dict[str, Any] = {
        "seed": 1,
        "videos": 4,
        "steps": 2,
        "batch": 4,
        "rate": 1e-3,
        "weight_decay": 5e-4,
        "model": model_options(levels=["P4"]),
        "clips": ClipFormat(side=112, length=4, rate=2, gap=7),
    } | changes
    return Recipe(**recipe)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five videos of either set, one of each subset and one more; three frames each."""
    directory = tmp_path_factory.mktemp("data") / "scenes"
    generate_scenes(directory, seed=6, train_videos=5, test_videos=5)
    return directory


@pytest.fixture(scope="session")
def trunk_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smallest model, pretrained for two steps."""
    path = tmp_path_factory.mktemp("checkpoints") / "trunk.pt"
    pretrain(path, recipe(), progress=lambda *_: None)
    return path


@pytest.fixture(scope="session")
def features_file(trunk_file: Path, scenes: Path) -> Path:
    """Its features of all frames of `scenes`."""
    path = trunk_file.with_name("features.pt")
    cache_features(path, trunk_file, scenes)
    return path


MakeOptions = Callable[..., Options]


@pytest.fixture(scope="session")
def make_options(trunk_file: Path, features_file: Path, scenes: Path) -> MakeOptions:
    """A variant's options on the smallest model, for a few steps; ``__`` stands for a dot."""
    ablation = load_ablation(ABLATION)

    def make(variant: str, **changes: Any) -> Options:
        options = resolve_options(ablation, variant, "extended")
        changes = {
            "model__x3d_widths": [8, 8, 16, 16],
            "model__head_dim": 32,
            "training__steps": 4,
            "training__batch": 4,
            "measures__checkpoints": [0.0, 0.5, 1.0],
            "measures__initialisations": 2,
            "measures__width": 32,
            "measures__oracle_steps": 2,
            "pretrained": str(trunk_file),
            "features": str(features_file),
            "data": str(scenes),
        } | changes
        for key, value in changes.items():
            *parents, last = key.split("__")
            node = options
            for parent in parents:
                node = node[parent]
            assert last in node
            node[last] = value
        return Options.model_validate(options)

    return make
