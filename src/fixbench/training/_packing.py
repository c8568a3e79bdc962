"""Weights in a quarter of their size, for checkpoints that are tracked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

__all__ = ["pack_weights", "unpack_weights"]


def pack_weights(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Matrices and kernels as int8 with a scale for each output channel, the rest as it is."""
    packed: dict[str, Any] = {}
    for name, value in state.items():
        if value.ndim < 2:
            packed[name] = value
            continue
        scale = value.abs().amax(dim=tuple(range(1, value.ndim)), keepdim=True).clamp(min=1e-12)
        packed[name] = {"scale": scale / 127, "steps": (value / scale * 127).round().to(torch.int8)}
    return packed


def unpack_weights(packed: Mapping[str, Any]) -> dict[str, Tensor]:
    """What `pack_weights` made, as floating-point numbers again."""
    return {
        name: value if isinstance(value, Tensor) else value["steps"] * value["scale"]
        for name, value in packed.items()
    }
