"""Any program as a system: started in the shell once a seed, it leaves its metrics in a file."""

from __future__ import annotations

import contextlib
import csv
import io
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
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

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
    """Rows from what the command left."""

    def refuse(value: Any, expected: str, row: int | None = None, column: str = "") -> InputError:
        key = "command" if row is None else f"command: row {row} of {{output}}"
        return InputError(file, f"{key}: {column}" if column else key, value, expected=expected)

    try:
        content = path.read_bytes()
        records = _records(content)
    except FileNotFoundError:
        raise refuse(None, "a command that writes its metrics to {output}") from None
    except (ValueError, OSError, csv.Error) as error:
        raise refuse(str(error), "metrics as CSV, JSON lines or Parquet at {output}") from None
    if not records:
        raise refuse(None, "at least one row of metrics in {output}")
    rows: dict[tuple[str, int, str], Row] = {}
    for number, record in enumerate(records, start=1):
        columns = set(record)
        if not _REQUIRED <= columns <= _COLUMNS:
            expected = "the columns metric and value, and optionally stage, step and status"
            found = sorted(map(str, columns))
            # The columns of a table are the same in all rows.
            raise refuse(found, expected, None if number == 1 else number)
        value, step = _number(record["value"]), _whole(record.get("step"))
        if value is None:
            raise refuse(record["value"], "a number, or nan", number, "value")
        if step is None:
            expected = "a whole number from 0 to 9223372036854775807"
            raise refuse(record["step"], expected, number, "step")
        texts = {name: _label(record.get(name)) for name in ("metric", "stage", "status")}
        for name, text in texts.items():
            if text is None:
                raise refuse(record[name], "a text", number, name)
        metric, stage = texts["metric"] or "", texts["stage"] or "run"
        if not metric:
            raise refuse(None, "the name of a metric", number, "metric")
        status = texts["status"] or ("ok" if math.isfinite(value) else "diverged")
        if (stage, step, metric) in rows:
            expected = (
                f"each metric once for a stage and step; {metric!r} of stage {stage!r} at step "
                f"{step} stands twice: tell repeated measurements apart by stage or step"
            )
            raise refuse(record, expected, number)
        rows[stage, step, metric] = Row(stage, step, metric, value, status)
    return list(rows.values())


_REQUIRED = frozenset({"metric", "value"})
_COLUMNS = _REQUIRED | {"stage", "step", "status"}


def _records(content: bytes) -> list[dict[str, Any]]:
    """The rows of Parquet, JSON lines or CSV, told apart by how the content begins.

    Texts stay as they are written: ``NA``, ``None``, ``01`` and ``1.10`` are labels, not numbers
    and not missing.

    Raises:
        ValueError: it is none of these; a line has other columns than the header, or is no object.
        csv.Error: it is no CSV.
    """
    start = content[:64].lstrip()
    if start.startswith(b"PAR1"):
        table = pq.read_table(pa.BufferReader(content))
        return list(table.to_pylist())
    text = content.decode("utf-8-sig")
    if not start.startswith((b"{", b"[")):
        return _csv_records(text)
    records = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            # Numbers in labels keep their digits: 1.10 is not 1.1.
            record = json.loads(line, parse_float=_Written, parse_int=_Written)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not isinstance(record, dict):
            raise ValueError(f"line {number}: one JSON object on each line, not a list or a value")
        records.append(record)
    return records


class _Written(str):
    """A number as it is written in JSON."""

    __slots__ = ()


def _csv_records(text: str) -> list[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next((row for row in reader if row), None)
    if header is None:
        raise ValueError("nothing is there")
    if len(set(header)) < len(header):
        raise ValueError(f"a column stands twice in the header {header}")
    records = []
    for row in reader:
        if not row:
            continue
        if len(row) != len(header):
            raise ValueError(
                f"line {reader.line_num}: {len(row)} values under {len(header)} columns"
            )
        records.append(dict(zip(header, row, strict=True)))
    return records


def _number(value: Any) -> float | None:
    """A number; NaN for what is missing; ``None`` for anything else."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return math.nan if str(value).strip().lower() in ("na", "null") else float(value)
    except (ValueError, OverflowError):
        return None


def _whole(value: Any) -> int | None:
    """A step: 0 for what is missing; ``None`` for anything but a whole number that fits."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        exact = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    if not exact.is_finite() or not 0 <= exact < 2**63 or exact != exact.to_integral_value():
        return None
    return int(exact)


def _label(value: Any) -> str | None:
    """A label as it is written: "" for what is missing; ``None`` for what is no text or number."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, str):
        return str(value).strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
