"""State on disk: written whole or not at all, with bytes that depend on the values alone."""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from fixbench.errors import InputError
from fixbench.files import write_bytes
from fixbench.results import Row

__all__ = ["FileCheckpointer", "load_state", "save_state"]


@dataclass(frozen=True)
class FileCheckpointer:
    """The `Checkpointer` of one run: one file, replaced at every save."""

    path: Path

    def load(self) -> dict[str, Any] | None:
        return load_state(self.path) if self.path.exists() else None

    def save(self, state: Mapping[str, Any]) -> None:
        save_state(self.path, state)


def save_state(path: Path, state: Mapping[str, Any]) -> None:
    """Write ``state`` with ``torch.save``, atomically; equal states give equal bytes.

    Raises:
        TypeError: ``state`` holds something besides tensors, numbers, strings, ``None``, `Row`
            and dictionaries, lists and tuples of these. Nothing else can be read back safely.
    """
    buffer = io.BytesIO()  # a path would put the file's name into the bytes
    torch.save(_canonical(state), buffer, pickle_protocol=2)
    write_bytes(path, buffer.getvalue())


def load_state(path: Path) -> dict[str, Any]:
    """Read what `save_state` wrote, tensors on the CPU, without running any code of the file's.

    Raises:
        InputError: the file is missing, truncated or not a state file.
    """
    try:
        with torch.serialization.safe_globals([Row]):
            state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(path, "", expected="a checkpoint; run the job that writes it") from None
    except (RuntimeError, OSError, EOFError, LookupError, ValueError, pickle.PickleError):
        state = None
    if not isinstance(state, dict):
        raise InputError(
            path, "", expected="a complete checkpoint written by fixbench; delete it and run again"
        )
    return state


def _canonical(value: Any) -> Any:
    """A copy without sharing: pickle writes repeated objects as references, so that bytes would
    otherwise depend on which equal objects happen to be the same one."""
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().clone(memory_format=torch.contiguous_format)
    if isinstance(value, str):
        return sys.intern(str(value))
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return int(value) if isinstance(value, int) else float(value)
    if isinstance(value, Row):
        stage, metric, status = map(_canonical, (value.stage, value.metric, value.status))
        return Row(stage, int(value.step), metric, float(value.value), status)
    if isinstance(value, Mapping):
        return {_canonical(key): _canonical(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_canonical(item) for item in value]
    if isinstance(value, tuple):
        return tuple(_canonical(item) for item in value)
    raise TypeError(f"a state cannot hold {type(value).__qualname__}: {value!r:.80}")
