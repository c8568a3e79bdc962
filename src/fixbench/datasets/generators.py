"""Which data sets there are, and what generates each."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, cast

from fixbench.errors import InputError

__all__ = ["GENERATORS", "SEED", "generate", "generate_into"]

#: Of the tracked data. Another seed makes other data of the same kind.
SEED = 111

#: Data set, a folder in ``data/`` → the module and the function that write it.
#: Modules are named, not imported: each brings the libraries that it draws with.
GENERATORS = MappingProxyType(
    {
        "aa_clip": "fixbench.datasets.anomaly_generator:generate_families",
        "alignment": "fixbench.datasets.procedure_generator:generate_procedures",
        "dcal": "fixbench.datasets.part_generator:generate_fine_grained",
        "events": "fixbench.datasets.event_generator:generate_events",
        "yowo": "fixbench.datasets.scene_generator:generate_scenes",
    }
)


class Generator(Protocol):
    """Writes one data set to a folder, whole or not at all. Equal seeds give equal bytes."""

    def __call__(self, directory: Path, *, seed: int) -> None: ...


def generate(name: str, folder: Path, *, seed: int = SEED) -> None:
    """Write the data set ``name`` to ``folder / name``.

    Raises:
        InputError: there is no such data set, or the folder cannot be written.
    """
    generate_into(folder / name, name, seed=seed)


def generate_into(directory: Path, name: str, *, seed: int) -> None:
    """Write the data set ``name`` to ``directory`` itself.

    Raises:
        InputError: there is no such data set, or the folder cannot be written.
    """
    if name not in GENERATORS:
        raise InputError("data sets", "name", name, expected=f"one of {', '.join(GENERATORS)}")
    module, function = GENERATORS[name].split(":")
    write = cast("Generator", getattr(import_module(module), function))
    write(directory, seed=seed)
