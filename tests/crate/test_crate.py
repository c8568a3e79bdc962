"""A run as a crate: complete, with the hashes of what is in it, and accepted by a validator."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import fixbench
from fixbench.cli import main
from fixbench.crate import published_run, read_run, write_crate
from fixbench.errors import InputError

ROOT = Path(__file__).parents[2]
PACKAGE = Path(fixbench.__file__).parent
PUBLISHED = Path("reports/reference/small")
LOCK = "package==1 --hash=sha256:0\n"


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which one job of one ablation ran in the tier small."""
    root = tmp_path / "checkout"
    files = {
        "Snakefile": "rule all:\n",
        "CITATION.cff": "title: A suite\nlicense: MIT\nversion: 1\nauthors:\n"
        "  - {given-names: Ada, family-names: Author, orcid: 'https://orcid.org/0'}\n"
        "  - name: A group\n",
        "LICENSE": "text\n",
        "ablations/toy/ablation.yaml": "title: A toy\n",
        "envs/torch.lock": LOCK,
        "results/toy/small/fast/0-1.parquet": "rows",
        "reports/claims.json": json.dumps(
            {"claims": [{"ablation": "toy", "id": "TY01", "verdict": "holds"}]}
        ),
        "reports/toy.html": "<p>report</p>",
    }
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    rows = "results/toy/small/fast/0-1.parquet"
    record = {
        "ablation": "toy",
        "variant": "fast",
        "tier": "small",
        "seeds": [0, 1],
        "started": "2026-01-02T23:59:50+00:00",
        "wall_seconds": 20.4,
        "code": {"version": "1.2", "commit": "a" * 40, "dirty": False},
        "runtime": {"engine": "docker", "image": "suite:1"},
        "lock": {"envs/torch.lock": digest(root / "envs/torch.lock")},
        "inputs": {"data/toy": "b" * 64},
        "outputs": {rows: digest(root / rows), "results/toy/small/fast/0-1.state": "c" * 64},
        "device": {"type": "cpu", "name": "A processor"},
        "libraries": {"fixbench": "1.2", "numpy": "2.4", "snakemake": "9.27", "torch": "2.13+cpu"},
        "python": "3.11.7",
        "platform": "Linux",
    }
    place = root / "logs/toy/small/fast/0-1.provenance.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(record))
    return root


