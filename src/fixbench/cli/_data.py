"""The command ``fixbench data``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import Command
from fixbench.errors import InputError

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("pull", "verify", "generate", "draw", "track"))
    parser.add_argument("folder", nargs="?", help="such as data/yowo; default: all")
    parser.add_argument(
        "--output", type=Path, default=Path("data"), help="where to generate (default: data)"
    )
    parser.add_argument(
        "--data-seed", type=int, help="of a data draw, which goes to .fixbench/data"
    )
    parser.add_argument("--record", type=Path, help="where to leave the hash of FOLDER (JSON)")


def _run(options: argparse.Namespace) -> None:
    from fixbench import tracking
    from fixbench.files import check_output, write_json

    root = Path()
    if options.record is not None and options.folder is None:
        raise InputError("fixbench data", "--record", expected="a FOLDER beside it")
    if options.record is not None:
        check_output(options.record, "--record")
    if (options.action == "draw") != (options.data_seed is not None):
        expected = "it with the action 'draw', and only with it"
        raise InputError("fixbench data", "--data-seed", options.data_seed, expected=expected)
    if options.action == "draw":
        if options.folder is None or options.record is not None:
            raise InputError("fixbench data draw", "", expected="a FOLDER, and no --record")
        from fixbench.draws import draw_folder, make_draw

        make_draw(root, options.folder, options.data_seed)
        print(
            f"{options.folder}: data draw {options.data_seed} in "
            f"{draw_folder(options.folder, options.data_seed)}"
        )
        return
    if options.action == "pull":
        tracking.pull(root, options.folder)
        print(f"{options.folder or 'data and checkpoints'}: complete and verified")
    elif options.action == "track":
        if options.folder is not None:
            raise InputError("fixbench data track", "FOLDER", options.folder, expected="none")
        tracking.track(root)
    elif options.action == "generate":
        from fixbench.datasets.generators import GENERATORS, generate

        folder = options.folder
        for name in GENERATORS if folder is None else [folder.removeprefix("data/")]:
            generate(name, options.output)
    else:
        tracking.verify(root, options.folder)
    if options.record is not None:
        found = tracking.tracked_hash(root, options.folder)
        write_json(options.record, {"folder": options.folder, "sha256": found})


COMMAND = Command(
    name="data",
    text="Get or verify the tracked data and checkpoints.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench data pull",
        "fixbench data verify data/yowo",
    ),
)
