"""State on disk: written whole or not at all, with bytes that depend on the values alone."""

from __future__ import annotations

import hashlib
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

#: Between the content of a state file and the SHA-256 of the content.
_MARK = b"\0fixbench-sha256:"


@dataclass(frozen=True)
class FileCheckpointer:
    """The `Checkpointer` of one run: one file, replaced at every save.

    A file that is damaged is as good as none: the run starts again, and says so.
    """

    path: Path

    def load(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            return load_state(self.path, checksum=True)
        except InputError:
            print(f"fixbench: {self.path} is damaged: the run starts again", file=sys.stderr)
            return None

    def save(self, state: Mapping[str, Any]) -> None:
        save_state(self.path, state, checksum=True)


def save_state(path: Path, state: Mapping[str, Any], *, checksum: bool = False) -> None:
    """Write ``state`` with ``torch.save``, atomically; equal states give equal bytes.

    Args:
        checksum: whether a checksum follows. Tracked files have none: DVC keeps theirs.

    Raises:
        TypeError: ``state`` holds something besides tensors, numbers, strings, ``None``, `Row`
            and dictionaries, lists and tuples of these. Nothing else can be read back safely.
    """
    buffer = io.BytesIO()  # a path would put the file's name into the bytes
    torch.save(_canonical(state), buffer, pickle_protocol=2)
    content = buffer.getvalue()
    write_bytes(path, content + _seal(content) if checksum else content)


def load_state(path: Path, *, checksum: bool = False) -> dict[str, Any]:
    """Read what `save_state` wrote, tensors on the CPU, without running any code of the file's.

    Args:
        checksum: whether a file without a checksum is refused; one that is there always counts.

    Raises:
        InputError: the file is missing, truncated, damaged or not a state file.
    """
    try:
        content = _checked(path.read_bytes(), required=checksum)
        with torch.serialization.safe_globals([Row]):
            state = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise InputError(path, "", expected="a checkpoint; run the job that writes it") from None
    except (RuntimeError, OSError, EOFError, LookupError, ValueError, pickle.PickleError):
        state = None
    except (TypeError, AttributeError, ArithmeticError, MemoryError):  # of a damaged file
        state = None
    if not isinstance(state, dict):
        raise InputError(
            path, "", expected="a complete checkpoint written by fixbench; delete it and run again"
        )
    return state


def _seal(content: bytes) -> bytes:
    return _MARK + hashlib.sha256(content).digest()


def _checked(content: bytes, *, required: bool) -> bytes:
    """The content of a state file without its checksum.

    Raises:
        ValueError: the checksum is that of another content, or missing where it is required.
    """
    end = len(content) - len(_seal(b""))
    if end < 0 or not content[end:].startswith(_MARK):
        if required:
            raise ValueError("there is no checksum")
        return content
    if content[end:] != _seal(content[:end]):
        raise ValueError("the checksum is that of another content")
    return content[:end]


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
