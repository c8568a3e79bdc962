"""What the rules on a mean over seeds share: the t-test of its effect, margins and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fixbench import statistics
from fixbench.ablation import Ablation, Claim, Effect
from fixbench.verdicts._format import evidence_text, figure, range_text
from fixbench.verdicts._ruling import Evidence, Ruling, Side, Verdict
from fixbench.verdicts.rules._rule import Tested, TestedRule

if TYPE_CHECKING:
    from fixbench.statistics import EffectEstimate
    from fixbench.verdicts._measurements import Measurements, SeedEffects
    from fixbench.verdicts._result import ClaimResult

__all__ = [
    "MeanRule",
    "cannot_text",
    "equivalent_text",
    "failing_text",
    "margin_of",
    "natural_bounds",
    "null_text",
    "open_text",
    "side_of",
]


class MeanRule(TestedRule):
    """The mean over seeds, by Student's t; a margin says which effects are too small to matter."""

    beyond = True
    of_means = True

    def test(
        self, ablation: Ablation, claim: Claim, results: Measurements, confidence: float
    ) -> Tested:
        effect, decision = claim.effect, claim.decision
        assert effect is not None
        if decision.unpaired:
            return self._unpaired(ablation, claim, results, confidence)
        scale = effect.reported
        null = statistics.default_null(scale) if decision.null is None else decision.null
        seeds = self.chosen(
            claim,
            results,
            results.per_seed(
                effect, null=statistics.to_analysis(null, scale), name=f"claim {claim.id}"
            ),
        )
        estimate = statistics.estimate_effect(
            seeds.values,
            scale=scale,
            null=decision.null,
            confidence=confidence,
            failed=seeds.failed,
        )
        if effect.samples is not None and not math.isnan(estimate.estimate):
            clustered = statistics.clustered_interval(
                results.samples(effect, seeds),
                crossed=effect.samples == "crossed",
                confidence=confidence,
            )
            clustered = replace(
                clustered,
                low=statistics.to_natural(clustered.low, scale),
                high=statistics.to_natural(clustered.high, scale),
            )
            estimate = replace(estimate, clustered=clustered)
        bounds = self.bounds(claim, estimate)
        values = list(seeds.values.values())
        p_within = self.p_within(values, *bounds)
        if seeds.failed and not math.isnan(p_within):
            p_within = 1.0
        return Tested(
            claim=claim,
            seeds=seeds,
            effect=estimate,
            p_within=p_within,
            p_beyond=statistics.outside(values, low=bounds[0], high=bounds[1]),
            bounds=bounds,
            unit=_unit(ablation, effect),
        )

    def _unpaired(
        self, ablation: Ablation, claim: Claim, results: Measurements, confidence: float
    ) -> Tested:
        """The same of variants whose runs are no pairs: Welch's t in place of Student's."""
        from fixbench.verdicts._unpaired import compare_arms  # numpy: when it is needed

        assert claim.effect is not None
        seeds, estimate = compare_arms(ablation, claim, results, confidence=confidence)
        bounds = self.bounds(claim, estimate)
        p_within = self.p_within_unpaired(seeds.samples, *bounds)
        if seeds.failed and not math.isnan(p_within):
            p_within = 1.0
        return Tested(
            claim=claim,
            seeds=seeds,
            effect=estimate,
            p_within=p_within,
            p_beyond=statistics.welch_outside(seeds.samples, low=bounds[0], high=bounds[1]),
            bounds=bounds,
            unit=_unit(ablation, claim.effect),
        )

    def chosen(self, claim: Claim, results: Measurements, seeds: SeedEffects) -> SeedEffects:
        """The seeds whose mean is tested: all of them."""
        return seeds

    def bounds(self, claim: Claim, effect: EffectEstimate) -> tuple[float, float]:
        """Where an effect that is too small to matter lies, analysis scale."""
        assert claim.decision.margin is not None
        return statistics.equivalence_bounds(effect.null, claim.decision.margin, effect.scale)

    def p_within(self, values: list[float], low: float, high: float) -> float:
        """p of the test that the effect lies within ``bounds``."""
        return statistics.tost(values, low=low, high=high)

    def p_within_unpaired(
        self, samples: Sequence[Sequence[float]], low: float, high: float
    ) -> float:
        """The same of arms whose runs are no pairs."""
        return statistics.welch_tost(samples, low=low, high=high)

    def ruling(
        self,
        tested: Tested,
        evidence: Mapping[str, Evidence],
        verdict: Verdict,
        finding: str,
        *,
        tolerance: tuple[float, float] | None = None,
        details: Mapping[str, int | float | str] | None = None,
    ) -> Ruling:
        """The facts of every ruling on a mean, and which line of the rule applied."""
        return Ruling(
            rule=self.name,
            verdict=verdict,
            finding=finding,
            evidence=evidence,
            side=side_of(tested.effect),
            margin=None if tested.claim.decision.margin is None else margin_of(tested),
            tolerance=tolerance,
            failed_runs=tested.seeds.failed_runs if tested.fails else 0,
            details=details or {},
        )


