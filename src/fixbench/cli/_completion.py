"""The command ``fixbench completion``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import Command

__all__ = ["COMMAND"]

_SHELLS = ("bash", "zsh", "fish")


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=_SHELLS)


def _run(options: argparse.Namespace) -> None:
    import shtab

    from fixbench.cli._main import make_parser  # which has this very command

    parser = make_parser()
    for action in _actions(parser):
        if action.type is Path or action.metavar in ("RESULTS", "FILE", "FOLDER"):
            # shtab reads how an argument is completed from this attribute.
            action.complete = (  # type: ignore[attr-defined]
                shtab.DIRECTORY if action.metavar == "FOLDER" else shtab.FILE
            )
    print(shtab.complete(parser, shell=options.shell))


def _actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments of a parser and of its commands."""
    found: list[argparse.Action] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in dict.fromkeys(action.choices.values()):
                found += _actions(sub)
        else:
            found.append(action)
    return found


COMMAND = Command(
    name="completion",
    text="Print a script that lets a shell complete commands, options and files.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench completion bash > ~/.local/share/bash-completion/completions/fixbench",
        "fixbench completion fish > ~/.config/fish/completions/fixbench.fish",
    ),
)
