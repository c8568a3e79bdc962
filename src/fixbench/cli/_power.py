"""The command ``fixbench power``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import Command, positive, print_json

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--effect", type=float, metavar="SIZE", help="the difference that is to be shown"
    )
    parser.add_argument(
        "--equivalence-margin",
        type=float,
        metavar="SIZE",
        help="a difference of 0 is to be shown to lie within this of it",
    )
    scatter = parser.add_mutually_exclusive_group(required=True)
    scatter.add_argument(
        "--deviation", type=float, metavar="SIZE", help="standard deviation of the differences"
    )
    scatter.add_argument(
        "--pilot", type=Path, metavar="FILE", help="results to take it from, as `fixbench judge`"
    )
    parser.add_argument("--metric", metavar="NAME", help="of a pilot with several")
    parser.add_argument("--baseline", metavar="NAME", help="of a pilot, if no name says it")
    parser.add_argument("--power", type=float, default=0.8, metavar="SHARE", help="default: 0.8")
    parser.add_argument("--alpha", type=float, default=0.05, metavar="SHARE", help="default: 0.05")
    parser.add_argument(
        "--comparisons", type=positive, default=1, metavar="M", help="that Holm adjusts p for"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.errors import InputError
    from fixbench.planning import Asked, Scatter, plan_power, power_text, read_pilot

    asked = Asked(
        effect=options.effect,
        margin=options.equivalence_margin,
        power=options.power,
        alpha=options.alpha,
        comparisons=options.comparisons,
    )
    if options.pilot is None:
        for key in ("metric", "baseline"):
            if getattr(options, key) is not None:
                expected = "--pilot FILE beside it"
                raise InputError("fixbench power", f"--{key}", expected=expected)
        scatter = [Scatter(label="as given", deviation=options.deviation)]
    else:
        scatter = read_pilot(options.pilot, metric=options.metric, baseline=options.baseline)
    plan = plan_power(asked, scatter)
    if options.json:
        print_json(asdict(plan))
    else:
        print(power_text(plan))


COMMAND = Command(
    name="power",
    text="Say how many seeds show which effect, before anything runs.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench power --effect 0.02 --deviation 0.015 --comparisons 10",
        "fixbench power --pilot pilot.csv --effect 0.02 --equivalence-margin 0.01",
    ),
)
