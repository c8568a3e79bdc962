"""The command ``fixbench report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ablation")
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--provenance", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--claims", type=Path, required=True, help="the verdicts, to be read")
    parser.add_argument("--determinism", type=Path, help="what `fixbench determinism` wrote")
    parser.add_argument("--directory", type=Path, default=Path("reports"))
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.analysis import report

    report(
        options.ablations / options.ablation,
        options.tier,
        options.results,
        options.provenance,
        options.claims,
        options.directory,
        determinism=options.determinism,
    )


COMMAND = Command(
    name="report",
    text="Write the HTML, LaTeX and PDF pages of an ablation.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench report learning_rate --tier small --results rows.parquet "
        "--provenance record.json --claims verdicts.json",
    ),
)
