"""``--config seeds=until-verdict``, through snakemake as a user calls it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench import workflow
from fixbench.cli import main
from fixbench.errors import InputError
from fixbench.workflow import Plan

Run = Callable[..., "subprocess.CompletedProcess[str]"]

CONFIG = ("--config", "tier=smoke", "seeds=until-verdict", "seed_budget=10")
# One report is enough to be waited for.
TARGETS = ("reports/smoke/toy_command.html", "reports/smoke/claims.json")
COMMAND = ("snakemake", *TARGETS, "--cores", "2", *CONFIG)


def make_plan(config: dict[str, Any]) -> Plan:
    return workflow.make_plan({"runtime": "local", "tier": "smoke", **config})


def edit(path: Path, old: str, new: str) -> None:
    """In the file or, of an ablation, in the claims beside it."""
    if old not in path.read_text():
        path = path.with_name("claims.yaml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def ablations(project: Path) -> Path:
    """A large effect, and one that is exactly its null; blocks of five seeds."""
    folder = project / "ablations"
    toy, command = folder / "toy" / "ablation.yaml", folder / "toy_command" / "ablation.yaml"
    text = toy.read_text()
    text = text[: text.index("  unstable:")] + text[text.index("metrics:") :]
    toy.write_text(text)
    edit(toy, "effect:\n", "effect:\n      scale: log\n")
    edit(toy, "margin: 0.01", "margin: 1.1")
    edit(toy, "block: 2", "block: 5")
    # A fair die of 20 sides shows 10.5 on average, one of 6 sides 3.5.
    edit(command, "margin: 1.0", '"null": 7.0, margin: 0.001')
    edit(command, "block: 3", "block: 5")
    # Slow in the second block, to be interrupted there.
    pause = "import time\n\nif seed >= 5:\n    time.sleep(0.5)\nwith open(sys.argv[2])"
    edit(folder / "toy_command" / "measure.py", "with open(sys.argv[2])", pause)
    return folder


def jobs(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Rule → jobs that have run."""
    assert done.returncode == 0, done.stderr
    ran = re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)$", done.stderr, re.MULTILINE)
    return {rule: ran.count(rule) for rule in ran}


def decisions(project: Path, ablation: str) -> list[dict[str, Any]]:
    paths = sorted((project / "results" / ablation / "smoke").glob("look-*.json"))
    return [json.loads(path.read_text()) for path in paths]


def test_blocks_are_added_until_everything_is_settled_or_the_budget_spent(
    project: Path, ablations: Path, run: Run
) -> None:
    # Interrupted in the second block of the ablation that needs one.
    with subprocess.Popen(
        [sys.executable, "-m", *COMMAND],
        cwd=project,
        env=os.environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        deadline = time.monotonic() + 300
        while not (project / "logs/toy_command/smoke/cube/5-9.log").exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
    assert process.returncode != 0
    (look,) = decisions(project, "toy_command")
    assert (look["look"], look["seeds"], look["next_n"]) == (1, 5, 10)

    # It goes on where it was: of the second block only what had not ended.
    block = project / "results/toy_command/smoke"
    lacking = [name for name in ("cube", "large") if not (block / name / "5-9.parquet").exists()]
    assert "cube" in lacking
    done = run(*COMMAND)
    ran = jobs(done)
    assert ran.pop("toy", 0) <= 2
    assert ran.pop("look") <= 2
    assert ran.pop("analyse") <= 2
    assert ran == {"toy_command": len(lacking), "report": 1, "claims": 1}
    for variant in lacking:
        assert f"toy_command: {variant}, seeds 5-9" in done.stderr
    assert "toy_command: large, seeds 0-4" not in done.stderr
    assert "toy_command: not settled: TC01; no more seeds" in done.stderr
    assert jobs(run(*COMMAND)) == {}

    (settled,) = decisions(project, "toy")
    assert (settled["next_n"], settled["undecided"]) == (None, [])
    assert settled["plan"]["looks"] == [5, 10]
    shown = settled["claims"]["TY01"]["shown"]["different"]
    assert shown["p"] == settled["claims"]["TY01"]["p"]["different"][0] <= shown["level"]
    assert shown["level"] == settled["plan"]["levels"][0]
    assert not (project / "results/toy/smoke/fast/5-9.parquet").exists()
    first, second = decisions(project, "toy_command")
    assert (first["next_n"], second["next_n"]) == (10, None)
    assert second["undecided"] == ["TC01"]
    p = second["claims"]["TC01"]["p"]["different"]
    assert p[:1] == first["claims"]["TC01"]["p"]["different"]
    assert all(p > level for p, level in zip(p, second["plan"]["levels"], strict=True))

    reports = project / "reports" / "smoke"
    large, null = json.loads((reports / "claims.json").read_text())["claims"]
    assert (large["id"], large["verdict"], large["n"]) == ("TY01", "reproduced", 5)
    assert (null["id"], null["verdict"], null["n"]) == ("TC01", "inconclusive", 10)
    assert [row["looks"]["made"] for row in (large, null)] == [1, 2]
    assert large["confidence"] == 1 - settled["plan"]["levels"][0]
    assert large["p_adjusted"] is None
    page = (reports / "toy_command.html").read_text()
    sentence = "looks were planned after 5, 10 seeds, and 2 of them made until the budget was spent"
    assert f"{sentence}, without settling TC01." in page

    # The plan is fixed, and the verdicts of a run without looks are not these.
    done = run(*COMMAND[:-1], "seed_budget=15")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("fixbench: error: ")]
    assert line.startswith(
        "fixbench: error: --config: seed_budget is 15; expected looks after 5, 10 seeds, from seed "
        "0 on, as planned before the first of them (results/toy/smoke/look-1.json)"
    )
    plain = ("--config", "tier=smoke", "seeds=0-4", "ablations=toy")
    done = run("snakemake", "results/toy/smoke/claims.json", "--dry-run", *plain)
    assert re.findall(r"^(\w+) +\d+$", done.stdout, re.MULTILINE)[:2] == ["analyse", "total"]
    # Judged again without looks, they say so.
    done = run("snakemake", "--cores", "2", *plain)
    assert jobs(done) == {"analyse": 1, "report": 1, "claims": 1, "all": 1}
    assert "toy, tier smoke: 1 of its looks with seeds=until-verdict came before;" in done.stderr
    again, other = json.loads((reports / "claims.json").read_text())["claims"]
    assert (again["id"], again["n"], again["unadjusted_looks"]) == ("TY01", 5, 1)
    assert (other["id"], other["looks"]["made"], other["unadjusted_looks"]) == ("TC01", 2, 0)
    assert "Seeds of this tier were looked at once before" in (reports / "toy.html").read_text()


