"""Any program as a system: how it is called, what it may leave, and how it may fail."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fixbench.command import _preload, fill_in
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.results import read_results


def job(project: Path, variant: str, seeds: list[int], name: str) -> Path:
    output = project / f"{name}.parquet"
    run_job(project, "toy_command", variant, seeds, "smoke", output, state=project / "x.state")
    return output


def edit(project: Path, old: str, new: str) -> None:
    path = project / "ablations" / "toy_command" / "ablation.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


#: What a shell would take for something else in a path.
ODD = 'it\'s "a" folder of $HOME, `date` {seed} \\n'


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("printf %s {output}", ODD),
        ("printf %s '{output}'", ODD),
        ('printf %s "{output}"', ODD),
        ("printf %s to={output}.csv", f"to={ODD}.csv"),
        ("printf %s \\'{output}", f"'{ODD}"),
        ('printf %s "\\"{output}"', f'"{ODD}'),
        ('printf %s "it\'s {output}"', f"it's {ODD}"),
        ("printf %s ''{output}\"\"'{seed}'", f"{ODD}7"),
        # Other braces are the shell's or the program's own.
        ("printf %s {a}{1,2}", "{a}1{a}2"),
    ],
)
def test_words_reach_the_program_as_they_are(command: str, expected: str) -> None:
    called = fill_in(command, {"output": ODD, "seed": "7"})
    done = subprocess.run(["bash", "-c", called], capture_output=True, text=True, check=True)
    assert done.stdout == expected


@pytest.mark.parametrize("quotes", ["", "'", '"'])
def test_folders_with_any_name(project: Path, monkeypatch: pytest.MonkeyPatch, quotes: str) -> None:
    scratch = project / ODD.replace("/", "")
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    words = (f"{quotes}{{{word}}}{quotes}" for word in ("seed", "options", "output"))
    command(project, " ".join(["python measure.py", *words]))
    frame = read_results([job(project, "large", [0, 4], "x")])
    assert frame["value"].tolist() == [throws(0, 20), throws(4, 20)]
    assert list(scratch.iterdir()) == []


def test_machine_without_room_for_files_is_no_outcome(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(project / "nowhere")
    monkeypatch.setenv("TMPDIR", missing)
    monkeypatch.setattr("tempfile.tempdir", missing)
    with pytest.raises(InputError, match=r"^TMPDIR is '.*nowhere'; expected a folder in which fi"):
        job(project, "large", [0], "x")
    assert not list(project.glob("x.*"))


def throws(seed: int, sides: int) -> float:
    generator = random.Random(seed)
    return sum(generator.randint(1, sides) for _ in range(200)) / 200


@pytest.mark.parametrize("style", ["csv", "json lines"])
def test_command(project: Path, style: str) -> None:
    edit(project, "format: csv", f"format: {style}")
    frame = read_results([job(project, "large", [0, 4], "x")])
    assert frame[["seed", "stage", "step", "metric", "value", "status"]].to_numpy().tolist() == [
        [0, "throws", 0, "mean", throws(0, 20), "ok"],
        [4, "throws", 0, "mean", throws(4, 20), "ok"],
    ]


def command(project: Path, script: str) -> None:
    """Another command; one that ignores its seed and options says so in a comment."""
    unused = [f"{{{name}}}" for name in ("seed", "options") if f"{{{name}}}" not in script]
    if unused:
        script += f" # {' '.join(unused)}"
    edit(
        project,
        "python measure.py {seed} {options} {output}",
        json.dumps(script),
    )


def test_command_that_writes_parquet_with_defaults(project: Path) -> None:
    script = (
        "python -c \"import pandas; pandas.DataFrame({'metric': ['mean'], 'value': [float("
        "'nan')]}).to_parquet('{output}')\""
    )
    command(project, script)
    frame = read_results([job(project, "cube", [0], "x")])
    columns = ["stage", "step", "metric", "status"]
    assert frame[columns].to_numpy().tolist() == [["run", 0, "mean", "diverged"]]


LABELS = ["NA", "None", "null", "nan", "01", "1.10", "true"]


@pytest.mark.parametrize("style", ["csv", "json lines", "parquet"])
def test_labels_are_text_in_every_format(project: Path, style: str) -> None:
    rows = [
        {"stage": stage, "metric": "mean", "value": place} for place, stage in enumerate(LABELS)
    ]
    source = project / "rows"
    if style == "csv":
        lines = [f"{row['stage']},{row['metric']},{row['value']}" for row in rows]
        source.write_text("\n".join(["stage,metric,value", *lines, ",mean,7"]))
    elif style == "json lines":
        written = [json.dumps(row) for row in rows]
        written[5] = written[5].replace('"1.10"', "1.10")  # a number keeps its digits
        source.write_text("\n".join([*written, '{"metric": "mean", "value": 7, "stage": null}']))
    else:
        pd.DataFrame([*rows, {"metric": "mean", "value": 7}]).to_parquet(source)
    command(project, f"cp {source} {{output}}")
    frame = read_results([job(project, "cube", [0], "x")])
    # What is blank is the stage that is meant where none is given.
    assert frame["stage"].tolist() == [*LABELS, "run"]
    assert frame["value"].tolist() == list(range(8))


def test_an_undefined_value_is_a_row_and_no_failure(project: Path) -> None:
    command(project, "printf 'metric,value,status\\nmean,,undefined\\n' > {output}")
    frame = read_results([job(project, "cube", [0], "x")])
    assert frame["status"].tolist() == ["undefined"]


def test_command_that_fails_is_a_row(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command(
        project,
        "test {seed} != 1 || { echo no luck; exit 3; }; python measure.py {seed} "
        "{options} {output}",
    )
    frame = read_results([job(project, "cube", [0, 1], "x")])
    assert frame["status"].tolist() == ["ok", "failed"]
    said = capfd.readouterr().err
    assert "no luck" in said
    assert "seed 1: the command ended with status 3" in said


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("no_such_program {seed} {options} {output}", "the shell does not find it (status 127)"),
        ("./measure.py {seed} {options} {output}", "the shell cannot execute it (status 126)"),
        # Another seed may have gone well before, but this failure says nothing about the seed.
        (
            "test {seed} = 0 && python measure.py {seed} {options} {output} || no_such_program",
            "the shell does not find it (status 127)",
        ),
    ],
)
def test_command_that_cannot_start_fails_the_job(project: Path, script: str, status: str) -> None:
    command(project, script)
    with pytest.raises(InputError) as caught:
        job(project, "cube", [0, 1], "x")
    text = str(caught.value)
    assert f"toy_command/ablation.yaml: command is {script!r}; expected" in text
    seed = 1 if script.startswith("test") else 0
    begin = "expected a command that starts and ends by itself: in seed"
    assert f"{begin} {seed} {status}; that is no outcome of the experiment" in text
    assert not list(project.glob("x.*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_while_a_command_starts(
    project: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    command(project, "sleep 300; touch {output}")
    started = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)
            signal.raise_signal(number)  # before the caller knows of the process

    monkeypatch.setattr("subprocess.Popen", Interrupted)
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            job(project, "cube", [0], "x")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_command_without_output_does_not_start(project: Path) -> None:
    command(project, "touch started {seed} {options}")
    with pytest.raises(InputError, match=r"command is 'touch .* expected a command with {output}"):
        job(project, "cube", [0], "x")
    assert not list(project.rglob("started"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"command; expected a command that writes its metrics to \{output\}"),
        ("", "expected metrics as CSV, JSON lines or Parquet"),
        ("{broken", "expected metrics as CSV, JSON lines or Parquet"),
        ("PAR1broken", "expected metrics as CSV, JSON lines or Parquet"),
        ("metric,score\\nmean,1\\n", r"command is \['metric', 'score'\]; expected the columns"),
        ("metric,value,speed\\nmean,1,2\\n", "expected the columns metric and value, and opt"),
        (
            "metric,value\\nmean,high\\n",
            r"command: row 1 of \{output\}: value is 'high'; expected a number that a d",
        ),
        (
            "metric,value\\nmean,1\\nmean,2\\n",
            r"ablation\.yaml: command: row 2 of \{output\} is \{'metric': 'mean', 'value': '2'\}; "
            "expected each metric once for a stage and step; 'mean' of stage 'run' at step 0 stan",
        ),
        (
            "metric,step,value\\nmean,3,1\\nmean,4,1\\nmean,3,2\\n",
            "row 3 .* at step 3 stands twice",
        ),
        (
            "metric,value,step\\nmean,1,0.9\\n",
            r"row 1 of \{output\}: step is '0\.9'; expected a wh",
        ),
        (
            "metric,value,step\\nmean,1,inf\\n",
            r"row 1 of \{output\}: step is 'inf'; expected a who",
        ),
        (
            "metric,value,step\\nmean,1,0\\nmean,1,9223372036854775808\\n",
            r"row 2 of \{output\}: step is '9223372036854775808'; expected a whole number from 0 ",
        ),
        (
            "metric,value\\nmean,1,2\\n",
            "command is 'line 2: 3 values under 2 columns'; expected me",
        ),
        (
            '[{"metric": "mean", "value": 1}]',
            "'line 1: one JSON object on each line, not a l",
        ),
        (
            "metric,value,status\\nmean,1,undefined\\n",
            "mean is 1.0; expected no value .* is undefined",
        ),
        ("metric,value\\n,1\\n", r"row 1 of \{output\}: metric; expected the name of a metric"),
        (
            "metric,value\\nscore,1\\n",
            "metric is 'score'; expected a metric that the ablation file declares: mean$",
        ),
        ("metric,value,status\\nmean,1,fine\\n", "status is 'fine'; expected one of ok"),
    ],
)
def test_command_with_bad_output(project: Path, content: str | None, message: str) -> None:
    command(project, "true {output}" if content is None else f"printf '{content}' > {{output}}")
    with pytest.raises(InputError, match=message):
        job(project, "cube", [0], "x")
    assert not (project / "x.parquet").exists()


def test_preloaded_modules_change_no_byte(project: Path) -> None:
    fresh = job(project, "large", [0, 1, 2], "fresh")
    edit(project, "command: ", "preload: [json, random, pathlib]\ncommand: ")
    copied = job(project, "large", [0, 1, 2], "copied")
    assert any("json" in key[2] for key in _preload._originals)  # they were copies
    one, other = (read_results([path]).drop(columns="file") for path in (copied, fresh))
    pd.testing.assert_frame_equal(one, other)


def test_what_cannot_be_preloaded_is_refused_by_its_place(project: Path) -> None:
    edit(project, "command: ", "preload: [json, no.such.module]\ncommand: ")
    with pytest.raises(InputError) as caught:
        job(project, "cube", [0], "x")
    said = str(caught.value)
    assert "ablation.yaml: preload.1 is 'no.such.module'" in said
    assert "No module named 'no'" in said
    edit(project, "{output}\n", "{output} > log\n")
    with pytest.raises(InputError, match=r"beside 'preload' a plain call.*'>' is for a shell"):
        job(project, "cube", [0], "x")


def test_a_copy_that_fails_fails_its_seed_alone(project: Path) -> None:
    script = project / "ablations" / "toy_command" / "measure.py"
    script.write_text("import sys\nif sys.argv[1] == '1':\n    sys.exit(4)\n" + script.read_text())
    edit(project, "command: ", "preload: [json]\ncommand: ")
    frame = read_results([job(project, "cube", [0, 1, 2], "x")])
    assert list(frame.query("status == 'failed'")["seed"]) == [1]


def test_a_copy_has_the_time_of_its_seed_alone(project: Path) -> None:
    script = project / "ablations" / "toy_command" / "measure.py"
    slow = "import sys, time\nif sys.argv[1] == '1':\n    time.sleep(600)\n"
    script.write_text(slow + script.read_text())
    edit(project, "command: ", "preload: [json]\nlimits: {seed_seconds: 20}\ncommand: ")
    frame = read_results([job(project, "cube", [0, 1, 2], "x")])
    assert list(frame.query("status == 'time_limit'")["seed"]) == [1]
    assert set(frame["seed"]) == {0, 1, 2}
