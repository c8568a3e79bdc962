"""The time that an ablation allows its runs."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NoReturn

__all__ = ["Clock", "TimeLimitError"]

#: Whoever swallows the exception is sent it again.
_AGAIN_SECONDS = 10.0


class TimeLimitError(BaseException):
    """A run took longer than it may. No ``except Exception`` of a system keeps it."""


class Clock:
    """The limits of a job, which began when this was made.

    Args:
        seconds: ``seed_seconds``, ``job_seconds``, both or none; ``None`` is no limit.
    """

    def __init__(self, seconds: Mapping[str, float | None]) -> None:
        self._seconds = {name: value for name, value in seconds.items() if value is not None}
        self._began = time.monotonic()

    @contextmanager
    def limit(self) -> Iterator[None]:
        """What one seed does in this block ends in its time. For the main thread of a process.

        Raises:
            TimeLimitError: it has taken longer; the text names the limit.
        """
        left = dict(self._seconds)
        if "job_seconds" in left:
            left["job_seconds"] -= time.monotonic() - self._began
        if not left:
            yield
            return
        name = min(left, key=lambda key: left[key])
        error = TimeLimitError(
            f"it took longer than limits.{name} allows ({self._seconds[name]:g} s): "
            "it has failed, as declared"
        )
        if left[name] <= 0:
            raise error

        def ring(number: int, frame: object) -> NoReturn:
            raise error

        before = signal.signal(signal.SIGALRM, ring)
        try:
            signal.setitimer(signal.ITIMER_REAL, left[name], _AGAIN_SECONDS)
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
