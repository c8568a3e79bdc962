"""The command ``fixbench rejudge``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("table", type=Path, metavar="FILE", help="the claims.json of a run")
    parser.add_argument("--tier", required=True, choices=TIERS, help="of the run")
    add_ablations(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="to be written (JSON)")


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.files import check_output, write_json
    from fixbench.rejudge import rejudge_tables

    if options.output is not None:
        check_output(options.output, "--output")
    found = rejudge_tables(options.table, options.ablations, options.tier)
    if options.output is not None:
        write_json(options.output, [asdict(item) for item in found])
    differing = [item for item in found if item.then != item.now]
    print(f"{len(found) - len(differing)} of {len(found)} verdicts are those of {options.table}")
    for item in differing:
        print(f"  {item.ablation} {item.id}: {item.now} now, {item.then} there. {item.why}")


COMMAND = Command(
    name="rejudge",
    text="Judge a published table of claims again by the present rules.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench rejudge reports/reference/small/claims.json --tier small",),
)
