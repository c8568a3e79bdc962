"""What the command line refuses before any work, each in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fixbench.cli import main
from fixbench.cli._main import make_parser
from fixbench.errors import InputError
from fixbench.reading import read_yaml
from fixbench.workflow import make_plan


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("fixbench: error: ")
    assert error.count("\n") == 1
    return error


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("output", ["", "config", "Snakefile/x"])
def test_outputs(project: Path, output: str, capsys: pytest.CaptureFixture[str]) -> None:
    tier = ("toy", "--tier", "smoke", "--results", "x.parquet")
    for option, arguments in (
        ("--output", ("rows", *tier)),
        ("--claims", ("analyse", *tier)),
        ("--output", ("run", "toy", "fast", "--seeds", "0")),
        ("--record", ("data", "pull", "data/x")),
    ):
        error = refused(capsys, *arguments, option, output)
        assert f"{option} is {output!r}; expected the path of a file that can be written" in error


def test_words_behind_options() -> None:
    parser = make_parser()
    for before, option in (
        (["image", "check"], ["--base", "x"]),
        (["data", "generate"], ["--output", "x"]),
    ):
        words = [parser.parse_args([*before, *one]) for one in (["w", *option], [*option, "w"])]
        assert vars(words[0]) == vars(words[1])
        assert "w" in vars(words[0]).values()
    found = parser.parse_args(["check", "a", "--hashes", "b"])
    assert (found.names, found.hashes) == (["a", "b"], True)
    assert parser.parse_args(["image", "check"]).environment == "torch-cpu"


def test_hashes_say_whose_they_are(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "toy", "--hashes"]) == 0
    alone = capsys.readouterr().out.splitlines()
    assert [len(line.split()) for line in alone] == [2] * len(alone)
    assert main(["check", "--hashes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [f"toy {line}" for line in alone] == lines[: len(alone)]
    assert all(line.startswith("toy_command ") for line in lines[len(alone) :])


def test_what_an_ablation_names(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "ablations" / "toy_command" / "ablation.yaml"
    good = file.read_text()
    for old, new, message in (
        (
            "baseline:",
            "inputs: [data/nope]\nbaseline:",
            "inputs.0 is 'data/nope'; expected a track",
        ),
        ("baseline:", "environment: nope\nbaseline:", "environment is 'nope'; expected an enviro"),
        ("measure.py", "mesure.py", "command is 'mesure.py'; expected a script that is there"),
        ("measure.py", "{root}/x.sh", "command is '{root}/x.sh'; expected a script that is there"),
    ):
        file.write_text(good.replace(old, new, 1))
        (project / "data.dvc").write_text(
            f"outs:\n- {{md5: {'ab' * 16}, size: 1, path: data/other/file}}\n"
        )
        (project / "envs").mkdir(exist_ok=True)
        (project / "envs" / "torch-cpu.lock").write_text("")
        error = refused(capsys, "check", "toy_command")
        assert "toy_command/ablation.yaml" in error
        assert message in error
        with pytest.raises(InputError, match=r"toy_command/ablation\.yaml"):
            make_plan(read_yaml(Path("config", "config.yaml")) | {"tier": "smoke"})
    file.write_text(good.replace("python measure.py", "cd .. && python toy_command/measure.py"))
    assert main(["check", "toy_command"]) == 0


def test_configuration(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = project / "config" / "config.yaml"
    good = file.read_text()
    replace(file, "gpu_share: 1", "gpu_share: none")
    line = 1 + good[: good.index("gpu_share: 1")].count("\n")
    assert f"config/config.yaml:{line}: gpu_share is 'none'; expected" in refused(capsys, "check")
    file.write_text("")
    assert "config/config.yaml is ''; expected keys with values" in refused(capsys, "check")


@pytest.mark.parametrize("damage", ["", '{"tier"', "[]"])
def test_a_damaged_request_is_written_again(project: Path, damage: str) -> None:
    config = read_yaml(Path("config", "config.yaml")) | {"tier": "smoke"}
    make_plan(config)
    file = min(Path(".fixbench", "requests", "toy").rglob("*.json"))
    before = file.read_text()
    assert json.loads(before)
    file.write_text(damage)
    make_plan(config)
    assert file.read_text() == before


def test_schemas_explain_themselves(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fixbench.schemas"]
    done = subprocess.run([*command, "--help"], capture_output=True, text=True, check=True)
    assert "usage: python -m fixbench.schemas" in done.stdout
    missing = [*command, str(tmp_path / "nope")]
    done = subprocess.run(missing, capture_output=True, text=True, check=False)
    assert (done.returncode, "there is no folder" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("optimiser.learning_rate: fast", "factors.rate.wild.optimiser.learning_rate is 'fast'; e"),
        ("data.samples: many", "factors.rate.wild.data.samples is 'many'; expected"),
        ("data.samples: 8", ""),
    ],
)
def test_levels_that_no_variant_has(
    project: Path, change: str, expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project / "ablations" / "toy" / "ablation.yaml"
    replace(
        path,
        "metrics:\n",
        "factors:\n  rate:\n    usual: {}\n    high: {optimiser.learning_rate: 0.2}\n"
        f"    wild: {{changes: {{{change}}}}}\n"
        "grids:\n  - {cross: {rate: [usual, high]}, name: 'rate_{rate}'}\nmetrics:\n",
    )
    if not expected:
        assert main(["check", "toy"]) == 0
        return
    assert expected.replace("wild.", "wild.changes.") in refused(capsys, "check", "toy")
    with pytest.raises(InputError, match=r"factors\.rate\.wild"):
        make_plan({"runtime": "local", "tier": "smoke", "ablations": ["toy"]})
