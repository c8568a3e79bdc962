"""Where the document says what a claim says, in print."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fixbench.ablation import Claim, Document

__all__ = ["citation", "origin_text", "quoted_words", "with_lines"]

_QUOTED = re.compile('[“"]([^“”"]+)[”"]')


def origin_text(document: Document) -> str:
    """Where the document was published, with what was not recorded."""
    origin = document.origin
    if origin is None:
        return "Where it was published is not recorded."
    published = f"It was published in {origin.repository}"
    if origin.commit is not None:
        published += f" at commit {origin.commit}"
    if origin.path is not None:
        published += f" as {origin.path}"
    given = {"The commit": origin.commit, "Its path in the repository": origin.path}
    missing = [f"{name} is not recorded." for name, value in given.items() if value is None]
    return " ".join([f"{published}.", *missing])


def with_lines(section: str, lines: Sequence[int] | None) -> str:
    """``"Evidence, lines 20 to 22"``."""
    if lines is None:
        return section
    first, last = lines
    return f"{section}, line {first}" if first == last else f"{section}, lines {first} to {last}"


def citation(claim: Claim) -> str:
    """Where a claim stands: ``"Evidence, lines 20 to 22"``, or what else states it."""
    if claim.source is not None:
        return f"not in the document: {claim.source}"
    return with_lines(claim.section, claim.lines)


def quoted_words(claim: Claim) -> str:
    """The words that a claim quotes, each with its place where that is another than the claim's.

    Words that stand between quotation marks in ``documented.text`` come first, where no quote holds
    them. A claim that quotes nothing has that text as it stands.
    """
    longer = [quote.words.casefold() for quote in claim.quotes]
    parts = [
        f"“{words}”"
        for words in _QUOTED.findall(claim.documented.text)
        if not any(words.casefold() in other for other in longer)
    ]
    for quote in claim.quotes:
        place = quote.section or (claim.section if quote.lines is not None else None)
        where = "" if place is None else f" ({with_lines(place, quote.lines)})"
        parts.append(f"“{quote.words}”{where}")
    return "; ".join(parts) or claim.documented.text
