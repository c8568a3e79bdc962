"""What a run costs, scaled from records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixbench.cli import main
from fixbench.planning import cost_text, expected_cost, read_plan


def record(folder: Path, variant: str, seeds: int, seconds: float, memory: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "variant": variant,
        "seeds": list(range(seeds)),
        "cpu_seconds": seconds,
        "peak_memory_bytes": memory,
        "libraries": {},
        "device": {"name": "A processor"},
    }
    (folder / f"{seeds}.provenance.json").write_text(json.dumps(content))


def test_time_is_scaled_by_seeds(project: Path) -> None:
    logs = project / "logs" / "toy" / "small"
    # The tier has five seeds, in blocks of three and two.
    for number, variant in enumerate(("fast", "slow", "unstable")):
        record(logs / variant, variant, 2, 20.0 + 20 * number, 2**20 * (1 + number))
    cost = expected_cost(read_plan(["toy"], tier="small"), cores=2)
    (toy,) = cost.ablations
    assert (toy.variants, toy.seeds, toy.jobs, toy.jobs_left) == (4, 5, 8, 8)
    # 10, 20 and 30 s a run; the variant without a record is taken to cost their mean.
    assert toy.without_record == ["continued"]
    assert toy.cpu_seconds == pytest.approx(5 * (10 + 20 + 30 + 20))
    assert toy.longest_seconds == pytest.approx(3 * 30)
    assert toy.memory_bytes == 3 * 2**20
    assert cost.seconds == pytest.approx(200)
    assert cost.memory_bytes == 2 * 3 * 2**20
    # No number of cores is faster than the longest job.
    assert expected_cost(read_plan(["toy"], tier="small"), cores=64).seconds == pytest.approx(90)
    assert "no record of continued; the mean of the others is taken" in cost_text(cost)


def test_what_is_there_is_not_left(project: Path) -> None:
    record(project / "logs" / "toy" / "small" / "fast", "fast", 1, 10.0, 1)
    done = project / "results" / "toy" / "small" / "fast" / "0-2.parquet"
    done.parent.mkdir(parents=True)
    done.write_bytes(b"")
    (toy,) = expected_cost(read_plan(["toy"], tier="small"), cores=1).ablations
    assert (toy.jobs, toy.jobs_left) == (8, 7)
    assert toy.cpu_seconds_left == pytest.approx(4 * 50 - 30)


def test_without_a_record_no_time_is_named(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "toy", "--tier", "small", "--cores", "2"]) == 0
    text = capsys.readouterr().out
    assert "no record of toy" in text
    assert main(["plan", "toy", "--tier", "small", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["seconds"] is None
    assert content["ablations"][0]["jobs"] == 8


def test_the_published_records_and_open_claims_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = Path(__file__).parents[2]
    monkeypatch.chdir(root)
    if (root / "logs").exists() or (root / "reports" / "claims.json").exists():
        pytest.skip("a run of this checkout counts before the published one")
    (cost,) = expected_cost(read_plan(["learning_rate"], tier="small"), cores=2).ablations
    folder = root / "reports" / "reference" / "small" / "provenance" / "learning_rate"
    records = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    # The same seeds as published: the same time.
    assert cost.cpu_seconds == pytest.approx(sum(one["cpu_seconds"] for one in records))
    assert cost.memory_bytes == max(one["peak_memory_bytes"] for one in records)
    table = json.loads((root / "reports" / "reference" / "small" / "claims.json").read_text())
    wanted = {
        row["id"]: row["seeds_needed"]
        for row in table["claims"]
        if row["ablation"] == "learning_rate" and (row["seeds_needed"] or 0) > 10
    }
    assert {item.claim: item.seeds for item in cost.wanted} == wanted
