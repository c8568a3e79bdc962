"""Data draws: generated, read in place of the tracked data, judged and reported, for real."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fixbench
from fixbench import provenance, workflow
from fixbench.containers import ENGINES
from fixbench.draws import (
    block_label,
    draw_folder,
    draw_record,
    job_inputs,
    make_draw,
    split_block,
    verify_draw,
)
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.results import read_metadata, read_results
from fixbench.workflow import Plan

Run = Callable[..., "subprocess.CompletedProcess[str]"]

CONFIG = ("--config", "tier=smoke", "ablations=toy", "seeds=0-1")
NAME = "data/aa_clip"


def make_plan() -> Plan:
    return workflow.make_plan({"runtime": "local", "tier": "smoke", "ablations": ["toy"]})


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
    """The toy with two variants and two data draws; its noise comes from the pictures."""
    path = project / "ablations" / "toy" / "ablation.yaml"
    text = path.read_text()
    start, end = text.index("  unstable:"), text.index("  continued:")
    text = text[:start] + text[end:]
    text = text.replace(
        "system: system.py", f"system: system.py\ninputs: [{NAME}]\ndraws: [{NAME}]"
    )
    path.write_text(
        text.replace('smoke: {seeds: "0-2",', 'smoke: {seeds: "0-2", data_seeds: "0-1",')
    )
    system = path.with_name("system.py")
    text = system.read_text()
    old = "    truth = torch.randn(3, generator=generator)\n"
    assert old in text
    read = (
        f'    pictures = sorted((context.root / "{NAME}").rglob("*.png"))\n'
        "    bright = sum(path.read_bytes()[-30] for path in pictures) / len(pictures) / 255\n"
        "    truth = truth + bright\n"
    )
    system.write_text(text.replace(old, old + read))
    return path


def killed(work: Callable[[], object], seen: Callable[[], bool], timeout: float = 60) -> None:
    """Do the work in a process of its own, and kill that once ``seen`` is true."""
    with warnings.catch_warnings():
        # Threads of the test runner, none of which the child uses.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(1)
    try:
        deadline = time.monotonic() + timeout
        while not seen():
            assert os.waitpid(child, os.WNOHANG) == (0, 0), "it ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.001)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_killed_generation_leaves_neither_a_draw_nor_a_record(tmp_path: Path) -> None:
    partial = tmp_path / ".fixbench/data/aa_clip/.0.partial"
    killed(lambda: make_draw(tmp_path, NAME, 0), partial.exists)
    assert not (tmp_path / draw_folder(NAME, 0)).exists()
    assert not (tmp_path / draw_record(NAME, 0)).exists()
    with pytest.raises(
        InputError, match=r"aa_clip/0\.json; expected the record of a data draw; run"
    ):
        verify_draw(tmp_path, NAME, 0)


def test_killed_job_on_a_draw_ends_with_the_same_bytes(
    project: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_draw(project, NAME, 1)
    resume = project / ".fixbench/resume/toy/smoke/fast/data-1"

    def job(name: str) -> Path:
        output = project / f"{name}.parquet"
        run_job(project, "toy", "fast", [0, 1], "smoke", output, data_seed=1)
        return output

    undisturbed = job("undisturbed").read_bytes()
    monkeypatch.setenv("TOY_PAUSE", "0.1")
    killed(lambda: job("again"), lambda: any(resume.glob("seed-1.*.training")))
    monkeypatch.delenv("TOY_PAUSE")
    assert any(resume.glob("seed-0.*.done"))
    assert job("again").read_bytes() == undisturbed


def test_from_nothing_to_a_report(project: Path, toy: Path, run: Run) -> None:
    """By Snakemake, with one variant, so that few processes start."""
    text = toy.read_text()
    toy.write_text(text[: text.index("  slow:")] + text[text.index("metrics:") :])
    claims = toy.with_name("claims.yaml")
    text = claims.read_text()
    claims.write_text(text[: text.index("        - {variant: slow")])

    first = run("snakemake", "--cores", "2", *CONFIG)
    counts = {"draw": 2, "toy": 2, "analyse": 1, "report": 1, "claims": 1, "all": 1}
    assert jobs(first) == counts
    assert "toy: fast, seeds 0-1.data-1" in first.stderr
    folder = project / "results/toy/smoke"
    files = sorted((folder / "fast").glob("*.parquet"))
    assert [path.name for path in files] == ["0-1.data-0.parquet", "0-1.data-1.parquet"]
    frame = read_results(files)
    assert frame.groupby("data_seed")["seed"].unique().map(list).to_dict() == {
        0: [0, 1],
        1: [0, 1],
    }
    last = frame[frame["step"] == frame["step"].max()].set_index(["seed", "data_seed"])["value"]
    assert last[0, 0] != last[0, 1]
    assert read_metadata(files[1])["data_seed"] == 1
    hashes = set()
    for draw in (0, 1):
        log = project / f"logs/toy/smoke/fast/0-1.data-{draw}.provenance.json"
        record = json.loads(log.read_text())
        assert record["data_seed"] == draw
        made = json.loads((project / draw_record(NAME, draw)).read_text())
        assert record["inputs"] == {NAME: made["sha256"]}
        assert made == {
            "folder": NAME,
            "data_seed": draw,
            "sha256": verify_draw(project, NAME, draw),
        }
        hashes.add(made["sha256"])
    assert len(hashes) == 2

    (claim,) = json.loads((project / "reports/smoke/claims.json").read_text())["claims"]
    assert (claim["n"], claim["data"]["draws"], claim["data"]["seeds"]) == (2, 2, 2)
    head = (project / "reports/smoke/claims.csv").read_text().splitlines()[0]
    assert "data" not in head.split(",")
    page = (project / "reports/smoke/toy.html").read_text()
    assert '<section id="data-draws"' in page
    assert "Every seed ran on 2 data draws (data/aa_clip generated with the seeds 0–1)." in page
    results = contents(folder)

    # An altered draw is refused by jobs. The plan forgets it, and no other, so that Snakemake
    # makes it again; it is the same then, and so are the results.
    kept = contents(project / ".fixbench/data")
    picture = next((project / draw_folder(NAME, 1)).rglob("*.png"))
    picture.write_bytes(b"altered")
    files[1].unlink()
    state = files[1].with_suffix(".state")

    def job() -> None:
        run_job(project, "toy", "fast", [0, 1], "smoke", files[1], state=state, data_seed=1)

    with pytest.raises(
        InputError, match=r"data/aa_clip/1: sha256 is '\w+'; expected files with the"
    ):
        job()
    make_plan()
    records = [project / draw_record(NAME, draw) for draw in (0, 1)]
    assert [record.exists() for record in records] == [True, False]
    make_draw(project, NAME, 1)
    assert contents(project / ".fixbench/data") == kept
    job()
    assert contents(folder) == results


def test_a_draw_depends_on_its_generator(tmp_path: Path) -> None:
    package = tmp_path / "fixbench"
    shutil.copytree(Path(fixbench.__file__).parent, package)
    modules = ("fixbench.datasets.anomaly_generator", "fixbench.datasets.scene_generator")
    before = [provenance.module_hash(module, package=package) for module in modules]
    assert before[0] == provenance.module_hash(modules[0])
    with (package / "datasets" / "anomaly_generator.py").open("a") as stream:
        stream.write("# a remark\n")
    after = [provenance.module_hash(module, package=package) for module in modules]
    assert [old == new for old, new in zip(before, after, strict=True)] == [False, True]
    with pytest.raises(ValueError, match=r"there is no fixbench\.datasets\.none"):
        provenance.module_hash("fixbench.datasets.none", package=package)


def test_plan(project: Path, toy: Path) -> None:
    plan = make_plan()
    assert plan.results("toy")[:4] == [
        "results/toy/smoke/fast/0-1.data-0.parquet",
        "results/toy/smoke/fast/0-1.data-1.parquet",
        "results/toy/smoke/fast/2.data-0.parquet",
        "results/toy/smoke/fast/2.data-1.parquet",
    ]
    assert plan.results("toy", 1)[2] == "results/toy/smoke/slow/0-1.data-0.parquet"
    files = plan.job_files("toy", "continued", "0-1.data-1")
    assert files["data"] == [".fixbench/data/aa_clip/1.json"]
    assert files["parent"] == "results/toy/smoke/fast/0-1.data-1.state"
    asked = json.loads((project / ".fixbench/requests/draws/aa_clip/1.json").read_text())
    module = "fixbench.datasets.anomaly_generator"
    assert asked["generator"] == provenance.module_hash(module)
    # Containers see the record and the folder of the job's own draw.
    docker = replace(plan, engine=ENGINES["docker"](version="27"))
    words = shlex.split(docker.launcher("toy", files["data"], ["b"], {}))
    assert {".fixbench/data/aa_clip/1.json", ".fixbench/data/aa_clip/1"} <= set(words)
    assert ".fixbench/data/aa_clip/0" not in words
    # A tier without draws is as it was.
    toy.write_text(toy.read_text().replace(' data_seeds: "0-1",', ""))
    toy.write_text(toy.read_text().replace(f"inputs: [{NAME}]\ndraws: [{NAME}]\n", ""))
    plan = make_plan()
    assert plan.results("toy")[0] == "results/toy/smoke/fast/0-1.parquet"
    assert plan.job_files("toy", "fast", "0-1")["data"] == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (f"draws: [{NAME}]\n", "", r"data_seeds is '0-1'; expected 'draws' beside 'inputs'"),
        (
            f"draws: [{NAME}]",
            "draws: [data/yowo]",
            r":\d+: draws\.0 is 'data/yowo'; expected one o",
        ),
        (NAME, "data/measured", r"draws\.0 is 'data/measured'; expected an input with a generator"),
        ('data_seeds: "0-1"', 'data_seeds: "1-0"', r":\d+: tiers\.smoke\.data_seeds is '1-0'; exp"),
    ],
)
def test_wrong_declarations(project: Path, toy: Path, old: str, new: str, message: str) -> None:
    toy.write_text(toy.read_text().replace(old, new))
    with pytest.raises(InputError, match=message):
        make_plan()
    assert not (project / ".fixbench" / "requests").exists()


@pytest.mark.parametrize(
    ("label", "parts"), [("0-4", ("0-4", None)), ("0-4,7.data-12", ("0-4,7", 12))]
)
def test_labels(label: str, parts: tuple[str, int | None]) -> None:
    assert split_block(label) == parts
    assert block_label(*parts) == label


def test_where_a_job_finds_its_inputs(tmp_path: Path) -> None:
    for folder in ("data/yowo", "checkpoints/yowo", ".fixbench/data/yowo/3"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "x").write_text(folder)
    inputs = ["data/yowo", "checkpoints/yowo"]
    with job_inputs(tmp_path, inputs, [], None) as place:
        assert place == tmp_path
    with job_inputs(tmp_path, inputs, ["data/yowo"], 3) as place:
        assert (place / "data/yowo/x").read_text() == ".fixbench/data/yowo/3"
        assert (place / "checkpoints/yowo/x").read_text() == "checkpoints/yowo"
    assert not place.exists()
    assert (tmp_path / ".fixbench/data/yowo/3/x").exists()


def test_what_cannot_be_drawn(tmp_path: Path, project: Path, run: Run) -> None:
    with pytest.raises(InputError, match=r"FOLDER is 'data/none'; expected one of data/aa_clip"):
        make_draw(tmp_path, "data/none", 0)
    for arguments, message in (
        (("draw", NAME), "--data-seed"),
        (("generate", NAME, "--data-seed", "1"), "--data-seed"),
        (("draw", "--data-seed", "1"), "expected a FOLDER"),
    ):
        done: Any = run("fixbench", "data", *arguments)
        assert done.returncode == 2
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    job = ("toy", "slow", "--seeds", "0.data-0", "--tier", "smoke", "--output", "x.parquet")
    done = run("fixbench", "run", *job)
    assert done.returncode == 2
    assert "draws; expected inputs to draw" in done.stderr
