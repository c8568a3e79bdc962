"""A command that is one call of Python: its interpreter, what it runs, and with which arguments."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.command._placeholders import pieces

__all__ = ["PythonCall", "python_call", "why_no_python_call"]

_PYTHON = re.compile(r"(?:.*/)?python(?:3(?:\.\d+)?)?")
#: Flags of the interpreter that copies of it can have too.
_FLAGS = frozenset({"-u", "-B", "-O", "-OO", "-s"})
#: What only a shell understands, outside of quotes and within double quotes.
_SHELL = {"": frozenset("|&;<>()$`\\\n*?[~#!"), '"': frozenset("$`\\")}
#: Placeholders that a script may begin with; another might be filled with a flag.
_FOLDERS = frozenset({"folder", "root", "work"})
_OPTION = "\x1a"


@dataclass(frozen=True)
class PythonCall:
    """``python FLAGS NAME ARGUMENTS``.

    Attributes:
        interpreter: its path or name, and its flags.
        name: a script, or of ``-m`` a module.
    """

    interpreter: tuple[str, ...]
    module: bool
    name: str
    arguments: tuple[str, ...]


def why_no_python_call(command: str, known: Sequence[str]) -> str:
    """Why the command is no plain call of Python; empty where it is one.

    Args:
        command: with its placeholders, whose names are ``known``.
    """
    plain = ""
    for text, name, quote in pieces(command.rstrip(), known):
        if name is None and (found := _SHELL.get(quote, frozenset()) & set(text)):
            return f"{min(found)!r} is for a shell"
        plain += text if name is None else "/x" if name in _FOLDERS else _OPTION
    try:
        words = shlex.split(plain)
    except ValueError as error:
        return str(error).lower()
    return "" if _called(words) is not None else "it does not begin with python and a script"


def python_call(command: str) -> PythonCall:
    """The call that a shell would make of a filled-in command without anything for a shell."""
    found = _called(shlex.split(command))
    assert found is not None
    return found


def _called(words: Sequence[str]) -> PythonCall | None:
    if not words or not _PYTHON.fullmatch(words[0]):
        return None
    place = 1
    while place < len(words) and words[place] in _FLAGS:
        place += 1
    module = words[place : place + 1] == ["-m"]
    rest = words[place + module :]
    if not rest or rest[0].startswith(("-", _OPTION)):
        return None
    return PythonCall(tuple(words[:place]), module, rest[0], tuple(rest[1:]))
