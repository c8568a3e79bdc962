"""A repository that Fixbench's pipeline runs in: ``fixbench init``."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fixbench.errors import InputError
from fixbench.files import whole_folder, write_text
from fixbench.workflow._folders import check_new_name, check_writable
from fixbench.workflow._from_command import Asked, new_from_command
from fixbench.workflow._settings import CONFIG, Settings

__all__ = ["WORKFLOW_FILES", "init_repository"]

_WHERE = "fixbench init"
#: Where Snakemake looks for a workflow, in its order: one beside another would be shadowed.
WORKFLOW_FILES = ("Snakefile", "snakefile", "workflow/Snakefile", "workflow/snakefile")
_TEXTS = Path(__file__).parent / "repository"
_ABLATIONS = Path(Settings().folder)


def init_repository(name: str = "example", asked: Asked | None = None) -> list[str]:
    """Write a Snakefile, a configuration and one ablation into the working directory.

    Args:
        name: the ablation's.
        asked: the command that it runs; an example with a script of its own when omitted.

    Returns:
        The files written.

    Raises:
        InputError: one of these files exists, or cannot be written, or the name or the command is
            refused as for a new ablation. Nothing was written.
    """
    for path in WORKFLOW_FILES:
        if os.path.lexists(path):
            expected = (
                "no workflow in this folder; one that exists takes Fixbench's rules as a module, "
                "from fixbench.workflow.SNAKEFILE (docs/repository.md)"
            )
            raise InputError(path, "", expected=expected)
    if os.path.lexists(CONFIG):
        raise InputError(CONFIG, "", expected="no such file: it would be replaced")
    for folder in (Path(), CONFIG.parent, _ABLATIONS):
        check_writable(folder)
    with _none_or_all() as made:
        try:
            check_new_name(_ABLATIONS, name)
            if asked is None:
                folder = _example(name)
            else:
                folder, _ = new_from_command(_ABLATIONS, name, asked)
        except InputError as error:
            if error.file != "fixbench new":
                raise
            raise InputError(_WHERE, error.key, error.value, expected=error.expected) from None
        made(folder)
        for target, source in ((CONFIG, "config.yaml"), (Path("Snakefile"), "Snakefile")):
            write_text(target, (_TEXTS / source).read_text(encoding="utf-8"))
            made(target)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.as_posix() for path in (Path("Snakefile"), CONFIG, *files)]


def _example(name: str) -> Path:
    folder = _ABLATIONS / name
    with whole_folder(folder) as partial:
        for path in sorted((_TEXTS / "example").glob("*.*")):
            text = path.read_text(encoding="utf-8").replace("__NAME__", name)
            write_text(partial / path.name, text)
    return folder


@contextmanager
def _none_or_all() -> Iterator[Callable[[Path], None]]:
    """Remove what the block has made if it fails, with the folders that are empty then."""
    made: list[Path] = []
    there = [folder for folder in (CONFIG.parent, _ABLATIONS) if folder.is_dir()]
    try:
        yield made.append
    except BaseException:
        for path in made:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for folder in (CONFIG.parent, _ABLATIONS):
            if folder not in there and folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        raise
