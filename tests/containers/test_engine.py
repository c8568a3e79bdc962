"""What each engine is given, without any; and which engine is found."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from fixbench.containers import (
    ENGINES,
    EngineName,
    Invocation,
    Limits,
    Mount,
    Runtime,
    find_engine,
)
from fixbench.errors import InputError

INVOCATION = Invocation(
    name="job-1",
    image="image:1",
    command=["python", "-c", "pass"],
    mounts=[
        Mount(source=Path("/host/data"), target=Path("/work/data")),
        Mount(source=Path("/host/out"), target=Path("/work/out"), writable=True),
        Mount(source=Path("/same")),
    ],
    folder=Path("/work"),
    limits=Limits(cpus=2, memory_mb=1500, processes=99, temporary_mb=64),
    user=(1000, 1001),
    environment={"OMP_NUM_THREADS": "1"},
    labels={"io.fixbench.job": "x.parquet"},
)


def run_arguments(engine: EngineName, invocation: Invocation) -> list[str]:
    return ENGINES[engine]().run_arguments(invocation)


def has(arguments: Sequence[str], *words: str) -> bool:
    """Whether the words follow each other before the image."""
    options = arguments[: arguments.index("image:1")]
    places = range(len(options) - len(words) + 1)
    return any(list(options[i : i + len(words)]) == list(words) for i in places)


@pytest.mark.parametrize("engine", ["docker", "podman"])
def test_every_restriction_is_asked_for(engine: EngineName) -> None:
    arguments = run_arguments(engine, INVOCATION)
    assert arguments[:2] == [engine, "run"]
    assert arguments[-4:] == ["image:1", "python", "-c", "pass"]
    for words in (
        ("--name", "job-1"),
        ("--pull", "never"),
        ("--network", "none"),
        ("--read-only",),
        ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"),
        ("--user", "1000:1001"),
        ("--memory", "1500000000b"),
        ("--memory-swap", "1500000000b"),
        ("--cpus", "2"),
        ("--pids-limit", "99"),
        ("--tmpfs", "/tmp:rw,nosuid,nodev,mode=1777,size=64000000"),
        ("--label", "io.fixbench.job=x.parquet"),
        ("--env", "OMP_NUM_THREADS=1"),
        ("--mount", "type=bind,source=/host/data,target=/work/data,readonly"),
        ("--mount", "type=bind,source=/host/out,target=/work/out"),
        ("--mount", "type=bind,source=/same,target=/same,readonly"),
        ("--workdir", "/work"),
    ):
        assert has(arguments, *words), words
    assert not {"--privileged", "--gpus", "--device", "--cap-add", "--volume"} & set(arguments)


def test_apptainer_is_asked_for_what_it_can_restrict() -> None:
    arguments = run_arguments("apptainer", INVOCATION)
    assert arguments[0] == "apptainer"
    assert arguments[-3:] == ["python", "-c", "pass"]
    for words in (
        ("exec",),
        ("--containall",),
        ("--no-home",),
        ("--no-privs",),
        ("--net", "--network", "none"),
        ("--bind", "/host/data:/work/data:ro"),
        ("--bind", "/host/out:/work/out:rw"),
        ("--pwd", "/work"),
    ):
        assert has(arguments, *words), words
    assert "OMP_NUM_THREADS=1" in arguments
    assert "--nv" not in arguments


def test_gpus() -> None:
    invocation = replace(INVOCATION, gpus=["GPU-a", "GPU-b"])
    assert has(run_arguments("docker", invocation), "--gpus", '"device=GPU-a,GPU-b"')
    podman = run_arguments("podman", invocation)
    assert has(podman, "--device", "nvidia.com/gpu=GPU-a", "--device", "nvidia.com/gpu=GPU-b")
    apptainer = run_arguments("apptainer", invocation)
    assert has(apptainer, "--nv")
    assert "CUDA_VISIBLE_DEVICES=GPU-a,GPU-b" in apptainer


@pytest.mark.parametrize(
    ("engine", "path"),
    [
        ("docker", "/a,b"),
        ("docker", '/a"b'),
        ("podman", "/a,b"),
        ("apptainer", "/a:b"),
        ("apptainer", "/a,b"),
    ],
)
def test_paths_that_an_engine_cannot_mount(engine: EngineName, path: str) -> None:
    for mount in (Mount(source=Path(path), target=Path("/a")), Mount(source=Path("/a"))):
        mount = replace(mount, target=mount.target or Path(path))
        with pytest.raises(InputError) as caught:
            run_arguments(engine, replace(INVOCATION, mounts=[mount]))
        assert caught.value.file == path
        assert repr(path[2]) in caught.value.expected


@pytest.fixture
def put_on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a stand-in for an engine's program on the path, as the only programs that are there.

    A stand-in, since what matters is what the real one says when its daemon is absent or slow.
    """
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


