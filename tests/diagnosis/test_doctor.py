"""What a machine lacks is named with what to do; the exit status says whether a run can start."""

from __future__ import annotations

import json
import locale
import os
import shutil
import sys
from pathlib import Path

import pytest

from fixbench.cli import main
from fixbench.diagnosis import CHECKS, Finding, diagnose

ROOT = Path(__file__).parents[2]


def found(check: str, root: Path = ROOT) -> list[Finding]:
    return list(CHECKS[check](root))


def test_every_finding_that_is_a_problem_says_what_to_do() -> None:
    findings = list(diagnose(ROOT))
    assert {"Python", "tracked data", "docker", "podman", "apptainer", "Slurm", "encoding"} <= {
        item.what for item in findings
    }
    assert all(item.remedy for item in findings if item.state == "problem")
    # The suite runs in what a run needs.
    states = {item.what: item.state for item in findings}
    assert (states["Python"], states["folder"]) == ("ok", "ok")


def test_the_exit_status_follows_the_problems(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--json"])  # the project has no tracked data
    assert ended.value.code == 1
    findings = {item["what"]: item for item in json.loads(capsys.readouterr().out)}
    assert findings["tracked data"]["state"] == "problem"
    assert findings["folder"]["state"] == "ok"
    for name in (".dvc", "data.dvc", "checkpoints.dvc", "envs"):
        (project / name).symlink_to(ROOT / name)
    problems = [item for item in diagnose(Path()) if item.state == "problem"]
    assert problems == []
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert all(line.split()[0] in ("ok", "note") for line in lines)
    assert "\033" not in "".join(lines)


def test_a_folder_that_is_no_checkout(tmp_path: Path) -> None:
    (item,) = found("folder", tmp_path)
    assert (item.state, "Snakefile" in item.found) == ("problem", True)


def test_data(tmp_path: Path) -> None:
    (item,) = found("data", tmp_path)
    assert item.state == "problem"
    for name in ("data.dvc", "checkpoints.dvc"):
        shutil.copy(ROOT / name, tmp_path)
    (item,) = found("data", tmp_path)
    assert (item.state, ".dvc/store" in item.found) == ("problem", True)
    shutil.copytree(ROOT / ".dvc" / "store", tmp_path / ".dvc" / "store")
    (item,) = found("data", tmp_path)
    assert (item.state, "not unpacked yet" in item.found) == ("note", True)


def test_packages_that_differ_are_named_with_both_versions(tmp_path: Path) -> None:
    (tmp_path / "envs").mkdir()
    for kind in ("cpu", "cuda"):
        (tmp_path / "envs" / f"torch-{kind}.lock").write_text("numpy==0.1 \\\n    --hash=x\n")
    (item,) = found("packages", tmp_path)
    assert item.state == "note"
    assert "(locked: 0.1)" in item.found


@pytest.mark.parametrize(
    ("version", "state"), [((3, 10, 1), "problem"), ((3, 11, 7), "ok"), ((3, 12, 0), "note")]
)
def test_python(version: tuple[int, int, int], state: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    (item,) = found("python")
    assert item.state == state


def test_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of these names, one of which has no daemon, on a path of their own."""
    for name, text in (
        ("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1"),
        ("podman", "echo 5.4.0"),
    ):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    docker, podman, apptainer = found("engines")
    assert (docker.state, "Docker daemon" in docker.found, bool(docker.remedy)) == (
        "note",
        True,
        True,
    )
    assert (podman.state, podman.found.startswith("5.4.0 answers")) == ("ok", True)
    assert (apptainer.state, apptainer.found) == ("note", "not installed")
    assert [item.what for item in found("cluster")] == ["Slurm"]


def test_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(ROOT)
    for free, state in ((2**20, "problem"), (2 * 2**30, "note"), (2**40, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, f=free: usage._replace(free=f))
        (item,) = found("disk")
        assert item.state == state


def test_home_and_encoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(file / "cache"))
    (item,) = found("home")
    assert (item.state, "XDG_CACHE_HOME" in item.remedy) == ("problem", True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    assert found("home")[0].state == "ok"
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(locale, "getpreferredencoding", lambda _: "ANSI_X3.4-1968")
    (item,) = found("encoding")
    assert (item.state, "ANSI_X3.4-1968" in item.found) == ("note", True)


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found("git", tmp_path)[0].found == "not a repository"
    monkeypatch.setenv("PATH", os.devnull)
    assert found("git", tmp_path)[0].found == "not installed"
