"""The source of a package: which of its modules a module imports.

The imports are read from the source; nothing is imported. That needs no library that the modules
need, and finds imports inside functions too, ``import_module("a.literal")`` and
``__import__("a.literal")``. Two more ways to import are known: the submodules that a package names
to `fixbench.lazy.lazy_names` count as imported by it, and a package whose ``__init__.py`` lists its
own modules (``iter_modules``, ``walk_packages``) imports all of them. A name that is put together
while the program runs (``import_module(name)``) is not found otherwise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path

from fixbench.provenance._imports import Parsed, parsed

__all__ = ["Sources", "local_modules"]


class Sources:
    """The modules of a package on disk.

    Args:
        folder: the folder of the package; its name is the package's.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, Path | None] = {}

    def find(self, module: str) -> Path | None:
        """The file of a module by its dotted name, ``__init__.py`` for a package."""
        if module not in self._found:
            self._found[module] = self._look(module)
        return self._found[module]

    def _look(self, module: str) -> Path | None:
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
            source = _read(path.read_bytes())
            if source.has_code:
                found.add(path)
            waiting += self.imports(path, module)
            if source.lists_modules and path.name == "__init__.py":
                waiting += self._below(path.parent)
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

    def _below(self, folder: Path) -> Iterator[str]:
        """The dotted names of all modules below a folder of the package."""
        for path in folder.rglob("*.py"):
            parts = path.relative_to(self.folder.parent).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def local_modules(path: Path) -> set[Path]:
    """A file, and what it imports from the folder that it stands in, and so on.

    A module beside it counts with its file, a package beside it with all its Python files.
    """
    found: set[Path] = set()
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        for name, _, members in _read(current.read_bytes()).imports:
            for top in {name.partition(".")[0]} if name else set(members):
                module, package = path.parent / f"{top}.py", path.parent / top
                waiting += [module] if module.is_file() else []
                waiting += package.rglob("*.py") if package.is_dir() else []
    return found


def _with_packages(module: str) -> list[str]:
    """A module and the packages that contain it: ``a.b.c`` → ``a``, ``a.b``, ``a.b.c``."""
    parts = module.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]


@cache
def _read(content: bytes) -> Parsed:
    """The imports of a source, parsed once for each content."""
    return parsed(content, _parse)


def _parse(content: bytes) -> Parsed:
    """A source that is not Python imports nothing, and nothing runs it."""
    try:
        body = ast.parse(content).body
    except (SyntaxError, ValueError):
        return Parsed((), has_code=True)
    lazy = b"lazy_names" in content
    found: list[tuple[str, int, tuple[str, ...]]] = []
    lists_modules = False
    for node in _nodes(body, with_types=lazy):
        if isinstance(node, ast.Import):
            found += [(alias.name, 0, ()) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            members = tuple(alias.name for alias in node.names)
            found.append((node.module or "", node.level, members))
        elif isinstance(node, ast.Call):
            function = _name(node.func)
            if function in ("iter_modules", "walk_packages"):
                lists_modules = True
            elif function in ("import_module", "__import__"):
                found += _literal(node.args[:1])
            elif function == "lazy_names":
                keys = [k for part in node.args if isinstance(part, ast.Dict) for k in part.keys]
                found += [(name, level + 1, ()) for name, level, _ in _literal(keys)]
    has_code = not all(
        isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) for line in body
    )
    return Parsed(tuple(found), has_code=has_code, lists_modules=lists_modules)


def _literal(nodes: Sequence[ast.expr | None]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """The names of modules that stand there as text; dots in front make them relative."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value.lstrip(".")
            yield name, len(node.value) - len(name), ()


def _nodes(body: Iterable[ast.AST], *, with_types: bool) -> Iterator[ast.AST]:
    """All nodes, but for those that only a type checker reads, unless ``with_types``."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and _name(node.test) == "TYPE_CHECKING" and not with_types:
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _name(node: ast.expr) -> str:
    """The last part of a dotted name; empty for anything else."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
