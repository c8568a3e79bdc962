"""Which source a result, a verdict or a report depends on."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import fixbench
from fixbench.ablation import Ablation, load_ablation
from fixbench.errors import InputError
from fixbench.provenance import code_hash, room_hash
from fixbench.provenance._sources import Sources

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ablations"
SYSTEMS = {"aa_clip", "alignment", "yowo"}

Hashes = Callable[[], dict[str, str]]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of fixbench, to be edited."""
    folder = tmp_path / "elsewhere" / "fixbench"
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(fixbench.__file__).parent, folder, ignore=ignore)
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of an ablation with a system of its own."""
    shutil.copytree(FIXTURES / "toy", tmp_path / "toy")
    return tmp_path / "toy"


@pytest.fixture
def hashes(package: Path) -> Hashes:
    """System → its code hash by the copy; ``system.py`` and ``command`` stand in a folder."""
    toy, command = (load_ablation(FIXTURES / name / "ablation.yaml") for name in TOYS)

    def current() -> dict[str, str]:
        found = {
            "system.py": code_hash(toy, FIXTURES / "toy", package=package),
            "command": code_hash(command, FIXTURES / "toy_command", package=package),
        }
        for name in SYSTEMS:
            ablation = with_system(toy, f"fixbench.systems.{name}")
            found[name] = code_hash(ablation, FIXTURES / "toy", package=package)
        return found

    return current


TOYS = ("toy", "toy_command")
ALL = SYSTEMS | {"system.py", "command"}


def with_system(ablation: Ablation, system: str) -> Ablation:
    return ablation.model_copy(update={"system": system})


def add_remark(path: Path) -> None:
    with path.open("a") as stream:
        stream.write("\n# a remark\n")


def test_names_a_module_that_exists(package: Path, folder: Path) -> None:
    ablation = load_ablation(folder / "ablation.yaml")
    for system in ("fixbench.systems.nothing", "nothing_at_all", "json.nothing"):
        with pytest.raises(InputError, match=f"system is '{system}'; expected a module that can"):
            code_hash(with_system(ablation, system), folder, package=package)


def test_copy_has_the_hash_of_the_original(hashes: Hashes) -> None:
    toy = load_ablation(FIXTURES / "toy" / "ablation.yaml")
    found = hashes()
    assert len(set(found.values())) == len(ALL)
    assert found["system.py"] == code_hash(toy, FIXTURES / "toy")
    assert found["yowo"] == code_hash(with_system(toy, "fixbench.systems.yowo"), FIXTURES / "toy")


def test_new_modules_change_no_hash(package: Path, hashes: Hashes) -> None:
    before = hashes()
    for name in ("datasets/new_reader.py", "training/_new.py", "systems/new/__init__.py"):
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text("from fixbench.results import Row\n")
        assert hashes() == before, name
    # The first docstring of a package decides nothing either.
    text = (package / "systems" / "__init__.py").read_text()
    assert text.startswith('"""')
    (package / "systems" / "__init__.py").write_text(text.replace('"""', '"""Now: ', 1))
    assert hashes() == before


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("job.py", ALL),
        ("results.py", ALL),
        # By way of another module.
        ("errors.py", ALL),
        ("training/_context.py", ALL),
        ("command/_run.py", {"command"}),
        ("systems/aa_clip/_options.py", {"aa_clip"}),
        ("systems/alignment/_options.py", {"alignment"}),
        ("systems/yowo/_options.py", {"yowo"}),
        # Makes checkpoints, which are inputs.
        ("systems/yowo/__main__.py", set()),
        # What these contribute is in the request, or comes after the results.
        ("provenance/_record.py", set()),
        ("tracking/_verification.py", set()),
        ("statistics/_power.py", set()),
        ("reports/__init__.py", set()),
        ("workflow/_plan.py", set()),
        ("cli.py", set()),
        ("__init__.py", set()),
    ],
)
def test_edited_module(name: str, changed: set[str], package: Path, hashes: Hashes) -> None:
    before = hashes()
    add_remark(package / name)
    after = hashes()
    assert {system for system in ALL if after[system] != before[system]} == changed