def graph(folder: Path) -> dict[str, dict[str, Any]]:
    content = json.loads((folder / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    entities = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(entities) == len(content["@graph"])  # each once
    return entities


def references(value: Any) -> list[str]:
    if isinstance(value, dict):
        found = [value["@id"]] if set(value) == {"@id"} else []
        return found + [item for part in value.values() for item in references(part)]
    if isinstance(value, list):
        return [item for part in value for item in references(part)]
    return []


def test_everything_that_is_named_is_there(checkout: Path, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    write_crate(read_run(checkout, "small", Path("reports")), crate)
    entities = graph(crate)
    external = ("https://w3id.org/ro/crate/1.1", "https://snakemake.github.io")
    for entity in entities.values():
        for name in references({key: entity[key] for key in entity if key != "@id"}):
            assert name in entities or name in external, (entity["@id"], name)
    # Every file with its own SHA-256, and no file that is not described.
    described = {item["@id"] for item in entities["./"]["hasPart"]}
    present = {
        path.relative_to(crate).as_posix() for path in crate.rglob("*") if path.is_file()
    } - {"ro-crate-metadata.json"}
    assert described == present
    for name in described - {"README.md"}:
        # The rules are those of the package, which the Snakefile takes as a module.
        source = PACKAGE.parent if name.startswith("fixbench/") else checkout
        assert entities[name]["sha256"] == digest(crate / name) == digest(source / name)
    assert {"Snakefile", "fixbench/workflow/rules/job.smk"} <= described


def test_a_job_says_what_ran_on_what(checkout: Path, tmp_path: Path) -> None:
    crate = tmp_path / "crate"
    write_crate(read_run(checkout, "small", Path("reports")), crate)
    entities = graph(crate)
    (job,) = (
        item
        for item in entities.values()
        if item["@type"] == "CreateAction" and item["@id"] != "#run"
    )
    assert job["startTime"] == "2026-01-02T23:59:50+00:00"
    assert job["endTime"] == "2026-01-03T00:00:10+00:00"
    assert entities["./"]["datePublished"] == "2026-01-03"
    used = [entities[item["@id"]] for item in job["object"]]
    assert [(item["name"], item.get("value") or item["sha256"]) for item in used] == [
        ("data/toy", "b" * 64),
        ("torch.lock", digest(checkout / "envs/torch.lock")),
    ]
    written = [entities[item["@id"]] for item in job["result"]]
    assert written[0]["@id"] == "results/toy/small/fast/0-1.parquet"
    assert (written[1]["@type"], written[1]["value"]) == ("PropertyValue", "c" * 64)
    program = entities[job["instrument"]["@id"]]
    assert program["softwareVersion"] == "1.2 (commit aaaaaaaaaaaa)"
    needed = {entities[item["@id"]]["name"] for item in program["softwareRequirements"]}
    assert needed == {"numpy", "snakemake", "torch"}
    assert entities[job["containerImage"]["@id"]]["name"] == "suite:1"

    whole = entities["#run"]
    assert whole["instrument"] == entities["./"]["mainEntity"] == {"@id": "Snakefile"}
    # What jobs wrote is no input of the workflow.
    taken = {entities[item["@id"]]["name"] for item in entities["Snakefile"]["input"]}
    assert taken == {"data/toy", "tier"}
    assert entities[entities["./"]["license"]["@id"]]["name"] == "MIT"
    people = [entities[item["@id"]] for item in entities["./"]["author"]]
    assert [(item["@type"], item["name"]) for item in people] == [
        ("Person", "Ada Author"),
        ("Organization", "A group"),
    ]


def test_the_same_run_gives_the_same_bytes(checkout: Path, tmp_path: Path) -> None:
    run = read_run(checkout, "small", Path("reports"))
    one, other = (write_crate(run, tmp_path / name) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()


def test_a_changed_lock_is_described_by_what_was_recorded(checkout: Path, tmp_path: Path) -> None:
    recorded = digest(checkout / "envs/torch.lock")
    (checkout / "envs/torch.lock").write_text(f"{LOCK}another==1\n")
    write_crate(read_run(checkout, "small", Path("reports")), tmp_path / "crate")
    entities = graph(tmp_path / "crate")
    assert "envs/torch.lock" not in entities
    (lock,) = (
        item
        for item in entities.values()
        if item.get("name") == "envs/torch.lock" and item["@type"] == "PropertyValue"
    )
    assert lock["value"] == recorded


def test_what_is_no_complete_run_is_refused(checkout: Path, tmp_path: Path) -> None:
    rows = checkout / "results/toy/small/fast/0-1.parquet"
    rows.write_text("other rows")
    with pytest.raises(InputError, match=r"0-1\.parquet; expected the file whose SHA-256 begins"):
        read_run(checkout, "small", Path("reports"))
    with pytest.raises(InputError, match="records of the jobs of tier 'extended' of toy"):
        read_run(checkout, "extended", Path("reports"))
    rows.write_text("rows")
    run = read_run(checkout, "small", Path("reports"))
    (tmp_path / "crate").mkdir()
    with pytest.raises(InputError, match="expected a folder that does not exist yet"):
        write_crate(run, tmp_path / "crate")
    (checkout / "CITATION.cff").write_text("title: A suite\nlicense: MIT\n")
    with pytest.raises(InputError, match=r"CITATION\.cff: authors; expected this key"):
        write_crate(run, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_the_published_run_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    crate = tmp_path / "crate"
    assert main(["export", str(crate), "--tier", "small", "--published", str(PUBLISHED)]) == 0
    entities = graph(crate)
    records = list((ROOT / PUBLISHED / "provenance").glob("*/*.json"))
    jobs = [item for item in entities.values() if item["@type"] == "CreateAction"]
    assert len(jobs) == len(records) + 1
    assert entities[f"{PUBLISHED}/learning_rate.parquet"]["sha256"] == digest(
        ROOT / PUBLISHED / "learning_rate.parquet"
    )


@pytest.mark.parametrize("profile", ["workflow-run-crate-0.5", "process-run-crate-0.5"])
def test_a_validator_accepts_both_kinds(profile: str, checkout: Path, tmp_path: Path) -> None:
    """With ``rocrate-validator`` on the path, which is no dependency.

    It downloads the context of RO-Crate, or takes it from the cache that ``ROCRATE_CACHE`` names.
    """
    validator = shutil.which("rocrate-validator")
    if validator is None:
        pytest.skip("rocrate-validator is not installed")
    cache = os.environ.get("ROCRATE_CACHE")
    offline = ["--offline", "--cache-path", cache] if cache else []
    runs = {
        "own": read_run(checkout, "small", Path("reports")),
        "published": published_run(ROOT, "small", PUBLISHED),
    }
    for name, run in runs.items():
        crate = tmp_path / name
        write_crate(run, crate)
        done = subprocess.run(
            [validator, "-y", "validate", "--no-paging", "-v", *offline, "-p", profile, crate],
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        if "URLError" in said or "Unable to retrieve the JSON-LD context" in said:
            pytest.skip("the context of RO-Crate cannot be downloaded")
        assert done.returncode == 0, said
