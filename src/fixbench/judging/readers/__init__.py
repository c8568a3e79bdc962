"""Folders and files that other tools write: one module a tool, found by what they hold.

A module of this package offers `NAME`, `TEXT` (what it reads, in words), ``recognises(folder)`` and
``read(folder)``, which returns a `Table`. It imports a library of its tool only in ``read``, and
only where it needs one: nothing has to be installed that is not used.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from fixbench.errors import InputError
from fixbench.judging._tables import Table

__all__ = ["Reader", "is_known", "read_folder", "reader_names"]


class Reader(Protocol):
    """What a module of this package offers."""

    NAME: str
    TEXT: str

    def recognises(self, folder: Path) -> bool:
        """Whether the folder, or the file, is one that the tool writes."""

    def read(self, folder: Path) -> Table:
        """Its runs, a row each, or a row for each metric of a run.

        Raises:
            InputError: a file is not what the tool writes, or a library is not installed.
        """


def reader_names() -> list[str]:
    """The readers that there are."""
    return sorted(reader.NAME for reader in _readers())


def is_known(path: Path) -> bool:
    """Whether a reader recognises the file or folder."""
    return any(reader.recognises(path) for reader in _readers())


def read_folder(folder: Path, name: str | None = None) -> Table:
    """The results in a folder of a tool.

    Args:
        name: of the reader; the one that recognises the folder where it is left out.

    Raises:
        InputError: there is no such folder or reader, or no reader recognises the folder.
    """
    if name is not None and name not in reader_names():
        raise InputError("--reader", "", name, expected=f"one of {', '.join(reader_names())}")
    if not folder.exists():
        raise InputError(folder, "", expected="a folder of results that is there")
    for reader in _readers():
        if name == reader.NAME or (name is None and reader.recognises(folder)):
            return reader.read(folder)
    known = "; ".join(f"{reader.NAME}: {reader.TEXT}" for reader in _readers())
    expected = f"a folder that a reader knows ({known}), or a pattern of files such as 'runs/*.csv'"
    raise InputError(folder, "", expected=expected)


def _readers() -> list[Reader]:
    found = [
        cast("Reader", import_module(f"{__name__}.{module.name}"))
        for module in pkgutil.iter_modules(__path__)
        if not module.name.startswith("_")
    ]
    return sorted(found, key=lambda reader: reader.NAME)
