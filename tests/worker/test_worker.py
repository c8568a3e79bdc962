"""Jobs in a warm worker: the same bytes, the same messages, and an end for everything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import fixbench
from fixbench.worker import OWNER, WORKER, run_warm
from fixbench.worker._client import meeting_place

Run = Callable[..., "subprocess.CompletedProcess[str]"]
JOB = ("run", "toy", "fast", "--seeds", "0-1", "--tier", "smoke")


@pytest.fixture
def owner(
    project: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that owns a server, which then ends with it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path_factory.mktemp("t")))
    monkeypatch.setattr("tempfile.tempdir", None)
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        monkeypatch.setenv(OWNER, str(process.pid))
        yield process
        process.kill()
    until(lambda: not servers(process.pid))


def warm(*arguments: str) -> int | None:
    return run_warm(arguments, os.environ)


def until(happens: Callable[[], bool]) -> None:
    """Wait for what is sure to happen; a machine may be slow."""
    end = time.monotonic() + 120
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def servers(owner: int) -> list[int]:
    """The processes that run as the server of this owner, copies included."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if b"fixbench.worker" in words and str(owner).encode() in words:
                found += [int(entry.name)] if alive(int(entry.name)) else []
    return found


def test_the_same_bytes_with_and_without(
    project: Path, owner: subprocess.Popen[bytes], run: Run
) -> None:
    files = ("--output", "{}.parquet", "--state", "{}.state", "--provenance", "{}.json")
    assert warm(*JOB, *(word.format("first") for word in files)) == 0
    done = run("fixbench", *JOB, *(word.format("second") for word in files))
    assert done.returncode == 0
    assert "toy fast: seed 1 (2/2) finished" in done.stderr
    assert len(servers(owner.pid)) == 1
    cold = run("fixbench", *JOB, *(word.format("cold") for word in files), FIXBENCH_WORKER="no")
    assert cold.returncode == 0
    for kind in ("parquet", "state"):
        expected = (project / f"cold.{kind}").read_bytes()
        assert (project / f"first.{kind}").read_bytes() == expected
        assert (project / f"second.{kind}").read_bytes() == expected
    records = [json.loads((project / f"{name}.json").read_text()) for name in ("second", "cold")]
    for key in ("code", "inputs", "libraries", "threads", "seeds", "runtime"):
        assert records[0][key] == records[1][key], key
    assert records[0]["peak_memory_bytes"] > 0


def test_messages_and_status_come_back(
    owner: subprocess.Popen[bytes], capfd: pytest.CaptureFixture[str]
) -> None:
    assert warm(*JOB[:2], "absent", *JOB[3:], "--output", "x.parquet") == 2
    said = capfd.readouterr().err
    assert said.startswith("fixbench: error: ablations/toy/ablation.yaml")
    assert "Traceback" not in said
    assert warm("run", "--help") == 0
    assert "--seeds" in capfd.readouterr().out
    for message in (b"", b"nothing", b"{}"):  # whoever connects and goes does no harm
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(str(meeting_place(owner.pid)))
            if message:
                connection.send(message)
    assert warm("run", "--help") == 0
    assert len(servers(owner.pid)) == 1


def test_a_job_of_another_environment_or_folder_is_left_to_the_caller(
    owner: subprocess.Popen[bytes], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warm("run", "--help") == 0
    for name in ("OMP_NUM_THREADS", "PYTHONHASHSEED"):
        with monkeypatch.context() as changed:
            changed.setenv(name, "2")
            assert warm(*JOB, "--output", "x.parquet") is None
    monkeypatch.chdir(project / "config")
    assert warm(*JOB, "--output", "x.parquet") is None
    assert not list(project.rglob("x.parquet"))


def test_changed_code_is_not_run_from_memory(
    owner: subprocess.Popen[bytes], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = project / "copied" / "fixbench"
    shutil.copytree(Path(fixbench.__file__).parent, copy)
    monkeypatch.setenv("PYTHONPATH", str(copy.parent))
    assert warm("run", "--help") == 0
    (copy / "job.py").write_text((copy / "job.py").read_text() + "\n")
    assert warm("run", "--help") is None


def test_without_a_place_for_sockets_the_caller_runs_the_job(
    owner: subprocess.Popen[bytes], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(project / ("long" * 30)))
    assert warm(*JOB, "--output", "x.parquet") is None


def test_a_folder_that_others_can_write_is_not_used(owner: subprocess.Popen[bytes]) -> None:
    folder = meeting_place(owner.pid).parent
    folder.chmod(0o777)
    assert warm("run", "--help") is None
    folder.chmod(0o700)


@pytest.fixture
def endless(project: Path) -> Path:
    """A command that runs until somebody ends it; gives the file with the IDs of its processes."""
    file = project / "ablations" / "toy_command" / "ablation.yaml"
    script = file.with_name("measure.py")
    script.write_text(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        "open('processes.part', 'w').write(f'{os.getpid()} {child.pid} {os.getppid()}')\n"
        "os.rename('processes.part', 'processes')\n"
        "time.sleep(600)\n"
    )
    return file.with_name("processes")


@pytest.mark.parametrize("end", ["owner", "owner, cold", "waiting, killed", "waiting, asked"])
def test_everything_ends_with_whoever_asked(
    end: str,
    project: Path,
    owner: subprocess.Popen[bytes],
    endless: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(WORKER, "no" if "cold" in end else "yes")
    command = [sys.executable, "-m", "fixbench", "run", "toy_command", "cube", "--seeds", "0"]
    command += ["--tier", "smoke", "--output", "x.parquet"]
    with subprocess.Popen(command, cwd=project) as waiting:
        until(endless.exists)
        started = [int(word) for word in endless.read_text().split()]
        assert len(servers(owner.pid)) == (0 if "cold" in end else 2)
        if end.startswith("owner"):
            owner.kill()
        else:
            waiting.send_signal(signal.SIGKILL if "killed" in end else signal.SIGTERM)
        status = waiting.wait(timeout=120)
        until(lambda: not any(map(alive, started)))
    if end == "waiting, asked":
        assert status == 128 + signal.SIGTERM
    assert not (project / "x.parquet").exists()
    if end.startswith("waiting"):
        until(lambda: len(servers(owner.pid)) == 1)
        assert warm(*JOB, "--output", "y.parquet") == 0
