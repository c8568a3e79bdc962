"""From tidy results to one number per seed."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixbench.ablation import Collapse, Effect, Term
from fixbench.errors import InputError
from fixbench.results import OUT_OF_MEMORY, RUN_METRIC, UNDEFINED, usable_rows
from fixbench.verdicts._copies import Copies, find_copies
from fixbench.verdicts._failures import impute
from fixbench.verdicts._notes import (
    NoRunSucceeded,
    Note,
    NotPositive,
    OutOfMemory,
    UndefinedValues,
    UnevenSteps,
)

__all__ = ["Measurements", "PropertyCount", "SeedEffects"]

# Sums over seeds, and the intervals of two of them, stay far from overflowing.
_LARGEST = 1e300
_IDENTITY = ["variant", "seed", "stage", "step", "metric"]
#: What a status on a metric speaks of.
_CELL = ["variant", "seed", "stage", "metric"]


@dataclass(frozen=True, kw_only=True)
class SeedEffects:
    """One contrast, seed by seed.

    Attributes:
        values: seed → effect on the analysis scale (natural log for log effects), failed seeds at
            their imputed value; NaN in every seed where a variant has no successful run.
        failed: the seeds of which at least one run, or one of the effect's values, failed.
        failed_runs: how many runs failed, of the effect's variants.
        notes: how failed runs count, that runs have other steps, and what is undefined.
        undefined: seeds that have no effect, as one of its values is undefined or a run of it ran
            out of memory; not in ``values``.
    """

    values: Mapping[int, float]
    failed: frozenset[int]
    failed_runs: int = 0
    notes: tuple[Note, ...] = ()
    undefined: frozenset[int] = frozenset()

    @property
    def mean(self) -> float:
        """Over all seeds."""
        return float(np.mean(list(self.values.values())))

    @property
    def complete(self) -> dict[int, float]:
        """The seeds without a failed run."""
        return {seed: value for seed, value in self.values.items() if seed not in self.failed}

    def counted(self, copies: Copies) -> Self:
        """With what is to be said of copies; the first seed alone where they count as one."""
        notes = (*self.notes, *copies.notes)
        if not copies.one:
            return replace(self, notes=notes)
        first = next(iter(self.values))
        return replace(
            self,
            values={first: self.values[first]},
            failed=self.failed & {first},
            notes=notes,
        )

    def without(self, seeds: Collection[int]) -> Self:
        """The effects of the other seeds; failed ones stay named."""
        return replace(self, values=_without(self.values, seeds))


def _without(values: Mapping[int, float], seeds: Collection[int]) -> dict[int, float]:
    return {seed: value for seed, value in values.items() if seed not in seeds}


@dataclass(frozen=True, kw_only=True)
class PropertyCount:
    """How often a property held.

    Attributes:
        held, checked: values equal to 1, and values in all, of runs that did not fail.
        share: seed → share of its values equal to 1.
        failed: the seeds of which at least one run failed.
        lost: a note for each variant without a successful run.
        notes: what is undefined, in which seeds; they are not in ``share``.
    """

    held: int
    checked: int
    share: Mapping[int, float]
    failed: frozenset[int]
    lost: tuple[Note, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class _Uneven:
    """A run of a term that has other steps than the first run that it is compared with."""

    term: Term
    seed: int
    steps: NDArray[np.int64]
    other: str
    other_seed: int
    expected: NDArray[np.int64]

    @property
    def note(self) -> UnevenSteps:
        return UnevenSteps(
            variant=self.term.variant,
            seed=self.seed,
            steps=_steps(self.steps),
            other_variant=self.other,
            other_seed=self.other_seed,
            other_steps=_steps(self.expected),
        )

    def refusal(self, file: str, name: str) -> InputError:
        of = f"variant {self.term.variant!r}, seed {self.seed}, {_describe(self.term)}"
        return InputError(
            file,
            f"{name}: step of {of}" if name else f"step of {of}",
            _steps(self.steps),
            expected=f"{_steps(self.expected)}, as in seed {self.other_seed} of {self.other!r}; "
            "run it again, or record it as failed",
        )


@dataclass(frozen=True)
class _Rows:
    """Usable rows of one variant, stage and metric, sorted by seed and step."""

    seeds: NDArray[np.int64]
    steps: NDArray[np.int64]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> _Rows:
        return cls(*(frame[column].to_numpy() for column in ("seed", "step", "value")))

    def selected(self, at: str | int) -> _Rows:
        """The rows that ``at`` refers to."""
        if at in ("first", "last"):
            # Rows of a seed stand together.
            changes = self.seeds[1:] != self.seeds[:-1]
            parts = ([True], changes) if at == "first" else (changes, [True])
            chosen = np.concatenate(parts)
        elif isinstance(at, int):
            chosen = self.steps == at
        else:
            return self
        return self._at(chosen)

    def of_seeds(self, seeds: Collection[int]) -> _Rows:
        """The rows of these seeds."""
        return self._at(np.isin(self.seeds, list(seeds)))

    def _at(self, chosen: NDArray[np.bool_]) -> _Rows:
        return _Rows(self.seeds[chosen], self.steps[chosen], self.values[chosen])

    def by_seed(self) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
        """Each seed with its steps and values."""
        found, starts = np.unique(self.seeds, return_index=True)
        ends = np.append(starts, len(self.seeds))[1:]
        for seed, start, end in zip(found, starts, ends, strict=True):
            yield int(seed), self.steps[start:end], self.values[start:end]


class Measurements:
    """The results of one ablation, indexed, from which effects are read.

    A run, that is one (variant, seed), failed if its row of `fixbench.results.RUN_METRIC` says so:
    nothing that it measured before is used. A status on another metric, or a value that is not
    finite, speaks of that metric in that stage: the run failed for the effects that use it, and for
    those that use what the run then lacks altogether. A seed in which a value of an effect is
    undefined, or in which the machine had too little memory, has no effect.

    Args:
        frame: rows with `fixbench.results.COLUMNS` and ``file``.
        better: metric → ``"higher"``, ``"lower"`` or ``"neither"``.

    Raises:
        InputError: the same number stands in the frame twice.
    """

    def __init__(self, frame: pd.DataFrame, better: Mapping[str, str]) -> None:
        _refuse_duplicates(frame)
        self._better = better
        self._frame = frame
        self._seeds: dict[str, set[int]] = {
            str(variant): set(seeds.tolist()) for variant, seeds in frame.groupby("variant")["seed"]
        }
        self._files: dict[str, str] = frame.groupby("variant")["file"].first().to_dict()
        undefined, memory = frame["status"] == UNDEFINED, frame["status"] == OUT_OF_MEMORY
        none = undefined | memory
        bad = frame[((frame["status"] != "ok") | ~np.isfinite(frame["value"])) & ~none]
        self._failed = _keys(bad[bad["metric"] == RUN_METRIC], ["variant", "seed"])
        self._spoilt = _keys(bad, ["variant", "seed"])
        self._failed_cells = _keys(bad, _CELL)
        self._undefined_cells = _keys(frame[undefined], _CELL) - self._failed_cells
        self._memory_cells = _keys(frame[memory], _CELL) - self._failed_cells
        lost = _keys(frame[memory & (frame["metric"] == RUN_METRIC)], ["variant", "seed"])
        self._memory_runs = lost - self._failed
        successful = usable_rows(frame).sort_values(["seed", "step"])
        self._rows: dict[tuple[str, str, str], _Rows] = {
            key: _Rows.of(rows) for key, rows in successful.groupby(["variant", "stage", "metric"])
        }
        self._cells = _keys(successful, _CELL)

    @property
    def seeds(self) -> frozenset[int]:
        """Every seed of every variant."""
        return frozenset().union(*self._seeds.values())

    def seeds_of(self, variant: str) -> frozenset[int]:
        """The seeds of one variant, of failed runs too; none where it has no rows."""
        return frozenset(self._seeds.get(variant, ()))

    def file_of(self, variant: str) -> str:
        """The file that its rows came from, for a message."""
        return self._files.get(variant, "results")

    def measures(self, term: Term) -> bool:
        """Whether the term's variant measured its metric, or failed and may have meant to."""
        cells = self._undefined_cells | self._memory_cells
        undefined = {(variant, *cell) for variant, _, *cell in cells}
        return (
            self.recorded(term)
            or any(variant == term.variant for variant, _ in self._spoilt | self._memory_runs)
            or (term.variant, term.stage, term.metric) in undefined
        )

    def recorded(self, term: Term) -> bool:
        """Whether a run of the term's variant that succeeded has its metric."""
        return (term.variant, term.stage, term.metric) in self._rows

    def lacking(self, term: Term) -> list[int]:
        """The seeds of the term's variant that have no value of it and no status that says why."""
        rows = self._rows.get((term.variant, term.stage, term.metric))
        found = set() if rows is None else set(rows.selected(term.at).seeds.tolist())
        return [
            seed
            for seed in sorted(self.seeds_of(term.variant) - found)
            if not self._fails(term, seed) and not self._is_undefined(term, seed)
        ]

    def has_instead(self, term: Term) -> str:
        """What the term's variant recorded, for a message; nothing where that does not help."""
        return self._found(term)

    def values_of(self, term: Term) -> dict[int, float]:
        """Seed → the term's value, on the plain scale, of the runs that have it."""
        rows = self._rows.get((term.variant, term.stage, term.metric))
        if rows is None:
            return {}
        return {
            seed: value
            for seed, value in _reduce(rows.selected(term.at), term.at, "plain").items()
            if not self._fails(term, seed) and not self._is_undefined(term, seed)
        }

    def per_seed(
        self, effect: Effect, *, null: float = 0.0, name: str = "", describes: bool = False
    ) -> SeedEffects:
        """The weighted sum of the effect's terms for each seed.

        Failed runs count as `fixbench.verdicts._failures` says. Where a value on the log scale is
        not positive, every value is NaN, and a note names it. Seeds whose runs are all copies
        count as the first of them (`fixbench.verdicts._copies`).

        Args:
            null: the value that means "no effect", on the analysis scale.
            name: what the effect is called in a message.
            describes: it decides nothing, so that runs of different steps are not refused but
                noted.

        Raises:
            InputError: a term has no rows; the variants were not run with the same seeds; an effect
                is beyond 1e300; the successful runs of a variant have not the same steps where the
                term selects them, or those of several variants where it selects all (nested samples
                excepted).
        """
        found = self.each_seed(effect, null=null, name=name, describes=describes)
        copies = self.copies(effect, found)
        return found if copies is None else found.counted(copies)

    def copies(self, effect: Effect, found: SeedEffects) -> Copies | None:
        """Runs of the effect that are copies; ``None`` where no two seeds agree."""
        values = found.values
        # Copies give the same effect, and variants that are the same run give 0.
        if len(set(values.values())) == len(values) or any(map(math.isnan, values.values())):
            return None
        variants = list(dict.fromkeys(term.variant for term in effect.weighted))
        copies = find_copies(self._frame, variants, list(values))
        return copies if copies.notes else None

    def each_seed(
        self, effect: Effect, *, null: float = 0.0, name: str = "", describes: bool = False
    ) -> SeedEffects:
        """As `per_seed`, copies counted as they are."""
        terms = effect.weighted
        everything = sorted(self._effect_seeds(effect))
        undefined, told = self._undefined(terms, everything)
        seeds = [seed for seed in everything if seed not in undefined]
        if effect.scale == "log" and (wrong := self._not_positive(terms, seeds)):
            nothing = dict.fromkeys(seeds, math.nan)
            return SeedEffects(values=nothing, failed=frozenset(), notes=(wrong,))
        measured = [self._measured(term, effect.scale, seeds, name) for term in terms]
        uneven = None if effect.samples == "nested" else self._uneven(terms)
        if uneven is not None and not describes:
            raise uneven.refusal(self._files[uneven.term.variant], name)
        runs = {(term.variant, seed) for term in terms for seed in seeds if self._fails(term, seed)}
        failed = frozenset(seed for _, seed in runs)
        if lost := (self._lost(effect, seeds) if seeds else told):
            nothing = dict.fromkeys(seeds or everything, math.nan)
            return SeedEffects(values=nothing, failed=failed, failed_runs=len(runs), notes=lost)
        with np.errstate(over="ignore"):
            values, notes = impute(terms, measured, seeds, null=null, better=self._better)
        for seed, value in values.items():
            if not abs(value) <= _LARGEST:
                raise InputError(
                    self._files[terms[0].variant],
                    f"{name}: effect of seed {seed}" if name else f"effect of seed {seed}",
                    value,
                    expected=f"at most {_LARGEST:g} in magnitude, beyond which intervals overflow; "
                    "record the run as diverged",
                )
        return SeedEffects(
            values=values,
            failed=failed,
            failed_runs=len(runs),
            notes=(*notes, *([] if uneven is None else [uneven.note]), *told),
            undefined=undefined,
        )

    def samples(self, effect: Effect, seeds: SeedEffects) -> list[NDArray[np.float64]]:
        """The effect of every sample (step) of each seed, in the order of ``seeds``.

        Their mean is the seed's effect. A failed seed has its imputed value, in place of each
        sample where they are crossed.

        Raises:
            InputError: terms, or crossed seeds, have not the same samples.
        """
        found: dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        reference: NDArray[np.int64] | None = None
        for term in effect.weighted:
            rows = self._rows.get((term.variant, term.stage, term.metric))
            for seed, steps, values in [] if rows is None else rows.by_seed():
                if seed in seeds.failed or seed not in seeds.values:
                    continue
                effects = term.weight * (np.log(values) if effect.scale == "log" else values)
                known, total = found.get(seed, (steps, np.zeros(len(steps))))
                if reference is None or effect.samples == "nested":
                    reference = known
                if not (np.array_equal(known, steps) and np.array_equal(reference, steps)):
                    expected = "the same samples (steps) in every term of an effect"
                    expected += " and in every seed" * (effect.samples == "crossed")
                    key = f"step, variant {term.variant!r}, seed {seed}"
                    raise InputError(self._files[term.variant], key, expected=expected)
                found[seed] = steps, total + effects
        size = len(reference) if effect.samples == "crossed" and reference is not None else 1
        return [
            found[seed][1] if seed in found else np.full(size, value)
            for seed, value in seeds.values.items()
        ]

    def collapsed(
        self, effect: Effect, collapse: Collapse, *, name: str = ""
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Seeds in which a run collapsed: of the terms with positive, and with negative weight.

        A run that failed counts as collapsed. A seed in which a value is undefined does not count.
        Raises as `per_seed` does.
        """
        everything = sorted(self._effect_seeds(effect))
        undefined, _ = self._undefined(effect.weighted, everything)
        seeds = [seed for seed in everything if seed not in undefined]
        found: tuple[set[int], set[int]] = set(), set()
        for term in effect.weighted:
            values = self._measured(term, "plain", seeds, name)
            for seed in seeds:
                if seed not in values or collapse.counts(values[seed]):
                    found[term.weight < 0].add(seed)
        return frozenset(found[0]), frozenset(found[1])

    def count_property(self, effect: Effect) -> PropertyCount:
        """How many of the values that the effect's terms select are exactly 1.

        ``mean`` and ``area`` select every step. Raises as `per_seed` does.
        """
        everything = sorted(self._effect_seeds(effect))
        undefined, told = self._undefined(effect.weighted, everything)
        seeds = [seed for seed in everything if seed not in undefined]
        held, checked = dict.fromkeys(seeds, 0), dict.fromkeys(seeds, 0)
        failed: set[int] = set()
        for term in effect.weighted:
            self._measured(term, "plain", seeds)
            failed |= {seed for seed in seeds if self._fails(term, seed)}
            rows = self._rows.get((term.variant, term.stage, term.metric))
            if rows is None:
                continue
            for seed, _, values in rows.selected(term.at).by_seed():
                if seed in undefined:
                    continue
                held[seed] += int((values == 1.0).sum())
                checked[seed] += len(values)
        return PropertyCount(
            held=sum(held.values()),
            checked=sum(checked.values()),
            share={seed: held[seed] / checked[seed] for seed in seeds if checked[seed]},
            failed=frozenset(failed),
            lost=self._lost(effect, seeds) if seeds else told,
            notes=told if seeds else (),
        )

    def _effect_seeds(self, effect: Effect) -> set[int]:
        seeds: set[int] = set()
        for term in effect.weighted:
            if term.variant not in self._seeds:
                raise _no_rows("results", term)
            seeds |= self._seeds[term.variant]
        return seeds

    def _measured(
        self, term: Term, scale: str, seeds: list[int], name: str = ""
    ) -> dict[int, float]:
        """Seed → the term's value in runs that did not fail; every such seed or an error."""
        file = self._files[term.variant]
        found: dict[int, float] = {}
        rows = self._rows.get((term.variant, term.stage, term.metric))
        if rows is not None:
            found = _reduce(rows.selected(term.at).of_seeds(seeds), term.at, scale)
        here = {
            seed
            for seed in seeds
            if not self._fails(term, seed) and not self._is_undefined(term, seed)
        }
        if here & self._seeds[term.variant] and not found:
            raise _no_rows(file, term, self._found(term), name)
        missing = sorted(here - set(found))
        if missing:
            raise InputError(
                file,
                f"{name}: seed" if name else "seed",
                sorted(self._seeds[term.variant] - set(missing)),
                expected=f"the same seeds for every variant of a comparison: variant "
                f"{term.variant!r} lacks {missing} of {_describe(term)}; run them, or delete the "
                "results of the other variants for them",
            )
        return found

    def _uneven(self, terms: list[Term]) -> _Uneven | None:
        """Runs without the same steps: a mean over others, or a shorter end, is not comparable."""
        known: dict[tuple[str, ...], tuple[Term, int, NDArray[np.int64]]] = {}
        for term in terms:
            rows = self._rows.get((term.variant, term.stage, term.metric))
            if rows is None or isinstance(term.at, int):
                continue
            selected = rows.selected(term.at)
            # Only what averages steps needs the same ones in every variant.
            arm = "" if term.at in ("mean", "area") else term.variant
            seeds, steps = selected.seeds, selected.steps
            key = (arm, term.stage, term.metric, term.at)
            first = steps[seeds == seeds[0]]
            other, seed, expected = known.setdefault(key, (term, int(seeds[0]), first))
            runs = len(np.unique(seeds))
            if np.array_equal(steps, np.tile(expected, runs)):
                continue
            found = {int(one): steps[seeds == one] for one in np.unique(seeds)}
            wrong = next(one for one in found if not np.array_equal(found[one], expected))
            return _Uneven(term, wrong, found[wrong], other.variant, seed, expected)
        return None

    def _found(self, term: Term) -> str:
        """What the term's variant has instead, for a message."""
        keys = [(stage, metric) for variant, stage, metric in self._rows if variant == term.variant]
        stages = sorted({stage for stage, metric in keys if metric == term.metric})
        if stages:
            return f"; it has {term.metric!r} in {', '.join(map(repr, stages))}"
        metrics = sorted({metric for stage, metric in keys if stage == term.stage})
        return f"; stage {term.stage!r} has {', '.join(map(repr, metrics))}" if metrics else ""

    def _fails(self, term: Term, seed: int) -> bool:
        """Whether the run, or the term's value in it, failed; or went missing as another failed."""
        cell = (term.variant, seed, term.stage, term.metric)
        if (term.variant, seed) in self._failed or cell in self._failed_cells:
            return True
        gone = cell not in self._cells and not self._is_undefined(term, seed)
        return gone and (term.variant, seed) in self._spoilt

    def _is_undefined(self, term: Term, seed: int) -> bool:
        cell = (term.variant, seed, term.stage, term.metric)
        return cell in self._undefined_cells or self._lacked_memory(term, seed)

    def _lacked_memory(self, term: Term, seed: int) -> bool:
        cell = (term.variant, seed, term.stage, term.metric)
        return cell in self._memory_cells or (term.variant, seed) in self._memory_runs

    def _undefined(
        self, terms: list[Term], seeds: list[int]
    ) -> tuple[frozenset[int], tuple[Note, ...]]:
        """The seeds without an effect, and a note for each quantity that is undefined in some.

        A seed in which something else failed is a failed one.
        """
        found: dict[tuple[str, str, str], list[int]] = {}
        lost: dict[str, list[int]] = {}
        for seed in seeds:
            short = [term.variant for term in terms if self._lacked_memory(term, seed)]
            for variant in dict.fromkeys(short):
                lost.setdefault(variant, []).append(seed)
            if short or any(self._fails(term, seed) for term in terms):
                continue
            for term in terms:
                if self._is_undefined(term, seed):
                    places = found.setdefault((term.variant, term.stage, term.metric), [])
                    places += [seed] * (seed not in places)
        notes = tuple(
            UndefinedValues(
                variant=variant, stage=stage, metric=metric, seeds=tuple(here), of=len(seeds)
            )
            for (variant, stage, metric), here in found.items()
        )
        short_of = tuple(
            OutOfMemory(variant=variant, seeds=tuple(here), of=len(seeds))
            for variant, here in lost.items()
        )
        without = [*found.values(), *lost.values()]
        return frozenset(seed for here in without for seed in here), (*notes, *short_of)

    def _not_positive(self, terms: list[Term], seeds: list[int]) -> NotPositive | None:
        """The first value that has no logarithm."""
        for term in terms:
            rows = self._rows.get((term.variant, term.stage, term.metric))
            if rows is None:
                continue
            selected = rows.selected(term.at).of_seeds(seeds)
            wrong = np.flatnonzero(selected.values <= 0)
            if len(wrong):
                return NotPositive(
                    variant=term.variant,
                    stage=term.stage,
                    metric=term.metric,
                    seed=int(selected.seeds[wrong[0]]),
                    step=int(selected.steps[wrong[0]]),
                    value=float(selected.values[wrong[0]]),
                    others=len(wrong) - 1,
                )
        return None

    def _lost(self, effect: Effect, seeds: list[int]) -> tuple[NoRunSucceeded, ...]:
        """A note for each of the effect's variants all of whose runs failed."""
        variants = dict.fromkeys(term.variant for term in effect.weighted)
        return tuple(
            NoRunSucceeded(variant=variant, seeds=len(seeds))
            for variant in variants
            if any(
                all(self._fails(term, seed) for seed in seeds)
                for term in effect.weighted
                if term.variant == variant
            )
        )


def _keys(frame: pd.DataFrame, columns: list[str]) -> set[tuple[Any, ...]]:
    """The distinct combinations of these columns."""
    return set(frame[columns].drop_duplicates().itertuples(index=False, name=None))


def _reduce(selected: _Rows, at: str | int, scale: str) -> dict[int, float]:
    """Seed → one number; logarithms come before averages. The area of one step is its value."""
    reduced: dict[int, float] = {}
    for seed, steps, values in selected.by_seed():
        if scale == "log":
            values = np.log(values)
        with np.errstate(over="ignore", invalid="ignore"):  # refused where it is used
            if at == "area" and len(values) > 1:
                number = np.trapezoid(values, steps) / (steps[-1] - steps[0])
            else:
                number = values.mean()
        reduced[seed] = float(number)
    return reduced


def _steps(steps: NDArray[np.int64]) -> str:
    if len(steps) <= 6:
        return f"{steps.tolist()}"
    return f"[{steps[0]}, {steps[1]}, …, {steps[-1]}] ({len(steps)} steps)"


def _describe(term: Term) -> str:
    at = f"step {term.at}" if isinstance(term.at, int) else term.at
    return f"metric {term.metric!r} in stage {term.stage!r} ({at})"


def _no_rows(file: str, term: Term, found: str = "", name: str = "") -> InputError:
    return InputError(
        file,
        f"{name}: variant" if name else "variant",
        term.variant,
        expected=f"rows of {_describe(term)}, of which this variant has none{found}; correct "
        "the claim's term or run the variant",
    )


def _refuse_duplicates(frame: pd.DataFrame) -> None:
    duplicated = frame[frame.duplicated(_IDENTITY)]
    if len(duplicated):
        row: Any = duplicated.iloc[0]
        raise InputError(
            row["file"],
            "seed",
            int(row["seed"]),
            expected=f"each measurement once: variant {row['variant']!r} has {row['metric']!r} of "
            f"stage {row['stage']!r} at step {row['step']} twice",
        )
