"""Data draws: data sets generated with other seeds than the tracked ones, as a factor of a tier.

A draw of ``data/NAME`` lies in ``.fixbench/data/NAME/DRAW/``, and its record, with the hash of what
is in it, in ``.fixbench/data/NAME/DRAW.json``. Both are made by the data set's generator, with the
number of the draw as its seed, and can be made again at any time: nothing here is tracked. A job
reads a draw at the place of the tracked input.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fixbench.ablation import Ablation
from fixbench.datasets.generators import GENERATORS, generate_into
from fixbench.errors import InputError
from fixbench.files import write_json

__all__ = [
    "block_label",
    "check_drawable",
    "draw_folder",
    "draw_record",
    "forget_damaged",
    "generator_of",
    "is_drawn",
    "job_inputs",
    "make_draw",
    "recorded_folders",
    "split_block",
    "verify_draw",
]

_TOP = "data/"
_PLACE = Path(".fixbench", "data")


def draw_folder(name: str, data_seed: int) -> Path:
    """Where a draw of the input ``name``, such as ``"data/alignment"``, lies; relative."""
    return _PLACE / name.removeprefix(_TOP) / str(data_seed)


def draw_record(name: str, data_seed: int) -> Path:
    """The record of a draw: what it is, and the hash of its files; relative."""
    folder = draw_folder(name, data_seed)
    return folder.with_name(f"{folder.name}.json")


def block_label(seeds: str, data_seed: int | None) -> str:
    """What a job is called: its block of seeds, and its data draw: ``"0-4.data-1"``."""
    return seeds if data_seed is None else f"{seeds}.data-{data_seed}"


def split_block(label: str) -> tuple[str, int | None]:
    """The inverse of `block_label`; what does not end like a draw is all seeds."""
    match = re.fullmatch(r"(.+)\.data-(\d+)", label)
    return (label, None) if match is None else (match[1], int(match[2]))


def is_drawn(name: str) -> bool:
    """Whether the input ``name`` has a generator."""
    return name.startswith(_TOP) and name.removeprefix(_TOP) in GENERATORS


def generator_of(name: str) -> str:
    """The module that generates the input ``name``, which has a generator."""
    return GENERATORS[name.removeprefix(_TOP)].split(":")[0]


def check_drawable(file: Path, ablation: Ablation) -> None:
    """Refuse inputs under ``draws`` that nothing generates.

    Args:
        file: the ablation file.

    Raises:
        InputError: one has no generator.
    """
    for index, name in enumerate(ablation.draws):
        if not is_drawn(name):
            known = ", ".join(f"{_TOP}{known}" for known in GENERATORS)
            expected = f"an input with a generator: {known}"
            raise InputError(file, f"draws.{index}", name, expected=expected)


def make_draw(root: Path, name: str, data_seed: int) -> str:
    """Generate a draw and its record, each whole or not at all; equal seeds give equal bytes.

    Args:
        root: the working directory.

    Returns:
        The SHA-256 of names and contents.

    Raises:
        InputError: the input has no generator, or the folder cannot be written.
    """
    if not is_drawn(name):
        known = ", ".join(f"{_TOP}{known}" for known in GENERATORS)
        raise InputError("fixbench data draw", "FOLDER", name, expected=f"one of {known}")
    record = root / draw_record(name, data_seed)
    # Killed in between, it leaves no record of other files.
    record.unlink(missing_ok=True)
    folder = root / draw_folder(name, data_seed)
    generate_into(folder, name.removeprefix(_TOP), seed=data_seed)
    found = _folder_hash(folder)
    write_json(record, {"folder": name, "data_seed": data_seed, "sha256": found})
    return found


def verify_draw(root: Path, name: str, data_seed: int) -> str:
    """The SHA-256 of a draw, whose files are those that its record has.

    Raises:
        InputError: it was not made, or its files are others.
    """
    record, folder = root / draw_record(name, data_seed), root / draw_folder(name, data_seed)
    again = f"run `fixbench data draw {name} --data-seed {data_seed}`"
    try:
        recorded = json.loads(record.read_text(encoding="utf-8"))["sha256"]
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(record, "", expected=f"the record of a data draw; {again}") from None
    found = _folder_hash(folder)
    if found != recorded:
        expected = f"files with the recorded hash {recorded}; {again}"
        raise InputError(folder, "sha256", found, expected=expected)
    return found


def forget_damaged(root: Path, name: str, data_seed: int) -> None:
    """Remove the record of a draw whose files are others, so that it is made again."""
    if (root / draw_record(name, data_seed)).exists():
        try:
            verify_draw(root, name, data_seed)
        except InputError:
            (root / draw_record(name, data_seed)).unlink()


def recorded_folders(files: Iterable[str]) -> list[str]:
    """The folders of the data draws whose records are among ``files``."""
    paths = map(Path, files)
    return [str(path.with_suffix("")) for path in paths if path.is_relative_to(_PLACE)]


@contextmanager
def job_inputs(
    root: Path, inputs: Sequence[str], drawn: Sequence[str], data_seed: int | None
) -> Iterator[Path]:
    """The folder that a job finds its inputs below: ``root``, unless some of them are drawn.

    With a draw it is a folder of links, gone afterwards: of ``drawn`` to the draw, of the other
    ``inputs`` to the tracked ones. The system finds each at its usual path.

    Raises:
        InputError: the machine has no place for it.
    """
    if data_seed is None:
        yield root
        return
    try:
        scratch = tempfile.TemporaryDirectory(prefix="fixbench-")
    except OSError as error:
        expected = f"a folder in which links can be made ({error.strerror or error})"
        raise InputError("TMPDIR", "", expected=expected) from None
    with scratch as place:
        for name in inputs:
            target = root / (draw_folder(name, data_seed) if name in drawn else name)
            link = Path(place, name)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(target.resolve())
        yield Path(place)


def _folder_hash(folder: Path) -> str:
    """Over the sorted names of files and their contents; of no files where there is no folder."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()
