"""A job's scratch folder: where its container writes before the outputs reach their places."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["KEPT", "discard", "scratch_folder"]

#: In a scratch folder, what survives a failure.
KEPT = "keep"


@contextlib.contextmanager
def scratch_folder(root: Path, outputs: Sequence[Path]) -> Iterator[Path]:
    """The scratch folder of the job with these outputs; the same when it is started again.

    One process at a time has it. What an earlier attempt left in it is removed, but for `KEPT`.
    """
    names = "\0".join(sorted(map(str, outputs))) or os.urandom(8).hex()
    digest = hashlib.sha256(names.encode()).hexdigest()[:16]
    folder = root / ".fixbench" / "containers" / digest
    handle = _hold(folder)
    try:
        _discard_attempt(folder)
        yield folder
    finally:
        _discard_attempt(folder)
        for path in (folder / KEPT, folder):
            with contextlib.suppress(OSError):  # it is not empty, or there is none
                path.rmdir()
        os.close(handle)


def discard(folder: Path) -> None:
    """Remove a folder, whatever its job has made of the permissions in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwx", str(folder)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _hold(folder: Path) -> int:
    """A locked descriptor of the folder, made again if its previous holder has removed it.

    The guard inherits the descriptor. A job that is killed and started again at once therefore
    waits here until the container of the killed one is gone.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(handle), os.stat(folder)):
                return handle
            os.close(handle)


def _discard_attempt(folder: Path) -> None:
    """Remove everything but `KEPT`."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name != KEPT:
                discard(path)
