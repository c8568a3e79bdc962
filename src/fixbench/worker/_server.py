"""The server: imports once, then a copy of itself for every job, until its owner has ended.

One thread, so that it may fork. It trains nothing and never touches a GPU: whatever a copy starts
from must be as a new interpreter would have it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from fixbench.worker._client import deciding, meeting_place
from fixbench.worker._copy import run_copy
from fixbench.worker._warmth import Warmth

__all__ = ["serve"]

#: A copy that was asked to end and has not after so many seconds is killed.
_PATIENCE = 5.0
_LARGEST = 1 << 20


@dataclass
class _Job:
    """A copy that runs: its process, and who waits for it."""

    process: int
    ended: int  # a descriptor of the process, readable when it has ended
    connection: socket.socket
    doomed: float | None = None  # when it will be killed


def serve(owner: int, listener: socket.socket) -> None:
    """Serve until ``owner`` ends; then end every copy.

    Args:
        owner: the ID of a process.
        listener: the socket at the owner's `meeting_place`.
    """
    try:
        watched = os.pidfd_open(owner)
    except ProcessLookupError:
        return
    common = deciding(os.environ)
    warmth = Warmth()
    with selectors.DefaultSelector() as selector:
        selector.register(watched, selectors.EVENT_READ, "owner")
        selector.register(listener, selectors.EVENT_READ, "new")
        server = _Server(selector, listener, common, warmth)
        try:
            while server.step():
                pass
        finally:
            place = meeting_place(owner)
            place.unlink(missing_ok=True)
            place.with_suffix(".lock").unlink(missing_ok=True)
            listener.close()
            server.end_all()
            with contextlib.suppress(OSError):  # where other servers have theirs
                place.parent.rmdir()


class _Server:
    def __init__(
        self,
        selector: selectors.BaseSelector,
        listener: socket.socket,
        common: list[str],
        warmth: Warmth,
    ) -> None:
        self.selector, self.listener = selector, listener
        self.common, self.warmth = common, warmth
        self.jobs: list[_Job] = []

    def step(self) -> bool:
        """Wait for something to happen and answer it; false when the owner has ended."""
        for key, _ in self.selector.select(self._patience()):
            if key.data == "owner":
                return False
            if key.data == "new":
                self._accept()
            elif isinstance(key.data, _Job):
                if key.fd == key.data.ended:
                    self._finish(key.data)
                elif key.data in self.jobs:
                    self._hear(key.data)
            else:
                self._begin(key.data)
        for job in self.jobs:
            if job.doomed is not None and time.monotonic() >= job.doomed:
                _signal(job.process, signal.SIGKILL)
                job.doomed = None
        return True

    def end_all(self) -> None:
        """Ask every copy to end, and kill those that do not."""
        for job in self.jobs:
            _signal(job.process, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        while self.jobs and time.monotonic() < until:
            for key, _ in self.selector.select(0.1):
                if isinstance(key.data, _Job) and key.fd == key.data.ended:
                    self._finish(key.data)
        for job in self.jobs:
            _signal(job.process, signal.SIGKILL)

    def _patience(self) -> float | None:
        times = [job.doomed for job in self.jobs if job.doomed is not None]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _accept(self) -> None:
        connection, _ = self.listener.accept()
        self.selector.register(connection, selectors.EVENT_READ, connection)

    def _begin(self, connection: socket.socket) -> None:
        """The first message of a connection is a request."""
        self.selector.unregister(connection)
        try:
            message, descriptors, _, _ = socket.recv_fds(connection, _LARGEST, 3)
        except OSError:
            connection.close()
            return
        try:
            if len(descriptors) != 3:  # whoever connected has gone
                connection.close()
                return
            request = json.loads(message)
            if request["deciding"] != self.common or not self.warmth.holds():
                connection.send(b"null")
                connection.close()
                return
            self.warmth.prepare(request["arguments"], Path(request["folder"]))
            server = os.getpid()
            process = os.fork()
            if process == 0:
                self._become(request, descriptors, server)
            job = _Job(process, os.pidfd_open(process), connection)
            self.jobs.append(job)
            self.selector.register(job.ended, selectors.EVENT_READ, job)
            self.selector.register(connection, selectors.EVENT_READ, job)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _become(self, request: dict[str, object], descriptors: list[int], server: int) -> NoReturn:
        """In the copy: leave the server behind, and run the command."""
        _die_with(server)
        os.setpgid(0, 0)
        self.selector.close()
        self.listener.close()
        for job in self.jobs:
            job.connection.close()
            os.close(job.ended)
        run_copy(request, descriptors)

    def _hear(self, job: _Job) -> None:
        """A signal to pass on; or nothing: whoever waited has ended, and so shall the copy."""
        try:
            message = job.connection.recv(64)
        except OSError:
            message = b""
        if not message:
            self.selector.unregister(job.connection)
        _signal(job.process, int(message or signal.SIGTERM))
        job.doomed = time.monotonic() + _PATIENCE

    def _finish(self, job: _Job) -> None:
        self.jobs.remove(job)
        self.selector.unregister(job.ended)
        os.close(job.ended)
        with contextlib.suppress(KeyError):
            self.selector.unregister(job.connection)
        _, status = os.waitpid(job.process, 0)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(OSError):
            job.connection.send(json.dumps(128 - code if code < 0 else code).encode())
        job.connection.close()


def _signal(process: int, number: int) -> None:
    """To the copy and whatever it has started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, number)


def _die_with(server: int) -> None:
    """Linux ends this process when the server ends, even by SIGKILL."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != server:  # it ended before
        os._exit(128 + signal.SIGKILL)
