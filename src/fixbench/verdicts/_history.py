"""What the results were produced under: claims and metrics that were edited, added or taken out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from fixbench.ablation import Ablation, Claim, claim_difference, claim_hash
from fixbench.verdicts._family import parts_of
from fixbench.verdicts._notes import ClaimEdited, MetricRedefined, Note
from fixbench.verdicts._result import ClaimChange, ClaimResult
from fixbench.verdicts._ruling import Ruling
from fixbench.verdicts.rules import load_rule, rule_names

__all__ = [
    "Forms",
    "compare_forms",
    "counts_in_family",
    "form_hashes",
    "withdrawn",
    "withdrawn_parts",
    "withdrawn_result",
]

#: Claim or metric → as recorded: once, or each form of it.
Forms = Mapping[str, Sequence[Mapping[str, Any]]]


def withdrawn(ablation: Ablation, recorded: Forms) -> dict[str, Mapping[str, Any]]:
    """Claims that the results were produced under and the file no longer has, as recorded last."""
    present = {claim.id for claim in ablation.claims}
    return {key: forms[-1] for key, forms in recorded.items() if key not in present}


def withdrawn_parts(gone: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What claims that were taken out of the file leave in the family."""
    return [
        part
        for key, form in gone.items()
        if counts_in_family(form)
        for part in parts_of(key, form["decision"]["rule"])
    ]


def counts_in_family(form: Mapping[str, Any]) -> bool:
    """Whether a recorded claim was primary and tested."""
    rule = form["decision"]["rule"]
    return bool(form.get("primary", True)) and rule in rule_names() and load_rule(rule).tested


def withdrawn_result(ablation: str, key: str, forms: Sequence[Mapping[str, Any]]) -> ClaimResult:
    """A claim that was taken out of the file, without a reason in words."""
    form = forms[-1]
    return ClaimResult(
        id=key,
        ablation=ablation,
        statement=form["statement"],
        section=form["section"],
        kind=form["kind"],
        documented=form["documented"]["text"],
        documented_value=form["documented"]["value"],
        verdict="withdrawn",
        reason="",
        primary=form.get("primary", True),
        sha256=claim_hash(form),
        recorded=form_hashes(forms),
        source=form.get("source"),
        edited=True,
        changes=tuple(
            ClaimChange(key=f"decision.{name}", before=_json(value), after=None)
            for name, value in form["decision"].items()
            if value is not None
        ),
        ruling=Ruling(
            rule="",
            verdict="withdrawn",
            finding="withdrawn, in the family" if counts_in_family(form) else "withdrawn",
        ),
    )


def form_hashes(forms: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The hash of every recorded form, in order, each once."""
    return tuple(dict.fromkeys(map(claim_hash, forms)))


def compare_forms(
    ablation: Ablation, claim: Claim, claims: Forms | None, metrics: Forms
) -> tuple[bool, tuple[ClaimChange, ...], list[Note]]:
    """Whether the claim, or a metric that it rests on, was edited; in what; and notes on it."""
    edited, changes, notes = False, tuple[ClaimChange, ...](), list[Note]()
    if claims is not None:
        recorded = claims.get(claim.id, ())
        changes = _changes(claim, recorded)
        edited = bool(changes) or not recorded
        if edited:
            notes.append(ClaimEdited(added=not recorded))
    if redefined := _redefined(ablation, claim, metrics):
        edited, changes = True, (*changes, *redefined)
        notes.append(MetricRedefined())
    return edited, changes, notes


def _changes(claim: Claim, recorded: Sequence[Mapping[str, Any]]) -> tuple[ClaimChange, ...]:
    """What differs from any recorded form of the claim, each difference once."""
    found = [
        ClaimChange(key=key, before=_json(before), after=_json(after))
        for form in recorded
        for key, (before, after) in claim_difference(form, claim).items()
    ]
    return tuple(dict.fromkeys(found))


def _redefined(ablation: Ablation, claim: Claim, recorded: Forms) -> tuple[ClaimChange, ...]:
    """What differs from any recorded definition of a metric that an effect of the claim reads."""
    if not recorded:
        return ()
    names = {term.metric for _, effect in claim.effects() for term in effect.weighted}
    found = [
        ClaimChange(key=f"metrics.{name}.{key}", before=_json(form.get(key)), after=_json(value))
        for name in sorted(names)
        for form in recorded.get(name, ({},))
        for key, value in ablation.metrics[name].definition.items()
        if form.get(key) != value
    ]
    return tuple(dict.fromkeys(found))


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)
