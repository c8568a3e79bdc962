"""The command ``fixbench analyse``."""

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
    parser.add_argument("--claims", type=Path, required=True, help="the verdicts, to be written")
    judged = parser.add_mutually_exclusive_group()
    judged.add_argument("--looks", help="seeds at each planned look, if added until a verdict")
    judged.add_argument(
        "--unadjusted-looks",
        type=int,
        default=0,
        help="earlier looks that the verdicts do not allow for; the report says so",
    )
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.analysis import analyse, save_claims
    from fixbench.files import check_output

    check_output(options.claims, "--claims")
    looks = () if options.looks is None else numbers("--looks", options.looks)
    folder = options.ablations / options.ablation
    results = analyse(
        folder,
        options.tier,
        options.results,
        looks=looks,
        unadjusted_looks=options.unadjusted_looks,
        provenance=options.provenance,
    )
    save_claims(options.claims, results)
    for result in results:
        print(f"{result.ablation} {result.id}  {result.verdict}: {result.reason}")


COMMAND = Command(
    name="analyse",
    text="Judge the claims of an ablation from its results.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench analyse learning_rate --tier small --results rows.parquet --claims verdicts.json",
    ),
)
