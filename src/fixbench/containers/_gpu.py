"""One GPU for each job that asks: slots that two jobs never share unless told.

A slot is a lock on a file of the host, held by the launcher and freed by the kernel when it ends,
however it ends. Snakemake counts GPUs; it does not choose one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fixbench.errors import InputError

__all__ = ["lease_gpus", "list_gpus"]

_WAIT_SECONDS = 1.0


def list_gpus() -> list[str]:
    """Identifiers (UUIDs) of the GPUs that this process may use, in the driver's order.

    ``CUDA_VISIBLE_DEVICES`` restricts them, by index or UUID, as a batch system sets it.
    """
    query = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return []
    lines = [line.partition(",") for line in answer.stdout.splitlines()]
    devices = {index.strip(): uuid.strip() for index, _, uuid in lines}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return list(devices.values())
    names = [name.strip() for name in visible.split(",") if name.strip()]
    found = [devices.get(name, name) for name in names]
    return [uuid for uuid in found if uuid in devices.values()]


@contextmanager
def lease_gpus(
    count: int,
    *,
    available: Sequence[str] | None = None,
    share: int = 1,
    folder: Path | None = None,
) -> Iterator[tuple[str, ...]]:
    """Hold ``count`` GPUs while the block runs; wait until so many are free.

    Nothing is held, and nothing waited for, on a machine without a GPU.

    Args:
        available: identifiers to choose from; `list_gpus` when omitted.
        share: how many jobs may use one GPU at a time.
        folder: where the locks are; one folder a user on each host when omitted.

    Raises:
        InputError: the machine has GPUs, but fewer than ``count``.
    """
    devices = list_gpus() if count and available is None else list(available or ())
    if not count or not devices:
        yield ()
        return
    if count > len(devices):
        expected = f"at most {len(devices)}, the GPUs of this machine"
        raise InputError("resources", "gpu", count, expected=expected)
    place = folder or Path(tempfile.gettempdir(), f"fixbench-gpu-{os.getuid()}")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    held: list[int] = []
    try:
        while True:
            names: list[str] = []
            for device in devices:
                handle = _slot(place, device, share) if len(names) < count else None
                if handle is not None:
                    held.append(handle)
                    names.append(device)
            if len(names) == count:
                break
            while held:  # all or none, so that two jobs cannot wait for each other
                os.close(held.pop())
            time.sleep(_WAIT_SECONDS)
        yield tuple(names)
    finally:
        for handle in held:
            os.close(handle)


def _slot(folder: Path, device: str, share: int) -> int | None:
    """A locked file descriptor of one of the device's slots, or ``None`` if all are taken."""
    for slot in range(share):
        path = folder / f"{device.replace('/', '_')}.{slot}"
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
        else:
            return handle
    return None