def _unit(ablation: Ablation, effect: Effect) -> str:
    """The unit of the effect as printed."""
    if effect.reported == "log":
        return " times"
    units = {ablation.metrics[term.metric].unit for term in effect.weighted} - {"1"}
    return f" {units.pop()}" if len(units) == 1 and effect.slope is None else ""


def side_of(effect: EffectEstimate) -> Side:
    """Where the estimate lies; below, where it is the null itself."""
    return "above" if effect.estimate > effect.null else "below"


def natural_bounds(centre: float, reach: float, effect: EffectEstimate) -> tuple[float, float]:
    """``centre`` ± ``reach``, for log effects ``centre`` over and times ``reach``."""
    low, high = statistics.equivalence_bounds(centre, reach, effect.scale)
    return statistics.to_natural(low, effect.scale), statistics.to_natural(high, effect.scale)


def margin_of(tested: Tested) -> tuple[float, float]:
    """The effects too small to matter, natural scale."""
    assert tested.claim.decision.margin is not None
    return natural_bounds(tested.effect.null, tested.claim.decision.margin, tested.effect)


def null_text(result: ClaimResult) -> str:
    assert result.effect is not None
    return figure(result.effect.null)


def failing_text(ruling: Ruling) -> str:
    runs = f"{ruling.failed_runs} {'run' if ruling.failed_runs == 1 else 'runs'}"
    return f" shown where runs fail ({runs} failed)"


def cannot_text(ruling: Ruling) -> str:
    return f"; sameness cannot be{failing_text(ruling)}" if ruling.failed_runs else ""


def equivalent_text(ruling: Ruling, result: ClaimResult) -> str:
    """That the effect is too small to matter."""
    assert ruling.margin is not None
    p = evidence_text(ruling.evidence["equivalent"])
    text = (
        f"It is equivalent to {null_text(result)} within {range_text(*ruling.margin)} (equivalence "
        f"{p})"
    )
    if ruling.evidence["different"].shown:
        text += (
            f": statistically different ({evidence_text(ruling.evidence['different'])}), but "
            "smaller than the smallest effect that matters"
        )
    return text


def open_text(ruling: Ruling, result: ClaimResult) -> str:
    """That neither a difference that matters nor equivalence is shown."""
    assert ruling.margin is not None
    null, margin = null_text(result), range_text(*ruling.margin)
    p = evidence_text(ruling.evidence["different"])
    p_equivalence = evidence_text(ruling.evidence["equivalent"])
    if ruling.evidence["different"].shown:
        return (
            f"It differs from {null} ({p}), but neither equivalence within {margin} "
            f"({p_equivalence}) nor an effect beyond it is shown{cannot_text(ruling)}"
        )
    return (
        f"Neither a difference from {null} ({p}) nor equivalence within {margin} "
        f"({p_equivalence}) is shown{cannot_text(ruling)}"
    )
