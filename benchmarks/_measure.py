"""Running a command to its end: its time on the clock, and the processor time of all it started."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Took", "run"]


@dataclass(frozen=True)
class Took:
    """Seconds on the clock, and of processor time."""

    wall: float
    cpu: float


def run(
    command: Sequence[str], folder: Path, *, log: Path, environment: Mapping[str, str] | None = None
) -> Took:
    """Run ``command`` in ``folder``.

    Processor time is that of processes that were waited for; a process that outlives its parent is
    not in it.

    Raises:
        SystemExit: it failed; the message names the log.
    """
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with log.open("w") as output:
        ended = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    wall = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ended.returncode:
        raise SystemExit(f"{command[0]} failed with status {ended.returncode}: see {log}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Took(wall, cpu)
