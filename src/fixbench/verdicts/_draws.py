"""Measurements on several data draws: a seed's effect is its mean over the draws.

Every draw is measured by itself, with the same checks as results on one data set, and failed runs
are imputed within their draw. The mean over draws then takes the place of a seed's effect, so that
every rule works as on one data set. The seed stays the unit: p and interval speak of these draws.
What they say of other data stands beside them (`fixbench.verdicts._data`).
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fixbench.ablation import Collapse, Effect, Term
from fixbench.errors import InputError
from fixbench.results import DATA_SEED
from fixbench.verdicts._copies import Copies
from fixbench.verdicts._measurements import Measurements, PropertyCount, SeedEffects
from fixbench.verdicts._notes import About, FailedAsNull, FailedAsWorst, FailedOnBothSides, Note

__all__ = ["DrawnEffects", "DrawnMeasurements", "measure"]


@dataclass(frozen=True, kw_only=True)
class DrawnEffects(SeedEffects):
    """One contrast, seed by seed, each the mean over data draws.

    Attributes:
        by_draw: data seed → the effects on that draw; all have the same seeds.
    """

    by_draw: Mapping[int, SeedEffects]

    def without(self, seeds: Collection[int]) -> DrawnEffects:
        return replace(
            self,
            values={seed: value for seed, value in self.values.items() if seed not in seeds},
            by_draw={draw: part.without(seeds) for draw, part in self.by_draw.items()},
        )

    @property
    def table(self) -> NDArray[np.float64]:
        """(I, J): seed i, draw j, in the order of ``values`` and ``by_draw``."""
        columns = [[part.values[seed] for seed in self.values] for part in self.by_draw.values()]
        return np.array(columns, dtype=np.float64).T


class DrawnMeasurements(Measurements):
    """The results of one ablation on several data draws.

    Args:
        frame: rows with `fixbench.results.COLUMNS`, ``data_seed`` and ``file``.
        better: metric → ``"higher"``, ``"lower"`` or ``"neither"``.

    Raises:
        InputError: the same number stands twice in a draw.
    """

    def __init__(self, frame: pd.DataFrame, better: Mapping[str, str]) -> None:
        self._parts = {
            int(draw): Measurements(rows, better) for draw, rows in frame.groupby(DATA_SEED)
        }

    @property
    def draws(self) -> tuple[int, ...]:
        """The data seeds, sorted."""
        return tuple(self._parts)

    @property
    def seeds(self) -> frozenset[int]:
        return frozenset().union(*(part.seeds for part in self._parts.values()))

    def seeds_of(self, variant: str) -> frozenset[int]:
        """The seeds that the variant has on every draw."""
        parts = [part.seeds_of(variant) for part in self._parts.values()]
        return parts[0].intersection(*parts[1:])

    def file_of(self, variant: str) -> str:
        return next(iter(self._parts.values())).file_of(variant)

    def recorded(self, term: Term) -> bool:
        return all(part.recorded(term) for part in self._parts.values())

    def lacking(self, term: Term) -> list[int]:
        return sorted({seed for part in self._parts.values() for seed in part.lacking(term)})

    def has_instead(self, term: Term) -> str:
        return next(iter(self._parts.values())).has_instead(term)

    def measures(self, term: Term) -> bool:
        return any(part.measures(term) for part in self._parts.values())

    def values_of(self, term: Term) -> dict[int, float]:
        """The mean over draws, of the seeds that have a value on each."""
        parts = [part.values_of(term) for part in self._parts.values()]
        seeds = sorted(set(parts[0]).intersection(*parts[1:]))
        return {seed: float(np.mean([part[seed] for part in parts])) for seed in seeds}

    def each_seed(
        self, effect: Effect, *, null: float = 0.0, name: str = "", describes: bool = False
    ) -> DrawnEffects:
        """As on one data set, for each draw; then the mean over draws.

        A seed failed if it failed on any draw. Where no run of a variant succeeded on a draw,
        every value is NaN. A seed that is undefined on any draw is undefined.

        Raises:
            InputError: as on one data set; or a draw has other seeds than the first.
        """
        found: dict[int, SeedEffects] = {}
        notes: dict[Note, None] = {}
        for draw, part in self._parts.items():
            label = f"{name}, data draw {draw}" if name else f"data draw {draw}"
            one = part.each_seed(effect, null=null, name=label, describes=describes)
            found[draw] = one
            for note in one.notes:
                # The policy on failed runs is the same for all; the others are about runs.
                alike = isinstance(note, FailedAsNull | FailedAsWorst | FailedOnBothSides)
                notes[note if alike else About(f"data draw {draw}", note)] = None
        asked = {draw: sorted({*one.values, *one.undefined}) for draw, one in found.items()}
        first, everything = next(iter(asked.items()))
        for draw, here in asked.items():
            if here != everything:
                expected = f"the same seeds on every data draw: {everything}, as on draw {first}"
                key = f"{name}: seed, data draw {draw}" if name else f"seed, data draw {draw}"
                raise InputError("results", key, here, expected=expected)
        undefined = frozenset[int]().union(*(one.undefined for one in found.values()))
        seeds = [seed for seed in everything if seed not in undefined]
        if not seeds:  # undefined in other seeds on every draw
            nothing = dict.fromkeys(everything, math.nan)
            return DrawnEffects(
                values=nothing,
                failed=frozenset(),
                notes=tuple(notes),
                by_draw={draw: replace(one, values=nothing) for draw, one in found.items()},
            )
        return DrawnEffects(
            values={
                seed: float(np.mean([one.values[seed] for one in found.values()])) for seed in seeds
            },
            failed=frozenset[int]().union(*(one.failed for one in found.values())) - undefined,
            failed_runs=sum(one.failed_runs for one in found.values()),
            notes=tuple(notes),
            undefined=undefined,
            by_draw=found,
        )

    def copies(self, effect: Effect, found: SeedEffects) -> Copies | None:
        """They count as one where they do so on every draw."""
        assert isinstance(found, DrawnEffects)
        parts = {draw: self._parts[draw].copies(effect, one) for draw, one in found.by_draw.items()}
        notes = {draw: [] if one is None else list(one.notes) for draw, one in parts.items()}
        if not any(notes.values()):
            return None
        return Copies(
            one=all(one is not None and one.one for one in parts.values()),
            notes=tuple(
                About(f"data draw {draw}", note) for draw, told in notes.items() for note in told
            ),
        )

    def samples(self, effect: Effect, seeds: SeedEffects) -> list[NDArray[np.float64]]:
        """The samples of all draws together; their mean is the seed's effect.

        Draws are strata: they count alike, however many samples each has, and how they differ is
        not scatter of samples. So each sample stands as its distance from the mean of its seed and
        draw, times M / (J m) for one of m samples on one of J draws, M in all: the variance of the
        mean of the M is then that of the mean over draws of their means.
        """
        assert isinstance(seeds, DrawnEffects)
        found = []
        for draw, one in seeds.by_draw.items():
            rows = self._parts[draw].samples(effect, one)
            found.append({s: row - row.mean() for s, row in zip(one.values, rows, strict=True)})
        joined = []
        for seed, value in seeds.values.items():
            parts = [rows[seed] for rows in found]
            share = sum(map(len, parts)) / len(parts)
            joined.append(np.concatenate([value + part * share / len(part) for part in parts]))
        return joined

    def collapsed(
        self, effect: Effect, collapse: Collapse, *, name: str = ""
    ) -> tuple[frozenset[int], frozenset[int]]:
        """Seeds in which a run collapsed on any draw."""
        found = [part.collapsed(effect, collapse, name=name) for part in self._parts.values()]
        plus, minus = zip(*found, strict=True)
        return frozenset[int]().union(*plus), frozenset[int]().union(*minus)

    def count_property(self, effect: Effect) -> PropertyCount:
        """Over the values of all draws; a seed's share is its mean over draws."""
        counts = {draw: part.count_property(effect) for draw, part in self._parts.items()}
        found = list(counts.values())
        seeds = sorted({seed for one in found for seed in one.share})
        return PropertyCount(
            held=sum(one.held for one in found),
            checked=sum(one.checked for one in found),
            share={
                seed: float(np.mean([one.share[seed] for one in found if seed in one.share]))
                for seed in seeds
            },
            failed=frozenset[int]().union(*(one.failed for one in found)),
            lost=tuple(
                About(f"data draw {draw}", note)
                for draw, one in counts.items()
                for note in one.lost
            ),
            notes=tuple(
                About(f"data draw {draw}", note)
                for draw, one in counts.items()
                for note in one.notes
            ),
        )


def measure(frame: pd.DataFrame, better: Mapping[str, str]) -> Measurements:
    """The measurements of a frame, with data draws or without."""
    return (DrawnMeasurements if DATA_SEED in frame else Measurements)(frame, better)
