"""``fixbench new --from-command``: an ablation around a script of the user's own."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import load_ablation
from fixbench.cli import main
from fixbench.job import run_job
from fixbench.results import read_results

#: A training in awk: what it prints of seed S and dropout D is 0.5 + e/10 - D/5 + S/1000.
AWK = """\
BEGIN {
    for (epoch = 1; epoch <= 3; epoch++)
        printf "epoch %d accuracy %.17g\\n", epoch, 0.5 + epoch / 10 - dropout / 5 + seed / 1000
    print "wrote nothing" > "/dev/stderr"
}
"""
COMMAND = "awk -v seed={seed} -v dropout={dropout} -f train.awk"
PATTERN = r"epoch (?P<step>\d+) accuracy (?P<value>\S+)"
MADE = (
    "--from-command",
    COMMAND,
    "--baseline",
    "dropout=0.1",
    "--variant",
    "high:dropout=0.5",
    "--log",
    PATTERN,
)

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def awk(project: Path) -> Path:
    script = project / "train.awk"
    script.write_text(AWK)
    return script


def test_a_script_in_awk_through_the_pipeline(project: Path, awk: Path, run: Run) -> None:
    """From a command to a report, with three commands that the first one prints."""
    made = run("fixbench", "new", "from_awk", *MADE)
    assert made.returncode == 0, made.stderr
    said = made.stdout
    assert len(said.splitlines()) <= 12
    assert "wrote ablations/from_awk: ablation.yaml, claims.yaml, rule.smk, train.awk\n" in said
    assert (project / "ablations/from_awk/train.awk").read_text() == AWK
    checked = run("fixbench", "check", "from_awk")
    assert checked.returncode == 0, checked.stderr
    assert "from_awk: 2 variants, 1 claim" in checked.stdout
    (command,) = re.findall(r"snakemake (--cores all .* tier=smoke)$", said, re.MULTILINE)
    done = run("snakemake", *command.split())
    assert done.returncode == 0, done.stderr
    files = sorted((project / "results/from_awk/smoke").glob("*/*.parquet"))
    frame = read_results(files)
    for row in frame.itertuples():
        dropout = {"baseline": 0.1, "high": 0.5}[row.variant]
        expected = 0.5 + row.step / 10 - dropout / 5 + row.seed / 1000
        assert row.value == pytest.approx(expected, rel=1e-15)
        assert (row.stage, row.metric, row.status) == ("run", "accuracy", "ok")
    assert len(frame) == 2 * 3 * 3
    report = (project / "reports/smoke/from_awk.html").read_text()
    assert "Effect of high" in report
    assert "epoch 3 accuracy" in (project / "logs/from_awk/smoke/high/0-2.log").read_text()
    # The copy counts as code: a change of it runs its jobs again.
    with (project / "ablations/from_awk/train.awk").open("a") as stream:
        stream.write("# a remark\n")
    again = run("snakemake", "--dry-run", *command.split())
    assert re.search(r"^from_awk +2$", again.stdout + again.stderr, re.MULTILINE)


def test_flags_and_a_table_with_odd_names(
    project: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Folders and values with spaces, quotes and dollars; a POSIX shell script."""
    place = tmp_path_factory.mktemp("it's $HOME of") / 'my "own" work'
    (place / "the scripts").mkdir(parents=True)
    monkeypatch.chdir(place)
    monkeypatch.setattr("tempfile.tempdir", str(place))
    script = place / "the scripts" / "train it.sh"
    script.write_text('printf \'metric,value\\n%s,%s\\n\' "$2" "$1" > "$3"\n')
    command = "sh 'the scripts/train it.sh' {seed} {labels.name} {output}"
    asked = ["--from-command", command, "--metric", 'it\'s "a" $metric:lower']
    asked += ["--baseline", 'labels.name=it\'s "a" $metric', "--variant", "b:labels.name=x y"]
    assert main(["new", "odd", *asked]) == 0
    folder = place / "ablations" / "odd"
    assert (folder / "the scripts" / "train it.sh").is_file()
    ablation = load_ablation(folder)
    assert ablation.baseline == {"labels": {"name": 'it\'s "a" $metric'}}
    assert ablation.claims[0].decision.direction == "less"
    run_job(place, "odd", "baseline", [3, 4], "smoke", place / "x.parquet")
    frame = read_results([place / "x.parquet"])
    assert frame["value"].tolist() == [3.0, 4.0]
    assert set(frame["metric"]) == {'it\'s "a" $metric'}


