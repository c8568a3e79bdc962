"""Hashes of the source that a result, a verdict or a report depends on."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import fixbench
from fixbench.ablation import Ablation
from fixbench.errors import InputError
from fixbench.provenance._imports import keep_parsed
from fixbench.provenance._sources import Sources, local_modules
from fixbench.reading import read_source

__all__ = ["code_hash", "file_hash", "lock_files", "module_hash", "room_hash"]

_PACKAGE = Path(fixbench.__file__).parent
#: What runs every job, whatever its system.
_JOB = "fixbench.job"
#: What runs a job's command; a job with a system does not use it.
_COMMAND = "fixbench.command"
#: What `_JOB` imports of these is no part of a result's code: they read options and verify inputs,
#: and the request of a job holds the options as resolved and the inputs' hashes.
_IN_REQUEST = tuple(
    f"fixbench.{name}" for name in ("ablation", "draws", "provenance", "reading", "tracking")
)
#: Files right in an ablation's folder that say what is asked and how it is scheduled, or describe
#: it: not what is computed. Of the same name in a folder below they count.
_NOT_CODE = (
    "ablation.yaml",
    "claims.yaml",
    "citations.yaml",
    "findings.yaml",
    "references.bib",
    "rule.smk",
    "README.md",
)


def code_hash(ablation: Ablation, folder: Path, *, package: Path = _PACKAGE) -> str:
    """SHA-256 of the source that a job's result depends on.

    That is the *import closure* of the system and of what runs every job: their modules, the
    modules of fixbench that those import, and so on. A module that the system does not import,
    such as the reader of another data set, is no part of it. A system of another package counts
    with the whole package, from its top, one in the ablation's folder, or a command, with the whole
    folder, each with the closure of what its Python files import of fixbench. A system outside the
    folder (``../shared.py``) counts besides, with what it imports of the folder that it stands in.

    Of an ablation's folder every file counts, behind links too, but for hidden files, compiled
    ones, and, right in it, ``ablation.yaml``, ``claims.yaml``, ``citations.yaml``,
    ``findings.yaml``, ``references.bib``, ``rule.smk`` and ``README.md``.

    The modules that read the ablation file and verify the inputs are left out where only the job
    imports them: what they contribute, the resolved options and the hashes of inputs, is in the
    job's request. The statistics, the reports and the text of claims are no part of it either.

    Args:
        folder: the ablation's folder.
        package: the folder of fixbench.

    Raises:
        InputError: the system's module cannot be found.
    """
    sources = Sources(package)
    system = ablation.system
    unused = () if system is None else (_COMMAND,)
    files = sources.closure([_JOB], without=(*_IN_REQUEST, *unused))
    if system is None or system.endswith(".py"):
        return _digest(sources, files, [*_in_folder(folder), *_outside(folder, system)])
    if system.partition(".")[0] == package.name:
        found = sources.find(system)
        if found is None:
            raise _no_module(folder, system)
        files |= sources.closure([system])
        # Data of the system's own, which it opens rather than imports.
        files |= {path for path in _files(_whole(found)) if path.suffix != ".py"}
        return _digest(sources, files)
    return _digest(sources, files, list(_installed(folder, system)))


def room_hash(room: str, *, without: Sequence[str] = (), package: Path = _PACKAGE) -> str:
    """SHA-256 of a room of fixbench and of all rooms that it uses.

    A room is a module or package right below fixbench, such as ``"analysis"`` or ``"reports"``. It
    counts as a whole, with templates and with modules that it finds by itself instead of
    importing them by name.

    Args:
        without: rooms that do not matter, and are not followed.
        package: the folder of fixbench.

    Raises:
        ValueError: there is no such room.
    """
    sources = Sources(package)
    files: set[Path] = set()
    waiting, seen = [room], set(without)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found = sources.find(f"{package.name}.{name}")
        if found is None:
            raise ValueError(f"there is no {package.name}.{name}")
        for path in _files(_whole(found)):
            files.add(path)
            if path.suffix == ".py":
                module = _module_name(path, package)
                waiting += [
                    imported.split(".")[1]
                    for imported in sources.imports(path, module)
                    if "." in imported
                ]
    return _digest(sources, files)


def module_hash(module: str, *, package: Path = _PACKAGE) -> str:
    """SHA-256 of a module of fixbench and of those that it imports, such as a generator's.

    Args:
        package: the folder of fixbench.

    Raises:
        ValueError: there is no such module.
    """
    sources = Sources(package)
    if sources.find(module) is None:
        raise ValueError(f"there is no {module}")
    return _digest(sources, sources.closure([module]))


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lock_files(root: Path, environment: str) -> list[Path]:
    """The lock files of an environment: one, or one for each kind of machine."""
    return sorted((root / "envs").glob(f"{environment}*.lock"))


def _digest(sources: Sources, files: set[Path], own: Iterable[tuple[str, Path]] = ()) -> str:
    """Over contents and names, none of which says where the checkout is.

    Args:
        files: files of fixbench.
        own: (name, file) of what does not belong to fixbench; what it imports of fixbench is added.
    """
    own = list(own)
    imported = {
        module for _, path in own if path.suffix == ".py" for module in sources.imports(path)
    }
    files = files | sources.closure(imported)
    top = sources.folder.parent
    named = [*own, *((path.relative_to(top).as_posix(), path) for path in files)]
    digest = hashlib.sha256()
    for name, path in sorted(named):
        digest.update(f"{name}\0{file_hash(path)}\n".encode())
    keep_parsed()
    return digest.hexdigest()


def _files(place: Path) -> list[Path]:
    """A file, or the files of a folder that are neither hidden, compiled nor a README.md."""
    if place.is_file():
        return [place]
    return [path for path in _walk(place) if path.name != "README.md"]


def _walk(folder: Path, above: Collection[Path] = ()) -> Iterator[Path]:
    """The files below a folder that are neither hidden nor compiled, behind links too.

    Args:
        above: the folders that led here, as they are on disk: a link back to one is not followed.
    """
    here = folder.resolve()
    if here in above:
        return
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name == "__pycache__":
            continue
        if path.is_dir():
            yield from _walk(path, (*above, here))
        elif path.is_file():
            yield path


def _in_folder(folder: Path) -> list[tuple[str, Path]]:
    """The code in an ablation's folder, by names with which it can be moved."""
    return [
        (path.relative_to(folder.parent).as_posix(), path)
        for path in _walk(folder)
        if path.relative_to(folder).as_posix() not in _NOT_CODE
    ]


