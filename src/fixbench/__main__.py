"""``python -m fixbench``: the command line.

What a pipeline has started ends with it. A job is handed to a warm worker where there is one.
"""

import os
import sys

from fixbench.worker import OWNER, end_with, run_warm

if __name__ == "__main__":
    status = run_warm(sys.argv[1:], os.environ) if sys.argv[1:2] == ["run"] else None
    if status is None:
        from fixbench.cli import main

        if os.environ.get(OWNER, "").isdecimal():
            end_with(int(os.environ[OWNER]))
        status = main()
    raise SystemExit(status)
