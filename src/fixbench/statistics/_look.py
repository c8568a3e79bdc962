"""What one look at a growing sample is and shows (`fixbench.statistics.decide`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["Crossing", "Look", "Progress"]


@dataclass(frozen=True, kw_only=True)
class Look:
    """One planned look at the results so far.

    Attributes:
        n: seeds so far.
        spent: the error probability of normal sums up to here.
        level: a two-sided p at or below this shows an effect at this look.
    """

    n: int
    spent: float
    level: float


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """The first look at which a p met its level.

    Attributes:
        look: its number, from 1.
        n: seeds at that look.
        level: of that look, at the share of alpha that Holm's steps left for the claim.
    """

    look: int
    n: int
    p: float
    level: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the looks so far have settled.

    Attributes:
        shown: claim → kind of evidence that is shown → where.
        undecided: the claims for which none is, of those that have any.
        next_n: the seeds of the next look; ``None`` if all is settled or the budget is spent.
    """

    shown: Mapping[str, Mapping[str, Crossing]]
    undecided: tuple[str, ...]
    next_n: int | None
