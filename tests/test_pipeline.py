"""The pipeline, through ``snakemake`` as a user calls it."""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fixbench import workflow
from fixbench.ablation import load_ablation
from fixbench.analysis import load_claims, save_claims
from fixbench.containers import ENGINES
from fixbench.errors import InputError
from fixbench.results import read_results
from fixbench.tracking import track
from fixbench.workflow import Plan, check_writable
from fixbench.workflow._layout import ABLATION_PAGES, CLAIM_PAGES
from fixbench.workflow._seeds import PlannedAblation

ROOT = Path(__file__).parents[1]

Run = Callable[..., "subprocess.CompletedProcess[str]"]

#: Cheap, and still two variants of which one starts from the other.
CONFIG = ("--config", "tier=smoke", "ablations=toy", "seeds=0-1")


def make_plan(config: dict[str, Any]) -> Plan:
    """As for a machine without a container engine."""
    return workflow.make_plan({"runtime": "local", **config})


def edit(path: Path, old: str, new: str) -> None:
    """In the file or, of an ablation, in the claims beside it."""
    if old not in path.read_text():
        path = path.with_name("claims.yaml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def jobs(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """Rule → number of jobs, from the table that Snakemake prints before it starts."""
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    if "Nothing to be done" in text:
        return {}
    table = text.split("Job stats:")[1].split("total")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def toy(project: Path) -> Path:
    """The toy's ablation file, with two variants only."""
    path = project / "ablations" / "toy" / "ablation.yaml"
    text = path.read_text()
    start, end = text.index("  unstable:"), text.index("  continued:")
    path.write_text(text[:start] + text[end:])
    return path


def test_from_nothing_to_reports_and_only_what_changed_again(
    project: Path, toy: Path, run: Run
) -> None:
    first = run("snakemake", "--cores", "2", *CONFIG)
    assert jobs(first) == {"toy": 3, "analyse": 1, "report": 1, "claims": 1, "all": 1}
    # What a user watches: each job by name, progress, and the overall count.
    assert "toy: fast, seeds 0-1" in first.stderr
    assert "toy fast: seed 1 (2/2) finished" in first.stderr
    assert "7 of 7 steps (100%) done" in first.stderr
    reports = project / "reports" / "smoke"
    names = {path.name for path in reports.iterdir()}
    own = {page.format(ablation="toy") for page in ABLATION_PAGES}
    assert names == own | set(CLAIM_PAGES)
    (claim,) = json.loads((reports / "claims.json").read_text())["claims"]
    assert (claim["id"], claim["ablation"], claim["n"]) == ("TY01", "toy", 2)
    record = json.loads((project / "logs/toy/smoke/fast/0-1.provenance.json").read_text())
    assert record["seeds"] == [0, 1]
    assert "toy fast: seed 1" in (project / "logs/toy/smoke/fast/0-1.log").read_text()

    assert jobs(run("snakemake", "--cores", "2", *CONFIG)) == {}

    # Snakemake's own report has what a reader opens, and says of which ablation it is.
    assert run("snakemake", "--report", "report.zip", *CONFIG).returncode == 0
    with zipfile.ZipFile(project / "report.zip") as archive:
        shown = {Path(name).name: name for name in archive.namelist()}
        assert set(shown) == {"report.html", "toy.html", "toy.pdf", "index.html", "claims.csv"}
        assert archive.read(shown["toy.html"]) == (reports / "toy.html").read_bytes()
        assert (
            "Ablation <strong>toy</strong>, tier smoke"
            in archive.read(shown["report.html"]).decode()
        )

    results, pages = contents(project / "results"), contents(reports)
    # Nothing that is handed on says on which machine, or in which folder, it was made.
    records = {name: text for name, text in contents(project / "logs").items() if ".json" in name}
    for name, content in {**results, **pages, **records}.items():
        assert str(project).encode() not in content, name
        assert not re.search(rb"/(home|root|Users|tmp|private)/", content), name
        if name.endswith((".json", ".html", ".tex", ".csv")):
            assert not re.search(rf"\b{re.escape(platform.node())}\b".encode(), content), name
    # Logs as well: a record made again has other times, and the report prints them.
    shutil.rmtree(project / "results")
    again = run("snakemake", "--cores", "2", *CONFIG)
    assert jobs(again)["toy"] == 3
    assert contents(project / "results") == results
    assert contents(reports).keys() == pages.keys()

    # The noise floor is printed as soon as somebody has asked for it.
    run("fixbench", "determinism", "toy", "--tier", "smoke")
    assert jobs(run("snakemake", "--cores", "2", *CONFIG)) == {"report": 1, "all": 1}
    page = (reports / "toy.html").read_text()
    assert (
        "bitwise (same seed again, behind seed 1, with 2 threads; tier smoke, variant fast" in page
    )
    assert "the smoke tier: it shows that the pipeline works" in page

    dry = ("snakemake", "--dry-run", "--cores", "1", *CONFIG)
    edit(toy, "The larger step reaches", "A larger step reaches")
    assert jobs(run(*dry)) == {"analyse": 1, "report": 1, "claims": 1, "all": 1}

    edit(toy, "learning_rate: 0.001", "learning_rate: 0.002")
    changed = run(*dry)
    assert jobs(changed)["toy"] == 1
    assert "toy: slow, seeds 0-1" in changed.stdout

    edit(toy, "learning_rate: 0.1}", "learning_rate: 0.05}")
    assert jobs(run(*dry))["toy"] == 3

    edit(toy, "learning_rate: 0.05}", "learning_rate: 0.1}")
    edit(toy, "learning_rate: 0.002", "learning_rate: 0.001")
    edit(toy, "A larger step reaches", "The larger step reaches")
    assert jobs(run(*dry)) == {}
    with (toy.parent / "system.py").open("a") as stream:
        stream.write("# a remark\n")
    assert jobs(run(*dry))["toy"] == 3


def test_tracked_data(project: Path, toy: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(project / ".site"))
    monkeypatch.setenv("DVC_GLOBAL_CONFIG_DIR", str(project / ".global"))
    for name in (".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)
    data = project / "data" / "toy" / "x.bin"
    data.parent.mkdir(parents=True)
    data.write_bytes(b"measured" * 100)
    track(project)
    edit(toy, "system: system.py", "system: system.py\ninputs: [data/toy]")

    # A fresh clone has no data: they come first, and all jobs wait for them.
    shutil.rmtree(project / "data")
    target = "results/toy/smoke/slow/0-1.parquet"
    command = ("snakemake", target, "--cores", "1", *CONFIG)
    assert jobs(run(*command)) == {"data": 1, "toy": 1}
    assert data.read_bytes() == b"measured" * 100
    record = json.loads((project / "logs/toy/smoke/slow/0-1.provenance.json").read_text())
    assert set(record["inputs"]) == {"data/toy"}
    assert jobs(run(*command)) == {}

    job = ("fixbench", "run", "toy", "slow", "--seeds", "0", "--tier", "smoke")
    for damage, message in (
        (lambda: data.write_bytes(b"altered!" * 100), r"data/toy/x\.bin: md5 is '\w+'; expected"),
        (data.unlink, r"data/toy/x\.bin; expected this tracked file, which is missing"),
    ):
        damage()
        refused(run(*command), message)
        refused(run(*job, "--output", "out/x.parquet"), message)
        assert not (project / "out").exists()

    # New data under version control are a reason to run again.
    data.write_bytes(b"repeated" * 100)
    track(project)
    assert jobs(run(*command, "--dry-run")) == {"data": 1, "toy": 1}


def refused(done: subprocess.CompletedProcess[str], message: str) -> None:
    """One message, a status other than 0, no traceback."""
    assert done.returncode == 2, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("fixbench: error: ")]
    assert len(lines) == 1
    assert re.search(message, lines[0])
    rest = [line for line in done.stderr.splitlines() if line not in lines]
    # Snakemake says which profile and configuration it takes, and nothing else.
    assert all(line.startswith(("Using workflow specific", "Config file")) for line in rest), rest
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("tiers=smoke", "--config: tiers is 'smoke'; expected no such key; there are tier, "),
        ("device=gpu", "--config: device is 'gpu'; expected 'auto', 'cpu' or 'cuda'"),
    ],
)
def test_bad_configuration(project: Path, run: Run, config: str, message: str) -> None:
    refused(run("snakemake", "--cores", "1", "--config", config), re.escape(message))
    assert not (project / "results").exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("threats:", "seeds: 10\nthreats:", "seeds is 10; expected no such key; see config/ablat"),
        ("{variant: slow,", "{variant: slwo,", "claims.TY01.effect.terms.1.variant is 'slwo'; exp"),
        ('seeds: "0-2"', 'seeds: "0-2,0"', "tiers.smoke.seeds is '0-2,0'; expected each seed once"),
    ],
)
def test_bad_ablation(project: Path, toy: Path, run: Run, old: str, new: str, message: str) -> None:
    edit(toy, old, new)
    where = r"ablations/toy/(ablation|claims)\.yaml:\d+: " + re.escape(message)
    refused(run("snakemake", "--cores", "1", "--config", "tier=smoke"), where)
    assert not (project / "results").exists()


