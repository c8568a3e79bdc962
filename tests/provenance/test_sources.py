"""Which modules a module imports, read from the source."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fixbench
from fixbench.provenance._sources import Sources

PACKAGE = Path(fixbench.__file__).parent
SYSTEMS = ("aa_clip", "alignment", "yowo")

FILES = {
    "__init__.py": '__version__ = "1"\n',
    "errors.py": "class Problem(Exception): ...\n",
    # Without code of its own: it is on the way and decides nothing.
    "readers/__init__.py": '"""Readers."""\n',
    "readers/text.py": "from lab.errors import Problem\n",
    "readers/image.py": "WIDTH = 3\n",
    # Re-exports, by a relative import.
    "tools/__init__.py": "from ._saw import cut as cut\nfrom . import _file\n",
    "tools/_saw.py": "from ..readers import text\n\ndef cut(): ...\n",
    "tools/_file.py": "import json\n",
    # Imported by name when used.
    "late/__init__.py": "__getattr__ = lazy_names(__name__, {'_cut': ['cut']})\n",
    "late/_cut.py": "import lab.errors\n",
    # Found by the names of files.
    "rules/__init__.py": "from pkgutil import iter_modules\nnames = list(iter_modules(__path__))\n",
    "rules/first.py": "A = 1\n",
    "rules/below/second.py": "B = 1\n",
    # Each imports the other.
    "ring/__init__.py": "from lab.ring._one import one\n",
    "ring/_one.py": "def one():\n    from lab.ring._two import two\n",
    "ring/_two.py": "from lab.ring._one import one\n",
}


@pytest.fixture
def lab(tmp_path: Path) -> Sources:
    folder = tmp_path / "lab"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return Sources(folder)


def closure(sources: Sources, text: str, without: tuple[str, ...] = ()) -> set[str]:
    """The closure of a module with this text, without the module itself."""
    (sources.folder / "start.py").write_text(text)
    found = sources.closure(["lab.start"], without=without)
    return {path.relative_to(sources.folder).as_posix() for path in found} - {"start.py"}


TOOLS = {"tools/__init__.py", "tools/_saw.py", "tools/_file.py", "readers/text.py", "errors.py"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import lab.errors", {"errors.py"}),
        ("import lab.errors as problems, json", {"errors.py"}),
        ("from lab import errors", {"errors.py"}),
        ("from lab.readers import image", {"readers/image.py"}),
        ("from lab.readers.image import WIDTH", {"readers/image.py"}),
        ("from lab.readers import text as reader", {"readers/text.py", "errors.py"}),
        ("from .readers import image", {"readers/image.py"}),
        ("from . import errors", {"errors.py"}),
        ("from lab.tools import cut", TOOLS),
        # The package runs on the way to its module.
        ("import lab.tools._file", TOOLS),
        ("import lab.ring", {"ring/__init__.py", "ring/_one.py", "ring/_two.py"}),
        ("def run():\n    from lab import errors\n", {"errors.py"}),
        ("class A:\n    async def run(self):\n        import lab.errors\n", {"errors.py"}),
        ("try:\n    import fast\nexcept ImportError:\n    import lab.errors\n", {"errors.py"}),
        ("try:\n    pass\nfinally:\n    import lab.errors\n", {"errors.py"}),
        ("match 1:\n    case 1:\n        import lab.errors\n", {"errors.py"}),
        ("with open('x'):\n    import lab.errors\n", {"errors.py"}),
        ("for _ in ():\n    pass\nelse:\n    import lab.errors\n", {"errors.py"}),
        # What only a type checker reads does not run.
        ("from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lab.errors\n", set()),
        ("import typing\nif typing.TYPE_CHECKING:\n    import lab.errors\n", set()),
        ("if TYPE_CHECKING:\n    import lab.ring\nelse:\n    import lab.errors", {"errors.py"}),
        # Modules named by text.
        ("import importlib\nx = importlib.import_module('lab.errors')", {"errors.py"}),
        ("from importlib import import_module\nimport_module('.errors', 'lab')", {"errors.py"}),
        ("x = [__import__('lab.readers.image')]", {"readers/image.py"}),
        ("import_module(name)", set()),
        # Names that a package imports when they are used.
        ("from lab.late import cut", {"late/__init__.py", "late/_cut.py", "errors.py"}),
        # A package that lists its modules: they all count, those below too.
        (
            "from lab.rules import names",
            {"rules/__init__.py", "rules/first.py", "rules/below/second.py"},
        ),
        # Other packages, attributes that are no modules, text, and what is not there.
        ("import json, labour, os.path", set()),
        ("from lab.errors import Problem", {"errors.py"}),
        ("'''\nimport lab.errors\n'''", set()),
        ("from lab import nowhere", set()),
        ("def run(:", set()),
    ],
)
def test_closure(lab: Sources, text: str, expected: set[str]) -> None:
    assert closure(lab, text) == expected


def test_closure_without(lab: Sources) -> None:
    text = "import lab.tools, lab.readers.image"
    assert closure(lab, text, ("lab.readers.text",)) == (TOOLS | {"readers/image.py"}) - {
        *("readers/text.py", "errors.py")
    }
    assert closure(lab, text, ("lab.readers", "lab.tool")) == TOOLS - {
        *("readers/text.py", "errors.py")
    }


def test_package_file_holds_the_version_and_what_reads_results() -> None:
    """It is no part of a closure, so that a release makes no result again."""
    module = ast.parse((PACKAGE / "__init__.py").read_text())
    kinds = [type(part) for part in module.body]
    functions = [ast.FunctionDef] * 2
    assert kinds == [ast.Expr, ast.ImportFrom, ast.If, ast.Assign, ast.Assign, *functions]
    # What a type checker alone reads is no import.
    _, typing, _, version, names, lazy, _ = module.body
    assert isinstance(typing, ast.ImportFrom)
    assert typing.module == "typing"
    assert ast.unparse(version).startswith("__version__ = ")
    # What it reads is nothing that a run, a test or a rule could use.
    used = {node.module for node in ast.walk(lazy) if isinstance(node, ast.ImportFrom)}
    assert used == {"fixbench.lazy"}
    assert isinstance(names, ast.Assign)
    assert set(ast.literal_eval(names.value)) == {"judging"}


@pytest.fixture(scope="module")
def loaded() -> dict[str, set[Path]]:
    """System → the files of fixbench that importing it loads, as Python itself says.

    In a process of its own, which imports the libraries once and each system in a child.
    """
    code = f"""
