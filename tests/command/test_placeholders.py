"""How options reach a command: by name, as overrides, in a file."""

from __future__ import annotations

import json
import math
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixbench.command import fill_in, fill_path, option_text, options_text, override, placeholders
from fixbench.errors import InputError
from fixbench.job import run_job
from fixbench.results import read_results

ODD = 'it\'s "a" $HOME `date` {seed} \\n *'


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("train {seed} --rate={optimiser.rate} {a-b}", ["seed", "optimiser.rate", "a-b"]),
        ("echo ${seed} $${seed} \\{seed} '{seed}' \"\\{x}\"", ["seed"]),
        # Braces of the shell, of awk and of Python.
        ("awk '{ print $1 }' {1,2} { date; } {a b} {'x': 1}", []),
        ("{unknown} {seed} {seed}", ["unknown", "seed"]),
        ("'${seed}' \"${seed}\"", []),
    ],
)
def test_what_is_a_placeholder(command: str, expected: list[str]) -> None:
    assert placeholders(command, ["seed"]) == expected


def test_variables_of_the_shell_are_no_placeholders() -> None:
    called = fill_in("seed=9; printf %s ${seed} \\{seed} {seed}", {"seed": "7"})
    done = subprocess.run(["sh", "-c", called], capture_output=True, text=True, check=True)
    assert done.stdout == "9{seed}7"


def test_a_path_is_filled_as_it_is() -> None:
    words = {"output": "/x y/'o'", "rate": "0.1", "rate.low": "2"}
    assert fill_path("{output}/{rate}/{rate.low}/{other}", words) == "/x y/'o'/0.1/2/{other}"


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (0.1, "0.1"),
        (1e-05, "1.0e-05"),
        (1e22, "1.0e+22"),
        (-2.5e-7, "-2.5e-07"),
        (3, "3"),
        (True, "true"),
        (None, "null"),
        ("adam", "adam"),
        (ODD, ODD),
        ([1, 0.5, "a"], '[1, 0.5, "a"]'),
        ({"b": 1, "a": []}, '{"a": [], "b": 1}'),
    ],
)
def test_an_option_as_one_word(value: Any, word: str) -> None:
    assert option_text(value) == word


VALUES: dict[str, Any] = {
    "tiny": 1e-05,
    "huge": 1e300,
    "third": 1 / 3,
    "whole": 10**15,
    "zero": -0.0,
    "text": ODD,
    "looks": ["1e-05", "true", "null", "on", "~", "", " x ", "1"],
    "lines": "a\nb\tc\r\u0085\u2028\u200b\x7f\x00",
    "letters": "größe 😀 \ufeff",
    "group": {"on": True, "off": False, "none": None, "empty": {}, "list": [[], [1]]},
}


def test_the_file_of_options_is_json_and_yaml() -> None:
    text = options_text(VALUES)
    for read in (json.loads(text), yaml.safe_load(text)):
        assert read == VALUES
        assert math.copysign(1, read["zero"]) == -1


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (True, "true"),
        (None, "null"),
        ("adam", "adam"),
        ("true", "'true'"),
        ("0.1", "'0.1'"),
        ("", "''"),
        ("a b", "'a b'"),
        ("it's", "'it\\'s'"),
        ("a\\'b\\", "'a\\\\\\'b\\\\'"),
        ([1, "x", "y,z"], "[1,x,'y,z']"),
        ({"a": 1, "b": "c d"}, "{a:1,b:'c d'}"),
    ],
)
def test_an_override(value: Any, text: str) -> None:
    assert override("optimiser.rate", value) == f"optimiser.rate={text}"


def test_hydra_reads_overrides_as_they_were_meant() -> None:
    parser = pytest.importorskip("hydra.core.override_parser.overrides_parser")
    values: list[Any] = [
        0.1,
        1e-05,
        3,
        True,
        None,
        "adam",
        "true",
        "1",
        ODD,
        "a\\'b\\",
        [1, "x,y"],
        ["a b"],
    ]
    values += [{"a": 1, "b": "c d"}, "NaN", "a=b", "a: b", "(x)", "größe", "\\", "1e-5", "x-1/y.z"]
    read = parser.OverridesParser.create().parse_override
    assert [read(override("k", value)).value() for value in values] == values


SCRIPT = """\
import json, sys
with open(sys.argv[1], "w") as file:
    file.write("metric,value\\nmean,1\\n")
with open({seen!r}, "a") as file:
    file.write(json.dumps(sys.argv[2:]) + "\\n")
"""


@pytest.fixture
def seen(project: Path) -> Path:
    """A program that notes its words, and the file in which it does."""
    path = project / "seen.jsonl"
    folder = project / "ablations" / "toy_command"
    (folder / "note.py").write_text(SCRIPT.format(seen=str(path)))
    return path


