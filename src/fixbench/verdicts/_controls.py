"""Rival explanations of a claim, and measurements that stand beside it.

A control has bounds, ``explains_above`` and ``explains_below``. It **explains** the claim where its
effect is shown to lie between them, it is **ruled out** where its effect is shown to lie outside,
and otherwise it is **open**. Of several controls of a claim, "explains" is adjusted by Holm's
method, at one of several looks with the levels of `fixbench.statistics.holm_factors`; that all are
ruled out needs no adjustment. A control without bounds decides nothing.

A claim of which the direction is shown is confounded where a control explains it, and unresolved
where none does and one is open: what is open is not cleared.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from fixbench import statistics
from fixbench.ablation import Ablation, Claim, Control
from fixbench.verdicts._coverage import missing_variants
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import LeftOut, Note
from fixbench.verdicts._result import ClaimResult, ControlResult, ControlState
from fixbench.verdicts._unresolved import unresolved
from fixbench.verdicts._window import Place, Window, measure_window

__all__ = ["EXPLAINABLE", "confound", "measure_controls"]

#: The verdicts that a control can explain.
EXPLAINABLE = ("reproduced", "direction only", "another size")

_STATES: dict[Place, ControlState] = {"inside": "explains", "outside": "ruled out", "open": "open"}


def measure_controls(
    ablation: Ablation,
    claim: Claim,
    controls: Sequence[Control],
    results: Measurements,
    *,
    tier: str,
    confidence: float,
    factors: Callable[[int], Sequence[float]],
) -> tuple[tuple[ControlResult, ...], list[Note]]:
    """The controls (or supporting measurements) that the tier measures, and notes on them.

    A control that decides and that the tier leaves out is there too, as open: it has no effect.

    Args:
        factors: how many are adjusted for → what Holm's steps multiply the smallest p by, the
            second, ….
    """
    windows: dict[str, Window | None] = {}
    notes = list[Note]()
    for control in controls:
        if missing := missing_variants(ablation, control.effect, tier, results):
            notes.append(LeftOut(name=control.name, tier=tier, variants=tuple(missing)))
            windows[control.name] = None
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
        windows[control.name] = window
    raw = {
        name: window.p_inside
        for name, window in windows.items()
        if window is not None and window.decides
    }
    steps = factors(len(raw))
    adjusted = statistics.holm(raw, steps)
    measured = []
    for control in controls:
        found = windows[control.name]
        if found is None:
            if control.decides:
                measured.append(
                    ControlResult(
                        name=control.name, meaning=control.meaning, effect=None, state="open"
                    )
                )
            continue
        first = max(steps, default=1.0)
        measured.append(_judged(control, found, adjusted.get(control.name, math.nan), first))
    return tuple(measured), notes


def confound(result: ClaimResult) -> ClaimResult:
    """The result, confounded or unresolved where its controls ask for it."""
    by_itself = result.verdict if result.ruling is None else result.ruling.verdict
    explained = any(control.state == "explains" for control in result.controls)
    if result.verdict in EXPLAINABLE and explained:
        return replace(result, verdict="confounded", seeds_needed=None)
    # Left unresolved by a precondition, it still needs the seeds of its controls.
    waits = result.verdict == "unresolved" and by_itself in EXPLAINABLE and not explained
    if result.verdict not in EXPLAINABLE and not waits:
        return result
    return unresolved(result, [item for item in result.controls if item.state == "open"])


def _judged(control: Control, found: Window, p_inside: float, factor: float) -> ControlResult:
    place = found.place(p_inside) if found.decides else None
    return ControlResult(
        name=control.name,
        meaning=control.meaning,
        effect=found.effect,
        state=None if place is None else _STATES[place],
        p_explains=p_inside,
        p_ruled_out=found.p_outside,
        seeds_needed=found.seeds_needed(factor) if place == "open" else None,
    )
