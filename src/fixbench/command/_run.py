"""One seed of a command: called, and its metrics read."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fixbench.ablation import Ablation, flatten
from fixbench.command._faults import fault, ran_out_of_memory
from fixbench.command._options import options_text
from fixbench.command._placeholders import fill_in, fill_path, option_words, override_words
from fixbench.command._preload import PreloadError, call_copy
from fixbench.command._process import call
from fixbench.command._python_call import python_call
from fixbench.command._readers import NoRowsError, read_declared
from fixbench.command._table import read_table
from fixbench.errors import InputError
from fixbench.results import RUN_METRIC, Row

__all__ = ["run_command"]


def run_command(
    ablation: Ablation,
    folder: Path,
    options: Mapping[str, Any],
    seed: int,
    *,
    root: Path,
    threads: int,
) -> list[Row]:
    """Run the command in the ablation's folder and read the metrics that it leaves.

    A command that ends with a status other than 0, for no reason of the machine, makes one row,
    with the status ``"failed"``. So does one that leaves no row, or nothing where ``metrics_from``
    says.

    Args:
        ablation: whose ``command`` it is.
        options: the variant's options, nested.
        root: the working directory of Fixbench, the command's ``{root}``.
        threads: for the libraries that read ``OMP_NUM_THREADS``.

    Raises:
        InputError: the command cannot be started, is ended by a signal or fails for another
            reason of the machine, which says nothing about the seed; or it leaves a row that cannot
            be accepted.
        MemoryError: it ran out of memory, as far as it says so.
    """
    command, reader, file = ablation.command, ablation.metrics_from, folder / "ablation.yaml"
    assert command is not None
    with _scratch() as scratch:
        words = _words(scratch, folder, options, seed, root)
        overrides = override_words(flatten(options))
        called = fill_in(command, {**words, "overrides": overrides})
        from_log = reader is not None and reader.path is None
        log = scratch / "log" if from_log else None
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        if ablation.preload:
            modules = ablation.preload
            try:
                status, printed = call_copy(
                    python_call(called), modules, folder, environment, log=log
                )
            except PreloadError as error:
                raise _not_preloaded(file, command, modules, error) from None
        else:
            status, printed = call(called, folder, environment, log=log)
        if status != 0:
            if ran_out_of_memory(printed):
                raise MemoryError(f"the command ended with status {status}")
            if (why := fault(status, printed)) is not None:
                raise _fault(file, command, seed, why)
            return _failed(seed, f"the command ended with status {status}")
        try:
            if reader is None:
                return read_table(Path(words["output"]), file, ablation, seed)
            path = log or folder / fill_path(reader.path or "", words)
            return read_declared(path, reader, file, ablation, seed)
        except NoRowsError as error:
            return _failed(seed, str(error))


def _fault(file: Path, command: str, seed: int, why: str) -> InputError:
    expected = (
        f"a command that starts and ends by itself: in seed {seed} {why}; that is no outcome of "
        "the experiment: mend it and run again, finished seeds are kept"
    )
    return InputError(file, "command", command, expected=expected)


def _not_preloaded(
    file: Path, command: str, modules: Sequence[str], error: PreloadError
) -> InputError:
    if not error.module:
        expected = f"a Python that can import what 'preload' names: {error}"
        return InputError(file, "command", command, expected=expected)
    key = f"preload.{modules.index(error.module)}"
    expected = f"a module that the command's Python can import before it is copied ({error})"
    return InputError(file, key, error.module, expected=expected)


def _failed(seed: int, why: str) -> list[Row]:
    print(f"seed {seed}: {why}", file=sys.stderr)
    return [Row("run", 0, RUN_METRIC, math.nan, "failed")]


def _words(
    scratch: Path, folder: Path, options: Mapping[str, Any], seed: int, root: Path
) -> dict[str, str]:
    """What stands in place of each placeholder but ``{overrides}``; makes the files."""
    files = {"options": scratch / "options.json", "options_yaml": scratch / "options.yaml"}
    for file in files.values():
        file.write_text(options_text(options), encoding="utf-8")
    work = scratch / "work"
    work.mkdir()
    return option_words(options) | {
        "seed": str(seed),
        "output": str(scratch / "metrics"),
        "work": str(work),
        "folder": str(folder.resolve()),
        "root": str(root.resolve()),
        **{name: str(file) for name, file in files.items()},
    }


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder of the command's own, gone afterwards.

    Raises:
        InputError: the machine has no place for it; that is no outcome of a run.
    """
    try:
        folder = tempfile.TemporaryDirectory(prefix="fixbench-")
    except OSError as error:
        expected = f"a folder in which files can be made ({error.strerror or error})"
        raise InputError("TMPDIR", "", os.environ.get("TMPDIR"), expected=expected) from None
    with folder as name:
        try:
            yield Path(name)
        except OSError as error:
            if isinstance(error, InputError) or name not in str(error.filename):
                raise
            expected = f"a folder with room for a run's files ({error.strerror or error})"
            raise InputError("TMPDIR", "", str(Path(name).parent), expected=expected) from error
