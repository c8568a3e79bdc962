"""TensorBoard: folders of event files, a folder for each run, read by TensorBoard itself.

The folder of a run says its variant and seed: ``mixup/seed3`` or ``mixup_seed3``; without a number
it is a run of the variant that its parent names. Scalars are the metrics; the last step counts.
Needs the package ``tensorboard``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._tables import Place, Table
from fixbench.judging.readers._runs import run_of

__all__ = ["NAME", "TEXT", "read", "recognises"]

NAME = "tensorboard"
TEXT = "folders with events.out.tfevents.* files"


def recognises(folder: Path) -> bool:
    """Whether there is an event file below the folder."""
    return any(True for _ in folder.glob("**/events.out.tfevents.*"))


def read(folder: Path) -> Table:
    """A row for each folder of a run.

    Raises:
        InputError: there is no event file, or ``tensorboard`` is not installed.
    """
    runs = sorted({path.parent for path in folder.glob("**/events.out.tfevents.*")})
    if not runs:
        raise InputError(folder, "", expected=TEXT)
    try:
        from tensorboard.backend.event_processing.event_accumulator import (
            SCALARS,
            TENSORS,
            EventAccumulator,
        )
        from tensorboard.util import tensor_util
    except ImportError:
        expected = "the package 'tensorboard', which reads its files: pip install tensorboard"
        raise InputError(folder, "", expected=expected) from None
    rows: list[dict[str, Any]] = []
    for run in runs:
        events = EventAccumulator(str(run), size_guidance={SCALARS: 0, TENSORS: 0})
        events.Reload()
        variant, seed = run_of(run.relative_to(folder).as_posix())
        row: dict[str, Any] = {"variant": variant}
        if seed is not None:
            row["seed"] = seed
        tags = events.Tags()
        for tag in tags["scalars"]:
            row[tag] = events.Scalars(tag)[-1].value
        for tag in tags["tensors"]:
            value = tensor_util.make_ndarray(events.Tensors(tag)[-1].tensor_proto)
            if value.ndim == 0 and value.dtype.kind in "fiu":
                row[tag] = value.item()
        rows.append(row)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    return Table(
        name=folder.resolve().name,
        columns={name: [row.get(name) for row in rows] for name in columns},
        places=[Place(str(run), 1) for run in runs],
        notes=[f"Read as TensorBoard's: {len(runs)} runs."],
        hints={"variant": ("variant",)},
    )
