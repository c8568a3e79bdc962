"""Which column is which: as given, else by its name, else by what is in it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fixbench.errors import InputError
from fixbench.judging._cells import is_meant_as_a_number, is_missing, label, looks_like_a_value
from fixbench.judging._tables import Table

__all__ = ["Asked", "Better", "Roles", "better_by_name", "find_roles", "near"]

Better = Literal["higher", "lower", "neither"]
Layout = Literal["long", "a column for each metric", "a column for each variant"]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The columns that a user names; empty where they are to be found.

    Attributes:
        metric: with ``value`` the column of metric names, else the columns of metrics.
        methods: columns that are a variant each.
        stage: columns that tell measurements of one run apart, such as a data set.
    """

    variant: Sequence[str] = ()
    seed: str | None = None
    metric: Sequence[str] = ()
    value: str | None = None
    methods: Sequence[str] = ()
    stage: Sequence[str] = ()
    step: str | None = None
    status: str | None = None


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What the columns of a table are.

    Attributes:
        variant: several make one label; none where columns, or files, are variants.
        metric: the column of metric names of the long layout.
        values: the columns that hold values: one, or the metrics, or the variants.
        by_file: each file is a variant, and its name may have the seed.
        unused: columns that are none of these, with the reason.
    """

    layout: Layout
    variant: tuple[str, ...] = ()
    seed: str | None = None
    metric: str | None = None
    values: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    step: str | None = None
    status: str | None = None
    by_file: bool = False
    unused: dict[str, str] = field(default_factory=dict)


def _words(text: str) -> list[str]:
    return text.split()


#: In the order of preference.
_VARIANT = _words(
    "variant method model algorithm algo approach arm treatment condition solver solver_name "
    "optimizer optimiser architecture arch classifier estimator learner system configuration "
    "config setting experiment experiment_name technique strategy policy agent group name"
)
_SEED = _words(
    "seed random_seed rng_seed random_state seed_id repetition repeat repetitions rep idx_rep "
    "replicate replication run trial fold run_id trial_id run_number"
)
_METRIC = _words("metric metric_name measure score_name metric_key quantity variable")
_VALUE = _words("value metric_value score result measurement")
_STAGE = _words(
    "stage split phase subset dataset dataset_name data_name task task_name benchmark environment "
    "env env_id problem game"
)
_STEP = _words("step _step global_step epoch iteration iter training_iteration round")
_STATUS = _words("status state run_status")
_INDEX = re.compile(r"\(no name\)|unnamed[:_ ]*[0-9]*|index|__index_level_[0-9]+__", re.IGNORECASE)

_SPREADS = ("std", "sd", "sem", "stderr", "stdev", "variance")
_LOWER = set(
    _words(
        "loss error err mse rmse mae mape nll perplexity ppl bpb bpc time seconds sec ms latency "
        "runtime duration memory fid kid wer cer ter regret cost eer brier ece risk objective "
        "energy flops params divergence distance rank"
    )
)
_HIGHER = set(
    _words(
        "acc accuracy f1 auc auroc auprc roc ap map map50 precision recall iou miou dice bleu "
        "rouge meteor reward return returns r2 psnr ssim success win wins top1 top5 throughput fps "
        "likelihood mrr ndcg kappa mcc specificity sensitivity winrate em pass"
    )
)


def better_by_name(metric: str) -> Better:
    """The direction that a practitioner wants, as far as the name of a metric says it."""
    words = set(re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", metric).lower()))
    lower, higher = bool(words & _LOWER), bool(words & _HIGHER)
    if lower == higher:
        return "neither"
    return "lower" if lower else "higher"


def near(name: str, names: Collection[str]) -> str:
    """The names that there are, the nearest one first."""
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"did you mean {close[0]!r}? " if close else ""
    listed = ", ".join(map(repr, list(names)[:12])) + (", …" if len(names) > 12 else "")
    return f"{meant}there are {listed}"


def find_roles(table: Table, asked: Asked) -> Roles:
    """What each column is.

    Raises:
        InputError: a column that was named is not there; or it does not show which column holds the
            variants, or the values.
    """
    return _Search(table, asked).run()


class _Search:
    def __init__(self, table: Table, asked: Asked) -> None:
        self._table, self._asked = table, asked
        self._file = ", ".join(table.files[:3]) + (", …" if len(table.files) > 3 else "")
        self._free = [name for name in table.columns if not _INDEX.fullmatch(name)]
        self._unused = {name: "an index" for name in table.columns if name not in self._free}
        for option, names in (
            ("--variant", asked.variant),
            ("--seed", [asked.seed] if asked.seed else []),
            ("--metric", asked.metric),
            ("--value", [asked.value] if asked.value else []),
            ("--methods", asked.methods),
            ("--stage", asked.stage),
            ("--step", [asked.step] if asked.step else []),
            ("--status", [asked.status] if asked.status else []),
        ):
            for name in names:
                self._take(option, name)

    def _take(self, option: str, name: str) -> None:
        if name not in self._table.columns:
            expected = f"a column of {self._file}: {near(name, list(self._table.columns))}"
            raise InputError(option, "", name, expected=expected)
        if name in self._free:
            self._free.remove(name)
        elif name not in self._unused:
            raise InputError(option, "", name, expected="a column that has no other role")
        self._unused.pop(name, None)

    def run(self) -> Roles:
        asked = self._asked
        seed = asked.seed or self._named(_SEED) or self._named(["split"], only_numbers=True)
        step = asked.step or self._named(_STEP, only_numbers=True)
        status = asked.status or self._named(_STATUS, only_text=True)
        if asked.methods:
            stage = tuple(asked.stage) or self._stages()
            return self._made("a column for each variant", seed, stage, step, status, asked.methods)
        self._set_aside(_SEED + _STEP, "another number of runs or steps")
        spreads = [name for name in map(_simple, self._free) if name.split("_")[-1] in _SPREADS]
        self._set_aside(spreads, "a spread: a test takes the values of single runs")
        variant = tuple(asked.variant) or self._optional(self._named(_VARIANT))
        stage = tuple(asked.stage) or self._stages()
        long = self._long()
        if not variant and (name := self._only_text()) is not None:
            self._free.remove(name)
            variant = (name,)
        by_file = not variant and len(self._table.files) > 1
        if long is not None:
            metric, value = long
            if not variant and not by_file:
                raise self._no_variant()
            for name in self._free:
                self._unused[name] = "neither named nor needed"
            return Roles(
                layout="long",
                variant=variant,
                seed=seed,
                metric=metric,
                values=(value,),
                stage=stage,
                step=step,
                status=status,
                by_file=by_file,
                unused=self._unused,
            )
        values = tuple(asked.metric) or self._optional(asked.value) or self._numeric()
        if variant or by_file:
            if not asked.metric and not asked.value:
                if seed is None:
                    self._refuse_unnamed_seeds(values, variant)
                values = self._without_settings(values, variant)
            if not values:
                expected = "a column of numbers that is a metric; name it with --metric"
                raise InputError(self._file, "columns", [*self._table.columns], expected=expected)
            layout: Layout = "a column for each metric"
            return self._made(
                layout, seed, stage, step, status, values, variant=variant, by_file=by_file
            )
        if len(values) < 2 or all(better_by_name(name) != "neither" for name in values):
            raise self._no_variant()
        return self._made("a column for each variant", seed, stage, step, status, values)

    def _made(
        self,
        layout: Layout,
        seed: str | None,
        stage: tuple[str, ...],
        step: str | None,
        status: str | None,
        values: Sequence[str],
        *,
        variant: tuple[str, ...] = (),
        by_file: bool = False,
    ) -> Roles:
        for name in self._free:
            if name not in values:
                self._unused.setdefault(name, "neither named nor needed")
        return Roles(
            layout=layout,
            variant=variant,
            seed=seed,
            values=tuple(values),
            stage=stage,
            step=step,
            status=status,
            by_file=by_file,
            unused=self._unused,
        )

    def _no_variant(self) -> InputError:
        expected = (
            "a column that says which variant a row is of, such as 'method'; name it with "
            "--variant, or the columns that are a variant each with --methods"
        )
        return InputError(self._file, "columns", [*self._table.columns], expected=expected)

    def _optional(self, name: str | None) -> tuple[str, ...]:
        return () if name is None else (name,)

    def _named(
        self, names: Sequence[str], *, only_text: bool = False, only_numbers: bool = False
    ) -> str | None:
        """The first of the free columns that has one of the names; it is then taken."""
        simple = {_simple(name): name for name in reversed(self._free)}
        for name in names:
            column = simple.get(name)
            if column is None:
                continue
            numeric = self._is_numeric(column)
            if (only_text and numeric) or (only_numbers and not numeric):
                continue
            self._free.remove(column)
            return column
        return None

    def _set_aside(self, names: Sequence[str], why: str) -> None:
        """Columns that are no metric by their names."""
        for column in [name for name in self._free if _simple(name) in names]:
            self._free.remove(column)
            self._unused[column] = why

    def _stages(self) -> tuple[str, ...]:
        found = []
        while (name := self._named(_STAGE)) is not None:
            found.append(name)
        return tuple(found)

    def _long(self) -> tuple[str, str] | None:
        """The column of metric names and that of values; ``None`` for a wide layout."""
        asked = self._asked
        if asked.value and len(asked.metric) == 1:
            return asked.metric[0], asked.value
        if asked.value or asked.metric:
            if asked.value and (metric := self._named(_METRIC, only_text=True)) is not None:
                return metric, asked.value
            return None
        simple = {_simple(name): name for name in self._free}
        metric = next(
            (simple[n] for n in _METRIC if n in simple and not self._is_numeric(simple[n])), None
        )
        if metric is None:
            return None
        value = next((simple[n] for n in _VALUE if n in simple), None)
        if value is None:
            numeric = [name for name in self._numeric() if name != metric]
            value = numeric[0] if len(numeric) == 1 else None
        if value is None:
            expected = f"a column of the values of {metric!r}; name it with --value"
            raise InputError(self._file, "columns", [*self._table.columns], expected=expected)
        self._free.remove(metric)
        self._free.remove(value)
        return metric, value

    def _only_text(self) -> str | None:
        """The one free column that holds labels, if there is one and it repeats or is short."""
        found = [
            name
            for name in self._free
            if not any(map(looks_like_a_value, self._cells(name))) and self._cells(name)
        ]
        return found[0] if len(found) == 1 else None

    def _numeric(self) -> tuple[str, ...]:
        return tuple(name for name in self._free if self._is_numeric(name))

    def _is_numeric(self, name: str) -> bool:
        """Whether the column holds values: half of it is numbers, or all of it says why not."""
        cells = self._cells(name)
        numbers = sum(map(is_meant_as_a_number, cells))
        if not numbers:
            return bool(cells) and all(map(looks_like_a_value, cells))
        return numbers >= len(cells) / 2

    def _cells(self, name: str) -> list[Any]:
        return [cell for cell in self._table.columns[name] if not is_missing(cell)]

    def _without_settings(
        self, values: tuple[str, ...], variant: tuple[str, ...]
    ) -> tuple[str, ...]:
        """Without columns that are the same in all runs of each variant, such as a learning rate.

        A column whose name is a metric's stays.
        """
        kept = []
        for name in values:
            groups = self._by_variant(name, variant)
            repeated = max(map(len, groups)) > 1
            fixed = all(len(set(cells)) == 1 for cells in groups)
            if repeated and fixed and better_by_name(name) == "neither":
                self._unused[name] = "the same in all runs of each variant"
            else:
                kept.append(name)
        return tuple(kept)

    def _refuse_unnamed_seeds(self, values: tuple[str, ...], variant: tuple[str, ...]) -> None:
        """Refuse a column that counts runs and would be taken for a metric, such as 'sede'."""
        for name in values:
            if better_by_name(name) != "neither":
                continue
            groups = [sorted(cells) for cells in self._by_variant(name, variant)]
            first = groups[0]
            same = len(groups) > 1 and all(cells == first for cells in groups)
            if same and len({*first}) == len(first) > 1 and all(map(str.isdecimal, first)):
                expected = (
                    "a name that says what it is: each variant has the same whole numbers in it, "
                    f"once each, as seeds are; say --seed {name}, or name the metrics with --metric"
                )
                raise InputError(self._file, "column", name, expected=expected)

    def _by_variant(self, name: str, variant: tuple[str, ...]) -> list[list[str]]:
        """The cells of a column, as text, of each variant, or of each file."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for row, cell in enumerate(self._table.columns[name]):
            key = tuple(label(self._table.columns[column][row]) for column in variant)
            key = key or (self._table.places[row].file,)
            groups.setdefault(key, []).append(label(cell))
        return list(groups.values())


def _simple(name: str) -> str:
    """``"Random Seed"`` → ``"random_seed"``; ``"config.seed"`` → ``"seed"``."""
    last = re.split(r"[./:]", name)[-1]
    return re.sub(r"[^a-z0-9_]+", "_", last.strip().lower()).strip("_") or name
