"""What the server has imported before a job asks, and whether it is still what the files say."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import fixbench
from fixbench.ablation import load_ablation

__all__ = ["Warmth"]

#: What every job imports sooner or later. torch imports its compiler for the first optimiser.
_MODULES = (
    "fixbench.job",
    "fixbench.cli._progress",
    "torch._dynamo",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
)
_PACKAGE = Path(fixbench.__file__).parent


class Warmth:
    """Imported modules, and the state of their files when they were imported."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[int, int]] = {}
        self._prepared: set[Path] = set()
        for name in _MODULES:
            importlib.import_module(name)
        self._note()

    def holds(self) -> bool:
        """Whether no file of this package has changed since it was imported.

        A job's record names the code on disk, so that it must be the code that runs.
        """
        return all(_state(file) == state for file, state in self._files.items())

    def prepare(self, arguments: Sequence[str], folder: Path) -> None:
        """Import the system that ``fixbench run ABLATION …`` will need, if it is one of ours.

        A system of somebody else's is imported by its own job. Problems are the job's to report.
        """
        with contextlib.suppress(Exception):
            place = "ablations"
            if "--ablations" in arguments:
                place = arguments[arguments.index("--ablations") + 1]
            file = folder / place / arguments[1] / "ablation.yaml"
            if file in self._prepared:
                return
            self._prepared.add(file)
            system = load_ablation(file).system
            if system and system.startswith("fixbench.systems."):
                importlib.import_module(system)
                self._note()

    def _note(self) -> None:
        gc.collect()
        gc.freeze()  # or the first collection of every copy would copy all pages
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            if file and file not in self._files and _PACKAGE in Path(file).parents:
                self._files[file] = _state(file)


def _state(file: str) -> tuple[int, int]:
    try:
        status = os.stat(file)
    except FileNotFoundError:
        return 0, 0
    return status.st_mtime_ns, status.st_size
