"""The command ``fixbench claims``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("claims", type=Path, nargs="+", metavar="FILE", help="verdicts")
    parser.add_argument("--tier", required=True, choices=TIERS, help="of the verdicts")
    parser.add_argument("--directory", type=Path, default=Path("reports"))
    parser.add_argument("--reference", type=Path, help="a published claims.json to compare with")
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.analysis import compare_verdicts, failed_runs, write_all_claims

    write_all_claims(
        options.claims, options.directory, tier=options.tier, ablations=options.ablations
    )
    for line in failed_runs(options.claims):
        print(line)
    if options.reference is not None and options.reference.is_file():
        for line in compare_verdicts(options.directory / "claims.json", options.reference):
            print(line)
    print(f"Page: {options.directory / 'index.html'}")


COMMAND = Command(
    name="claims",
    text="Write the table of all claims, and their numbers for a paper.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench claims results/*/small/claims.json --tier small",),
)
