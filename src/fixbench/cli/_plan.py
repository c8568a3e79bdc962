"""The command ``fixbench plan``."""

from __future__ import annotations

import argparse
import os

from fixbench.cli._command import Command, positive, print_json
from fixbench.cli._status import add_plan

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_plan(parser)
    parser.add_argument("--cores", type=positive, metavar="N", help="default: all of this machine")


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.planning import cost_text, expected_cost, read_plan

    plan = read_plan(options.names, tier=options.tier, folder=options.ablations)
    cost = expected_cost(plan, options.cores or len(os.sched_getaffinity(0)))
    if options.json:
        print_json(asdict(cost))
    else:
        print(cost_text(cost))


COMMAND = Command(
    name="plan",
    text="Say what a run takes: jobs, seeds, time and memory, from earlier records.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench plan --cores 2", "fixbench plan scene_context --tier extended"),
)
