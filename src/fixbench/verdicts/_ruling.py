"""What a decision rule finds of one claim: facts and codes, no sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from fixbench.ablation import Judgement
from fixbench.statistics import Crossing, Proportion

__all__ = ["Collapses", "Evidence", "Ruling", "Side", "Verdict"]

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
class Collapses:
    """In which seeds runs collapsed, of a `two_part` rule.

    Attributes:
        plus, minus: the shares of seeds in which a run of the arm with positive, and of that with
            negative weights collapsed.
        variants: of the arms, plus and minus.
        bound: what counts as collapsed, in words.
        alone: of the seeds in which one arm collapsed alone, the share in which it was the arm
            plus; its p is that of the exact test against a half (McNemar's).
        failed: seeds in which a run failed, which counts as collapsed.
        mean: which line of the rule applies to the mean of the other seeds.
        pull: the side to which a collapse of the arm plus alone pulls the effect.
    """

    plus: Proportion
    minus: Proportion
    variants: tuple[str, str]
    bound: str
    alone: Proportion
    failed: int
    mean: str
    pull: Side

    @property
    def side(self) -> Side | None:
        """Where collapses pull the effect; ``None`` where both arms collapse alone as often."""
        more = 2 * self.alone.held - self.alone.checked
        if not more:
            return None
        other: Side = "below" if self.pull == "above" else "above"
        return self.pull if more > 0 else other


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
        seeds_needed: seeds that would settle an inconclusive claim were the effect as observed, and
            ``toward`` which verdict.
        collapses: of a rule that counts collapsed seeds apart.
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
    seeds_needed: int | None = None
    toward: Verdict | None = None
    collapses: Collapses | None = None
    details: Mapping[str, int | float | str] = field(default_factory=dict)
