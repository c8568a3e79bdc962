"""A run of the toy with its reports, as the pipeline leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fixbench.cli import main
from fixbench.job import run_job

TIER = "smoke"
VARIANTS = {"fast": None, "slow": None, "unstable": None, "continued": "fast"}


@pytest.fixture
def finished(project: Path) -> Path:
    """The project, in which every job has run and every page is written."""
    claims = project / "ablations" / "toy" / "claims.yaml"
    claims.write_text(claims.read_text() + BESIDE)
    results = [project / "results" / "toy" / TIER / name / "0-5.parquet" for name in VARIANTS]
    records = []
    for path, (name, parent) in zip(results, VARIANTS.items(), strict=True):
        record = project / "logs" / "toy" / TIER / name / "0-5.provenance.json"
        run_job(
            Path(),
            "toy",
            name,
            range(6),
            TIER,
            path.relative_to(project),
            state=path.with_suffix(".state").relative_to(project),
            parent=None if parent is None else path.parents[1] / parent / "0-5.state",
            record=record,
        )
        records.append(record)
    verdicts = f"results/toy/{TIER}/claims.json"
    of_toy = ["toy", "--tier", TIER, "--results", *map(str, results), "--claims", verdicts]
    reports = ["--directory", f"reports/{TIER}"]
    assert main(["analyse", *of_toy]) == 0
    assert main(["report", *of_toy, "--provenance", *map(str, records), *reports]) == 0
    assert main(["claims", verdicts, "--tier", TIER, *reports]) == 0
    return project


#: To the claim of the toy: what stands beside a claim is checked too.
BESIDE = """
    controls:
      - name: more steps
        meaning: it is the steps
        explains_above: 0.0
        effect:
          terms:
            - {variant: continued, metric: loss, stage: train}
            - {variant: fast, metric: loss, stage: train, weight: -1.0}
    supporting:
      - name: loss of the larger step
        meaning: its level
        effect: {scale: log, terms: [{variant: fast, metric: loss, stage: train, at: mean}]}
"""
