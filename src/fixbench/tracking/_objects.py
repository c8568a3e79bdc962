"""Objects: the contents of tracked files, each under its MD5, in the remote and in the cache."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixbench.errors import InputError
from fixbench.files import whole_file


def store(root: Path) -> Path:
    """The remote inside the repository."""
    return root / ".dvc" / "store"


def stored(root: Path, md5: str) -> Path:
    """Where the remote inside the repository keeps an object."""
    return _object(store(root), md5)


def cached(root: Path, md5: str) -> Path:
    """Where DVC's cache keeps an object."""
    return _object(root / ".dvc" / "cache", md5)


def intact(path: Path, md5: str) -> bool:
    """Whether there is a file with this content."""
    return path.is_file() and md5_of(path) == md5


def check_stored(root: Path, md5: str) -> None:
    """Refuse an object of the remote whose content is not what its name says.

    An object that is not there passes: it may be in the cache, or in another remote.

    Raises:
        InputError: the object is damaged, or a folder stands where it, or its copy in the cache,
            would be.
    """
    for path in (stored(root, md5), cached(root, md5)):
        if path.is_dir():
            raise InputError(path, "", expected="a file; remove this folder")
    path = stored(root, md5)
    if path.exists() and (found := md5_of(path)) != md5:
        expected = f"the content it is named after; run `git checkout -- {path.relative_to(root)}`"
        raise InputError(path, "md5", found, expected=expected)


def copy_whole(source: Path, target: Path, *, mode: int = 0o644) -> None:
    """Copy a file's content, whole or not at all.

    Raises:
        InputError: the target cannot be written.
    """
    with writing(target), whole_file(target) as partial:
        partial.unlink(missing_ok=True)  # of a killed copy, perhaps read-only
        shutil.copyfile(source, partial)
        partial.chmod(mode)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn a failure to write ``path`` into the message that names it."""
    try:
        yield
    except OSError as error:
        expected = f"a place where this file can be written ({error.strerror or error})"
        raise InputError(path, "", expected=expected) from None


def md5_of(path: Path) -> str:
    """MD5 (hex) of a file's content. It is a checksum here, not a protection."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def md5_of_bytes(content: bytes) -> str:
    """MD5 (hex) of a content in memory."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _object(base: Path, md5: str) -> Path:
    return base / "files" / "md5" / md5[:2] / md5[2:]
