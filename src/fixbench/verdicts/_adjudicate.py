"""From results to one verdict per claim.

The rules are fixed before any result exists. A claim's own rule (a module of
`fixbench.verdicts.rules`, which states its lines) judges its effect; the first line that applies
decides. Around it stand these, for every rule:

================  ==============================================================  ==============
rule              when                                                            verdict
================  ==============================================================  ==============
any               a variant of its effect, or of a precondition, is not run, or   not testable
                  not so measured, in the tier
tested            a precondition is shown not to be met                           not testable
tested            the scale is logarithmic, and one of its values not positive    not testable
tested            no test: one seed, or copies of one; or a variant of which no   inconclusive
                  run succeeded
tested            any but inconclusive, and a precondition is open                unresolved
tested            reproduced, direction only or another size, and a control       confounded
                  is shown to explain it
tested            likewise, and a control is open: neither shown to explain it    unresolved
                  nor ruled out, or not measured in the tier
any               the claim was taken out of the file after its results existed   withdrawn
================  ==============================================================  ==============

"tested" are the rules that a test over seeds decides. "Shown" means Holm-adjusted p < alpha over
the family (`fixbench.verdicts._evidence`); where seeds are added until a verdict, that p met its
level at a look (`fixbench.verdicts._looks`). Failed runs count as `fixbench.verdicts._failures`
says.

What is promised of a family, where the effects of seeds are normal: each kind of evidence
(different; equivalent or not worse; beyond the margin) is adjusted by itself, so that any false
difference, any false absence, and any false "at least the margin", has a probability of at most
alpha. What an interval of one claim says is not adjusted for the family: tolerance, preconditions
and controls err in alpha / 2 of cases on a side, in either direction.

What the tier planned and the results lack is a fault, and refused: a variant of which no run is
there, and a seed that only other variants have.

Runs of a variant with other steps than its first are refused where they enter what decides, those
of several variants where an effect averages over steps; where nothing is decided, a note says so.
Where an effect is the same in all seeds, its interval is that point and its p is the sign test's,
which is about the median: a rare other value may have been missed, and a note says so.
An inconclusive claim names the seeds with which the observed effect, taken as true, would be shown
to be one thing or the other with 80 % power at alpha divided by the size of the family; one whose
size is open, those that would show it; an unresolved one, those that would decide what is open.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from fixbench.ablation import Ablation, Claim, claim_hash
from fixbench.errors import InputError
from fixbench.statistics import Progress, holm_factors, spending_levels
from fixbench.verdicts._beside import beside, other_seeds
from fixbench.verdicts._controls import confound, measure_controls
from fixbench.verdicts._coverage import not_measured, refuse_missing
from fixbench.verdicts._data import count_data
from fixbench.verdicts._draws import measure
from fixbench.verdicts._evidence import Adjusted, adjust, family_of, tested_rule, weigh
from fixbench.verdicts._history import (
    Forms,
    compare_forms,
    form_hashes,
    withdrawn,
    withdrawn_parts,
    withdrawn_result,
)
from fixbench.verdicts._levels import arm_levels
from fixbench.verdicts._looks import looks_made, looks_so_far, uphold, waiting
from fixbench.verdicts._measurements import Measurements
from fixbench.verdicts._notes import Note, counts_as_one, is_unfit, join
from fixbench.verdicts._panel import replication_panel
from fixbench.verdicts._preconditions import measure_preconditions, require
from fixbench.verdicts._reason import write_reason
from fixbench.verdicts._result import ClaimResult, Looks
from fixbench.verdicts._ruling import Ruling
from fixbench.verdicts._worst import worst_rates
from fixbench.verdicts.rules import ExactRule, Tested, is_tested, load_rule

__all__ = ["adjudicate", "look_at"]


@dataclass(frozen=True, kw_only=True)
class _Setting:
    """What the claims of one ablation are judged in.

    Attributes:
        alpha: of the family, and of all looks together.
        confidence: of the intervals.
        looks: the planned ones; none where seeds are not added until a verdict.
        made: how many looks were made.
        seen: claim → what the looks so far showed.
        family: the claims that p is adjusted for.
    """

    name: str
    ablation: Ablation
    results: Measurements
    tier: str
    alpha: float
    confidence: float
    looks: Sequence[int]
    made: int
    seen: Mapping[str, Looks]
    family: Sequence[str]
    claims: Forms | None
    metrics: Forms

    def alpha_planned(self, claim: Claim) -> float:
        """What more seeds would have to meet: Bonferroni's level, of the last look if there are."""
        share = self.alpha / len(self.family) if claim.primary else self.alpha
        return spending_levels(self.looks, alpha=share)[-1].level if self.looks else share

    def factors(self, size: int) -> Sequence[float]:
        """What Holm's steps multiply the smallest of ``size`` p by, the second, …."""
        if not self.looks:
            return range(size, 0, -1)
        return holm_factors(size, looks=self.looks, made=self.made, alpha=self.alpha)


