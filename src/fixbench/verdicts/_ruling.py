"""What a decision rule finds of one claim: facts and codes, no sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fixbench.ablation import Judgement
from fixbench.statistics import Crossing

__all__ = ["Evidence", "Ruling", "Side", "Skewness", "Verdict"]

Verdict = Literal[Judgement, "withdrawn"]
Side = Literal["above", "below"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One kind of evidence on a claim.

    Attributes:
        p: what is compared with alpha: for a primary claim Holm-adjusted; where there were looks,
            of all seeds, adjusted for nothing.
        shown: p is below alpha, or met its level at a look.
        adjusted: p is Holm-adjusted, over ``family`` claims; 0 where that was not recorded.
        looked: there were looks, so that ``crossing`` decides and not ``p``.
        crossing: the first look that showed it, unless all seeds contradict it.
    """

    p: float
    shown: bool
    adjusted: bool = False
    family: int = 0
    looked: bool = False
    crossing: Crossing | None = None


@dataclass(frozen=True, kw_only=True)
class Skewness:
    """Seeds so skewed that p and interval promise too much.

    Attributes:
        value: `fixbench.statistics.standardised_skewness`.
        seed: the seed farthest from the mean; share: its part of the sum of squares.
    """

    value: float
    seed: int
    share: float


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What the rule of a claim says of its effect, before preconditions and controls count.

    Attributes:
        rule: its name; "" where no rule was asked (not measured, withdrawn).
        verdict: what the effect alone gives.
        finding: which line of the rule applied; a code that is unique in the rule.
        evidence: kind of evidence ("different", "equivalent", "not worse") → what it shows.
        unit: of the effect as printed, with a space before it.
        side: of the null on which the estimate lies.
        margin: the effects too small to matter, natural scale.
        tolerance: the sizes that count as the documented one, natural scale.
        failed_runs: how many runs failed, where they keep sameness from being shown.
        skewness: where the seeds are clearly skewed.
        seeds_needed: seeds that would settle an inconclusive claim were the effect as observed, and
            ``toward`` which verdict.
        details: what only this rule knows.
    """

    rule: str
    verdict: Verdict
    finding: str
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    unit: str = ""
    side: Side | None = None
    margin: tuple[float, float] | None = None
    tolerance: tuple[float, float] | None = None
    failed_runs: int = 0
    skewness: Skewness | None = None
    seeds_needed: int | None = None
    toward: Verdict | None = None
    details: Mapping[str, int | float | str] = field(default_factory=dict)
