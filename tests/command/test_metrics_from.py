"""What of ``metrics_from`` is refused when the ablation is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fixbench.ablation import load_ablation
from fixbench.cli import main
from fixbench.errors import InputError
from fixbench.schemas import schemas

OUT = "{output}/m"
#: What is declared → the message after the line, without "metrics_from" in front.
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "kind": (
        {"kind": "yaml", "path": OUT},
        ".kind is 'yaml'; expected 'regex', 'json', 'csv' or 'tensorboard'",
    ),
    "no kind": ({"path": OUT}, ".kind; expected this key, which is required"),
    "an unknown key": (
        {"kind": "csv", "path": OUT, "columns": ["a"]},
        ".columns is ['a']; expected no such key; see config/ablation.schema.json",
    ),
    "no path": ({"kind": "csv"}, ".path; expected this key, such as '{output}/metrics.csv'"),
    "a path that runs share": (
        {"kind": "csv", "path": "results/{seed}.csv"},
        ".path is 'results/{seed}.csv'; expected a path with {output} or {work}: other runs, which "
        "run at the same time, must not write there",
    ),
    "a key of another kind": (
        {"kind": "regex", "patterns": {"mean": "(.*)"}, "metrics": {"mean": "a"}},
        ".metrics is {'mean': 'a'}; expected no such key: kind 'regex' takes 'pattern' and "
        "'patterns'",
    ),
    "a pattern for a table": (
        {"kind": "csv", "path": OUT, "pattern": "(.*)"},
        ".pattern is '(.*)'; expected no such key: kind 'csv' takes 'metrics' and 'step'",
    ),
    "no pattern": (
        {"kind": "regex"},
        ".pattern; expected exactly one of 'pattern' and 'patterns'",
    ),
    "both patterns": (
        {"kind": "regex", "pattern": "a", "patterns": {"mean": "(.*)"}},
        ".pattern is 'a'; expected exactly one of 'pattern' and 'patterns'",
    ),
    "no regular expression": (
        {"kind": "regex", "patterns": {"mean": "mean ("}},
        ".patterns.mean is 'mean ('; expected a regular expression (missing ), unterminated "
        "subpattern at position 5)",
    ),
    "no metric": (
        {"kind": "regex", "pattern": "(?P<value>.*)"},
        ".pattern is '(?P<value>.*)'; expected the named group (?P<metric>...)",
    ),
    "two groups": (
        {"kind": "regex", "patterns": {"mean": "(a) (b)"}},
        ".patterns.mean is '(a) (b)'; expected one group, the value, such as 'loss (\\S+)', or "
        "the named group (?P<value>...)",
    ),
    "another group": (
        {"kind": "regex", "patterns": {"mean": "(?P<value>a) (?P<epoch>b)"}},
        ".patterns.mean is '(?P<value>a) (?P<epoch>b)'; expected the groups metric, value, step, "
        "stage; epoch is none of them",
    ),
    "an unknown metric": (
        {"kind": "json", "path": OUT, "metrics": {"maen": "mean"}},
        ".metrics.maen is 'maen'; expected a metric of the ablation: mean",
    ),
    "nothing": (
        {"kind": "json", "path": OUT, "metrics": {}},
        ".metrics; expected at least 1 item after validation, not 0",
    ),
}


def declare(project: Path, reader: Any, command: str | None = None) -> Path:
    path = project / "ablations" / "toy_command" / "ablation.yaml"
    text = path.read_text().replace("baseline_variant", f"metrics_from: {reader}\nbaseline_variant")
    if command is not None:
        text = text.replace("python measure.py {seed} {options} {output}", command)
    path.write_text(text)
    return path


@pytest.mark.parametrize("case", REFUSED)
def test_refused_when_read(project: Path, case: str) -> None:
    reader, message = REFUSED[case]
    path = declare(project, json.dumps(reader))
    with pytest.raises(InputError) as caught:
        load_ablation(path)
    where, _, rest = str(caught.value).partition(": ")
    assert where == f"{path}:5"
    assert rest.removeprefix("metrics_from") == message


def test_it_belongs_to_a_command(project: Path) -> None:
    path = project / "ablations" / "toy" / "ablation.yaml"
    path.write_text(f"metrics_from: {{kind: csv, path: '{OUT}'}}\n{path.read_text()}")
    with pytest.raises(InputError) as caught:
        load_ablation(path)
    message = f"{path}:1: metrics_from; expected no such key: it belongs to a 'command'"
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("path", "command", "message"),
    [
        (
            "{work}/{sides}.csv",
            None,
            "metrics_from.path is '{sides}'; expected one of {seed}, {output}, {options}, "
            "{options_yaml}, {overrides}, {work}, {folder}, {root}, {die}, {die.sides}, {format}",
        ),
        (
            "{output}/m.csv",
            "python measure.py {seed} {options}",
            "metrics_from.path is '{output}/m.csv'; expected a path with {work}: the command is "
            "not told {output}",
        ),
        (
            "{work}/{overrides}.csv",
            None,
            "metrics_from.path is '{work}/{overrides}.csv'; expected a path without {overrides}, "
            "which are several words",
        ),
    ],
)
def test_refused_by_check(
    project: Path,
    path: str,
    command: str | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    declare(project, f"{{kind: csv, path: '{path}'}}", command)
    assert main(["check", "toy_command"]) == 2
    where = "fixbench: error: ablations/toy_command/ablation.yaml"
    assert capsys.readouterr().err == f"{where}: {message}\n"


def test_the_schema_explains_its_keys() -> None:
    part = schemas()["ablation"]["$defs"]["MetricsFrom"]
    assert part["required"] == ["kind"]
    assert part["additionalProperties"] is False
    assert all(value["description"] for value in part["properties"].values())
