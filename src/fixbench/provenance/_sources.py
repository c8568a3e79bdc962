"""The source of a package: which of its modules a module imports.

The imports are read from the source; nothing is imported. That takes milliseconds, needs no
library that the modules need, and finds imports inside functions too. A name that is put together
while the program runs (``importlib.import_module(name)``) is not found.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Sources"]


class Sources:
    """The modules of a package on disk.

    Args:
        folder: the folder of the package; its name is the package's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def find(self, module: str) -> Path | None:
        """The file of a module by its dotted name, ``__init__.py`` for a package."""
        package, *parts = module.split(".")
        if package != self.folder.name:
            return None
        place = self.folder.joinpath(*parts)
        for path in (place / "__init__.py", place.parent / f"{place.name}.py"):
            if path.is_file():
                return path
        return None

    def closure(self, modules: Iterable[str], *, without: Sequence[str] = ()) -> set[Path]:
        """The files of the modules, of all that they import of the package, and so on.

        The packages on the way to a module are part of it, since importing it runs their
        ``__init__.py``. A module without code, such as an ``__init__.py`` that holds a docstring
        alone, is left out, and so is that of the whole package, which holds the version.

        Args:
            without: modules and packages that are not followed.
        """
        found: set[Path] = set()
        waiting = [name for module in modules for name in _with_packages(module)]
        seen: set[str] = set()
        while waiting:
            module = waiting.pop()
            path = self.find(module)
            excluded = any(f"{module}.".startswith(f"{name}.") for name in without)
            if path is None or excluded or module in seen:
                continue
            seen.add(module)
            if module == self.folder.name:
                continue
            if _read(path.read_bytes()).has_code:
                found.add(path)
            waiting += self.imports(path, module)
        return found

    def imports(self, path: Path, module: str = "") -> set[str]:
        """The names of the package's modules that the file at ``path`` imports.

        Args:
            module: the dotted name of the file, for relative imports; empty for a file outside
                the package.
        """
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        found: set[str] = set()
        for name, level, members in _read(path.read_bytes()).imports:
            target = name
            if level:
                above = package.split(".")[: len(package.split(".")) - level + 1]
                target = ".".join([*above, *([name] if name else [])])
            # `from package import member`: an attribute of the package, or a module in it.
            for candidate in (target, *(f"{target}.{member}" for member in members)):
                found.update(part for part in _with_packages(candidate) if self.find(part))
        return found


def _with_packages(module: str) -> list[str]:
    """A module and the packages that contain it: ``a.b.c`` → ``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


@dataclass(frozen=True)
class _Source:
    """What is read from one file.

    Attributes:
        imports: (module, number of leading dots, imported members) of each import.
        has_code: whether there is more in it than a docstring.
    """

    imports: tuple[tuple[str, int, tuple[str, ...]], ...]
    has_code: bool


@cache
def _read(content: bytes) -> _Source:
    """The imports of a source; a source that is not Python imports nothing, and nothing runs it."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError):
        return _Source((), True)
    found: list[tuple[str, int, tuple[str, ...]]] = []
    for statement in _statements(body):
        if isinstance(statement, ast.Import):
            found += [(alias.name, 0, ()) for alias in statement.names]
        elif isinstance(statement, ast.ImportFrom):
            members = tuple(alias.name for alias in statement.names)
            found.append((statement.module or "", statement.level, members))
    has_code = not all(
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in body
    )
    return _Source(tuple(found), has_code)


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """All statements, nested ones too, but for those that only a type checker reads."""
    for statement in body:
        yield statement
        blocks: list[Iterable[ast.stmt]] = [
            getattr(statement, name, ()) for name in ("body", "orelse", "finalbody")
        ]
        if isinstance(statement, ast.If) and _asks_for_type_checking(statement.test):
            blocks = [statement.orelse]
        inner = (*getattr(statement, "handlers", ()), *getattr(statement, "cases", ()))
        for block in (*blocks, *(part.body for part in inner)):
            yield from _statements(block)


def _asks_for_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"
