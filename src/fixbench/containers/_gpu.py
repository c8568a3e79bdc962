"""One GPU for each job that asks. Two jobs never share one unless ``share`` says so.

A slot is a lock on a file of the host, held by the launcher and freed by the kernel when it ends,
however it ends. Snakemake counts GPUs; it does not choose one.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
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
    lines = [line.partition(",") for line in answer.stdout.splitlines() if "," in line]
    devices = {index.strip(): uuid.strip() for index, _, uuid in lines}
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return list(devices.values())
    found: list[str] = []
    for name in (name.strip() for name in visible.split(",")):
        if name.startswith("MIG-"):  # a part of a GPU, which the query does not list
            found.append(name)
            continue
        prefixed = [uuid for uuid in devices.values() if name and uuid.startswith(name)]
        device = devices.get(name, prefixed[0] if len(prefixed) == 1 else None)
        if device is None:  # CUDA too ignores what follows
            break
        found.append(device)
    return found


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
    from tempfile import gettempdir  # slow to import, and most jobs have no GPU

    place = folder or Path(gettempdir(), f"fixbench-gpu-{os.getuid()}")
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    held: list[int] = []
    try:
        while True:
            names: list[str] = []
            # A GPU is shared only when all have a job.
            for slot, device in product(range(share), devices):
                if device not in names and len(names) < count:
                    handle = _lock(place / f"{device.replace('/', '_')}.{slot}")
                    if handle is not None:
                        held.append(handle)
                        names.append(device)
            if len(names) == count:
                break
            while held:  # all or none, so that two jobs cannot wait for each other
                os.close(held.pop())
            time.sleep(_WAIT_SECONDS)
        yield tuple(sorted(names, key=devices.index))
    finally:
        for handle in held:
            os.close(handle)


def _lock(path: Path) -> int | None:
    """A locked descriptor of the file; ``None`` if another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
