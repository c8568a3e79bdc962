"""``fixbench COMMAND …``: the parser, and how a command ends.

Bad input is one line on standard error and status 2; an interrupt is status 130. docs/reference.md
has all statuses.
"""

from __future__ import annotations

import argparse
import difflib
import errno
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import fixbench
from fixbench.cli import (
    _analyse,
    _calibrate,
    _check,
    _claims,
    _completion,
    _data,
    _determinism,
    _doctor,
    _explain,
    _export,
    _image,
    _init,
    _judge,
    _look,
    _new,
    _plan,
    _power,
    _rejudge,
    _report,
    _rows,
    _run,
    _status,
    _synthesis,
    _verify,
)
from fixbench.cli._colour import paint
from fixbench.cli._extras import how_to_install
from fixbench.errors import InputError

__all__ = ["COMMANDS", "main", "make_parser"]

#: In the order of ``fixbench --help``.
COMMANDS = (
    _judge.COMMAND,
    _power.COMMAND,
    _doctor.COMMAND,
    _plan.COMMAND,
    _status.COMMAND,
    _check.COMMAND,
    _run.COMMAND,
    _analyse.COMMAND,
    _look.COMMAND,
    _report.COMMAND,
    _explain.COMMAND,
    _rows.COMMAND,
    _export.COMMAND,
    _claims.COMMAND,
    _synthesis.COMMAND,
    _rejudge.COMMAND,
    _calibrate.COMMAND,
    _data.COMMAND,
    _image.COMMAND,
    _determinism.COMMAND,
    _verify.COMMAND,
    _new.COMMAND,
    _init.COMMAND,
    _completion.COMMAND,
)


#: Errors of a disk that is full.
_FULL = (errno.ENOSPC, errno.EDQUOT)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        options = make_parser().parse_args(arguments)
        options.run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, such as `head`, has closed the pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except InputError as error:
        _refuse(str(error))
        return 2
    except OSError as error:
        if error.errno not in _FULL:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"fixbench: error: {where}{error.strerror}; make room, then run it again: what was "
              "finished is kept", file=sys.stderr)  # fmt: skip
        return 2
    except ModuleNotFoundError as error:
        needed = how_to_install(error)
        if needed is None:
            raise
        _refuse(f"the command needs {needed}")
        return 2
    except KeyboardInterrupt:
        print("fixbench: interrupted", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


def _refuse(message: str) -> None:
    print(f"{paint('fixbench: error:', 'red', sys.stderr)} {message}", file=sys.stderr)


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = _Parser(
        prog="fixbench",
        description="Re-runs documented fixes and judges their claims. The whole of it: "
        "snakemake --cores all.",
    )
    parser.add_argument("--version", action="version", version=fixbench.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in COMMANDS:
        examples = "\n".join(f"  {line}" for line in command.examples)
        sub = commands.add_parser(
            command.name,
            help=command.text,
            description=command.text,
            epilog=f"examples:\n{examples}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(run=command.run, command=command.name)
        command.add_arguments(sub)
    return parser


class _Parser(argparse.ArgumentParser):
    """Takes what has no option's name before, between and behind the options.

    Python's own parser gives ``data generate --output X data/yowo`` no folder: it has given the
    optional folder nothing when it meets the option. For what is misspelt it names the nearest.
    """

    _parsing = False

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            known = self._options_of(getattr(found, "command", ""))
            near = [_nearest(word.partition("=")[0], known) for word in unknown]
            self.error(f"unrecognized arguments: {' '.join(unknown)}{next(filter(None, near), '')}")
        return found

    def _options_of(self, command: str) -> list[str]:
        """The options of a command."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction) and command in action.choices:
                return list(action.choices[command]._option_string_actions)
        return list(self._option_string_actions)

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            near = _nearest(str(value), [str(choice) for choice in action.choices or ()])
            raise argparse.ArgumentError(action, f"{error.message}{near}") from None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._parsing or self._subparsers is not None:
            return super().parse_known_args(args, namespace)
        self._parsing = True  # the method below comes back to this one
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._parsing = False


def _nearest(word: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _terminate(number: int, frame: object) -> NoReturn:
    # As an exception, so that half-written files are removed.
    raise SystemExit(128 + number)
