"""A shell command that ends with this process, and what it prints."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["call"]

#: How often, while a command prints nothing, to see whether it has ended.
_WAIT_SECONDS = 0.1


def call(
    command: str, folder: Path, environment: Mapping[str, str], *, log: Path | None = None
) -> int:
    """Exit status of a shell command, all of whose processes end with this one.

    What it prints goes to standard error.

    Args:
        log: where a copy of what it prints is written.
    """
    process = None
    try:
        with _interrupts_held():
            process = subprocess.Popen(
                command,
                shell=True,
                cwd=folder,
                env=environment,
                stdout=2 if log is None else subprocess.PIPE,
                stderr=None if log is None else subprocess.STDOUT,
                start_new_session=True,
            )
        if log is not None:
            _copy_output(process, log)
        return process.wait()
    except BaseException:
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    finally:
        if process is not None and process.stdout is not None:
            process.stdout.close()


def _copy_output(process: subprocess.Popen[bytes], log: Path) -> None:
    """Copy what a process prints until it ends, even if a child of its keeps the pipe open."""
    assert process.stdout is not None
    pipe = process.stdout.fileno()
    with log.open("wb") as copy:
        while True:
            ended = process.poll() is not None
            if select.select([pipe], [], [], 0 if ended else _WAIT_SECONDS)[0]:
                part = os.read(pipe, 65536)
                if not part:
                    return
                copy.write(part)
                while part:
                    part = part[os.write(2, part) :]
            elif ended:
                return


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Interrupts come after the block: one amid a start would leave a process nobody knows of."""
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for interrupt in held:
            signal.raise_signal(interrupt)
