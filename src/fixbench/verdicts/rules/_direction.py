"""What the rules that assert a direction share: the side of the null, and the documented size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixbench.verdicts._format import evidence_text, figure, range_text
from fixbench.verdicts._ruling import Ruling, Verdict
from fixbench.verdicts.rules._mean import failing_text, natural_bounds, null_text, side_of
from fixbench.verdicts.rules._rule import Tested

if TYPE_CHECKING:
    from fixbench.verdicts._result import ClaimResult

__all__ = ["as_documented", "direction_text", "judge_direction"]


def as_documented(tested: Tested) -> bool:
    """Whether the estimate lies on the documented side of the null."""
    return (side_of(tested.effect) == "above") == (tested.claim.decision.direction == "greater")


def judge_direction(tested: Tested) -> tuple[Verdict, str, tuple[float, float] | None]:
    """Verdict, finding and tolerance of an effect that is shown to differ from the null."""
    effect, tolerance = tested.effect, tested.claim.decision.tolerance
    documented = tested.claim.documented.value
    if not as_documented(tested):
        return "reversed", "opposite", None
    if tolerance is None:
        return "reproduced", "direction", None
    if documented is None:
        return "direction only", "no documented number", None
    if tested.fails:
        return "direction only", "runs fail", None
    low, high = natural_bounds(documented, tolerance, effect)
    if low <= effect.low and effect.high <= high:
        return "reproduced", "size", (low, high)
    return "direction only", "size not shown", (low, high)


def direction_text(ruling: Ruling, result: ClaimResult) -> str:
    """The findings of `judge_direction`, in words."""
    where = f"It is {ruling.side} {null_text(result)}"
    p = evidence_text(ruling.evidence["different"])
    if ruling.finding == "opposite":
        return f"{where}, against the documented direction ({p})"
    shown = f"{where}, as documented ({p})"
    if ruling.finding == "direction":
        return f"{shown}; no tolerance of its size is declared"
    if ruling.finding == "no documented number":
        return f"{shown}, but the document gives no number to compare with"
    if ruling.finding == "runs fail":
        return f"{shown}, but of the documented size it cannot be{failing_text(ruling)}"
    assert ruling.tolerance is not None
    assert result.documented_value is not None
    near = (
        f"{range_text(*ruling.tolerance)}, the tolerance around the documented "
        f"{figure(result.documented_value)}"
    )
    if ruling.finding == "size":
        return f"{shown}, and its whole interval lies within {near}"
    return f"{shown}, but its interval does not lie within {near}"
