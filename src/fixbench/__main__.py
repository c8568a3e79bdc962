"""``python -m fixbench``: the command line. A job is handed to a warm worker where there is one."""

import os
import sys

from fixbench.worker import VARIABLE, run_warm

if __name__ == "__main__":
    status = None
    if VARIABLE in os.environ and sys.argv[1:2] == ["run"]:
        status = run_warm(sys.argv[1:], os.environ)
    if status is None:
        from fixbench.cli import main

        status = main()
    raise SystemExit(status)
