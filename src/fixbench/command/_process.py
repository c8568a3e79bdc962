"""A shell command that ends with this process, and what it prints."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["MARK", "call", "copy_output", "interrupts_held"]

#: Before each line that a command prints. The rules keep such lines in the log, off the terminal.
MARK = b"  | "
#: So many of the last bytes that a command prints are kept.
_TAIL = 8192
#: How often, while a command prints nothing, to see whether it has ended.
_WAIT_SECONDS = 0.1


def call(
    command: str, folder: Path, environment: Mapping[str, str], *, log: Path | None = None
) -> tuple[int, str]:
    """Run a shell command, all of whose processes end with this one.

    What it prints goes to standard error, each line behind `MARK`.

    Args:
        log: where a copy of what it prints is written.

    Returns:
        its exit status, and the end of what it printed.
    """
    process = None
    try:
        with interrupts_held():
            process = subprocess.Popen(
                command,
                shell=True,
                cwd=folder,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        assert process.stdout is not None
        running = process
        tail = copy_output(process.stdout.fileno(), lambda: running.poll() is not None, log)
        return process.wait(), tail
    except BaseException:
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise
    finally:
        if process is not None and process.stdout is not None:
            process.stdout.close()


def copy_output(pipe: int, has_ended: Callable[[], bool], log: Path | None) -> str:
    """Copy what a process prints until it ends, even if a child of its keeps the pipe open.

    Args:
        pipe: the descriptor that it prints to; has_ended: whether it has.
        log: as in `call`.

    Returns:
        the end of it.
    """
    tail, line = b"", b""
    with Path(os.devnull if log is None else log).open("wb") as copy:
        while True:
            ended = has_ended()
            if select.select([pipe], [], [], 0 if ended else _WAIT_SECONDS)[0]:
                part = os.read(pipe, 65536)
                if not part:
                    break
                copy.write(part)
                tail = (tail + part)[-_TAIL:]
                *lines, line = (line + part).split(b"\n")
                if len(line) > _TAIL:  # a progress bar that never ends its line
                    lines, line = [*lines, line], b""
                _show(lines)
            elif ended:
                break
    _show([line] if line else [])
    return tail.decode("utf-8", errors="replace")


def _show(lines: Iterable[bytes]) -> None:
    """Print whole lines, so that those of jobs that run at the same time do not mix."""
    text = b"".join(MARK + line + b"\n" for line in lines)
    while text:
        text = text[os.write(2, text) :]


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Interrupts come after the block: one amid a start would leave a process nobody knows of."""
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for interrupt in held:
            signal.raise_signal(interrupt)
