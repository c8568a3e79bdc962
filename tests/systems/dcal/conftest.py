"""A model small enough to check by hand."""

from __future__ import annotations

from typing import Any

import torch

from fixbench.systems.dcal._model import DualCrossAttention
from fixbench.systems.dcal._options import ModelOptions
from fixbench.systems.dcal._vit import initialise

#: Every width differs from every other, so that a wrong axis cannot go unnoticed: 9 patches, 10
#: tokens, width 12 in 3 heads of 4, hidden width 24, 2 blocks.
TRUNK = {
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
                parameter += deviation * torch.randn_like(parameter)
    return model


def make_images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, TRUNK["image"], TRUNK["image"], dtype=torch.float64)
