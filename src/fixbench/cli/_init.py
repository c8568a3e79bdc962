"""The command ``fixbench init``."""

from __future__ import annotations

import argparse

from fixbench.cli._command import Command
from fixbench.cli._script import add_script, asked_script

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--name", default="example", help="of the ablation (default: example)")
    add_script(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.workflow import init_repository

    files = init_repository(options.name, asked_script("fixbench init", options))
    print(f"wrote {', '.join(files)}")
    print("\nNext:")
    print(f"  fixbench check {options.name}")
    print("  snakemake --cores all")


COMMAND = Command(
    name="init",
    text="Make the working directory a repository in which `snakemake --cores all` runs ablations.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench init",
        "fixbench init --from-command 'python train.py --seed {seed} --out {output}'",
    ),
)
