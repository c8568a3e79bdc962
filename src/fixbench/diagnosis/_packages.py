"""Python, the locked packages, and what torch sees."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fixbench.diagnosis._finding import Finding

__all__ = ["check_packages", "check_python", "check_torch"]

_LOCKED_PYTHON = (3, 11)
_OLDEST, _NEWEST = (3, 11), (3, 12)
#: Without these no ablation runs: what trains, the workflow, the tracked data.
_NEEDED = ("torch", "snakemake", "dvc")
_SHOWN = 4


def check_python(root: Path) -> Iterator[Finding]:
    """The interpreter that runs this."""
    found = ".".join(map(str, sys.version_info[:3]))
    if not _OLDEST <= sys.version_info[:2] <= _NEWEST:
        remedy = "use Python 3.11 (make PYTHON=/path/to/python3.11)"
        yield Finding(what="Python", state="problem", found=found, remedy=remedy)
    elif sys.version_info[:2] != _LOCKED_PYTHON:
        remedy = "the locked packages, and the published bytes, are those of Python 3.11"
        yield Finding(what="Python", state="note", found=found, remedy=remedy)
    else:
        yield Finding(what="Python", state="ok", found=found)


def check_packages(root: Path) -> Iterator[Finding]:
    """What is installed, beside the lock file."""
    installed = {name: _version(name) for name in _NEEDED}
    missing = [name for name, found in installed.items() if found is None]
    if missing:
        yield Finding(
            what="packages",
            state="problem",
            found=f"{', '.join(missing)} not installed",
            remedy="make environment, then source .venv/bin/activate; or pip install '.[all]'",
        )
        return
    lock = _lock(root, installed["torch"] or "")
    if lock is None:
        remedy = "run it in the checkout to compare versions with the locked ones"
        yield Finding(what="packages", state="note", found="no lock file in envs/", remedy=remedy)
        return
    pinned = _pinned(lock)
    differing = [
        f"{name} {found or 'not installed'} (locked: {wanted})"
        for name, wanted in pinned.items()
        if (found := _version(name)) != wanted
    ]
    where = lock.relative_to(root)
    if not differing:
        found = f"all {len(pinned)} of {where}"
        yield Finding(what="packages", state="ok", found=found)
        return
    more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    yield Finding(
        what="packages",
        state="note",
        found=f"{', '.join(differing[:_SHOWN])}{more}",
        remedy=f"make environment installs {where}; results of other versions differ in bytes",
    )


def check_torch(root: Path) -> Iterator[Finding]:
    """Whether torch can be imported, and which GPU it sees."""
    try:
        torch = importlib.import_module("torch")
    except ModuleNotFoundError:
        return  # the packages say so
    except (ImportError, OSError) as error:
        found = " ".join(f"torch cannot be imported: {error}".split())
        yield Finding(what="GPU", state="problem", found=found, remedy="make environment")
        return
    if torch.cuda.is_available():
        names = [torch.cuda.get_device_name(place) for place in range(torch.cuda.device_count())]
        yield Finding(
            what="GPU", state="ok", found=f"torch {torch.__version__}: {', '.join(names)}"
        )
        return
    from fixbench.containers import list_gpus

    if list_gpus():
        yield Finding(
            what="GPU",
            state="note",
            found=f"torch {torch.__version__} does not see the GPU of this machine",
            remedy="make clean, then make environment TORCH=cuda",
        )
        return
    found = f"torch {torch.__version__} sees none: jobs run on the CPU"
    yield Finding(what="GPU", state="note", found=found)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _lock(root: Path, torch: str) -> Path | None:
    """The lock of the build of torch that is installed; else the one that is there."""
    build = "cpu" if torch.endswith("+cpu") else "cuda"
    named = [root / "envs" / f"torch-{kind}.lock" for kind in (build, "cpu", "cuda")]
    return next((path for path in named if path.is_file()), None)


def _pinned(lock: Path) -> Mapping[str, str]:
    found = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.M)
    return dict(found)
