"""Bringing tracked content into the working tree."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fixbench.errors import InputError
from fixbench.tracking._archives import unpack, unpack_some
from fixbench.tracking._content import archive_members, find_archive
from fixbench.tracking._objects import cached, check_stored, copy_whole, intact, store, stored
from fixbench.tracking._pointers import Output, outputs_in
from fixbench.tracking._verification import check_output, verify


def pull(root: Path, folder: str | None = None) -> None:
    """Bring every tracked file that is missing into the working tree, and verify all of them.

    Nothing is overwritten: a file that differs from the tracked one is refused. A data set appears
    whole or not at all. Processes that pull at the same time wait for each other.

    Args:
        root: the repository; it need not be one of git.
        folder: relative to ``root``; every tracked folder when omitted.

    Raises:
        InputError: a file differs, the remote is damaged, or the content is nowhere to be found.
    """
    with one_at_a_time(root):
        outputs = outputs_in(root, folder)
        _fetch(root, outputs)
        for output in outputs:
            if output.folder is not None:
                _complete(root, output, output.folder)
        verify(root, folder)


def unpack_tracked(root: Path, folder: str, target: Path) -> None:
    """Write a tracked data set, such as ``"data/yowo"``, to a folder outside the working tree.

    Raises:
        InputError: it is not one data set, or ``target`` cannot be written.
    """
    found = [output for output in outputs_in(root, folder) if output.folder == folder]
    if not found:
        raise InputError("unpack_tracked", "folder", folder, expected="one data set, data/NAME")
    unpack(find_archive(root, found[0]), target)


@contextmanager
def one_at_a_time(root: Path) -> Iterator[None]:
    """Exclude other processes that change what is tracked or pulled in this repository."""
    folder = root / ".dvc" / "tmp"
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / "fixbench.lock").open("w")
    except OSError as error:
        raise InputError(folder, "", expected=f"a DVC repository to write in ({error})") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(root: Path, outputs: Sequence[Output]) -> None:
    """Copy tracked files from the remote inside the repository; what it lacks, DVC has to find."""
    absent = [output for output in outputs if not (root / output.path).exists()]
    for output in absent:
        check_stored(root, output.md5)
        # DVC hands out what is in its cache, damaged or not.
        if not intact(cached(root, output.md5), output.md5):
            cached(root, output.md5).unlink(missing_ok=True)
    elsewhere = []
    for output in outputs:
        # Into the cache too: DVC reports a tracked file as missing if it is not there.
        if not cached(root, output.md5).exists() and stored(root, output.md5).exists():
            copy_whole(stored(root, output.md5), cached(root, output.md5), mode=0o444)
        if output in absent and cached(root, output.md5).exists():
            copy_whole(cached(root, output.md5), root / output.path)
        elif output in absent:
            elsewhere.append(output)
    if elsewhere:
        _fetch_with_dvc(root, elsewhere)


def _fetch_with_dvc(root: Path, outputs: Sequence[Output]) -> None:
    first = outputs[0]
    try:
        _run_dvc(root, "pull", *(output.path for output in outputs))
        for output in outputs:
            check_output(root, output)
    except InputError as error:
        if error.file == str(root / first.path):
            raise
        expected = (
            f"the content of {first.path}; run `git checkout -- {store(Path())}`, or see to the "
            f"remote that has it ({error})"
        )
        raise InputError(stored(root, first.md5), "", expected=expected) from None


def _complete(root: Path, output: Output, folder: str) -> None:
    """Unpack what is missing of a data set."""
    archive = find_archive(root, output)
    if not (root / folder).exists():
        unpack(archive, root / folder)
        return
    names = archive_members(root, output)
    missing = [name for name in names if not (root / folder / name).exists()]
    unpack_some(archive, root / folder, missing)


def _run_dvc(root: Path, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", "--wait-for-lock", *arguments],
        cwd=root,
        env={**os.environ, "DVC_NO_ANALYTICS": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        message = errors[-1].removeprefix("ERROR: ") if errors else done.stderr.strip()
        command = f"dvc {' '.join(arguments)}"
        raise InputError(command, "error", message, expected="a repository in which it succeeds")
