"""A plan of seeds as text, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fixbench.planning._pilot import LIMIT_CONFIDENCE
from fixbench.planning._power import PowerPlan, PowerRow
from fixbench.planning._text import table
from fixbench.reports import number
from fixbench.statistics import MOST_SEEDS

__all__ = ["power_text"]


def power_text(plan: PowerPlan) -> str:
    """What is assumed, the seeds for each comparison, and power by the number of seeds."""
    return "\n".join(_lines(plan))


def _lines(plan: PowerPlan) -> Iterator[str]:
    asked = plan.asked
    level = f"alpha {number(asked.alpha)}"
    if asked.comparisons > 1:
        level += (
            f"; by Holm over {asked.comparisons} comparisons the smallest p is compared with "
            f"{number(asked.level, 3)}, the worst case"
        )
    if asked.effect is not None:
        shown = number(asked.effect)
        yield f"differs: the paired t-test, two-sided, shows a true effect of {shown}"
    if asked.margin is not None:
        yield (
            f"equivalent: two one-sided t-tests show a true effect of 0 to lie within "
            f"±{number(asked.margin)}"
        )
    yield level
    yield ""
    yield f"Seeds (pairs) for {number(100 * asked.power, 3)} % power:"
    kinds = [
        name
        for name, value in (("differs", asked.effect), ("equivalent", asked.margin))
        if value is not None
    ]
    head = ["", "deviation", *kinds]
    rows = [
        [
            f"{item.label}, upper limit" if item.upper_limit else item.label,
            number(item.deviation, 3),
            *(_seeds(getattr(item, _FIELDS[kind])) for kind in kinds),
        ]
        for item in plan.seeds
    ]
    yield from table([head, *rows])
    pilots = sorted({item.n for item in plan.scatter if item.n is not None})
    if pilots:
        yield (
            f"The deviation of a pilot of {', '.join(map(str, pilots))} pairs is uncertain itself: "
            f"it lies below the upper limit with {number(100 * LIMIT_CONFIDENCE)} % confidence, "
            "where differences are normal. Plan with the limit."
        )
    yield ""
    yield f"Power by the number of seeds, with deviation {number(plan.of.deviation, 3)}:"
    yield from table([["seeds", *kinds], *(_powers(row, kinds) for row in plan.table)])


_FIELDS = {"differs": "difference", "equivalent": "equivalence"}


def _seeds(count: int | None) -> str:
    return f"over {MOST_SEEDS}" if count is None else str(count)


def _powers(row: PowerRow, kinds: Sequence[str]) -> list[str]:
    return [f"{row.seeds:>5}", *(f"{100 * getattr(row, _FIELDS[kind]):.1f} %" for kind in kinds)]
