"""Rival explanations of a claim, and measurements that stand beside it.

A control explains a claim if its whole interval lies between ``explains_above`` and
``explains_below``. A claim that is reproduced, or of which the direction is, is then confounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fixbench.ablation import Ablation, Claim, Control
from fixbench.verdicts._coverage import missing_variants
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import LeftOut, Note
from fixbench.verdicts._result import ClaimResult, ControlResult
from fixbench.verdicts._window import measure_window

__all__ = ["EXPLAINABLE", "confound", "measure_controls"]

#: The verdicts that a control can explain.
EXPLAINABLE = ("reproduced", "direction only")


def measure_controls(
    ablation: Ablation,
    claim: Claim,
    controls: Sequence[Control],
    results: Measurements,
    *,
    tier: str,
    confidence: float,
) -> tuple[tuple[ControlResult, ...], list[Note]]:
    """The controls (or supporting measurements) that the tier measures, and notes on them."""
    measured, notes = [], list[Note]()
    for control in controls:
        if missing := missing_variants(ablation, control.effect, tier, results):
            notes.append(LeftOut(name=control.name, tier=tier, variants=tuple(missing)))
            continue
        window = measure_window(
            control.effect,
            results,
            claim=claim.id,
            name=control.name,
            confidence=confidence,
            above=control.explains_above,
            below=control.explains_below,
        )
        notes += window.notes
        measured.append(
            ControlResult(
                name=control.name,
                meaning=control.meaning,
                effect=window.effect,
                explains=window.within,
            )
        )
    return tuple(measured), notes


def confound(result: ClaimResult) -> ClaimResult:
    """The result, confounded where one of its controls explains it."""
    explained = any(control.explains for control in result.controls)
    if explained and result.verdict in EXPLAINABLE:
        return replace(result, verdict="confounded")
    return result