def adjudicate(
    ablation: Ablation,
    frame: pd.DataFrame,
    *,
    tier: str,
    confidence: float = 0.95,
    recorded_claims: Forms | None = None,
    recorded_metrics: Forms | None = None,
    looks: Sequence[int] = (),
    seen: Mapping[str, Looks] | None = None,
) -> list[ClaimResult]:
    """Judge every claim of an ablation by the rules above, in file order; then those withdrawn.

    Args:
        frame: the results of this ablation, as `fixbench.results.read_results` returns them.
        tier: the tier they were produced in.
        confidence: of the intervals; alpha is 1 less this. With ``looks``, of all of them together.
        recorded_claims: claim id → the claim under which the results were produced, as recorded:
            once, or each form of it. A claim without an entry was added later, an entry without
            a claim withdrawn. ``None`` if nothing was recorded, and then no claim counts as edited.
        recorded_metrics: metric → its `Metric.definition` then: once, or each form of it. A claim
            that rests on one which was changed since, or added, counts as edited. Empty or ``None``
            if nothing was recorded.
        looks: where seeds are added until a verdict, how many there are at each look, planned
            before the first; the frame holds those of one of them.
        seen: what these looks showed, as `look_at` found it; found again where it is not given.

    Raises:
        InputError: the frame holds no ablation or several, an effect cannot be read from it, or its
            seeds are those of no look.
    """
    name = _only_ablation(frame)
    results = measure(frame, {key: metric.better for key, metric in ablation.metrics.items()})
    refuse_missing(ablation, name, tier, results)
    alpha = round(1 - confidence, 12)
    made = 0
    if looks:
        made = looks_made(frame, looks)
        if seen is None:
            seen, _ = looks_so_far(
                ablation,
                frame,
                tier=tier,
                looks=looks,
                alpha=alpha,
                recorded_claims=recorded_claims,
            )
        confidence = 1 - spending_levels(looks, alpha=alpha)[made - 1].level
    gone = withdrawn(ablation, recorded_claims or {})
    setting = _Setting(
        name=name,
        ablation=ablation,
        results=results,
        tier=tier,
        alpha=alpha,
        confidence=confidence,
        looks=looks,
        made=made,
        seen=seen or {},
        family=family_of(ablation, withdrawn_parts(gone)),
        claims=recorded_claims,
        metrics=recorded_metrics or {},
    )
    tested = {
        claim.id: tested_rule(claim).test(ablation, claim, results, confidence)
        for claim in ablation.claims
        if is_tested(claim) and not not_measured(ablation, claim, tier, results)
    }
    adjusted = adjust(ablation, setting.family, tested, looked=bool(looks))
    judged = [
        _judge_claim(setting, claim, tested.get(claim.id), adjusted) for claim in ablation.claims
    ]
    judged += [withdrawn_result(name, key, (recorded_claims or {})[key]) for key in gone]
    return [
        replace(result, reason=write_reason(result), worst=worst_rates(result)) for result in judged
    ]


def look_at(
    ablation: Ablation,
    frame: pd.DataFrame,
    *,
    tier: str,
    looks: Sequence[int],
    alpha: float = 0.05,
    recorded_claims: Forms | None = None,
) -> tuple[Mapping[str, Looks], Progress]:
    """What the seeds so far show, and whether to add a block (`looks_so_far`).

    A primary claim that is shown to be something and left unresolved by a control or precondition
    is waited for, as long as one of those that are open would be decided by more seeds.

    Raises:
        InputError: as `adjudicate`.
    """
    seen, progress = looks_so_far(
        ablation, frame, tier=tier, looks=looks, alpha=alpha, recorded_claims=recorded_claims
    )
    judged = adjudicate(
        ablation,
        frame,
        tier=tier,
        confidence=1 - alpha,
        recorded_claims=recorded_claims,
        looks=looks,
        seen=seen,
    )
    unresolved = {
        result.id
        for result in judged
        if result.primary and result.verdict == "unresolved" and _would_be_decided(result)
    }
    undecided = [
        claim.id
        for claim in ablation.claims
        if claim.id in unresolved or claim.id in progress.undecided
    ]
    return seen, waiting(progress, undecided, looks, looks_made(frame, looks))


def _would_be_decided(result: ClaimResult) -> bool:
    """Whether every control and precondition that is open is measured in the tier."""
    return all(control.effect is not None for control in result.controls if control.state == "open")


def _judge_claim(
    setting: _Setting, claim: Claim, tested: Tested | None, adjusted: Adjusted
) -> ClaimResult:
    """One claim with everything around its rule; the reason is not yet written."""
    result, notes = _judge_effect(setting, claim, tested, adjusted)
    controls, said = measure_controls(
        setting.ablation,
        claim,
        claim.controls,
        setting.results,
        tier=setting.tier,
        confidence=setting.confidence,
        factors=setting.factors,
    )
    notes += said
    supporting, said = measure_controls(
        setting.ablation,
        claim,
        claim.supporting,
        setting.results,
        tier=setting.tier,
        confidence=setting.confidence,
        factors=setting.factors,
    )
    notes += said
    edited, changes, said = compare_forms(setting.ablation, claim, setting.claims, setting.metrics)
    notes += said
    data, said = count_data(
        setting.ablation,
        claim,
        setting.results,
        tested,
        result.ruling,
        tier=setting.tier,
        confidence=setting.confidence,
    )
    notes += said
    if not setting.looks:
        notes += other_seeds(setting.ablation, setting.results, setting.tier)
    return replace(
        confound(replace(result, controls=controls)),
        supporting=supporting,
        panel=replication_panel(
            setting.ablation, claim, result.effect, setting.results, setting.family
        ),
        edited=edited,
        changes=changes,
        data=data,
        levels=() if result.effect is None else arm_levels(claim, setting.results),
        notes=tuple(note.text for note in notes),
    )


