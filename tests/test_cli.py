"""The command line: one message for bad input, nothing half-written, no traceback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

import fixbench
from fixbench.ablation import claim_hash, load_ablation
from fixbench.analysis import analyse, compare_verdicts, failed_runs, load_claims, save_claims
from fixbench.cli import main
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.provenance import code_hash, file_hash
from fixbench.results import read_metadata, read_results, write_table
from fixbench.tracking import tracked_hash
from fixbench.workflow import SNAKEFILE, make_plan, new_ablation
from fixbench.workflow._folders import RULES
from fixbench.workflow._layout import ABLATION_PAGES, CLAIM_PAGES

ROOT = Path(__file__).parents[1]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The single line on standard error."""
    error = capsys.readouterr().err
    assert error.startswith("fixbench: error: ")
    assert error.count("\n") == 1
    return error.rstrip()


def edit(path: Path, old: str, new: str) -> None:
    """In the file or, of an ablation, in the claims beside it."""
    if old not in path.read_text():
        path = path.with_name("claims.yaml")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


@pytest.fixture
def toy(project: Path) -> Path:
    return project / "ablations" / "toy" / "ablation.yaml"


def results(project: Path) -> list[Path]:
    """All that the smoke tier measures of the toy, in one job a variant."""
    paths = []
    for variant in load_ablation(project / "ablations" / "toy" / "ablation.yaml").variants:
        path = project / "results" / f"{variant}.parquet"
        parent = project / "results" / "fast.state" if variant == "continued" else None
        arguments: dict[str, Any] = {"state": path.with_suffix(".state"), "parent": parent}
        record = path.with_suffix(".json")
        run_job(project, "toy", variant, [0, 1, 2], "smoke", path, record=record, **arguments)
        paths.append(path)
    return paths


def test_help_is_fast_and_imports_nothing_heavy(run: Run) -> None:
    started = time.process_time()
    assert "check" in run("fixbench", "--help").stdout
    assert time.process_time() - started < 1
    code = (
        "import sys, fixbench.cli._main; fixbench.cli._main.make_parser(); "
        "print(sorted({'torch', 'pandas', 'pydantic', 'snakemake'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_version(run: Run) -> None:
    assert run("fixbench", "--version").stdout == f"{fixbench.__version__}\n"


def test_snakemake_says_what_so_few_seeds_cannot_settle(project: Path, run: Run) -> None:
    config = ("--config", "tier=smoke", "ablations=toy")
    done = run("snakemake", "--cores", "1", "--dry-run", "--quiet", "all", *config)
    assert done.returncode == 0
    (line,) = [line for line in done.stderr.splitlines() if "cannot settle" in line]
    assert line.startswith("fixbench: toy, tier smoke")
    # 3 seeds, a family of 1 claim; 2 / 2**6 is the first p below 0.05.
    assert re.findall(r"\d+", line) == ["3", "1", "6"]
    plan = make_plan({"tier": "smoke", "ablations": "toy", "runtime": "local", "seeds": "0-5"})
    assert plan.warnings() == []


def test_check_says_what_it_found(
    toy: Path, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(toy, "    reason: a smaller step\n", "    reason: a smaller step\n    tiers: [smoke]\n")
    assert main(["check"]) == 0
    text = capsys.readouterr().out
    lines = [line for line in text.splitlines() if not line.startswith("toy_command")]
    assert lines[0] == "toy: 4 variants, 1 claim"
    # Exact sign test: with 3 seeds 2 / 2**3 at best, with 5 seeds 2 / 2**5, with 6 below 0.05.
    assert re.findall(r"\w+", lines[1])[0] == "smoke"
    assert re.findall(r"\d+", lines[1]) == ["3", "1", "6"]
    (small,) = [line for line in lines if line.startswith("  small: 5 ") and "TY01" in line]
    assert small.endswith("TY01")


def test_hashes_registered_before_a_run_are_found_after_it(
    project: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "toy", "--hashes"]) == 0
    registered = capsys.readouterr().out
    paths = results(project)
    (judged,) = analyse(toy.parent, "smoke", paths)
    assert registered == f"TY01 {judged.sha256}\n"
    assert judged.recorded == (judged.sha256,)
    assert claim_hash(read_metadata(paths[0])["claims"]["TY01"]) == judged.sha256
    edit(toy, "margin: 0.01", "margin: 0.02")
    (edited,) = analyse(toy.parent, "smoke", paths)
    assert edited.recorded == judged.recorded
    assert edited.sha256 == claim_hash(load_ablation(toy).claims[0]) != judged.sha256
    save_claims(project / "claims.json", [edited])
    assert load_claims(project / "claims.json") == [edited]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("tier: small", "tier: tiny", "tier is 'tiny'; expected 'smoke', 'small', 'extended' or"),
        ("device: auto", "devise: auto", "devise is 'auto'; expected no such key; there are "),
        ("seeds: null", "seeds: [1, 2]", "seeds is [1, 2]; expected string"),
        ("ablations: []", "ablations: 3", "ablations is 3; expected list"),
    ],
)
def test_check_reads_the_configuration(
    project: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / "config" / "config.yaml", old, new)
    place = (project / "config" / "config.yaml").read_text().split(new)[0]
    assert main(["check"]) == 2
    assert f"config/config.yaml:{place.count(chr(10)) + 1}: {message}" in said(capsys)


