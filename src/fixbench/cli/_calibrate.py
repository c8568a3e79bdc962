"""The command ``fixbench calibrate``."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from fixbench.cli._command import Command, positive
from fixbench.cli._progress import step_progress
from fixbench.errors import InputError

__all__ = ["COMMAND"]


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replications", type=positive, default=20_000, help="of each test (default: 20000)"
    )
    parser.add_argument("--seed", type=int, default=0, help="default: 0")
    parser.add_argument("--directory", type=Path, default=Path("reports"))
    parser.add_argument(
        "--write-rates",
        action="store_true",
        help="write instead the table of what verdicts do where seeds are skewed or collapse",
    )


def _run(options: argparse.Namespace) -> None:
    from fixbench.calibration import calibrate, write_shape_rates
    from fixbench.reports import write_calibration

    started = time.monotonic()
    if options.replications < 1000:
        expected = "at least 1000; a rate needs as many"
        raise InputError(
            "fixbench calibrate", "--replications", options.replications, expected=expected
        )
    if options.seed < 0:
        raise InputError("fixbench calibrate", "--seed", options.seed, expected="0 or more")
    if options.write_rates:
        with step_progress("shape rates") as progress:
            path = write_shape_rates(
                replications=options.replications, seed=options.seed, progress=progress
            )
        print(f"wrote {path}")
        return
    with step_progress("calibration") as progress:
        calibration = calibrate(
            replications=options.replications, seed=options.seed, progress=progress
        )
    for path in write_calibration(calibration, options.directory):
        print(f"wrote {path}")
    for sentence in calibration.conclusions:
        print(f"- {sentence}")
    if calibration.speed is not None:
        speed = calibration.speed
        print(
            f"- {speed.claims} claims × {speed.seeds} seeds: verdicts in {speed.verdicts:.2f} s; "
            f"bootstrap-t in {speed.bootstrap:.2f} s, in a loop {speed.loop:.2f} s."
        )
    print(f"took {time.monotonic() - started:.0f} s")
    if calibration.failed:
        raise SystemExit(1)


COMMAND = Command(
    name="calibrate",
    text="Simulate the statistics, and report how they do.",
    add_arguments=_add_arguments,
    run=_run,
    examples=("fixbench calibrate --replications 2000",),
)