def _judge_effect(
    setting: _Setting, claim: Claim, tested: Tested | None, adjusted: Adjusted
) -> tuple[ClaimResult, list[Note]]:
    """What the rule says of the effect, and whether the preconditions are met."""
    rule = load_rule(claim.decision.rule)
    if rule.needs_effect and (
        missing := not_measured(setting.ablation, claim, setting.tier, setting.results)
    ):
        ruling = Ruling(
            rule=rule.name,
            verdict="not testable",
            finding="not measured",
            details={"tier": setting.tier, "variants": ", ".join(map(repr, missing))},
        )
        return _result(setting, claim, ruling), []
    if isinstance(rule, ExactRule):
        settled = rule.settle(claim, setting.results, setting.confidence)
        result = _result(setting, claim, settled.ruling)
        return replace(result, effect=settled.effect, proportion=settled.proportion), []
    assert tested is not None
    notes: list[Note] = []
    looks = setting.seen.get(claim.id)
    if looks is not None:
        looks, notes = uphold(looks, tested)
    preconditions, said = measure_preconditions(
        claim, setting.results, confidence=setting.confidence, factors=setting.factors
    )
    ruling = _rule_on(setting, claim, tested, adjusted, looks)
    result = replace(
        _result(setting, claim, ruling),
        looks=looks,
        effect=tested.effect,
        proportion=tested.proportion,
        p_adjusted=adjusted.different.get(claim.id, math.nan),
        p_equivalence=tested.p_within,
        p_equivalence_adjusted=adjusted.within.get(claim.id, math.nan),
        preconditions=preconditions,
    )
    return require(result), [*notes, *beside(tested, setting.alpha), *said]


def _rule_on(
    setting: _Setting, claim: Claim, tested: Tested, adjusted: Adjusted, looks: Looks | None
) -> Ruling:
    """The rule's finding on a tested effect, with the seeds that an open one needs."""
    rule = tested_rule(claim)
    evidence = weigh(tested, adjusted, looks, alpha=setting.alpha)
    # A claim in two parts has one without a mean.
    if tested.collapses is None and math.isnan(tested.effect.estimate):
        # More seeds cannot help a value that has no logarithm.
        unfit = any(is_unfit(note) for note in tested.seeds.notes)
        return Ruling(
            rule=rule.name,
            verdict="not testable" if unfit else "inconclusive",
            finding="no logarithm" if unfit else "no number",
            evidence=evidence,
            details={"lost": join(tested.seeds.notes)},
        )
    if tested.collapses is None and math.isnan(tested.effect.p_value):
        ruling = Ruling(
            rule=rule.name,
            verdict="inconclusive",
            finding="one seed",
            evidence=evidence,
            details={"copies": join([note for note in tested.seeds.notes if counts_as_one(note)])},
        )
        return replace(ruling, unit=tested.unit)
    ruling = rule.judge(tested, evidence)
    seeds, toward = None, None
    if ruling.verdict == "inconclusive" and ruling.finding != "parts contradict":
        seeds, toward = rule.seeds_needed(tested, setting.alpha_planned(claim))
    elif ruling.finding == "size open":
        seeds, toward = rule.seeds_for_size(tested, setting.alpha_planned(claim))
    return replace(
        ruling,
        unit=tested.unit,
        seeds_needed=seeds,
        toward=toward,
    )


def _result(setting: _Setting, claim: Claim, ruling: Ruling) -> ClaimResult:
    """What is known of any claim, judged by the ruling alone."""
    return ClaimResult(
        id=claim.id,
        ablation=setting.name,
        label=claim.label,
        statement=claim.statement,
        section=claim.section,
        kind=claim.kind,
        documented=claim.documented.text,
        documented_value=claim.documented.value,
        verdict=ruling.verdict,
        reason="",
        primary=claim.primary,
        sha256=claim_hash(claim),
        recorded=form_hashes((setting.claims or {}).get(claim.id, ())),
        source=claim.source,
        looks=setting.seen.get(claim.id),
        seeds_needed=ruling.seeds_needed,
        ruling=ruling,
    )


def _only_ablation(frame: pd.DataFrame) -> str:
    names = sorted(set(frame["ablation"]))
    if len(names) != 1:
        raise InputError(
            "results", "ablation", names, expected="the results of exactly one ablation"
        )
    return str(names[0])
