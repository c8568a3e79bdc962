"""What a reader should now do, in the author's words, where the results bear it."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.reports._inputs import Inputs
from fixbench.reports._sentences import left_out
from fixbench.reports.sections._section import Section

__all__ = ["ConclusionView", "ConclusionsSection", "build"]


@dataclass(frozen=True, kw_only=True)
class ConclusionView:
    """A conclusion in print; ``text`` has no full stop: the claims follow it in brackets."""

    text: str
    claims: list[str]


@dataclass(frozen=True, kw_only=True)
class ConclusionsSection(Section):
    """Conclusions, how they came about, and a sentence on those that are left out."""

    conclusions: list[ConclusionView]
    note: str
    left_out: str


def build(inputs: Inputs) -> ConclusionsSection | None:
    """The section; ``None`` where nothing is concluded or verdicts mean nothing."""
    if not inputs.tier.meaningful or not inputs.ablation.conclusions:
        return None
    views, reasons = [], []
    chosen: dict[str, None] = {}
    for conclusion, said in inputs.sentences.conclusions():
        if said.why_not:
            reasons.append(said.why_not)
            continue
        chosen |= dict.fromkeys(said.chosen)
        text = said.text.removesuffix(".")
        views.append(ConclusionView(text=text, claims=list(conclusion.given)))
    return ConclusionsSection(
        layout="conclusions",
        id="conclusions",
        heading="In plain words",
        conclusions=views,
        note=_note(inputs.tier.name, list(chosen)),
        left_out=left_out("conclusion", reasons),
    )


def _note(tier: str, chosen: list[str]) -> str:
    text = (
        "These sentences were written by hand after the reference runs. Each is printed only where "
        "the verdicts and the bounds that it supposes are found. Their figures are taken from the "
        f"results of this report, of tier {tier}."
    )
    if chosen:
        text += (
            f" {len(chosen)} of the figures belong to no claim: they were chosen with results in "
            "view, are adjusted for nothing and decide nothing."
        )
    return text
