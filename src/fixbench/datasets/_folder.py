"""Folders that are written whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixbench.errors import InputError

__all__ = ["whole_folder"]


@contextmanager
def whole_folder(directory: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``directory`` if the block succeeds.

    If it fails, ``directory`` stays as it was.

    Raises:
        InputError: the folder cannot be written.
    """
    partial = directory.with_name(f".{directory.name}.partial")
    previous = directory.with_name(f".{directory.name}.previous")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        shutil.rmtree(previous, ignore_errors=True)
        if directory.exists():
            directory.rename(previous)
        try:
            partial.rename(directory)
        except OSError:
            if previous.exists():
                previous.rename(directory)
            raise
    except OSError as error:
        expected = f"a folder that can be written ({error.strerror or error})"
        raise InputError(directory, "", expected=expected) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(previous, ignore_errors=True)
