"""What a decision rule offers.

A rule is one module of this package, named as the rule, with one object ``RULE``. It derives from
`ExactRule`, which settles a claim from its measurements, or from `TestedRule`, which tests an
effect over seeds. The methods say what a rule must not do: it sees one claim, never the others of
its family; preconditions and controls are not its business; ``judge`` makes no sentences, and
``explain`` decides nothing.

Rules are listed and declarations checked when Snakemake starts: a rule module imports neither numpy
nor pandas nor scipy when it is imported. It takes what it needs from `fixbench.statistics`.
"""

from __future__ import annotations

import inspect
import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from fixbench.ablation import Ablation, Claim, Decision
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict

if TYPE_CHECKING:
    from fixbench.statistics import EffectEstimate, Proportion
    from fixbench.verdicts._measurements import Measurements, SeedEffects
    from fixbench.verdicts._result import ClaimResult

__all__ = ["CollapsedSeeds", "ExactRule", "Problem", "Rule", "Settled", "Tested", "TestedRule"]


@dataclass(frozen=True)
class Problem:
    """What is wrong with the declaration of a claim.

    Attributes:
        key: dotted, below the claim.
        expected: what would be right; ``value`` what stands there, where that helps.
    """

    key: str
    expected: str
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What an exact rule found: its ruling, and the numbers to show beside it."""

    ruling: Ruling
    effect: EffectEstimate | None = None
    proportion: Proportion | None = None


@dataclass(frozen=True, kw_only=True)
class CollapsedSeeds:
    """The seeds of a comparison in which a run collapsed.

    Attributes:
        seeds: of the comparison; plus, minus: those in which that arm collapsed.
        alone: of the seeds in which one arm collapsed alone, the share in which it was the arm
            plus, with the exact test against a half.
    """

    seeds: tuple[int, ...]
    plus: frozenset[int]
    minus: frozenset[int]
    alone: Proportion

    def balance(self, seeds: Collection[int]) -> int:
        """Of ``seeds``: in how many more the arm plus collapsed alone than the arm minus."""
        return len((self.plus - self.minus) & set(seeds)) - len(
            (self.minus - self.plus) & set(seeds)
        )


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A claim whose effect is tested but not yet judged.

    Attributes:
        p_within: p of the evidence that the effect lies within ``bounds``; NaN without such a test,
            1 where a run failed.
        p_beyond: p of the evidence that it lies outside of them; NaN without such a test.
        bounds: analysis scale; infinite where only the other end matters.
        unit: of the effect as printed.
        proportion: of a share of seeds.
        collapses: of a rule that counts collapsed seeds apart; ``seeds`` and ``effect`` are then of
            the others.
    """

    claim: Claim
    seeds: SeedEffects
    effect: EffectEstimate
    p_within: float
    bounds: tuple[float, float]
    unit: str = ""
    proportion: Proportion | None = None
    p_beyond: float = math.nan
    collapses: CollapsedSeeds | None = None

    @property
    def fails(self) -> bool:
        """Whether failed runs keep the effect from being shown to be within bounds."""
        return bool(self.seeds.failed) and self.proportion is None


class Rule(ABC):
    """What all rules offer.

    Attributes:
        name: as in a claim's ``decision.rule``; also that of the module.
        tested: a statistical test over seeds decides, so that a primary claim counts in the family,
            may have preconditions, and is waited for where seeds are added until a verdict.
        needs_effect: a claim of this rule declares an effect; if not, it declares none.
    """

    name: ClassVar[str]
    tested: ClassVar[bool]
    needs_effect: ClassVar[bool] = True

    @property
    def summary(self) -> str:
        """What it decides: the first paragraph of its module's docstring, on one line."""
        text = inspect.getdoc(sys.modules[type(self).__module__]) or ""
        return " ".join(text.split("\n\n")[0].split())

    @abstractmethod
    def check(self, claim: Claim) -> Iterator[Problem]:
        """What is missing from the declaration, or contradicts the rule, before any result."""

    @abstractmethod
    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        """What the ruling says, in words, without the full stop at its end."""


class ExactRule(Rule):
    """A rule that no chance enters: it settles a claim from its measurements."""

    tested = False

    @abstractmethod
    def settle(self, claim: Claim, results: Measurements | None, confidence: float) -> Settled:
        """The verdict; ``results`` are there where the rule needs an effect."""


class TestedRule(Rule):
    """A rule that tests an effect over seeds.

    Attributes:
        within: the kind of evidence, besides "different", that its effect lies within bounds.
        beyond: there is also the kind "beyond": that it lies outside of them. Each kind is adjusted
            for the family by itself.
        settled_by: the kinds that give a verdict, and that seeds are added for; all, unless given.
        of_means: it tests a mean over seeds.
        collapses: collapsed seeds are counted apart: there is also the kind "collapses", and the
            claim counts twice in the family, once for each part.
    """

    tested = True
    within: ClassVar[str | None] = None
    beyond: ClassVar[bool] = False
    settled_by: ClassVar[tuple[str, ...] | None] = None
    of_means: ClassVar[bool] = False
    collapses: ClassVar[bool] = False

    @abstractmethod
    def test(
        self, ablation: Ablation, claim: Claim, results: Measurements, confidence: float
    ) -> Tested:
        """Estimate and p-values, adjusted for nothing."""

    @abstractmethod
    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        """The first line of the rule that applies; the effect has an interval and p."""

    @abstractmethod
    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        """The fewest seeds that would settle an open claim, and the verdict that they would show.

        Were the effect as observed, with 80 % power; ``None`` if no number would do.

        Args:
            alpha: divided by the size of the family.
        """

    def seeds_for_size(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        """As `seeds_needed`, of a claim whose direction is shown and whose size is open."""
        return None, None

    def fewest_seeds(self, decision: Decision, *, family: int, alpha: float) -> int | None:
        """The seeds that it takes to show anything at all; ``None`` without such a floor.

        Args:
            family: the number of claims that p is adjusted for.
        """
        return None

    def kinds(self, tested: Tested) -> dict[str, float]:
        """Kind of evidence → its p, adjusted for nothing."""
        kinds = {"different": tested.effect.p_value}
        if self.within is not None:
            kinds[self.within] = tested.p_within
        if self.beyond:
            kinds["beyond"] = tested.p_beyond
        if tested.collapses is not None:
            kinds["collapses"] = tested.collapses.alone.p_value
        return kinds

    def settles(self, kind: str) -> bool:
        """Whether evidence of this kind gives a verdict."""
        return self.settled_by is None or kind in self.settled_by
