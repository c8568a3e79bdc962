"""Colours, on a terminal only."""

from __future__ import annotations

import os
import sys
from typing import TextIO

__all__ = ["paint"]

_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour (or ``bold``), where it goes to a terminal that has any.

    ``NO_COLOR``, set to anything, turns colours off; so does ``TERM=dumb``.
    """
    stream = sys.stdout if stream is None else stream
    if (
        not text
        or os.environ.get("NO_COLOR")
        or os.environ.get("TERM") == "dumb"
        or not stream.isatty()
    ):
        return text
    return f"\033[{_CODES[colour]}m{text}\033[0m"