def _outside(folder: Path, system: str | None) -> list[tuple[str, Path]]:
    """A system that stands outside the ablation's folder, with what it imports from beside it."""
    if system is None:
        return []
    path = (folder / system).resolve()
    if path.is_relative_to(folder.resolve()) or not path.is_file():  # refused by who loads it
        return []
    return [
        (f"../{found.relative_to(path.parent).as_posix()}", found) for found in local_modules(path)
    ]


def _whole(found: Path) -> Path:
    """The folder of a package, the file of a module."""
    return found.parent if found.name == "__init__.py" else found


def _module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _installed(folder: Path, module: str) -> Iterator[tuple[str, Path]]:
    """The files of the package outside fixbench, from its top, that the ablation names.

    A namespace package counts with all its folders.
    """
    top = module.partition(".")[0]
    try:
        spec, wanted = importlib.util.find_spec(top), importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = wanted = None
    if spec is None or wanted is None:
        raise _no_module(folder, module)
    places = [Path(place) for place in spec.submodule_search_locations or ()]
    if not places and spec.has_location and spec.origin is not None:
        places = [Path(spec.origin)]
    if not places:
        raise _no_module(folder, module)
    for place in places:
        for path in _files(place):
            yield path.relative_to(place.parent).as_posix(), path


def _no_module(folder: Path, module: str) -> InputError:
    expected = "a module that can be imported, or a .py file relative to the folder"
    file = folder / "ablation.yaml"
    if not file.is_file():
        return InputError(file, "system", module, expected=expected)
    return read_source(file).problem(("system",), module, expected=expected)
