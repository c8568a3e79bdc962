"""Figures that conclusions tell and that no claim has as its own: a row for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.ablation import Effect, Reference, beside, parse_sentence
from fixbench.reports._effects import contrast_text
from fixbench.reports._format import MISSING
from fixbench.reports._metrics import metric_label
from fixbench.reports._views import Measured, measured_effect
from fixbench.reports.paper._judged import JudgedAblation

__all__ = ["ToldFigure", "told_figures"]


@dataclass(frozen=True, kw_only=True)
class ToldFigure:
    """A measurement beside a claim that a conclusion tells.

    Attributes:
        claim: the claim that it stands beside; name: what it is there.
        said: measured, with its own p; of: what was measured, and of which arms.
        arms: their names.
    """

    claim: str
    name: str
    said: str
    of: str
    arms: tuple[str, ...]


def told_figures(judged: JudgedAblation, conclusions: Sequence[str]) -> list[ToldFigure]:
    """The measurements beside claims in the written texts of conclusions, each once, in order."""
    claims = {claim.id: (claim, result) for claim, result in judged.claims if claim is not None}
    asked = dict.fromkeys(
        (part.owner, part.entry)
        for text in conclusions
        for part in parse_sentence(text)
        if isinstance(part, Reference) and part.entry and part.owner in claims
    )
    rows = []
    for owner, key in asked:
        claim, result = claims[owner]
        found = beside(claim, key)
        if found is None:
            continue
        kind, declared = found
        item = next((one for one in getattr(result, kind) if one.name == declared.name), None)
        if item is None:
            continue
        effect: Effect = declared.effect
        label = metric_label(judged.ablation, [term.metric for term in effect.weighted])
        rows.append(
            ToldFigure(
                claim=owner,
                name=declared.name,
                said=_said(measured_effect(item.effect, effect, judged.ablation)),
                of=f"{label}: {contrast_text(effect)}",
                arms=tuple(dict.fromkeys(term.variant for term in effect.weighted)),
            )
        )
    return rows


def _said(found: Measured) -> str:
    ratio = found.unit == "ratio"
    value = f"× {found.value}" if ratio else found.value
    unit = "" if ratio else found.unit
    text = " ".join(filter(None, ("measured", value, found.interval, unit)))
    if found.p == MISSING:
        return text
    return f"{text}, p {found.p}" if found.p.startswith("<") else f"{text}, p = {found.p}"
