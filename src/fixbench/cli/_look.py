"""The command ``fixbench look``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations, numbers

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ablation")
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument(
        "--provenance", type=Path, nargs="*", default=[], metavar="FILE", help="of the results"
    )
    parser.add_argument("--looks", required=True, help="seeds at each planned look: 10,20,30")
    parser.add_argument("--decision", type=Path, required=True, help="to be written (JSON)")
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.analysis import look_at
    from fixbench.files import check_output

    check_output(options.decision, "--decision")
    found = look_at(
        options.ablations / options.ablation,
        options.tier,
        options.results,
        options.decision,
        looks=numbers("--looks", options.looks),
        provenance=options.provenance,
    )
    left = f"not settled: {', '.join(found.undecided)}" if found.undecided else "all settled"
    after = f"on to {found.next_n} seeds" if found.next_n else "no more seeds"
    print(f"{options.ablation}: {left}; {after}")


COMMAND = Command(
    name="look",
    text="Decide from the seeds so far whether to add another block.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench look learning_rate --tier small --results rows.parquet --looks "
        "10,20 --decision look.json",
    ),
)
