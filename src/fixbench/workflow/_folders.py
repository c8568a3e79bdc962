"""The folders of ablations, and folders to write in."""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Sequence
from pathlib import Path

import fixbench
from fixbench.errors import InputError
from fixbench.files import whole_folder, write_text

__all__ = [
    "RULES",
    "SNAKEFILE",
    "check_new_name",
    "check_writable",
    "find_ablations",
    "new_ablation",
    "template",
]

#: The pipeline, which a repository's Snakefile takes as a module.
SNAKEFILE = str(Path(__file__).parent / "rules" / "Snakefile")
#: The rules of the pipeline, beside which an ablation's own rule stands.
RULES = frozenset({"all", "analyse", "claims", "data", "draw", "job", "look", "report"})
#: How a rule is named in a file: by itself, or as one that inherits.
_RULE = re.compile(
    r"^\s*(?:(?:rule|checkpoint)\s+(\w+)\s*:|use\s+rule\s+\w+(?:\s+from\s+\w+)?\s+as\s+(\w+))", re.M
)
#: Names of ablations are names of folders and files.
_LONGEST = 100


def find_ablations(
    folder: Path,
    names: Sequence[str] = (),
    *,
    file: str | Path | None = None,
    key: str = "ablation",
) -> list[str]:
    """The ablations in ``folder``, sorted; those named, if any are.

    Args:
        file, key: where the names were given, for the message; in ``folder`` by default.

    Raises:
        InputError: there is none, or not one of that name, or the name cannot be used.
    """
    found = sorted(path.parent.name for path in folder.glob("*/ablation.yaml"))
    if not found:
        raise InputError(folder, "", expected="folders with an ablation.yaml")
    for name in names:
        if name not in found:
            raise InputError(file or folder, key, name, expected=f"one of {', '.join(found)}")
    chosen = sorted(set(names)) or found
    for name in chosen:
        if expected := _unfit(name):
            raise InputError(folder / name, "name", name, expected=expected)
    return chosen


def _unfit(name: str) -> str | None:
    """Why a folder cannot be an ablation's: its name is a word in commands and file names."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) is None:
        return (
            "a name of letters from a to z, digits, '_', '.' and '-', the first one of the former"
        )
    if len(name) > _LONGEST:
        return f"a name of at most {_LONGEST} characters"
    if name in RULES:
        return f"a name that no rule of the pipeline has: not {', '.join(sorted(RULES))}"
    return None


def check_writable(folder: Path) -> None:
    """Refuse a folder that could not be made or written to, before hours are spent.

    Raises:
        InputError: it is no folder, or its permissions forbid it.
    """
    existing = folder
    while not os.path.lexists(existing) and existing != existing.parent:
        existing = existing.parent
    if not os.path.isdir(existing):
        raise InputError(folder, "", expected=f"a folder, but {existing} is a file; remove it")
    if not os.access(existing, os.W_OK | os.X_OK, effective_ids=True):
        raise InputError(folder, "", expected=f"permission to write in {existing}")


def _rules_of(folder: Path) -> dict[str, Path]:
    """Rule → its file, of the ablations in ``folder``. What cannot be read has none."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*/rule.smk")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        for match in _RULE.finditer(text):
            found.setdefault(match[1] or match[2], path)
    return found


def new_ablation(folder: Path, name: str) -> Path:
    """Write an ablation that runs, with a system of its own, and return its folder.

    Raises:
        InputError: the name is taken, as a folder or by a rule of another ablation, or cannot name
            a Snakemake rule; or ``folder`` is none, or cannot be written. Nothing was written.
    """
    check_new_name(folder, name)
    source = template()
    with whole_folder(folder / name) as partial:
        for path in sorted(source.glob("*.*")):
            text = path.read_text(encoding="utf-8").replace("__NAME__", name)
            write_text(partial / path.name, text)
    return folder / name


def template() -> Path:
    """The folder of the files that a new ablation starts with."""
    return Path(fixbench.__file__).parent / "template"


def check_new_name(folder: Path, name: str) -> None:
    """Refuse a name that no new ablation in ``folder`` can have.

    Raises:
        InputError: as `new_ablation`.
    """
    target = folder / name
    expected = None
    taken = _rules_of(folder)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
        expected = "letters from a to z, digits and underscores, the first no digit"
    elif len(name) > _LONGEST:
        expected = f"at most {_LONGEST} characters"
    elif keyword.iskeyword(name):
        expected = "a name that is no keyword of Python"
    elif name in RULES:
        expected = f"a name that no rule of the pipeline has: not {', '.join(sorted(RULES))}"
    elif os.path.lexists(target):
        expected = f"a new name; {target} exists"
    elif name in taken:
        expected = f"a name that no rule has; {taken[name]} has one"
    if expected is not None:
        raise InputError("fixbench new", "NAME", name, expected=expected)
    check_writable(folder)
