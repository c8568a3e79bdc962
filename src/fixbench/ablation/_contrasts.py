"""Written effects → terms with weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

from fixbench.ablation._base import At, Scale
from fixbench.ablation._grids import Assignments
from fixbench.ablation._model import family_of, metric_problem
from fixbench.ablation._written import WrittenMetric
from fixbench.ablation._written_effects import (
    Levels,
    WrittenEffect,
    WrittenFactorial,
    WrittenReading,
    WrittenSlope,
    WrittenTerm,
)
from fixbench.reading import Source

__all__ = ["Contrasts", "Usual"]

Keys = tuple[str | int, ...]
_BY_HAND = ("terms", "slope", "factorial")
_FORMS = ("variant", "variants", "levels", "over", *_BY_HAND)


@dataclass(frozen=True)
class Usual:
    """What an effect takes from its claim's effect, or from its metric, where it gives none."""

    metric: str | None = None
    stage: str | None = None
    at: At | None = None
    scale: Scale | None = None
    arm: _Arm | None = None


@dataclass(frozen=True)
class _Arm:
    """What is read and where: variants of equal weight, or the levels that find them."""

    variants: Sequence[str]
    root: str | None
    levels: Levels | None
    over: Mapping[str, Sequence[str] | None]
    metric: str
    stage: str
    at: At


