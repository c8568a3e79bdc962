"""Effects: the numbers that claims, controls and comparisons are about."""

from __future__ import annotations

import math
from itertools import product
from statistics import fmean
from typing import Annotated, Literal

from pydantic import Field, model_validator

from fixbench.ablation._base import At, Name, Scale, Strict

__all__ = ["Effect", "Factorial", "Slope", "SlopeDesign", "Term"]


class Term(Strict):
    """One weighted number of each seed.

    Attributes:
        variant: the variant that is read.
        metric: the metric that is read.
        stage: the stage of a run at which it was measured.
        at: ``first``, ``last``, ``mean`` over the stage's steps, ``area`` (trapezoid over steps,
            divided by their range), or a step number.
        weight: what the number is multiplied by before the terms are added up.
    """

    variant: Name
    metric: str
    stage: str
    at: At = "last"
    weight: float = 1.0


class SlopeDesign(Strict):
    """The doses of a slope.

    Attributes:
        doses: variant → its dose.
        over: the option whose values the doses are; checked where it is given.
        dose_scale: ``log`` for natural logarithms of the doses.
    """

    doses: dict[Name, float]
    over: str | None = None
    dose_scale: Scale = "plain"

    @model_validator(mode="after")
    def _spread(self) -> SlopeDesign:
        if len(set(self.doses.values())) < 2:
            raise ValueError("at least two different doses")
        if self.dose_scale == "log" and min(self.doses.values()) <= 0:
            raise ValueError("positive doses, which their logarithms need")
        doses = self.doses.values()
        if max(map(abs, doses)) > 1e100 or max(doses) - min(doses) < 1e-100:
            raise ValueError("doses of 1e100 at most, and not all within 1e-100")
        return self


class Slope(SlopeDesign):
    """Dose and response: the least-squares slope of a metric over the doses of some variants.

    With the effect's ``scale: log`` it is the slope of the metric's logarithm: over logarithms of
    doses the exponent of a power law.

    Attributes:
        metric: the metric whose slope it is.
        stage: as in a term.
        at: as in a term.
    """

    metric: str
    stage: str
    at: At = "last"

    def terms(self) -> list[Term]:
        """The variants with the weights that make their sum the slope."""
        logarithmic = self.dose_scale == "log"
        doses = [math.log(dose) if logarithmic else dose for dose in self.doses.values()]
        centre = fmean(doses)
        square = sum((dose - centre) ** 2 for dose in doses)
        return [
            Term(
                variant=variant,
                metric=self.metric,
                stage=self.stage,
                at=self.at,
                weight=(dose - centre) / square,
            )
            for variant, dose in zip(self.doses, doses, strict=True)
        ]


class Factorial(Strict):
    """A main effect or an interaction of factors with two levels each, in a full design.

    A main effect is the mean at the high level less that at the low one; an interaction of two
    factors is the difference that the second makes to the effect of the first; both are averaged
    over the other factors. That is the coefficient of a regression on levels of -1/2 and 1/2.

    Attributes:
        factors: their names; one that is a baseline option is checked against its values.
        cells: variant → one sign for each factor, in their order: ``+`` for high, ``-`` for low.
        of: the factor whose main effect it is, or those that interact.
        metric: the metric that is read.
        stage: as in a term.
        at: as in a term.
    """

    factors: Annotated[list[str], Field(min_length=1)]
    cells: dict[Name, Annotated[str, Field(pattern=r"^[+-]+$")]]
    of: Annotated[list[str], Field(min_length=1)]
    metric: str
    stage: str
    at: At = "last"

    @model_validator(mode="after")
    def _full(self) -> Factorial:
        if len(set(self.factors)) < len(self.factors):
            raise ValueError("factors that differ")
        if len(set(self.of)) < len(self.of) or not set(self.of) <= set(self.factors):
            raise ValueError(
                f"in 'of' only factors of the design, each once: {', '.join(self.factors)}"
            )
        wanted = {"".join(signs) for signs in product("-+", repeat=len(self.factors))}
        if sorted(self.cells.values()) != sorted(wanted):
            shown = ", ".join(sorted(wanted)) if len(wanted) <= 16 else f"all {len(wanted)}"
            raise ValueError(f"one variant for each combination of levels: {shown}")
        return self

    def terms(self) -> list[Term]:
        """The variants with the weights that make their sum the effect."""
        size = 2.0 ** len(self.of) / len(self.cells)
        places = [self.factors.index(name) for name in self.of]
        return [
            Term(
                variant=variant,
                metric=self.metric,
                stage=self.stage,
                at=self.at,
                weight=size * math.prod(1 if signs[place] == "+" else -1 for place in places),
            )
            for variant, signs in self.cells.items()
        ]


class Effect(Strict):
    """A contrast of each seed: the weighted sum of its terms, on the plain or the log scale.

    On the log scale logarithms are taken of single values, before any averaging over steps, and the
    effect is reported as a ratio (``exp`` of the mean), or for a slope as it is.

    Attributes:
        terms: the weighted numbers that are added up.
        slope: instead of ``terms``, dose and response.
        factorial: instead of ``terms``, an effect in a factorial design.
        scale: ``log`` for a ratio, ``plain`` for a level or a difference.
        samples: the steps that its terms average are samples: ``nested`` where every seed has its
            own (such as batches), ``crossed`` where all have the same (such as test scenes). Seeds
            stay the unit; an interval that counts the samples too stands beside.
    """

    terms: list[Term] = Field(default_factory=list)
    slope: Slope | None = None
    factorial: Factorial | None = None
    scale: Scale = "plain"
    samples: Literal["nested", "crossed"] | None = None

    @model_validator(mode="after")
    def _one_contrast(self) -> Effect:
        given = (bool(self.terms), self.slope is not None, self.factorial is not None)
        if sum(given) != 1:
            raise ValueError("exactly one of 'terms', 'slope' and 'factorial'")
        if self.samples is not None and any(term.at != "mean" for term in self.weighted):
            raise ValueError("every term at 'mean', which is over the samples")
        return self

    @property
    def weighted(self) -> list[Term]:
        """The terms, declared or those of the design."""
        design = self.slope or self.factorial
        return self.terms if design is None else design.terms()

    @property
    def reported(self) -> Scale:
        """The scale on which the effect is a number: a slope of logarithms is no ratio."""
        return "plain" if self.slope is not None else self.scale
