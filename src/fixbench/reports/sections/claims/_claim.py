"""One claim, put together from its parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fixbench.ablation import Claim
from fixbench.reports._changes import printed_changes
from fixbench.reports._citations import with_lines
from fixbench.reports._claim_head import ClaimHead, claim_head, withdrawn_head
from fixbench.reports._effects import effect_formula
from fixbench.reports._format import short_hash
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult, is_tested
from fixbench.reports._levels import levels_said
from fixbench.reports._near import near_bounds
from fixbench.reports._rules import decision_rule
from fixbench.reports._sources import ResultFiles, SourceView, claim_sources
from fixbench.reports._views import Fact, FigureView
from fixbench.reports.sections.claims._controls import (
    ControlView,
    PreconditionView,
    control_views,
    precondition_views,
    supporting_views,
)
from fixbench.reports.sections.claims._figure import claim_figure
from fixbench.reports.sections.claims._readings import ReadingsView, readings_view
from fixbench.reports.sections.claims._sensitivity import noise_floors, sensitivity, worst_errors

__all__ = ["ClaimView", "claim_view", "withdrawn_view"]


@dataclass(frozen=True, kw_only=True)
class ClaimView:
    """A claim in print.

    Attributes:
        family: ``primary`` or ``secondary``, empty for a claim that is not tested.
        uncontrolled: it has an effect, and no control that decides.
        changes: key, recorded value, present value.
        remarks: what is so where the verdict does not say it, and bounds of the rule that the
            interval or an adjusted p nearly touches.
        sources: the rows that its numbers rest on.
    """

    head: ClaimHead
    section: str
    kind: str
    family: str = ""
    caveats: list[str] = field(default_factory=list)
    rule: list[str]
    formula: str = ""
    uncontrolled: bool = False
    preconditions: list[PreconditionView] = field(default_factory=list)
    figure: FigureView | None = None
    readings: ReadingsView | None = None
    controls: list[ControlView] = field(default_factory=list)
    supporting: list[ControlView] = field(default_factory=list)
    sensitivity: list[Fact] = field(default_factory=list)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    sources: list[SourceView] = field(default_factory=list)


def claim_view(inputs: Inputs, claim: Claim, result: ClaimResult, files: ResultFiles) -> ClaimView:
    """A claim of the ablation."""
    confidence = result.effect.confidence if result.effect is not None else 0.95
    family = ""
    if is_tested(claim):
        family = "primary" if claim.primary else "secondary"
    found = filter(None, [inputs.sentences.found(claim.id)])
    return ClaimView(
        head=claim_head(inputs, claim, result),
        section=_section(result, claim.lines),
        kind=_kind(result),
        family=family,
        caveats=[threat.text for threat in inputs.threats if claim.id in threat.claims],
        rule=[
            *decision_rule(claim, confidence, looks=result.looks is not None),
            _rule_hash(result),
        ],
        formula=effect_formula(claim.effect) if claim.effect is not None else "",
        uncontrolled=claim.effect is not None and result.control == "none",
        preconditions=precondition_views(inputs.ablation, claim, result),
        figure=claim_figure(inputs, claim, result),
        readings=readings_view(inputs.name, claim, inputs.frame),
        controls=control_views(inputs.ablation, claim, result),
        supporting=supporting_views(inputs.ablation, claim, result),
        sensitivity=[
            *([("Mean ± SD of each arm's runs", said)] if (said := levels_said(result)) else []),
            *sensitivity(claim, result),
            *worst_errors(result),
            *noise_floors(inputs, claim, result),
        ],
        changes=printed_changes(result.changes),
        notes=list(result.notes),
        remarks=[*found, *near_bounds(claim, result)],
        sources=claim_sources([claim], files),
    )


def withdrawn_view(result: ClaimResult) -> ClaimView:
    """A claim that the ablation no longer has: what it said, and nothing measured."""
    recorded = ", ".join(f"{change.key} {change.before}" for change in result.changes)
    return ClaimView(
        head=withdrawn_head(result),
        section=_section(result, None),
        kind=_kind(result),
        rule=[f"As recorded: {recorded}.", _rule_hash(result)],
    )


def _section(result: ClaimResult, lines: Sequence[int] | None) -> str:
    where = with_lines(result.section, lines)
    return f"{where}, in {result.source}" if result.source else where


def _kind(result: ClaimResult) -> str:
    return result.kind.replace("_", " ")


def _rule_hash(result: ClaimResult) -> str:
    """The hash of the claim and its rule beside those that the results were produced under."""
    where = ""
    if result.recorded == (result.sha256,):
        where = ", as in the results"
    elif result.recorded:
        where = f", in the results: {', '.join(map(short_hash, result.recorded))}"
    elif result.edited:
        where = ", not in the results"
    return f"SHA-256 {short_hash(result.sha256)}{where}."
