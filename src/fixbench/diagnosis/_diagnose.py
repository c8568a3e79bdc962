"""All checks, in the order in which they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from fixbench.diagnosis._checkout import check_data, check_folder, check_git
from fixbench.diagnosis._finding import Finding
from fixbench.diagnosis._machine import (
    check_disk,
    check_encoding,
    check_home,
    check_memory,
    check_temporary,
)
from fixbench.diagnosis._packages import check_packages, check_python, check_torch
from fixbench.diagnosis._places import check_cluster, check_engines

__all__ = ["CHECKS", "diagnose"]

#: Each takes the working directory and yields a finding or several.
CHECKS: Mapping[str, Callable[[Path], Iterator[Finding]]] = {
    "python": check_python,
    "packages": check_packages,
    "torch": check_torch,
    "folder": check_folder,
    "data": check_data,
    "git": check_git,
    "engines": check_engines,
    "cluster": check_cluster,
    "disk": check_disk,
    "memory": check_memory,
    "temporary files": check_temporary,
    "home": check_home,
    "encoding": check_encoding,
}


def diagnose(root: Path) -> Iterator[Finding]:
    """Every finding, as soon as it is made.

    Args:
        root: the working directory of a run.
    """
    for check in CHECKS.values():
        yield from check(root)
