"""Hashes of the source that a result, a verdict or a report depends on."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path

import fixbench
from fixbench.ablation import Ablation
from fixbench.errors import InputError
from fixbench.provenance._sources import Sources

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
#: Files of an ablation folder that say what is asked and how it is scheduled, not what is computed.
_NOT_CODE = ("ablation.yaml", "claims.yaml", "findings.yaml", "rule.smk")


def code_hash(ablation: Ablation, folder: Path, *, package: Path = _PACKAGE) -> str:
    """SHA-256 of the source that a job's result depends on.

    That is the *import closure* of the system and of what runs every job: their modules, the
    modules of fixbench that those import, and so on. A module that the system does not import,
    such as the reader of another data set, is no part of it. A system of another package counts
    with the whole package, one in the ablation's folder, or a command, with the whole folder, each
    with the closure of what its Python files import of fixbench.

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
        return _digest(sources, files, _with_names(folder))
    if system.partition(".")[0] == package.name:
        found = sources.find(system)
        if found is None:
            raise _no_module(folder, system)
        files |= sources.closure([system])
        # Data of the system's own, which it opens rather than imports.
        files |= {path for path in _files(_whole(found)) if path.suffix != ".py"}
        return _digest(sources, files)
    return _digest(sources, files, _with_names(_installed(folder, system)))


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
    return digest.hexdigest()


def _files(place: Path) -> list[Path]:
    """A file, or the files of a folder that are neither hidden, compiled nor documentation."""
    if place.is_file():
        return [place]
    return [
        path
        for path in place.rglob("*")
        if path.is_file()
        and path.suffix != ".md"
        and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(place).parts)
    ]


def _with_names(place: Path) -> list[tuple[str, Path]]:
    """The code at ``place``, named relative to it, so that moving it changes nothing."""
    return [
        (path.relative_to(place.parent).as_posix(), path)
        for path in _files(place)
        if path.name not in _NOT_CODE
    ]


def _whole(found: Path) -> Path:
    """The folder of a package, the file of a module."""
    return found.parent if found.name == "__init__.py" else found


def _module_name(path: Path, package: Path) -> str:
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _installed(folder: Path, module: str) -> Path:
    """The package or module, outside fixbench, that the ablation in ``folder`` names."""
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise _no_module(folder, module)
    source = Path(spec.origin)
    return source.parent if spec.submodule_search_locations else source


def _no_module(folder: Path, module: str) -> InputError:
    expected = "a module that can be imported, or a .py file relative to the folder"
    return InputError(folder / "ablation.yaml", "system", module, expected=expected)
