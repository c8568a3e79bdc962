"""The minimal study: a network on digits with and without dropout, ten seeds each."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks._measure import Took, run

__all__ = ["SEEDS", "VARIANTS", "WAYS"]

TRAIN = Path(__file__).parent / "digits" / "train.py"
SEEDS = range(10)
VARIANTS = {"none": 0.0, "half": 0.5}
CORES = len(os.sched_getaffinity(0))
_ONE_THREAD = {"OMP_NUM_THREADS": "1"}


def loop(folder: Path) -> Took:
    """A shell loop: one process after another, with the threads that torch takes by itself."""
    return run(["bash", "-ec", "\n".join(_commands())], folder, log=folder / "log")


def careful_loop(folder: Path) -> Took:
    """As many processes at a time as cores, of one thread each."""
    (folder / "commands").write_text("\n".join(_commands()) + "\n")
    command = ["bash", "-ec", f"xargs -P {CORES} -I COMMAND bash -c COMMAND < commands"]
    return run(command, folder, log=folder / "log", environment=_ONE_THREAD)


def compute(folder: Path) -> Took:
    """The training alone: all runs one after another in one process, imports and all else left out.

    It is divided by the cores, as if they shared it evenly.
    """
    program = (
        "import sys, time; sys.path.insert(0, sys.argv[1]); import torch; from train import train\n"
        "torch.set_num_threads(1); train(0, 0.0)  # the first is slower\n"
        "start, cpu = time.monotonic(), time.process_time()\n"
        f"for seed in range({len(SEEDS)}):\n"
        f"    for dropout in {list(VARIANTS.values())}: train(seed, dropout)\n"
        "print(time.monotonic() - start, time.process_time() - cpu)\n"
    )
    log = folder / "log"
    command = [sys.executable, "-c", program, str(TRAIN.parent)]
    run(command, folder, log=log, environment=_ONE_THREAD)
    wall, cpu = map(float, log.read_text().split()[-2:])
    return Took(wall / CORES, cpu)


def preloaded(folder: Path) -> Took:
    """The same, with the script's imports made once for all seeds of a job."""
    modules = ("torch", "torch._dynamo", "sklearn.datasets", "sklearn.model_selection")
    return pipeline(folder, *modules)


def pipeline(folder: Path, *preload: str) -> Took:
    """This suite around the script as it is: training, verdicts, report.

    `fixbench init`, which is done once and not at every run, is not counted.
    """
    shutil.copy(TRAIN, folder)
    begin = ["init", "--name", "digits", "--from-command"]
    begin += ["python train.py --seed {seed} --dropout {dropout} --out {work}/metrics.json"]
    begin += ["--baseline", "dropout=0.0", "--variant", "half:dropout=0.5"]
    begin += ["--metrics-file", "{work}/metrics.json", "--metric", "accuracy:higher"]
    begin += [word for module in preload for word in ("--preload", module)]
    run([sys.executable, "-m", "fixbench", *begin], folder, log=folder / "init.log")
    command = [sys.executable, "-m", "snakemake", "--cores", str(CORES)]
    command += ["--config", "runtime=local", f"seeds=0-{len(SEEDS) - 1}"]
    return run(command, folder, log=folder / "log")


def benchopt(folder: Path) -> Took:
    """The same network as a solver of benchopt, whose runs share processes; no plots, no page."""
    program = benchopt_program()
    assert program is not None
    study = Path(shutil.copytree(Path(__file__).parent / "digits_benchopt", folder / "study"))
    shutil.copytree(TRAIN.parent, folder / "digits")
    command = [program, "run", str(study), "--n-repetitions", "1", "--n-jobs", str(CORES)]
    command += ["--no-plot", "--no-html"]
    return run(command, folder, log=folder / "log", environment=_ONE_THREAD)


def benchopt_program() -> str | None:
    """benchopt in an environment of its own, which ``BENCHOPT`` names; it is in no lock of ours."""
    return os.environ.get("BENCHOPT") or shutil.which("benchopt")


def _commands() -> list[str]:
    return [
        f"{sys.executable} {TRAIN} --seed {seed} --dropout {dropout} --out {name}-{seed}.json"
        for name, dropout in VARIANTS.items()
        for seed in SEEDS
    ]


#: Name → how it is done in an empty folder.
WAYS: Mapping[str, Callable[[Path], Took]] = {
    "shell loop": loop,
    "careful loop": careful_loop,
    "Fixbench, the script as it is": pipeline,
    "Fixbench, its imports made once": preloaded,
    "compute alone": compute,
}
if benchopt_program() is not None:
    WAYS = {**WAYS, "benchopt": benchopt}
