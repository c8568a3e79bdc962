"""Ablation files and outputs of commands, changed at random: ``python -m tests.faults.fuzz``.

Each is accepted, or refused by the one exception that a user reads. Anything else is a finding: it
is printed with its number, and ``--first NUMBER --cases 1`` makes it again. Exit status 1.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import math
import random
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from fixbench.ablation import Ablation, MetricsFrom, load_ablation
from fixbench.command import check_command
from fixbench.command._collected import NoRowsError
from fixbench.command._readers import read_declared
from fixbench.command._table import read_table
from fixbench.errors import InputError
from fixbench.reading import parse_seeds
from fixbench.results import RUN_METRIC, UNDECLARED, Row, read_results, write_results
from fixbench.verdicts import check_claims

__all__ = ["Finding", "fuzz"]

FIXTURES = Path(__file__).parents[1] / "fixtures" / "ablations"
#: Values that somebody may write in place of any other.
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**63, 2**64 - 1, 0.5, -0.0, 1e308, math.nan, math.inf),
    *("", " ", "NA", "null", "~", "é", "a b", "../..", "/", "*", "{x}", "$HOME", "'", '"', "#"),
    *("0-9", "9-0", "1e5", "a" * 300, "\u2028", "\ud7ff", "x/y", "loss/*", "run"),
    *([], {}, [[]], [None], {"a": None}, {"": ""}, {"a.b": 1}, [1, 2, 3], {1: 2}),
)
PARTS = (
    *("metric", "value", "stage", "step", "status", "mean", "loss", "run", "ok", "undefined"),
    *("1", "0", "-1", "0.5", "1e400", "1e-400", "nan", "inf", "-inf", "NA", "null", "true", ""),
    *(",", "\n", "\r\n", "\t", '"', "'", "{", "}", "[", "]", ":", " ", "\0", "\ufeff", "\u2028"),
    *("9223372036854775807", "9223372036854775808", "1_0", "٣", "é", "\\", "PAR1", "\x1b[31m"),
)
TABLES = (
    "metric,value,stage,step,status\nmean,1,a,0,ok\nmean,2,a,1,\nother,nan,b,,\n",
    '{"metric": "mean", "value": 1.5, "step": 3}\n{"metric": "mean", "value": null}\n',
    "step,loss,mean\n0,1,2\n1,,3\n",
    '{"mean": [1, 2, null], "at": [1, 2, 3], "deep": {"loss": "0.5", "x": [[1]]}}',
    "epoch 1 loss=0.5 mean 3\nepoch 2 loss=nan\n",
)
READERS: tuple[dict[str, Any], ...] = (
    {"kind": "csv", "path": "{output}"},
    {"kind": "csv", "path": "{output}", "step": "step", "metrics": {"mean": "mean"}},
    {"kind": "json", "path": "{output}"},
    {"kind": "json", "path": "{output}", "step": "at", "metrics": {"mean": "deep.loss"}},
    {"kind": "regex", "pattern": r"(?P<metric>\w+)[= ](?P<value>\S+)"},
    {"kind": "regex", "patterns": {"mean": r"(?:epoch (?P<step>\S+) )?.*=(?P<value>.*)"}},
)


class Finding(Exception):  # noqa: N818
    """A case that was neither accepted nor refused."""


def fuzz(number: int, folder: Path) -> None:
    """One case.

    Raises:
        Finding: with its number and the traceback.
    """
    chance = random.Random(number)
    case = chance.choice((_ablation_file, _table, _declared, _seeds))
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            case(chance, folder)
    except (InputError, NoRowsError) as error:
        if not str(error).strip() or "\n" in str(error):
            raise Finding(f"case {number}: no message of one line: {str(error)!r}") from None
    except Exception:
        raise Finding(f"case {number} ({case.__name__}):\n{traceback.format_exc()}") from None


def _ablation_file(chance: random.Random, folder: Path) -> None:
    name = chance.choice(("toy", "toy_command"))
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(FIXTURES / name, place, ignore=shutil.ignore_patterns("__pycache__"))
    files = [path for path in sorted(place.iterdir()) if path.suffix == ".yaml"]
    changed = chance.choice(files)
    text = changed.read_text()
    if chance.random() < 0.6:
        content = yaml.safe_load(text)
        for _ in range(chance.randint(1, 3)):
            _replace_node(chance, content)
        text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    else:
        text = _edited(chance, text, (*PARTS, "  ", "- ", ": ", "&a ", "*a", "!!int ", "? ", "|"))
    changed.write_text(text, encoding="utf-8", errors="replace")
    ablation = load_ablation(place / "ablation.yaml")
    check_claims(ablation, place / "claims.yaml")
    if ablation.command is not None:
        check_command(place / "ablation.yaml", ablation)
    for tier in ablation.tiers:
        in_tier = ablation.at(tier)
        for variant in in_tier.variants:
            in_tier.options(variant)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    keys: list[Any] = []
    if isinstance(content, dict):
        keys = list(content)
    elif isinstance(content, list):
        keys = list(range(len(content)))
    for key in keys:
        yield content, key
        yield from _places(content[key])


def _replace_node(chance: random.Random, content: Any) -> None:
    places = list(_places(content))
    if not places:
        return
    container, key = chance.choice(places)
    kind = chance.randrange(4)
    if kind == 0:
        del container[key]
    elif kind == 1 and isinstance(container, dict):
        container[chance.choice(("extra", "", "run", "a.b", 1, None))] = copy.deepcopy(
            chance.choice(ODD)
        )
    elif kind == 2:
        other, where = chance.choice(places)
        container[key] = copy.deepcopy(other[where])
    else:
        container[key] = copy.deepcopy(chance.choice(ODD))


def _edited(chance: random.Random, text: str, parts: tuple[str, ...]) -> str:
    for _ in range(chance.randint(1, 6)):
        start = chance.randint(0, len(text))
        end = min(len(text), start + chance.choice((0, 0, 1, 3, 20)))
        text = text[:start] + chance.choice(parts) + text[end:]
    return text


def _content(chance: random.Random) -> bytes:
    if chance.random() < 0.2:
        columns = chance.sample(("metric", "value", "stage", "step", "status", "x"), 4)
        cells = [*ODD[:16], "mean", "loss", b"\xff", "ok", [1.0], {"a": 1}]
        table = {}
        for name in columns:
            with contextlib.suppress(pa.ArrowException, OverflowError, TypeError, ValueError):
                table[name] = pa.array([chance.choice(cells)] * 2)
        buffer = io.BytesIO()
        pq.write_table(pa.table(table), buffer)
        content = bytearray(buffer.getvalue())
        for _ in range(chance.choice((0, 0, 1, 4))):
            content[chance.randrange(len(content))] = chance.randrange(256)
        return bytes(content[: chance.choice((len(content), len(content), len(content) // 2))])
    if chance.random() < 0.1:
        return chance.randbytes(chance.randint(0, 60))
    text = _edited(chance, chance.choice(TABLES), PARTS)
    return text.encode(chance.choice(("utf-8", "utf-8", "utf-8", "utf-16")), errors="replace")


def _declaring(folder: Path) -> Ablation:
    return load_ablation(FIXTURES / "toy_command" / "ablation.yaml")


def _table(chance: random.Random, folder: Path) -> None:
    path = folder / "metrics"
    path.write_bytes(_content(chance))
    file = folder / "ablation.yaml"
    _kept(read_table(path, file, _declaring(folder), 0), folder)


def _declared(chance: random.Random, folder: Path) -> None:
    path = folder / "metrics"
    path.write_bytes(_content(chance))
    reader = MetricsFrom.model_validate(chance.choice(READERS))
    file = folder / "ablation.yaml"
    _kept(read_declared(path, reader, file, _declaring(folder), 0), folder)


def _kept(rows: list[Row], folder: Path) -> None:
    """What was accepted can be written, and is read as it was."""
    path = folder / "x.parquet"
    units = dict.fromkeys((row.metric for row in rows), UNDECLARED) | {RUN_METRIC: "1"}
    write_results(path, {0: rows}, ablation="a", variant="b", units=units, metadata={})
    frame = read_results([path], undeclared=True)
    columns = ["stage", "step", "metric", "status"]
    found = [tuple(row) for row in frame[columns].to_numpy().tolist()]
    assert found == [(row.stage, row.step, row.metric, row.status) for row in rows]
    assert all(
        a == b or (a != a and b != b)
        for a, b in zip(frame["value"].tolist(), (row.value for row in rows), strict=True)
    )


def _seeds(chance: random.Random, folder: Path) -> None:
    seeds = parse_seeds(_edited(chance, "0-4,7,10-12", ("0", "9", "-", ",", " ", "٣", "\n", "99")))
    assert seeds == sorted(set(seeds))
    assert len(seeds) <= 10_000


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--cases", type=int, default=sys.maxsize)
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    options = parser.parse_args(arguments)
    end = time.monotonic() + 60 * options.minutes
    number, found = options.first, 0
    run: Callable[[int, Path], None] = fuzz
    with tempfile.TemporaryDirectory(prefix="fuzz-") as name:
        while number - options.first < options.cases and time.monotonic() < end:
            try:
                run(number, Path(name))
            except Finding as finding:
                found += 1
                print(finding, flush=True)
            number += 1
    print(f"{number - options.first} cases, {found} findings")
    return int(found > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
