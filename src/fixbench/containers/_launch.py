"""Run one command in one container and move what it was to write to its place.

The command sees what it may read and its own empty output folders, at the paths they have on the
host, and nothing else. Its outputs reach their places only if it succeeds, and only as plain files.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fixbench.containers._engine import Engine
from fixbench.containers._guard import run_guarded
from fixbench.containers._image import ensure_image
from fixbench.containers._invocation import Invocation, Limits
from fixbench.containers._mounts import CODE, plan_mounts
from fixbench.containers._outputs import collect, within
from fixbench.containers._scratch import KEPT, discard, scratch_folder
from fixbench.containers._spec import ImageSpec
from fixbench.errors import InputError

__all__ = ["launch"]

#: Variables of the caller that decide results and are passed on.
_PASSED = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "CUBLAS_WORKSPACE_CONFIG",
    "DVC_NO_ANALYTICS",
)
_KILLED = 128 + signal.SIGKILL


def launch(
    engine: Engine,
    spec: ImageSpec,
    command: Sequence[str],
    *,
    root: Path,
    read: Sequence[Path] = (),
    write: Sequence[Path] = (),
    keep: Path | None = None,
    limits: Limits,
    gpus: Sequence[str] = (),
    owner: int | None = None,
    record: Mapping[str, object] | None = None,
) -> int:
    """The command's exit status.

    Args:
        root: the working directory; paths are relative to it.
        read: files and folders that the command may read, those that exist.
        write: the files that it writes.
        keep: a folder that it may write too, kept until it succeeds, so that it can continue.
        limits: no more processors than there are.
        owner: the ID of a process; when it ends, or this one does, the container is ended too.
        record: what the command's provenance should say of where it ran. Engine and image are
            added. The command finds it as JSON in ``FIXBENCH_LAUNCH``.

    Raises:
        InputError: no such image, an output missing or of another kind, or the memory limit hit.
    """
    root = root.resolve()
    image = ensure_image(engine, spec, root)
    outputs = [within(root, path) for path in write]
    where = {
        "engine": f"{engine.name} {engine.version}",
        "image": spec.reference,
        "base": spec.base,
        "base_locked": spec.base_locked,
        "gpus": list(gpus),
    }
    if not engine.image_is_file:
        where["image_id"] = image
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= {
        "HOME": "/tmp",  # of the container, in memory
        "PYTHONPATH": str(CODE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "FIXBENCH_LAUNCH": json.dumps({**(record or {}), "runtime": where}),
    }
    with scratch_folder(root, outputs) as scratch:
        # Side by side and never nested: a command could put a link in place of a nested folder, and
        # the host would follow it.
        parents = sorted({path.parent for path in outputs})
        folders = {path: scratch / str(number) for number, path in enumerate(parents)}
        kept = {} if keep is None else {within(root, keep): scratch / KEPT}
        if folders.keys() & kept.keys():
            raise InputError(keep or "", "", expected="a folder in which no output is")
        for path in folders:  # a mount inside a read-only mount needs its folder to exist
            path.mkdir(parents=True, exist_ok=True)
        invocation = Invocation(
            name=f"fixbench-{os.urandom(8).hex()}",
            image=image,
            command=command,
            mounts=plan_mounts(root, read, folders | kept),
            folder=root,
            limits=replace(limits, cpus=min(limits.cpus, os.cpu_count() or 1)),
            user=(os.getuid(), os.getgid()),
            environment=environment,
            gpus=gpus,
            labels={"io.fixbench.job": outputs[0].name if outputs else "command"},
        )
        status, out_of_memory = run_guarded(engine, invocation, owner)
        if out_of_memory:
            expected = "a higher limit in the rule's resources, or a job that needs less"
            limit = f"{limits.memory_mb} MB"
            raise InputError("container", "memory limit", limit, expected=expected)
        if status == _KILLED:  # not every engine can tell why
            reason = f"at its limit of {limits.memory_mb} MB of memory, or from outside"
            print(f"fixbench: the command was killed: {reason}", file=sys.stderr)
        if status == 0:
            collect({path: folders[path.parent] / path.name for path in outputs})
            discard(scratch)
        return status
