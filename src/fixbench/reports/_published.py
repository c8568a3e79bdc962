"""The rows of ``claims.json``: a verdict, and what its claim declares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import fixbench
from fixbench.ablation import Claim, Control, Effect, Precondition, Quote
from fixbench.published import VERSION, PublishedClaim
from fixbench.reports._effects import effect_unit, is_contrast, margin_zone, null_of, tolerance_zone
from fixbench.reports._judging import (
    ClaimResult,
    ControlResult,
    PreconditionResult,
    claims_table,
    is_tested,
)
from fixbench.reports.paper import JudgedAblation

__all__ = ["NESTED", "published_rows", "published_table"]

_Found = TypeVar("_Found", ControlResult, PreconditionResult)
_Declared = TypeVar("_Declared", Control, Precondition)

#: The keys that hold lists and mappings, which no cell of a CSV file does.
NESTED = (
    "lines",
    "quotes",
    "metrics",
    "seeds",
    "preconditions",
    "controls",
    "supporting",
    "notes",
    "looks",
    "data",
    "levels",
    "arms",
    "panel",
)


def published_table(judged: Sequence[JudgedAblation], tier: str) -> dict[str, Any]:
    """The content of ``claims.json`` (`fixbench.published.PublishedTable`)."""
    return {
        "version": VERSION,
        "fixbench": fixbench.__version__,
        "tier": tier,
        "claims": published_rows(judged),
    }


def published_rows(judged: Sequence[JudgedAblation]) -> list[dict[str, Any]]:
    """One row a claim, with the keys of `PublishedClaim` in their order."""
    pairs = [(item, claim, result) for item in judged for claim, result in item.claims]
    rows = claims_table([result for _, _, result in pairs])
    return [
        _ordered(row | _declared(item, claim, result))
        for (item, claim, result), row in zip(pairs, rows, strict=True)
    ]


def _ordered(row: dict[str, Any]) -> dict[str, Any]:
    return {key: row[key] for key in PublishedClaim.model_fields if key in row}


def _declared(judged: JudgedAblation, claim: Claim | None, result: ClaimResult) -> dict[str, Any]:
    decision = None if claim is None else claim.decision
    effect = None if claim is None else claim.effect
    margin = (None, None) if claim is None else margin_zone(claim) or (None, None)
    tolerance = (None, None) if claim is None else tolerance_zone(claim) or (None, None)
    per_seed = {} if result.effect is None else result.effect.per_seed
    family = claim is not None and claim.primary and is_tested(claim)
    return {
        "section": result.section,
        "source": result.source,
        **_cited(judged, claim, result),
        "kind": result.kind,
        "documented_value": result.documented_value,
        "metrics": [] if effect is None else sorted({term.metric for term in effect.weighted}),
        "quantity": None if claim is None else _quantity(claim),
        "unit": _unit(judged, effect, claim),
        "rule": None if decision is None else decision.rule,
        "direction": None if decision is None else decision.direction,
        "null": _null(claim),
        "margin": None if decision is None else decision.margin,
        "margin_low": margin[0],
        "margin_high": margin[1],
        "tolerance": None if decision is None else decision.tolerance,
        "tolerance_low": tolerance[0],
        "tolerance_high": tolerance[1],
        "family": judged.name if family else None,
        "family_m": _family_size(result, "different") if family else None,
        "family_m_absence": _family_size(result, "equivalent", "not worse") if family else None,
        "seeds": sorted(int(seed) for seed in per_seed),
        "preconditions": [
            _beside(judged, item, declared.effect if declared else None)
            | {
                "above": declared.above if declared else None,
                "below": declared.below if declared else None,
                "state": item.state,
                "p_met": _number(item.p_met),
                "p_unmet": _number(item.p_unmet),
                "seeds_needed": item.seeds_needed,
            }
            for item, declared in _matched(
                result.preconditions, [] if claim is None else claim.preconditions
            )
        ],
        "controls": [
            _beside(judged, item, declared.effect if declared else None)
            | {
                "explains_above": declared.explains_above if declared else None,
                "explains_below": declared.explains_below if declared else None,
                "state": item.state,
                "p_explains": _number(item.p_explains),
                "p_ruled_out": _number(item.p_ruled_out),
                "seeds_needed": item.seeds_needed,
            }
            for item, declared in _matched(result.controls, [] if claim is None else claim.controls)
        ],
        "supporting": [
            _beside(judged, item, declared.effect if declared else None)
            for item, declared in _matched(
                result.supporting, [] if claim is None else claim.supporting
            )
        ],
        "notes": list(result.notes),
    }


def _cited(judged: JudgedAblation, claim: Claim | None, result: ClaimResult) -> dict[str, Any]:
    document = judged.ablation.document
    own = result.source is None
    origin = document.origin if own else None
    return {
        "document": document.file if own else None,
        "repository": None if origin is None else origin.repository,
        "commit": None if origin is None else origin.commit,
        "path": None if origin is None else origin.path,
        "lines": None if claim is None else claim.lines,
        "quotes": [] if claim is None else [_quote(claim, quote) for quote in claim.quotes],
    }


def _quote(claim: Claim, quote: Quote) -> dict[str, Any]:
    # Without a place of its own it stands at the claim's.
    placed = quote.section is not None or quote.lines is not None
    return {
        "words": quote.words,
        "section": claim.section if quote.section is None else quote.section,
        "lines": quote.lines if placed else claim.lines,
    }


def _null(claim: Claim | None) -> float | None:
    if claim is None or claim.effect is None or claim.decision.rule == "property":
        return None
    return null_of(claim.effect, claim.decision.null)


def _quantity(claim: Claim) -> str | None:
    if claim.decision.rule == "property":
        return "exact property"
    if claim.decision.rule == "share":
        return "share of seeds"
    if claim.effect is None:
        return None
    if claim.effect.slope is not None:
        return "slope"
    if claim.effect.reported == "log":
        return "ratio"
    return "difference" if is_contrast(claim.effect) else "level"


def _unit(judged: JudgedAblation, effect: Effect | None, claim: Claim | None = None) -> str:
    """As printed; a ratio and a share are pure numbers."""
    if effect is None or (claim is not None and claim.decision.rule in ("property", "share")):
        return ""
    unit = effect_unit(effect, judged.ablation)
    return "" if unit == "ratio" else unit


def _family_size(result: ClaimResult, *kinds: str) -> int | None:
    evidence = {} if result.ruling is None else result.ruling.evidence
    sizes = [evidence[kind].family for kind in kinds if kind in evidence]
    return sizes[0] if sizes and sizes[0] else None


def _matched(
    found: Iterable[_Found], declared: Sequence[_Declared]
) -> list[tuple[_Found, _Declared | None]]:
    """Each with its declaration; ``None`` where the claim no longer has it."""
    by_name = {item.name: item for item in declared}
    return [(item, by_name.get(item.name)) for item in found]


def _beside(
    judged: JudgedAblation, item: ControlResult | PreconditionResult, effect: Effect | None
) -> dict[str, Any]:
    found = item.effect
    return {
        "name": item.name,
        "meaning": item.meaning,
        "measured": _number(None if found is None else found.estimate),
        "unit": _unit(judged, effect),
        "interval_low": _number(None if found is None else found.low),
        "interval_high": _number(None if found is None else found.high),
        "scale": None if found is None else found.scale,
        "p": _number(None if found is None else found.p_value),
        "n": None if found is None else found.n,
        "n_failed": None if found is None else found.n_failed,
        "complete_case": _number(None if found is None else found.complete_case),
    }


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
