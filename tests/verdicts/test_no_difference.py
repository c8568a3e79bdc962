"""A claim that there is no effect that matters."""

from collections.abc import Callable
from typing import Any

import pytest

from fixbench.statistics import seeds_for_difference

Make = Callable[..., Any]
Judge = Callable[..., Any]

NO_DIFFERENCE = {"rule": "no_difference", "direction": None, "margin": 0.5}


@pytest.mark.parametrize(
    ("shift", "spread", "verdict", "finding", "different"),
    [
        (0.0, 1.0, "reproduced", "equivalent", False),
        (0.3, 1.0, "reproduced", "equivalent", True),
        (2.0, 1.0, "refuted", "beyond the margin", True),
        (-2.0, 1.0, "refuted", "beyond the margin", True),
        (0.6, 4.0, "inconclusive", "open", True),
        (0.2, 20.0, "inconclusive", "open", False),
    ],
)
def test_a_claim_of_no_difference(
    judge: Judge,
    shift: float,
    spread: float,
    verdict: str,
    finding: str,
    different: bool,
    planted: Make,
) -> None:
    result = judge(planted(shift, spread=spread), NO_DIFFERENCE)
    assert result.verdict == verdict
    assert result.ruling.finding == finding
    assert result.ruling.evidence["different"].shown == different
    assert result.ruling.margin == pytest.approx((-0.5, 0.5))
    assert (result.seeds_needed is not None) == (verdict == "inconclusive")


def test_a_claim_of_no_difference_plans_for_the_margin_not_for_the_null(
    judge: Judge, planted: Make
) -> None:
    result = judge(planted(0.6, spread=4.0), NO_DIFFERENCE)
    assert result.seeds_needed == seeds_for_difference(0.6, 0.4, null=0.5, alpha=0.05)
    below = judge(planted(-0.6, spread=4.0), NO_DIFFERENCE)
    assert below.seeds_needed == result.seeds_needed