def test_check_unknown_name(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toys"]) == 2
    expected = "ablations: ablation is 'toys'; expected one of toy, toy_command"
    assert said(capsys) == f"fixbench: error: {expected}"


def test_check_validates_the_options_of_every_variant_and_tier(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(toy, "training.steps: 12", "training.steps: few")
    assert main(["check", "toy"]) == 2
    assert "tiers.smoke.options.training.steps is 'few'; expected integer" in said(capsys)


@pytest.mark.parametrize(
    ("old", "new"),
    [("import os\n", "import os,\n"), ("import time\n", "import tmie\n"), (": float", ": flaot")],
)
def test_check_names_the_line_of_a_system_that_cannot_be_imported(
    toy: Path, old: str, new: str, capsys: pytest.CaptureFixture[str]
) -> None:
    system = toy.with_name("system.py")
    before = system.read_text().splitlines()
    edit(system, old, new)
    after = system.read_text().splitlines()
    number, line = next(
        (place, line)
        for place, (other, line) in enumerate(zip(before, after, strict=True), start=1)
        if line != other
    )
    assert main(["check", "toy"]) == 2
    assert f"ablations/toy/system.py: line {number} is {line.strip()!r}; " in said(capsys)


def test_check_asks_for_a_place_for_the_output(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(project / "ablations" / "toy_command" / "ablation.yaml", " {output}", "")
    assert main(["check"]) == 2
    expected = "command is 'python measure.py {seed} {options}'; expected a command with {output}"
    assert f"toy_command/ablation.yaml: {expected}" in said(capsys)


def test_analyse_and_report(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = [str(path) for path in results(project)]
    claims = str(project / "claims.json")
    common = ["toy", "--tier", "smoke", "--results", *paths, "--claims", claims]
    assert main(["analyse", *common]) == 0
    assert capsys.readouterr().out.startswith("toy TY01  ")
    folder = project / "ablations" / "toy"
    # What is stored is what was judged, to the last bit.
    assert load_claims(Path(claims)) == analyse(folder, "smoke", list(map(Path, paths)))
    records = [str(Path(path).with_suffix(".json")) for path in paths]
    assert main(["report", *common, "--provenance", *records, "--directory", "pages"]) == 0
    assert main(["claims", claims, "--tier", "smoke", "--directory", "pages"]) == 0
    names = {path.name for path in (project / "pages").iterdir()}
    own = {page.format(ablation="toy") for page in ABLATION_PAGES}
    assert names == own | set(CLAIM_PAGES)
    assert "TY01" in (project / "pages" / "toy.html").read_text()


def test_edited_claim_is_marked(project: Path, toy: Path) -> None:
    paths = results(project)
    assert [claim.edited for claim in analyse(toy.parent, "smoke", paths)] == [False]
    edit(toy, "margin: 0.01", "margin: 0.02")
    (edited,) = analyse(toy.parent, "smoke", paths)
    assert edited.edited
    (change,) = edited.changes
    assert (change.key, change.before, change.after) == ("decision.margin", "0.01", "0.02")


def test_conclusions_change_no_verdict_and_no_run(project: Path, toy: Path) -> None:
    paths = results(project)
    before = analyse(toy.parent, "smoke", paths)
    code = code_hash(load_ablation(toy), toy.parent)
    findings = "conclusions: [{text: T., given: {TY01: inconclusive}}]\n"
    toy.with_name("findings.yaml").write_text(findings)
    ablation = load_ablation(toy)
    assert len(ablation.conclusions) == 1
    assert analyse(toy.parent, "smoke", paths) == before
    assert not before[0].edited
    assert code_hash(ablation, toy.parent) == code


def without_metrics(path: Path) -> None:
    """As versions wrote it that did not record the definitions of metrics."""
    table = pq.read_table(path)
    content = json.loads(table.schema.metadata[b"fixbench"])
    del content["metrics"]
    pq.write_table(table.replace_schema_metadata({"fixbench": json.dumps(content)}), path)


def test_a_metric_redefined_after_the_results_marks_its_claims(
    project: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # What a failed run counts as hangs on which side of the loss is better.
    paths = results(project)
    (before,) = analyse(toy.parent, "smoke", paths)
    assert (before.edited, before.changes) == (False, ())
    edit(toy, 'loss: {unit: "1", better: lower', 'loss: {unit: "1", better: higher')
    (after,) = analyse(toy.parent, "smoke", paths)
    assert after.edited
    (change,) = after.changes
    assert (change.key, change.before, change.after) == (
        "metrics.loss.better",
        '"lower"',
        '"higher"',
    )

    named = [str(path) for path in paths]
    common = ["toy", "--tier", "smoke", "--results", *named, "--claims", "claims.json"]
    assert main(["analyse", *common]) == 0
    records = [str(path.with_suffix(".json")) for path in paths]
    assert main(["report", *common, "--provenance", *records, "--directory", "pages"]) == 0
    assert main(["claims", "claims.json", "--tier", "smoke", "--directory", "pages"]) == 0
    page = (project / "pages" / "toy.html").read_text()
    assert "Edited after their results were produced: TY01." in page
    assert "metrics.loss.better: &#34;lower&#34; → &#34;higher&#34;" in page
    (row,) = json.loads((project / "pages" / "claims.json").read_text())["claims"]
    assert row["edited"] is True
    assert main(["rows", "toy", "--tier", "smoke", "--results", *named, "--output", "r"]) == 0
    content = json.loads(pq.read_table("r").schema.metadata[b"fixbench"])
    assert content["metrics"] == {"loss": [{"better": "lower", "unit": "1"}]}

    # One file that recorded it is enough; where none did there is nothing to compare.
    for path in paths[1:]:
        without_metrics(path)
    assert analyse(toy.parent, "smoke", paths)[0].changes == (change,)
    without_metrics(paths[0])
    (older,) = analyse(toy.parent, "smoke", paths)
    assert (older.edited, older.changes) == (False, ())


def test_a_claim_taken_out_after_its_results_is_shown(
    project: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [str(path) for path in results(project)]
    toy.with_name("claims.yaml").write_text("claims: []\n")
    common = ["toy", "--tier", "smoke", "--results", *paths, "--claims", "claims.json"]
    assert main(["analyse", *common]) == 0
    assert "toy TY01  withdrawn: The claim was taken out of the" in capsys.readouterr().out
    records = [str(Path(path).with_suffix(".json")) for path in paths]
    assert main(["report", *common, "--provenance", *records, "--directory", "pages"]) == 0
    assert main(["claims", "claims.json", "--tier", "smoke", "--directory", "pages"]) == 0
    page = (project / "pages" / "toy.html").read_text()
    assert "Withdrawn after their results were produced: TY01." in page
    assert "The larger step reaches a lower loss." in page
    assert "As recorded: decision.direction &#34;less&#34;, decision.margin 0.01" in page
    (row,) = json.loads((project / "pages" / "claims.json").read_text())["claims"]
    assert (row["id"], row["verdict"], row["measured"]) == ("TY01", "withdrawn", None)
    assert row["claim_sha256"] == claim_hash(read_metadata(Path(paths[0]))["claims"]["TY01"])
    assert f"SHA-256 {row['claim_sha256'][:12]}, as in the results." in page


def test_rows_are_collected_for_publishing(
    project: Path, toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [path.relative_to(project) for path in results(project)]
    command = ["rows", "toy", "--tier", "smoke", "--output", "out/toy.parquet", "--results"]
    assert main([*command, *map(str, paths)]) == 0
    collected = pq.read_table("out/toy.parquet")
    assert f"wrote out/toy.parquet: {len(collected)} rows of 4 files" in capsys.readouterr().out
    expected = read_results(paths).drop(columns="file")
    pd.testing.assert_frame_equal(collected.to_pandas(), expected)
    content = json.loads(collected.schema.metadata[b"fixbench"])
    assert content["files"] == {str(path): file_hash(path) for path in paths}
    assert [form["id"] for form in content["claims"]["TY01"]] == ["TY01"]
    assert content["metrics"] == {"loss": [{"better": "lower", "unit": "1"}]}
    # The same bytes again, and nothing half-written.
    before = Path("out/toy.parquet").read_bytes()
    assert main([*command, *map(str, paths)]) == 0
    assert Path("out/toy.parquet").read_bytes() == before
    paths[0].write_bytes(b"PAR1")
    assert main([*command[:-2], "out/other.parquet", "--results", *map(str, paths)]) == 2
    assert "expected a complete Parquet file" in said(capsys)
    assert [path.name for path in Path("out").iterdir()] == ["toy.parquet"]


def test_damaged_results(project: Path, toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    paths = results(project)
    capsys.readouterr()  # what the jobs said
    command = ["analyse", "toy", "--tier", "smoke", "--claims", "claims.json", "--results"]
    command += [str(path) for path in paths]
    slow = project / "results" / "slow.parquet"
    whole, metadata = slow.read_bytes(), read_metadata(slow)

    table = pq.read_table(slow)
    fewer = table.filter(table["seed"].to_numpy() != 1)
    pq.write_table(fewer, slow)  # by another program, which knows of no checksum
    assert main(command) == 2
    assert "slow.parquet; expected a complete Parquet file, as the job wrote it" in said(capsys)
    write_table(slow, fewer, metadata)
    assert main(command) == 2
    assert "slow.parquet: seed is [1]; expected no missing seed: rows of every" in said(capsys)

    slow.write_bytes(whole[:100])
    assert main(command) == 2
    assert "slow.parquet; expected a complete Parquet file, as the job" in said(capsys)

    slow.unlink()
    assert main(command) == 2
    assert "slow.parquet; expected a result file; run the job that writes it" in said(capsys)

    slow.write_bytes((project / "results" / "fast.parquet").read_bytes())
    assert main(command) == 2
    assert "slow.parquet: seed is 0; expected each seed once: variant 'fast' has" in said(capsys)

    slow.write_bytes(whole)
    edit(toy, "  small: {", "  extended: {seeds: '0-1'}\n  small: {")
    assert main([*command[:3], "extended", *command[4:]]) == 2
    assert "fast.parquet: tier is 'smoke'; expected 'extended'" in said(capsys)

    edit(toy, "  slow:\n", "  slower:\n")
    edit(toy, "variant: slow,", "variant: slower,")
    assert main(command) == 2
    assert "slow.parquet: variant is 'slow'; expected one of fast, slower" in said(capsys)
    assert not (project / "claims.json").exists()


@pytest.mark.parametrize("content", ["", "[", "{}", '[{"id": 1}]'])
def test_damaged_verdicts(project: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "x.json").write_text(content)
    assert main(["claims", "x.json", "--tier", "smoke"]) == 2
    assert "x.json; expected the verdicts that `fixbench analyse` wrote" in said(capsys)
    assert not (project / "reports").exists()


RUN = ("fixbench", "run", "toy", "fast", "--seeds", "0-1", "--tier", "smoke", "--output")


def outputs(project: Path) -> list[Path]:
    return [path for path in (project / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("fast", "--seeds", "0-2,1"), "--seeds is '0-2,1'; expected each seed once; 1 stands"),
        (("fats", "--seeds", "0"), "variants is 'fats'; expected a variant that tier 'smoke' runs"),
        (("continued", "--seeds", "0"), "--parent; expected the state file of variant 'fast'"),
        (
            ("continued", "--seeds", "0", "--parent", "config/config.yaml"),
            "config/config.yaml; expected a complete checkpoint written by fixbench",
        ),
    ],
)
def test_bad_runs(
    project: Path, arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", "toy", *arguments, "--tier", "smoke", "--output", "out/x.parquet"]
    assert main([*command, "--state", "out/x.state", "--provenance", "out/x.json"]) == 2
    assert message in said(capsys)
    assert outputs(project) == []


def test_bug_keeps_its_traceback(run: Run, project: Path) -> None:
    edit(project / "ablations" / "toy" / "system.py", "rows: list[Row] = []", "rows = 1 / 0")
    done = run(*RUN, "out/x.parquet")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
    assert outputs(project) == []


def start(project: Path, name: str) -> subprocess.Popen[str]:
    files = ("--state", f"out/{name}.state", "--provenance", f"out/{name}.json")
    return subprocess.Popen(
        [sys.executable, "-m", *RUN, f"out/{name}.parquet", *files],
        cwd=project,
        env=os.environ | {"TOY_PAUSE": "0.1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(pattern: str, project: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 300
    while not list((project / ".fixbench").glob(pattern)):
        assert process.poll() is None, "ended before it could be interrupted"
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_killed_job_continues_and_ends_with_the_same_bytes(project: Path, run: Run) -> None:
    whole = project / "out" / "whole.parquet"
    done = run(*RUN, "out/whole.parquet", "--state", "out/whole.state")
    assert done.returncode == 0, done.stderr
    with start(project, "x") as process:
        wait_for("resume/toy/smoke/fast/seed-1.*.training", project, process)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    kept = {path.name.split(".")[0] for path in (project / ".fixbench").rglob("seed-*")}
    assert kept == {"seed-0", "seed-1"}
    assert not list(project.glob("out/x.*"))
    done = run(*RUN, "out/x.parquet", "--state", "out/x.state")
    assert done.returncode == 0, done.stderr
    assert (project / "out" / "x.parquet").read_bytes() == whole.read_bytes()
    assert (project / "out" / "x.state").read_bytes() == whole.with_suffix(".state").read_bytes()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupt(project: Path, number: signal.Signals, status: int) -> None:
    with start(project, "x") as process:
        wait_for("resume/toy/smoke/fast/seed-0.*.training", project, process)
        process.send_signal(number)
        assert process.stderr is not None
        error = process.stderr.read()
    assert process.returncode == status
    assert "Traceback" not in error
    assert outputs(project) == []
    assert not list(project.rglob(".*.partial"))


def alive(group: str) -> list[str]:
    """Processes of a group that still run: the command's name, state, parent and group."""
    lines = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # ended meanwhile
            lines.append(stat.read_text())
    states = {line: line.rpartition(")")[2].split()[:3] for line in lines}
    return [line for line, state in states.items() if state[2] == group and state[0] not in "ZX"]


def test_interrupted_command_leaves_no_process(project: Path) -> None:
    marker = project / "marker"
    edit(
        project / "ablations" / "toy_command" / "ablation.yaml",
        "python measure.py {seed} {options} {output}",
        f"touch {marker}; sleep 300; touch {{output}}; true {{seed}} {{options}}",
    )
    command = [sys.executable, "-m", "fixbench", "run", "toy_command", "cube", "--seeds", "0"]
    with subprocess.Popen(
        [*command, "--tier", "smoke", "--output", "out/x.parquet"], cwd=project
    ) as process:
        deadline = time.monotonic() + 300
        while not marker.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
    assert process.returncode == 130
    assert len(children) == 1
    assert not Path("/proc", children[0]).exists()
    deadline = time.monotonic() + 300
    while alive(children[0]):  # the shell's child was sent a signal, and no process waits for it
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_new_ablation_runs(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "first_try"]) == 0
    assert "snakemake --cores all --config ablations=first_try" in capsys.readouterr().out
    assert main(["check", "first_try"]) == 0
    paths = []
    for variant in load_ablation(project / "ablations" / "first_try").variants:
        path = project / "results" / f"{variant}.parquet"
        run_job(project, "first_try", variant, list(range(10)), "small", path)
        paths.append(path)
    (claim,) = analyse(project / "ablations" / "first_try", "small", paths)
    assert claim.effect is not None
    assert claim.effect.estimate < 0
    assert claim.verdict == "reproduced"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("toy", "a new name; ablations/toy exists"),
        *(
            (name, "letters from a to z, digits and underscores, the first no digit")
            for name in ("a b", "1st", "../x", "", "größe", "a\n")
        ),
        ("class", "a name that is no keyword of Python"),
        (
            "job",
            "a name that no rule of the pipeline has: not all, analyse, claims, data, draw, job",
        ),
        ("a" * 101, "at most 100 characters"),
    ],
)
def test_new_refuses_names(
    project: Path, name: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(project.rglob("*"))
    assert main(["new", name]) == 2
    assert f"fixbench new: NAME is {name!r}; expected {expected}" in said(capsys)
    assert sorted(project.rglob("*")) == before


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("rule recreate_toy:\n    output: 'x'\n", "recreate_toy"),
        ("checkpoint halfway :\n    output: 'x'\n", "halfway"),
        ("use rule job as other with:\n    threads: 2\n", "other"),
        ("if True:\n\n    rule nested:\n        output: 'x'\n", "nested"),
    ],
)
def test_new_refuses_the_rules_of_other_ablations(
    project: Path, rule: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "ablations" / "toy" / "rule.smk"
    path.write_text(f"{path.read_text()}\n\n{rule}# rule {name}_not: a remark\n")
    assert main(["new", name]) == 2
    expected = f"a name that no rule has; {path.relative_to(project)} has one"
    assert f"fixbench new: NAME is {name!r}; expected {expected}" in said(capsys)
    assert not (project / "ablations" / name).exists()
    assert main(["new", f"{name}_not"]) == 0


def test_new_knows_the_rules_of_the_pipeline() -> None:
    text = "\n".join(path.read_text() for path in Path(SNAKEFILE).parent.glob("*.smk"))
    text += Path(SNAKEFILE).read_text()
    assert set(re.findall(r"^(?:rule|checkpoint) (\w+):", text, re.MULTILINE)) == RULES


def test_new_in_a_file_or_where_nothing_may_be_written(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "file").write_text("")
    assert main(["new", "mine", "--ablations", "file"]) == 2
    assert "file; expected a folder, but file is a file; remove it" in said(capsys)
    locked = project / "locked"
    locked.mkdir(mode=0o500)
    # Permissions do not stop the administrator; where no folder can be made does.
    place = "/proc/locked" if os.geteuid() == 0 else "locked"
    assert main(["new", "mine", "--ablations", place]) == 2
    text = said(capsys)
    assert "; expected permission to write in " in text or "that can be written (" in text
    assert list(locked.iterdir()) == []


def test_new_ablation_names_its_rule(tmp_path: Path) -> None:
    folder = new_ablation(tmp_path, "mine")
    assert "use rule job as mine with:" in (folder / "rule.smk").read_text()
    assert not [path for path in folder.iterdir() if "__NAME__" in path.read_text()]


def test_generated_data_are_the_tracked_data(project: Path, run: Run) -> None:
    shutil.copytree(ROOT / ".dvc", project / ".dvc", ignore=shutil.ignore_patterns("tmp", "cache"))
    shutil.copy(ROOT / "data.dvc", project)
    missing = run("fixbench", "data", "verify", "data")
    assert missing.returncode == 2
    assert "expected this tracked file, which is missing" in missing.stderr
    generated = run("fixbench", "data", "generate")
    assert generated.returncode == 0, generated.stderr
    verified = run("fixbench", "data", "verify", "data", "--record", "data.json")
    assert verified.returncode == 0, verified.stderr
    assert json.loads((project / "data.json").read_text()) == {
        "folder": "data",
        "sha256": tracked_hash(ROOT, "data"),
    }


def test_record_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", "--record", "x.json"]) == 2
    assert "fixbench data: --record; expected a FOLDER beside it" in said(capsys)


def test_verdicts_are_compared_with_a_reference(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "here.json").write_text(
        json.dumps([{"ablation": "toy", "id": f"TY0{i}", "verdict": "absent"} for i in (1, 2)])
    )
    (project / "there.json").write_text(
        json.dumps(
            [
                {"ablation": "toy", "id": "TY01", "verdict": "absent"},
                {"ablation": "toy", "id": "TY02", "verdict": "reversed"},
                {"ablation": "other", "id": "TY02", "verdict": "absent"},
            ]
        )
    )
    assert compare_verdicts(project / "here.json", project / "there.json") == [
        f"1 of 2 verdicts are those of {project / 'there.json'}",
        "  toy TY02: absent here, reversed there",
    ]
    (project / "else.json").write_text(
        json.dumps([{"ablation": "new", "id": "TY01", "verdict": "absent"}])
    )
    assert compare_verdicts(project / "else.json", project / "there.json") == []


def test_verdicts_without_numbers_are_json_and_come_back(toy: Path, project: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    edit(toy, "{variant: fast, metric: loss", "{variant: unstable, metric: loss")
    judged = analyse(toy.parent, "smoke", results(project))
    save_claims(project / "claims.json", judged)
    text = (project / "claims.json").read_text()
    json.loads(text, parse_constant=refuse)
    assert '"NaN"' in text
    # Keys of evidence are sorted in the file.
    again = load_claims(project / "claims.json")
    assert sorted(repr(again)) == sorted(repr(judged))


def test_a_run_does_not_end_without_naming_its_failures(toy: Path, project: Path) -> None:
    paths = results(project)
    claims = project / "claims.json"
    save_claims(claims, analyse(toy.parent, "smoke", paths))
    assert failed_runs([claims]) == []
    edit(toy, "{variant: fast, metric: loss", "{variant: unstable, metric: loss")
    save_claims(claims, analyse(toy.parent, "smoke", paths))
    assert failed_runs([claims]) == ["toy TY01: runs failed in 3 of 3 seeds"]


@pytest.mark.parametrize("content", ["", "{}", '[{"ablation": "toy"}]', "3"])
def test_a_broken_reference_is_refused(project: Path, content: str) -> None:
    (project / "there.json").write_text(content)
    with pytest.raises(InputError, match=r"there\.json.*the table of claims"):
        compare_verdicts(project / "there.json", project / "there.json")


def test_a_reader_that_has_had_enough(project: Path) -> None:
    """As in ``fixbench check | head -0``: no traceback, and the status of a broken pipe."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "fixbench", "check"],
        cwd=project,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, "")
