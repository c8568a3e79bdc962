"""What tests give a system in place of a job."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import torch

from fixbench.training import Checkpointer, RunContext

__all__ = ["Interrupted", "InterruptingCheckpointer", "MemoryCheckpointer", "make_context"]


class Interrupted(BaseException):
    """A run that is killed; no `Exception`, so that a system does not handle it by accident."""


class MemoryCheckpointer:
    """Keeps the last saved state in memory.

    Attributes:
        saves: how often the run saved.
    """

    def __init__(self) -> None:
        self.saves = 0
        self._state: dict[str, Any] | None = None

    def load(self) -> dict[str, Any] | None:
        return copy.deepcopy(self._state)

    def save(self, state: Mapping[str, Any]) -> None:
        self._state = copy.deepcopy(dict(state))
        self.saves += 1


class InterruptingCheckpointer:
    """Saves by another checkpointer and kills the run right after a save.

    Args:
        checkpointer: what keeps the state, and resumes from it.
        after: the number of the save that is the last, from 1; ``None`` never kills.

    Attributes:
        saves: how often the run saved.
    """

    def __init__(self, checkpointer: Checkpointer, *, after: int | None) -> None:
        self.saves = 0
        self._checkpointer = checkpointer
        self._after = after

    def load(self) -> dict[str, Any] | None:
        return self._checkpointer.load()

    def save(self, state: Mapping[str, Any]) -> None:
        self._checkpointer.save(state)
        self.saves += 1
        if self.saves == self._after:
            raise Interrupted


def make_context(
    root: Path = Path("/"),
    *,
    measure: Collection[str] | None = None,
    parent: Mapping[str, Any] | None = None,
    checkpointer: Checkpointer | None = None,
    device: str = "cpu",
    progress: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> RunContext:
    """The context of one run; without ``checkpointer`` its state is kept in memory."""
    return RunContext(
        root=root,
        device=torch.device(device),
        progress=progress,
        checkpointer=MemoryCheckpointer() if checkpointer is None else checkpointer,
        parent=parent,
        measure=None if measure is None else frozenset(measure),
    )
