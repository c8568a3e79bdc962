"""The command ``fixbench doctor``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._colour import paint
from fixbench.cli._command import Command, print_json

__all__ = ["COMMAND"]

_COLOURS = {"ok": "green", "note": "yellow", "problem": "red"}


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.diagnosis import diagnose

    findings = []
    for item in diagnose(Path()):
        findings.append(item)
        if not options.json:
            remedy = f" -> {item.remedy}" if item.remedy else ""
            state = paint(f"{item.state:<7}", _COLOURS[item.state])
            print(f"{state}  {item.what}: {item.found}{remedy}", flush=True)
    if options.json:
        print_json([asdict(item) for item in findings])
    if any(item.state == "problem" for item in findings):
        raise SystemExit(1)


COMMAND = Command(
    name="doctor",
    text="Say whether this machine and this checkout have what a run needs.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench doctor",),
)
