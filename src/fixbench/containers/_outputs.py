"""What a command has written, checked and moved to its place."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from fixbench.errors import InputError
from fixbench.files import whole_file

__all__ = ["collect", "within"]


def within(root: Path, path: Path) -> Path:
    """The path in ``root`` without ``..``, so that nothing is written elsewhere.

    Raises:
        InputError: it is not in ``root``.
    """
    plain = Path(os.path.normpath(root / path))
    if root not in plain.parents:
        raise InputError(path, "", expected=f"a path in {root}, the working directory")
    return plain


def collect(made: Mapping[Path, Path]) -> None:
    """Move outputs to their places, once all of them are found to be plain files.

    A link is refused: it could make the host read another file.

    Args:
        made: place → where the command wrote.

    Raises:
        InputError: an output is missing or not a plain file, or its place cannot be written.
    """
    for path, source in made.items():
        try:
            plain = stat.S_ISREG(source.lstat().st_mode)
        except FileNotFoundError:
            expected = "an output of the command, which ended without writing it"
            raise InputError(path, "", expected=expected) from None
        if not plain:
            raise InputError(path, "", expected="a plain file as output, no link or folder")
    umask = os.umask(0)
    os.umask(umask)
    for path, source in made.items():
        try:
            source.chmod(0o666 & ~umask)  # as a new file, and without the set-user-id bit
            _move(source, path)
        except OSError as error:
            expected = f"a place where the output can be written ({error.strerror})"
            raise InputError(path, "", expected=expected) from None


def _move(source: Path, target: Path) -> None:
    """In one step, to another file system too."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with whole_file(target) as partial:
            shutil.copyfile(source, partial)
