"""The command ``fixbench export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import TIERS, Command, add_ablations, count

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("crate", type=Path, metavar="CRATE_FOLDER", help="the folder to be made")
    parser.add_argument("--tier", required=True, choices=TIERS)
    parser.add_argument(
        "--published",
        type=Path,
        metavar="FOLDER",
        help="a published run, such as reports/reference/small, in the place of this checkout's",
    )
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.crate import published_run, read_run, write_crate

    root = Path()
    if options.published is not None:
        run = published_run(root, options.tier, options.published)
    else:
        reports = Path("reports", "" if options.tier == "small" else options.tier)
        run = read_run(root, options.tier, reports, ablations=options.ablations)
    print(f"wrote {write_crate(run, options.crate)}: {count(len(run.records), 'job')}")


COMMAND = Command(
    name="export",
    text="Write a run as a Workflow Run RO-Crate, for other programs.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench export crate --tier small",
        "fixbench export crate --tier small --published reports/reference/small",
    ),
)
