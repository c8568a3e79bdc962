"""The command ``fixbench rows``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations, count

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ablation")
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    parser.add_argument("--output", type=Path, required=True, help="the rows (Parquet)")
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.analysis import collect_rows

    folder = options.ablations / options.ablation
    rows = collect_rows(folder, options.tier, options.results, options.output)
    files = count(len(options.results), "file")
    print(f"wrote {options.output}: {count(rows, 'row')} of {files}")


COMMAND = Command(
    name="rows",
    text="Collect the rows of an ablation in one file, to publish them.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench rows learning_rate --tier small --results "
        "results/learning_rate/small/*/*.parquet --output rows.parquet",
    ),
)
