"""What a command of ``fixbench`` is, and what several of them share."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fixbench.errors import InputError

__all__ = [
    "TIERS",
    "Command",
    "add_ablations",
    "count",
    "numbers",
    "positive",
    "print_json",
    "width",
]

TIERS = ("smoke", "small", "extended", "full")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        text: one sentence for ``fixbench --help``.
        add_arguments: declares its arguments. It imports nothing but the standard library, since
            the parser is built at every start.
        run: does the work. It imports what it needs, so that no other command pays for it.
        examples: command lines for its ``--help``.
    """

    name: str
    text: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]
    examples: tuple[str, ...] = ()


def add_ablations(parser: argparse.ArgumentParser) -> None:
    """The option that says where the ablations are."""
    parser.add_argument(
        "--ablations",
        type=Path,
        default=Path("ablations"),
        metavar="FOLDER",
        help="where the ablations are (default: ablations)",
    )


def positive(text: str) -> int:
    """An argument that is a number of at least one."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def numbers(key: str, text: str) -> tuple[int, ...]:
    """``"10,20,30"`` as numbers.

    Raises:
        InputError: it is something else.
    """
    if not all(part.isascii() and part.isdigit() for part in text.split(",")):
        raise InputError(key, "", text, expected="numbers of seeds such as 10,20,30")
    return tuple(map(int, text.split(",")))


def count(number: int, noun: str) -> str:
    """``"1 seed"``, ``"2 seeds"``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def print_json(content: Any) -> None:
    """Print JSON; a number that is not finite, which JSON does not have, as "NaN" or "Infinity"."""
    import json

    from fixbench.files import plain_json

    print(json.dumps(plain_json(content), indent=2, ensure_ascii=False))


def width() -> int:
    """How wide a line of text may be: the terminal's width, at most 100 characters."""
    return max(40, min(100, shutil.get_terminal_size((100, 24)).columns))
