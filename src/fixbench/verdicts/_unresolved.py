"""A claim that is judged but rests on something open: unresolved, with the seeds that would decide.

An inconclusive claim stays inconclusive: it needs its own seeds and those of what is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fixbench.verdicts._result import ClaimResult, ControlResult, PreconditionResult

__all__ = ["unresolved"]


def unresolved(
    result: ClaimResult, items: Sequence[ControlResult | PreconditionResult]
) -> ClaimResult:
    """The result as it is where nothing is open.

    Args:
        items: the controls or preconditions that are open.
    """
    if not items or result.verdict == "not testable":
        return result
    needed = [item.seeds_needed for item in items]
    if result.verdict in ("inconclusive", "unresolved"):
        needed.append(result.seeds_needed)
    known = [seeds for seeds in needed if seeds is not None]
    # One that no number of seeds would settle leaves no number.
    seeds = max(known) if len(known) == len(needed) else None
    verdict = result.verdict if result.verdict == "inconclusive" else "unresolved"
    return replace(result, verdict=verdict, seeds_needed=seeds)
