"""The command ``fixbench image``."""

from __future__ import annotations

import argparse
from pathlib import Path

from fixbench.cli._command import Command
from fixbench.errors import InputError

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=("build", "check", "lock"))
    parser.add_argument("environment", nargs="?", default="torch-cpu", help="default: torch-cpu")
    parser.add_argument(
        "--runtime",
        type=_runtime,
        default="auto",
        metavar="ENGINE",
        help="docker, podman or apptainer (default: the first that answers)",
    )
    parser.add_argument("--base", help="another base image, which this machine has")
    parser.add_argument("--wheels", type=Path, help="a folder to install from, without network")
    parser.add_argument("--network", help="of the build, such as host (default: the engine's own)")


def _runtime(text: str) -> str:
    from fixbench.containers import ENGINES

    names = ("auto", *ENGINES)
    if text not in names:
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
    return text


def _run(options: argparse.Namespace) -> None:
    from fixbench.containers import (
        ENGINES,
        build_image,
        check_image,
        find_engine,
        image_spec,
        write_image_lock,
    )

    root = Path()
    if options.action == "lock":
        print(f"wrote {write_image_lock(root)}")
        return
    engine = find_engine(options.runtime)
    if engine is None:
        expected = f"a container engine that answers: {', '.join(ENGINES)}"
        raise InputError("fixbench image", options.action, expected=expected)
    if options.action == "build":
        built: str | None = build_image(
            engine,
            root,
            options.environment,
            base=options.base,
            wheels=options.wheels,
            network=options.network,
        )
    else:
        built = check_image(engine, image_spec(root, options.environment))
    spec = image_spec(root, options.environment)
    if built is None:
        expected = "an image on this machine; run `make image`"
        raise InputError(f"{engine.name} image", spec.reference, expected=expected)
    print(f"{spec.reference} is {built} ({engine.name} {engine.version})")
    print(f"base {spec.base}" + ("" if spec.base_locked else ", not the one of envs/images.lock"))


COMMAND = Command(
    name="image",
    text="Build, check or declare the images that jobs run in.",
    add_arguments=_add_arguments,
    run=_run,
    examples=(
        "fixbench image build torch-cpu",
        "fixbench image check --runtime docker",
    ),
)
