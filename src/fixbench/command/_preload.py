"""A Python command whose seeds are copies of one process that has imported their modules.

The process belongs to a job. It is the very Python that the command names, started with the
environment of the command, and nothing of this package is imported into it.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fixbench.command import _preload_program
from fixbench.command._process import copy_output, interrupts_held
from fixbench.command._python_call import PythonCall

__all__ = ["PreloadError", "call_copy"]


class PreloadError(Exception):
    """The modules could not be imported beforehand. The text says why.

    Attributes:
        module: the one that could not; empty where Python itself could not be started.
    """

    def __init__(self, why: str, module: str = "") -> None:
        super().__init__(why)
        self.module = module


class _Original:
    """The process that imports, from its start until the job ends."""

    def __init__(
        self,
        interpreter: Sequence[str],
        path: str,
        modules: Sequence[str],
        folder: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.connection, given = socket.socketpair()
        self.heard = b""
        program = [*interpreter, _preload_program.__file__, str(given.fileno())]
        try:
            with interrupts_held(), given:
                self.process = subprocess.Popen(
                    program,
                    cwd=folder,
                    env=environment,
                    pass_fds=[given.fileno()],
                    stdout=2,
                    start_new_session=True,
                )
        except OSError as error:
            self.connection.close()
            why = f"{interpreter[0]} cannot be started ({error.strerror})"
            raise PreloadError(why) from None
        try:
            self._tell({"path": path, "modules": list(modules)})
            problem = self._answer()
        except BaseException:
            self.end()
            raise
        if problem is not None:
            self.end()
            raise PreloadError(problem[1], problem[0])

    def run(self, call: PythonCall, log: Path | None) -> tuple[int, str]:
        """Run the program of a call in a copy; its status, and the end of what it printed."""
        pipe, output = os.pipe()
        status: int | None = None

        def has_ended() -> bool:
            nonlocal status
            if status is None and self._has_answered():
                status = self._answer()
            return status is not None

        copy = None
        try:
            asked = {"name": call.name, "module": call.module, "arguments": call.arguments}
            try:
                self._tell(asked, output)
            finally:
                os.close(output)
            copy = self._answer()
            printed = copy_output(pipe, has_ended, log)
            return self._answer() if status is None else status, printed
        except BaseException:
            if copy is not None:
                _kill(copy)
            self.end()
            raise
        finally:
            os.close(pipe)

    def end(self) -> None:
        """End it; there is no copy that runs, or it has been ended."""
        self.connection.close()
        _kill(self.process.pid)
        self.process.wait()
        for key, original in list(_originals.items()):
            if original is self:
                del _originals[key]

    def _tell(self, what: object, *descriptors: int) -> None:
        message = json.dumps(what).encode() + b"\n"
        with contextlib.suppress(OSError):  # it has ended; the answer that is missing says so
            sent = socket.send_fds(self.connection, [message], descriptors)
            self.connection.sendall(message[sent:])

    def _has_answered(self) -> bool:
        return b"\n" in self.heard or bool(select.select([self.connection], [], [], 0)[0])

    def _answer(self) -> Any:
        while b"\n" not in self.heard:
            try:
                part = self.connection.recv(1 << 16)
            except OSError:
                part = b""
            if not part:
                raise PreloadError(f"it has ended (status {self.process.wait()})")
            self.heard += part
        line, _, self.heard = self.heard.partition(b"\n")
        return json.loads(line)


#: What each was started for → the process, of this job.
_originals: dict[tuple[object, ...], _Original] = {}


def call_copy(
    call: PythonCall,
    modules: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    log: Path | None = None,
) -> tuple[int, str]:
    """Run a call of Python in a copy of a process that has imported ``modules``.

    All of its processes end with this one. What it prints goes where `call` has it go.

    Args:
        log: where a copy of what it prints is written.

    Returns:
        its exit status, and the end of what it printed.

    Raises:
        PreloadError: Python cannot be started, or a module cannot be imported.
    """
    folder = folder.resolve()
    path = folder if call.module else (folder / call.name).resolve().parent
    environment = {**environment, "PWD": str(folder)}  # as a shell says it
    key = (call.interpreter, str(path), tuple(modules), folder, frozenset(environment.items()))
    if key not in _originals:
        _originals[key] = _Original(call.interpreter, str(path), modules, folder, environment)
    return _originals[key].run(call, log)


def _kill(process: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process, signal.SIGKILL)


@atexit.register
def _end_all() -> None:
    for original in list(_originals.values()):
        original.end()
