"""Run one command in one container and move what it was to write to its place.

The command sees what it may read and its own empty output folders, at the paths they have on the
host, and nothing else. Its outputs reach their places only if it succeeds, and only as plain files.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import re
import select
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import fixbench
from fixbench.containers._engine import Engine, EngineName, Invocation, Limits, Mount, run_arguments
from fixbench.containers._image import ImageSpec, ensure_image
from fixbench.errors import InputError

__all__ = ["launch", "run_locally", "undo_when_stopped"]

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
_STOPS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
#: In a job's scratch folder, what survives a failure.
_KEPT = "keep"
# An engine that has not ended a container after so many does not answer.
_ATTEMPTS = 15


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
        limits: no more processors than there are.
        owner: a process with whose end the container ends too, besides this one.
        record: what the command's provenance should say of where it ran; engine and image are
            added, and it arrives as JSON in ``FIXBENCH_LAUNCH``.

    Raises:
        InputError: no such image, an output missing or of another kind, or the memory limit hit.
    """
    root = root.resolve()
    image = ensure_image(engine, spec, root)
    outputs = [_within(root, path) for path in write]
    where = {
        "engine": f"{engine.name} {engine.version}",
        "image": spec.reference,
        "base": spec.base,
        "base_locked": spec.base_locked,
        "gpus": list(gpus),
    }
    if engine.name != "apptainer":  # whose image is a file of this machine
        where["image_id"] = image
    environment = {name: os.environ[name] for name in _PASSED if name in os.environ}
    environment |= {
        "HOME": "/tmp",  # of the container, in memory
        "PYTHONPATH": str(_CODE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
        "FIXBENCH_LAUNCH": json.dumps({**(record or {}), "runtime": where}),
    }
    with _scratch(root, outputs) as scratch:
        # One beside the other: in what a job has written nothing of the host's is looked for.
        parents = sorted({path.parent for path in outputs})
        folders = {path: scratch / str(number) for number, path in enumerate(parents)}
        kept = {} if keep is None else {_within(root, keep): scratch / _KEPT}
        if folders.keys() & kept.keys():
            raise InputError(keep or "", "", expected="a folder in which no output is")
        for path in folders:  # what contains it may be mounted, and not writable
            path.mkdir(parents=True, exist_ok=True)
        invocation = Invocation(
            name=f"fixbench-{os.urandom(8).hex()}",
            image=image,
            command=command,
            mounts=_mounts(root, read, folders | kept),
            folder=root,
            limits=replace(limits, cpus=min(limits.cpus, os.cpu_count() or 1)),
            user=(os.getuid(), os.getgid()),
            environment=environment,
            gpus=gpus,
            labels={"io.fixbench.job": outputs[0].name if outputs else "command"},
        )
        status, out_of_memory = _run(engine.name, invocation, owner)
        if out_of_memory:
            expected = "a higher limit in the rule's resources, or a job that needs less"
            limit = f"{limits.memory_mb} MB"
            raise InputError("container", "memory limit", limit, expected=expected)
        if status == _KILLED:  # not every engine says why
            reason = f"at its limit of {limits.memory_mb} MB of memory, or from outside"
            print(f"fixbench: the command was killed: {reason}", file=sys.stderr)
        if status == 0:
            _collect({path: folders[path.parent] / path.name for path in outputs})
            _discard(scratch)
        return status


def run_locally(
    command: Sequence[str], *, gpus: Sequence[str], record: Mapping[str, object]
) -> int:
    """The command's exit status in this environment, with its GPUs and no others."""
    environment = os.environ | {"FIXBENCH_LAUNCH": json.dumps(dict(record))}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    # Not stopped before the command is known, lest it go on alone.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
    process = os.posix_spawnp(command[0], list(command), environment, setsigmask=before)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _, status = os.waitpid(process, 0)
    except BaseException:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)
        raise
    return _shell_status(os.waitstatus_to_exitcode(status))


def undo_when_stopped() -> None:
    """From here on a request to end is an exception, raised once, so that what was begun is undone.

    Signals that the caller had ignored, as ``nohup`` does, stay so.
    """
    names = [name for name in _STOPS if signal.getsignal(name) is not signal.SIG_IGN]

    def stop(number: int, frame: object) -> NoReturn:
        for name in names:  # whoever is impatient would interrupt the undoing
            signal.signal(name, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for name in names:
        signal.signal(name, stop)


def _within(root: Path, path: Path) -> Path:
    """The path without ``..``, so that nothing is written elsewhere."""
    plain = Path(os.path.normpath(root / path))
    if root not in plain.parents:
        raise InputError(path, "", expected=f"a path in {root}, the working directory")
    return plain


@contextlib.contextmanager
def _scratch(root: Path, outputs: Sequence[Path]) -> Iterator[Path]:
    """A folder of the job's own, the same when it is started again, and one job's at a time.

    What an earlier attempt left is gone but for what it was to keep.
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
        for path in (folder / _KEPT, folder):
            with contextlib.suppress(OSError):  # there is something in it, or no such folder
                path.rmdir()
        os.close(handle)


def _hold(folder: Path) -> int:
    """A locked descriptor of the folder, made again if who held it before has removed it.

    The process that watches a container holds it too: a job that is started again at once
    waits until the container of the killed one is gone.
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
    """Remove everything but what is kept."""
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.name != _KEPT:
                _discard(path)


def _discard(folder: Path) -> None:
    """Remove a folder, whatever its job has made of the permissions in it."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        subprocess.run(["chmod", "-R", "u+rwx", str(folder)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _mounts(root: Path, read: Sequence[Path], writable: Mapping[Path, Path]) -> list[Mount]:
    """Mounts in an order in which none covers another.

    Args:
        writable: folder in the container → folder of the host.
    """
    mounts = {_CODE / _PACKAGE.name: Mount(source=_PACKAGE, target=_CODE / _PACKAGE.name)}
    for path in (Path(os.path.normpath(root / path)) for path in read):
        if path in writable:
            raise InputError(path, "", expected="a folder to read or to write in, not both")
        if not path.exists():
            continue
        source = path.resolve()
        mounts[path] = Mount(source=source, target=path)
        for point in _mounted_in(source):
            inside = path / point.relative_to(source)
            mounts[inside] = Mount(source=point, target=inside)
    for path, source in writable.items():
        source.mkdir(parents=True, exist_ok=True)
        mounts[path] = Mount(source=source, target=path, writable=True)
    for path in mounts:
        # A folder that the engine makes on the way to a mount is root's, and root's to empty.
        for folder in writable.keys() & set(path.parents):
            if writable[folder].name != _KEPT:  # whose content an earlier attempt has made
                place = writable[folder] / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
    return [mounts[path] for path in sorted(mounts)]


def _mounted_in(folder: Path) -> list[Path]:
    """Mount points in a folder: to mount it read-only leaves those as writable as they are."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    names = (
        re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), line.split()[4]) for line in lines
    )
    return [Path(name) for name in names if folder in Path(name).parents]


