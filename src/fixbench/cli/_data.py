"""The command ``fixbench data``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import Command
from fixbench.errors import InputError

__all__ = ["COMMAND"]

#: Of the tracked data; another seed makes other data of the same kind.
_DATA_SEED = 111


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("pull", "verify", "generate", "track"))
    parser.add_argument("folder", nargs="?", help="to verify or record; default: all")
    parser.add_argument(
        "--output", type=Path, default=Path("data"), help="where to generate (default: data)"
    )
    parser.add_argument("--record", type=Path, help="where to leave the hash of FOLDER (JSON)")


def _run(options: argparse.Namespace) -> None:
    from fixbench import tracking
    from fixbench.files import write_json

    root = Path()
    if options.record is not None and options.folder is None:
        raise InputError("fixbench data", "--record", expected="a FOLDER beside it")
    if options.action == "pull":
        tracking.pull(root)
        print("data and checkpoints: complete and verified")
    elif options.action == "track":
        tracking.track(root)
    elif options.action == "generate":
        from fixbench.datasets import generate_families, generate_procedures, generate_scenes

        generate_families(options.output / "aa_clip", seed=_DATA_SEED)
        generate_procedures(options.output / "alignment", seed=_DATA_SEED)
        generate_scenes(options.output / "yowo", seed=_DATA_SEED)
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
)
