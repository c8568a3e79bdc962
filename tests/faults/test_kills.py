"""Killed at a random moment, a pipeline is run again and ends with the same bytes."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from tests.faults._pipeline import Pipeline

#: `make faults` asks for more of everything.
LONG = os.environ.get("FIXBENCH_FAULTS") == "long"
KILLS = (
    [(how, seed) for seed in range(25) for how in ("snakemake", "group", "job", "asked")]
    if LONG
    else [("group", 0), ("asked", 1)]
)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], float]:
    """The results of a run that nobody disturbs, and how long it takes."""
    pipeline = Pipeline(tmp_path_factory.mktemp("undisturbed") / "checkout")
    began = time.monotonic()
    pipeline.finish()
    return pipeline.results(), time.monotonic() - began


@pytest.mark.parametrize(("how", "seed"), KILLS)
def test_a_killed_pipeline_runs_again(
    tmp_path: Path, undisturbed: tuple[dict[str, bytes], float], how: str, seed: int
) -> None:
    expected, seconds = undisturbed
    pipeline = Pipeline(tmp_path / "it's a checkout")
    took = pipeline.kill(how, random.Random(seed), seconds)
    # Ten seconds where nothing else runs; a machine that gets busier meanwhile is allowed more.
    assert took < max(10.0, 3 * seconds)
    pipeline.finish()
    assert pipeline.results() == expected


def test_a_snakemake_that_is_asked_to_end_does_not_wait_for_its_jobs(tmp_path: Path) -> None:
    pause = 300.0
    pipeline = Pipeline(tmp_path / "checkout", pause=pause)
    process = pipeline.start()
    while not any("measure.py" in pipeline.command_of(one) for one in pipeline.left()):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=pause)
    while pipeline.left():
        time.sleep(0.05)
    assert time.monotonic() - began < pause / 5
    assert process.returncode != 0
    assert "Traceback" not in said


@pytest.mark.skipif(not LONG, reason="make faults")
def test_two_pipelines_at_once(tmp_path: Path, undisturbed: tuple[dict[str, bytes], float]) -> None:
    pipeline = Pipeline(tmp_path / "checkout")
    said: list[tuple[int, str]] = []
    threads = [threading.Thread(target=lambda: said.append(pipeline.run())) for _ in range(2)]
    for thread in threads:
        thread.start()
        time.sleep(undisturbed[1] / 4)
    for thread in threads:
        thread.join()
    # One of them works, and the other says so at once.
    assert sorted(status for status, _ in said)[0] == 0, said
    assert all(status == 0 or "unlock" in text for status, text in said)
    pipeline.finish()
    assert pipeline.results() == undisturbed[0]
