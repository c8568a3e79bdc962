"""What ran on what, what it cost, and the rows that every number rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from fixbench.reports.sections import provenance


def facts_of(case: Any, records: list[dict[str, Any]]) -> dict[str, str]:
    return dict(provenance.build(replace(case, provenance=records).inputs()).facts)


def test_provenance_and_costs_are_printed(page: Any) -> None:
    for text in ("0.1.0, commit 5f0c5f0c5f0c, clean", "Linux-6.1-planted"):
        assert text in page.text
    first, costs, *_ = page.of_id("provenance").all("table")
    facts = {row[0]: row[1] for row in first.rows()}
    assert facts["Input data/textures"] == "c0ffeec0ffee"
    assert facts["Lock file envs/torch.lock"] == "ab12ab12ab12"
    assert facts["Source of the jobs (SHA-256)"] == "feedfeedfeed"
    assert facts["Device"] == "cpu, Planted CPU"
    assert facts["Libraries"] == "numpy 2.4.6, torch 2.13.0"
    assert facts["Date of the code"] == "not recorded"
    assert facts["Seeds"] == "0–9"
    assert facts["Jobs"] == "28"
    rows = {row[0]: row[1:] for row in costs.rows()}
    # Two jobs of 20.5 s and 19.25 s of processor time, 600 MB at most.
    assert rows["none"] == ["2", "41.0 s", "38.5 s", "572.2 MiB"]
    assert rows["all"] == ["28", "12.6 min", "12.0 min", "584.6 MiB"]


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        (
            {"engine": "none", "image": None},
            {"Runtime": "the local environment, no container", "Image": "none"},
        ),
        (
            {
                "engine": "docker 29.1",
                "image": "fixbench/torch-cuda:0.1.0",
                "image_id": "sha256:" + "abcd" * 16,
                "base": "local@sha256:1",
                "base_locked": False,
                "gpus": ["GPU-1"],
            },
            {
                "Runtime": "docker 29.1",
                "Image": "fixbench/torch-cuda:0.1.0, abcdabcdabcd, on local@sha256:1 (not the base "
                "that the repository locks)",
                "GPUs": "GPU-1",
            },
        ),
    ],
)
def test_where_jobs_ran_is_said(
    light: Any, runtime: dict[str, Any], expected: dict[str, str]
) -> None:
    records = [{**record, "runtime": runtime} for record in light.provenance]
    assert facts_of(light, records).items() >= expected.items()


@pytest.mark.parametrize(
    "records", [[], [{}], [{"variant": "none", "device": None, "outputs": {}}]]
)
def test_what_is_not_recorded_is_said(light: Any, records: list[dict[str, Any]]) -> None:
    facts = facts_of(light, records)
    assert facts.pop("Jobs") == str(len(records))
    assert set(facts.values()) == {"not recorded"}
    section = provenance.build(replace(light, provenance=records).inputs())
    assert {file.sha256 for file in section.files} == {"not recorded"}


def test_jobs_that_disagree_are_counted(light: Any) -> None:
    records = [json.loads(json.dumps(record)) for record in light.provenance]
    records[0]["code"]["dirty"] = True
    del records[1]["code"], records[1]["wall_seconds"]
    records[2]["code"].update(commit="unknown", dirty="unknown")
    facts = facts_of(light, records)
    assert facts["Code version"] == (
        "0.1.0, commit 5f0c5f0c5f0c, clean (25 jobs); "
        "0.1.0, commit 5f0c5f0c5f0c, with uncommitted changes (1 job); "
        "0.1.0, commit unknown (1 job); not recorded (1 job)"
    )
    assert facts["Seeds"] == "0–9"
    section = provenance.build(replace(light, provenance=records).inputs())
    costs = {row[0]: row for row in section.costs}
    assert costs["none"][2] == "20.5 s (1 not recorded)"


def test_every_number_names_its_rows_and_files(page: Any, planted: Any) -> None:
    rows = [
        [claim.id, *row]
        for claim in planted.ablation.claims
        if claim.effect is not None
        for row in page.of_id(claim.id).table("Number", "Variant")
    ]
    files = {row[0]: row[1:] for row in page.table("File")}
    effects = sum(
        len(list(effect.terms)) for c in planted.ablation.claims for _, effect in c.effects()
    )
    assert len(rows) == effects
    by_path = {
        path: digest for record in planted.provenance for path, digest in record["outputs"].items()
    }
    assert {path for path, _ in files.values()} == {p for p in by_path if p.endswith("parquet")}
    for path, digest in files.values():
        assert by_path[path].startswith(digest)
        assert len(digest) == 12
    for claim, quantity, variant, stage, metric, at, count, seeds, labels in rows:
        of_cell = planted.frame[["variant", "stage", "metric"]] == [variant, stage, metric]
        cell = planted.frame[of_cell.all(axis=1)]
        named = [files[label][0] for label in labels.split(", ")]
        assert sorted(named) == sorted(set(cell["file"]))
        assert int(count) == (len(cell) if at == "mean" else 10)
        assert seeds == "0–9"
        assert claim in {c.id for c in planted.ablation.claims}
        assert quantity.startswith(("effect", "precondition: ", "control: ", "supporting: "))


def test_files_read_from_elsewhere_are_named_as_recorded(light: Any) -> None:
    frame = light.frame.assign(file="/home/somebody/" + light.frame["file"])
    here = provenance.build(light.inputs()).files
    moved = replace(light, frame=frame)
    assert provenance.build(moved.inputs()).files == here
    unknown = provenance.build(replace(moved, provenance=[]).inputs()).files
    assert unknown[0].path.startswith("/home/somebody/results/")
