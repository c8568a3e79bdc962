"""What can only be checked once all files of an ablation are expanded."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fixbench.ablation._claims import Claim
from fixbench.ablation._effects import Factorial, Slope
from fixbench.ablation._model import Ablation, Tier, Variant
from fixbench.ablation._options import flatten
from fixbench.ablation._places import Keys, Places
from fixbench.ablation._tier import AblationInTier
from fixbench.ablation._written import Level
from fixbench.errors import InputError
from fixbench.reading import Source, parse_seeds

__all__ = ["Checks"]


class Checks:
    """Names that point to nothing, changes that are no changes, doses that are not the options'.

    Args:
        source: ``ablation.yaml`` as it was read.
        claims: ``claims.yaml`` as it was read.
        factors: factor → its levels, used or not.
        places: where what a variant says is written.
    """

    def __init__(
        self,
        ablation: Ablation,
        source: Source,
        claims: Source,
        factors: Mapping[str, Mapping[str, Level]],
        places: Places,
    ) -> None:
        self._factors, self._places = factors, places
        self._ablation = ablation
        self._source = source
        self._claims = claims
        self._options = flatten(ablation.baseline)
        self._tiers: list[AblationInTier] = []

    def run(self) -> None:
        """All checks.

        Raises:
            InputError: the first thing that is wrong.
        """
        self._check_baseline()
        self._check_draws()
        self._check_tiers()
        self._check_factors()
        # What a variant is relative to may stand below it: all options first.
        for name, variant in self._ablation.variants.items():
            self._check_changes(name, variant)
        for name, variant in self._ablation.variants.items():
            self._check_variant(name, variant)
        for index, comparison in enumerate(self._ablation.comparisons):
            if not comparison.effects(self._ablation.baseline_variant):
                expected = "a variant besides the baseline"
                keys: Keys = ("comparisons", index, "variants")
                raise self._source.problem(keys, comparison.variants, expected=expected)
        identifiers: set[str] = set()
        for index, claim in enumerate(self._ablation.claims):
            if claim.id in identifiers:
                expected = "each id once"
                raise self._claims.problem(("claims", index, "id"), claim.id, expected=expected)
            identifiers.add(claim.id)
            self._check_entries(claim, ("claims", index))
            for key, effect in claim.effects():
                parts = [int(part) if part.isdigit() else part for part in key.split(".")]
                keys = ("claims", index, *parts)
                if effect.slope is not None:
                    self._check_slope((*keys, "slope"), effect.slope)
                if effect.factorial is not None:
                    self._check_factorial((*keys, "factorial"), effect.factorial)

    def _check_entries(self, claim: Claim, keys: Keys) -> None:
        """An id is of one of the measurements beside a claim."""
        known: set[str] = set()
        for kind in ("preconditions", "controls", "supporting"):
            for index, item in enumerate(getattr(claim, kind)):
                if item.id in known:
                    expected = f"an id that nothing else beside {claim.id} has"
                    raise self._claims.problem(
                        (*keys, kind, index, "id"), item.id, expected=expected
                    )
                known |= {item.id} - {None}

    def _check_baseline(self) -> None:
        variants, name = self._ablation.variants, self._ablation.baseline_variant
        if name not in variants:
            expected = f"one of {', '.join(variants)}"
            raise self._source.problem(("baseline_variant",), name, expected=expected)
        if variants[name].changes or variants[name].relative_to is not None:
            keys = ("variants", name, "changes")
            raise self._source.problem(keys, expected="no changes in the baseline variant")
        self._check_nested(("baseline",), self._ablation.baseline)
        self._check_numbers(("baseline",), self._ablation.baseline)

    def _check_nested(self, keys: Keys, options: Mapping[Any, Any]) -> None:
        """Dotted keys are for changes; the baseline is nested, as systems read it."""
        for key, value in options.items():
            if not isinstance(key, str):
                expected = f"text as the name of an option, such as {str(key)!r}"
                raise self._source.problem((*keys, key), key, expected=expected)
            if "." in key or not key:
                nested = ": {".join(key.split(".")) + ": ..." + "}" * key.count(".")
                expected = f"nested keys: '{nested}'" if all(key.split(".")) else "a name"
                raise self._source.problem((*keys, key), key, expected=expected)
            if isinstance(value, Mapping):
                self._check_nested((*keys, key), value)

    def _check_numbers(self, keys: Keys, value: Any) -> None:
        """No option is NaN, which equals nothing and so differs from itself."""
        if isinstance(value, Mapping):
            for key, item in value.items():
                self._check_numbers((*keys, key), item)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                self._check_numbers((*keys, index), item)
        elif isinstance(value, float) and math.isnan(value):
            raise self._source.problem(keys, value, expected="a number")

    def _check_factors(self) -> None:
        for factor, levels in self._factors.items():
            for level, declared in levels.items():
                for option, value in declared.changes.items():
                    keys = self._places.level(factor, level, option)
                    self._check_option(keys, option)
                    self._check_numbers(keys, value)

    def _check_tiers(self) -> None:
        for name, tier in self._ablation.tiers.items():
            keys: Keys = ("tiers", name)
            line = self._source.line((*keys, "seeds"))
            file = f"{self._source.path}:{line}"
            parse_seeds(tier.seeds, file=file, key=f"tiers.{name}.seeds")
            self._check_data_seeds(name, tier)
            for option, value in tier.options.items():
                self._check_option((*keys, "options", option), option)
                self._check_numbers((*keys, "options", option), value)
            self._tiers.append(self._ablation.at(name))

    def _check_data_seeds(self, name: str, tier: Tier) -> None:
        if tier.data_seeds is None:
            return
        keys: Keys = ("tiers", name, "data_seeds")
        file = f"{self._source.path}:{self._source.line(keys)}"
        parse_seeds(tier.data_seeds, file=file, key=".".join(map(str, keys)))
        if not self._ablation.draws:
            expected = "'draws' beside 'inputs': those of them that are generated for each draw"
            raise self._source.problem(keys, tier.data_seeds, expected=expected)

    def _check_draws(self) -> None:
        inputs = self._ablation.inputs
        for index, name in enumerate(self._ablation.draws):
            if name not in inputs or name in self._ablation.draws[:index]:
                expected = f"one of the inputs, once: {', '.join(inputs) or 'there are none'}"
                raise self._source.problem(("draws", index), name, expected=expected)

    def _check_option(self, keys: Keys, option: str, source: Source | None = None) -> None:
        if option not in self._options:
            expected = f"an option of the baseline: {', '.join(sorted(self._options))}"
            raise (source or self._source).problem(keys, option, expected=expected)

    def _check_changes(self, name: str, variant: Variant) -> None:
        self._check_chain(name)
        for option, value in variant.changes.items():
            keys = self._places.of(name, "changes", option)
            self._check_option(keys, option)
            self._check_numbers(keys, value)

    def _check_variant(self, name: str, variant: Variant) -> None:
        self._check_start(name, variant)
        for tier in self._tiers:
            if name not in tier.variants:
                continue
            differing = tier.difference(name)
            for option in sorted(variant.changes):
                # A change from or to a mapping shows in the keys below it.
                if not any(f"{other}.".startswith(f"{option}.") for other in differing):
                    expected = f"a value that differs from the baseline's in tier {tier.name!r}"
                    keys = self._places.of(name, "changes", option)
                    raise self._problem(keys, variant.changes[option], expected=expected)
        groups = {option.split(".")[0] for option in variant.changes}
        if len(groups) > 1 and not variant.bundle:
            expected = (
                "one option group (one factor), or 'bundle: true' with variants that take its "
                "parts apart"
            )
            raise self._problem(self._places.of(name, "changes"), sorted(groups), expected=expected)

    def _check_chain(self, name: str) -> None:
        variants = self._ablation.variants
        chain = [name]
        while (reference := variants[chain[-1]].relative_to) is not None:
            if reference not in variants or reference in chain:
                others = ", ".join(other for other in variants if other not in chain)
                keys = self._places.of(chain[-1], "relative_to")
                raise self._problem(keys, reference, expected=f"another variant: {others}")
            chain.append(reference)

    def _check_start(self, name: str, variant: Variant) -> None:
        parent = variant.starts_from
        if parent is None:
            return
        keys = self._places.of(name, "starts_from")
        if self._ablation.command is not None:
            expected = "no such key: a 'command' leaves no state to start from"
            raise self._problem(keys, parent, expected=expected)
        variants = self._ablation.variants
        chain = [name]
        while (origin := variants[chain[-1]].starts_from) is not None:
            if origin not in variants or origin in chain:
                others = ", ".join(other for other in variants if other not in chain)
                place = self._places.of(chain[-1], "starts_from")
                raise self._problem(place, origin, expected=f"another variant: {others}")
            chain.append(origin)
        for tier in self._ablation.tiers:
            if variant.runs_in(tier) and not variants[parent].runs_in(tier):
                expected = f"a variant that tier {tier!r} runs"
                raise self._problem(keys, parent, expected=expected)

    def _problem(self, keys: Keys, value: Any = None, *, expected: str) -> InputError:
        return self._source.problem(keys, value, expected=expected)

    def _values(self, option: str, variants: Iterable[str], tier: AblationInTier) -> dict[str, Any]:
        """Variant → what it sets the option to, of those that the tier runs."""
        return {name: _value(tier.flat(name), option) for name in variants if name in tier.variants}

    def _check_factorial(self, keys: Keys, design: Factorial) -> None:
        """A sign that contradicts the options would silently exchange effects."""
        for place, factor in enumerate(design.factors):
            for tier in self._tiers if factor in self._options else ():
                values = self._values(factor, design.cells, tier)
                for name, value in values.items():
                    for other, another in values.items():
                        same = design.cells[name][place] == design.cells[other][place]
                        if same != (value == another):
                            expected = (
                                f"the same sign exactly where {factor} is the same; in tier "
                                f"{tier.name!r} it is {value!r} in {name!r} and {another!r} in "
                                f"{other!r}"
                            )
                            raise self._claims.problem(
                                (*keys, "cells"), design.cells, expected=expected
                            )

    def _check_slope(self, keys: Keys, slope: Slope) -> None:
        if slope.over is None:
            return
        self._check_option((*keys, "over"), slope.over, self._claims)
        for tier in self._tiers:
            for variant, value in self._values(slope.over, slope.doses, tier).items():
                dose = slope.doses[variant]
                if value != dose:
                    expected = (
                        f"its value of {slope.over} in tier {tier.name!r}, which is {value!r}"
                    )
                    keys = (*keys, "doses", variant)
                    raise self._claims.problem(keys, dose, expected=expected)


def check_claims_named(
    source: Source,
    where: Mapping[Keys, Iterable[str]],
    known: Collection[str],
    *,
    kind: str = "a claim",
) -> None:
    """Headline, conclusions and threats name claims that there are.

    Raises:
        InputError: one does not.
    """
    for keys, names in where.items():
        for name in names:
            if name not in known:
                expected = f"the id of {kind} of claims.yaml: {', '.join(sorted(known))}"
                raise source.problem(keys, name, expected=expected)


def _value(flat: Mapping[str, Any], option: str) -> Any:
    """The value of an option, also where a variant or a tier makes a mapping of it."""
    if option in flat:
        return flat[option]
    return {
        key.removeprefix(f"{option}."): value
        for key, value in flat.items()
        if key.startswith(f"{option}.")
    }
