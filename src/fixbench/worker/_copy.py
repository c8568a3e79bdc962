"""In the copy: the place of a new interpreter that was started with these arguments."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NoReturn

from fixbench.cli import main
from fixbench.worker._client import OWNER

__all__ = ["run_copy"]


def run_copy(request: dict[str, Any], descriptors: Sequence[int]) -> NoReturn:
    """Run the command of ``request`` with these three standard streams; never returns."""
    status = 1
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
        os.closerange(3, 4096)
        os.environ.clear()
        os.environ.update(request["environment"])
        del os.environ[OWNER]  # what this job starts, it starts itself
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["fixbench", *request["arguments"]]
        # They stay open until the process ends.
        sys.stdin = os.fdopen(0, closefd=False, encoding="utf-8")
        sys.stdout = os.fdopen(1, "w", closefd=False, encoding="utf-8")
        sys.stderr = os.fdopen(
            2, "w", buffering=1, closefd=False, encoding="utf-8", errors="backslashreplace"
        )
        _reseed()
        status = main(request["arguments"])
    except SystemExit as ended:
        status = _status(ended)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def _reseed() -> None:
    """Whoever draws from NumPy's global generator without a seed gets other numbers in each job."""
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _status(ended: SystemExit) -> int:
    if ended.code is None:
        return 0
    if isinstance(ended.code, int):
        return ended.code
    print(ended.code, file=sys.stderr)
    return 1
