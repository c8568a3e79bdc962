"""A process that ends with its owner: nothing that a killed pipeline has started goes on."""

from __future__ import annotations

import os
import select
import signal
import threading
import time

__all__ = ["end_with"]

#: After so many seconds a process that was asked to end is ended.
_PATIENCE = 5.0


def end_with(owner: int) -> None:
    """End this process, as by SIGTERM, when the process ``owner`` has ended.

    Where a process cannot be watched, nothing happens.
    """
    try:
        watched = os.pidfd_open(owner)
    except ProcessLookupError:  # it has ended already
        os.kill(os.getpid(), signal.SIGTERM)
        return
    except (AttributeError, OSError):
        return
    threading.Thread(target=_wait, args=(watched,), daemon=True).start()


def _wait(watched: int) -> None:
    waiting = select.poll()
    waiting.register(watched, select.POLLIN)
    waiting.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE)
    os._exit(128 + signal.SIGKILL)
