"""Factors and grids: which variants they make, and which variant has which levels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from fixbench.ablation._base import LONGEST_NAME
from fixbench.ablation._places import Keys, Places
from fixbench.ablation._written import (
    Level,
    WrittenAblation,
    WrittenCell,
    WrittenGrid,
    WrittenVariant,
)
from fixbench.reading import Source

__all__ = ["Assignments", "expand_variants"]

#: What stands in brackets is left out at the first level.
_FIELD = re.compile(r"\[([^\[\]{}]*)\{([^{}]*)\}([^\[\]{}]*)\]|\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")

#: The variant that a grid starts from where it belongs to none itself, and the level of each factor
#: that is not at its first.
Cell = tuple[str | None, frozenset[tuple[str, str]]]


@dataclass(frozen=True)
class Assignments:
    """Which variant has which levels.

    Attributes:
        factors: factor → its levels; the first is the baseline's.
    """

    factors: Mapping[str, Mapping[str, Level]]
    _variant: dict[Cell, str] = field(default_factory=dict)
    _cell: dict[str, Cell] = field(default_factory=dict)

    def add(self, variant: str, root: str | None, levels: Mapping[str, str]) -> None:
        cell = self._key(root, levels)
        self._variant[cell] = variant
        self._cell[variant] = cell

    def find(self, root: str | None, levels: Mapping[str, str]) -> str | None:
        """The variant with these levels, other factors at their first."""
        return self._variant.get(self._key(root, levels))

    def of(self, variant: str) -> tuple[str | None, dict[str, str]] | None:
        """Where its grid starts, and its levels; ``None`` for a variant of no grid."""
        cell = self._cell.get(variant)
        return None if cell is None else (cell[0], dict(cell[1]))

    def used(self, factor: str, level: str) -> bool:
        """Whether a variant has the level."""
        return level == self.first(factor) or any(
            (factor, level) in levels for _, levels in self._cell.values()
        )

    def first(self, factor: str) -> str:
        return next(iter(self.factors[factor]))

    def _key(self, root: str | None, levels: Mapping[str, str]) -> Cell:
        return root, frozenset(
            (factor, level) for factor, level in levels.items() if level != self.first(factor)
        )


def expand_variants(
    written: WrittenAblation, source: Source
) -> tuple[dict[str, dict[str, Any]], Assignments, Places]:
    """Name → variant as `Variant` has it, in file order, which has which levels, and where.

    Raises:
        InputError: a factor or a grid is wrong, or a tier is named that is not declared.
    """
    _check_factors(written, source)
    _check_tiers(written, source)
    places = Places(source.content)
    assignments = Assignments(written.factors)
    if written.baseline_variant in written.variants:
        assignments.add(written.baseline_variant, None, {})
    made: dict[str, dict[str, Any]] = {}
    for index in range(len(written.grids)):
        made |= _Expansion(written, source, assignments, places, made, index).cells()
    alone = {
        name: _variant(variant, written, variant.reason)
        | {
            "changes": variant.changes,
            "relative_to": variant.relative_to,
            "bundle": variant.bundle,
        }
        for name, variant in written.variants.items()
    }
    if not made and not alone:
        raise source.problem(("variants",), expected="a variant, or a grid that makes some")
    keys = list(source.content)
    if alone and keys.index("variants") < (keys.index("grids") if made else 0):
        return alone | made, assignments, places
    return made | alone, assignments, places


def _variant(
    declared: WrittenVariant | WrittenGrid | WrittenCell, written: WrittenAblation, reason: str
) -> dict[str, Any]:
    """What ``measure`` and ``tiers`` of a variant say together."""
    tiers, measure = declared.tiers, declared.measure
    if tiers is None and measure is None:
        measure = written.measure
    if isinstance(measure, list):
        measure = dict.fromkeys(tiers or written.tiers, measure)
    elif measure is not None and tiers is None:
        tiers = list(measure)
    return {
        "reason": reason,
        "starts_from": declared.starts_from,
        "tiers": tiers,
        "measure": measure or {},
    }


def _check_factors(written: WrittenAblation, source: Source) -> None:
    for factor, levels in written.factors.items():
        first, *_ = levels
        for level, declared in levels.items():
            keys = ("factors", factor, level)
            if level == first and declared.changes:
                expected = "no changes at the first level, which is the baseline's"
                raise source.problem(keys, declared.changes, expected=expected)
            if level != first and not declared.changes:
                raise source.problem(keys, expected="the options that this level changes")


def _check_tiers(written: WrittenAblation, source: Source) -> None:
    """Tiers that variants, grids and cells name are declared."""
    holders: list[tuple[Keys, WrittenVariant | WrittenGrid | WrittenCell]] = [
        (("variants", name), variant) for name, variant in written.variants.items()
    ]
    for index, grid in enumerate(written.grids):
        holders.append((("grids", index), grid))
        holders += [(("grids", index, "cells", name), cell) for name, cell in grid.cells.items()]
    named: list[tuple[Keys, str]] = []
    for keys, holder in holders:
        named += [
            ((*keys, "tiers", place), str(tier)) for place, tier in enumerate(holder.tiers or ())
        ]
    for keys, measure in [((), written.measure), *((k, holder.measure) for k, holder in holders)]:
        if isinstance(measure, dict):
            named += [((*keys, "measure", tier), str(tier)) for tier in measure]
    for keys, tier in named:
        if tier not in written.tiers:
            expected = f"a tier of this file: {', '.join(written.tiers)}"
            raise source.problem(keys, tier, expected=expected)


class _Expansion:
    """One grid."""

    def __init__(
        self,
        written: WrittenAblation,
        source: Source,
        assignments: Assignments,
        places: Places,
        made: Mapping[str, Any],
        index: int,
    ) -> None:
        self._written, self._source = written, source
        self._grid, self._index = written.grids[index], index
        self._assignments, self._places = assignments, places
        self._known = {*written.variants, *made}
        self._crossed = self._levels()
        self._root, self._base_levels = self._start()
        self._check()

    def cells(self) -> dict[str, dict[str, Any]]:
        """The variants that the grid makes and that are not there yet."""
        made: dict[str, dict[str, Any]] = {}
        for combination in product(*self._crossed.values()):
            crossed = dict(zip(self._crossed, combination, strict=True))
            levels = self._base_levels | crossed
            present = self._assignments.find(self._root, levels)
            if not self._not_first(crossed) and (self._grid.base is not None or present):
                continue  # the variant that the cells start from
            name = self._name(crossed)
            if present is not None:
                expected = f"levels that no variant has; {present!r} has those of {name!r}"
                raise self._problem("cross", expected=expected)
            if name in made or name in self._known:
                expected = f"a pattern that gives each variant its own name, not {name!r} again"
                raise self._problem("name", value=self._grid.name, expected=expected)
            made[name] = self._cell(name, crossed, levels)
            self._assignments.add(name, self._root, levels)
        for name in self._grid.cells:
            if name not in made:
                expected = f"the name of a cell that this grid makes: {', '.join(made)}"
                raise self._problem("cells", name, value=name, expected=expected)
        return made

    def _cell(self, name: str, crossed: dict[str, str], levels: dict[str, str]) -> dict[str, Any]:
        own = self._grid.cells.get(name, WrittenCell())
        given = {key: getattr(own, key) for key in own.model_fields_set}
        declared = self._grid.model_copy(update={"reason": None} | given)
        reference, factors = self._reference(crossed, levels)
        changes: dict[str, Any] = {}
        origin: dict[str, tuple[str, str]] = {}
        for factor in factors:
            level = self._written.factors[factor][crossed[factor]]
            changes |= level.changes
            origin |= dict.fromkeys(level.changes, (factor, crossed[factor]))
        self._places.add_cell(name, self._index, origin)
        return _variant(declared, self._written, declared.reason or self._reason(crossed)) | {
            "changes": changes,
            "relative_to": None if reference == self._written.baseline_variant else reference,
            "bundle": len({key.split(".")[0] for key in changes}) > 1,
        }

    def _reference(
        self, crossed: dict[str, str], levels: dict[str, str]
    ) -> tuple[str | None, list[str]]:
        """The variant that a cell is relative to, and the factors in which they differ."""
        moved = list(self._not_first(crossed))
        for factor in reversed(moved):
            nearer = levels | {factor: self._assignments.first(factor)}
            found = self._assignments.find(self._root, nearer)
            if found is not None:
                return found, [factor]
        return self._grid.base, moved

    def _name(self, crossed: Mapping[str, str]) -> str:
        name = self._filled("name", self._grid.name, crossed, crossed)
        if _NAME.fullmatch(name) is None:
            expected = f"a pattern that makes names of letters, digits and '_.-', not {name!r}"
            raise self._problem("name", value=self._grid.name, expected=expected)
        if len(name) > LONGEST_NAME:
            expected = f"a pattern that makes names of at most {LONGEST_NAME} characters"
            raise self._problem("name", value=self._grid.name, expected=f"{expected}, not {name}")
        return name

    def _reason(self, crossed: Mapping[str, str]) -> str:
        factors = self._written.factors
        texts = {name: factors[name][level].text or level for name, level in crossed.items()}
        if self._grid.reason is None:
            base = "" if self._grid.base is None else f"{self._grid.base}, with "
            return base + ", ".join(texts.values())
        return self._filled("reason", self._grid.reason, crossed, texts)

    def _filled(
        self, key: str, pattern: str, crossed: Mapping[str, str], texts: Mapping[str, str]
    ) -> str:
        def fill(match: re.Match[str]) -> str:
            before, bracketed, after, plain = match.groups()
            factor = plain if bracketed is None else bracketed
            if factor not in crossed:
                expected = f"only factors that are crossed here: {', '.join(crossed)}"
                raise self._problem(key, value=pattern, expected=expected)
            if bracketed is None:
                return texts[factor]
            if crossed[factor] == self._assignments.first(factor):
                return ""
            return before + texts[factor] + after

        return _FIELD.sub(fill, pattern)

    def _not_first(self, crossed: Mapping[str, str]) -> dict[str, str]:
        first = self._assignments.first
        return {name: level for name, level in crossed.items() if level != first(name)}

    def _levels(self) -> dict[str, Sequence[str]]:
        """Factor → the levels that are crossed, all known."""
        factors = self._written.factors
        crossed: dict[str, Sequence[str]] = {}
        for factor, picked in self._grid.cross.items():
            if factor not in factors:
                expected = f"a factor of this file: {', '.join(factors) or 'none is declared'}"
                raise self._problem("cross", value=factor, expected=expected)
            for level in picked or ():
                if level not in factors[factor]:
                    expected = f"a level of {factor}: {', '.join(factors[factor])}"
                    raise self._problem("cross", factor, value=level, expected=expected)
            if picked is not None and len(set(picked)) < len(picked):
                raise self._problem("cross", factor, value=picked, expected="each level once")
            crossed[factor] = list(factors[factor]) if picked is None else picked
        return crossed

    def _start(self) -> tuple[str | None, dict[str, str]]:
        base = self._grid.base
        if base is None:
            return None, {}
        if base not in self._known:
            expected = f"a variant that stands above: {', '.join(sorted(self._known))}"
            raise self._problem("base", value=base, expected=expected)
        found = self._assignments.of(base)
        return (base, {}) if found is None else found

    def _check(self) -> None:
        factors = self._written.factors
        setter: dict[str, str] = {}
        for factor, levels in self._crossed.items():
            if self._base_levels.get(factor, self._assignments.first(factor)) != (
                self._assignments.first(factor)
            ):
                expected = f"a factor that its base {self._grid.base!r} leaves at the first level"
                raise self._problem("cross", value=factor, expected=expected)
            options = {option for level in levels for option in factors[factor][level].changes}
            for option in options:
                other = next((key for key in setter if _overlap(key, option)), None)
                if other is not None:
                    expected = (
                        f"factors that change different options; {setter[other]!r} and "
                        f"{factor!r} both change {option}"
                    )
                    raise self._problem("cross", expected=expected)
            setter |= dict.fromkeys(options, factor)
        named = {match[2] or match[4] for match in _FIELD.finditer(self._grid.name)}
        for factor, levels in self._crossed.items():
            if factor not in named and len(levels) > 1:
                expected = f"a pattern with {{{factor}}}, which is crossed"
                raise self._problem("name", value=self._grid.name, expected=expected)

    def _problem(self, *keys: str, value: Any = None, expected: str) -> Exception:
        return self._source.problem(("grids", self._index, *keys), value, expected=expected)


def _overlap(option: str, other: str) -> bool:
    """Whether one option is the other, or holds it."""
    return f"{option}.".startswith(f"{other}.") or f"{other}.".startswith(f"{option}.")
