"""Claim by claim: what was measured, by which rule it is judged, and all that qualifies it.

`_claim` puts a claim together; its controls, figure, sensitivity and single readings have a module
each.
"""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.reports._inputs import Inputs
from fixbench.reports._sources import ResultFiles
from fixbench.reports._views import TableText
from fixbench.reports.sections._section import Section
from fixbench.reports.sections.claims._claim import ClaimView as ClaimView
from fixbench.reports.sections.claims._claim import claim_view, withdrawn_view

__all__ = ["ClaimView", "ClaimsSection", "build"]

_EDITED = "This claim or its rule was edited after the results were produced"
_AFTERWARDS = "This claim was written after the results, which were given"
_NO_CONTROL = "No control: no rival explanation of this claim is tested."
_PRECONDITIONS = TableText(
    caption="Preconditions: what must be shown before the claim can be judged",
    columns=("Precondition", "Meaning", "Measured", "n (failed)", "Required", "State"),
)
_CONTROLS = TableText(
    caption="Controls",
    columns=(
        "Control",
        "Meaning",
        "Measured",
        "p",
        "n (failed)",
        "Explains when",
        "State",
    ),
)
_SUPPORTING = TableText(
    caption="Supporting measurements. A level compares nothing and has no p.",
    columns=("Supporting measurement", "Meaning", "Measured", "p", "n (failed)"),
)


_SOURCES = TableText(
    caption="Rows: all of one variant, stage and metric at the given steps, one value per seed and "
    "step",
    columns=("Number", "Variant", "Stage", "Metric", "At", "Rows", "Seeds", "Files"),
)


@dataclass(frozen=True, kw_only=True)
class ClaimsSection(Section):
    """Claims, and the texts that stand beside each."""

    claims: list[ClaimView]
    edited: str = _EDITED
    no_control: str = _NO_CONTROL
    preconditions: TableText = _PRECONDITIONS
    controls: TableText = _CONTROLS
    supporting: TableText = _SUPPORTING
    sources: TableText = _SOURCES


def build(inputs: Inputs) -> ClaimsSection | None:
    """The section; none without a claim."""
    if not inputs.results:
        return None
    files = ResultFiles(inputs.frame, inputs.provenance)
    return ClaimsSection(
        layout="claims",
        id="claims",
        heading="Claim by claim",
        navigation="Claims",
        edited=_EDITED if inputs.ablation.results is None else _AFTERWARDS,
        claims=[
            *(claim_view(inputs, claim, result, files) for claim, result in inputs.judged),
            *(withdrawn_view(result) for result in inputs.withdrawn),
        ],
    )
