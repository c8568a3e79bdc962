"""What would change a verdict: what is open, and how far the interval is from its bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fixbench.explanation._model import Bound, Deciding
from fixbench.published import PublishedClaim
from fixbench.reports import number, p_value, percentage
from fixbench.verdicts import EXPLAINABLE

__all__ = ["changes", "consequence"]

_OPEN = ("unresolved", "inconclusive")
_NOT_EXPLAINABLE = "decides nothing here: a control explains what is shown as documented"


def consequence(row: PublishedClaim, kind: str, state: str | None) -> str:
    """What a precondition or a control in that state does to the verdict of the claim."""
    if state is None:
        return "decides nothing"
    if kind == "precondition":
        return {
            "met": "lets the claim be judged",
            "unmet": "makes the claim not testable",
            "open": f"leaves the claim {row.verdict}",
        }[state]
    if row.verdict == "confounded":
        return "makes the claim confounded" if state == "explains" else "does not explain it too"
    if row.verdict == "unresolved":
        return {
            "explains": "would make the claim confounded",
            "ruled out": "leaves the verdict to the effect",
            "open": "leaves the claim unresolved",
        }[state]
    if row.verdict == "not testable":
        return "decides nothing here: a precondition is not met"
    return "leaves the verdict to the effect" if row.verdict in EXPLAINABLE else _NOT_EXPLAINABLE


def changes(
    row: PublishedClaim, deciding: Sequence[Deciding], bounds: Sequence[Bound]
) -> list[str]:
    """One sentence for each thing that would change the verdict; what is open comes first."""
    return [
        *_beside(row, deciding),
        *_seeds(row),
        *_exact(row),
        *(_moved(bound, row) for bound in bounds),
        *_levels(row),
    ]


def _beside(row: PublishedClaim, deciding: Sequence[Deciding]) -> Iterator[str]:
    """Controls and preconditions that made the verdict another one than the effect gives."""
    for item in deciding:
        said = f"{item.kind} “{item.name}”"
        if item.state == "unmet" and row.verdict == "not testable":
            yield f"Met, the {said} would let the effect decide.{_nearest(item)}"
        elif item.state == "explains" and row.verdict == "confounded":
            yield f"Ruled out, the {said} would leave the verdict to the effect.{_nearest(item)}"
        elif item.state == "open" and row.verdict in _OPEN:
            yield f"The {said} is open: its interval would have to lie on one side.{_decided(item)}"


def _nearest(item: Deciding) -> str:
    if not item.bounds:
        return ""
    bound = min(item.bounds, key=lambda one: one.share)
    return f" The {bound.end} end of its interval is {_apart(bound)} from {number(bound.value)}."


def _decided(item: Deciding) -> str:
    text = _nearest(item)
    if item.seeds_needed is not None:
        text += (
            f" Were it as observed, about {item.seeds_needed} seeds would decide it with 80 % "
            "power."
        )
    elif not item.bounds:
        text += " It is not measured in this tier."
    else:
        text += " No number of seeds that can be named would decide it."
    return text


def _seeds(row: PublishedClaim) -> Iterator[str]:
    now = f", {row.n} ran" if row.n is not None else ""
    if row.seeds_needed is not None:
        yield (
            f"Were the effects as observed, about {row.seeds_needed} seeds would settle with 80 % "
            f"power what is open{now}."
        )
    elif row.verdict == "inconclusive" and row.n is not None:
        yield f"No number of seeds that can be named would settle what is open{now}."


def _exact(row: PublishedClaim) -> Iterator[str]:
    if row.verdict == "holds":
        yield "One value of a successful run that is not 1 would refute it."
    elif row.verdict == "does not hold":
        yield "Nothing but other runs: one value that is not 1 is enough."


def _moved(bound: Bound, row: PublishedClaim) -> str:
    where = "inside the interval" if bound.lies == "inside" else f"{bound.lies} the whole interval"
    return (
        f"{number(bound.value)} ({bound.name}) lies {where}, {_apart(bound)} from its {bound.end} "
        f"end{_unit(bound, row)}."
    )


def _apart(bound: Bound) -> str:
    """The distance, and how much of the interval that is."""
    text = number(bound.distance, 3)
    if bound.share < 2:
        return f"{text} ({percentage(bound.share)} of its width)"
    return f"{text} ({number(bound.share, 2)} times its width)" if bound.share < 1e6 else text


def _unit(bound: Bound, row: PublishedClaim) -> str:
    return ", as a factor" if row.scale == "log" else ""


def _levels(row: PublishedClaim) -> Iterator[str]:
    """What the tests are compared with."""
    if row.confidence is None or row.looks is not None:
        return
    level = 1 - row.confidence
    for what, p in (
        ("a difference", row.p_adjusted if row.primary else row.p_raw),
        (
            "no effect that matters",
            row.p_equivalence_adjusted if row.primary else row.p_equivalence,
        ),
    ):
        if p is not None:
            side = "below" if p < level else "not below"
            yield f"p of {what}, {p_value(p)}, is {side} its level {number(level, 2)}."
