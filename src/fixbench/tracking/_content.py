"""The tracked content, file by file: what is in the archives, and the files that need none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path, PurePosixPath

from fixbench.errors import InputError
from fixbench.tracking._archives import Member, read_members
from fixbench.tracking._objects import cached, check_stored, intact, stored
from fixbench.tracking._pointers import Output, not_tracked, outputs_in


def tracked_files(root: Path, folder: str | None = None) -> dict[str, str]:
    """The tracked files in ``folder`` and below, as jobs read them, whether they are there or not.

    Args:
        root: the repository.
        folder: relative to ``root``, e.g. ``"data/aa_clip"``; every tracked folder when omitted.

    Returns:
        POSIX path relative to ``root`` → MD5 of the content, sorted by path.

    Raises:
        InputError: nothing is tracked there, or a pointer or an archive is missing or damaged.
    """
    return {path: file.md5 for path, file in list_content(root, folder).items()}


def tracked_hash(root: Path, folder: str) -> str:
    """SHA-256 (hex) of names and contents in ``folder``, unaffected by its neighbours.

    It depends on the files alone and not on how they travel. The files in the working tree are
    not read: see `verify` for those.

    Raises:
        InputError: see `tracked_files`.
    """
    lines = (f"{md5}  {path}\n" for path, md5 in tracked_files(root, folder).items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def list_content(root: Path, folder: str | None = None) -> dict[str, Member]:
    """POSIX path relative to ``root`` → file, sorted by path within each top-level folder.

    Raises:
        InputError: see `tracked_files`.
    """
    content: dict[str, Member] = {}
    for output in outputs_in(root, folder):
        if output.folder is None:
            content[output.path] = Member(output.md5, output.size)
        else:
            members = archive_members(root, output)
            content |= {f"{output.folder}/{name}": file for name, file in members.items()}
    if folder is None:
        return content
    where = PurePosixPath(folder)
    inside = {
        path: content[path] for path in sorted(content) if PurePosixPath(path).is_relative_to(where)
    }
    if not inside:
        raise not_tracked(root, folder)
    return inside


def archive_members(root: Path, output: Output) -> Mapping[str, Member]:
    """What is in an archive: name → file."""
    return _members(find_archive(root, output), output.md5)


def find_archive(root: Path, output: Output) -> Path:
    """A file that has the content of a tracked archive: in the working tree, remote or cache.

    Raises:
        InputError: there is none, or the remote's is damaged.
    """
    places = (root / output.path, stored(root, output.md5), cached(root, output.md5))
    for path in places:
        if intact(path, output.md5):
            return path
    check_stored(root, output.md5)
    where = stored(root, output.md5).relative_to(root)
    expected = f"content that {where} has; run `git checkout -- .dvc/store`, or `dvc pull`"
    raise InputError(root / output.path, "md5", output.md5, expected=expected)


# An archive is named by the MD5 of its content, so that what was read from it stays right.
@cache
def _members(archive: Path, md5: str) -> Mapping[str, Member]:
    return read_members(archive)