NO_DAEMON = "echo; echo 'Cannot connect to the Docker daemon' >&2; exit 1"


def test_local_asks_nobody(put_on_path: Callable[[str, str], None], tmp_path: Path) -> None:
    put_on_path("docker", f"echo > {tmp_path}/asked; echo 1.2.3")
    assert find_engine("local") is None
    assert not (tmp_path / "asked").exists()


def test_auto_takes_the_first_that_answers(put_on_path: Callable[[str, str], None]) -> None:
    assert find_engine("auto") is None
    put_on_path("podman", "echo 4.3.1")
    assert find_engine("auto") == ENGINES["podman"]("4.3.1")
    put_on_path("docker", NO_DAEMON)
    assert find_engine("auto") == ENGINES["podman"]("4.3.1")
    put_on_path("docker", "echo 20.10.24")
    assert find_engine("auto") == ENGINES["docker"]("20.10.24")


def test_client_without_daemon_is_no_engine(put_on_path: Callable[[str, str], None]) -> None:
    put_on_path("docker", NO_DAEMON)
    assert find_engine("auto") is None


@pytest.mark.parametrize(
    ("runtime", "script", "problem"),
    [
        ("docker", None, "there is no command 'docker'"),
        ("podman", None, "there is no command 'podman'"),
        ("docker", NO_DAEMON, "Cannot connect to the Docker daemon"),
        ("docker", "exit 0", "it says nothing"),
        ("podman", "echo 4.3.1; exit 125", "it says nothing"),
    ],
)
def test_engine_that_was_insisted_on(
    put_on_path: Callable[[str, str], None], runtime: Runtime, script: str | None, problem: str
) -> None:
    if script is not None:
        put_on_path(runtime, script)
    with pytest.raises(InputError) as caught:
        find_engine(runtime)
    assert (caught.value.key, caught.value.value) == ("runtime", runtime)
    assert f"({problem})" in caught.value.expected


@pytest.mark.parametrize(
    ("user", "problem"), [(0, "as root Apptainer does not contain a job"), (1000, "")]
)
def test_apptainer_is_refused_to_root(
    put_on_path: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    user: int,
    problem: str,
) -> None:
    put_on_path("apptainer", "echo apptainer version 1.4.5")
    monkeypatch.setattr("os.geteuid", lambda: user)
    version, said = ENGINES["apptainer"].ask_version()
    assert version == ("" if problem else "1.4.5")
    assert said.startswith(problem)


def test_end_of_a_container_that_is_only_processes() -> None:
    """Apptainer's: its process group is asked to end, then killed."""
    apptainer = ENGINES["apptainer"]()
    code = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], process_group=0, stdout=subprocess.PIPE
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()
        apptainer.stop("any", client, 0)
        assert client.poll() is None
        apptainer.stop("any", client, 1)
        assert client.wait(300) == -signal.SIGKILL
    assert not apptainer.out_of_memory("any")


def test_every_engine_is_registered_under_its_own_name() -> None:
    assert list(ENGINES) == list(get_args(EngineName))
    order = ["docker", "podman", "apptainer"]  # in which they are asked, whatever comes between
    assert [name for name in ENGINES if name in order] == order
    assert get_args(Runtime) == ("auto", *ENGINES, "local")
    for name, engine in ENGINES.items():
        assert engine.name == name
        assert engine.version_command[0] == name
        assert engine("1.2") == engine("1.2") != engine("1.3")
    assert len({engine("1.2") for engine in ENGINES.values()}) == len(ENGINES)
