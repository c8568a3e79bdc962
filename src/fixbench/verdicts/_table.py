"""Verdicts as rows, for ``claims.json`` and ``claims.csv``."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from fixbench.verdicts._data import data_row
from fixbench.verdicts._result import ClaimResult, ControlResult, PreconditionResult

__all__ = ["claims_table"]


def claims_table(results: Iterable[ClaimResult]) -> list[dict[str, Any]]:
    """One plain row a claim, in the given order, with the same keys in the same order.

    Numbers are Python floats and ints, which print the same everywhere; what does not exist (NaN,
    an interval of one seed) is ``None``. ``measured`` counts failed runs by policy,
    ``complete_case`` leaves their seeds out. ``worst_error`` is the largest rate of
    `ClaimResult.worst`. ``claim_sha256`` is that of the claim as judged.
    ``control`` is what the controls say together. ``preconditions`` and ``controls`` are lists of
    rows and ``panel`` is a row, for JSON only. ``looks`` is there if seeds were added until a
    verdict in any of the claims, and ``None`` in the others; ``unadjusted_looks`` if a claim does
    not allow for some that were made; ``data`` if any of the claims was measured on data draws;
    ``arms`` if the runs of any are no pairs. ``levels``: what each arm reached, one row an arm.
    """
    judged = list(results)
    looked = any(result.looks is not None for result in judged)
    unadjusted = any(result.unadjusted_looks for result in judged)
    drawn = any(result.data is not None for result in judged)
    apart = any(result.effect is not None and result.effect.arms for result in judged)
    return [
        _row(result)
        | ({"looks": _looks(result)} if looked else {})
        | ({"unadjusted_looks": result.unadjusted_looks} if unadjusted else {})
        | ({"data": data_row(result.data)} if drawn else {})
        | ({"arms": _arms(result)} if apart else {})
        for result in judged
    ]


def _arms(result: ClaimResult) -> dict[str, Any] | None:
    effect = result.effect
    if effect is None or not effect.arms:
        return None
    return {
        "runs": {arm.variant: arm.n for arm in effect.arms},
        "degrees_of_freedom": _number(effect.degrees_of_freedom),
    }


def _looks(result: ClaimResult) -> dict[str, Any] | None:
    if result.looks is None:
        return None
    return {
        **asdict(result.looks),
        "p_values": {
            kind: [_number(p) for p in values] for kind, values in result.looks.p_values.items()
        },
        "interval": "holds at all looks together",
        "p": "of all seeds, not adjusted for looks or family",
        "estimate": "too far from null on average, where it stopped the run",
    }


def _row(result: ClaimResult) -> dict[str, Any]:
    effect = result.effect
    return {
        "id": result.id,
        "ablation": result.ablation,
        "label": result.label,
        "statement": result.statement,
        "documented": result.documented,
        "measured": _number(effect.estimate if effect else None),
        "interval_low": _number(effect.low if effect else None),
        "interval_high": _number(effect.high if effect else None),
        "confidence": _number(effect.confidence if effect else None),
        "scale": effect.scale if effect else None,
        "p_raw": _number(effect.p_value if effect else None),
        "p_adjusted": _number(result.p_adjusted),
        "p_equivalence": _number(result.p_equivalence),
        "p_equivalence_adjusted": _number(result.p_equivalence_adjusted),
        "n": effect.n if effect else None,
        "n_failed": effect.n_failed if effect else None,
        "complete_case": _number(effect.complete_case if effect else None),
        "effect_size": _number(effect.standardised if effect else None),
        "seeds_needed": result.seeds_needed,
        "worst_error": max((item.rate for item in result.worst), default=None),
        "verdict": result.verdict,
        "reason": result.reason,
        "primary": result.primary,
        "edited": result.edited,
        "claim_sha256": result.sha256,
        "preconditions": [
            {
                **_measurement(item),
                "state": item.state,
                "p_met": _number(item.p_met),
                "p_unmet": _number(item.p_unmet),
                "seeds_needed": item.seeds_needed,
            }
            for item in result.preconditions
        ],
        "control": result.control,
        "controls": [
            {
                **_measurement(control),
                "state": control.state,
                "p_explains": _number(control.p_explains),
                "p_ruled_out": _number(control.p_ruled_out),
                "seeds_needed": control.seeds_needed,
            }
            for control in result.controls
        ],
        "panel": None if result.panel is None else _finite(asdict(result.panel)),
        "levels": [_finite(asdict(level)) for level in result.levels],
    }


def _measurement(item: ControlResult | PreconditionResult) -> dict[str, Any]:
    effect = item.effect
    return {
        "name": item.name,
        "meaning": item.meaning,
        "measured": _number(effect.estimate if effect else None),
        "interval_low": _number(effect.low if effect else None),
        "interval_high": _number(effect.high if effect else None),
        "scale": effect.scale if effect else None,
        "n": effect.n if effect else None,
        "n_failed": effect.n_failed if effect else None,
        "complete_case": _number(effect.complete_case if effect else None),
    }


def _finite(value: Any) -> Any:
    """The same, with ``None`` for numbers that JSON does not have, at any depth."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None
