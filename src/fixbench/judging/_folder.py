"""The folder of given results: an ablation that can be edited and judged again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from fixbench.errors import InputError
from fixbench.files import write_text
from fixbench.judging._cells import MISSING
from fixbench.judging._given import Given
from fixbench.judging._proposal import RESULTS, TIER
from fixbench.results import COLUMNS, UNDEFINED, write_rows

__all__ = ["Kept", "place_claims", "place_files", "rows_of", "write_given"]

_HEAD = "# Written by `fixbench judge`; sha256 of the lines below: "
_ADVICE = {
    "ablation.yaml": "# Title, question, units and threats may be edited.\n",
    "claims.yaml": (
        "# Edit these claims, then run `fixbench judge` on this folder. They were proposed after\n"
        "# the results: nothing here is pre-registered.\n"
    ),
}

#: File → whether what stood there was kept.
Kept = dict[str, bool]


def place_files(folder: Path, texts: Mapping[str, str], *, force: bool) -> Kept:
    """Write the files of an ablation, without replacing what a person wrote.

    A file that was edited is kept where the same would be proposed as when it was written.

    Args:
        texts: name of a file → what is proposed.
        force: replace what was edited.

    Raises:
        InputError: an edited file stands where something else is proposed now.
    """
    kept: Kept = {}
    for name, text in texts.items():
        kept[name] = not force and _keeps(folder / name, text)
    for name, text in texts.items():
        if not kept[name]:
            write_text(folder / name, f"{_HEAD}{_digest(text)}\n{_ADVICE[name]}{text}")
    return kept


def place_claims(folder: Path, text: str, *, force: bool) -> None:
    """Write claims that were chosen as ``claims.yaml``.

    Raises:
        InputError: other claims stand there, and were edited.
    """
    path = folder / "claims.yaml"
    if not force and path.exists() and _read(path) != text and _proposed(path)[1]:
        expected = "the claims of --claims, or claims that nobody edited; --force replaces them"
        raise InputError(path, "", expected=expected)
    write_text(path, text)


def _keeps(path: Path, text: str) -> bool:
    if not path.exists():
        return False
    digest, edited = _proposed(path)
    if not edited:
        return False
    if digest is None:
        expected = "no file that `fixbench judge` did not write; --force replaces it"
        raise InputError(path, "", expected=expected)
    if _digest(text) == digest:
        return True
    expected = (
        "the file as it was proposed: it was edited since, and other results or options propose "
        f"another one; judge the folder {path.parent} as it is, or let --force replace the file"
    )
    raise InputError(path, "", expected=expected)


def _proposed(path: Path) -> tuple[str | None, bool]:
    """The digest of what was proposed, of a file that we wrote; and whether it was edited."""
    content = _read(path)
    found = re.match(re.escape(_HEAD) + r"([0-9a-f]{64})\n", content)
    if found is None:
        return None, True
    body = content[found.end() :].removeprefix(_ADVICE[path.name])
    return found[1], _digest(body) != found[1]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(path, "", expected=f"a text file that can be read ({error})") from None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def rows_of(given: Given, name: str) -> pd.DataFrame:
    """The values as rows of results; what is missing has the status ``undefined``.

    A missing value is no failure: like one that does not exist it is counted and named.
    """
    rows = []
    for (variant, metric, stage), values in given.values.items():
        for seed, value in values.items():
            status = UNDEFINED if value.status == MISSING else value.status
            rows.append((name, variant, seed, stage, 0, metric, value.number, "1", status))
    frame = pd.DataFrame(rows, columns=[*COLUMNS])
    return frame.sort_values(["variant", "seed", "metric", "stage"], kind="stable")


def write_given(folder: Path, given: Given, files: Mapping[str, str]) -> Path:
    """Write the rows, in the form of rows that were collected from many jobs.

    No claim is recorded with them, so that every claim counts as written after the results.

    Args:
        files: name of a file that they came from → its SHA-256.
    """
    frame = rows_of(given, folder.name)
    write_rows(
        folder / RESULTS,
        frame,
        metadata={
            "ablation": folder.name,
            "tier": TIER,
            "files": dict(files),
            "seeds": {
                str(name): sorted(set(seeds.tolist()))
                for name, seeds in frame.groupby("variant")["seed"]
            },
            "labels": {"variants": given.labels, "seeds": given.seeds},
            "claims": {},
            "metrics": {},
            "options": {},
        },
    )
    return folder / RESULTS
