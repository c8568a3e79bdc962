"""Metrics read where a script writes them anyway."""

from __future__ import annotations

import json
import shlex
import struct
from pathlib import Path
from typing import Any

import pytest

from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.results import read_results

Rows = list[tuple[str, int, str, float, str]]


def declare(project: Path, command: str, reader: dict[str, Any]) -> Path:
    """The toy ablation with metrics ``loss``, ``acc`` and ``val/*``, read as ``reader`` says."""
    path = project / "ablations" / "toy_command" / "ablation.yaml"
    text = path.read_text()
    for before, after in (
        (
            "command: python measure.py {seed} {options} {output}",
            f"command: {json.dumps(command)}\nmetrics_from: {json.dumps(reader)}",
        ),
        (
            "metrics:\n",
            "metrics:\n  loss: {description: loss}\n  acc: {description: accuracy}\n"
            "  val/*: {description: on held-out data}\n",
        ),
    ):
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    return path


def write(content: str | bytes, to: str) -> str:
    """A command that writes the content to a path, or prints it (``to`` is empty)."""
    data = content.encode() if isinstance(content, str) else content
    octal = "".join(f"\\{byte:03o}" for byte in data)
    target = f" > {to}" if to else ""
    return f"printf '{octal}'{target} # {{seed}} {{options}}"


def rows(project: Path, seeds: tuple[int, ...] = (0,)) -> Rows:
    output = project / "x.parquet"
    run_job(project, "toy_command", "cube", list(seeds), "smoke", output)
    frame = read_results([output])
    columns = ["stage", "step", "metric", "value", "status"]
    return [tuple(row) for row in frame[columns].to_numpy().tolist()]  # type: ignore[misc]


LOG = """\
using device cpu
epoch 1: loss=0.30000000000000004 acc=1e-320
\x1b[32mepoch 2: loss=.5 acc=7\x1b[0m
50%|##  | epoch 9\repoch 3: loss=-2.5E+3 acc=inf
done
"""
PATTERN = r"epoch (?P<step>\d+): .*?"

#: Kind → (what the script writes, what is declared, the rows).
READ: dict[str, tuple[str, dict[str, Any], Rows]] = {
    "log, one pattern for each metric": (
        LOG,
        {
            "kind": "regex",
            "patterns": {
                "loss": PATTERN + r"loss=(?P<value>\S+)",
                "acc": PATTERN + r"acc=(?P<value>\S+)",
            },
        },
        [
            ("run", 1, "loss", 0.30000000000000004, "ok"),
            ("run", 1, "acc", 1e-320, "ok"),
            ("run", 2, "loss", 0.5, "ok"),
            ("run", 2, "acc", 7.0, "ok"),
            ("run", 3, "loss", -2500.0, "ok"),
            ("run", 3, "acc", float("inf"), "diverged"),
        ],
    ),
    "log, one pattern for all": (
        "train loss 1\nval acc: 0.25\nother lr 0.1\ntrain loss 0.75\nloss of 3 GB",
        {
            "kind": "regex",
            "pattern": r"^(?P<stage>\w+) (?P<metric>\w+):? (?P<value>\S+)$",
            "stage": "unused",
        },
        [
            ("train", 0, "loss", 1.0, "ok"),
            ("val", 0, "acc", 0.25, "ok"),
            ("train", 1, "loss", 0.75, "ok"),
        ],
    ),
    "a text file": (
        "final: 0.5",
        {"kind": "regex", "path": "{output}", "patterns": {"loss": r"final: (\S+)"}},
        [("run", 0, "loss", 0.5, "ok")],
    ),
    "json": (
        '{"test": {"accuracy": 0.1, "n": 3}, "curve": [3, null, NaN], "a.b": {"c": "0.25"}}',
        {
            "kind": "json",
            "path": "{output}",
            "metrics": {"acc": "test.accuracy", "loss": "curve", "val/c": "a.b.c"},
            "stage": "test",
        },
        [
            ("test", 0, "acc", 0.1, "ok"),
            ("test", 0, "loss", 3.0, "ok"),
            ("test", 1, "loss", float("nan"), "diverged"),
            ("test", 0, "val/c", 0.25, "ok"),
        ],
    ),
    "json with its own names": (
        '{"loss": 1e-7, "val/x": 12345678901234567890, "text": "a", "config": {"lr": 1}}',
        {"kind": "json", "path": "{output}"},
        [("run", 0, "loss", 1e-7, "ok"), ("run", 0, "val/x", 12345678901234567168.0, "ok")],
    ),
    "json lines": (
        '{"epoch": 1, "loss": 2}\n\n{"epoch": 2, "loss": null, "acc": 0.5}\n',
        {"kind": "json", "path": "{output}", "step": "epoch"},
        [("run", 1, "loss", 2.0, "ok"), ("run", 2, "acc", 0.5, "ok")],
    ),
    "a json list with steps": (
        '[{"at": [10, 20], "r": {"1": [1, 2]}}]',
        {"kind": "json", "path": "{output}", "step": "at", "metrics": {"loss": "r.1"}},
        [("run", 10, "loss", 1.0, "ok"), ("run", 20, "loss", 2.0, "ok")],
    ),
    "csv, a column for each metric": (
        "\ufeffepoch,loss,acc,date\r\n1,0.5,,today\r\n1,,0.25,today\r\n2,NA,nan,today\r\n",
        {"kind": "csv", "path": "{output}", "step": "epoch"},
        [
            ("run", 1, "loss", 0.5, "ok"),
            ("run", 1, "acc", 0.25, "ok"),
            ("run", 2, "acc", float("nan"), "diverged"),
        ],
    ),
    "csv with other names": (
        '"train, loss",b\n1,2\n3,4\n',
        {"kind": "csv", "path": "{output}", "metrics": {"loss": "train, loss"}},
        [("run", 0, "loss", 1.0, "ok"), ("run", 1, "loss", 3.0, "ok")],
    ),
    "csv, long": (
        "time,metric,value,step,stage,status\n9,acc,1,5,NA,\n9,acc,,6,,undefined\n9,lr,x,y,z,\n",
        {"kind": "csv", "path": "{output}", "stage": "end"},
        [("NA", 5, "acc", 1.0, "ok"), ("end", 6, "acc", float("nan"), "undefined")],
    ),
    "a metric that is not there": (
        '{"loss": 1, "acc": null}',
        {"kind": "json", "path": "{output}", "metrics": {"loss": "loss", "acc": "acc"}},
        [("run", 0, "loss", 1.0, "ok"), ("run", 0, "acc", float("nan"), "failed")],
    ),
}


