"""Notes that hold for every seed of a job, and are printed at the first."""

from __future__ import annotations

import functools
import sys

__all__ = ["note_once"]


@functools.cache
def note_once(text: str) -> None:
    """Print a line that was not printed before in this process."""
    print(f"note: {text}", file=sys.stderr)
