"""The script and the command of docs/ablations.md do what the page says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fixbench.ablation import load_ablation
from fixbench.analysis import analyse
from fixbench.cli import main
from fixbench.job import run_job
from fixbench.results import read_results
from fixbench.schemas import schemas

PAGE = Path(__file__).parents[2] / "docs" / "ablations.md"
SECTION = PAGE.read_text(encoding="utf-8").split("## Your own script\n")[1].split("\n## ")[0]


def block(language: str) -> str:
    return re.search(rf"^```{language}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)[1]


def test_the_script_has_forty_lines_and_knows_nothing_of_fixbench() -> None:
    script = block("python")
    assert len([line for line in script.splitlines() if line.strip()]) <= 40
    assert "fixbench" not in script


def test_from_the_script_to_a_verdict(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = project / "train.py"
    script.write_text(block("python"))
    program, *words = shlex.split(block("sh").replace("\\\n", ""))
    assert program == "fixbench"
    assert main(words) == 0
    assert main(["check", "dropout"]) == 0
    assert "fixbench check dropout" in capsys.readouterr().out
    folder = project / "ablations" / "dropout"
    assert list(load_ablation(folder).variants) == ["baseline", "half"]
    seeds = [0, 1, 2]
    files, alone = [], {}
    for variant, dropout in (("baseline", "0"), ("half", "0.5")):
        files.append(project / f"{variant}.parquet")
        run_job(project, "dropout", variant, seeds, "smoke", files[-1])
        for seed in seeds:  # the script by itself, as its author calls it
            out = project / f"{variant}-{seed}"
            call = [sys.executable, str(script), "--seed", str(seed), "--dropout", dropout]
            subprocess.run([*call, "--out", str(out)], check=True)
            metrics = json.loads((out / "metrics.json").read_text())
            alone[variant, seed] = metrics["test"]["accuracy"]
    frame = read_results(files)
    found = {(row.variant, row.seed): row.value for row in frame.itertuples()}
    assert found == alone
    assert len(set(alone.values())) > 3  # the seed and the option reach it
    (claim,) = analyse(folder, "smoke", files)
    differences = [alone["half", seed] - alone["baseline", seed] for seed in seeds]
    assert claim.effect.estimate == pytest.approx(sum(differences) / 3, abs=1e-12)


def test_each_line_of_metrics_from_is_valid(project: Path) -> None:
    path = project / "ablations" / "toy_command" / "ablation.yaml"
    text = path.read_text()
    lines = block("yaml").splitlines()
    for line in lines:
        edited = text.replace("baseline_variant", f"{line}\nbaseline_variant")
        edited = edited.replace(
            "metrics:\n", "metrics:\n  loss: {description: x}\n  accuracy: {description: x}\n"
        )
        path.write_text(edited)
        assert load_ablation(path).metrics_from is not None
    kinds = schemas()["ablation"]["$defs"]["MetricsFrom"]["properties"]["kind"]["enum"]
    assert [re.search(r"kind: (\w+)", line)[1] for line in lines] == kinds


def test_every_placeholder_is_explained() -> None:
    from fixbench.command import BUILT_IN

    assert [name for name in BUILT_IN if f"`{{{name}}}`" not in SECTION] == []
