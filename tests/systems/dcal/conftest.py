"""A model small enough to check by hand, and a tiny data set in a real layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fixbench.systems.dcal._model import DualCrossAttention
from fixbench.systems.dcal._options import ModelOptions, Options
from fixbench.systems.dcal._vit import initialise

#: Every width differs from every other, so that a wrong axis cannot go unnoticed: 9 patches, 10
#: tokens, width 12 in 3 heads of 4, hidden width 24, 2 blocks.
TRUNK: dict[str, Any] = {
    "image": 12,
    "patch": 4,
    "width": 12,
    "depth": 2,
    "heads": 3,
    "mlp_ratio": 2,
    "dropout": 0.0,
    "drop_path": 0.0,
}


def make_model(
    *,
    trunk: dict[str, Any] | None = None,
    glca: dict[str, Any] | None = None,
    pwca: dict[str, Any] | None = None,
    loss_weights: dict[str, Any] | None = None,
    classes: int = 5,
    deviation: float = 0.3,
) -> DualCrossAttention:
    """A model in float64 whose weights are large enough for attention to be uneven."""
    options = ModelOptions.model_validate(
        {
            "trunk": TRUNK | (trunk or {}),
            "pretrained": None,
            "glca": glca or {},
            "pwca": pwca or {},
            "loss_weights": loss_weights or {},
        }
    )
    model = DualCrossAttention(options, classes).double()
    initialise(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if not name.startswith("loss_weights"):
                parameter.add_(deviation * torch.randn_like(parameter))
    return model


def make_images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, TRUNK["image"], TRUNK["image"], dtype=torch.float64)


CLASSES = 5


def write_birds(folder: Path, *, train: int = 24, test: int = 15) -> Path:
    """Pictures in the layout of CUB-200-2011; a class is known by the place of a bright square."""
    generator = np.random.default_rng(4)
    lists: dict[str, list[str]] = {
        name: [] for name in ("images", "image_class_labels", "train_test_split")
    }
    for number in range(1, train + test + 1):
        label = number % CLASSES
        pixels = generator.integers(0, 120, (14, 14, 3), dtype=np.uint8)
        pixels[2 * label : 2 * label + 5, 4:9] += 130
        name = f"{label + 1:03d}.Bird/{number}.png"
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        lists["images"].append(f"{number} {name}")
        lists["image_class_labels"].append(f"{number} {label + 1}")
        lists["train_test_split"].append(f"{number} {int(number <= train)}")
    classes = [f"{number} {number:03d}.Bird" for number in range(1, CLASSES + 1)]
    for name, lines in (lists | {"classes": classes}).items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture(scope="session")
def birds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_birds(tmp_path_factory.mktemp("birds") / "tiny")


MakeOptions = Callable[..., Options]


@pytest.fixture(scope="session")
def make_options(birds: Path) -> MakeOptions:
    """Options of a tiny run, the documented state before the fix, with dotted changes (``__``)."""

    def make(**changes: Any) -> Options:
        options: dict[str, Any] = {
            "data": {"folder": str(birds), "layout": "cub", "test_sample": 20, "margin": 2},
            "model": {
                "trunk": dict(TRUNK),
                "pretrained": None,
                "glca": {},
                "pwca": {},
                "loss_weights": {},
            },
            "learning_rate": {"rule": "linear", "base": 0.1},
            "optimiser": {"kind": "adam", "weight_decay": 0.05},
            "training": {"steps": 6, "physical_batch": 4, "accumulation": 2},
            "measures": {"evaluations": 3, "published": False},
        }
        for key, value in changes.items():
            *parents, last = key.split("__")
            node = options
            for parent in parents:
                node = node[parent]
            node[last] = value
        return Options.model_validate(options)

    return make
