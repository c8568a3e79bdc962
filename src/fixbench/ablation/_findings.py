"""What is written once results are known: conclusions and later threats."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from fixbench.ablation._base import Strict

__all__ = ["Conclusion", "Judgement", "TextOrThreat", "Threat"]

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


class Conclusion(Strict):
    """What follows from verdicts for a reader, in plain words.

    It is written by hand after verdicts were seen, and therefore bound to them: a report prints it
    where every claim of ``given`` has one of the verdicts named, and nowhere else.

    Attributes:
        text: what a reader should now do or know.
        given: claim id → the verdicts, one or a list, that the text supposes.
    """

    text: Annotated[str, Field(min_length=1)]
    given: Annotated[dict[str, Judgements], Field(min_length=1)]


class Threat(Strict):
    """What could make the results mean something else; plain text, where it names no claims.

    Attributes:
        claims: the ids of the claims that it concerns, beside which it is printed.
        text: what a reader must not conclude, or what could explain the results otherwise.
    """

    claims: Annotated[list[str], Field(min_length=1)] | None = None
    text: Annotated[str, Field(min_length=1)]


def _without_claims(value: Any) -> Any:
    return {"text": value} if isinstance(value, str) else value


TextOrThreat = Annotated[
    Threat, BeforeValidator(_without_claims, json_schema_input_type=str | Threat)
]
