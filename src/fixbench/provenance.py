"""What ran on what: code, lock file, inputs, device, libraries, time and memory.

A record holds times, so it is kept with the logs: results are the same bytes in every run.
"""

from __future__ import annotations

import datetime
import hashlib
import importlib.util
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

import fixbench
from fixbench.ablation import Ablation
from fixbench.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = [
    "Stopwatch",
    "code_hash",
    "file_hash",
    "git_state",
    "library_versions",
    "lock_files",
    "package_hash",
    "read_provenance",
    "record",
    "write_json",
]

_PACKAGE = Path(fixbench.__file__).parent
_LIBRARIES = ("fixbench", "torch", "numpy", "scipy", "pandas", "snakemake", "dvc")
#: The parts of the package that every job's result depends on.
_JOB_CODE = ("job.py", "results.py", "training", "datasets")
#: Files of an ablation folder that say what is asked and how it is scheduled, not what is computed.
_NOT_CODE = ("ablation.yaml", "claims.yaml", "findings.yaml", "rule.smk")


@dataclass
class Stopwatch:
    """Wall and CPU time (children included) since it was made."""

    started: datetime.datetime = field(default_factory=lambda: datetime.datetime.now(datetime.UTC))
    _wall: float = field(default_factory=time.perf_counter)
    _cpu: float = field(default_factory=lambda: _cpu_seconds())

    def seconds(self) -> tuple[float, float]:
        """Wall and CPU time, seconds."""
        return time.perf_counter() - self._wall, _cpu_seconds() - self._cpu


def record(
    *,
    root: Path,
    ablation_name: str,
    variant: str,
    tier: str,
    seeds: Sequence[int],
    environment: str,
    inputs: Mapping[str, str],
    code: str,
    device: torch.device,
    threads: int,
    stopwatch: Stopwatch,
    outputs: Iterable[Path],
) -> dict[str, Any]:
    """The provenance of one finished job, ready for JSON.

    Args:
        inputs: tracked folder → hash.
        code: the job's `code_hash`.
        outputs: files written, to be hashed.
    """
    wall, cpu = stopwatch.seconds()
    return {
        "ablation": ablation_name,
        "variant": variant,
        "tier": tier,
        "seeds": list(seeds),
        "started": stopwatch.started.isoformat(timespec="seconds"),
        "wall_seconds": round(wall, 3),
        "cpu_seconds": round(cpu, 3),
        "peak_memory_bytes": _peak_memory(),
        "code": {"version": fixbench.__version__, "sha256": code, **_revision(root)},
        "runtime": _runtime(),
        "lock": {
            path.relative_to(root).as_posix(): file_hash(path)
            for path in lock_files(root, environment)
        },
        "inputs": dict(inputs),
        "outputs": {_relative(path, root): file_hash(path) for path in outputs},
        "device": _device(device),
        "threads": threads,
        "libraries": library_versions(),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def read_provenance(path: Path) -> dict[str, Any]:
    """Read what `record` made.

    Raises:
        InputError: the file is missing or is not a provenance record.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or "libraries" not in content:
        raise InputError(path, "", expected="a provenance record; run the job that writes it")
    return content


def write_json(path: Path, content: Any) -> None:
    """Write JSON, atomically, with a fixed layout.

    A number that is not finite, which JSON does not have, becomes "NaN" or "Infinity".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        plain = json.loads(to_json(content, inf_nan_mode="strings"))
        text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def code_hash(ablation: Ablation, folder: Path) -> str:
    """SHA-256 of the source that a job's result depends on.

    The system (its package, or the ablation folder that holds it or the command's scripts) and
    the shared layers below it; not the statistics, the reports or the claims.

    Raises:
        InputError: the system's module cannot be found.
    """
    parts = [_PACKAGE / name for name in _JOB_CODE]
    if ablation.system is not None and not ablation.system.endswith(".py"):
        parts.append(_module_source(ablation.system, folder))
    else:
        parts.append(folder)
    return _tree_hash(parts)


def package_hash(*parts: str) -> str:
    """SHA-256 of modules and subpackages of fixbench, such as ``"statistics"``."""
    return _tree_hash([_PACKAGE / part for part in parts])


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def lock_files(root: Path, environment: str) -> list[Path]:
    """The lock files of an environment: one, or one for each kind of machine."""
    return sorted((root / "envs").glob(f"{environment}*.lock"))


def git_state(root: Path) -> dict[str, Any]:
    """``commit`` and ``dirty`` of the checkout, both ``"unknown"`` outside one."""
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "dirty": "unknown"}


def _launched() -> dict[str, Any]:
    """What the launcher knows and a container cannot see: the revision, engine and image."""
    content: dict[str, Any] = json.loads(os.environ.get("FIXBENCH_LAUNCH", "{}"))
    return content


def _revision(root: Path) -> dict[str, Any]:
    return _launched().get("code") or git_state(root)


def _runtime() -> dict[str, Any]:
    """The container that this process is in, as its launcher or Apptainer itself says."""
    if (launched := _launched().get("runtime")) is not None:
        return dict(launched)
    image = os.environ.get("APPTAINER_CONTAINER")
    return {"engine": "apptainer" if image else "none", "image": image}


def library_versions() -> dict[str, str]:
    """Version of each library that results rest on; ``"not installed"`` where it is not."""
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions | {"fixbench": fixbench.__version__}


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _module_source(module: str, folder: Path) -> Path:
    try:
        spec = importlib.util.find_spec(module)
    except ModuleNotFoundError:
        spec = None
    if spec is None or spec.origin is None:
        raise InputError(
            folder / "ablation.yaml",
            "system",
            module,
            expected="a module that can be imported, or a .py file relative to the folder",
        )
    source = Path(spec.origin)
    return source.parent if spec.submodule_search_locations else source


def _tree_hash(parts: Iterable[Path]) -> str:
    """Over names relative to each part, so that moving a checkout changes nothing."""
    digest = hashlib.sha256()
    for part in parts:
        files = [part] if part.is_file() else sorted(p for p in part.rglob("*") if p.is_file())
        for path in files:
            name = path.relative_to(part.parent).as_posix()
            hidden = any(piece.startswith((".", "__pycache__")) for piece in name.split("/"))
            if hidden or path.name in _NOT_CODE or path.suffix == ".md":
                continue
            digest.update(f"{name}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def _device(device: torch.device) -> dict[str, str]:
    if device.type != "cuda":
        return {"type": device.type, "name": _processor(), "driver": "none"}
    import torch

    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        driver = subprocess.run(query, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        driver = "unknown"
    return {
        "type": "cuda",
        "name": torch.cuda.get_device_name(device),
        "driver": driver.split("\n")[0].strip() or "unknown",
        "cuda": str(torch.version.cuda),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_memory() -> int:
    """Largest resident set of this process or of one of its children, bytes."""
    usage = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in usage)
    return peak if sys.platform == "darwin" else peak * 1024  # kilobytes elsewhere


def _relative(path: Path, root: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()
