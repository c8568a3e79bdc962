"""What is said of a verdict."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.published import PublishedClaim

__all__ = ["Bound", "Deciding", "Explanation", "Rows"]


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A value that the interval is compared with.

    Attributes:
        name: what it stands for; value: on the natural scale.
        lies: below, inside or above the interval.
        end: of the interval, the one that is nearer; lower or upper.
        distance: from that end: a difference, on the log scale a factor of at least one.
        share: the same in widths of the interval (on the log scale of its logarithm).
    """

    name: str
    value: float
    lies: str
    end: str
    distance: float
    share: float


@dataclass(frozen=True, kw_only=True)
class Deciding:
    """A precondition or a control, and what it decides.

    Attributes:
        kind: precondition or control.
        state: as published; null of a control that decides nothing.
        does: what follows from the state for this verdict, in words.
        required: when it is met, or explains the claim, in words.
        p: of the two tests, by name.
        bounds: where its own interval lies.
    """

    kind: str
    name: str
    meaning: str
    state: str | None
    does: str
    required: str
    measured: str
    p: dict[str, float]
    seeds_needed: int | None
    bounds: list[Bound]


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was measured where.

    Attributes:
        files: those that are there; none where the rows were not kept.
        formula: the effect over ``metric(variant, stage, position)``.
        variants: whose rows the claim, its preconditions and its controls read.
    """

    files: list[str]
    formula: str
    variants: list[str]
    seeds: list[int]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A verdict and everything that it follows from.

    Attributes:
        claim: the claim as the table has it, which holds every number.
        table: the file it stands in; origin: what that file is, in words.
        meaning: of the verdict.
        measured: effect, interval and n in print; arms: what each reached.
        tests: p, one sentence each.
        rule: one sentence an entry, in the order in which the rule decides.
        deciding: preconditions, then controls.
        bounds: where the interval lies beside the values of the rule.
        change: what would change the verdict, one sentence each.
    """

    claim: PublishedClaim
    tier: str
    table: str
    origin: str
    meaning: str
    measured: str
    arms: str
    tests: list[str]
    rule: list[str]
    deciding: list[Deciding]
    bounds: list[Bound]
    rows: Rows
    change: list[str]
