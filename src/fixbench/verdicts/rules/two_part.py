"""The claim asserts an effect in a direction, and some seeds may collapse: two parts.

Where single seeds collapse, no test of the mean of all seeds keeps its level. What counts as a
collapsed run is therefore declared beforehand (``collapse``). A seed in which a run of either arm
collapsed, or failed, counts in the first part alone; the second is about the other seeds.

*Collapses* is the exact McNemar test: of the seeds in which one arm collapsed alone, each arm has
half. The mean of the seeds without a collapse is judged by the words of `difference`: *different*,
*equivalent* and *beyond* are its tests. Both parts count in the family. A size is that of the seeds
without a collapse.

=================================================================================  ==============
when                                                                               verdict
=================================================================================  ==============
collapses shown to pull against the documented direction, and the mean is shown    inconclusive
to have it; or the other way round: the parts contradict each other
collapses shown to pull against the documented direction                           reversed
collapses shown to pull in the documented direction, and the mean is absent,       direction only
negligible or inconclusive
otherwise                                                                          as the mean
=================================================================================  ==============
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fixbench.ablation import Ablation, Claim
from fixbench.verdicts._ruling import Evidence, Ruling, Verdict
from fixbench.verdicts.rules._rule import Problem, Tested
from fixbench.verdicts.rules._two_parts import (
    collapse_text,
    count_collapses,
    described_collapses,
    without_collapses,
)
from fixbench.verdicts.rules.difference import DifferenceRule

if TYPE_CHECKING:
    from fixbench.verdicts._measurements import Measurements, SeedEffects
    from fixbench.verdicts._result import ClaimResult

__all__ = ["RULE"]

_DIRECTIONS = ("reproduced", "another size", "direction only", "negligible")


class _TwoPart(DifferenceRule):
    name = "two_part"
    collapses = True

    def check(self, claim: Claim) -> Iterator[Problem]:
        yield from super().check(claim)
        if claim.decision.collapse is None:
            expected = "this key, which a 'two_part' rule needs: 'below' or 'above' a number"
            yield Problem("decision.collapse", expected)
        assert claim.effect is not None
        terms = claim.effect.terms
        if {term.weight > 0 for term in terms if term.weight} != {True, False}:
            expected = "terms with positive and with negative weights: two arms that may collapse"
            yield Problem("effect", expected)
        elif len({term.metric for term in terms}) > 1:
            yield Problem("effect", "terms of one metric, which the bound of 'collapse' is of")

    def test(
        self, ablation: Ablation, claim: Claim, results: Measurements, confidence: float
    ) -> Tested:
        collapses = count_collapses(claim, results, confidence)
        tested = super().test(ablation, claim, results, confidence)
        return replace(tested, collapses=collapses)

    def chosen(self, claim: Claim, results: Measurements, seeds: SeedEffects) -> SeedEffects:
        return without_collapses(seeds, count_collapses(claim, results, 0.95))

    def judge(self, tested: Tested, evidence: Mapping[str, Evidence]) -> Ruling:
        mean = super().judge(tested, evidence)
        collapses = described_collapses(tested, mean.finding)
        ruling = replace(mean, collapses=collapses)
        if not evidence["collapses"].shown:
            return ruling
        documented = "above" if tested.claim.decision.direction == "greater" else "below"
        against = collapses.side != documented
        if mean.verdict in (_DIRECTIONS if against else ("reversed",)):
            return replace(ruling, verdict="inconclusive", finding="parts contradict")
        if against:
            return replace(ruling, verdict="reversed", finding="collapses, opposite")
        if mean.verdict in ("absent", "negligible", "inconclusive"):
            return replace(ruling, verdict="direction only", finding="collapses")
        return ruling

    def seeds_needed(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        if math.isnan(tested.effect.standard_deviation):
            return None, None
        seeds, toward = super().seeds_needed(tested, alpha)
        return _in_all(seeds, tested), toward

    def seeds_for_size(self, tested: Tested, alpha: float) -> tuple[int | None, Verdict | None]:
        seeds, toward = super().seeds_for_size(tested, alpha)
        return _in_all(seeds, tested), toward

    def explain(self, ruling: Ruling, result: ClaimResult) -> str:
        assert ruling.collapses is not None
        parts = [collapse_text(ruling.collapses, ruling.evidence["collapses"])]
        if result.effect is not None and not math.isnan(result.effect.p_value):
            mean = super().explain(replace(ruling, finding=ruling.collapses.mean), result)
            parts.append(f"Of the {result.effect.n} seeds without a collapse: {mean}")
        else:
            parts.append("Too few seeds are left without a collapse to test their mean")
        last = {
            "parts contradict": "The two parts contradict each other",
            "collapses, opposite": "Collapses go against the documented direction",
            "collapses": "The direction rests on the collapses",
        }
        if ruling.finding in last:
            parts.append(last[ruling.finding])
        return ". ".join(parts)


def _in_all(seeds: int | None, tested: Tested) -> int | None:
    """So many seeds without a collapse are left of how many, were collapses as frequent as seen."""
    assert tested.collapses is not None
    if seeds is None or not tested.effect.n:
        return None
    return math.ceil(seeds * len(tested.collapses.seeds) / tested.effect.n)


RULE = _TwoPart()
