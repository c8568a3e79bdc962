"""What a sentence says of results must have a key, a tier and a condition that there are."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from fixbench.ablation._claims import Claim, Control, Precondition
from fixbench.ablation._effects import Effect
from fixbench.ablation._findings import LaterThreat, Supposing
from fixbench.ablation._model import Ablation
from fixbench.ablation._places import Keys
from fixbench.ablation._sentences import (
    CLAIM_FIELDS,
    COMPARED,
    ENTRY_FIELDS,
    FIGURE_FIELDS,
    FORMATS,
    TURNED,
    Condition,
    Constant,
    Part,
    Reference,
    hand_written,
    numbers_in,
    parse_condition,
    parse_sentence,
)
from fixbench.errors import InputError
from fixbench.reading import Source

__all__ = ["SentenceChecks", "beside", "effect_of"]

#: Fields that need no effect.
_DECLARED = ("label", "verdict", "documented", "documentedvalue", "rule")


def beside(claim: Claim, name: str) -> tuple[str, Precondition | Control] | None:
    """What stands beside a claim under an id or else a name, and the list in which it stands.

    ``None`` where there is none, or where two have this name and no such id.
    """
    entries: list[tuple[str, Precondition | Control]] = [
        *(("preconditions", item) for item in claim.preconditions),
        *(("controls", item) for item in claim.controls),
        *(("supporting", item) for item in claim.supporting),
    ]
    found = [entry for entry in entries if entry[1].id == name]
    found = found or [entry for entry in entries if " ".join(entry[1].name.split()) == name]
    return found[0] if len(found) == 1 else None


def effect_of(ablation: Ablation, reference: Reference) -> Effect | None:
    """The effect whose figure it is; ``None`` where there is none."""
    if not reference.entry and reference.owner in ablation.figures:
        return ablation.figures[reference.owner]
    claim = next((claim for claim in ablation.claims if claim.id == reference.owner), None)
    if claim is None or not reference.entry:
        return None if claim is None else claim.effect
    entry = beside(claim, reference.entry)
    return None if entry is None else entry[1].effect


class SentenceChecks:
    """The sentences of one ablation that were written with results in view.

    Args:
        source: ``findings.yaml`` as it was read.
        declared: what was fixed before results: the contents of ``ablation.yaml`` and
            ``claims.yaml``.
    """

    def __init__(self, ablation: Ablation, source: Source, declared: Sequence[Any]) -> None:
        self._ablation = ablation
        self._source = source
        self._declared = declared
        self._numbers: set[float] | None = None
        self._claims = {claim.id: claim for claim in ablation.claims}

    def run(self) -> None:
        """All checks.

        Raises:
            InputError: the first thing that is wrong.
        """
        if self._ablation.setting is not None:
            self._check(self._ablation.setting, ("setting",))
        for kind, sentences in (
            ("conclusions", self._ablation.conclusions),
            ("found", self._ablation.found),
            ("threats", self._ablation.later_threats),
        ):
            for index, sentence in enumerate(sentences):
                self._check(sentence, (kind, index))
        for index, sentence in enumerate(self._ablation.found):
            if len(sentence.given) != 1:
                expected = "one claim, the one beside whose verdict the text is printed"
                named = ", ".join(sentence.given)
                raise self._problem(("found", index, "given"), named, expected)

    def _check(self, sentence: Supposing, keys: Keys) -> None:
        parts = self._parts(sentence, keys)
        conditions = self._conditions(sentence, keys)
        if isinstance(sentence, LaterThreat) and sentence.history:
            self._check_history(sentence, parts, keys)
            return
        references = [((*keys, "text"), part) for part in parts if isinstance(part, Reference)] + [
            ((*keys, "when", place), reference)
            for place, condition in enumerate(conditions)
            for reference in condition.references
        ]
        for place, reference in references:
            self._check_reference(reference, place)
        for index, condition in enumerate(conditions):
            for reference in condition.references:
                if reference.field not in COMPARED:
                    expected = f"one of {', '.join(COMPARED)} to compare"
                    raise self._problem((*keys, "when", index), reference.field, expected)
        self._check_tiers(sentence, [reference for _, reference in references], keys)
        self._check_numbers(parts, conditions, keys)

    def _parts(self, sentence: Supposing, keys: Keys) -> list[Part]:
        try:
            return parse_sentence(sentence.text)
        except ValueError as error:
            raise self._problem((*keys, "text"), None, str(error)) from None

    def _conditions(self, sentence: Supposing, keys: Keys) -> list[Condition]:
        found = []
        for index, text in enumerate(sentence.when):
            try:
                found.append(parse_condition(text))
            except ValueError as error:
                raise self._problem((*keys, "when", index), text, str(error)) from None
        return found

    def _check_history(self, threat: LaterThreat, parts: Sequence[Part], keys: Keys) -> None:
        """Earlier results have no keys here, and the report's results say nothing of them."""
        for name in ("given", "when"):
            if getattr(threat, name):
                expected = "no such key beside 'history': it tells of other results"
                raise self._problem((*keys, name), None, expected)
        for part in parts:
            if isinstance(part, Reference):
                expected = "no figure of these results beside 'history': it tells of earlier ones"
                raise self._problem((*keys, "text"), f"{{{part.text}}}", expected)

    def _check_reference(self, reference: Reference, keys: Keys) -> None:
        owner, entry = reference.owner, reference.entry
        fields: Sequence[str] = CLAIM_FIELDS
        if owner in self._claims:
            claim = self._claims[owner]
            if entry:
                fields = ENTRY_FIELDS
                if beside(claim, entry) is None:
                    self._unknown(reference, keys, _entries(claim), f"{owner}.{{}}.{{field}}")
            elif claim.effect is None and reference.field not in _DECLARED:
                expected = f"one of {', '.join(_DECLARED)}: {owner} measures nothing"
                raise self._problem(keys, reference.field, expected)
        elif owner in self._ablation.figures and not entry:
            fields = FIGURE_FIELDS
        else:
            rest = f"{entry}.{{field}}" if entry else "{field}"
            known = [*self._claims, *self._ablation.figures]
            self._unknown(reference, keys, known, f"{{}}.{rest}")
        if reference.field not in fields:
            key = f"{owner}.{entry}" if entry else owner
            self._unknown(reference, keys, fields, f"{key}.{{}}")
        self._check_formats(reference, keys)

    def _unknown(self, reference: Reference, keys: Keys, known: Iterable[str], form: str) -> None:
        """Refuse a key, naming the nearest: ``form`` with a known word in the place of the wrong.

        The wrong word is the one that ``form`` leaves open.
        """
        place = form.replace("{field}", "").split(".").index("{}")
        written = [reference.owner, *([reference.entry] if reference.entry else [])]
        written.append(reference.field)
        near = difflib.get_close_matches(written[place], list(known), n=3, cutoff=0.0)
        shown = ", ".join(
            f"{{{form.replace('{field}', reference.field).replace('{}', word)}}}" for word in near
        )
        expected = f"a figure that there is; the nearest: {shown}" if near else "no figure"
        raise self._problem(keys, f"{{{reference.text}}}", expected)

    def _check_formats(self, reference: Reference, keys: Keys) -> None:
        formats = reference.formats
        for name in formats:
            if name not in FORMATS:
                expected = f"a format: {', '.join(FORMATS)}"
                raise self._problem(keys, f"{{{reference.text}}}", expected)
        if not formats:
            return
        expected = ""
        if reference.field not in TURNED:
            expected = f"no format behind {reference.field!r}; {', '.join(TURNED)} have them"
        elif len(set(formats)) < len(formats) or {"up", "down"} <= set(formats):
            expected = "each format once, and one of 'up' and 'down'"
        elif {"change", "percent"} <= set(formats):
            expected = "one of 'change' and 'percent'"
        elif "change" in formats:
            effect = effect_of(self._ablation, reference)
            if effect is None or effect.reported != "log":
                expected = "'percent': it is no ratio, which 'change' is of"
        if expected:
            raise self._problem(keys, f"{{{reference.text}}}", expected)

    def _check_tiers(
        self, sentence: Supposing, references: Sequence[Reference], keys: Keys
    ) -> None:
        """Some report can print it."""
        tiers = [name for name in self._ablation.tiers if name != "smoke"]
        for index, name in enumerate(sentence.tier):
            if name not in tiers:
                expected = f"a tier whose verdicts mean something: {', '.join(tiers) or 'none'}"
                raise self._problem((*keys, "tier", index), name, expected)
        asked = sentence.tier or tiers
        for reference in references:
            effect = effect_of(self._ablation, reference)
            if effect is None or not asked:
                continue
            having = [name for name in tiers if self._runs(effect, name)]
            if not set(having) & set(asked):
                runs = f"that of {', '.join(having)}" if having else "there is none"
                expected = f"a figure that {', '.join(asked)} can have; {runs}"
                raise self._problem((*keys, "text"), f"{{{reference.text}}}", expected)

    def _runs(self, effect: Effect, tier: str) -> bool:
        variants = self._ablation.at(tier).variants
        return all(term.variant in variants for term in effect.weighted)

    def _check_numbers(
        self, parts: Sequence[Part], conditions: Sequence[Condition], keys: Keys
    ) -> None:
        place = (*keys, "text")
        typed = hand_written(parts)
        if typed:
            expected = (
                "a key in the place of each figure, such as {LB02.measured}, or {=0.01} for a "
                "number that was fixed before there were results"
            )
            raise self._problem(place, ", ".join(typed), expected)
        supposed = {
            abs(side)
            for condition in conditions
            for side in (condition.left, condition.right)
            if isinstance(side, float)
        }
        for part in parts:
            if not isinstance(part, Constant):
                continue
            for number in numbers_in(part.text):
                known = supposed | self._fixed()
                if not any(math.isclose(number, other, rel_tol=1e-12) for other in known):
                    expected = (
                        "a number of ablation.yaml, of claims.yaml or of 'when': what was measured "
                        "has a key"
                    )
                    raise self._problem(place, f"{{={part.text}}}", expected)

    def _fixed(self) -> set[float]:
        """Every number that stands in the files that are written before results."""
        if self._numbers is None:
            self._numbers = set(_numbers(self._declared))
        return self._numbers

    def _problem(self, keys: Keys, value: Any, expected: str) -> InputError:
        return self._source.problem(keys, value, expected=expected)


def _entries(claim: Claim) -> list[str]:
    """The keys of what stands beside a claim."""
    items: list[Precondition | Control] = [
        *claim.preconditions,
        *claim.controls,
        *claim.supporting,
    ]
    return [item.id or item.name for item in items]


def _numbers(content: Any) -> Iterator[float]:
    """The numbers in keys, values and texts, as sizes."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from _numbers(str(key))
            yield from _numbers(value)
    elif isinstance(content, str):
        yield from numbers_in(content)
    elif isinstance(content, Sequence):
        for value in content:
            yield from _numbers(value)
    elif isinstance(content, int | float) and not isinstance(content, bool):
        yield abs(float(content))
