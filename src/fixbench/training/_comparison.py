"""How far two files of weights agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from fixbench.training._checkpointer import load_state

__all__ = ["compare_state_files"]


def compare_state_files(first: Path, second: Path) -> str:
    """One sentence on how far the tensors of two state files agree.

    Raises:
        InputError: as `load_state`.
    """
    one, two = _tensors(load_state(first)), _tensors(load_state(second))
    if one.keys() != two.keys() or any(one[name].shape != two[name].shape for name in one):
        return f"{first} and {second} do not have the same layout"
    if all(torch.equal(one[name], two[name]) for name in one):
        return f"{first} equals {second} bit for bit"
    furthest = max((one[name].float() - two[name].float()).abs().max().item() for name in one)
    return f"{first} differs from {second} by at most {furthest:.3g} in any number"


def _tensors(state: Mapping[str, Any], prefix: str = "") -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, value in state.items():
        if isinstance(value, Mapping):
            found |= _tensors(value, f"{prefix}{name}.")
        elif isinstance(value, Tensor):
            found[f"{prefix}{name}"] = value
    return found
