"""What the launcher, the guard and the local environment share: signals and exit statuses."""

from __future__ import annotations

import signal
from typing import NoReturn

__all__ = ["STOPS", "shell_status", "undo_when_stopped"]

#: The signals that ask a process to end.
STOPS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def undo_when_stopped() -> None:
    """Make a signal to end an exception, raised once, so that what was begun is undone.

    Signals that the caller had ignored, as ``nohup`` does, stay ignored.
    """
    names = [name for name in STOPS if signal.getsignal(name) is not signal.SIG_IGN]

    def stop(number: int, frame: object) -> NoReturn:
        for name in names:  # a second signal would interrupt the undoing
            signal.signal(name, signal.SIG_IGN)
        raise SystemExit(128 + number)

    for name in names:
        signal.signal(name, stop)


def shell_status(status: int) -> int:
    """The status that a shell gives a process: 128 + the number of the signal that ended it."""
    return 128 - status if status < 0 else status
