"""The guard: a second process that starts a container and removes it, whatever ends the launcher.

The engine's program cannot be relied on for this: when Docker's client is killed, its container
runs on. The guard is forked because it must survive the launcher, and because it inherits the
lock of the job's folder, which it then holds until the container is gone.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
from collections.abc import Sequence
from typing import NoReturn

from fixbench.containers._engine import Engine
from fixbench.containers._invocation import Invocation
from fixbench.containers._processes import STOPS, shell_status
from fixbench.errors import InputError

__all__ = ["run_guarded"]

# Of a second each. An engine that has not ended a container after so many does not answer.
_ATTEMPTS = 15


def run_guarded(engine: Engine, invocation: Invocation, owner: int | None) -> tuple[int, bool]:
    """(exit status, whether the container ran out of memory); afterwards the container is gone.

    It is also removed when this process or ``owner`` ends in any way, even by SIGKILL.

    Args:
        owner: the process ID of another process, such as Snakemake's.

    Raises:
        InputError: the owner does not run, or the guard was killed.
    """
    arguments = engine.run_arguments(invocation)
    try:
        watched = [] if owner is None else [os.pidfd_open(owner)]
    except ProcessLookupError:
        raise InputError("--owner", "", owner, expected="a process that still runs") from None
    stopped, running = os.pipe()  # closed by the kernel if this process is killed
    answer, result = os.pipe()
    guard = os.fork()
    if guard == 0:
        os.close(running)
        _guard(engine, invocation.name, arguments, [stopped, *watched], result)
    for descriptor in (stopped, result, *watched):
        os.close(descriptor)
    try:
        with open(answer, encoding="utf-8") as stream:
            said = stream.read()
    finally:
        os.close(running)
        os.waitpid(guard, 0)
    if not said:
        engine.remove(invocation.name)
        expected = "to run to its end; the process that watched it was killed"
        raise InputError("container", "", expected=expected)
    status, out_of_memory = json.loads(said)
    return status, out_of_memory


def _guard(
    engine: Engine, name: str, arguments: Sequence[str], watched: Sequence[int], result: int
) -> NoReturn:
    """In the forked process: wait for the client or for one of ``watched``, then clean up."""
    try:
        os.setsid()  # so that an interrupt reaches the container only by way of the launcher
        for number in STOPS:
            signal.signal(number, lambda *_: None)
        # A process group of its own, by which a container that is only processes is ended.
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, process_group=0) as client:
            waiting = select.poll()
            for descriptor in (os.pidfd_open(client.pid), *watched):
                waiting.register(descriptor, select.POLLIN)
            waiting.poll()
            if client.poll() is None:
                _stop(engine, name, client)
        status = shell_status(client.returncode)
        answer = json.dumps([status, status != 0 and engine.out_of_memory(name)])
        engine.remove(name)
        os.write(result, answer.encode())
    finally:
        os._exit(0)


def _stop(engine: Engine, name: str, client: subprocess.Popen[bytes]) -> None:
    """Stop a container, even one that its client is about to create."""
    for attempt in range(_ATTEMPTS):
        engine.stop(name, client, attempt)
        with contextlib.suppress(subprocess.TimeoutExpired):
            client.wait(1)
            return
    client.kill()