def test_reports_that_cannot_be_written_are_noticed_before_training(
    project: Path, run: Run
) -> None:
    (project / "reports").write_text("in the way")
    done = run("snakemake", "--cores", "1", *CONFIG)
    refused(done, "reports/smoke; expected a folder, but reports is a file; remove it")
    assert not (project / "results").exists()


def test_a_tier_that_runs_no_variant_is_no_tier_to_plan(project: Path, toy: Path) -> None:
    toy.write_text(re.sub(r"(reason: .*)", r"\1\n    tiers: [small]", toy.read_text()))
    with pytest.raises(InputError, match=r"tier is 'smoke'; expected a tier of toy: small$"):
        make_plan({"ablations": ["toy"], "tier": "smoke"})
    assert list(make_plan({"tier": "smoke", "runtime": "local"}).ablations) == ["toy_command"]


def test_bad_option_is_refused_before_any_job(project: Path, toy: Path, run: Run) -> None:
    edit(toy, "samples: 32", "samples: 32.5")
    message = (
        r"ablations/toy/ablation\.yaml:\d+: baseline\.data\.samples is 32\.5; expected integer"
    )
    refused(run("snakemake", "--cores", "1", *CONFIG), message)
    assert not (project / "results").exists()


def test_options_are_checked_when_they_have_changed_and_at_no_other_time(
    project: Path, toy: Path
) -> None:
    def imports_torch() -> bool:
        code = (
            "import sys; from fixbench.workflow import make_plan; "
            "make_plan({'runtime': 'local', 'ablations': ['toy']}); print('torch' in sys.modules)"
        )
        command = [sys.executable, "-c", code]
        return "True" in subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert [imports_torch(), imports_torch()] == [True, False]
    edit(toy, "The larger step", "A larger step")
    assert not imports_torch()
    edit(toy, "learning_rate: 0.001}", "learning_rate: high}")
    for _ in range(2):  # what was refused leaves no trace by which it might pass
        with pytest.raises(InputError, match=r"variants\.slow\.changes\.optimiser\.learning_rate"):
            make_plan({"ablations": ["toy"]})


