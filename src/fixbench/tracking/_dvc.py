"""DVC at work, through its command line: its Python interface makes no promises."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixbench.errors import InputError
from fixbench.tracking._pointers import (
    FOLDERS,
    cached,
    check_stored,
    md5_of,
    pointed,
    stored,
    tracked_files,
    tracked_folders,
)
from fixbench.tracking._verification import missing_files, verify

#: The name of the remote inside the repository.
_REMOTE = "embedded"
#: What a clone may weigh, in bytes: the remote is part of it.
_LARGEST_STORE = 25_000_000


def pull(root: Path) -> None:
    """Bring every tracked file that is missing into the working tree, and verify all of them.

    Nothing is overwritten: a file that differs from the tracked one is refused. Processes that
    pull at the same time wait for each other. Where all is in place, DVC is not started.

    Raises:
        InputError: a file differs, the remote is damaged, or DVC fails.
    """
    with _one_at_a_time(root):
        if not missing_files(root):
            return
        for md5 in _objects(root):
            check_stored(root, md5)
            # DVC would check out a damaged object of its cache without a word.
            if cached(root, md5).exists() and md5_of(cached(root, md5)) != md5.removesuffix(".dir"):
                cached(root, md5).unlink()
        try:
            _run_dvc(root, "pull")
        except InputError:
            for path, md5 in tracked_files(root).items():
                if not cached(root, md5).exists() and not stored(root, md5).exists():
                    expected = f"the content of {path}; run `git checkout -- .dvc/store`"
                    raise InputError(stored(root, md5), "", expected=expected) from None
            raise
        verify(root)


def track(root: Path) -> None:
    """Make the present content of ``data/`` and ``checkpoints/`` the tracked one.

    Writes the pointers and the embedded remote, which then holds this content and nothing else;
    earlier contents stay in the history of git. Both are left for the caller to commit.

    Raises:
        InputError: there is nothing to track, it is too large for a remote inside the
            repository, or DVC fails.
    """
    present = [top for top in FOLDERS if (root / top).exists()]
    if not present:
        raise InputError(root, "", expected=f"a folder to track: {' or '.join(FOLDERS)}")
    sizes = {
        file: file.stat().st_size
        for top in present
        for file in (root / top).rglob("*")
        if file.is_file()
    }
    total = sum(sizes.values())
    if total > _LARGEST_STORE:
        largest = max(sizes, key=lambda file: sizes[file]).relative_to(root)
        expected = (
            f"at most {_LARGEST_STORE} bytes in {' and '.join(present)}, as the remote is part of "
            f"the repository; the largest file is {largest}"
        )
        raise InputError(root, "size", total, expected=expected)
    with _one_at_a_time(root):
        _run_dvc(root, "add", *present)
        _run_dvc(root, "push", "--remote", _REMOTE, *present)
        # `dvc push` reports success even where an object could not be pushed.
        kept = set()
        for md5 in _objects(root):
            check_stored(root, md5)
            if not stored(root, md5).exists():
                raise InputError(stored(root, md5), "", expected="this object; run it again")
            kept.add(stored(root, md5))
        for file in (root / ".dvc" / "store").rglob("*"):
            if file.is_file() and file not in kept:
                file.unlink()


def _objects(root: Path) -> list[str]:
    """The MD5 of all that the pointers need: their listings and the files in those."""
    listings = {pointed(root, top) for top in tracked_folders(root)}
    return sorted(listings | set(tracked_files(root).values()))


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """DVC has a lock of its own; this one also keeps others from looking at half a checkout."""
    folder = root / ".dvc" / "tmp"
    try:
        folder.mkdir(exist_ok=True)
        file = (folder / "fixbench.lock").open("w")
    except OSError as error:
        raise InputError(folder, "", expected=f"a DVC repository to write in ({error})") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