def write(project: Path, command: str, **changes: str) -> Path:
    """The toy ablation with another command and other texts in it."""
    path = project / "ablations" / "toy_command" / "ablation.yaml"
    text = path.read_text()
    old = "command: python measure.py {seed} {options} {output}"
    for before, after in ((old, f"command: {json.dumps(command)}"), *changes.items()):
        assert before in text
        text = text.replace(before, after)
    path.write_text(text)
    return path


def called(project: Path, seen: Path, variant: str = "large") -> list[str]:
    run_job(project, "toy_command", variant, [3], "smoke", project / "x.parquet")
    return json.loads(seen.read_text().splitlines()[-1])


def test_options_as_flags_overrides_and_files(project: Path, seen: Path) -> None:
    write(
        project,
        "python note.py {output} --seed {seed} --sides={die.sides} '{format}' {overrides} "
        '{options} {options_yaml} "{die}" {folder} {root} {work}',
        **{"format: csv": f"format: {json.dumps(ODD)}"},
    )
    words = called(project, seen)
    assert words[:4] == ["--seed", "3", "--sides=20", ODD]
    assert words[4] == "die.sides=20"
    assert words[5] == override("format", ODD)
    assert [Path(word).name for word in words[6:8]] == ["options.json", "options.yaml"]
    assert words[8] == '{"sides": 20}'
    assert words[9:11] == [str(project / "ablations" / "toy_command"), str(project)]
    assert not Path(words[11]).exists()  # gone with the run
    assert called(project, seen, "cube")[2] == "--sides=6"


REFUSED = {
    "no seed": (
        "python measure.py {options} {output}",
        {},
        "command is 'python measure.py {options} {output}'; expected a command with {seed}: "
        "without it every seed is the same run",
    ),
    "unknown": (
        "python measure.py {seed} {options} {output} --rate {rate}",
        {},
        "command is '{rate}'; expected one of {seed}, {output}, {options}, {options_yaml}, "
        "{overrides}, {work}, {folder}, {root}, {die}, {die.sides}, {format}; a brace of the "
        "program's own stands after a backslash",
    ),
    "no output": (
        "python measure.py {seed} {options} ${output}",
        {},
        "command is 'python measure.py {seed} {options} ${output}'; expected a command with "
        "{output}, the path to which it writes its metrics",
    ),
    "a change that does not arrive": (
        "python measure.py {seed} {format} {output}",
        {},
        ":13: variants.large.changes.die.sides is 20; expected an option that reaches the "
        "command: as {die.sides}, {options} or {overrides}",
    ),
    "a change of a tier that does not arrive": (
        "python measure.py {seed} {die} {output}",
        {'smoke: {seeds: "0-2"': 'smoke: {options: {format: json}, seeds: "0-2"'},
        ":17: tiers.smoke.options.format is 'json'; expected an option that reaches the "
        "command: as {format}, {options} or {overrides}",
    ),
    "no such script": (
        "python {folder}/train.py {seed} {options} {output}",
        {},
        "command is '{folder}/train.py'; expected a script that is there: the command runs in",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_any_work(project: Path, case: str) -> None:
    command, changes, message = REFUSED[case]
    path = write(project, command, **changes)
    with pytest.raises(InputError) as caught:
        run_job(project, "toy_command", "large", [0], "smoke", project / "x.parquet")
    where, _, rest = str(caught.value).partition(path.name)
    assert where.endswith("ablations/toy_command/")
    assert rest.removeprefix(": ").startswith(message)
    assert not (project / ".fixbench").exists()


def test_a_group_reaches_with_all_below_it(project: Path, seen: Path) -> None:
    write(project, "python note.py {output} {seed} {die}")
    assert called(project, seen) == ["3", '{"sides": 20}']


def test_seeds_of_another_command_are_not_taken_for_its_own(project: Path) -> None:
    """A killed job keeps its finished seeds, for the same command alone."""
    table = "printf 'metric,value\\nmean,%s\\n' {value} > {output} # {options}"
    first = "test {seed} = 0 || exit 127; " + table.replace("{value}", "1")
    write(project, first)
    with pytest.raises(InputError, match="status 127"):
        run_job(project, "toy_command", "large", [0, 1], "smoke", project / "x.parquet")
    path = project / "ablations" / "toy_command" / "ablation.yaml"
    path.write_text(
        path.read_text().replace(json.dumps(first), json.dumps(table.replace("{value}", "{seed}5")))
    )
    run_job(project, "toy_command", "large", [0, 1], "smoke", project / "x.parquet")
    assert read_results([project / "x.parquet"])["value"].tolist() == [5.0, 15.0]