def test_preloaded_modules_are_written_or_refused(project: Path, awk: Path, run: Run) -> None:
    (project / "train.py").write_text("import sys\nprint('accuracy', sys.argv[1])\n")
    command = "python train.py {seed} {dropout}"
    python = ["--from-command", command, *MADE[2:6], "--log", r"accuracy (\S+)"]
    made = run("fixbench", "new", "copied", *python, "--preload", "json", "--preload", "sys")
    assert made.returncode == 0, made.stderr
    text = (project / "ablations/copied/ablation.yaml").read_text()
    assert "\npreload: [json, sys]\n" in text
    assert "block: 10}" in text
    refused = run("fixbench", "new", "other", *MADE, "--preload", "json")
    assert refused.returncode != 0
    assert "beside 'preload' a plain call" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (project / "ablations/other").exists()


def test_what_is_written(project: Path, awk: Path) -> None:
    asked = ["--from-command", "awk -f train.awk {seed} {overrides} {output} -v x={on}"]
    asked += [
        "--baseline",
        "on=true",
        "--baseline",
        "net.sizes=[1, 2]",
        "--baseline",
        "net.rate=1e-4",
    ]
    asked += ["--baseline", "name=01x", "--baseline", "gone=null", "--baseline", "half=.5"]
    asked += ["--variant", "1:net.rate=2e-4", "--variant", "true:on=false", "--variant", "1:half=1"]
    asked += ["--metrics-file", "{output}/m.jsonl", "--metric", "val/loss:lower"]
    assert main(["new", "many", *asked]) == 0
    ablation = load_ablation(project / "ablations" / "many")
    assert ablation.baseline == {
        "on": True,
        "net": {"sizes": [1, 2], "rate": 1e-4},
        "name": "01x",
        "gone": None,
        "half": 0.5,
    }
    changes = {name: variant.changes for name, variant in ablation.variants.items()}
    assert changes == {"baseline": {}, "1": {"net.rate": 2e-4, "half": 1}, "true": {"on": False}}
    assert {name: variant.bundle for name, variant in ablation.variants.items()}["1"]
    assert ablation.metrics_from is not None
    assert ablation.metrics_from.model_dump(exclude_defaults=True) == {
        "kind": "json",
        "path": "{output}/m.jsonl",
    }
    (claim,) = ablation.claims
    assert claim.id == "MA01"
    assert [(t.variant, t.metric, t.stage, t.weight) for t in claim.effect.weighted] == [
        ("1", "val/loss", "run", 1.0),
        ("baseline", "val/loss", "run", -1.0),
    ]


