"""``python -m fixbench``: the command line."""

from fixbench.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
