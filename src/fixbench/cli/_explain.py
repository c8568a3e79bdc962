"""The command ``fixbench explain``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._colour import paint
from fixbench.cli._command import TIERS, Command, add_ablations, print_json, width

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("claim", metavar="CLAIM", help="such as LB02, or ABLATION/LB02")
    parser.add_argument("--tier", default="small", choices=TIERS, help="default: small")
    parser.add_argument(
        "--claims",
        type=Path,
        metavar="FILE",
        help="a claims.json (default: your run's, else the published one)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.explanation import as_text, explain, find_claim

    found = find_claim(
        options.claim, tier=options.tier, table=options.claims, ablations=options.ablations
    )
    explanation = explain(found)
    if options.json:
        print_json(asdict(explanation) | {"claim": explanation.claim.model_dump()})
    else:
        for line in as_text(explanation, width()).splitlines():
            print(line if line.startswith(" ") else paint(line, "bold"))


COMMAND = Command(
    name="explain",
    text="Say why a claim has its verdict, and what would change it.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench explain LB02", "fixbench explain lambda_rescaling/LB02 --tier extended"),
)
