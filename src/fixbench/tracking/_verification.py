"""Whether the files in the working tree are the tracked ones."""

from __future__ import annotations

from pathlib import Path

from fixbench.errors import InputError
from fixbench.tracking._pointers import cached, md5_of, stored, tracked_files, tracked_folders


def verify(root: Path, folder: str | None = None) -> None:
    """Hash every tracked file in ``folder`` again and compare.

    Args:
        root: the repository.
        folder: relative to ``root``; every tracked folder when omitted.

    Raises:
        InputError: a file is missing, truncated, altered or not tracked; see `tracked_files` too.
    """
    for path in missing_files(root, folder):
        expected = "this tracked file, which is missing; run `fixbench data pull`"
        raise InputError(root / path, "", expected=expected)


def missing_files(root: Path, folder: str | None = None) -> list[str]:
    """The tracked files that are not there.

    Raises:
        InputError: a file that is there is not what is tracked.
    """
    tracked = tracked_files(root, folder)
    missing = [path for path in tracked if not (root / path).exists()]
    for path in tracked.keys() - missing:
        _check_content(root, path, tracked[path])
    for place in tracked_folders(root) if folder is None else [folder]:
        for file in sorted((root / place).rglob("*")):
            if file.is_file() and file.relative_to(root).as_posix() not in tracked:
                expected = f"tracked files only in {place}; remove it, or run `fixbench data track`"
                raise InputError(file, "", expected=expected)
    return missing


def _check_content(root: Path, path: str, md5: str) -> None:
    file = root / path
    remedy = "delete it and run `fixbench data pull`"
    if not file.is_file():
        raise InputError(file, "", expected=f"a file; {remedy}")
    found = md5_of(file)
    if found == md5:
        return
    size = file.stat().st_size
    for kept in (stored(root, md5), cached(root, md5)):
        if kept.exists() and md5_of(kept) == md5 and size < kept.stat().st_size:
            expected = f"{kept.stat().st_size} bytes: it is truncated; {remedy}"
            raise InputError(file, "size", size, expected=expected)
    raise InputError(file, "md5", found, expected=f"{md5}: it was altered; {remedy}")
