"""What is written once results are known: conclusions, later threats, what was found."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fixbench.ablation._base import Strict, TierName

__all__ = [
    "Conclusion",
    "Judgement",
    "LaterThreat",
    "Supposing",
    "TextOrLater",
    "TextOrSupposing",
    "TextOrThreat",
    "Threat",
]

#: The verdicts that a claim of the file can have.
Judgement = Literal[
    "reproduced",
    "direction only",
    "another size",
    "negligible",
    "absent",
    "reversed",
    "refuted",
    "unresolved",
    "inconclusive",
    "holds",
    "does not hold",
    "confounded",
    "not testable",
]


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Judgements = Annotated[
    list[Judgement],
    Field(min_length=1),
    BeforeValidator(
        _listed,
        json_schema_input_type=Judgement | Annotated[list[Judgement], Field(min_length=1)],
    ),
]
Conditions = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
Tiers = Annotated[
    list[TierName], BeforeValidator(_listed, json_schema_input_type=TierName | list[TierName])
]


class Supposing(Strict):
    """A text that is printed where what it supposes is found, and nowhere else.

    Attributes:
        text: with its figures by key, such as ``{LB02.measured}``; ``{=0.01}`` is a number of the
            design.
        given: claim id → the verdicts, one or a list, that the text supposes.
        when: bounds on figures that it supposes, such as ``LB02.high < 0.04``, one or a list.
        tier: the tiers, one or a list, whose reports print it; all but ``smoke`` where left out.
    """

    text: Annotated[str, Field(min_length=1)]
    given: dict[str, Judgements] = Field(default_factory=dict)
    when: Conditions = Field(default_factory=list)
    tier: Tiers = Field(default_factory=list)


class Conclusion(Supposing):
    """What follows from verdicts for a reader, in plain words.

    It is written by hand after verdicts were seen, and therefore bound to them: a report prints it
    where every claim of ``given`` has one of the verdicts named, and nowhere else.

    Attributes:
        text: what a reader should now do or know, with its figures by key, such as
            ``{LB02.measured}``; ``{=0.01}`` is a number of the design.
    """

    given: Annotated[dict[str, Judgements], Field(min_length=1)]


class Threat(Strict):
    """What could make the results mean something else; plain text, where it names no claims.

    Attributes:
        claims: the ids of the claims that it concerns, beside which it is printed.
        text: what a reader must not conclude, or what could explain the results otherwise.
    """

    claims: Annotated[list[str], Field(min_length=1)] | None = None
    text: Annotated[str, Field(min_length=1)]


class LaterThreat(Supposing):
    """A threat that was seen with results in view; plain text, where it says nothing else.

    Attributes:
        claims: the ids of the claims that it concerns, beside which it is printed.
        history: it tells of earlier looks and runs. Their results are not those of the report, so
            that their figures are written by hand, and the report says so.
    """

    claims: Annotated[list[str], Field(min_length=1)] | None = None
    history: bool = False


def _without_claims(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


TextOrSupposing = Annotated[
    Supposing, BeforeValidator(_without_claims, json_schema_input_type=str | Supposing)
]
TextOrThreat = Annotated[
    Threat, BeforeValidator(_without_claims, json_schema_input_type=str | Threat)
]
TextOrLater = Annotated[
    LaterThreat, BeforeValidator(_without_claims, json_schema_input_type=str | LaterThreat)
]
