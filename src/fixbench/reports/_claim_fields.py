"""What is said of a claim, field by field: in the numbers of a paper and in sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fixbench.ablation import Ablation, Claim, Control, Effect, Precondition
from fixbench.reports._effects import margin_zone, null_of, tolerance_zone
from fixbench.reports._format import MISSING, number, p_value, percentage
from fixbench.reports._judging import ClaimResult, ControlResult, PreconditionResult
from fixbench.reports._views import Measured, measured, measured_effect

__all__ = [
    "claim_fields",
    "claim_measured",
    "ends",
    "entry_fields",
    "is_share",
    "p_text",
    "share_of",
]


def is_share(claim: Claim) -> bool:
    """Whether the claim's number is a share: of seeds, or of the values of a property."""
    return claim.decision.rule in ("property", "share")


def share_of(claim: Claim) -> str:
    """What the claim's number, a share, is a share of."""
    return "of measurements" if claim.decision.rule == "property" else "of seeds"


def claim_measured(ablation: Ablation, claim: Claim | None, result: ClaimResult) -> Measured:
    """The effect of a claim in print; ``claim`` is ``None`` where it was withdrawn."""
    if claim is not None and is_share(claim):
        return measured(result.effect, f"share {share_of(claim)}")
    return measured_effect(result.effect, None if claim is None else claim.effect, ablation)


def claim_fields(ablation: Ablation, claim: Claim | None, result: ClaimResult) -> dict[str, str]:
    """Field → printed value. A field without a number has an en dash, so that every key exists."""
    effect, found = result.effect, claim_measured(ablation, claim, result)
    low, high = ends(found)
    panel = result.panel
    fields = {
        "label": result.label or MISSING,
        "verdict": result.verdict,
        "documented": result.documented,
        "documentedvalue": number(result.documented_value),
        "measured": found.value,
        "interval": found.interval or MISSING,
        "low": low,
        "high": high,
        "confidence": MISSING if effect is None else f"{number(100 * effect.confidence, 3)} %",
        "unit": found.unit or MISSING,
        "n": found.n,
        "failed": found.failed or MISSING,
        "effectsize": MISSING if effect is None else number(effect.standardised, 3),
        "seedsneeded": MISSING if result.seeds_needed is None else str(result.seeds_needed),
        "weakest": percentage(max(item.rate for item in result.worst)) if result.worst else MISSING,
        "predictionlow": number(None if panel is None else panel.prediction_low),
        "predictionhigh": number(None if panel is None else panel.prediction_high),
        "m": MISSING if panel is None or panel.holm_m is None else str(panel.holm_m),
        **_rule(claim),
    }
    raw = math.nan if effect is None else effect.p_value
    for name, p in (
        ("p", raw),
        ("padjusted", result.p_adjusted),
        ("pequivalence", result.p_equivalence),
        ("pequivalenceadjusted", result.p_equivalence_adjusted),
    ):
        fields |= {name: p_value(p), f"{name}text": p_text(p)}
    return fields | _all_beside(ablation, claim, result)


def p_text(p: float) -> str:
    """``p = 0.032``, ``p < 0.001``."""
    text = p_value(p)
    return text if text == MISSING else f"p < {text[1:]}" if text[0] == "<" else f"p = {text}"


def _rule(claim: Claim | None) -> dict[str, str]:
    """What the claim declares for its rule."""
    if claim is None:
        return dict.fromkeys(("rule", "null", "margin", "tolerance", "direction"), MISSING)
    decision = claim.decision
    margin, tolerance = margin_zone(claim), tolerance_zone(claim)
    return {
        "rule": decision.rule.replace("_", " "),
        "null": MISSING if claim.effect is None else number(null_of(claim.effect, decision.null)),
        "margin": MISSING if margin is None else _zone(margin),
        "tolerance": MISSING if tolerance is None else _zone(tolerance),
        "direction": decision.direction or MISSING,
    }


def _all_beside(ablation: Ablation, claim: Claim | None, result: ClaimResult) -> dict[str, str]:
    """Preconditions, controls and supporting measurements, numbered in their order."""
    declared: dict[str, Sequence[Precondition | Control]] = {}
    if claim is not None:
        declared = {
            "precondition": claim.preconditions,
            "control": claim.controls,
            "supporting": claim.supporting,
        }
    found: dict[str, Sequence[PreconditionResult | ControlResult]] = {
        "precondition": result.preconditions,
        "control": result.controls,
        "supporting": result.supporting,
    }
    fields = {}
    for kind, items in found.items():
        effects = {item.name: item.effect for item in declared.get(kind, [])}
        for place, item in enumerate(items, start=1):
            for key, text in entry_fields(ablation, effects.get(item.name), item).items():
                fields[f"{kind}{place}{key}"] = text
    return fields


def entry_fields(
    ablation: Ablation, effect: Effect | None, item: PreconditionResult | ControlResult
) -> dict[str, str]:
    """The same of what stands beside a claim."""
    found = measured_effect(item.effect, effect, ablation)
    low, high = ends(found)
    fields = {
        "name": item.name,
        "measured": found.value,
        "interval": found.interval or MISSING,
        "low": low,
        "high": high,
        "unit": found.unit or MISSING,
        "n": found.n,
        "p": found.p,
        "state": item.state or MISSING,
    }
    if isinstance(item, PreconditionResult):
        return fields | {"pmet": p_value(item.p_met), "punmet": p_value(item.p_unmet)}
    return fields | {
        "pexplains": p_value(item.p_explains),
        "pruledout": p_value(item.p_ruled_out),
    }


def ends(found: Measured) -> tuple[str, str]:
    """The ends of an interval as they are printed in it."""
    if not found.interval:
        return MISSING, MISSING
    low, high = found.interval.strip("[]").split(", ")
    return low, high


def _zone(zone: tuple[float, float]) -> str:
    return f"{number(zone[0], 3)} to {number(zone[1], 3)}"
