"""Effects as a person writes them: by variant or by level, with what they are compared with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fixbench.ablation._base import At, Name, Scale, Strict
from fixbench.ablation._effects import SlopeDesign

__all__ = [
    "Levels",
    "NamedEffect",
    "Picked",
    "WrittenEffect",
    "WrittenFactorial",
    "WrittenReading",
    "WrittenSlope",
    "WrittenTerm",
]

Levels = dict[Name, str]


def _picked(value: Any) -> Any:
    """Factor → its levels; ``None`` for all of them."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list):
        if not all(isinstance(item, str) for item in value):
            return value
        if len(set(value)) < len(value):
            raise ValueError("each factor once")
        return dict.fromkeys(value)
    if isinstance(value, dict):
        return {
            key: None if levels == "all" else [levels] if isinstance(levels, str) else levels
            for key, levels in value.items()
        }
    return value


#: One factor, several, or factor → levels (one, a list, or ``all``).
Picked = Annotated[
    dict[Name, Annotated[list[str], Field(min_length=1)] | None],
    Field(min_length=1),
    BeforeValidator(_picked, json_schema_input_type=str | list[str] | dict[Name, str | list[str]]),
]


class WrittenReading(Strict):
    """What is read: of one variant, of the variant with some levels, or the mean over several.

    Attributes:
        variant: the variant, by its name.
        variants: the variants whose equal-weight mean it is, by their names.
        levels: factor → level; the variant with these levels, other factors at their first.
        over: with ``levels``: the factor, the factors, or factor → levels, over which the
            equal-weight mean is taken.
        metric: the metric; that of the claim's effect where it is left out.
        stage: the stage of a run; that of the claim's effect, or the usual one of the metric.
        at: the step or the summary of steps; as for ``stage``, else ``last``.
    """

    variant: Name | None = None
    variants: Annotated[list[Name], Field(min_length=1)] | None = None
    levels: Levels | None = None
    over: Picked | None = None
    metric: str | None = None
    stage: str | None = None
    at: At | None = None


class WrittenTerm(Strict):
    """One weighted number of each seed, where no shorter form says the effect.

    Attributes:
        variant: the variant that is read.
        metric: the metric; that of the claim's effect where it is left out.
        stage: the stage of a run; that of the claim's effect, or the usual one of the metric.
        at: the step or the summary of steps; as for ``stage``, else ``last``.
        weight: what the number is multiplied by before the terms are added up.
    """

    variant: Name
    metric: str | None = None
    stage: str | None = None
    at: At | None = None
    weight: float = 1.0


class WrittenSlope(SlopeDesign):
    """Dose and response: the least-squares slope of a metric over the doses of some variants.

    Attributes:
        metric: the metric whose slope it is; that of the claim's effect where it is left out.
        stage: as in a reading.
        at: as in a reading.
    """

    metric: str | None = None
    stage: str | None = None
    at: At | None = None


class WrittenFactorial(Strict):
    """A main effect or an interaction of factors with two levels each, in a full design.

    Attributes:
        cross: factor → its two levels, the high one first; the variants are found by their levels.
        levels: with ``cross``: the levels of the other factors, where they are not the first.
        factors: instead of ``cross``: the names of the factors.
        cells: with ``factors``: variant → one sign for each factor, ``+`` for high, ``-`` for low.
        of: the factor whose main effect it is, or those that interact.
        metric: the metric; that of the claim's effect where it is left out.
        stage: as in a reading.
        at: as in a reading.
    """

    cross: dict[Name, Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    levels: Levels | None = None
    factors: list[str] | None = None
    cells: dict[Name, str] | None = None
    of: Annotated[list[str], Field(min_length=1)]
    metric: str | None = None
    stage: str | None = None
    at: At | None = None


def _named(value: Any) -> Any:
    return {"variant": value} if isinstance(value, str) else value


class WrittenEffect(WrittenReading):
    """A level, or a difference: a number of each seed.

    Beside a claim, an effect that names no variant and no level reads the variant of the claim's
    effect (its first reading), and one without a metric reads its metric, with the same stage,
    ``at`` and scale unless it gives them.

    Attributes:
        against: what is subtracted: a variant's name, or the keys in which the second reading
            differs from the first.
        terms: instead, variants with weights by hand.
        slope: instead, dose and response.
        factorial: instead, a main effect or an interaction in a full design.
        scale: ``log`` for a ratio, ``plain`` for a level or a difference; the usual one of the
            metric where it is left out, else ``plain``.
        samples: the steps that are averaged are samples: ``nested`` where every seed has its own,
            ``crossed`` where all seeds have the same.
    """

    against: (
        Annotated[
            WrittenReading, BeforeValidator(_named, json_schema_input_type=Name | WrittenReading)
        ]
        | None
    ) = None
    terms: Annotated[list[WrittenTerm], Field(min_length=1)] | None = None
    slope: WrittenSlope | None = None
    factorial: WrittenFactorial | None = None
    scale: Scale | None = None
    samples: Literal["nested", "crossed"] | None = None


#: An effect, or the name of the variant that is read.
NamedEffect = Annotated[
    WrittenEffect, BeforeValidator(_named, json_schema_input_type=Name | WrittenEffect)
]
