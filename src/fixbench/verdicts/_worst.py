"""How often what a verdict says is wrong where single seeds are skewed or collapse.

The tests of means promise their level for normal effects of seeds. For other shapes the calibration
measured what they do, and ``shape_rates.json`` beside this module has the worst rate of each thing
that is said, by number of seeds (`fixbench.calibration`, ``fixbench calibrate --write-rates``). The
seeds of a run do not show whether theirs is such a shape, so that the rate stands beside every
verdict. Exact tests of shares, and exact properties, have none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fixbench.verdicts._controls import EXPLAINABLE
from fixbench.verdicts._result import ClaimResult, WorstRate
from fixbench.verdicts.rules import load_rule
from fixbench.verdicts.rules._mean import MeanRule

__all__ = ["SHAPE_RATES", "calibrated_shapes", "worst_rates"]

#: The table, which the calibration writes.
SHAPE_RATES = Path(__file__).with_name("shape_rates.json")
# Rules whose verdicts have rates of their own; those of the others are the ones of `difference`.
_OWN = ("no_difference", "not_worse")
# "Explains" and "unmet" are adjusted where there are several, and err more often all the same.
_OF_SEVERAL = ", of several"


@dataclass(frozen=True)
class _Table:
    shapes: Mapping[str, str]
    rates: Mapping[str, Mapping[str, Mapping[str, float | str]]]


@cache
def _table() -> _Table:
    content = json.loads(SHAPE_RATES.read_text(encoding="utf-8"))
    return _Table(shapes=content["shapes"], rates=content["rates"])


def calibrated_shapes() -> Mapping[str, str]:
    """The shapes that the rates are the worst of: name → what single seeds are like."""
    return _table().shapes


def worst_rates(result: ClaimResult) -> tuple[WorstRate, ...]:
    """A rate for each thing that the verdict says on the strength of a mean over seeds.

    What is open, or inconclusive, says nothing that could be wrong.
    """
    return tuple(
        _rate(said, name, n, looked=result.looks is not None) for said, name, n in _said(result)
    )


def _said(result: ClaimResult) -> Iterator[tuple[str, str, int]]:
    """What is said, the name of its rate, and the number of seeds that it rests on."""
    ruling, effect = result.ruling, result.effect
    if ruling is None or effect is None or effect.arms:
        return  # of runs that are no pairs nothing was calibrated
    rule = load_rule(ruling.rule)
    if not rule.tested:
        return
    unmet = [item for item in result.preconditions if item.state == "unmet"]
    if unmet:
        name = "precondition unmet" + _OF_SEVERAL * (len(result.preconditions) > 1)
        yield "precondition unmet", name, min(item.effect.n for item in unmet)
        return
    own = ruling.verdict
    if own == "inconclusive":
        return
    by_mean = isinstance(rule, MeanRule) and not ruling.finding.startswith("collapses")
    name = f"{rule.name}: {own}" if rule.name in _OWN else own
    # A rule that a project adds may say what was not calibrated.
    if by_mean and not math.isnan(effect.p_value) and name in _table().rates:
        yield own, name, effect.n
    met = [item for item in result.preconditions if item.state == "met"]
    if met:
        yield "precondition met", "precondition met", min(item.effect.n for item in met)
    if own not in EXPLAINABLE:
        return
    state = result.control
    measured = [
        item.effect.n for item in result.controls if item.state == state and item.effect is not None
    ]
    if state in ("explains", "ruled out") and measured:
        deciding = sum(item.state is not None for item in result.controls)
        several = state == "explains" and deciding > 1
        yield f"control {state}", f"control {state}" + _OF_SEVERAL * several, min(measured)


def _rate(said: str, name: str, n: int, *, looked: bool) -> WorstRate:
    """The rate at the largest calibrated number of seeds that is not above ``n``."""
    found = _table().rates[name]
    sizes = sorted(int(key) for key in found if key != "looks")
    size = max([sizes[0], *(size for size in sizes if size <= n)])
    cell = found["looks" if looked else str(size)]
    # Which way round it is depends on the claim's direction, and tells a reader nothing.
    shape = str(cell["shape"]).removesuffix(", mirrored")
    return WorstRate(said=said, rate=float(cell["rate"]), n=None if looked else size, shape=shape)
