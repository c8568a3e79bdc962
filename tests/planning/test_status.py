"""How far a run has come, from the files that it leaves."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from fixbench.analysis import analyse, save_claims
from fixbench.cli import main
from fixbench.job import run_job
from fixbench.planning import read_plan, run_status, status_text

BLOCKS = {"0-1": [0, 1], "2": [2]}


def run_all(project: Path) -> list[Path]:
    """Every job of the toy's smoke tier, where Snakemake puts its files."""
    paths = []
    for variant in ("fast", "slow", "unstable", "continued"):
        for block, seeds in BLOCKS.items():
            path = project / "results" / "toy" / "smoke" / variant / f"{block}.parquet"
            log = project / "logs" / "toy" / "smoke" / variant
            log.mkdir(parents=True, exist_ok=True)
            parent = path.parents[1] / "fast" / f"{block}.state"
            run_job(
                project,
                "toy",
                variant,
                seeds,
                "smoke",
                path,
                record=log / f"{block}.provenance.json",
                state=path.with_suffix(".state"),
                parent=parent if variant == "continued" else None,
            )
            paths.append(path)
    return paths


def states() -> dict[tuple[str, str], str]:
    (found,) = run_status(read_plan(["toy"], tier="smoke")).ablations
    return {(job.variant, job.block): job.state for job in found.jobs}


def old(path: Path) -> None:
    """Written an hour ago."""
    os.utime(path, (time.time() - 3600,) * 2)


def test_what_each_file_says(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(states().values()) == {"planned"}
    paths = run_all(project)
    assert set(states().values()) == {"there"}
    # Nothing but looking: no request, no folder.
    assert not (project / ".fixbench" / "requests").exists()

    save_claims(
        project / "results" / "toy" / "smoke" / "claims.json",
        analyse(project / "ablations" / "toy", "smoke", paths),
    )
    (found,) = run_status(read_plan(["toy"], tier="smoke")).ablations
    assert (found.claims, sum(found.verdicts.values()), found.judged_before) == (1, 1, False)

    damaged, removed, going, stopped, other = paths[0], paths[1], paths[2], paths[3], paths[6]
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 0xFF
    damaged.write_bytes(content)
    for path in (removed, going, stopped):
        path.unlink()
    log = project / "logs" / "toy" / "smoke" / removed.parent.name / f"{removed.stem}.log"
    log.write_text("it fell over\n")
    old(log)
    for path, ago in ((going, False), (stopped, True)):
        seed = BLOCKS[path.stem][0]
        save = project / ".fixbench" / "resume" / "toy" / "smoke" / path.parent.name
        save.mkdir(parents=True, exist_ok=True)
        (save / f"seed-{seed}.0123.done").write_bytes(b"")
        if ago:
            old(save / f"seed-{seed}.0123.done")
    (project / "logs" / "toy" / "smoke" / "continued" / f"{other.stem}.provenance.json").unlink()
    found_states = states()
    expected = {
        damaged: "refused",
        removed: "failed",
        going: "running",
        stopped: "interrupted",
        other: "refused",
    }
    for path in paths:
        assert found_states[path.parent.name, path.stem] == expected.get(path, "there"), path
    assert main(["status", "toy", "--tier", "smoke", "--json"]) == 0
    job = next(
        job
        for job in json.loads(capsys.readouterr().out)["ablations"][0]["jobs"]
        if job["state"] == "running"
    )
    assert job["seeds_done"] == 1


def test_other_options_and_failed_runs(project: Path) -> None:
    run_all(project)
    # The variant beyond the limit of stability diverges in every seed.
    (found,) = run_status(read_plan(["toy"], tier="smoke")).ablations
    failed = {(job.variant, job.block): job.runs_failed for job in found.jobs if job.runs_failed}
    assert failed == {("unstable", "0-1"): 2, ("unstable", "2"): 1}
    file = project / "ablations" / "toy" / "ablation.yaml"
    text = file.read_text()
    assert "training.steps: 12" in text
    file.write_text(text.replace("training.steps: 12", "training.steps: 13"))
    status = run_status(read_plan(["toy"], tier="smoke"))
    (found,) = status.ablations
    assert {job.state for job in found.jobs} == {"out of date"}
    assert "training.steps" in found.jobs[0].why
    printed = status_text(status)
    assert f"{len(found.jobs) - 3} more out of date" in printed


def test_a_lock_is_named(project: Path) -> None:
    assert not run_status(read_plan(["toy"], tier="smoke")).locked
    locks = project / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.input.lock").write_text("x")
    status = run_status(read_plan(["toy"], tier="smoke"))
    assert status.locked
    assert "snakemake --unlock" in status_text(status)


def test_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, message in (
        (["status", "tyo"], "'tyo'; expected one of toy"),
        (["status", "toy", "--tier", "full"], "expected 'full' among them, or another --tier"),
        (["plan", "--tier", "full"], "--tier is 'full'; expected a tier that an ablation in"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
