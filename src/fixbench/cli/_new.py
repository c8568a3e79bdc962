"""The command ``fixbench new``."""

from __future__ import annotations

import argparse

from fixbench.cli._command import Command, add_ablations
from fixbench.errors import InputError

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name")
    script = parser.add_argument_group("around a script of yours, in any language")
    script.add_argument(
        "--from-command",
        metavar="COMMAND",
        help="how it is called: 'python train.py --seed {seed} --dropout {dropout} --out {output}'",
    )
    script.add_argument(
        "--baseline",
        action="append",
        metavar="OPTION=VALUE",
        help="the value of an option before the change, such as dropout=0.1; once for each",
    )
    script.add_argument(
        "--variant",
        action="append",
        metavar="NAME:OPTION=VALUE",
        help="what is compared with the baseline, such as high:dropout=0.5; as often as needed",
    )
    script.add_argument(
        "--metric",
        metavar="NAME:BETTER",
        help="what it measures, and whether higher or lower is better (default: accuracy:higher)",
    )
    script.add_argument(
        "--log",
        metavar="PATTERN",
        help="a regular expression with one group, the metric's value, for what it prints",
    )
    script.add_argument(
        "--metrics-file",
        metavar="PATH",
        help="a JSON or CSV file that it writes anyway, such as '{output}/metrics.json'",
    )
    add_ablations(parser)


def _run(options: argparse.Namespace) -> None:
    from fixbench.workflow import Asked, new_ablation, new_from_command

    name = options.name
    run = f"snakemake --cores all --config ablations={name}"
    if options.from_command is None:
        for key in ("baseline", "variant", "metric", "log", "metrics_file"):
            if getattr(options, key) is not None:
                option = f"--{key.replace('_', '-')}"
                expected = "--from-command COMMAND beside it"
                raise InputError("fixbench new", option, getattr(options, key), expected=expected)
        folder = new_ablation(options.ablations, name)
        print(f"wrote {folder}; run it with: {run}")
        return
    asked = Asked(
        command=options.from_command,
        baseline=options.baseline or (),
        variants=options.variant or (),
        metric=options.metric or "accuracy:higher",
        log=options.log,
        metrics_file=options.metrics_file,
    )
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
