"""Run an engine's program: to read its answer, or to let a user watch it work."""

from __future__ import annotations

import subprocess
import sys

from fixbench.errors import InputError

__all__ = ["ask", "last_line", "show"]


def ask(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """What the program says; status 127, as in a shell, if it cannot be started."""
    try:
        return subprocess.run(arguments, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 127, "", str(error))


def show(arguments: list[str], expected: str) -> None:
    """Run the program with its output on standard error, where a user sees the progress.

    Raises:
        InputError: it cannot be started or fails; ``expected`` says what would be right.
    """
    shown = " ".join(arguments[:2])
    try:
        status = subprocess.run(arguments, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        raise InputError(shown, "", expected=f"{expected} ({error.strerror})") from None
    if status:
        raise InputError(shown, "exit status", status, expected=expected)


def last_line(text: str) -> str:
    """The last line of what a program said: where it says what went wrong."""
    return (text.strip().splitlines() or ["it says nothing"])[-1]
