"""The pipeline in containers, in the image that its users build."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fixbench.containers import Engine, image_spec

ROOT = Path(__file__).parents[2]


@pytest.fixture
def pipeline(project: Path, engine: Engine, unavailable: Callable[[str], None]) -> Path:
    """A project whose image is on this machine, whichever base it has been built from."""
    shutil.copy(ROOT / "Dockerfile", project)
    shutil.copytree(ROOT / "envs", project / "envs")
    spec = image_spec(project, "torch-cpu")
    query = [engine.name, "image", "inspect", "--format", "{{json .Config.Labels}}", spec.name]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    labels = json.loads(answer.stdout) or {} if answer.returncode == 0 else {}
    if (labels.get("io.fixbench.lock"), labels.get("io.fixbench.dockerfile")) != (
        spec.lock,
        spec.dockerfile,
    ):
        unavailable(f"image {spec.name} is not here as it is locked: run `make image`")
    base = labels["io.fixbench.base"]
    if base != spec.base:
        chosen = {"base": base, "base_reference": base.partition("@")[0]}
        (project / ".fixbench").mkdir()
        (project / ".fixbench" / "base-image.json").write_text(json.dumps(chosen))
    return project


def make(runtime: str) -> int:
    """Have results made, one of them from another, and count the jobs."""
    command = [sys.executable, "-m", "snakemake", "results/toy/smoke/continued/0.parquet"]
    command += ["--cores", "2", "--config", "tier=smoke", "ablations=toy", "seeds=0"]
    done = subprocess.run(
        [*command, f"runtime={runtime}"], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr
    found = re.search(r"^toy +(\d+)$", done.stdout + done.stderr, re.MULTILINE)
    assert found or "Nothing to be done" in done.stdout + done.stderr
    return int(found[1]) if found else 0


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_results_are_those_of_the_local_environment(pipeline: Path, engine: Engine) -> None:
    assert make(engine.name) == 2
    assert list((pipeline / ".fixbench" / "containers").iterdir()) == []
    record = json.loads((pipeline / "logs/toy/smoke/fast/0.provenance.json").read_text())
    assert record["runtime"]["engine"].startswith(engine.name)
    assert record["runtime"]["image"] == image_spec(pipeline, "torch-cpu").name
    for folder in ("results", "logs"):
        for path in (pipeline / folder).rglob("*"):
            assert path.stat().st_uid == os.getuid()

    # Which of the two made a result is no reason to make it again.
    assert make(engine.name) == 0
    assert make("local") == 0

    results = contents(pipeline / "results")
    assert len(results) == 4
    shutil.rmtree(pipeline / "results")
    assert make("local") == 2
    assert contents(pipeline / "results") == results