class Contrasts:
    """Expands the effects of one file.

    Args:
        source: the file that the effects stand in.
        variants: the names of all variants.
        assignments: which of them has which levels.
        metrics: name or family → the metric as it is written.
    """

    def __init__(
        self,
        source: Source,
        variants: Sequence[str],
        assignments: Assignments,
        metrics: Mapping[str, WrittenMetric],
    ) -> None:
        self.source = source
        self._variants = variants
        self._assignments = assignments
        self._metrics = metrics

    def expand(
        self, effect: WrittenEffect, keys: Keys, usual: Usual | None = None
    ) -> tuple[dict[str, Any], Usual]:
        """The effect as `Effect` has it, and what effects beside it take from it.

        Args:
            usual: what a claim's effect gives to those of its controls.

        Raises:
            InputError: a name or a level is unknown, or the form is none.
        """
        self._check_form(effect, keys, usual)
        expanded: dict[str, Any]
        arm = None
        if effect.slope is not None:
            given, scale = self._given(effect.slope, effect, (*keys, "slope"), usual)
            expanded = {"slope": self._slope(effect.slope, given, (*keys, "slope"))}
        elif effect.factorial is not None:
            given, scale = self._given(effect.factorial, effect, (*keys, "factorial"), usual)
            place = (*keys, "factorial")
            expanded = {"factorial": self._factorial(effect.factorial, given, place)}
        elif effect.terms is not None:
            terms, given, scale = self._terms(effect, keys, usual)
            expanded = {"terms": terms}
        else:
            given, scale = self._given(effect, effect, keys, usual)
            arm = self._first_arm(effect, given, keys, usual)
            expanded = {"terms": self._difference(effect, arm, keys)}
        if scale is not None:
            expanded["scale"] = scale
        if effect.samples is not None:
            expanded["samples"] = effect.samples
        return expanded, Usual(**given, scale=scale, arm=arm)

    def usual_of(self, metric: str, keys: Keys) -> WrittenMetric:
        """The metric as it is written.

        Raises:
            InputError: there is none of this name, or it names no single metric.
        """
        expected = metric_problem(metric)
        if expected is not None:
            raise self.source.problem(keys, metric, expected=expected)
        name = metric if metric in self._metrics else family_of(metric, self._metrics)
        if name is None:
            expected = f"one of {', '.join(self._metrics)}"
            raise self.source.problem(keys, metric, expected=expected)
        return self._metrics[name]

    def variant(self, name: str, keys: Keys) -> str:
        """The name, if a variant has it.

        Raises:
            InputError: none has.
        """
        if name not in self._variants:
            expected = f"one of {', '.join(self._variants)}"
            raise self.source.problem(keys, name, expected=expected)
        return name

    def _given(
        self,
        reading: WrittenReading | WrittenTerm | WrittenSlope | WrittenFactorial,
        effect: WrittenEffect,
        keys: Keys,
        usual: Usual | None,
    ) -> tuple[dict[str, Any], Scale | None]:
        """Metric, stage, step and scale: as given, else as usual."""
        if reading.metric is not None:
            declared = self.usual_of(reading.metric, (*keys, "metric"))
            usual = Usual(reading.metric, declared.stage, declared.at, declared.scale)
        if usual is None or usual.metric is None:
            raise self.source.problem((*keys, "metric"), expected="this key: what is read")
        stage = reading.stage or usual.stage
        if stage is None:
            expected = f"this key: {usual.metric} declares no usual stage"
            raise self.source.problem((*keys, "stage"), expected=expected)
        at = reading.at if reading.at is not None else usual.at
        given = {"metric": usual.metric, "stage": stage, "at": "last" if at is None else at}
        return given, effect.scale or usual.scale

    def _difference(self, effect: WrittenEffect, first: _Arm, keys: Keys) -> list[dict[str, Any]]:
        terms = self._weighted(first, 1.0, keys)
        if effect.against is not None:
            keys = (*keys, "against")
            second = self._differing(effect.against, first, keys)
            terms += self._weighted(second, -1.0, keys)
            if _cancels(terms):
                read = ", ".join(dict.fromkeys(term["variant"] for term in terms))
                expected = f"what differs from the first reading; both read {read}"
                raise self.source.problem(keys, expected=expected)
        return terms

    def _first_arm(
        self, effect: WrittenEffect, given: Mapping[str, Any], keys: Keys, usual: Usual | None
    ) -> _Arm:
        if effect.variant is not None:
            return self._of_variant(effect.variant, given, (*keys, "variant"))
        if effect.variants is not None:
            return self._of_variants(effect.variants, given, (*keys, "variants"))
        if effect.levels is None and effect.over is None and usual is not None and usual.arm:
            return replace(usual.arm, **given)
        self._check_levels(effect, keys)
        return _Arm((), None, effect.levels or {}, effect.over or {}, **given)

    def _of_variant(self, name: str, given: Mapping[str, Any], keys: Keys) -> _Arm:
        root, levels = self._assignments.of(self.variant(name, keys)) or (None, None)
        return _Arm((name,), root, levels, {}, **given)

    def _of_variants(self, names: Sequence[str], given: Mapping[str, Any], keys: Keys) -> _Arm:
        for index, name in enumerate(names):
            self.variant(name, (*keys, index))
        if len(set(names)) < len(names):
            raise self.source.problem(keys, list(names), expected="each variant once")
        return _Arm(tuple(names), None, None, {}, **given)

    def _differing(self, reading: WrittenReading, first: _Arm, keys: Keys) -> _Arm:
        """The first reading, with the keys that the second one gives."""
        if reading.metric is not None:
            self.usual_of(reading.metric, (*keys, "metric"))
        given = {
            name: getattr(first, name) if (value := getattr(reading, name)) is None else value
            for name in ("metric", "stage", "at")
        }
        self._check_form(reading, keys, None)
        if reading.variant is not None:
            return self._of_variant(reading.variant, given, (*keys, "variant"))
        if reading.variants is not None:
            return self._of_variants(reading.variants, given, (*keys, "variants"))
        if reading.levels is None and reading.over is None:
            return _Arm(first.variants, first.root, first.levels, first.over, **given)
        self._check_levels(reading, keys)
        if first.levels is None:
            expected = "a variant's name: the first reading is of variants that no grid makes"
            raise self.source.problem(keys, expected=expected)
        over = first.over if reading.over is None else reading.over
        levels = {factor: level for factor, level in first.levels.items() if factor not in over} | (
            reading.levels or {}
        )
        over = {factor: picked for factor, picked in over.items() if factor not in levels}
        return _Arm((), first.root, levels, over, **given)

    def _weighted(self, arm: _Arm, sign: float, keys: Keys) -> list[dict[str, Any]]:
        variants = arm.variants or self._found(arm, keys)
        return [
            {
                "variant": variant,
                "metric": arm.metric,
                "stage": arm.stage,
                "at": arm.at,
                "weight": sign / len(variants),
            }
            for variant in variants
        ]

    def _found(self, arm: _Arm, keys: Keys) -> list[str]:
        factors = self._assignments.factors
        axes = [
            [(factor, level) for level in (factors[factor] if picked is None else picked)]
            for factor, picked in arm.over.items()
        ]
        return [
            self._at(arm.root, (arm.levels or {}) | dict(cell), keys) for cell in product(*axes)
        ]

    def _at(self, root: str | None, levels: Levels, keys: Keys) -> str:
        found = self._assignments.find(root, levels)
        if found is None:
            shown = ", ".join(f"{factor} = {level}" for factor, level in levels.items())
            expected = f"levels that a variant has; none has {shown}, others at their first"
            raise self.source.problem(keys, expected=expected)
        return found

    def _terms(
        self, effect: WrittenEffect, keys: Keys, usual: Usual | None
    ) -> tuple[list[dict[str, Any]], dict[str, Any], Scale | None]:
        terms = []
        scales: set[Scale | None] = set()
        for index, term in enumerate(effect.terms or ()):
            place = (*keys, "terms", index)
            self.variant(term.variant, (*place, "variant"))
            given, scale = self._given(term, effect, place, usual)
            if term.weight == 0:
                expected = "a weight other than 0, or no such term"
                raise self.source.problem((*place, "weight"), term.weight, expected=expected)
            scales.add(scale)
            terms.append({"variant": term.variant, **given, "weight": term.weight})
        if _cancels(terms):
            expected = "weights that do not add up to 0 for every variant that is read"
            raise self.source.problem((*keys, "terms"), expected=expected)
        # What all terms have in common is what effects beside this one take from it.
        common = {
            name: terms[0][name] if all(term[name] == terms[0][name] for term in terms) else None
            for name in ("metric", "stage", "at")
        }
        if len(scales) > 1:
            expected = "this key: the metrics of the terms have different usual scales"
            raise self.source.problem((*keys, "scale"), expected=expected)
        return terms, common, scales.pop()

    def _slope(self, slope: WrittenSlope, given: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
        for variant in slope.doses:
            self.variant(variant, (*keys, "doses"))
        return {**slope.model_dump(include={"doses", "over", "dose_scale"}), **given}

    def _factorial(
        self, design: WrittenFactorial, given: Mapping[str, Any], keys: Keys
    ) -> dict[str, Any]:
        by_hand = design.factors is not None and design.cells is not None
        if by_hand == (design.cross is not None) or (by_hand and design.levels is not None):
            expected = "'cross' and, where others are not at their first level, 'levels'; or "
            expected += "'factors' and 'cells'"
            raise self.source.problem(keys, expected=expected)
        names = list(design.cross or design.factors or ())
        for index, name in enumerate(design.of):
            if name not in names:
                expected = f"a factor of this design: {', '.join(names)}"
                raise self.source.problem((*keys, "of", index), name, expected=expected)
        if len(set(design.of)) < len(design.of):
            raise self.source.problem((*keys, "of"), design.of, expected="each factor once")
        if design.cross is None:
            for variant in design.cells or ():
                self.variant(variant, (*keys, "cells"))
            return {"factors": design.factors, "cells": design.cells, "of": design.of, **given}
        for factor, pair in design.cross.items():
            for level in pair:
                self._check_level(factor, level, (*keys, "cross", factor))
            if len(set(pair)) < len(pair):
                expected = "two levels that differ"
                raise self.source.problem((*keys, "cross", factor), pair, expected=expected)
        for factor, level in (design.levels or {}).items():
            self._check_level(factor, level, (*keys, "levels", factor))
            if factor in design.cross:
                expected = f"{factor} in 'levels' or in 'cross'"
                raise self.source.problem((*keys, "levels", factor), level, expected=expected)
        cells: dict[str, str] = {}
        # All high first, then those with one low, two low and so on.
        for count in range(len(names) + 1):
            for low in combinations(names, count):
                levels = {name: design.cross[name][name in low] for name in names}
                variant = self._at(None, (design.levels or {}) | levels, (*keys, "cross"))
                cells[variant] = "".join("-" if name in low else "+" for name in names)
        options = {name: self._option(name) for name in names}
        return {
            "factors": list(options.values()),
            "cells": cells,
            "of": [options.get(name, name) for name in design.of],
            **given,
        }

    def _option(self, factor: str) -> str:
        """The option that a factor changes, if it is one, so that signs are checked against it."""
        options = {
            option
            for level in self._assignments.factors[factor].values()
            for option in level.changes
        }
        return options.pop() if len(options) == 1 else factor

    def _check_form(self, reading: WrittenReading, keys: Keys, usual: Usual | None) -> None:
        given = [name for name in _FORMS if getattr(reading, name, None) is not None]
        if "levels" in given and "over" in given:
            given.remove("over")
        if not isinstance(reading, WrittenEffect):
            if len(given) > 1:
                expected = "at most one of 'variant', 'variants' and 'levels' (with 'over')"
                raise self.source.problem(keys, expected=expected)
            return
        if len(given) > 1 or not (given or (usual is not None and usual.arm)):
            expected = (
                "exactly one of 'variant', 'variants', 'levels' (with 'over'), 'terms', 'slope' "
                "and 'factorial'"
            )
            raise self.source.problem(keys, expected=expected)
        for form in given:
            beside = ("metric", "stage", "at", "against") if form in _BY_HAND else ()
            for name in beside:
                if getattr(reading, name) is not None:
                    expected = f"no {name!r} beside {form!r}"
                    raise self.source.problem((*keys, name), expected=expected)

    def _check_levels(self, reading: WrittenReading, keys: Keys) -> None:
        for factor, level in (reading.levels or {}).items():
            self._check_level(factor, level, (*keys, "levels", factor))
        for factor, picked in (reading.over or {}).items():
            self._check_level(factor, None, (*keys, "over"))
            if factor in (reading.levels or {}):
                expected = f"{factor} in 'levels' or in 'over'"
                raise self.source.problem((*keys, "over"), expected=expected)
            for level in picked or ():
                self._check_level(factor, level, (*keys, "over", factor))
            if picked is not None and len(set(picked)) < len(picked):
                expected = "each level once"
                raise self.source.problem((*keys, "over", factor), picked, expected=expected)

    def _check_level(self, factor: str, level: str | None, keys: Keys) -> None:
        factors = self._assignments.factors
        if factor not in factors:
            expected = f"a factor of ablation.yaml: {', '.join(factors) or 'none is declared'}"
            raise self.source.problem(keys, factor, expected=expected)
        if level is not None and level not in factors[factor]:
            expected = f"a level of {factor}: {', '.join(factors[factor])}"
            raise self.source.problem(keys, level, expected=expected)


def _cancels(terms: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the weights of everything that is read add up to nothing."""
    weights: dict[tuple[Any, ...], list[float]] = {}
    for term in terms:
        reading = tuple(term[name] for name in ("variant", "metric", "stage", "at"))
        weights.setdefault(reading, []).append(term["weight"])
    return all(
        abs(math.fsum(parts)) <= 1e-12 * math.fsum(map(abs, parts)) for parts in weights.values()
    )