def _collect(made: Mapping[Path, Path]) -> None:
    """Move outputs to their places; a link could make the host read another file.

    Args:
        made: place → where the command wrote.
    """
    for path, source in made.items():
        try:
            plain = stat.S_ISREG(source.lstat().st_mode)
        except FileNotFoundError:
            expected = "an output of the command, which ended without writing it"
            raise InputError(path, "", expected=expected) from None
        if not plain:
            raise InputError(path, "", expected="a plain file as output, no link or folder")
    umask = os.umask(0)
    os.umask(umask)
    for path, source in made.items():
        try:
            source.chmod(0o666 & ~umask)  # as a new file, and without the set-user-id bit
            _move(source, path)
        except OSError as error:
            expected = f"a place where the output can be written ({error.strerror})"
            raise InputError(path, "", expected=expected) from None


def _move(source: Path, target: Path) -> None:
    """In one step, to another file system too."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        partial = target.with_name(f".{target.name}.partial")
        try:
            shutil.copyfile(source, partial)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)


def _run(engine: EngineName, invocation: Invocation, owner: int | None) -> tuple[int, bool]:
    """(exit status, whether the container ran out of memory).

    A second process, in a session of its own, starts the container and removes it in the end. It
    does so too when this process or its owner is killed outright, which closes a pipe.
    """
    arguments = run_arguments(engine, invocation)
    try:
        watched = [] if owner is None else [os.pidfd_open(owner)]
    except ProcessLookupError:
        raise InputError("--owner", "", owner, expected="a process that still runs") from None
    stopped, running = os.pipe()
    answer, result = os.pipe()
    watcher = os.fork()
    if watcher == 0:
        os.close(running)
        _watch(engine, invocation.name, arguments, [stopped, *watched], result)
    for descriptor in (stopped, result, *watched):
        os.close(descriptor)
    try:
        with open(answer, encoding="utf-8") as stream:
            said = stream.read()
    finally:
        os.close(running)
        os.waitpid(watcher, 0)
    if not said:
        _remove(engine, invocation.name)
        expected = "to run to its end; the process that watched it was killed"
        raise InputError("container", "", expected=expected)
    status, out_of_memory = json.loads(said)
    return status, out_of_memory


def _watch(
    engine: EngineName, name: str, arguments: Sequence[str], watched: Sequence[int], result: int
) -> NoReturn:
    try:
        os.setsid()  # an interrupt reaches the container by way of the launcher
        for number in _STOPS:
            signal.signal(number, lambda *_: None)
        # In a group of its own, by which Apptainer's container is ended.
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, process_group=0) as client:
            waiting = select.poll()
            for descriptor in (os.pidfd_open(client.pid), *watched):
                waiting.register(descriptor, select.POLLIN)
            waiting.poll()
            if client.poll() is None:
                _end(engine, name, client)
        status = _shell_status(client.returncode)
        answer = json.dumps([status, status != 0 and _out_of_memory(engine, name)])
        _remove(engine, name)
        os.write(result, answer.encode())
    finally:
        os._exit(0)


def _end(engine: EngineName, name: str, client: subprocess.Popen[bytes]) -> None:
    """End a container, even one that its client is about to create."""
    for attempt in range(_ATTEMPTS):
        if engine == "apptainer":
            os.killpg(client.pid, signal.SIGKILL if attempt else signal.SIGTERM)
        else:
            _remove(engine, name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(1)
            return
    client.kill()


def _out_of_memory(engine: EngineName, name: str) -> bool:
    if engine == "apptainer":
        return False
    query = [engine, "inspect", "--format", "{{.State.OOMKilled}}", name]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return answer.stdout.strip() == "true"


def _remove(engine: EngineName, name: str) -> None:
    if engine != "apptainer":  # whose containers are processes and nothing else
        subprocess.run([engine, "rm", "--force", name], capture_output=True, check=False)


def _shell_status(status: int) -> int:
    """As a shell gives the status of a process that a signal ended."""
    return 128 - status if status < 0 else status
