"""What follows from the rates of wrong verdicts: sentences, with the worst cell of each error."""

from __future__ import annotations

from collections.abc import Sequence

from fixbench.calibration._rate import Rate
from fixbench.calibration._worlds import (
    BLAMED,
    CLEARED,
    EFFECT,
    JUDGED,
    NOT_TESTABLE,
    TRUTHS,
    UNTIL,
)

__all__ = ["verdict_conclusions"]

_ERRORS = {
    CLEARED: "a control that explains the effect is passed over in at most {}",
    BLAMED: "one that does not is blamed in at most {}",
    JUDGED: "a claim whose precondition is not met is judged in at most {}",
    NOT_TESTABLE: "one whose preconditions are met is called not testable in at most {}",
}

# The worlds in which equal arms fail alike.
_FAILING = {truth.name for truth in TRUTHS if any(truth.failing) and not truth.required}


def verdict_conclusions(rates: Sequence[Rate]) -> list[str]:
    """Both directions of error, at given seeds and at looks; then where nothing is promised.

    Args:
        rates: those of every planted world, among others.
    """
    planted = [rate for rate in rates if rate.question in (EFFECT, *_ERRORS)]
    at_once = [rate for rate in planted if not rate.condition.endswith(UNTIL)]
    looked = [rate for rate in planted if rate.condition.endswith(UNTIL)]
    promised = [rate for rate in planted if rate.required]
    worst = max(promised, key=lambda rate: rate.rate)
    farthest = max(promised, key=lambda rate: rate.rate / rate.nominal)
    return [
        f"At a given number of seeds, {_both_directions(at_once)}.",
        f"Where seeds are added until a verdict, {_both_directions(looked)}.",
        f"Of {len(promised)} rates of wrong verdicts that theory promises, the highest is "
        f"{_with_cell(worst)}, promised {_percent(worst.nominal)}; the highest beside what is "
        f"promised is {_with_cell(farthest)}, promised {_percent(farthest.nominal)}.",
        *_unpromised(planted),
    ]


def _both_directions(rates: Sequence[Rate]) -> str:
    texts = []
    for question, text in _ERRORS.items():
        promised = [rate for rate in rates if rate.required and rate.question == question]
        texts.append(text.format(_with_cell(max(promised, key=lambda rate: rate.rate))))
    return f"{', '.join(texts[:2])}; {', '.join(texts[2:])}"


def _unpromised(rates: Sequence[Rate]) -> list[str]:
    """The worst of each error where runs of both arms fail, or seeds are skewed or collapse."""
    failing = [rate for rate in rates if rate.condition.removesuffix(UNTIL) in _FAILING]
    skewed = [rate for rate in rates if not rate.required and rate not in failing]
    found = []
    for question in (EFFECT, *_ERRORS):
        others = [rate for rate in skewed if rate.question == question]
        if others:
            worst = max(others, key=lambda rate: rate.rate)
            found.append(f"{question}: {_with_cell(worst)}")
    worst = max(failing, key=lambda rate: rate.rate)
    return [
        "Where runs of both arms fail alike, equal variants are called different in up to "
        f"{_with_cell(worst)}: a note beside such a verdict says so.",
        "Nothing is promised for skewed and collapsing seeds. The worst there: "
        f"{'; '.join(found)}.",
    ]


def _with_cell(rate: Rate) -> str:
    seeds = "" if rate.condition.endswith(UNTIL) else f", n = {rate.n}"
    return f"{_percent(rate.rate)} ({rate.condition.removesuffix(UNTIL)}{seeds})"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
