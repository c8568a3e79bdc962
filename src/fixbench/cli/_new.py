"""The command ``fixbench new``."""

from __future__ import annotations

import argparse

from fixbench.cli._command import Command, add_ablations

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.workflow import new_ablation

    folder = new_ablation(options.ablations, options.name)
    print(f"wrote {folder}; run it with: snakemake --cores all --config ablations={options.name}")


COMMAND = Command(
    name="new",
    text="Write an ablation that runs, to start from.",
    add_arguments=_add_arguments,
    run=_run,
)