def test_plan(ablations: Path) -> None:
    plan = make_plan({"seeds": "until-verdict"})
    assert plan.ablations["toy"].looks == (5, 10, 15, 20)
    assert plan.ablations["toy"].blocks == ("0-4", "5-9", "10-14", "15-19")
    edit(ablations / "toy" / "ablation.yaml", 'smoke: {seeds: "0-2"', 'smoke: {seeds: "7,40-49"')
    plan = make_plan({"seeds": "until-verdict", "seed_budget": 12})
    assert plan.ablations["toy"].looks == (5, 10, 12)
    assert plan.ablations["toy"].blocks == ("7-11", "12-16", "17-18")
    assert plan.looks("toy") == "5,10,12"
    assert plan.results("toy", 2) == [
        f"results/toy/smoke/{variant}/{block}.parquet"
        for variant in ("fast", "slow")
        for block in ("7-11", "12-16")
    ]
    assert plan.decision("toy", 2) == ["results/toy/smoke/look-2.json"]
    plain = make_plan({"seeds": "0-4"})
    assert (plain.looks("toy"), plain.decision("toy", None)) == ("", [])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"seeds": "until-verdict", "seed_budget": 4}, "seed_budget is 4; expected 5 or more, the"),
        ({"seeds": "until-verdict", "seed_budget": 0}, "seed_budget is 0; expected greater than"),
        (
            {"seeds": "until-verdict", "seed_budget": "all"},
            "seed_budget is 'all'; expected integer",
        ),
        ({"seed_budget": 20}, "seed_budget is 20; expected seeds=until-verdict beside it"),
        (
            {"seeds": "until-verdit"},
            "seeds is 'until-verdit'; expected seeds such as '0-9' or '0-4,7', upwards, or "
            "'until-verdict'",
        ),
        ({"seeds": "until-verdict,3"}, "seeds is 'until-verdict,3'; expected seeds such as '0-9'"),
    ],
)
def test_bad_plans(ablations: Path, config: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"^--config: {re.escape(message)}"):
        make_plan(config)
    assert not Path("results").exists()


@pytest.mark.parametrize("content", ["", "[]", '{"plan": {}}'])
def test_damaged_decision(ablations: Path, content: str) -> None:
    look = Path("results/toy/smoke/look-1.json")
    look.parent.mkdir(parents=True)
    look.write_text(content)
    with pytest.raises(InputError, match=rf"^{look}; expected what `fixbench look` wrote; delete"):
        make_plan({"seeds": "until-verdict"})


def test_blocks_of_one_seed_cannot_be_looked_at(ablations: Path) -> None:
    edit(ablations / "toy" / "ablation.yaml", "block: 5", "block: 1")
    message = "tiers.smoke.block is 1; expected two seeds or more for seeds=until-verdict"
    with pytest.raises(InputError, match=rf"^ablations/toy/ablation\.yaml: {message}"):
        make_plan({"seeds": "until-verdict"})
    assert make_plan({"seeds": "0-1"}).ablations["toy"].blocks == ("0", "1")


@pytest.mark.parametrize("looks", ["5,x", "", "5;10", "-5"])
def test_bad_looks_on_the_command_line(
    project: Path, looks: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["look", "toy", "--tier", "smoke", "--results", "x", "--decision", "look.json"]
    assert main([*command, f"--looks={looks}"]) == 2
    expected = f"--looks is {looks!r}; expected numbers of seeds such as 10,20,30"
    assert expected.removeprefix("--looks is '' ") in capsys.readouterr().err
    assert not (project / "look.json").exists()
