"""The command ``fixbench status``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, print_json

__all__ = ["COMMAND", "add_plan"]


def add_plan(parser: argparse.ArgumentParser) -> None:
    """The arguments that say which plan is meant."""
    parser.add_argument(
        "names", nargs="*", metavar="ABLATION", help="default: those of config/config.yaml"
    )
    parser.add_argument("--tier", choices=TIERS, help="default: that of config/config.yaml")
    parser.add_argument(
        "--ablations",
        type=Path,
        metavar="FOLDER",
        help="where the ablations are (default: that of config/config.yaml)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.planning import read_plan, run_status, status_text

    plan = read_plan(options.names, tier=options.tier, folder=options.ablations)
    status = run_status(plan)
    if options.json:
        print_json(asdict(status))
    else:
        print(status_text(status))


COMMAND = Command(
    name="status",
    text="Say how far a run has come: results, failures, verdicts.",
    add_arguments=add_plan,
    run=_run,
    examples=("fixbench status", "fixbench status learning_rate --tier extended"),
)
