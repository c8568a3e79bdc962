"""What a system is handed for one run, and what it hands back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from fixbench.results import Row

__all__ = ["Checkpointer", "Diverged", "Failed", "Outcome", "RunContext", "System"]


class Diverged(Exception):  # noqa: N818
    """Training left the finite numbers: the run ends and is counted as diverged.

    Args:
        rows: what was measured before.
        stage: where it happened.
        step: the step of that stage.
    """

    def __init__(self, rows: list[Row], *, stage: str, step: int) -> None:
        super().__init__(f"non-finite loss in stage {stage!r} at step {step}")
        self.rows = rows
        self.stage = stage
        self.step = step


class Failed(Exception):  # noqa: N818
    """A run that went through and still shows nothing: it ends and is counted as failed.

    Args:
        rows: what was measured before.
        stage: where it was noticed.
        step: the step of that stage.
        reason: why, for the log.
    """

    def __init__(self, rows: list[Row], *, stage: str, step: int, reason: str) -> None:
        super().__init__(f"failed in stage {stage!r} at step {step}: {reason}")
        self.rows = rows
        self.stage = stage
        self.step = step


class Checkpointer(Protocol):
    """Where a run leaves its state, so that a killed job continues and ends with the same bytes."""

    def load(self) -> dict[str, Any] | None:
        """The state saved last by this run, or ``None`` at its start."""

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the saved state, atomically."""


@dataclass(frozen=True)
class RunContext:
    """Everything a run needs besides its options and its seed.

    Attributes:
        root: the folder that tracked inputs (``data/…``, ``checkpoints/…``) are relative to.
        parent: the state that the variant named by ``starts_from`` left for the same seed.
        device: where tensors live.
        progress: called with (stage, steps done, steps in all).
        checkpointer: in-training state.
        measure: the parts of the run to measure, by the system's names; ``None`` for all.
        save_seconds: a save that comes sooner after the one before is left out; 0 for none.
    """

    root: Path
    device: torch.device
    progress: Callable[[str, int, int], None]
    checkpointer: Checkpointer
    parent: Mapping[str, Any] | None = None
    measure: frozenset[str] | None = None
    save_seconds: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """The rows of a finished run and the state (tensors) that other variants may start from."""

    rows: list[Row]
    state: dict[str, Any] = field(default_factory=dict)


class System(Protocol):
    """What a module named by ``system:`` in an ablation file offers.

    ``Options`` is a pydantic model that refuses unknown keys and wrong types; ``run`` trains and
    measures one seed. Its result depends on nothing but its arguments.
    """

    Options: type[Any]

    def run(self, options: Any, seed: int, context: RunContext) -> Outcome:
        """Train and measure one seed."""