def same(found: Rows, expected: Rows) -> bool:
    """With values equal to the last bit."""
    bits = [
        [(*row[:3], struct.pack("d", row[3]), row[4]) for row in part] for part in (found, expected)
    ]
    return bits[0] == bits[1]


@pytest.mark.parametrize("case", READ)
def test_every_reader(project: Path, case: str) -> None:
    content, reader, expected = READ[case]
    declare(project, write(content, "{output}" if "path" in reader else ""), reader)
    found = rows(project)
    assert same(found, expected), found


def test_both_streams_are_read_and_shown(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    command = "echo loss {seed}.5; echo acc 0.{seed} >&2; (sleep 60 &) # {options}"
    declare(project, command, {"kind": "regex", "pattern": r"(?P<metric>\w+) (?P<value>[\d.]+)"})
    # A child that stays behind keeps the pipe open; the metrics do not wait for it.
    assert rows(project, (1, 2)) == [
        ("run", 0, "loss", 1.5, "ok"),
        ("run", 0, "acc", 0.1, "ok"),
        ("run", 0, "loss", 2.5, "ok"),
        ("run", 0, "acc", 0.2, "ok"),
    ]
    said = capfd.readouterr().err
    assert said.index("loss 1.5") < said.index("acc 0.1") < said.index("loss 2.5")


def test_output_longer_than_a_pipe_holds(project: Path) -> None:
    command = "seq -f 'loss %.0f' 1 50000 # {seed} {options}"
    declare(project, command, {"kind": "regex", "patterns": {"loss": r"^loss (\d+)$"}})
    found = rows(project)
    assert len(found) == 50000
    assert found[-1] == ("run", 49999, "loss", 50000.0, "ok")


def test_a_script_that_writes_where_it_works(project: Path) -> None:
    """Into its working directory, in a folder with the date: a pattern finds it."""
    script = project / "ablations" / "toy_command" / "it's mine.sh"
    script.write_text(
        'mkdir -p "outputs/2026 01/a" && printf "loss\\n$1\\n" > "outputs/2026 01/a/log.csv"\n'
    )
    name = shlex.quote("{folder}/it's mine.sh")
    declare(
        project,
        f"cd {{work}} && sh {name} {{seed}} # {{options}}",
        {"kind": "csv", "path": "{work}/outputs/*/a/log.csv"},
    )
    assert rows(project, (3, 4)) == [
        ("run", 0, "loss", 3.0, "ok"),
        ("run", 0, "loss", 4.0, "ok"),
    ]


FILE: dict[str, Any] = {"kind": "json", "path": "{output}/m.json"}
#: What is not there → (command, reader, what the log says of the seed).
NOTHING: dict[str, tuple[str, dict[str, Any], str]] = {
    "no file": ("true", FILE, "metrics_from.path is '{output}/m.json', of which nothing is there"),
    "several": (
        "mkdir {output}; touch {output}/a {output}/b",
        {"kind": "csv", "path": "{output}/*"},
        "metrics_from.path is '{output}/*', of which 2 match",
    ),
    "no match": (
        "echo hello",
        {"kind": "regex", "pattern": "(?P<metric>loss) (?P<value>.*)"},
        "what it prints has no metric that '(?P<metric>loss) (?P<value>.*)' matches",
    ),
    "empty": (
        ": > {output}",
        {"kind": "csv", "path": "{output}"},
        "'{output}' has no metric",
    ),
    "a header": (
        "echo loss > {output}",
        {"kind": "csv", "path": "{output}"},
        "'{output}' has no metric",
    ),
    "blank": (
        "printf 'loss,acc\\n,\\nNA,null\\n' > {output}",
        {"kind": "csv", "path": "{output}"},
        "'{output}' has no value: all of them are blank",
    ),
    "undeclared": (
        "printf 'lr,time\\n1,2\\n' > {output}",
        {"kind": "csv", "path": "{output}"},
        "'{output}' has no metric that the ablation declares",
    ),
    "a status": (
        "echo loss 1; exit 3",
        {"kind": "regex", "patterns": {"loss": "loss (.*)"}},
        "the command ended with status 3",
    ),
}


@pytest.mark.parametrize("case", NOTHING)
def test_a_run_that_leaves_nothing_failed(
    project: Path, case: str, capfd: pytest.CaptureFixture[str]
) -> None:
    command, reader, message = NOTHING[case]
    declare(project, f"{command} # {{seed}} {{options}} {{output}}", reader)
    found = rows(project, (0, 1))
    assert [(row[2], row[4]) for row in found] == [("run", "failed")] * 2
    said = capfd.readouterr().err
    assert f"seed 1: {message}\n" in said


def test_metrics_that_are_not_declared_are_left_out_with_a_note(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    declare(
        project,
        write("lr,loss,run\n0.1,2,a\n", "{output}"),
        {"kind": "csv", "path": "{output}"},
    )
    assert rows(project) == [("run", 0, "loss", 2.0, "ok")]
    note = "note: left out, since the ablation does not declare them as metrics: 'lr', 'ru"
    assert note in capfd.readouterr().err


#: (what is written, the reader, the message after "metrics_from"): the row cannot be accepted.
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no number": (
        "loss\nlow\n",
        {"kind": "csv", "path": "{output}"},
        ": row 1 of {output}: loss is 'low'; expected a number that a double holds, such as 0.93, "
        "nan, or nothing",
    ),
    "beyond doubles": (
        '{"loss": 1e999}',
        {"kind": "json", "path": "{output}"},
        ": {output}: loss is '1e999'; expected a number that a double holds, such as 0.93, nan, or "
        "nothing",
    ),
    "a flag": (
        '{"loss": true}',
        {"kind": "json", "path": "{output}", "metrics": {"loss": "loss"}},
        ": {output}: loss is True; expected a number that a double holds, such as 0.93, nan, or "
        "nothing",
    ),
    "underscores": (
        "loss 1_000",
        {"kind": "regex", "patterns": {"loss": "loss (.*)"}},
        ": line 1 of what it prints: loss is '1_000'; expected a number that a double holds, such "
        "as 0.93, nan, or nothing",
    ),
    "step": (
        "epoch,loss\n0.5,1\n",
        {"kind": "csv", "path": "{output}", "step": "epoch"},
        ": row 1 of {output}: step is '0.5'; expected a whole number from 0 to 9223372036854775807",
    ),
    "no step": (
        "epoch,loss\n,1\n",
        {"kind": "csv", "path": "{output}", "step": "epoch"},
        ": row 1 of {output}: step is ''; expected a whole number from 0 to 9223372036854775807",
    ),
    "twice": (
        "1 loss 2\n1 loss 2\n",
        {"kind": "regex", "patterns": {"loss": r"(?P<step>\d) loss (?P<value>\d)"}},
        ": line 2 of what it prints: step is '1'; expected each metric once for a stage and step: "
        "'loss' of stage 'run' at step 1 stands there twice",
    ),
    "status": (
        "metric,value,status\nloss,1,fine\n",
        {"kind": "csv", "path": "{output}"},
        ": row 1 of {output}: status is 'fine'; expected one of ok, diverged, out_of_memory, "
        "failed, time_limit, undefined",
    ),
    "undefined with a value": (
        "metric,value,status\nloss,1,undefined\n",
        {"kind": "csv", "path": "{output}"},
        ": row 1 of {output}: loss is '1'; expected no value of what is undefined",
    ),
    "no json": (
        "{'loss': 1}",
        {"kind": "json", "path": "{output}"},
        ".path is '{output}'; expected JSON (Expecting property name enclosed in double quotes: "
        "line 1 column 2 (char 1))",
    ),
    "json of a number": (
        "3",
        {"kind": "json", "path": "{output}"},
        ".path is '{output}'; expected a JSON object, or a list of objects",
    ),
    "steps and values": (
        '{"t": [1], "loss": [1, 2]}',
        {"kind": "json", "path": "{output}", "step": "t", "metrics": {"loss": "loss"}},
        ".step is 't'; expected as many steps as values: 2 of loss, 1 steps",
    ),
    "a ragged table": (
        "loss,acc\n1,2,3\n",
        {"kind": "csv", "path": "{output}"},
        ".path is '{output}'; expected a table with a header (line 2: 3 values under 2 columns)",
    ),
    "no such column": (
        "loss,acc\n1,2\n",
        {"kind": "csv", "path": "{output}", "metrics": {"loss": "Loss"}},
        ".metrics.loss is 'Loss'; expected a column of {output}: loss, acc",
    ),
    "no such step": (
        "loss,acc\n1,2\n",
        {"kind": "csv", "path": "{output}", "step": "epoch"},
        ".step is 'epoch'; expected a column of {output}: loss, acc",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_row_that_cannot_be_accepted_ends_the_job_after_its_seed(
    project: Path, case: str
) -> None:
    content, reader, message = BAD[case]
    started = project / "started"
    command = write(content, "{output}" if "path" in reader else "")
    declare(project, f"echo {{seed}} >> {started}; {command}", reader)
    with pytest.raises(InputError) as caught:
        rows(project, (4, 5))
    assert str(caught.value).partition("ablation.yaml: metrics_from")[2] == message
    assert started.read_text() == "4\n"
    assert not (project / "x.parquet").exists()


def test_seeds_that_were_finished_are_kept(project: Path) -> None:
    started, good = project / "started", project / "good"
    command = (
        f"echo {{seed}} >> {started}; test {{seed}} != 1 || test -e {good} || echo loss low; "
        "echo loss {seed} # {options}"
    )
    declare(project, command, {"kind": "regex", "patterns": {"loss": "loss (.*)"}})
    with pytest.raises(InputError, match=r"line 1 of what it prints: loss is 'low'; expected a n"):
        rows(project, (0, 1, 2))
    assert started.read_text() == "0\n1\n"
    good.touch()
    assert [row[3] for row in rows(project, (0, 1, 2))] == [0.0, 1.0, 2.0]
    assert started.read_text() == "0\n1\n1\n2\n"


SCALARS = [("loss", 1, 0.1), ("loss", 3, 0.25), ("other", 1, 1.0)]


def test_event_files(project: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    made = project / "events"
    writer = EventFileWriter(str(made))
    for tag, step, value in SCALARS:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        writer.add_event(Event(step=step, wall_time=step, summary=summary))
    writer.close()
    reader = {"kind": "tensorboard", "path": "{output}"}
    declare(project, f"cp -r {made} {{output}} # {{seed}} {{options}}", reader)
    single = struct.unpack("f", struct.pack("f", 0.1))[0]
    assert rows(project) == [("run", 1, "loss", single, "ok"), ("run", 3, "loss", 0.25, "ok")]


def test_event_files_without_their_library(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    declare(project, "true {seed} {options} {output}", {"kind": "tensorboard", "path": "{output}"})
    with pytest.raises(InputError) as caught:
        rows(project)
    assert str(caught.value).endswith(
        "ablation.yaml: metrics_from.kind is 'tensorboard'; expected another kind, or the library "
        "that reads it: pip install tensorboard"
    )
