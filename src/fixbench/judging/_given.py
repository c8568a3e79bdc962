"""A table with known roles → the rows of runs, and what was found in them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fixbench.ablation import metric_problem
from fixbench.errors import InputError
from fixbench.judging._cells import MISSING, Value, is_missing, label, status_of, status_words
from fixbench.judging._cells import value_of as read_value
from fixbench.judging._roles import Layout, Roles, better_by_name, near
from fixbench.judging._tables import Place, Table

__all__ = [
    "DEFAULT_METRIC",
    "DEFAULT_STAGE",
    "WIDE",
    "Cell",
    "Given",
    "Reader",
    "Record",
    "only_metrics",
    "read_given",
]

DEFAULT_STAGE = "run"
#: What values are called where columns are variants.
DEFAULT_METRIC = "value"
_MOST_SEEDS = 10_000
#: ``baseline_seed3.csv``: variant and seed in the name of a file.
_NAMED = re.compile(r"(?P<variant>.+?)[-_. ]*(?:seed|run|rep|fold)[-_=. ]*(?P<seed>[0-9]+)", re.I)

#: Variant, metric and stage: what a claim reads.
Cell = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Given:
    """Results that were given: one value for each variant, seed, metric and stage.

    Attributes:
        labels: name → the label of the variant as it was written, in the order of the table.
        seeds: number → the label of the seed as it was written.
        paired: seeds are identities that variants share, not numbers that we gave.
        pairing: why, in words.
        values: cell → seed → its value; every seed of the variant is there, ``MISSING`` included.
        metrics: in the order of the table; stages: likewise.
        notes: what was done to the table that a reader must know.
    """

    layout: Layout
    roles: Mapping[str, str]
    labels: dict[str, str]
    seeds: dict[int, str]
    paired: bool
    pairing: str
    values: dict[Cell, dict[int, Value]]
    metrics: list[str]
    stages: list[str]
    unused: dict[str, str]
    notes: list[str] = field(default_factory=list)

    def seeds_of(self, cell: Cell) -> list[int]:
        """The seeds in which the cell has a value, or failed."""
        return [s for s, value in self.values[cell].items() if value.status != MISSING]

    def count(self) -> Counter[str]:
        """How many values there are of each status."""
        return Counter(v.status for cells in self.values.values() for v in cells.values())


@dataclass(frozen=True, slots=True)
class Record:
    """One value as it stands in the table."""

    variant: str
    seed: str | None
    metric: str
    stage: str
    step: float
    value: Value
    place: Place
    row: int


def read_given(table: Table, roles: Roles, *, unpaired: bool = False) -> Given:
    """The values of every run.

    Args:
        unpaired: seeds are numbers alone, and runs with the same seed no pairs.

    Raises:
        InputError: a cell is no value; a label is missing; a value is there twice; there is one
            variant only.
    """
    reader = Reader(table, roles)
    records = reader.records()
    notes = [*table.notes, *reader.notes]
    if roles.seed is not None and "fold" in re.split(r"[^a-z]+", roles.seed.lower()):
        notes.append(
            "Seeds are folds. Folds of one cross-validation share training data, so that they are "
            "not independent, and p-values and intervals promise too much."
        )
    if roles.step is not None:
        records = _last(records, roles.step)
        notes.append(f"Of each run the last value by {roles.step!r} is judged.")
    if roles.seed is None and not reader.seeds_in_names and roles.layout != WIDE:
        records, numbered = _numbered(records), True
    else:
        numbered = False
    _refuse_doubles(records, table, roles)
    labels = _names(list(dict.fromkeys(record.variant for record in records)), reader.file)
    if len(labels) < 2:
        only = next(iter(labels.values()), "")
        expected = "at least two variants, one of which is the baseline"
        raise InputError(reader.file, "variants", only, expected=expected)
    names = {text: name for name, text in labels.items()}
    seeds, paired, pairing = _seeds(records, numbered=numbered, unpaired=unpaired, file=reader.file)
    numbers = {text: number for number, text in seeds.items()}
    values: dict[Cell, dict[int, Value]] = {}
    runs: dict[str, set[int]] = {}
    for record in records:
        name, number = names[record.variant], numbers[_identity(record, paired, numbered)]
        values.setdefault((name, record.metric, record.stage), {})[number] = record.value
        runs.setdefault(name, set()).add(number)
    for (name, _, _), found in values.items():
        for number in runs[name]:
            found.setdefault(number, Value(math.nan, MISSING))
    # A cell of which nothing was ever measured is no cell.
    values = {
        cell: dict(sorted(found.items()))
        for cell, found in values.items()
        if any(value.status != MISSING for value in found.values())
    }
    if not values:
        expected = "a table in which at least one value is measured, or says why it is not"
        raise InputError(reader.file, "values", "all missing", expected=expected)
    return Given(
        layout=roles.layout,
        roles=_roles_text(roles, reader),
        labels=labels,
        seeds=seeds,
        paired=paired,
        pairing=pairing,
        values=values,
        metrics=list(dict.fromkeys(cell[1] for cell in values)),
        stages=list(dict.fromkeys(cell[2] for cell in values)),
        unused=dict(roles.unused),
        notes=notes,
    )


def only_metrics(given: Given, metrics: Sequence[str]) -> Given:
    """The same with these metrics alone; the one of columns that are variants gets its name.

    Raises:
        InputError: there is no such metric.
    """
    names = {metric: metric for metric in given.metrics}
    if given.layout == WIDE and len(metrics) == 1:
        if (problem := metric_problem(metrics[0])) is not None:
            raise InputError("metric", "", metrics[0], expected=problem)
        names = {DEFAULT_METRIC: metrics[0]}
    for metric in metrics:
        if metric not in names.values():
            expected = f"a metric: {near(metric, given.metrics)}"
            raise InputError("metric", "", metric, expected=expected)
    values = {
        (variant, names[metric], stage): found
        for (variant, metric, stage), found in given.values.items()
        if names[metric] in metrics
    }
    stages = list(dict.fromkeys(cell[2] for cell in values))
    kept = [names[metric] for metric in given.metrics if names[metric] in metrics]
    return replace(given, values=values, metrics=kept, stages=stages)


#: The layout without a name of a metric.
WIDE: Layout = "a column for each variant"


class Reader:
    """The values of a table, row by row."""

    def __init__(self, table: Table, roles: Roles) -> None:
        self._table, self._roles = table, roles
        self.file = ", ".join(table.files[:3]) + (", …" if len(table.files) > 3 else "")
        self.notes: list[str] = []
        self.seeds_in_names = False
        self._by_file = self._file_labels() if roles.by_file else {}

    def records(self) -> list[Record]:
        """One for each value, whatever its step."""
        found = []
        for row, place in enumerate(self._table.places):
            found += self._of_row(row, place)
        return found

    def _of_row(self, row: int, place: Place) -> list[Record]:
        roles, columns = self._roles, self._table.columns
        seed = None
        if roles.seed is not None:
            seed = self._label(roles.seed, row, place)
        elif roles.by_file:
            seed = self._by_file[place.file][1]
        elif roles.layout == WIDE:
            # A row is one seed: it has a value of every variant.
            seed = str(row)
        stage = "/".join(self._label(name, row, place) for name in roles.stage) or DEFAULT_STAGE
        step = 0.0
        if roles.step is not None:
            found = read_value(columns[roles.step][row])
            if isinstance(found, str) or found.status != "ok":
                expected = "a number, by which the values of a run are ordered"
                raise InputError(
                    str(place), roles.step, columns[roles.step][row], expected=expected
                )
            step = found.number
        state = "ok"
        if roles.status is not None:
            cell = columns[roles.status][row]
            known = status_of(cell)
            if known is None:
                expected = f"one of {status_words()}"
                raise InputError(str(place), roles.status, cell, expected=expected)
            state = known
        records = []
        for name in roles.values:
            value = self._value(name, row, place, state)
            if roles.layout == WIDE:
                variant, metric = name, DEFAULT_METRIC
            else:
                variant = self._variant(row, place)
                metric = self._label(roles.metric, row, place) if roles.metric else name
                if (problem := metric_problem(metric)) is not None:
                    column = roles.metric or "header"
                    raise InputError(str(place), column, metric, expected=problem)
            records.append(Record(variant, seed, metric, stage, step, value, place, row))
        return records

    def _value(self, name: str, row: int, place: Place, state: str) -> Value:
        cell = self._table.columns[name][row]
        found = read_value(cell)
        if isinstance(found, str):
            raise InputError(str(place), name, cell, expected=found)
        if state != "ok":
            return Value(math.nan, state)  # type: ignore[arg-type]
        return found

    def _variant(self, row: int, place: Place) -> str:
        if self._roles.by_file:
            return self._by_file[place.file][0]
        columns = self._roles.variant
        if len(columns) == 1:
            return self._label(columns[0], row, place)
        return ", ".join(f"{name}={self._label(name, row, place)}" for name in columns)

    def _label(self, name: str, row: int, place: Place) -> str:
        cell = self._table.columns[name][row]
        if is_missing(cell) or (isinstance(cell, float) and math.isnan(cell)):
            expected = "a label; which variant, seed, metric or stage a row is of cannot be blank"
            raise InputError(str(place), name, "", expected=expected)
        text = label(cell)
        if not text.isprintable():
            raise InputError(str(place), name, text, expected="a label of printable characters")
        return text

    def _file_labels(self) -> dict[str, tuple[str, str | None]]:
        """File → its variant and, where every name has one and no column does, its seed."""
        paths = {name: Path(name) for name in self._table.files}
        stems = {name: path.stem for name, path in paths.items()}
        if len(set(stems.values())) < len(stems):
            stems = {name: f"{path.parent.name}/{path.stem}" for name, path in paths.items()}
        matches = {name: _NAMED.fullmatch(stem) for name, stem in stems.items()}
        if self._roles.seed is None and all(matches.values()):
            self.seeds_in_names = True
            self.notes.append("Variants and seeds are those in the names of the files.")
            return {n: (m["variant"], m["seed"]) for n, m in matches.items() if m is not None}
        self.notes.append("Each file is a variant, called by its name.")
        return {name: (stem, None) for name, stem in stems.items()}


def _last(records: list[Record], step: str) -> list[Record]:
    """The last value of each run that is not missing, and the last row where all are."""
    found: dict[tuple[str, str | None, str, str], Record] = {}
    seen: dict[tuple[Any, ...], Record] = {}
    for record in records:
        key = (record.variant, record.seed, record.metric, record.stage)
        if record.value.status != MISSING:
            if (twin := seen.get((*key, record.step))) is not None:
                raise _twice(record, twin, f" at {step} {record.step:g}", "")
            seen[*key, record.step] = record
        known = found.get(key)
        empty = known is None or known.value.status == MISSING
        if empty or (record.value.status != MISSING and record.step > known.step):  # type: ignore[union-attr]
            found[key] = record
    return list(found.values())


def _numbered(records: list[Record]) -> list[Record]:
    """Runs without a seed: the n-th value of a variant, metric and stage is of its n-th run."""
    counts: Counter[tuple[str, str, str]] = Counter()
    made = []
    for record in records:
        key = (record.variant, record.metric, record.stage)
        made.append(
            Record(
                record.variant,
                str(counts[key]),
                record.metric,
                record.stage,
                record.step,
                record.value,
                record.place,
                record.row,
            )
        )
        counts[key] += 1
    return made


def _refuse_doubles(records: Sequence[Record], table: Table, roles: Roles) -> None:
    seen: dict[tuple[str, str | None, str, str], Record] = {}
    for record in records:
        key = (record.variant, record.seed, record.metric, record.stage)
        if (twin := seen.get(key)) is not None:
            others = [name for name in roles.values if better_by_name(name) == "neither"]
            candidates = [*roles.unused, *(others if len(others) < len(roles.values) else [])]
            differing = [
                name
                for name in candidates
                if label(table.columns[name][twin.row]) != label(table.columns[name][record.row])
            ]
            hint = ""
            if differing:
                hint = (
                    f"; the rows differ in {', '.join(map(repr, differing))}, which --variant, "
                    "--seed or --stage can name"
                )
            raise _twice(record, twin, "", hint)
        seen[key] = record


def _twice(record: Record, twin: Record, at: str, hint: str) -> InputError:
    stage = "" if record.stage == DEFAULT_STAGE else f" of {record.stage!r}"
    seed = "" if record.seed is None else f" with seed {record.seed}"
    expected = (
        f"each value once: variant {record.variant!r}{seed} has {record.metric!r}{stage}{at} at "
        f"{twin.place} too{hint}"
    )
    return InputError(str(record.place), "row", expected=expected)


def _names(labels: Sequence[str], file: str) -> dict[str, str]:
    """Name → label: names have letters, digits and ``_.-``, as in a file of an ablation."""
    found: dict[str, str] = {}
    for text in labels:
        plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("_") or "variant"
        plain = plain if plain[0].isalnum() else f"v{plain}"
        name, count = plain[:90], 1
        while name.lower() in {other.lower() for other in found}:
            count += 1
            name = f"{plain[:90]}_{count}"
        found[name] = text
    return found


def _identity(record: Record, paired: bool, numbered: bool) -> str:
    return str(record.seed) if paired or not numbered else f"{record.variant}, run {record.seed}"


def _seeds(
    records: Sequence[Record], *, numbered: bool, unpaired: bool, file: str
) -> tuple[dict[int, str], bool, str]:
    """Number → label, whether runs with the same seed are pairs, and why."""
    if numbered:
        texts = list(dict.fromkeys(_identity(record, False, True) for record in records))
        _refuse_many(texts, file)
        why = "not known: no column of seeds, so that runs are numbered in the order of the rows"
        return dict(enumerate(texts)), False, why
    texts = list(dict.fromkeys(str(record.seed) for record in records))
    _refuse_many(texts, file)
    seeds = _as_numbers(texts, file)
    if unpaired:
        return seeds, False, "none, as asked"
    by_variant: dict[str, set[str]] = {}
    for record in records:
        by_variant.setdefault(record.variant, set()).add(str(record.seed))
    shared = set.intersection(*by_variant.values())
    if not any(a & b for v, a in by_variant.items() for w, b in by_variant.items() if v < w):
        return seeds, False, "none: no two variants have a seed in common"
    everything = set.union(*by_variant.values())
    if shared == everything:
        return seeds, True, f"by seed: every variant has the same {len(shared)}"
    return seeds, True, "by seed where two variants have the same seeds"


def _refuse_many(texts: Sequence[str], file: str) -> None:
    if len(texts) > _MOST_SEEDS:
        expected = f"at most {_MOST_SEEDS} different seeds; is another column the seed?"
        raise InputError(file, "seeds", len(texts), expected=expected)


def _as_numbers(texts: Sequence[str], file: str) -> dict[int, str]:
    """Seeds that are whole numbers keep them; others are numbered in the order of the rows."""
    if not all(re.fullmatch(r"[0-9]{1,18}", text) for text in texts):
        return dict(enumerate(texts))
    seeds: dict[int, str] = {}
    for text in texts:
        if int(text) in seeds:
            expected = f"one way of writing a seed; {seeds[int(text)]!r} is the same number"
            raise InputError(file, "seed", text, expected=expected)
        seeds[int(text)] = text
    return dict(sorted(seeds.items()))


def _roles_text(roles: Roles, reader: Reader) -> dict[str, str]:
    """Role → the column that has it, in words."""
    named = {
        "variant": ", ".join(roles.variant) or ("the files" if roles.by_file else "the columns"),
        "seed": roles.seed or ("the names of the files" if reader.seeds_in_names else ""),
        "metric": roles.metric or "",
        "value": ", ".join(roles.values),
        "stage": ", ".join(roles.stage),
        "step": roles.step or "",
        "status": roles.status or "",
    }
    if not named["seed"]:
        named["seed"] = "the rows" if roles.layout == WIDE else ""
    return {role: text for role, text in named.items() if text}
