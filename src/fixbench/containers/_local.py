"""A command in the local environment, without a container."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence

from fixbench.containers._processes import STOPS, shell_status

__all__ = ["run_locally"]


def run_locally(
    command: Sequence[str], *, gpus: Sequence[str], record: Mapping[str, object]
) -> int:
    """The command's exit status in this environment, with its GPUs and no others."""
    environment = os.environ | {"FIXBENCH_LAUNCH": json.dumps(dict(record))}
    if gpus:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)
    # A signal between the start of the command and `waitpid` would leave the command running.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    process = os.posix_spawnp(command[0], list(command), environment, setsigmask=before)
    try:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _, status = os.waitpid(process, 0)
    except BaseException:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(process, signal.SIGTERM)
            os.waitpid(process, 0)
        raise
    return shell_status(os.waitstatus_to_exitcode(status))
