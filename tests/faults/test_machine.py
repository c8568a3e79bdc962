"""A fault of the machine is no outcome of the experiment."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fixbench.command._faults import fault, ran_out_of_memory
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.results import read_results


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))


@pytest.fixture
def ablation(project: Path) -> Path:
    return project / "ablations" / "toy_command" / "ablation.yaml"


def fail_in_seed_1(ablation: Path, statement: str) -> None:
    """The script does this in seed 1, as long as there is no file named "mended"."""
    script = ablation.with_name("measure.py")
    script.write_text(
        "import os, signal, sys, time\n"
        "if sys.argv[1] == '1' and not os.path.exists('../../mended'):\n"
        f"    {statement}\n" + script.read_text()
    )


def job(project: Path, seeds: tuple[int, ...] = (0, 1, 2)) -> list[tuple[int, str, str]]:
    output = project / "x.parquet"
    run_job(project, "toy_command", "cube", list(seeds), "smoke", output)
    columns = ["seed", "metric", "status"]
    return [tuple(row) for row in read_results([output])[columns].to_numpy().tolist()]


KILLED = "os.kill(os.getpid(), signal.{})"
REFUSED = {
    KILLED.format("SIGKILL"): "SIGKILL ended it, as the kernel does where memory runs out",
    KILLED.format("SIGSEGV"): "SIGSEGV ended it",
    KILLED.format("SIGTERM"): "SIGTERM ended it",
    "raise OSError(28, 'No space left on device')": "there is no room on the disk (OSError: [Er",
    "raise OSError(5, 'Input/output error')": "the disk could not be read or written (OSError: [E",
    "import a_missing_library": "a library is missing (ModuleNotFoundError: No module named 'a_m",
    "__import__('subprocess').run(['missing'])": "a program or a file is missing (FileNotFoundEr",
    "sys.exit(os.system('missing') >> 8)": "the shell does not find it (status 127)",
}


@pytest.mark.parametrize("statement", REFUSED)
def test_the_job_is_refused_and_goes_on_when_it_is_mended(
    project: Path, ablation: Path, statement: str
) -> None:
    fail_in_seed_1(ablation, statement)
    with pytest.raises(InputError) as caught:
        job(project)
    assert f"in seed 1 {REFUSED[statement]}" in str(caught.value)
    assert "no outcome of the experiment: mend it and run again, finished" in str(caught.value)
    assert not (project / "x.parquet").exists()
    (project / "mended").touch()
    assert job(project) == [(seed, "mean", "ok") for seed in range(3)]


@pytest.mark.parametrize(
    "statement",
    [
        "raise MemoryError",
        "raise type('OutOfMemoryError', (RuntimeError,), {})('CUDA out of memory. Tried to')",
        "resource = __import__('resource'); resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29));"
        " bytearray(2**30)",
    ],
)
def test_a_command_without_memory_is_counted_apart(
    project: Path, ablation: Path, statement: str, capfd: pytest.CaptureFixture[str]
) -> None:
    fail_in_seed_1(ablation, statement)
    assert job(project) == [(0, "mean", "ok"), (1, "run", "out_of_memory"), (2, "mean", "ok")]
    assert "seed 1: out of memory (the command ended with status 1), which is no o" in (
        capfd.readouterr().err
    )


@pytest.mark.parametrize(
    "statement", ["sys.exit(1)", "raise ValueError('loss is nan')", "raise OSError('no luck')"]
)
def test_what_a_program_says_of_itself_is_a_failed_run(
    project: Path, ablation: Path, statement: str
) -> None:
    fail_in_seed_1(ablation, statement)
    assert job(project) == [(0, "mean", "ok"), (1, "run", "failed"), (2, "mean", "ok")]


@pytest.mark.parametrize(
    ("printed", "memory", "meaning"),
    [
        ("Error: cannot allocate vector of size 7.5 Gb\nExecution halted\n", True, None),
        ("terminate called after throwing an instance of 'std::bad_alloc'\n", True, None),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate\n", True, None),
        ("a MemoryError was handled\n", False, None),
        ("train.sh: line 3: ffmpeg: command not found\n", False, "a program is missing"),
        ("./train: error while loading shared libraries: libx.so\n", False, "a library is missing"),
        ("RuntimeError: CUDA error: device-side assert\n", False, "the GPU cannot be used"),
        ("No space left on device\n" + "later\n" * 9, False, None),
        ("", False, None),
    ],
)
def test_last_words(printed: str, memory: bool, meaning: str | None) -> None:
    assert ran_out_of_memory(printed) is memory
    found = fault(1, printed)
    assert found is None if meaning is None else (found or "").startswith(meaning)


def test_a_full_disk_is_one_message_and_nothing_is_half_written(
    project: Path, ablation: Path
) -> None:
    """The limit on the size of files, which needs no disk of its own, gives the same error."""
    command = [sys.executable, "-m", "fixbench", "run", "toy_command", "cube", "--tier", "smoke"]
    command += ["--seeds", "0-2", "--output", "out/x.parquet", "--provenance", "out/x.json"]

    def run(most: int) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
        )

    done = run(1500)  # the toy's files have fewer bytes, and the results more
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if "error" in line]
    assert len(errors) == 1
    assert "out/x.parquet; expected a file that can be written (" in errors[0]
    assert "File too large" in errors[0]
    assert "Traceback" not in done.stderr
    assert not list(project.glob("out/*"))
    assert not list(project.rglob("*.partial"))
    assert run(10_000_000).returncode == 0


def test_what_cannot_be_printed_for_want_of_room_is_one_message(project: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no device that is full")
    command = [sys.executable, "-m", "fixbench", "check", "toy_command", "--hashes"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert "fixbench: error: No space left on device; make room, then run it again" in done.stderr
    assert "Traceback" not in done.stderr


def limit(ablation: Path, limits: str) -> None:
    replace(ablation, "baseline_variant:", f"limits: {limits}\nbaseline_variant:")


def test_a_time_limit_is_a_declared_outcome(
    project: Path, ablation: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    limit(ablation, "{seed_seconds: 2}")
    fail_in_seed_1(ablation, "time.sleep(300)")
    began = time.monotonic()
    assert job(project) == [(0, "mean", "ok"), (1, "run", "time_limit"), (2, "mean", "ok")]
    assert time.monotonic() - began < 60
    assert "seed 1: it took longer than limits.seed_seconds allows (2 s): it has failed, as de" in (
        capfd.readouterr().err
    )
    # Another limit asks for other results.
    replace(ablation, "seed_seconds: 2", "seed_seconds: 200")
    (project / "mended").touch()
    assert job(project) == [(seed, "mean", "ok") for seed in range(3)]


def test_a_time_limit_of_a_job(project: Path, ablation: Path) -> None:
    limit(ablation, "{job_seconds: 3}")
    fail_in_seed_1(ablation, "time.sleep(300)")
    assert job(project) == [(0, "mean", "ok"), *((seed, "run", "time_limit") for seed in (1, 2))]


def test_a_time_limit_ends_a_system_that_catches_everything(project: Path) -> None:
    file = project / "ablations" / "toy" / "ablation.yaml"
    replace(file, "baseline_variant:", "limits: {seed_seconds: 0.5}\nbaseline_variant:")
    system = file.with_name("system.py")
    system.write_text(
        system.read_text() + "\ndef run(options, seed, context):\n    while True:\n"
        "        try:\n            sum(range(100))\n        except Exception:\n            pass\n"
    )
    run_job(project, "toy", "fast", [0, 1], "smoke", project / "x.parquet")
    assert read_results([project / "x.parquet"])["status"].tolist() == ["time_limit"] * 2
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ("{}", "limits; expected seed_seconds, job_seconds, or both"),
        ("{seed_seconds: 0}", "limits.seed_seconds is 0; expected greater than 0"),
        ("{seed_seconds: .inf}", "limits.seed_seconds is inf; expected a finite number"),
        ("{seconds: 3}", "limits.seconds is 3; expected no such key"),
    ],
)
def test_limits_that_are_none(ablation: Path, project: Path, limits: str, message: str) -> None:
    limit(ablation, limits)
    with pytest.raises(InputError) as caught:
        job(project)
    assert message in str(caught.value)


def test_a_limit_belongs_to_what_a_job_was_asked(project: Path, ablation: Path) -> None:
    from fixbench.workflow import make_plan

    config = {"tier": "smoke", "runtime": "local", "ablations": ["toy_command"]}
    request = Path(".fixbench/requests/toy_command/smoke/cube.json")
    make_plan(config)
    assert "limits" not in json.loads(request.read_text())
    limit(ablation, "{seed_seconds: 2}")
    make_plan(config)
    assert json.loads(request.read_text())["limits"] == {"seed_seconds": 2.0, "job_seconds": None}
