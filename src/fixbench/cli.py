"""The command line: ``fixbench …``.

Bad input is one line on standard error and status 2; an interrupt is status 130.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import fixbench
from fixbench.errors import InputError

__all__ = ["Progress", "Steps", "main"]

#: Of the tracked data; another seed makes others of the same kind.
_DATA_SEED = 111
_TIERS = ("smoke", "small", "extended", "full")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        options = _parser().parse_args(arguments)
        options.function(options)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except InputError as error:
        print(f"fixbench: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("fixbench: interrupted", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, previous)
    return 0


def _terminate(number: int, frame: object) -> NoReturn:
    # As an exception, so that half-written files are removed.
    raise SystemExit(128 + number)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fixbench",
        description="Re-runs documented fixes and judges their claims. The whole of it: "
        "snakemake --cores all.",
    )
    parser.add_argument("--version", action="version", version=fixbench.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: Any, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(function=function)
        return sub

    def folder(sub: argparse.ArgumentParser) -> None:
        sub.add_argument(
            "--ablations",
            type=Path,
            default=Path("ablations"),
            metavar="FOLDER",
            help="where the ablations are (default: ablations)",
        )

    sub = command("check", _check, "Check ablation files, without running anything.")
    sub.add_argument("names", nargs="*", metavar="NAME", help="ablations (default: all)")
    sub.add_argument(
        "--hashes",
        action="store_true",
        help="print the SHA-256 of each claim instead, to register it before a run",
    )
    folder(sub)

    sub = command("run", _run, "Train and measure one variant for a block of seeds.")
    sub.add_argument("ablation")
    sub.add_argument("variant")
    sub.add_argument("--seeds", required=True, help="such as 0-4 or 0-4,7")
    sub.add_argument("--tier", default="small", choices=_TIERS)
    sub.add_argument("--output", type=Path, required=True, help="the results (Parquet)")
    sub.add_argument("--state", type=Path, help="states that other variants start from")
    sub.add_argument("--parent", type=Path, help="the states that this variant starts from")
    sub.add_argument("--provenance", type=Path, help="what ran on what (JSON)")
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    sub.add_argument("--threads", type=_positive, default=1)
    folder(sub)

    sub = command("analyse", _analyse, "Judge the claims of an ablation from its results.")
    sub.add_argument("ablation")
    sub.add_argument("--tier", required=True, choices=_TIERS)
    sub.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument("--claims", type=Path, required=True, help="the verdicts, to be written")
    judged = sub.add_mutually_exclusive_group()
    judged.add_argument("--looks", help="seeds at each planned look, if added until a verdict")
    judged.add_argument(
        "--unadjusted-looks",
        type=int,
        default=0,
        help="looks made before that the verdicts do not allow for (to be told in the report)",
    )
    folder(sub)

    sub = command("look", _look, "Decide from the seeds so far whether to add another block.")
    sub.add_argument("ablation")
    sub.add_argument("--tier", required=True, choices=_TIERS)
    sub.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument("--looks", required=True, help="seeds at each planned look: 10,20,30")
    sub.add_argument("--decision", type=Path, required=True, help="to be written (JSON)")
    folder(sub)

    sub = command("report", _report, "Write the HTML, LaTeX and PDF pages of an ablation.")
    sub.add_argument("ablation")
    sub.add_argument("--tier", required=True, choices=_TIERS)
    sub.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument("--provenance", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument("--claims", type=Path, required=True, help="the verdicts, to be read")
    sub.add_argument("--determinism", type=Path, help="what `fixbench determinism` wrote")
    sub.add_argument("--directory", type=Path, default=Path("reports"))
    folder(sub)

    sub = command("rows", _rows, "Collect the rows of an ablation in one file, to publish them.")
    sub.add_argument("ablation")
    sub.add_argument("--tier", required=True, choices=_TIERS)
    sub.add_argument("--results", type=Path, nargs="+", required=True, metavar="FILE")
    sub.add_argument("--output", type=Path, required=True, help="the rows (Parquet)")
    folder(sub)

    sub = command("claims", _claims, "Write the table of all claims.")
    sub.add_argument("claims", type=Path, nargs="+", metavar="FILE", help="verdicts")
    sub.add_argument("--directory", type=Path, default=Path("reports"))
    sub.add_argument("--reference", type=Path, help="a published claims.json to compare with")

    sub = command("calibrate", _calibrate, "Simulate the statistics, and report how they do.")
    sub.add_argument(
        "--replications", type=_positive, default=20_000, help="of each test (default: 20000)"
    )
    sub.add_argument("--seed", type=int, default=0, help="default: 0")
    sub.add_argument("--directory", type=Path, default=Path("reports"))

    sub = command("data", _data, "Get or verify the tracked data and checkpoints.")
    sub.add_argument("action", choices=("pull", "verify", "generate", "track"))
    sub.add_argument("folder", nargs="?", help="to verify or record; default: all")
    sub.add_argument(
        "--output", type=Path, default=Path("data"), help="where to generate (default: data)"
    )
    sub.add_argument("--record", type=Path, help="where to leave the hash of FOLDER (JSON)")

    sub = command("image", _image, "Build, check or declare the images that jobs run in.")
    sub.add_argument("action", choices=("build", "check", "lock"))
    sub.add_argument("environment", nargs="?", default="torch-cpu", help="default: torch-cpu")
    sub.add_argument("--runtime", default="auto", choices=("auto", "docker", "podman", "apptainer"))
    sub.add_argument("--base", help="another base image, which this machine has")
    sub.add_argument("--wheels", type=Path, help="a folder to install from, without network")
    sub.add_argument("--network", help="of the build, such as host (default: the engine's own)")

    sub = command(
        "determinism", _determinism, "Run one seed in several ways: what is noise, not effect?"
    )
    sub.add_argument("ablation")
    sub.add_argument("--variant", help="default: the baseline variant")
    sub.add_argument("--tier", default="small", choices=_TIERS, help="default: small")
    sub.add_argument("--seed", type=int, help="default: the tier's first")
    sub.add_argument("--threads", type=_positive, default=2, help="to compare with one (default 2)")
    sub.add_argument("--device", default="auto", choices=("auto", "cpu", "cuda"))
    sub.add_argument(
        "--tolerance", type=float, default=1e-6, help="relative difference that is no noise"
    )
    sub.add_argument("--output", type=Path, help="default: results/ABLATION/TIER/determinism.json")
    folder(sub)

    sub = command("new", _new, "Write an ablation that runs, to start from.")
    sub.add_argument("name")
    folder(sub)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _check(options: argparse.Namespace) -> None:
    from fixbench.ablation import claim_hash, load_ablation, parse_seeds, read_yaml
    from fixbench.workflow import CONFIG, check_settings, find_ablations

    if options.ablations == Path("ablations"):
        check_settings(read_yaml(CONFIG))
    files = [
        options.ablations / name / "ablation.yaml"
        for name in find_ablations(options.ablations, options.names)
    ]
    loaded = {file: load_ablation(file) for file in files}

    from fixbench.job import check_runnable  # imports torch
    from fixbench.reachability import left_out, reachable, unreachable
    from fixbench.verdicts import check_claims, is_tested

    for file, ablation in loaded.items():
        check_claims(ablation, file)
        check_runnable(file, ablation, ablation.tiers)
        if options.hashes:
            for claim in ablation.claims:
                print(f"{claim.id} {claim_hash(claim)}")
            continue
        family = sum(claim.primary and is_tested(claim) for claim in ablation.claims)
        variants, claims = len(ablation.variants), len(ablation.claims)
        print(f"{file.parent.name}: {_count(variants, 'variant')}, {_count(claims, 'claim')}")
        for tier, content in ablation.tiers.items():
            seeds = parse_seeds(content.seeds)
            found = unreachable(ablation, len(seeds))
            reach = reachable(len(seeds), family)
            if reach.possible:
                best = f"{reach.smallest_p_adjusted:.3g}"
                found.insert(0, f"the sign-flip test can reach an adjusted p of {best}")
            if claims_left_out := left_out(ablation, tier):
                found.append(f"it leaves out {', '.join(claims_left_out)}")
            print(f"  {tier}: {_count(len(seeds), 'seed')}; {'; '.join(found)}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _run(options: argparse.Namespace) -> None:
    from fixbench.ablation import parse_seeds

    seeds = parse_seeds(options.seeds)
    from fixbench.job import run_job  # imports torch

    run_job(
        Path(),
        options.ablation,
        options.variant,
        seeds,
        options.tier,
        options.output,
        ablations=options.ablations,
        state=options.state,
        parent=options.parent,
        record=options.provenance,
        device=options.device,
        threads=options.threads,
        progress=Progress(f"{options.ablation} {options.variant}", seeds),
    )


def _analyse(options: argparse.Namespace) -> None:
    from fixbench.analysis import analyse, save_claims

    looks = () if options.looks is None else _numbers("--looks", options.looks)
    folder = options.ablations / options.ablation
    results = analyse(
        folder,
        options.tier,
        options.results,
        looks=looks,
        unadjusted_looks=options.unadjusted_looks,
    )
    save_claims(options.claims, results)
    for result in results:
        print(f"{result.ablation} {result.id}  {result.verdict}: {result.reason}")


def _look(options: argparse.Namespace) -> None:
    from fixbench.analysis import look_at

    found = look_at(
        options.ablations / options.ablation,
        options.tier,
        options.results,
        options.decision,
        looks=_numbers("--looks", options.looks),
    )
    left = f"not settled: {', '.join(found.undecided)}" if found.undecided else "all settled"
    after = f"on to {found.next_n} seeds" if found.next_n else "no more seeds"
    print(f"{options.ablation}: {left}; {after}")


def _numbers(key: str, text: str) -> tuple[int, ...]:
    if not all(part.isascii() and part.isdigit() for part in text.split(",")):
        raise InputError(key, "", text, expected="numbers of seeds such as 10,20,30")
    return tuple(map(int, text.split(",")))


def _report(options: argparse.Namespace) -> None:
    from fixbench.analysis import report

    report(
        options.ablations / options.ablation,
        options.tier,
        options.results,
        options.provenance,
        options.claims,
        options.directory,
        determinism=options.determinism,
    )


def _rows(options: argparse.Namespace) -> None:
    from fixbench.analysis import collect_rows

    folder = options.ablations / options.ablation
    count = collect_rows(folder, options.tier, options.results, options.output)
    print(
        f"wrote {options.output}: {_count(count, 'row')} of {_count(len(options.results), 'file')}"
    )


def _claims(options: argparse.Namespace) -> None:
    from fixbench.analysis import compare_verdicts, failed_runs, write_all_claims

    write_all_claims(options.claims, options.directory)
    for line in failed_runs(options.claims):
        print(line)
    if options.reference is not None and options.reference.is_file():
        for line in compare_verdicts(options.directory / "claims.json", options.reference):
            print(line)


def _calibrate(options: argparse.Namespace) -> None:
    from fixbench.calibration import calibrate
    from fixbench.reports import write_calibration

    started = time.monotonic()
    # From a few replications no rate tells anything.
    if options.replications < 1000:
        expected = "at least 1000; fewer tell nothing about a rate"
        raise InputError(
            "fixbench calibrate", "--replications", options.replications, expected=expected
        )
    if options.seed < 0:
        raise InputError("fixbench calibrate", "--seed", options.seed, expected="0 or more")
    calibration = calibrate(
        replications=options.replications, seed=options.seed, progress=Steps("calibration")
    )
    for path in write_calibration(calibration, options.directory):
        print(f"wrote {path}")
    for sentence in calibration.conclusions:
        print(f"- {sentence}")
    if calibration.speed is not None:
        speed = calibration.speed
        print(
            f"- {speed.claims} claims × {speed.seeds} seeds: verdicts in {speed.verdicts:.2f} s; "
            f"BCa in {speed.bootstrap:.2f} s, scipy.stats.bootstrap looped in {speed.scipy:.2f} s."
        )
    print(f"took {time.monotonic() - started:.0f} s")
    if calibration.failed:
        raise SystemExit(1)


def _data(options: argparse.Namespace) -> None:
    from fixbench import tracking
    from fixbench.provenance import write_json

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


def _image(options: argparse.Namespace) -> None:
    from fixbench.containers import (
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
        expected = "a container engine that answers: docker, podman or apptainer"
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


def _determinism(options: argparse.Namespace) -> None:
    from dataclasses import asdict

    from fixbench.determinism import check_determinism
    from fixbench.provenance import write_json

    found = check_determinism(
        Path(),
        options.ablation,
        variant=options.variant,
        tier=options.tier,
        seed=options.seed,
        threads=options.threads,
        device=options.device,
        tolerance=options.tolerance,
        ablations=options.ablations,
        progress=lambda how: print(f"{options.ablation}: running {how}", file=sys.stderr),
    )
    output = options.output or Path("results", found.ablation, found.tier, "determinism.json")
    write_json(output, asdict(found))
    for item in found.repetitions:
        worst = max((value for value in item.differences.values() if value is not None), default=0)
        lacking = sorted(name for name, value in item.differences.items() if value is None)
        rows = f"; other rows of {', '.join(lacking)}" if lacking else ""
        print(f"  {item.how}: {item.label} (largest relative difference {worst:.2g}{rows})")
    run = f"{found.ablation} {found.variant}, tier {found.tier}, seed {found.seed}"
    print(f"{run}: {found.label}; wrote {output}")


def _new(options: argparse.Namespace) -> None:
    from fixbench.workflow import new_ablation

    folder = new_ablation(options.ablations, options.name)
    print(f"wrote {folder}; run it with: snakemake --cores all --config ablations={options.name}")


class Progress:
    """Progress on standard error: a line every few seconds, in place on a terminal."""

    def __init__(self, title: str, seeds: Sequence[int]) -> None:
        self._title, self._seeds = title, list(seeds)
        self._terminal = sys.stderr.isatty()
        self._interval = 0.2 if self._terminal else 5.0
        self._started = self._shown = time.monotonic()
        #: Seed and stage with the time and the steps done when they were first heard of.
        self._stage: tuple[int, str, float, int] | None = None

    def __call__(self, seed: int, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        position, seeds = self._seeds.index(seed) + 1, len(self._seeds)
        where = f"{self._title}: seed {seed} ({position}/{seeds})"
        if stage == "finished":
            left = (now - self._started) / position * (seeds - position)
            self._show(f"{where} finished{_left(left)}", last=True)
            return
        if self._stage is None or self._stage[:2] != (seed, stage):
            self._stage = (seed, stage, now, done)
        _, _, since, first = self._stage
        if now - self._shown >= self._interval:
            self._shown = now
            left = (now - since) / (done - first) * (total - done) if done > first else 0.0
            self._show(f"{where}, {stage} {done}/{total}{_left(left, ' of this stage')}")

    def _show(self, line: str, *, last: bool = False) -> None:
        # One call to write: the lines of jobs that run at the same time must not mix.
        text = f"\r\x1b[K{line}" if self._terminal else line
        sys.stderr.write(text if self._terminal and not last else f"{text}\n")
        sys.stderr.flush()


class Steps:
    """Steps on standard error: a line every few seconds, in place on a terminal."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._terminal = sys.stderr.isatty()
        self._interval = 0.2 if self._terminal else 5.0
        self._shown = 0.0

    def __call__(self, step: str, done: int, total: int) -> None:
        now, last = time.monotonic(), done == total
        if not last and now - self._shown < self._interval:
            return
        self._shown = now
        line = f"{self._title}: {done}/{total} {step}"
        ends = not self._terminal or last
        sys.stderr.write(("\r\x1b[K" if self._terminal else "") + line + ("\n" if ends else ""))
        sys.stderr.flush()


def _left(seconds: float, of: str = "") -> str:
    minutes, rest = divmod(round(seconds), 60)
    if seconds == 0:
        return ""
    return f", {minutes} min {rest} s left{of}" if minutes else f", {rest} s left{of}"
