"""The command ``fixbench synthesis``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import Command

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", type=Path, nargs="+", metavar="FILE", help="claims.json of runs")
    parser.add_argument("--output", type=Path, metavar="FILE", help="to be written (JSON)")


def _run(options: argparse.Namespace) -> None:
    from fixbench.analysis import synthesise_tables

    for line in synthesise_tables(options.tables, options.output):
        print(line)


COMMAND = Command(
    name="synthesis",
    text="Say why verdicts of several runs differ.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench synthesis reports/claims.json reports/extended/claims.json",),
)
