"""Disk, memory, temporary files, the home folder, and the encoding of text."""

from __future__ import annotations

import locale
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fixbench.diagnosis._finding import Finding
from fixbench.errors import InputError
from fixbench.reports import bytes_
from fixbench.workflow import check_writable

__all__ = ["check_disk", "check_encoding", "check_home", "check_memory", "check_temporary"]

#: A run of tier small leaves some 300 MB with its unpacked data.
_LEAST_DISK = 2**30
_ENOUGH_DISK = 5 * 2**30
#: What the shared rule lets a job take.
_JOB_MEMORY = 2000 * 2**20


def check_disk(root: Path) -> Iterator[Finding]:
    """The room where results go."""
    free = shutil.disk_usage(root).free
    found = f"{bytes_(free)} free"
    if free < _LEAST_DISK:
        remedy = "free 1 GiB or more: results and unpacked data need it"
        yield Finding(what="disk", state="problem", found=found, remedy=remedy)
    elif free < _ENOUGH_DISK:
        remedy = "enough for tier small; larger tiers and images need more"
        yield Finding(what="disk", state="note", found=found, remedy=remedy)
    else:
        yield Finding(what="disk", state="ok", found=found)


def check_memory(root: Path) -> Iterator[Finding]:
    """The memory for as many jobs at a time as there are cores."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    counted = "1 core" if cores == 1 else f"{cores} cores"
    found = f"{counted}, {bytes_(memory)}"
    if memory < cores * _JOB_MEMORY:
        jobs = max(1, int(memory // _JOB_MEMORY))
        remedy = f"a job may take {bytes_(_JOB_MEMORY)}: snakemake --cores {jobs}"
        yield Finding(what="memory", state="note", found=found, remedy=remedy)
    else:
        yield Finding(what="memory", state="ok", found=found)


def check_temporary(root: Path) -> Iterator[Finding]:
    """Whether there is a place for temporary files."""
    try:
        place = tempfile.gettempdir()
    except OSError as error:
        remedy = "set TMPDIR to a folder that can be written to"
        found = str(error.strerror or error)
        yield Finding(what="temporary files", state="problem", found=found, remedy=remedy)
        return
    yield Finding(what="temporary files", state="ok", found=place)


def check_home(root: Path) -> Iterator[Finding]:
    """Whether Snakemake, which keeps a cache there, can write to the home folder."""
    cache = os.environ.get("XDG_CACHE_HOME")
    place = Path(cache) if cache else Path("~/.cache").expanduser()
    try:
        check_writable(place)
    except InputError as error:
        yield Finding(
            what="home",
            state="problem",
            found=str(error),
            remedy="set HOME, or XDG_CACHE_HOME, to a folder that can be written to",
        )
        return
    yield Finding(what="home", state="ok", found=f"{place} can be written to")


def check_encoding(root: Path) -> Iterator[Finding]:
    """Whether text with signs beyond ASCII can be printed and read."""
    names = {"files": locale.getpreferredencoding(False), "output": sys.stdout.encoding or "none"}
    other = [f"{what} {name}" for what, name in names.items() if not _is_unicode(name)]
    if other:
        remedy = "set LC_ALL=C.UTF-8, or PYTHONUTF8=1: messages have signs such as − and ±"
        yield Finding(what="encoding", state="note", found=", ".join(other), remedy=remedy)
    else:
        yield Finding(what="encoding", state="ok", found="UTF-8")


def _is_unicode(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") == "utf8"
