"""The one exception that a user of Fixbench reads."""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["InputError"]


class InputError(Exception):
    """Bad input, refused before work starts.

    Its text is one line: the file, the key, the value found there, and what would be right. The
    command line prints that line and exits with status 2, without a traceback.

    Args:
        file: the file (or the command-line option) in which the value stands.
        key: where in the file: a dotted key, a column, a seed; "" for the file as a whole.
        value: the offending value, shown with ``repr``; omitted from the message when ``None``.
        expected: what would be right, as an imperative or a noun phrase.
    """

    def __init__(self, file: str | Path, key: str, value: Any = None, *, expected: str) -> None:
        self.file = str(file)
        self.key = key
        self.value = value
        self.expected = expected
        where = f"{self.file}: {key}" if key else self.file
        found = "" if value is None else f" is {_shorten(value)}"
        super().__init__(f"{where}{found}; expected {expected}")


def _shorten(value: Any, limit: int = 120) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
