"""What a reader should now do, in the author's words, where the verdicts bear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.reports._inputs import Inputs
from fixbench.reports.sections._section import Section

__all__ = ["ConclusionView", "ConclusionsSection", "build"]

_NOTE = (
    "These sentences were written by hand after the reference runs. Each is printed only where the "
    "verdicts that it names are found."
)


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
    if not inputs.tier.meaningful:
        return None
    found = {result.id: result.verdict for _, result in inputs.judged}
    views, differences = [], []
    for conclusion in inputs.ablation.conclusions:
        differing = [
            f"{id_} (supposed {' or '.join(verdicts)}, found {found[id_]})"
            for id_, verdicts in conclusion.given.items()
            if found[id_] not in verdicts
        ]
        if differing:
            differences.append("; ".join(differing))
        else:
            text = conclusion.text.strip().removesuffix(".")
            views.append(ConclusionView(text=text, claims=list(conclusion.given)))
    if not views and not differences:
        return None
    return ConclusionsSection(
        layout="conclusions",
        id="conclusions",
        heading="In plain words",
        conclusions=views,
        note=_NOTE,
        left_out=_left_out(differences),
    )


def _left_out(differences: Sequence[str]) -> str:
    if not differences:
        return ""
    if len(differences) == 1:
        return f"One conclusion is left out because it supposes other verdicts: {differences[0]}."
    listed = "; ".join(f"({place}) {text}" for place, text in enumerate(differences, start=1))
    return (
        f"{len(differences)} conclusions are left out because they suppose other verdicts: "
        f"{listed}."
    )
