"""Small models for the tests of the YOWO system, and one deterministic thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions

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