@pytest.mark.parametrize(
    ("pattern", "changed"),
    [
        ("*captions.py", {"aa_clip"}),
        ("*procedures.py", {"alignment"}),
        ("*scene_generator.py", {"yowo"}),
        # Makes data, which are inputs.
        ("*procedure_generator.py", set()),
    ],
)
def test_edited_reader(pattern: str, changed: set[str], package: Path, hashes: Hashes) -> None:
    datasets = package / "datasets"
    sources = Sources(package)
    if len(sources.imports(datasets / "__init__.py", "fixbench.datasets")) > 1:
        pytest.skip("fixbench.datasets imports all its modules")
    before = hashes()
    add_remark(next(datasets.glob(pattern)))
    after = hashes()
    assert {system for system in ALL if after[system] != before[system]} == changed


def test_helper_behind_two_imports(package: Path, hashes: Hashes) -> None:
    helper = package / "datasets" / "helper.py"
    helper.write_text("SCALE = 1\n")
    before = hashes()
    # The system's options → results → helper, and in the second step inside a function.
    with (package / "results.py").open("a") as stream:
        stream.write("\n\ndef late() -> int:\n    from fixbench.datasets import helper\n")
        stream.write("    return helper.SCALE\n")
    between = hashes()
    helper.write_text("SCALE = 2\n")
    after = hashes()
    for system in ALL:
        assert len({before[system], between[system], after[system]}) == 3, system


def test_data_of_a_system(package: Path, hashes: Hashes) -> None:
    before = hashes()
    (package / "systems" / "yowo" / "anchors.json").write_text("[1, 2]")
    after = hashes()
    assert {system for system in ALL if after[system] != before[system]} == {"yowo"}


def test_folder_of_an_ablation(folder: Path, package: Path, tmp_path: Path) -> None:
    ablation = load_ablation(folder / "ablation.yaml")

    def current(place: Path = folder) -> str:
        return code_hash(ablation, place, package=package)

    before = current()
    for name in (
        *(
            "ablation.yaml",
            "claims.yaml",
            "findings.yaml",
            "references.bib",
            "citations.yaml",
            "rule.smk",
            "README.md",
            ".hidden",
        ),
        *(".cache/x", "__pycache__/system.pyc"),
    ):
        (folder / name).parent.mkdir(exist_ok=True)
        add_remark(folder / name)
        assert current() == before, name
    shutil.copytree(folder, tmp_path / "moved" / "toy")
    assert current(tmp_path / "moved" / "toy") == before
    add_remark(folder / "system.py")
    assert current() != before

    # What it imports of fixbench counts, from then on.
    reader = package / "datasets" / "extra.py"
    reader.write_text("WIDTH = 1\n")
    before = current()
    with (folder / "system.py").open("a") as stream:
        stream.write("import fixbench.datasets.extra\n")
    between = current()
    assert between != before
    add_remark(reader)
    assert current() not in (before, between)
    # A system that is no Python is refused by who loads it; its bytes count all the same.
    (folder / "system.py").write_text("def run(:\n")
    assert current() not in (before, between)


@pytest.mark.parametrize(
    "name",
    [
        "data/ablation.yaml",
        "sub/rule.smk",
        "sub/README.md",
        "prompts/question.md",
        "notes.md",
        "weights.bin",
    ],
)
def test_any_other_file_of_the_folder_counts(name: str, folder: Path) -> None:
    ablation = load_ablation(folder / "ablation.yaml")
    found = [code_hash(ablation, folder)]
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    for text in ("1", "2"):
        path.write_text(text)
        found.append(code_hash(ablation, folder))
    assert len(set(found)) == 3


def test_links_to_folders_are_followed(folder: Path, tmp_path: Path) -> None:
    ablation = load_ablation(folder / "ablation.yaml")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "layers.py").write_text("A = 1\n")
    found = [code_hash(ablation, folder)]
    (folder / "linked").symlink_to(shared)
    found.append(code_hash(ablation, folder))
    add_remark(shared / "layers.py")
    found.append(code_hash(ablation, folder))
    assert len(set(found)) == 3
    (shared / "back").symlink_to(folder)  # a circle
    assert code_hash(ablation, folder) == code_hash(ablation, folder)


