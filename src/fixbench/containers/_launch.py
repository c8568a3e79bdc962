"""Run one command in one container and move what it was to write to its place.

The command sees what it may read and its own empty output folders, at the paths they have on the
host, and nothing else. Its outputs reach their places only if it succeeds, and only as plain files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import fixbench
from fixbench.containers._engine import Engine, EngineName, Invocation, Limits, Mount, run_arguments
from fixbench.containers._image import ImageSpec, ensure_image
from fixbench.errors import InputError

__all__ = ["launch", "run_locally"]

_PACKAGE = Path(fixbench.__file__).parent
#: Where the package is in the container: an image has its environment, not the package itself.
_CODE = Path("/opt/source")
#: Variables of the caller that decide results, and go along.
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
        keep: a folder that it may write too, kept until it succeeds: to continue from.
        owner: a process with whose end the container ends too, besides this one.
        record: what the command's provenance should say of where it ran; engine and image are
            added, and it arrives as JSON in ``FIXBENCH_LAUNCH``.

    Raises:
        InputError: no such image, an output missing or of another kind, or the memory limit hit.
    """
    root = root.resolve()
    image = ensure_image(engine, spec, root)
    outputs = [root / path for path in write]
    scratch = _scratch(root, outputs)
    mounts = _mounts(root, read, outputs, keep, scratch)
    where = {
        "engine": f"{engine.name} {engine.version}",
        "image": spec.reference,
        "image_id": image,
        "base": spec.base,
        "base_locked": spec.base_locked,
        "gpus": list(gpus),
    }
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= {
        "HOME": "/tmp",  # of the container, in memory
        "PYTHONPATH": str(_CODE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "FIXBENCH_LAUNCH": json.dumps({**(record or {}), "runtime": where}),
    }
    invocation = Invocation(
        name=f"fixbench-{uuid.uuid4().hex[:16]}",
        image=image,
        command=command,
        mounts=mounts,
        folder=root,
        limits=limits,
        user=(os.getuid(), os.getgid()),
        environment=environment,
        gpus=gpus,
        labels={"io.fixbench.job": outputs[0].name if outputs else "command"},
    )
    status, out_of_memory = _run(engine.name, invocation, owner)
    if out_of_memory:
        expected = "a higher limit in the rule's resources, or a job that needs less"
        raise InputError("container", "memory limit", f"{limits.memory_mb} MB", expected=expected)
    if status == 0:
        _collect(outputs, scratch, root)
    return status


def run_locally(
    command: Sequence[str], *, gpus: Sequence[str], record: Mapping[str, object]
) -> int:
    """The command's exit status in this environment, with its GPUs and no others."""
    environment = os.environ | {"FIXBENCH_LAUNCH": json.dumps(dict(record))}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    with _stoppable(), subprocess.Popen(command, env=environment) as process:
        try:
            return process.wait()
        except BaseException:
            process.terminate()
            raise


def _scratch(root: Path, outputs: Sequence[Path]) -> Path:
    """A folder of the job's own, the same when it is started again."""
    names = "\0".join(sorted(map(str, outputs)))
    digest = hashlib.sha256(names.encode()).hexdigest()[:16]
    return root / ".fixbench" / "containers" / digest


def _mounts(
    root: Path, read: Sequence[Path], outputs: Sequence[Path], keep: Path | None, scratch: Path
) -> list[Mount]:
    mounts = [Mount(source=_PACKAGE, target=_CODE / _PACKAGE.name)]
    for path in dict.fromkeys(root / path for path in read):
        if path.exists():
            mounts.append(Mount(source=path.resolve(), target=path))
    writable = sorted({path.parent for path in outputs} | ({root / keep} if keep else set()))
    for folder in writable:
        source = _own_folder(scratch, folder, root)
        source.mkdir(parents=True, exist_ok=True)
        mounts.append(Mount(source=source, target=folder, writable=True))
    for path in outputs:  # of an earlier attempt
        (_own_folder(scratch, path.parent, root) / path.name).unlink(missing_ok=True)
    return mounts


def _own_folder(scratch: Path, folder: Path, root: Path) -> Path:
    try:
        return scratch / folder.relative_to(root)
    except ValueError:
        expected = f"a path in {root}, the working directory"
        raise InputError(folder, "", expected=expected) from None


def _collect(outputs: Sequence[Path], scratch: Path, root: Path) -> None:
    """Move outputs to their places; a link could make the host read another file."""
    found = {path: _own_folder(scratch, path.parent, root) / path.name for path in outputs}
    for path, made in found.items():
        try:
            plain = stat.S_ISREG(made.lstat().st_mode)
        except FileNotFoundError:
            expected = "an output of the command, which ended without writing it"
            raise InputError(path, "", expected=expected) from None
        if not plain:
            raise InputError(path, "", expected="a plain file as output, no link or folder")
    for path, made in found.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        os.replace(made, path)
    shutil.rmtree(scratch, ignore_errors=True)


def _run(engine: EngineName, invocation: Invocation, owner: int | None) -> tuple[int, bool]:
    """(exit status, whether the kernel killed it at its memory limit)."""
    arguments = run_arguments(engine, invocation)
    with _removed(engine, invocation.name, owner), _stoppable():
        # In a session of its own: an interrupt reaches the container by way of this process.
        with subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, start_new_session=True
        ) as process:
            try:
                status = process.wait()
            except BaseException:
                _remove(engine, invocation.name)
                process.terminate()
                raise
        killed = status in (_KILLED, -signal.SIGKILL) and engine != "apptainer"
        return status, killed and _out_of_memory(engine, invocation.name)


def _out_of_memory(engine: EngineName, name: str) -> bool:
    query = [engine, "inspect", "--format", "{{.State.OOMKilled}}", name]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == "true"


def _remove(engine: EngineName, name: str) -> None:
    if engine != "apptainer":  # whose containers are children of this process
        subprocess.run([engine, "rm", "--force", name], capture_output=True, check=False)


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """A request to end arrives as an exception, so that what was begun is undone."""

    def stop(number: int, frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    names = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    before = {name: signal.signal(name, stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


@contextlib.contextmanager
def _removed(engine: EngineName, name: str, owner: int | None) -> Iterator[None]:
    """Remove the container at the end, even if this process or its owner is killed outright.

    A second process, in a session of its own, waits for the end of either. (Apptainer's
    containers end with their parent, which that process ends then.)
    """
    launcher = os.getpid()
    reaper = os.fork()
    if reaper == 0:
        _reap(engine, name, launcher, owner)
    try:
        yield
    finally:
        os.kill(reaper, signal.SIGKILL)
        os.waitpid(reaper, 0)
        _remove(engine, name)


def _reap(engine: EngineName, name: str, launcher: int, owner: int | None) -> NoReturn:
    try:
        os.setsid()
        # Open pipes of the caller would keep it waiting for this process.
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        waiting = select.poll()
        for process in (launcher, owner):
            if process is not None:
                waiting.register(os.pidfd_open(process), select.POLLIN)
        if os.getppid() == launcher:  # else it has ended before it was watched
            waiting.poll()
        with contextlib.suppress(ProcessLookupError):
            os.kill(launcher, signal.SIGTERM)
        _remove(engine, name)
    finally:
        os._exit(0)
