"""Runs that are copies of one another: equal, to the last bit, in everything that was measured.

A program that does not use its seed makes one run many times. From copies follows no p: where all
runs of every variant of an effect are copies, they count as one seed. Small ratios, such as
accuracies on few samples, coincide by chance or where they reach their best value: where nothing
else was measured, and where only some seeds are copies, they are counted as they are and named.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import pandas as pd

from fixbench.verdicts._notes import CopiedSeeds, Note, SameRuns

__all__ = ["Copies", "find_copies"]

_ROW = ["stage", "step", "metric", "status", "value"]
#: A ratio of whole numbers up to this is no measurement that never repeats.
_LARGEST_RATIO = 1000


@dataclass(frozen=True)
class Copies:
    """What was found.

    Attributes:
        one: all runs count as one.
    """

    one: bool
    notes: tuple[Note, ...]


def find_copies(frame: pd.DataFrame, variants: Sequence[str], seeds: Sequence[int]) -> Copies:
    """Copies among the runs of some variants, in some seeds.

    Args:
        frame: rows of one data draw.
    """
    rows = frame[frame["variant"].isin(variants) & frame["seed"].isin(seeds)]
    runs = {
        key: tuple(sorted(map(repr, part[_ROW].itertuples(index=False, name=None))))
        for key, part in rows.groupby(["variant", "seed"])
    }
    groups: dict[tuple[object, ...], list[int]] = {}
    for seed in seeds:
        groups.setdefault(tuple(runs.get((variant, seed)) for variant in variants), []).append(seed)
    notes: list[Note] = []
    one = len(seeds) > 1 and len(groups) == 1 and any(map(_never_repeats, rows["value"]))
    copied = [tuple(group) for group in groups.values() if len(group) > 1]
    notes += [CopiedSeeds(seeds=group, of=len(seeds), one=one) for group in copied]
    first, *others = variants
    same = [
        other
        for other in others
        if all(runs.get((first, s)) == runs.get((other, s)) for s in seeds)
    ]
    if same and seeds:
        notes.append(SameRuns(variants=(first, *same)))
    return Copies(one=one, notes=tuple(notes))


def _never_repeats(value: float) -> bool:
    """Whether the value is so fine that another run would not give it by chance."""
    if not abs(value) < float("inf"):
        return False
    return float(Fraction(value).limit_denominator(_LARGEST_RATIO)) != value