def test_system_outside_the_folder(folder: Path, package: Path) -> None:
    (folder / "system.py").rename(folder.parent / "shared.py")
    ablation = with_system(load_ablation(folder / "ablation.yaml"), "../shared.py")

    def current() -> str:
        return code_hash(ablation, folder, package=package)

    found = [current()]
    add_remark(folder.parent / "shared.py")
    found.append(current())
    (folder.parent / "stranger.py").write_text("A = 1\n")  # beside it, and not imported
    assert current() == found[-1]
    for name, line in (("layers.py", "import layers\n"), ("kit/a.py", "from kit.a import x\n")):
        (folder.parent / name).parent.mkdir(exist_ok=True)
        (folder.parent / name).write_text("x = 1\n")
        with (folder.parent / "shared.py").open("a") as stream:
            stream.write(line)
        found.append(current())
        add_remark(folder.parent / name)
        found.append(current())
    # What a module beside it imports of fixbench.
    with (folder.parent / "layers.py").open("a") as stream:
        stream.write("from fixbench.datasets import captions\n")
    found.append(current())
    add_remark(package / "datasets" / "captions.py")
    found.append(current())
    add_remark(folder / "helper.py")
    found.append(current())
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("namespace", [False, True])
def test_module_of_another_package_counts_with_all_of_it(
    namespace: bool, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = tmp_path / f"lent_{namespace}".lower()
    for name in ("systems/one.py", "helper.py"):
        (top / name).parent.mkdir(exist_ok=True, parents=True)
        (top / name).write_text("")
    if not namespace:
        (top / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    system = f"{top.name}.systems.one"
    ablation = with_system(load_ablation(folder / "ablation.yaml"), system)
    before = code_hash(ablation, folder)
    add_remark(top / "helper.py")
    assert code_hash(ablation, folder) != before
    with pytest.raises(InputError, match="expected a module that can be imported"):
        code_hash(with_system(ablation, f"{system}.nothing"), folder)


def test_system_of_another_package(
    folder: Path, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    (stranger / "__init__.py").write_text("from stranger._model import layers\n")
    (stranger / "_model.py").write_text("layers = 1")
    reader = package / "datasets" / "extra.py"
    reader.write_text("WIDTH = 1\n")
    monkeypatch.syspath_prepend(tmp_path)
    ablation = with_system(load_ablation(folder / "ablation.yaml"), "stranger")
    found = [code_hash(ablation, folder, package=package)]
    (stranger / "_model.py").write_text("from fixbench.datasets.extra import WIDTH\nlayers = 2")
    found.append(code_hash(ablation, folder, package=package))
    add_remark(reader)
    found.append(code_hash(ablation, folder, package=package))
    assert len(set(found)) == 3
    # The folder of the ablation holds none of it.
    add_remark(folder / "system.py")
    assert code_hash(ablation, folder, package=package) == found[-1]


def test_room_hash(package: Path) -> None:
    def current(*without: str) -> str:
        return room_hash("analysis", without=without, package=package)

    before, judging = current(), current("reports", "determinism", "provenance")
    assert before != judging
    # A room counts as a whole: with its templates, and with modules that nothing imports by name.
    template = next(path for path in (package / "reports").rglob("*.html"))
    template.write_text(template.read_text() + " ")
    assert current("reports", "determinism", "provenance") == judging
    assert current() != before
    before = current()
    (package / "statistics" / "_found_by_itself.py").write_text("")
    assert current("reports", "determinism", "provenance") != judging
    assert current() != before
    before, judging = current(), current("reports", "determinism", "provenance")
    for name in ("cli.py", "workflow/_plan.py", "systems/yowo/_options.py", "__init__.py"):
        add_remark(package / name)
        assert current() == before, name
    with pytest.raises(ValueError, match=r"there is no fixbench\.nowhere"):
        room_hash("nowhere", package=package)