import os, sys
import numpy, pandas, pyarrow, pydantic, scipy, torch
for system in {SYSTEMS}:
    if child := os.fork():
        assert os.waitpid(child, 0)[1] == 0
        continue
    __import__("fixbench.systems." + system)
    files = [m.__file__ for name, m in sys.modules.items() if name.startswith("fixbench.")]
    print(system, *files, sep="|", flush=True)
    os._exit(0)
"""
    environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    lines = (line.split("|") for line in done.stdout.splitlines())
    return {system: set(map(Path, files)) for system, *files in lines}


@pytest.mark.parametrize("system", SYSTEMS)
def test_closure_holds_all_that_importing_a_system_loads(
    system: str, loaded: dict[str, set[Path]]
) -> None:
    assert len(loaded[system]) > 20
    found = Sources(PACKAGE).closure([f"fixbench.systems.{system}"])
    # But for packages that hold a docstring alone.
    for path in loaded[system] - found:
        text = path.read_text().strip()
        assert path.name == "__init__.py"
        assert (text[:3], text[-3:], text.count('"""')) == ('"""', '"""', 2)
    others = {PACKAGE / "systems" / other for other in SYSTEMS if other != system}
    assert not [path for path in found if others & set(path.parents)]


def test_lazy_names_of_fixbench() -> None:
    """A system may use a test of `fixbench.statistics`, or a rule: their modules count."""
    found = Sources(PACKAGE).closure(["fixbench.statistics", "fixbench.verdicts"])
    names = {path.relative_to(PACKAGE).as_posix() for path in found}
    for room in ("statistics", "verdicts/rules"):
        here = {f"{room}/{path.name}" for path in (PACKAGE / room).glob("*.py")}
        assert here <= names, here - names


def test_cache_of_imports(tmp_path: Path) -> None:
    """The second start reads what the first wrote; a damaged cache changes nothing."""
    code = """
import ast, sys
from fixbench.provenance import room_hash
plain, count = ast.parse, []
ast.parse = lambda *given, **named: count.append(1) or plain(*given, **named)
print(room_hash("statistics"), len(count))
"""

    def start() -> tuple[str, int]:
        environment = os.environ | {"PYTHONPATH": str(PACKAGE.parent)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        value, parsed = done.stdout.split()
        return value, int(parsed)

    value, parsed = start()
    assert parsed > 10
    assert not list(tmp_path.iterdir())  # a folder for it is not made here
    (tmp_path / ".fixbench").mkdir()
    assert start() == (value, parsed)
    assert start() == (value, 0)
    cache = tmp_path / ".fixbench" / "imports.json"
    text = cache.read_text()
    # Cut off, of a parser that read something else, and no cache at all.
    for damage in (text[: len(text) // 2], text.replace('"parser": "', '"parser": "0'), "[]"):
        cache.write_text(damage)
        assert start() == (value, parsed)
        assert cache.read_text() == text
