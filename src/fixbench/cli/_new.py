"""The command ``fixbench new``."""

from __future__ import annotations

import argparse

from fixbench.cli._command import Command, add_ablations
from fixbench.cli._script import add_script, asked_script

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    add_script(parser)
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.workflow import new_ablation, new_from_command

    name = options.name
    run = f"snakemake --cores all --config ablations={name}"
    asked = asked_script("fixbench new", options)
    if asked is None:
        folder = new_ablation(options.ablations, name)
        print(f"wrote {folder}; run it with: {run}")
        return
    folder, copies = new_from_command(options.ablations, name, asked)
    print(f"wrote {folder}: {', '.join(['ablation.yaml', 'claims.yaml', 'rule.smk', *copies])}")
    if copies:
        print("The jobs run these copies: change them there. Copy what they import, too.")
    print(
        f"""
Next:
  1. see that it works (3 seeds):   {run} tier=smoke
  2. edit what says EDIT in ablation.yaml and claims.yaml: the rule stands before results
  3. check it without running:      fixbench check {name}
  4. run it (10 seeds):             {run}
  5. read reports/{name}.html, or put reports/appendix-{name}.tex into your paper"""
    )


COMMAND = Command(
    name="new",
    text="Write an ablation that runs, to start from: an example, or one around your script.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench new my_fix",
        "fixbench new my_fix --from-command 'python train.py --seed {seed} --out {output}'",
    ),
)
