"""The job's side: find or start the server, hand over the command, wait for its end.

Imports the standard library alone, since its purpose is to start quickly.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

__all__ = ["OWNER", "WORKER", "deciding", "meeting_place", "run_warm"]

#: In the environment of a job: the ID of the process, Snakemake's, that it belongs to. Jobs of one
#: owner share a server, and end with their owner.
OWNER = "FIXBENCH_OWNER"
#: ``no`` where each job is to import for itself.
WORKER = "FIXBENCH_WORKER"
#: Of the path of a socket, bytes.
_LONGEST = 100
_LOST = 128 + signal.SIGKILL
_STOPS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
#: Variables that are read when a library is imported, so that a copy has the server's.
_READ_EARLY = ("OMP_", "OPENBLAS_", "MKL_", "PYTHON", "LD_", "TORCH")


def run_warm(arguments: Sequence[str], environment: Mapping[str, str]) -> int | None:
    """Run ``fixbench`` with ``arguments`` in a copy of the server; its exit status.

    ``None`` where no server can be had or asked, and then nothing was run.

    Args:
        environment: the command's; ``FIXBENCH_OWNER`` in it names the server's owner.
    """
    owner = environment.get(OWNER, "")
    wanted = owner.isdecimal() and environment.get(WORKER) != "no"
    if not wanted or not hasattr(os, "pidfd_open"):  # not Linux
        return None
    try:
        connection = _connect(int(owner))
    except (OSError, subprocess.CalledProcessError):
        return None  # no folder for sockets, no room for a process: whatever it is, run it here
    with connection, _passed_on(connection):
        request = {
            "arguments": list(arguments),
            "environment": dict(environment),
            "folder": os.getcwd(),
            "deciding": deciding(environment),
        }
        try:
            socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        except OSError:  # the server has ended, or the environment is too large for one message
            return None
        answer = _receive(connection)
    if not answer:
        print("fixbench: the worker that ran this job has ended", file=sys.stderr)
        return _LOST
    said: int | None = json.loads(answer)
    return said  # `None`: refused, nothing was run


def deciding(environment: Mapping[str, str]) -> list[str]:
    """What server and job must have in common: interpreter, folder, and what imports read."""
    early = [f"{key}={environment[key]}" for key in environment if key.startswith(_READ_EARLY)]
    return [sys.executable, os.getcwd(), *sorted(early)]


def meeting_place(owner: int) -> Path:
    """The socket of the server that belongs to ``owner``, in a folder of this user alone.

    Raises:
        OSError: there is no such folder, it is somebody else's, or its path is too long.
    """
    folder = Path(tempfile.gettempdir()) / f"fixbench-{os.getuid()}"
    path = folder / f"{owner}.socket"
    if len(os.fsencode(path)) > _LONGEST:
        raise OSError(f"{path} is too long for a socket")
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise PermissionError(f"{folder} is open to others")
    return path


def _connect(owner: int) -> socket.socket:
    """A connection to the server, which is started where there is none.

    Raises:
        OSError: it cannot be started or reached.
    """
    path = meeting_place(owner)
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        return _connected(path)
    with open(path.with_suffix(".lock"), "a") as lock:  # two jobs start at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return _connected(path)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with listener:
            listener.bind(str(path))
            listener.listen(64)
            # The server inherits a socket that listens, so that nobody waits for its imports here.
            subprocess.run(
                [sys.executable, "-m", "fixbench.worker", str(owner), str(listener.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,  # an interrupt from the terminal is for the jobs' own processes
                pass_fds=[listener.fileno()],
                check=True,
            )
            return _connected(path)


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _receive(connection: socket.socket) -> bytes:
    try:
        return connection.recv(64)
    except ConnectionResetError:
        return b""


@contextlib.contextmanager
def _passed_on(connection: socket.socket) -> Iterator[None]:
    """Signals that ask this process to end reach the copy that does its work."""

    def pass_on(number: int, frame: object) -> None:
        with contextlib.suppress(OSError):
            connection.send(str(number).encode())

    before = {number: signal.getsignal(number) for number in _STOPS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, pass_on)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
