"""The options that describe a script of the user's own, for the commands that write an ablation."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from fixbench.errors import InputError

if TYPE_CHECKING:
    from fixbench.workflow import Asked

__all__ = ["add_script", "asked_script"]


def add_script(parser: argparse.ArgumentParser) -> None:
    """The options."""
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
    script.add_argument(
        "--preload",
        action="append",
        metavar="MODULE",
        help="a module, such as torch, that its Python imports once for all seeds of a job",
    )


def asked_script(where: str, options: argparse.Namespace) -> Asked | None:
    """What the options ask for; ``None`` where no script is named.

    Raises:
        InputError: an option stands there without ``--from-command``.
    """
    from fixbench.workflow import Asked

    if options.from_command is None:
        for key in ("baseline", "variant", "metric", "log", "metrics_file", "preload"):
            if getattr(options, key) is not None:
                option = f"--{key.replace('_', '-')}"
                expected = "--from-command COMMAND beside it"
                raise InputError(where, option, getattr(options, key), expected=expected)
        return None
    return Asked(
        command=options.from_command,
        baseline=options.baseline or (),
        variants=options.variant or (),
        metric=options.metric or "accuracy:higher",
        log=options.log,
        metrics_file=options.metrics_file,
        preload=options.preload or (),
    )
