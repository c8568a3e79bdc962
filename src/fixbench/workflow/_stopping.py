"""Ending a run that is asked to end."""

from __future__ import annotations

import contextlib
import signal
from types import FrameType

__all__ = ["stop_when_asked"]


def stop_when_asked() -> None:
    """Let SIGTERM end Snakemake and its jobs, as the interrupt key does.

    By itself Snakemake would wait for the jobs that run. It sets its handler before it calls
    ``onstart``, which is where this belongs.
    """
    import psutil  # comes with Snakemake, which calls this

    def stop(number: int, frame: FrameType | None) -> None:
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                process.terminate()
        raise KeyboardInterrupt

    with contextlib.suppress(ValueError):  # Snakemake runs in a thread of another program
        signal.signal(signal.SIGTERM, stop)