GOOD = {
    "--from-command": "awk -f train.awk {seed} {dropout} {output}",
    "--baseline": "dropout=0.1",
    "--variant": "high:dropout=0.5",
}
#: What is given otherwise (``None``: not at all) → the message.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no seed": (
        {"--from-command": "awk -f train.awk {dropout} {output}"},
        "--from-command is 'awk -f train.awk {dropout} {output}'; expected a command with {seed}: "
        "without it every seed is the same run",
    ),
    "no output": (
        {"--from-command": "awk -f train.awk {seed} {dropout}"},
        "--from-command is 'awk -f train.awk {seed} {dropout}'; expected {output}, the path to "
        "which it writes metrics; or tell with --log PATTERN or --metrics-file PATH where it "
        "leaves them",
    ),
    "a placeholder without a value": (
        {"--from-command": "awk -f train.awk {seed} {dropout} {rate} {output}"},
        "--baseline; expected a value for {rate} of the command: --baseline rate=VALUE",
    ),
    "a script that is not there": (
        {"--from-command": "python train.py {seed} {dropout} {output}"},
        "--from-command is 'train.py'; expected a script that is there: the command runs in "
        "ablations/mine, without train.py",
    ),
    "an open quote": (
        {"--from-command": "awk ' {seed} {dropout} {output}"},
        '--from-command is "awk \' {seed} {dropout} {output}"; expected quotes that are closed '
        "(No closing quotation)",
    ),
    "a folder": (
        {"--from-command": "awk -f train.awk {seed} {dropout} {output} --data=config/"},
        "--from-command is 'config/'; expected a file; the folder is not copied: name it from "
        "anywhere, as {root}/config/",
    ),
    "a large file": (
        {"--from-command": "awk -f train.awk {seed} {dropout} {output} big.bin"},
        "--from-command is 'big.bin'; expected a file of at most 1 MB, to copy: name it from "
        "anywhere, as {root}/big.bin",
    ),
    "an option that the command does not take": (
        {"--baseline": ["dropout=0.1", "rate=1"]},
        "--baseline is 'rate'; expected an option that the command takes, as {rate}, {options} or "
        "{overrides}",
    ),
    "no value": (
        {"--baseline": "dropout"},
        "--baseline is 'dropout'; expected OPTION=VALUE, such as dropout=0.1 or optimiser.rate=0.1",
    ),
    "a name that is taken": (
        {"--baseline": "seed=1"},
        "--baseline is 'seed=1'; expected another name; {seed} is the seed",
    ),
    "twice": (
        {"--baseline": ["dropout=1", "dropout.rate=2"]},
        "--baseline is 'dropout.rate=2'; expected each option once; dropout is given too",
    ),
    "no variant": (
        {"--variant": None},
        "--variant; expected what is compared with the baseline, such as --variant "
        "high:dropout=0.5",
    ),
    "a variant without a name": (
        {"--variant": "dropout=0.5"},
        "--variant is 'dropout=0.5'; expected a name and what it changes, such as high:dropout=0.5",
    ),
    "the baseline": (
        {"--variant": "baseline:dropout=0.5"},
        "--variant is 'baseline:dropout=0.5'; expected another name; 'baseline' changes nothing",
    ),
    "another option": (
        {"--variant": "high:rate=0.5"},
        "--variant is 'high:rate=0.5'; expected an option of the baseline: dropout",
    ),
    "no change": (
        {"--variant": "high:dropout=0.10"},
        "--variant is 'high:dropout=0.10'; expected another value than the baseline's, 0.1",
    ),
    "an option twice": (
        {"--variant": ["high:dropout=0.5", "high:dropout=0.6"]},
        "--variant is 'high:dropout=0.6'; expected each option of a variant once; dropout stands "
        "there twice",
    ),
    "a metric without a side": (
        {"--metric": "loss"},
        "--metric is 'loss'; expected a name and which side is better, such as loss:lower or "
        "accuracy:higher",
    ),
    "two places": (
        {"--log": "(.*)", "--metrics-file": "{output}"},
        "--log is '(.*)'; expected one place for metrics, --log or --metrics-file",
    ),
    "another kind of file": (
        {"--metrics-file": "{output}/m.txt"},
        "--metrics-file is '{output}/m.txt'; expected a path that ends in .json, .jsonl, .ndjson, "
        ".csv, .tsv; see docs/ablations.md for others",
    ),
    "a path that other runs write to": (
        {"--metrics-file": "/tmp/m.json"},
        "metrics_from.path is '/tmp/m.json'; expected a path with {output} or {work}: other runs, "
        "which run at the same time, must not write there",
    ),
    "no group": (
        {"--log": "accuracy"},
        "metrics_from.patterns.accuracy is 'accuracy'; expected one group, the value, such as "
        "'loss (\\S+)', or the named group (?P<value>...)",
    ),
    "no command": (
        {"--from-command": None, "--variant": None},
        "--baseline is ['dropout=0.1']; expected --from-command COMMAND beside it",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(
    project: Path, awk: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    changes, message = REFUSED[case]
    (project / "big.bin").write_bytes(bytes(1_000_001))
    arguments = []
    for option, value in (GOOD | changes).items():
        for item in value if isinstance(value, list) else [value]:
            arguments += [] if item is None else [option, item]
    before = sorted(project.rglob("*"))
    assert main(["new", "mine", *arguments]) == 2
    assert capsys.readouterr().err == f"fixbench: error: fixbench new: {message}\n"
    assert sorted(project.rglob("*")) == before


def test_good_is_good(project: Path, awk: Path) -> None:
    assert main(["new", "mine", *(word for pair in GOOD.items() for word in pair)]) == 0
    assert main(["check", "mine"]) == 0
