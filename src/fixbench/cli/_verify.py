"""The command ``fixbench verify``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations, count

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names", nargs="*", metavar="ABLATION", help="default: all that the table of claims has"
    )
    parser.add_argument("--tier", default="small", choices=TIERS, help="default: small")
    parser.add_argument(
        "--local", action="store_true", help="your own run, instead of the published one"
    )
    parser.add_argument(
        "--rerun", type=int, default=1, metavar="N", help="seeds to run again (default 1; 0: none)"
    )
    parser.add_argument(
        "--variants",
        nargs="+",
        default=[],
        metavar="NAME",
        help="what to run again (default: the baseline that takes the least time)",
    )
    parser.add_argument(
        "--tolerance", type=float, default=1e-6, help="relative difference that a rerun may have"
    )
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.verification import verify

    checks = verify(
        Path(),
        options.names,
        tier=options.tier,
        local=options.local,
        rerun=options.rerun,
        variants=options.variants,
        tolerance=options.tolerance,
        ablations=options.ablations,
        progress=lambda what: print(f"running {what}", file=sys.stderr),
    )
    made = compared = wrong = 0
    for check in checks:
        made, compared = made + 1, compared + check.compared
        wrong += len(check.mismatches)
        state = count(len(check.mismatches), "mismatch").replace("mismatchs", "mismatches")
        remark = f" ({check.remark})" if check.remark else ""
        print(
            f"{check.ablation}: {check.name}: {check.compared} {check.of}, "
            f"{state if check.mismatches else 'no mismatch'}{remark}",
            flush=True,
        )
        for item in check.mismatches:
            print(f"  {item}")
    found = f"{wrong} mismatches" if wrong > 1 else "1 mismatch" if wrong else "no mismatch"
    print(f"{count(made, 'check')} of {count(compared, 'value')}: {found}")
    if wrong:
        raise SystemExit(1)


COMMAND = Command(
    name="verify",
    text="Check the figures of reports against the rows, and run a sample again.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench verify",
        "fixbench verify learning_rate --rerun 0",
    ),
)
