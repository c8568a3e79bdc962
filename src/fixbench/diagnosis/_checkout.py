"""The working directory: is it a checkout that can be written to, with its data?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from fixbench import tracking
from fixbench.diagnosis._finding import Finding
from fixbench.errors import InputError
from fixbench.provenance import git_state
from fixbench.workflow import check_writable

__all__ = ["check_data", "check_folder", "check_git"]


def check_folder(root: Path) -> Iterator[Finding]:
    """Whether a run can start here and write its results."""
    missing = [
        name
        for name in ("Snakefile", "config/config.yaml", "ablations")
        if not (root / name).exists()
    ]
    if missing:
        yield Finding(
            what="folder",
            state="problem",
            found=f"no {', '.join(missing)} in {root.resolve()}",
            remedy="change to the checkout, or write them with `fixbench init`; `fixbench judge` "
            "needs none",
        )
        return
    try:
        for name in ("results", "logs", "reports", ".fixbench", ".snakemake"):
            check_writable(root / name)
    except InputError as error:
        remedy = f"give {error.expected}"
        yield Finding(what="folder", state="problem", found=str(error), remedy=remedy)
        return
    yield Finding(what="folder", state="ok", found="all that a run needs, and it can be written to")


def check_data(root: Path) -> Iterator[Finding]:
    """Whether tracked data and checkpoints are there, or can be brought without network."""
    pointers = [top for top in tracking.FOLDERS if (root / f"{top}.dvc").is_file()]
    if not pointers:
        yield Finding(
            what="tracked data",
            state="problem",
            found=f"no {' or '.join(f'{top}.dvc' for top in tracking.FOLDERS)}",
            remedy="change to the checkout of Fixbench",
        )
        return
    again = "delete what it names, then run `fixbench data pull`"
    try:
        lacking = tracking.missing_objects(root)
        missing = [] if lacking else tracking.missing_files(root)
    except InputError as error:
        yield Finding(what="tracked data", state="problem", found=str(error), remedy=again)
        return
    if lacking:
        yield Finding(
            what="tracked data",
            state="problem",
            found=f"{len(lacking)} of its files are neither there nor in .dvc/store",
            remedy="git checkout .dvc/store, or dvc pull from another remote",
        )
    elif missing:
        found = f"{len(missing)} files are not unpacked yet; all are in .dvc/store"
        remedy = "a run unpacks them; `fixbench data pull` does so now"
        yield Finding(what="tracked data", state="note", found=found, remedy=remedy)
    else:
        yield Finding(what="tracked data", state="ok", found="there, with the tracked hashes")


def check_git(root: Path) -> Iterator[Finding]:
    """Whether a run can record its revision."""
    if shutil.which("git") is None:
        remedy = "install git: without it records name no revision"
        yield Finding(what="git", state="note", found="not installed", remedy=remedy)
        return
    state = git_state(root)
    if state["commit"] == "unknown":
        remedy = "records of a run then name no revision; their hashes of code stand"
        yield Finding(what="git", state="note", found="not a repository", remedy=remedy)
        return
    edited = ", with changes that are not committed" if state["dirty"] else ""
    yield Finding(what="git", state="ok", found=f"commit {state['commit'][:12]}{edited}")
