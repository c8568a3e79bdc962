"""Tables of several variants side by side."""

from __future__ import annotations

from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fixbench.ablation._base import At, Name, Scale, Strict
from fixbench.ablation._effects import Effect, Term

__all__ = ["Comparison", "ComparisonArms"]


class ComparisonArms(Strict):
    """What a table compares.

    Attributes:
        name: the title of the table.
        variants: in the order in which they are compared; the baseline variant need not be named
            where ``pairs`` is ``baseline``.
        pairs: ``all`` (each with every earlier one), unless given, or ``baseline`` (each with that
            variant). p is Holm-adjusted within the table.
    """

    name: str
    variants: Annotated[list[Name], Field(min_length=1)]
    pairs: Literal["all", "baseline"] = "all"

    @model_validator(mode="after")
    def _distinct(self) -> ComparisonArms:
        if len(set(self.variants)) < len(self.variants):
            raise ValueError("each variant once")
        if self.pairs == "all" and len(self.variants) < 2:
            raise ValueError("at least two variants, of which there are pairs")
        return self


class Comparison(ComparisonArms):
    """Several variants side by side: a table that describes, and judges no claim.

    Attributes:
        metric: the metric that is compared.
        stage: as in a term.
        at: as in a term.
        scale: ``log`` for ratios, ``plain`` for differences.
    """

    metric: str
    stage: str
    at: At = "last"
    scale: Scale = "plain"

    def effects(self, baseline: str) -> list[tuple[str, str, Effect]]:
        """(variant, reference, their contrast), in the order of the table."""
        if self.pairs == "all":
            pairs = [(later, earlier) for earlier, later in combinations(self.variants, 2)]
        else:
            pairs = [(name, baseline) for name in self.variants if name != baseline]
        return [(*pair, self._effect(*pair)) for pair in pairs]

    def levels(self, baseline: str) -> list[tuple[str, Effect]]:
        """(variant, what it reaches by itself), each once; the baseline first where it is used."""
        lead = [baseline] if self.pairs == "baseline" else []
        return [(name, self._effect(name)) for name in dict.fromkeys([*lead, *self.variants])]

    def _effect(self, variant: str, reference: str | None = None) -> Effect:
        weights = {variant: 1.0} if reference is None else {variant: 1.0, reference: -1.0}
        return Effect(
            terms=[
                Term(variant=name, metric=self.metric, stage=self.stage, at=self.at, weight=weight)
                for name, weight in weights.items()
            ],
            scale=self.scale,
        )
