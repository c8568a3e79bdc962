"""A command that failed for a reason of the machine, which says nothing about the experiment.

A program ends with a status other than 0 for its own reasons, which count as a failed run, or
because the machine has let it down. The second kind is told by the status where a signal has ended
the program or the shell could not start it, and else by the last lines that it printed.
"""

from __future__ import annotations

import re
import signal

__all__ = ["fault", "ran_out_of_memory"]

#: Exit statuses of a shell that could not start a command.
_NOT_STARTED = {126: "the shell cannot execute it", 127: "the shell does not find it"}
#: So many of the last lines are looked at: a traceback ends with its reason.
_LINES = 5
_MEMORY = re.compile(
    r"^(?:[\w.]+\.)?(?:MemoryError|OutOfMemoryError)\b"
    r"|CUDA out of memory|CUDA error: out of memory|CUBLAS_STATUS_ALLOC_FAILED"
    r"|DefaultCPUAllocator: can't allocate memory|RESOURCE_EXHAUSTED: Out of memory"
    r"|\bstd::bad_alloc\b|\bCannot allocate memory\b|^Error: cannot allocate vector of size",
)
#: What stands in the last lines → what it is.
_FAULTS = {
    re.compile(r"\bNo space left on device\b|\bDisk quota exceeded\b|\bFile too large\b"): (
        "there is no room on the disk"
    ),
    re.compile(r"\bInput/output error\b|\bRead-only file system\b|\bStale file handle\b"): (
        "the disk could not be read or written"
    ),
    re.compile(r"\bToo many open files\b"): "the limit of open files is reached",
    re.compile(r"^(?:ModuleNotFoundError|ImportError): "): "a library is missing",
    re.compile(r"^FileNotFoundError: \[Errno 2\]"): "a program or a file is missing",
    re.compile(r"^PermissionError: \[Errno 13\]"): "a permission is missing",
    re.compile(r": command not found$|: not found$"): "a program is missing",
    re.compile(r"error while loading shared libraries|cannot open shared object file"): (
        "a library is missing"
    ),
    re.compile(r"CUDA error: (?!out of memory)|CUDA driver|No CUDA GPUs are available"): (
        "the GPU cannot be used"
    ),
}


def ran_out_of_memory(printed: str) -> bool:
    """Whether the end of what a failed command printed says so."""
    return any(_MEMORY.search(line) for line in _last(printed))


def fault(status: int, printed: str) -> str | None:
    """What of the machine has made a command fail; ``None`` where it failed for its own reasons.

    Args:
        status: its exit status, not 0; negative for the number of a signal.
        printed: the end of what it printed.
    """
    if status in _NOT_STARTED:
        return f"{_NOT_STARTED[status]} (status {status})"
    number = -status if status < 0 else status - 128
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        kernel = ", as the kernel does where memory runs out" * (number == signal.SIGKILL)
        return f"{name} ended it{kernel}"
    for line in reversed(_last(printed)):
        for pattern, meaning in _FAULTS.items():
            if pattern.search(line):
                return f"{meaning} ({line[:200]})"
    return None


def _last(printed: str) -> list[str]:
    lines = [line.strip() for line in re.split(r"[\r\n]+", printed)]
    return [line for line in lines if line][-_LINES:]
