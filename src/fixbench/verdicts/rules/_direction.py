"""What the rules that assert a direction share: the side of the null, and the size.

An interval is placed against the null, the margin and, where one is declared, the tolerance around
the documented size:

=====================================================  ===================
shown, on the documented side                          verdict
=====================================================  ===================
at least the margin, and the documented size (where a  reproduced
tolerance is declared)
another size than the documented one                   another size
the direction alone                                    direction only
=====================================================  ===================
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixbench.verdicts._format import evidence_text, figure, range_text
from fixbench.verdicts._ruling import Ruling, Verdict
from fixbench.verdicts.rules._mean import failing_text, natural_bounds, null_text, side_of
from fixbench.verdicts.rules._rule import Tested

if TYPE_CHECKING:
    from fixbench.verdicts._result import ClaimResult

__all__ = ["as_documented", "direction_text", "judge_direction", "tolerated"]


def as_documented(tested: Tested) -> bool:
    """Whether the estimate lies on the documented side of the null."""
    return (side_of(tested.effect) == "above") == (tested.claim.decision.direction == "greater")


def tolerated(tested: Tested) -> tuple[float, float] | None:
    """The sizes that count as documented, natural scale; ``None`` where none is declared."""
    tolerance, documented = tested.claim.decision.tolerance, tested.claim.documented.value
    if tolerance is None or documented is None:
        return None
    return natural_bounds(documented, tolerance, tested.effect)


def judge_direction(
    tested: Tested, *, beyond: bool | None
) -> tuple[Verdict, str, tuple[float, float] | None]:
    """Verdict, finding and tolerance of an effect that is shown to differ from the null.

    Args:
        beyond: it is shown to be at least the margin; ``None`` for a rule that has no margin.
    """
    effect = tested.effect
    if not as_documented(tested):
        return "reversed", "opposite, beyond the margin" if beyond else "opposite", None
    beyond = beyond is None or beyond  # no margin is asked for
    if tested.claim.decision.tolerance is None:
        return (
            ("reproduced", "direction", None) if beyond else ("direction only", "size open", None)
        )
    near = tolerated(tested)
    if near is None:
        return "direction only", "no documented number", None
    if tested.fails:
        return "direction only", "runs fail", None
    low, high = near
    if effect.high < low or effect.low > high:
        return "another size", "another size", near
    if beyond and low <= effect.low and effect.high <= high:
        return "reproduced", "size", near
    return "direction only", "size open", near


def direction_text(ruling: Ruling, result: ClaimResult) -> str:
    """The findings of `judge_direction`, in words."""
    where = f"It is {ruling.side} {null_text(result)}"
    p = evidence_text(ruling.evidence["different"])
    margin = _margin_text(ruling, result)
    if ruling.finding.startswith("opposite"):
        return f"{where}, against the documented direction ({p}){margin}"
    shown = f"{where}, as documented ({p}){margin}"
    if ruling.finding == "no documented number":
        return f"{shown}. The document gives no number to compare with"
    if ruling.finding == "runs fail":
        return f"{shown}. The documented size cannot be{failing_text(ruling)}"
    if ruling.tolerance is None:
        return f"{shown}. No tolerance of its size is declared"
    assert result.documented_value is not None
    near = (
        f"{range_text(*ruling.tolerance)}, the tolerance around the documented "
        f"{figure(result.documented_value)}"
    )
    if ruling.finding == "size":
        return f"{shown}. Its whole interval lies within {near}"
    if ruling.finding == "another size":
        return f"{shown}. Its whole interval lies outside {near}: the documented size is wrong here"
    return f"{shown}. Whether its size is {near}, is open"


def _margin_text(ruling: Ruling, result: ClaimResult) -> str:
    """Whether it is shown to be as large as matters; nothing for a rule without a margin."""
    evidence = ruling.evidence.get("beyond")
    if evidence is None or ruling.margin is None:
        return ""
    low, high = ruling.margin
    bound = figure(high if ruling.side == "above" else low)
    p = evidence_text(evidence)
    if evidence.shown:
        return f", and beyond {bound}, the smallest effect that matters ({p})"
    return f"; that it is beyond {bound}, the smallest effect that matters, is not shown ({p})"
