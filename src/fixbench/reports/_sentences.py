"""Sentences that a person wrote, with the figures of a report's own results.

Every page that prints a conclusion or a later threat asks this module, so that a figure, and
whether a sentence holds, is decided once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from fixbench.ablation import (
    Ablation,
    Conclusion,
    Constant,
    Effect,
    LaterThreat,
    Reference,
    Supposing,
    beside,
    effect_of,
    parse_condition,
    parse_sentence,
)
from fixbench.reports._claim_fields import claim_fields, entry_fields
from fixbench.reports._figures import figure
from fixbench.reports._format import MISSING, counted, number
from fixbench.reports._judging import (
    ClaimResult,
    ControlResult,
    EffectEstimate,
    Measurements,
    PreconditionResult,
    estimate_effect,
    measure,
)
from fixbench.reports._views import measured_effect

__all__ = ["Said", "Sentences", "left_out"]

#: Field → its words.
_FIELDS = {"measured": "effect", "low": "lower end", "high": "upper end"}


@dataclass(frozen=True, kw_only=True)
class Said:
    """A sentence in print.

    Attributes:
        text: with its figures; empty where it is left out.
        chosen: the figures in it that no claim has.
        claims: those that it rests on, by its figures and by what it supposes.
        why_not: why it is left out, empty where it is printed.
    """

    text: str = ""
    chosen: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    why_not: str = ""


@dataclass(frozen=True)
class _Found:
    """What results say under a key: printed fields, and the numbers behind them."""

    fields: dict[str, str]
    estimate: EffectEstimate | None


class Sentences:
    """The conclusions and later threats of an ablation, as the results of one tier bear them.

    Args:
        frame: the tidy results; without it a sentence is left out where it has a figure that no
            claim has.
    """

    def __init__(
        self,
        ablation: Ablation,
        tier: str,
        results: Sequence[ClaimResult],
        frame: pd.DataFrame | None = None,
    ) -> None:
        self._ablation = ablation
        self._tier = tier
        self._results = {item.id: item for item in results if item.verdict != "withdrawn"}
        self._claims = {claim.id: claim for claim in ablation.claims}
        self._frame = frame
        self._measurements: Measurements | None = None
        self._found: dict[tuple[str, str], _Found | None] = {}

    def conclusions(self) -> list[tuple[Conclusion, Said]]:
        """Each conclusion and how it is printed."""
        return [(item, self.said(item)) for item in self._ablation.conclusions]

    def setting(self) -> str:
        """What was trained, in short; empty where nobody wrote it or it does not hold.

        It speaks of trials that mean something, which tier smoke is none of.
        """
        setting = self._ablation.setting
        return "" if setting is None or self._tier == "smoke" else self.said(setting).text

    def found(self, claim: str) -> str:
        """What is so besides the verdict of a claim; empty where nothing is said of it."""
        texts = [self.said(item).text for item in self._ablation.found if claim in item.given]
        return " ".join(filter(None, texts))

    def threats(self) -> list[tuple[LaterThreat, Said]]:
        """Each later threat and how it is printed."""
        return [(item, self.said(item)) for item in self._ablation.later_threats]

    def said(self, sentence: Supposing) -> Said:
        """The sentence with its figures, or why it is left out."""
        about = list(sentence.given)
        if isinstance(sentence, LaterThreat):
            about += sentence.claims or []
        on = f"on {', '.join(dict.fromkeys(about))}: " if about else ""
        if sentence.tier and self._tier not in sentence.tier:
            return Said(why_not=f"{on}it speaks of tier {' and '.join(sentence.tier)}")
        parts = parse_sentence(sentence.text)
        supposing = bool(sentence.given or sentence.when)
        if self._tier == "smoke" and (
            supposing or any(isinstance(part, Reference) for part in parts)
        ):
            return Said(why_not=f"{on}it speaks of results, and those of tier smoke mean nothing")
        verdicts = self._other_verdicts(sentence)
        problems = [*verdicts, *self._other_figures(sentence)]
        texts, chosen = [], []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
            elif isinstance(part, Constant):
                texts.append(part.text)
            else:
                text, problem = self._printed(part)
                texts.append(text)
                problems += [problem] if problem else []
                if part.owner in self._ablation.figures:
                    chosen.append(part.owner)
        if problems:
            why_not = "; ".join(dict.fromkeys(problems))
            return Said(why_not=why_not if verdicts else f"{on}{why_not}")
        figures = [part.owner for part in parts if isinstance(part, Reference)]
        claims = [owner for owner in (*figures, *sentence.given) if owner in self._claims]
        return Said(
            text=" ".join("".join(texts).split()),
            chosen=tuple(dict.fromkeys(chosen)),
            claims=tuple(dict.fromkeys(claims)),
        )

    def _other_verdicts(self, sentence: Supposing) -> list[str]:
        found = {
            id_: self._results[id_].verdict if id_ in self._results else "not judged"
            for id_ in sentence.given
        }
        return [
            f"{id_} (supposed {' or '.join(verdicts)}, found {found[id_]})"
            for id_, verdicts in sentence.given.items()
            if found[id_] not in verdicts
        ]

    def _other_figures(self, sentence: Supposing) -> list[str]:
        problems = []
        for text in sentence.when:
            condition = parse_condition(text)
            values = {item: self._number(item) for item in condition.references}
            if not condition.holds(values.__getitem__):
                found = " and ".join(
                    "not measured here" if math.isnan(value) else f"found {number(value, 3)}"
                    for value in values.values()
                )
                left, right = (
                    self._named(side) if isinstance(side, Reference) else number(side)
                    for side in (condition.left, condition.right)
                )
                problems.append(f"{left} {condition.relation} {right} ({found})")
        return problems

    def _named(self, reference: Reference) -> str:
        """A figure in words, for a reader who has not seen its key."""
        what = _FIELDS.get(reference.field, reference.field)
        if reference.owner in self._ablation.figures:
            return f"{what} of “{reference.owner.replace('_', ' ')}”"
        entry = beside(self._claims[reference.owner], reference.entry) if reference.entry else None
        name = "" if entry is None else f" “{entry[1].name}”"
        return f"{what} of {reference.owner}{name}"

    def _number(self, reference: Reference) -> float:
        """The number that a condition compares; NaN where there is none."""
        found = self._of(reference)
        if found is None or found.estimate is None:
            return math.nan
        estimate = found.estimate
        if reference.field in ("p", "n"):
            return float(estimate.p_value if reference.field == "p" else estimate.n)
        turned = figure(estimate).turned(reference.formats)
        if turned is None:
            return math.nan
        return {"measured": turned.value, "low": turned.low, "high": turned.high}[reference.field]

    def _printed(self, reference: Reference) -> tuple[str, str]:
        """The text of a figure, or else why there is none."""
        found = self._of(reference)
        text = MISSING if found is None else found.fields.get(reference.field, MISSING)
        if found is None or text == MISSING:
            return "", f"{self._named(reference)} (not measured here)"
        if not reference.formats:
            return text, ""
        assert found.estimate is not None
        turned = figure(found.estimate).turned(reference.formats)
        if turned is None:
            side = "above" if "up" in reference.formats else "below"
            return "", f"{self._named(reference)} (supposed {side} no effect, found {text})"
        return turned.printed(reference.field), ""

    def _of(self, reference: Reference) -> _Found | None:
        key = (reference.owner, reference.entry)
        if key not in self._found:
            self._found[key] = self._find(reference)
        return self._found[key]

    def _find(self, reference: Reference) -> _Found | None:
        if reference.owner in self._ablation.figures:
            effect = effect_of(self._ablation, reference)
            return None if effect is None else self._measured(reference.owner, effect)
        if reference.owner not in self._results:
            return None
        claim, result = self._claims[reference.owner], self._results[reference.owner]
        if not reference.entry:
            fields = claim_fields(self._ablation, claim, result)
            return _Found(fields, _usable(result.effect))
        entry = beside(claim, reference.entry)
        if entry is None:
            return None
        kind, declared = entry
        items: Sequence[PreconditionResult | ControlResult] = getattr(result, kind)
        item = next((item for item in items if item.name == declared.name), None)
        if item is None or _usable(item.effect) is None:
            return None
        return _Found(entry_fields(self._ablation, declared.effect, item), item.effect)

    def _measured(self, name: str, effect: Effect) -> _Found | None:
        """A figure that no claim has, from the rows."""
        runs = self._ablation.at(self._tier).variants
        if self._frame is None or any(term.variant not in runs for term in effect.weighted):
            return None
        if self._measurements is None:
            used = [term.metric for one in self._ablation.figures.values() for term in one.weighted]
            metrics = self._ablation.declared(used)
            better = {key: metric.better for key, metric in metrics.items()}
            self._measurements = measure(self._frame, better)
        if not all(map(self._measurements.measures, effect.weighted)):
            return None
        seeds = self._measurements.per_seed(effect, name=f"figure {name!r}")
        estimate = estimate_effect(seeds.values, scale=effect.reported, failed=seeds.failed)
        if _usable(estimate) is None:
            return None
        found = measured_effect(estimate, effect, self._ablation)
        fields = {"measured": found.value, "interval": found.interval or MISSING}
        fields |= {"unit": found.unit or MISSING, "n": found.n}
        fields |= {end: figure(estimate).printed(end) for end in ("low", "high")}
        return _Found(fields, estimate)


def left_out(noun: str, reasons: Sequence[str]) -> str:
    """A sentence on those that are not printed, with the reason of each; empty for none.

    Args:
        noun: what they are, such as ``conclusion``.
    """
    if not reasons:
        return ""
    if len(reasons) == 1:
        return f"One {noun} is left out: {reasons[0]}."
    listed = "; ".join(f"({place}) {text}" for place, text in enumerate(reasons, start=1))
    return f"{counted(len(reasons), noun)} are left out: {listed}."


def _usable(estimate: EffectEstimate | None) -> EffectEstimate | None:
    """An estimate that is a number."""
    return None if estimate is None or math.isnan(estimate.estimate) else estimate
