"""Where the document says what a claim says: its origin, lines of it, its words.

They let a reader look up what was claimed. They are no part of the rule that judges a claim, so
that none of them belongs to its hash.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fixbench.ablation._base import Strict

__all__ = ["Lines", "Origin", "Quote", "TextOrQuote"]


def _ordered(lines: list[int]) -> list[int]:
    if lines[0] > lines[1]:
        raise ValueError("a first line that does not stand behind the last one")
    return lines


#: The first and the last line of a passage, counted from 1.
Lines = Annotated[
    list[Annotated[int, Field(ge=1)]],
    Field(min_length=2, max_length=2),
    AfterValidator(_ordered),
]


class Origin(Strict):
    """Where a document was published. What is not known is left out.

    Attributes:
        repository: the repository that holds it, as an address that a reader can open.
        commit: the commit that holds it, in seven or more digits.
        path: its path in the repository.
    """

    repository: str | None = None
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,40}$")] | None = None
    path: str | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Origin:
        if self.repository is None:
            raise ValueError("a 'repository', or no 'origin' at all where none is known")
        return self


class Quote(Strict):
    """Words of the document; plain text, where they stand at the claim's own lines.

    Attributes:
        words: the words as printed; `…` stands for what is left out.
        section: the section they stand in, if it is not the claim's.
        lines: their first and last line, if they are not within the claim's.
    """

    words: Annotated[str, Field(min_length=1)]
    section: str | None = None
    lines: Lines | None = None


def _without_place(value: Any) -> Any:
    return {"words": value} if isinstance(value, str) else value


TextOrQuote = Annotated[Quote, BeforeValidator(_without_place, json_schema_input_type=str | Quote)]
