"""The record of a job: code, lock files, inputs, device, libraries, time and memory.

A record holds times, so it is kept with the logs: results are the same bytes in every run.
"""

from __future__ import annotations

import datetime
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

import fixbench
from fixbench.errors import InputError
from fixbench.provenance._hashes import file_hash, lock_files

if TYPE_CHECKING:
    import torch

__all__ = ["Stopwatch", "git_state", "library_versions", "read_provenance", "record"]

_LIBRARIES = ("fixbench", "torch", "numpy", "scipy", "pandas", "snakemake", "dvc")


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
    data_seed: int | None = None,
) -> dict[str, Any]:
    """The provenance of one finished job, ready for JSON.

    Args:
        inputs: tracked or drawn folder → hash.
        code: the job's `code_hash`.
        outputs: files written, to be hashed.
        data_seed: of the data draw that the job read, if it read one; a key only then.
    """
    wall, cpu = stopwatch.seconds()
    return {
        "ablation": ablation_name,
        "variant": variant,
        "tier": tier,
        "seeds": list(seeds),
        **({} if data_seed is None else {"data_seed": data_seed}),
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
        **_scheduler(),
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
        expected = "a provenance record; delete it and the results that it speaks of, and run the "
        raise InputError(path, "", expected=f"{expected}job again")
    return content


def git_state(root: Path) -> dict[str, Any]:
    """``commit`` and ``dirty`` of the checkout, both ``"unknown"`` outside one."""
    try:
        commit = _git(root, "rev-parse", "HEAD").strip()
        return {"commit": commit, "dirty": bool(_git(root, "status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "dirty": "unknown"}


def _scheduler() -> dict[str, Any]:
    """The job of a cluster that this process is in, as Slurm tells it; nothing elsewhere."""
    names = {"job": "SLURM_JOB_ID", "partition": "SLURM_JOB_PARTITION", "node": "SLURMD_NODENAME"}
    found = {key: os.environ[name] for key, name in names.items() if name in os.environ}
    return {"slurm": found} if "job" in found else {}


def _launched() -> dict[str, Any]:
    """What only the launcher of a container knows: the revision, the engine and the image."""
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
