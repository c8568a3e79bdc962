"""The command ``fixbench judge``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fixbench.cli._command import Command
from fixbench.errors import InputError

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "results",
        nargs="+",
        metavar="RESULTS",
        help="CSV, JSON, JSON lines or Parquet files, or patterns of them; a folder that a tool "
        "wrote; or the folder that an earlier call wrote, to be judged again",
    )
    columns = parser.add_argument_group("columns, where their names do not say what they are")
    columns.add_argument("--variant", nargs="+", default=[], metavar="COLUMN")
    columns.add_argument("--seed", nargs="+", default=[], metavar="COLUMN")
    columns.add_argument(
        "--metric",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="with --value the column of metric names, else the columns that are metrics",
    )
    columns.add_argument("--value", metavar="COLUMN")
    columns.add_argument(
        "--methods", nargs="+", default=[], metavar="COLUMN", help="columns that are a variant each"
    )
    columns.add_argument(
        "--stage", nargs="+", default=[], metavar="COLUMN", help="such as the data set"
    )
    columns.add_argument(
        "--step", metavar="COLUMN", help="such as the epoch; the last value counts"
    )
    columns.add_argument("--status", metavar="COLUMN")
    parser.add_argument("--baseline", metavar="NAME", help="what the others are compared with")
    parser.add_argument(
        "--better",
        nargs="+",
        default=[],
        metavar="[METRIC=]SIDE",
        help="higher, lower or neither; of all metrics, or of one",
    )
    parser.add_argument(
        "--margin",
        nargs="+",
        default=[],
        metavar="[METRIC=]SIZE",
        help="the smallest difference that matters; without it only directions can be shown",
    )
    parser.add_argument(
        "--unpaired", action="store_true", help="runs with the same seed are no pairs"
    )
    parser.add_argument("--claims", type=Path, metavar="FILE", help="claims to judge by")
    parser.add_argument("--name", help="of the ablation; else from the name of the file")
    parser.add_argument("--reader", metavar="TOOL", help="whose folder it is")
    parser.add_argument("--directory", type=Path, default=Path("fixbench-report"))
    parser.add_argument("--force", action="store_true", help="replace files that were edited")
    parser.add_argument("--no-pages", action="store_true", help="verdicts alone, which is faster")
    parser.add_argument("--json", action="store_true", help="print JSON")


def _run(options: argparse.Namespace) -> None:
    import json

    from fixbench.judging import as_json, judge

    judged = judge(
        options.results,
        variant=options.variant,
        seed=options.seed,
        metric=options.metric,
        value=options.value,
        methods=options.methods,
        stage=options.stage,
        step=options.step,
        status=options.status,
        baseline=options.baseline,
        better=_by_metric("--better", options.better, _side),
        margin=_by_metric("--margin", options.margin, _size),
        unpaired=options.unpaired,
        claims=options.claims,
        name=options.name,
        reader=options.reader,
        directory=options.directory,
        force=options.force,
        pages=not options.no_pages,
    )
    if options.json:
        print(json.dumps(as_json(judged), indent=2, ensure_ascii=False))
    else:
        print(judged)


def _by_metric(option: str, given: Sequence[str], read: Any) -> dict[str, Any]:
    """``["lower", "acc=higher"]`` → ``{"": "lower", "acc": "higher"}``."""
    found: dict[str, Any] = {}
    for text in given:
        metric, _, value = text.rpartition("=")
        if metric in found:
            raise InputError(option, "", text, expected="each metric once")
        found[metric] = read(option, value, text)
    return found


def _side(option: str, value: str, text: str) -> str:
    if value not in ("higher", "lower", "neither"):
        expected = "higher, lower or neither, or METRIC=higher"
        raise InputError(option, "", text, expected=expected)
    return value


def _size(option: str, value: str, text: str) -> float:
    try:
        return float(value)
    except ValueError:
        expected = "a number such as 0.01, or METRIC=0.01"
        raise InputError(option, "", text, expected=expected) from None


COMMAND = Command(
    name="judge",
    text="Judge results that exist: a table of variants, seeds and metrics.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench judge results.csv",
        "fixbench judge results.csv --baseline none --better higher --margin 0.01",
    ),
)
