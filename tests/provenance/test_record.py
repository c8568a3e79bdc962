"""The record of a job: what ran on what."""

from __future__ import annotations

import datetime
import hashlib
import json
import subprocess
import time
from pathlib import Path

import pytest
import torch

import fixbench
from fixbench import provenance
from fixbench.errors import InputError
from fixbench.files import write_json


def test_record(tmp_path: Path) -> None:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "torch-cpu.lock").write_bytes(b"torch==2\n")
    (tmp_path / "envs" / "dev.lock").write_bytes(b"pytest==9\n")
    output = tmp_path / "results" / "x.parquet"
    output.parent.mkdir()
    output.write_bytes(b"rows")
    stopwatch = provenance.Stopwatch()
    time.sleep(0.05)
    sum(range(3_000_000))
    content = provenance.record(
        root=tmp_path,
        ablation_name="toy",
        variant="fast",
        tier="smoke",
        seeds=[0, 1],
        environment="torch",
        inputs={"data/toy": "abc"},
        code="def",
        device=torch.device("cpu"),
        threads=1,
        stopwatch=stopwatch,
        outputs=[output],
    )
    assert content["lock"] == {"envs/torch-cpu.lock": hashlib.sha256(b"torch==2\n").hexdigest()}
    assert content["outputs"] == {"results/x.parquet": hashlib.sha256(b"rows").hexdigest()}
    assert content["inputs"] == {"data/toy": "abc"}
    assert content["code"] == {
        "version": fixbench.__version__,
        "sha256": "def",
        "commit": "unknown",
        "dirty": "unknown",
    }
    assert content["libraries"]["torch"] == torch.__version__
    assert set(content["libraries"]) == {
        *("fixbench", "torch", "numpy", "scipy", "pandas", "snakemake", "dvc")
    }
    assert content["device"]["type"] == "cpu"
    assert content["device"]["name"]
    assert 0.05 <= content["wall_seconds"] < 60
    assert 0 < content["cpu_seconds"] <= content["wall_seconds"] + 0.1
    assert 50e6 < content["peak_memory_bytes"] < 1e12  # torch alone takes more than 50 MB
    started = datetime.datetime.fromisoformat(content["started"])
    assert started.utcoffset() == datetime.timedelta(0)
    path = tmp_path / "logs" / "record.json"
    write_json(path, content)
    assert provenance.read_provenance(path) == content
    assert list(path.parent.iterdir()) == [path]


def test_git_state_tells_clean_from_dirty(tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
        command = ["git", *identity, *arguments]
        return subprocess.run(
            command, cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    git("init", "--quiet")
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("commit", "--quiet", "-m", "a")
    commit = git("rev-parse", "HEAD")
    assert provenance.git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "a").write_text("2")
    assert provenance.git_state(tmp_path) == {"commit": commit, "dirty": True}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_read_provenance_refuses(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json; expected a provenance record"):
        provenance.read_provenance(path)


def test_write_json_is_stable(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": [0.1, None]})
    write_json(tmp_path / "b", {"a": [0.1, None], "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert json.loads((tmp_path / "a").read_text()) == {"a": [0.1, None], "b": 1}
