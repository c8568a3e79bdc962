"""``python -m fixbench.containers … -- COMMAND``: what a rule puts before its command.

It is not a command of ``fixbench``, whose imports would cost every job a third of a second.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from fixbench.containers._engines import ENGINES
from fixbench.containers._gpu import lease_gpus
from fixbench.containers._invocation import Limits
from fixbench.containers._launch import launch
from fixbench.containers._local import run_locally
from fixbench.containers._processes import undo_when_stopped
from fixbench.containers._spec import read_spec
from fixbench.errors import InputError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m fixbench.containers", description=__doc__)
    parser.add_argument("--engine", choices=[*ENGINES, "local"], required=True)
    parser.add_argument("--version", default="", help="of the engine, for the record")
    parser.add_argument("--image", type=Path, help="the image, as the workflow wrote it (JSON)")
    parser.add_argument("--read", type=Path, nargs="*", default=[])
    parser.add_argument("--write", type=Path, nargs="*", default=[])
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--memory-mb", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=256)
    parser.add_argument("--temporary-mb", type=int, default=512)
    parser.add_argument("--gpus", type=int, default=0)
    parser.add_argument("--gpu-share", type=int, default=1, help="jobs that may use one GPU")
    parser.add_argument("--owner", type=int, help="process whose end ends the container")
    parser.add_argument("--record", default="{}", help="JSON for the command's provenance")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    return parser


def main() -> int:
    """Run the command; its exit status, or 2 for bad input."""
    parser = _parser()
    options = parser.parse_args()
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command or (options.image is None and options.engine != "local"):
        parser.error("a command is needed, and for a container its --image")
    undo_when_stopped()
    try:
        with lease_gpus(options.gpus, share=options.gpu_share) as gpus:
            if options.gpus and not gpus:
                print("no GPU on this machine: the job runs on the CPU", file=sys.stderr)
            if options.engine == "local":
                return run_locally(command, gpus=gpus, record=json.loads(options.record))
            return launch(
                ENGINES[options.engine](options.version),
                read_spec(options.image),
                command,
                root=Path.cwd(),
                read=options.read,
                write=options.write,
                keep=options.keep,
                limits=Limits(
                    cpus=options.cpus,
                    memory_mb=options.memory_mb,
                    processes=options.processes,
                    temporary_mb=options.temporary_mb,
                ),
                gpus=gpus,
                owner=options.owner,
                record=json.loads(options.record),
            )
    except InputError as error:
        print(f"fixbench: error: {error}", file=sys.stderr)
    except OSError as error:
        place = error.filename or options.engine
        print(f"fixbench: error: {place}: {error.strerror or error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
