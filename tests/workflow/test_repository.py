"""``fixbench init``: what is written, and what is refused before anything is."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from fixbench import workflow
from fixbench.ablation import load_ablation
from fixbench.cli import main
from fixbench.containers import ENGINES, image_spec
from fixbench.errors import InputError
from fixbench.workflow import SNAKEFILE, Settings, check_settings, make_plan

ROOT = Path(__file__).parents[2]
EXAMPLE = ("ablation.yaml", "claims.yaml", "train.py")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder whose path has spaces, as the working directory."""
    folder = tmp_path / "it's a {new} place"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}


def test_three_things_are_written_and_two_commands_printed(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 0
    written = {"Snakefile", "config/config.yaml", *(f"ablations/example/{n}" for n in EXAMPLE)}
    assert files(place) == written
    said = capsys.readouterr().out
    assert set(said.splitlines()[0].removeprefix("wrote ").split(", ")) == written
    assert re.findall(r"^  (.*)$", said, re.MULTILINE) == [
        "fixbench check example",
        "snakemake --cores all",
    ]
    assert main(["check", "example"]) == 0
    assert check_settings(yaml.safe_load((place / "config/config.yaml").read_text())) == Settings()
    # The checkout is such a repository itself.
    for name in ("Snakefile", "config/config.yaml"):
        assert (place / name).read_bytes() == (ROOT / name).read_bytes()


def test_around_a_command_in_a_repository_that_exists(place: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], check=True)
    script = place / "scripts" / "train.awk"
    script.parent.mkdir()
    script.write_text("BEGIN { print dropout }\n")
    (place / "config").mkdir()
    (place / "config" / "mine.yaml").write_text("mine: true\n")
    (place / "envs").mkdir()
    (place / "envs" / "conda.yaml").write_text("dependencies: []\n")
    command = "awk -v seed={seed} -v dropout={dropout} -f scripts/train.awk"
    asked = ["--from-command", command, "--baseline", "dropout=0.1", "--log", "(.*)"]
    assert main(["init", "--name", "dropout", *asked, "--variant", "high:dropout=0.5"]) == 0
    assert load_ablation(place / "ablations" / "dropout").baseline == {"dropout": 0.1}
    assert (place / "ablations/dropout/scripts/train.awk").read_bytes() == script.read_bytes()
    # Without data.dvc and lock files nothing is asked of data or environments.
    assert list(make_plan({"runtime": "local"}).ablations) == ["dropout"]


@pytest.mark.parametrize(
    "there",
    ["Snakefile", "snakefile", "workflow/Snakefile", "config/config.yaml", "ablations/example/x"],
)
def test_nothing_is_replaced(place: Path, there: str, capsys: pytest.CaptureFixture[str]) -> None:
    (place / there).parent.mkdir(parents=True, exist_ok=True)
    (place / there).write_text("mine\n")
    assert main(["init"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("fixbench: error: ")
    assert said.count("\n") == 1
    assert there.removesuffix("/x") in said
    assert files(place) == {there}


REFUSED: dict[str, tuple[list[str], str]] = {
    "a name that is no rule's": (
        ["--name", "my-fix"],
        "NAME is 'my-fix'; expected letters from a to z, digits and underscores",
    ),
    "an option of a script alone": (
        ["--baseline", "a=1"],
        "--baseline is ['a=1']; expected --from-command COMMAND beside it",
    ),
    "a command without a seed": (
        ["--from-command", "true {output}"],
        "--from-command is 'true {output}'; expected a command with {seed}",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_before_anything_is_written(
    place: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, message = REFUSED[case]
    assert main(["init", *arguments]) == 2
    assert capsys.readouterr().err.startswith(f"fixbench: error: fixbench init: {message}")
    assert list(place.iterdir()) == []


def test_a_failure_half_way_leaves_nothing(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full when the last file, the Snakefile, is to be written."""

    def write(path: Path, text: str) -> None:
        if path.name == "Snakefile":
            raise InputError(path, "", expected="a file that can be written (No space left)")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    monkeypatch.setattr("fixbench.workflow._repository.write_text", write)
    assert main(["init"]) == 2
    assert list(place.iterdir()) == []


def test_the_rules_are_where_the_module_looks() -> None:
    assert Path(SNAKEFILE).is_file()
    assert workflow.__file__ is not None
    assert Path(SNAKEFILE).is_relative_to(Path(workflow.__file__).parent)


def test_images_are_those_of_fixbench_unless_the_repository_declares_its_own(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["init"]) == 0
    # Beside this checkout's own root, where an image may have been built from another base.
    (tmp_path / "bare").mkdir()
    for name in ("envs", "Dockerfile"):
        (tmp_path / "bare" / name).symlink_to(ROOT / name)
    own = image_spec(tmp_path / "bare", "torch-cpu")
    assert image_spec(place, "torch-cpu").definition == own.definition
    engine = ENGINES["docker"](version="27")
    monkeypatch.setattr("fixbench.containers.find_engine", lambda runtime: engine)
    plan = make_plan({"device": "cpu"})
    launcher = plan.launcher("example", ["a"], ["b"], {"gpu": 0})
    assert "--image .fixbench/images/torch.json" in launcher
    written: dict[str, Any] = json.loads((place / ".fixbench/images/torch.json").read_text())
    assert written["lock"] == own.lock
    # A lock of the repository's own that its declaration does not describe is refused by name.
    (place / "envs").mkdir()
    for name in ("images.lock", "torch-cpu.lock"):
        (place / "envs" / name).write_bytes((ROOT / "envs" / name).read_bytes())
    (place / "Dockerfile").write_text("FROM mine\n")
    with pytest.raises(InputError, match=r"images\.lock: torch-cpu\.dockerfile"):
        image_spec(place, "torch-cpu")
