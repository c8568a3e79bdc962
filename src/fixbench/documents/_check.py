"""Whether what a claim cites stands in its document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.ablation import Ablation, Claim, Quote
from fixbench.documents._document import Document, Passage
from fixbench.documents._figures import Figure, derivation, figures
from fixbench.documents._plain import plain
from fixbench.errors import InputError
from fixbench.reading import Source

__all__ = ["Citation", "check_citations"]

_QUOTED = re.compile('“([^”]+)”|"([^"]+)"')

Keys = tuple[str | int, ...]


@dataclass(frozen=True, kw_only=True)
class Citation:
    """What was found of one claim.

    Attributes:
        claim: its id.
        found: what stands in the document and where, in words.
        elsewhere: where the claim stands, if not in the ablation's document: nothing is looked up.
        problem: what does not stand where the claim says, in one message.
    """

    claim: str
    found: Sequence[str] = ()
    elsewhere: str | None = None
    problem: InputError | None = None


def check_citations(
    ablation: Ablation, document: Document, source: Source, places: Source | None = None
) -> list[Citation]:
    """Look up what each claim of an ablation cites.

    The words between quotation marks in ``documented.text`` and each figure outside them must stand
    at the claim's ``lines``, or without these in its ``section``, or at the place of one of its
    ``quotes``. A figure may also be the ratio or the difference of two that stand there, and so may
    ``documented.value``. The value that means no effect (0, as a ratio 1) needs no figure, since it
    says in numbers what the document says in words.

    Args:
        source: ``claims.yaml`` as it was read, for messages.
        places: ``citations.yaml`` likewise, if there is one.
    """
    return [
        _checked(claim, document, source, ("claims", index), places)
        for index, claim in enumerate(ablation.claims)
    ]


def _checked(
    claim: Claim, document: Document, source: Source, keys: Keys, places: Source | None
) -> Citation:
    if claim.source is not None:
        return Citation(claim=claim.id, elsewhere=claim.source)
    search = _Search(claim, document)
    search.run()
    problem = None
    if search.missing:
        first, value, _ = search.missing[0]
        text = "; ".join(dict.fromkeys(expected for _, _, expected in search.missing))
        if places is not None and first[0] in places.content["citations"].get(claim.id, {}):
            source, keys = places, ("citations", claim.id)
        problem = source.problem((*keys, *first), value, expected=text)
    return Citation(claim=claim.id, found=list(dict.fromkeys(search.found)), problem=problem)


class _Search:
    """One claim, looked up: first its place, then what it quotes, then text and value."""

    def __init__(self, claim: Claim, document: Document) -> None:
        self._claim = claim
        self._document = document
        self.found: list[str] = []
        self.missing: list[tuple[Keys, object, str]] = []
        self._places: list[Passage] = []

    def run(self) -> None:
        claim = self._claim
        place = self._place(claim.section, claim.lines, ())
        if place is not None:
            self._places.append(place)
        for index, quote in enumerate(claim.quotes):
            self._quote(quote, ("quotes", index))
        if not self._places:
            return
        looked_up = len(self.found)
        self._documented()
        if len(self.found) == looked_up and not claim.quotes and not self.missing:
            self.found.append("it quotes no words and no figure")

    def _place(self, section: str, lines: Sequence[int] | None, keys: Keys) -> Passage | None:
        """The lines, or the section, where they exist and one holds the other."""
        document = self._document
        named = document.named(section)
        if not named:
            nearest = document.nearest_heading(section)
            hint = (
                ""
                if nearest is None
                else (f"; the nearest is {nearest.title!r} at line {nearest.passage.first}")
            )
            self._miss((*keys, "section"), section, f"a heading of {document.name}{hint}")
            return None
        if lines is not None:
            within = Passage(*lines)
            if not any(item.passage.holds(within) for item in named):
                where = " or ".join(str(item.passage) for item in named)
                expected = f"lines of the section {section!r} of {document.name}, which is {where}"
                self._miss((*keys, "lines"), list(lines), expected)
                return None
            self.found.append(f"section {section!r}, {within}")
            return within
        if len(named) > 1:
            where = " and ".join(str(item.passage) for item in named)
            expected = f"one heading of {document.name}, not {len(named)} ({where}); give 'lines'"
            self._miss((*keys, "section"), section, expected)
            return None
        self.found.append(f"section {section!r}, {named[0].passage}")
        return named[0].passage

    def _quote(self, quote: Quote, keys: Keys) -> None:
        places = list(self._places[:1])
        if quote.section is not None:
            place = self._place(quote.section, quote.lines, keys)
            if place is None:
                return
            places = [place]
        elif quote.lines is not None:
            within = Passage(*quote.lines)
            if within.last > self._document.whole.last:
                expected = f"lines of {self._document.name}, which has {self._document.whole.last}"
                self._miss((*keys, "lines"), quote.lines, expected)
                return
            places = [within]
        if not places:
            return
        found = self._document.find(quote.words, places)
        if found is None:
            self._miss_words((*keys, "words"), quote.words, places)
            return
        self.found.append(f"“{quote.words}” at {found}")
        self._places.append(found)

    def _documented(self) -> None:
        documented = self._claim.documented
        keys: Keys = ("documented", "text")
        text = documented.text
        known: list[Figure] = []
        for match in _QUOTED.finditer(text):
            words = match[1] or match[2]
            found = self._document.find(words, self._places)
            if found is None:
                self._miss_words(keys, words, self._places, value=text)
                continue
            self.found.append(f"“{words}” at {found}")
            known += figures(plain(words))
        own = figures(plain(_QUOTED.sub(" ; ", text)))
        absent = []
        for figure in own:
            place = self._document.find_figure(figure, self._places)
            if place is None:
                absent.append(figure)
                continue
            self.found.append(f"{figure.printed} at {place}")
            known.append(figure)
        for figure in absent:
            self._number(figure.readings[-1], figure, known, keys, text)
        if documented.value is not None:
            value = Figure(repr(documented.value), documented.value, False, 0, 0)
            self._number(value.value, value, known, ("documented", "value"), documented.value)

    def _number(
        self, value: float, figure: Figure, known: list[Figure], keys: Keys, shown: object
    ) -> None:
        """A number that follows from figures that were found, or stands there itself."""
        derived = derivation(value, figure.printed, known)
        if derived is None and value == self._no_effect():
            derived = f"{figure.printed} is no effect, which the document says in words"
        if derived is None and (place := self._document.find_figure(figure, self._places)):
            derived = f"{figure.printed} at {place}"
        if derived is not None:
            if derived != f"{figure.printed} is {figure.printed}":
                self.found.append(derived)
            return
        where = ", ".join(map(str, self._places))
        nearest = self._document.find_figure(figure, [self._document.whole])
        hint = "" if nearest is None else self._at(nearest)
        expected = f"figures of {self._document.name}: {figure.printed} does not stand in {where}"
        self._miss(keys, shown, f"{expected}{hint}")

    def _no_effect(self) -> float:
        effect = self._claim.effect
        return 1.0 if effect is not None and effect.reported == "log" else 0.0

    def _miss_words(
        self, keys: Keys, words: str, places: Sequence[Passage], value: object = None
    ) -> None:
        document = self._document
        where = ", ".join(map(str, places))
        nearest = document.find(words, [document.whole]) or document.nearest(words, document.whole)
        hint = "" if nearest is None else self._at(nearest)
        expected = f"words of {document.name}: “{words}” does not stand in {where}{hint}"
        self._miss(keys, words if value is None else value, expected)

    def _at(self, passage: Passage) -> str:
        return f"; the nearest passage is {passage}, “{self._document.quoted(passage)}”"

    def _miss(self, keys: Keys, value: object, expected: str) -> None:
        self.missing.append((keys, value, expected))
