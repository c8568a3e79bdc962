"""What a command of ``fixbench`` is, and what several of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fixbench.errors import InputError

__all__ = ["TIERS", "Command", "add_ablations", "count", "numbers", "positive"]

TIERS = ("smoke", "small", "extended", "full")


@dataclass(frozen=True, kw_only=True)
class Command:
    """One command.

    Attributes:
        text: one sentence for ``fixbench --help``.
        add_arguments: declares its arguments. It imports nothing but the standard library, since
            the parser is built at every start.
        run: does the work. It imports what it needs, so that no other command pays for it.
    """

    name: str
    text: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], None]


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
