"""Any program as a system: started in the shell once a seed, it leaves its metrics in a file."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fixbench.errors import InputError
from fixbench.results import RUN_METRIC, Row

__all__ = ["check_command", "fill_in", "run_command"]

#: A word of a command that ends so is a script.
_SCRIPTS = (".py", ".sh")
#: Exit statuses of a shell that could not start a command.
_NOT_STARTED = {126: "the shell cannot execute it", 127: "the shell does not find it"}


def check_command(file: Path, command: str) -> None:
    """Refuse a command that is not told where to write, or whose script is not there.

    Args:
        file: the ablation file, in whose folder the command runs.

    Raises:
        InputError: it has no ``{output}``; or a word of it that ends in ``.py`` or ``.sh`` names no
            file. ``{root}`` in it is the working directory.
    """
    if "{output}" not in command:
        expected = "a command with {output}, the path to which it writes its metrics"
        raise InputError(file, "command", command, expected=expected)
    try:
        words = shlex.split(command)
    except ValueError:  # quotes that only a shell understands, such as in a comment
        return
    for word in words:
        name = word.replace("{root}", str(Path().resolve()))
        # What the shell makes of a variable, a pattern or a list of commands is not known here.
        if not name.endswith(_SCRIPTS) or re.search(r"[$`*?~{}()<>|&;=]", name):
            continue
        if "cd" in words or (file.parent / name).is_file():
            continue
        expected = f"a script that is there: the command runs in {file.parent}, without {name}"
        raise InputError(file, "command", word, expected=expected)


def run_command(
    command: str,
    folder: Path,
    options: Mapping[str, Any],
    seed: int,
    *,
    root: Path,
    threads: int,
) -> list[Row]:
    """Run the command in the ablation's folder and read the metrics that it leaves.

    A command that ends with a status other than 0 makes one row, with the status ``"failed"``.

    Args:
        options: the variant's options, written to the JSON file ``{options}``.
        root: the working directory of Fixbench, the command's ``{root}``.
        threads: for the libraries that read ``OMP_NUM_THREADS``.

    Raises:
        InputError: the command cannot be started, which says nothing about the seed, or leaves
            something other than metrics.
    """
    file = folder / "ablation.yaml"
    with _scratch() as scratch:
        output, request = scratch / "metrics", scratch / "options.json"
        request.write_text(json.dumps(options, sort_keys=True), encoding="utf-8")
        words = {"seed": str(seed), "options": str(request), "output": str(output)}
        called = fill_in(command, {**words, "root": str(root.resolve())})
        status = _call(called, folder, os.environ | {"OMP_NUM_THREADS": str(threads)})
        if status in _NOT_STARTED:
            expected = f"a command that starts: {_NOT_STARTED[status]} (status {status})"
            raise InputError(file, "command", command, expected=expected)
        if status != 0:
            print(f"seed {seed}: the command ended with status {status}", file=sys.stderr)
            return [Row("run", 0, RUN_METRIC, math.nan, "failed")]
        return _read_metrics(output, file)


def fill_in(command: str, words: Mapping[str, str]) -> str:
    """A shell command with each ``{name}`` replaced by its word, whatever is in the word.

    The shell sees the word as it is, with its spaces, dollars and quotes: it is escaped as its
    place asks, within single quotes, within double quotes or outside of them.
    """
    filled, quote, position = "", "", 0
    while position < len(command):
        name = next((n for n in words if command.startswith(f"{{{n}}}", position)), None)
        if name is not None:
            filled += _escaped(words[name], quote)
            position += len(name) + 2
            continue
        character = command[position]
        if character == "\\" and quote != "'":
            filled += command[position : position + 2]
            position += 2
            continue
        if character == quote:
            quote = ""
        elif not quote and character in "'\"":
            quote = character
        filled += character
        position += 1
    return filled


def _escaped(word: str, quote: str) -> str:
    if quote == '"':
        return re.sub(r'([\\"$`])', r"\\\1", word)
    return word.replace("'", "'\"'\"'") if quote else shlex.quote(word)


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
        yield Path(name)


def _call(command: str, folder: Path, environment: Mapping[str, str]) -> int:
    """Exit status of a shell command, all of whose processes end with this one."""
    process = None
    try:
        with _interrupts_held():
            process = subprocess.Popen(
                command, shell=True, cwd=folder, env=environment, stdout=2, start_new_session=True
            )
        return process.wait()
    except BaseException:
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        raise


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Interrupts come after the block: one amid a start would leave a process nobody knows of."""
    held: list[int] = []
    handlers = {
        number: signal.signal(number, lambda number, _: held.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for interrupt in held:
            signal.raise_signal(interrupt)


def _read_metrics(path: Path, file: Path) -> list[Row]:
    """Rows from Parquet, JSON lines or CSV, told apart by how the content begins."""

    def refuse(value: Any, expected: str, row: int | None = None) -> InputError:
        key = "command" if row is None else f"command: row {row} of {{output}}"
        return InputError(file, key, value, expected=expected)

    try:
        start = path.read_bytes()[:64].lstrip()
        if start.startswith(b"PAR1"):
            frame = pd.read_parquet(path)
        elif start.startswith(b"{"):
            frame = pd.read_json(path, lines=True)
        else:
            frame = pd.read_csv(path)
    except FileNotFoundError:
        raise refuse(None, "a command that writes its metrics to {output}") from None
    except (ValueError, OSError) as error:
        raise refuse(str(error), "metrics as CSV, JSON lines or Parquet at {output}") from None
    required, columns = {"metric", "value"}, set(frame.columns)
    if not required <= columns <= required | {"stage", "step", "status"}:
        expected = "the columns metric and value, and optionally stage, step and status"
        raise refuse(sorted(map(str, columns)), expected)
    rows: dict[tuple[str, int, str], Row] = {}
    for number, record in enumerate(frame.to_dict("records"), start=1):
        try:
            value, step = float(record["value"]), int(record.get("step", 0))
        except (TypeError, ValueError):
            expected = "a number as value and a whole number as step"
            raise refuse(record, expected, number) from None
        status = record.get("status")
        if not isinstance(status, str):
            status = "ok" if math.isfinite(value) else "diverged"
        stage, metric = str(record.get("stage", "run")), str(record["metric"])
        if (stage, step, metric) in rows:
            expected = (
                f"each metric once for a stage and step; {metric!r} of stage {stage!r} at step "
                f"{step} stands twice: tell repeated measurements apart by stage or step"
            )
            raise refuse(record, expected, number)
        rows[stage, step, metric] = Row(stage, step, metric, value, status)
    return list(rows.values())
