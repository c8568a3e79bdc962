"""Files and folders that are written whole or not at all.

The content is written beside its place, under the name ``.NAME.partial``, and then renamed, which
the file system does in one step. A reader, or a process that is killed at any moment, therefore
finds the old content or the new one. A partial file that a killed process left behind is
overwritten by the next attempt.

Nothing is flushed to the disk (``fsync``): a checkpoint is saved every few seconds, and a flush may
take as long. After a power failure a file can thus be empty. Every reader refuses such a file by
name, and every file can be made again.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

from fixbench.errors import InputError

__all__ = [
    "NotWrittenError",
    "check_output",
    "plain_json",
    "whole_file",
    "whole_folder",
    "write_bytes",
    "write_json",
    "write_text",
]


def check_output(path: Path, option: str) -> None:
    """Refuse a file that cannot be written, before the work whose result it is to hold.

    Nothing is made: a folder that is missing needs a parent that can be written to.

    Args:
        option: where the path was given, for the message.

    Raises:
        InputError: it is a folder, or no file can be made there.
    """
    problem = None
    if path.is_dir():
        problem = "this is a folder"
    else:
        existing = path.parent
        while not existing.exists() and existing != existing.parent:
            existing = existing.parent
        if not existing.is_dir():
            problem = f"{existing} is no folder"
        elif not os.access(existing, os.W_OK | os.X_OK):
            problem = f"{existing} cannot be written to"
    if problem is not None:
        given = str(path) if path.name else ""
        expected = f"the path of a file that can be written ({problem})"
        raise InputError(option, "", given, expected=expected)


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path to write to; what is there when the block succeeds becomes ``path``.

    If the block fails, ``path`` stays as it was. The folder is made if it is missing.

    The name of the path to write to depends on ``path`` alone, because some formats (such as
    that of ``torch.save``) carry the name of their file.

    Raises:
        NotWrittenError: the file cannot be written.
    """
    if not path.name:
        raise InputError(path, "", expected="the name of a file")
    partial = path.with_name(f".{path.name}.partial")
    with _written(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        try:
            yield partial
        except OSError as error:
            # Of the file itself, not of another one that the block reads.
            if str(partial) not in str(error) and error.errno not in _NO_SPACE:
                raise
            raise NotWrittenError(path, error) from error
        # A block that has written nothing is a bug, not a disk's.
        with _written(path) if partial.exists() else nullcontext():
            os.replace(partial, path)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


#: A disk or a quota that is full; such an error does not say of which file.
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Turn a failure to make ``path`` into the message that names it."""
    try:
        yield
    except OSError as error:
        raise NotWrittenError(path, error) from error


class NotWrittenError(InputError, OSError):
    """A file that cannot be written: one message, and still the error of the operating system."""

    def __init__(self, path: Path, error: OSError) -> None:
        problem = error.strerror or str(error)
        super().__init__(path, "", expected=f"a file that can be written ({problem})")
        self.errno, self.strerror = error.errno, error.strerror

    def __str__(self) -> str:
        return str(self.args[0])


def write_bytes(path: Path, content: bytes) -> None:
    """Write ``content`` to ``path``, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write ``content`` to ``path`` in UTF-8, whole or not at all."""
    with whole_file(path) as partial:
        partial.write_text(content, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON with a fixed layout (sorted keys, two spaces), whole or not at all.

    A number that is not finite, which JSON does not have, becomes "NaN" or "Infinity".
    """
    text = json.dumps(plain_json(content), indent=2, sort_keys=True, ensure_ascii=False)
    write_text(path, text + "\n")


def plain_json(content: Any) -> Any:
    """What a reader finds in the JSON that `write_json` writes."""
    from pydantic_core import to_json  # slow to import, and a container's launcher needs no JSON

    return json.loads(to_json(content, inf_nan_mode="strings"))


@contextmanager
def whole_folder(directory: Path) -> Iterator[Path]:
    """An empty folder to fill, which takes the place of ``directory`` if the block succeeds.

    If the block fails, ``directory`` stays as it was.

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