def test_command_that_cannot_start_fails_the_run(project: Path, run: Run) -> None:
    edit(project / "ablations/toy_command/ablation.yaml", "python measure.py", "pyhton measure.py")
    target = "results/toy_command/smoke/cube/0.parquet"
    config = ("--config", "tier=smoke", "ablations=toy_command", "seeds=0")
    done = run("snakemake", target, "--cores", "1", *config)
    assert done.returncode != 0
    (message,) = [line for line in done.stderr.splitlines() if line.startswith("fixbench: error")]
    assert "toy_command/ablation.yaml: command is 'pyhton measure.py" in message
    assert "Traceback" not in done.stdout + done.stderr
    assert not [path for path in (project / "results").rglob("*") if path.is_file()]


def test_restricted_run_keeps_the_claims_of_others(project: Path, run: Run) -> None:
    reports = project / "reports" / "smoke"
    command = ("snakemake", "reports/smoke/claims.csv", "--cores", "2")
    config = ("--config", "tier=smoke", "ablations=toy_command", "seeds=0-1")
    assert jobs(run(*command, *config)) == {"toy_command": 2, "analyse": 1, "claims": 1}
    alone = contents(reports)
    assert [row["id"] for row in json.loads(alone["claims.json"])["claims"]] == ["TC01"]
    # Another ablation, judged by an earlier run: it stays, and nothing of it is made again.
    kept = project / "results" / "toy" / "smoke" / "claims.json"
    judged = load_claims(project / "results" / "toy_command" / "smoke" / "claims.json")
    save_claims(kept, [replace(result, ablation="toy", id="TY01") for result in judged])
    assert jobs(run(*command, *config)) == {"claims": 1}
    assert (reports / "claims.csv").read_bytes() != alone["claims.csv"]
    rows = json.loads((reports / "claims.json").read_text())["claims"]
    assert [(row["ablation"], row["id"]) for row in rows] == [
        ("toy", "TY01"),
        ("toy_command", "TC01"),
    ]
    # A whole run makes them all, of another tier there is none, and a removed folder has none.
    both = [str(kept.relative_to(project)), "results/toy_command/smoke/claims.json"]
    restricted = {"tier": "smoke", "ablations": ["toy_command"]}
    assert make_plan(restricted).all_verdicts() == make_plan({"tier": "smoke"}).verdicts() == both
    assert make_plan(restricted).verdicts() == both[1:]
    small = make_plan(restricted | {"tier": "small"})
    assert small.all_verdicts() == small.verdicts()
    shutil.rmtree(project / "ablations" / "toy")
    assert make_plan(restricted).all_verdicts() == both[1:]


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of the superuser, to whom permissions mean nothing."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_check_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)
    check_writable(Path("a/b/c"))
    Path("locked").mkdir(mode=0o555)
    Path("locked").chmod(0o555)
    with nobody():
        for path in ("locked", "locked/reports"):
            with pytest.raises(InputError, match=f"^{path}; expected permission to write in lock"):
                check_writable(Path(path))
    Path("link").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"^link; expected a folder, but link is a file"):
        check_writable(Path("link"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "locked"]


def test_plan(project: Path) -> None:
    plan = make_plan({"tier": "smoke"})
    assert list(plan.ablations) == ["toy", "toy_command"]
    assert plan.results("toy_command") == [
        "results/toy_command/smoke/cube/0-2.parquet",
        "results/toy_command/smoke/large/0-2.parquet",
    ]
    assert plan.results("toy")[:2] == [
        "results/toy/smoke/fast/0-1.parquet",
        "results/toy/smoke/fast/2.parquet",
    ]
    assert plan.job_files("toy", "continued", "2") == {
        "request": ".fixbench/requests/toy/smoke/continued.json",
        "data": [],
        "parent": "results/toy/smoke/fast/2.state",
    }
    # In this order a run that is stopped leaves whole blocks, and nobody waits for a parent.
    jobs = [(name, block) for name in ("slow", "fast", "continued") for block in ("2", "0-1")]
    first = sorted(jobs, key=lambda job: -plan.priority("toy", *job))
    assert [block for _, block in first] == ["0-1"] * 3 + ["2"] * 3
    assert [first[0], first[3]] == [("fast", "0-1"), ("fast", "2")]
    with pytest.raises(InputError, match="variants is 'fats'; expected a variant that tier"):
        plan.job_files("toy", "fats", "2")
    # The default tier reports to reports/, others beside it.
    assert plan.targets()[0] == "reports/smoke/toy.html"
    assert make_plan({}).targets()[11] == "reports/claims.csv"


def test_plan_refuses(project: Path) -> None:
    with pytest.raises(InputError, match="tier is 'full'; expected a tier of toy: smoke, small"):
        make_plan({"tier": "full", "ablations": ["toy"]})
    with pytest.raises(InputError, match=r"nowhere; expected folders with an ablation\.yaml"):
        make_plan({"folder": "nowhere"})
    # Who gave the value: the command line, unless the file says the same.
    config = project / "config" / "config.yaml"
    for key, value in (("tier", "full"), ("seeds", "3-1"), ("ablations", ["tyo"])):
        given = {"tier": "smoke", "ablations": ["toy"], "seeds": None} | {key: value}
        with pytest.raises(InputError, match=rf"^--config: {key} is "):
            make_plan(given)
        text = config.read_text()
        config.write_text(re.sub(rf"^{key}: .*$", f"{key}: {value}", text, flags=re.MULTILINE))
        with pytest.raises(InputError, match=rf"^config/config\.yaml: {key} is "):
            make_plan(given)
        config.write_text(text)


def test_request_changes_with_the_result_and_not_with_claims(project: Path, toy: Path) -> None:
    def requests() -> dict[str, tuple[bytes, int]]:
        make_plan({"tier": "smoke", "ablations": ["toy"]})
        folder = project / ".fixbench" / "requests" / "toy" / "smoke"
        return {p.stem: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}

    before = requests()
    assert set(before) == set(load_ablation(toy).variants)
    edit(toy, "The larger step", "A larger step")
    assert requests() == before  # not even touched
    for old, new, changed in (
        ("learning_rate: 0.001", "learning_rate: 0.002", {"slow"}),
        ('loss: {unit: "1"', "loss: {unit: nats", {"fast", "slow", "continued"}),
        ("training.steps: 12", "training.steps: 13", {"fast", "slow", "continued"}),
    ):
        edit(toy, old, new)
        after = requests()
        assert {name for name in after if after[name][0] != before[name][0]} == changed
        before = after
    (project / "envs").mkdir()
    (project / "envs" / "torch.lock").write_text("torch==3\n")
    assert all(requests()[name][0] != before[name][0] for name in before)


def test_files_that_verdicts_and_reports_depend_on(project: Path) -> None:
    def files(findings: bool) -> list[str]:
        plan = make_plan({"tier": "smoke", "ablations": ["toy"]})
        return [Path(path).name for path in plan.ablation_files("toy", findings=findings)]

    folder = project / "ablations" / "toy"
    there = [name for name in ("ablation.yaml", "claims.yaml") if (folder / name).exists()]
    assert files(findings=False) == files(findings=True) == there
    (folder / "findings.yaml").write_text("threats: []\n")
    assert files(findings=False) == there
    assert files(findings=True) == [*there, "findings.yaml"]


def test_launcher(project: Path, toy: Path) -> None:
    """In an engine: the ablation's image and inputs, the limits of the rule, or else the usual."""
    plan = make_plan({"tier": "smoke", "ablations": ["toy"]})
    assert plan.launcher("toy", ["a"], ["b"], {"gpu": 0}) == ""
    local = shlex.split(plan.launcher("toy", ["a"], ["b"], {"gpu": 1}))
    assert local[-5:] == ["--gpu-share", "1", "--engine", "local", "--"]
    asked = plan.ablations["toy"].ablation.model_copy(
        update={"inputs": ["data/toy", "data/more"], "environment": "other"}
    )
    docker = replace(
        plan,
        ablations={"toy": PlannedAblation(asked, ("0-1",))},
        engine=ENGINES["docker"](version="27"),
    )
    resources = {"mem_mb": 3000, "processes": 12, "threads": 2}
    words = shlex.split(docker.launcher("toy", ["a file"], ["b file"], resources))

    def after(option: str) -> list[str]:
        rest = words[words.index(option) + 1 :]
        return rest[: next(i for i, word in enumerate(rest) if word.startswith("--"))]

    assert after("--image") == [".fixbench/images/other.json"]
    assert (after("--memory-mb"), after("--processes")) == (["3000"], ["12"])
    assert (after("--cpus"), after("--gpus"), after("--write")) == (["2"], ["0"], ["b file"])
    assert {"ablations", "envs", "data/toy", "data/more", "a file"} <= set(after("--read"))
    words = shlex.split(docker.launcher("toy", [], ["b"], {}))
    assert (after("--memory-mb"), after("--processes")) == (["2000"], ["256"])


def commands(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The shell commands of the jobs, from a dry run that prints them."""
    assert done.returncode == 0, done.stderr
    return re.findall(r"python -m fixbench run .*", done.stdout)


def test_rule_of_an_ablation_says_what_differs_or_is_left_out(
    project: Path, toy: Path, run: Run
) -> None:
    target = "results/toy/smoke/continued/0-1.parquet"
    options = ("--dry-run", "--printshellcmds", "--cores", "1")
    dry = ("snakemake", target, *options, *CONFIG)
    usual = run(*dry)
    assert jobs(usual) == {"toy": 2}
    # The parent first, then what starts from it.
    assert [command.split()[4:6] for command in commands(usual)] == [
        ["toy", "fast"],
        ["toy", "continued"],
    ]
    assert "--parent results/toy/smoke/fast/0-1.state" in commands(usual)[1]

    rule = toy.with_name("rule.smk")
    text = rule.read_text()
    rule.write_text(text + "    resources:\n        gpu=1,\n")
    changed = run(*dry)
    assert jobs(changed) == {"toy": 2}
    assert commands(changed) == commands(usual)
    launched = "python -m fixbench.containers --gpus 1 --gpu-share 1 --engine local -- python -m"
    assert changed.stdout.count(launched) == 2
    assert usual.stdout.count("fixbench.containers") == 0

    # Without a rule the shared one runs it, and a name that cannot name a rule will do.
    rule.unlink()
    shutil.copytree(toy.parent, project / "ablations" / "toy-2.0")
    both = ("--config", "tier=smoke", "ablations=toy,toy-2.0", "seeds=0-1")
    targets = (target, target.replace("toy", "toy-2.0"))
    shared = run("snakemake", *targets, *options, *both)
    assert jobs(shared) == {"job": 4}
    assert "toy: continued, seeds 0-1" in shared.stdout
    assert set(commands(shared)) >= set(commands(usual))
    assert sum("--output results/toy-2.0/smoke" in line for line in commands(shared)) == 2

    # A rule file whose rule makes none of the results, or that has two, is refused by name.
    six = ("--config", "tier=smoke", "ablations=toy", "seeds=0-5")
    for content, found in (
        (text.replace('"toy"', '"tyo"'), "none makes it"),
        (text + text.replace("as toy", "as again"), "toy and again make it"),
    ):
        rule.write_text(content)
        result = "results/toy/smoke/fast/0-1.parquet"
        message = f"toy/rule.smk; expected one rule that makes {result}, but {found}; begin its"
        refused(run("snakemake", *options, *six), re.escape(message))


def test_checkout_and_temporary_folder_with_any_name(project: Path, tmp_path: Path) -> None:
    place = tmp_path / "it's {a} folder of $HOME"
    checkout, scratch = place / "checkout", place / "scratch"
    for folder in (checkout, scratch):
        folder.mkdir(parents=True)
    for name in ("config", "profiles", "ablations", "Snakefile"):
        shutil.move(project / name, checkout / name)
    # The interpreter lies in such a folder too.
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    python.chmod(0o755)
    target = "results/toy_command/smoke/claims.json"
    code = (
        f"import sys, snakemake.cli; sys.executable = {str(python)!r}; "
        "sys.argv[0] = 'snakemake'; snakemake.cli.main()"
    )
    command = [sys.executable, "-c", code, target, "--cores", "2"]
    command += ["--config", "tier=smoke", "ablations=toy_command", "seeds=0-1"]
    done = subprocess.run(
        command,
        cwd=checkout,
        env=os.environ | {"TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert jobs(done) == {"toy_command": 2, "analyse": 1}
    frame = read_results([checkout / "results/toy_command/smoke/large/0-1.parquet"])
    assert frame["status"].tolist() == ["ok", "ok"]
    end = time.monotonic() + 60  # the worker ends after Snakemake
    while list(scratch.glob("fixbench-*")):
        assert time.monotonic() < end
        time.sleep(0.1)


def test_lint(project: Path, run: Run) -> None:
    done = run("snakemake", "--lint")
    assert done.returncode == 0, done.stderr
