"""From results to one verdict per claim.

The rules, fixed before any result exists. "Shown" means Holm-adjusted p < alpha over the family:
the primary claims of the document with a ``difference``, ``no_difference``, ``not_worse`` or
``share`` rule, those included that could not be tested, or were taken out of the file after their
results existed (withdrawn). A claim that is not primary is judged by its unadjusted p, and says so.
*Different* is the t-test against ``null``; *equivalent* is TOST within ``margin`` around ``null``;
*not worse* is the t-test against ``null`` less ``margin`` (plus it, where ``direction`` is less),
alpha / 2 on the side that ``direction`` names. A share is that of the seeds in which every value
is exactly 1, and different from ``null`` by the exact binomial test. "tested" are these four rules.
The first line that applies decides.

================  ==============================================================  ==============
rule              when                                                            verdict
================  ==============================================================  ==============
any               a variant of its effect, or of a precondition, is not run, or   not testable
                  not so measured, in the tier
tested            the interval of a precondition does not lie wholly between its  not testable
                  ``above`` and ``below``
not_testable      always                                                          not testable
property          any value of a successful run is not exactly 1                  does not hold
property          a run failed                                                    inconclusive
property          every value is exactly 1                                        holds
difference        equivalent, even if different in either direction: smaller      absent
                  than the smallest effect that matters
difference        different, on the documented side; no tolerance declared, or    reproduced
                  the whole interval within it of the documented size
difference        different, on the documented side                               direction only
difference        different, on the other side                                    reversed
no_difference     equivalent, even if different                                   reproduced
no_difference     different, the whole interval beyond the margin on one side     reversed
not_worse         not worse, even if different in either direction                reproduced
not_worse         different, the whole interval beyond the margin on the worse    reversed
                  side
share             different, on the documented side; no tolerance declared, or    reproduced
                  the whole interval within it of the documented size
share             different, on the documented side                               direction only
share             different, on the other side                                    reversed
tested            none of these (or no test: one seed, or a variant of which no   inconclusive
                  run succeeded)
tested            reproduced or direction only, and the interval of a control     confounded
                  lies wholly between its ``explains_above`` and
                  ``explains_below`` (one omitted: open; both: never)
================  ==============================================================  ==============

Where seeds are added until a verdict, shown means that p met its level at one of the looks
(`fixbench.statistics.decide`, Holm's steps included), at the last or before; it stays shown, unless
the estimate from all seeds contradicts it. Shares take part with the p of their exact test. Every
interval has the confidence 1 - level of the last look, so that it may be judged at any; what rests
on intervals (tolerance, beyond the margin, preconditions, controls) is judged with all seeds, and
so are properties. Nobody waits for these: seeds are added until each primary claim of a tested rule
is shown to be different, equivalent or not worse.

What is promised of a family, where the effects of seeds are normal: each kind of evidence
(different; equivalent or not worse) is adjusted by itself, so that any false difference, and any
false absence, has a probability of at most alpha, and either of at most 2 alpha. Sizes are not
adjusted: each interval (tolerance, preconditions, controls) errs in alpha / 2 of cases on a side,
so that of 40 claims at the edge of their tolerance one is wrongly reproduced in 63 % of families.

A claim whose precondition is not met keeps its effect and its place in the family.
Failed runs enter by intention to treat (`Measurements.per_seed`); the complete-case estimate stands
beside. What an effect is not, no run that failed can show: while one of its runs failed, an effect
is not equivalent, not "not worse", and not of the documented size (a share counts failed seeds
against the claim instead). A control explains, and a precondition is met, only if its interval with
the failed seeds and that without them both do so. An effect with a variant of which no run
succeeded has no number and decides nothing.
Runs of a variant with other steps than its first are refused where they enter what decides, those
of several variants where an effect averages over steps; where nothing is decided, a note says so.
Where an effect is the same in all seeds, its interval is that point and its p is the sign test's,
which is about the median: a rare other value may have been missed, and a note says so. Such a
control or precondition decides only with so many seeds that 2⁻ⁿ is no more than half of what the
confidence leaves (six at 95 %), as the sign test asks.
Where the seeds are clearly skewed (`standardised_skewness`) it stands beside the verdict that the
tests then err more often than they say; this changes nothing.
An inconclusive claim names the seeds with which the observed effect, taken as true, would be shown
to be one thing or the other with 80 % power at alpha divided by the size of the family.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from fixbench.ablation import (
    TESTED_RULES,
    Ablation,
    Claim,
    Control,
    Effect,
    Term,
    claim_difference,
    claim_hash,
    parse_seeds,
)
from fixbench.errors import InputError
from fixbench.reachability import reachable
from fixbench.statistics._clustered import clustered_interval
from fixbench.statistics._effects import Measurements, SeedEffects
from fixbench.statistics._equivalence import equivalence_bounds, not_worse, tost
from fixbench.statistics._estimate import (
    default_null,
    estimate_effect,
    to_analysis,
    to_natural,
)
from fixbench.statistics._multiplicity import holm
from fixbench.statistics._power import MOST_SEEDS, seeds_for_difference, seeds_for_equivalence
from fixbench.statistics._proportion import Proportion, proportion, seeds_for_share
from fixbench.statistics._result import (
    ClaimChange,
    ClaimResult,
    ControlResult,
    EffectEstimate,
    Looks,
    PreconditionResult,
    Verdict,
)
from fixbench.statistics._samples import scaled
from fixbench.statistics._sequential import SPENDING, Progress, decide, spending_levels
from fixbench.statistics._shape import SKEWED, standardised_skewness

__all__ = ["adjudicate", "looks_so_far"]

# Rule → the kind of evidence that an effect is within its bounds.
_WITHIN = {"difference": "equivalent", "no_difference": "equivalent", "not_worse": "not worse"}


@dataclass(frozen=True, kw_only=True)
class _Tested:
    """A claim whose effect is tested but not yet judged; ``p_equivalence`` as in `ClaimResult`."""

    claim: Claim
    seeds: SeedEffects
    effect: EffectEstimate
    p_equivalence: float
    unit: str
    proportion: Proportion | None = None

    @property
    def evidence(self) -> dict[str, float]:
        """Kind of evidence that would settle the claim → its p."""
        kinds = {"different": self.effect.p_value}
        if self.proportion is None:
            kinds[_WITHIN[self.claim.decision.rule]] = self.p_equivalence
        return kinds

    @property
    def fails(self) -> bool:
        """Whether failed runs keep the effect from being shown to be within bounds."""
        return bool(self.seeds.failed) and self.proportion is None


@dataclass(frozen=True, kw_only=True)
class _Level:
    """The p-values that decide a claim, and what they are called in its reason."""

    alpha: float
    alpha_planned: float
    p: float
    p_equivalence: float
    adjusted: bool
    looks: Looks | None = None

    @property
    def different(self) -> bool:
        return self.p < self.alpha if self.looks is None else "different" in self.looks.shown

    @property
    def equivalent(self) -> bool:
        """Equivalent, or not worse."""
        if self.looks is None:
            return self.p_equivalence < self.alpha
        return not self.looks.shown.keys().isdisjoint(_WITHIN.values())

    def text(self, kind: str = "different") -> str:
        p = self.p if kind == "different" else self.p_equivalence
        if self.looks is None:
            return f"adjusted {_p_text(p)}" if self.adjusted else _p_text(p)
        crossing = self.looks.shown.get(kind)
        if crossing is None:
            return f"{_p_text(p)}; its level was met at no look"
        return (
            f"{_p_text(crossing.p)} at look {crossing.look} with {_seeds(crossing.n)}, level "
            f"{_figure(crossing.level)}"
        )


def adjudicate(
    ablation: Ablation,
    frame: pd.DataFrame,
    *,
    tier: str,
    confidence: float = 0.95,
    recorded_claims: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    recorded_metrics: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    looks: Sequence[int] = (),
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

    Raises:
        InputError: the frame holds no ablation or several, an effect cannot be read from it, or its
            seeds are those of no look.
    """
    name = _only_ablation(frame)
    results = Measurements(frame, {key: metric.better for key, metric in ablation.metrics.items()})
    alpha = round(1 - confidence, 12)
    seen: Mapping[str, Looks] = {}
    if looks:
        seen, _ = looks_so_far(
            ablation, frame, tier=tier, looks=looks, alpha=alpha, recorded_claims=recorded_claims
        )
        confidence = 1 - spending_levels(looks, alpha=alpha)[_looks_made(frame, looks) - 1].level
    forms = recorded_claims or {}
    withdrawn = _withdrawn(ablation, forms)
    family = _family(ablation, withdrawn)
    tested = {
        claim.id: _test(ablation, claim, results, confidence)
        for claim in ablation.claims
        if claim.decision.tested and not _absent(ablation, claim, tier, results)
    }
    p_adjusted: dict[str, float] = {}
    p_equivalence_adjusted: dict[str, float] = {}
    if not looks:
        shares = {claim.id for claim in ablation.claims if claim.decision.rule == "share"}
        p_adjusted = holm(
            {key: tested[key].effect.p_value if key in tested else math.nan for key in family}
        )
        p_equivalence_adjusted = holm(
            {
                key: tested[key].p_equivalence if key in tested else math.nan
                for key in family
                if key not in shares
            }
        )
    judged = []
    for claim in ablation.claims:
        base = ClaimResult(
            id=claim.id,
            ablation=name,
            statement=claim.statement,
            section=claim.section,
            kind=claim.kind,
            documented=claim.documented.text,
            documented_value=claim.documented.value,
            verdict="not testable",
            reason=_sentence(claim.decision.reason or ""),
            primary=claim.primary,
            sha256=claim_hash(claim),
            recorded=_hashes(forms.get(claim.id, ())),
            source=claim.source,
            looks=seen.get(claim.id),
        )
        notes: list[str] = []
        if claim.effect is None:
            result = base
        elif absent := _absent(ablation, claim, tier, results):
            result = replace(base, reason=f"Tier {tier!r} does not measure {', '.join(absent)}.")
        elif claim.decision.rule == "property":
            result = _judge_property(base, claim.effect, results, confidence)
        else:
            found = tested[claim.id]
            if base.looks is not None:
                base = replace(base, looks=_upheld(base.looks, found, notes))
            share = alpha / len(family) if claim.primary else alpha
            level = _Level(
                alpha=alpha,
                alpha_planned=spending_levels(looks, alpha=share)[-1].level if looks else share,
                p=p_adjusted.get(claim.id, found.effect.p_value),
                p_equivalence=p_equivalence_adjusted.get(claim.id, found.p_equivalence),
                adjusted=claim.primary,
                looks=base.looks,
            )
            result = replace(
                _judge(base, found, level),
                effect=found.effect,
                proportion=found.proportion,
                p_adjusted=p_adjusted.get(claim.id, math.nan),
                p_equivalence=found.p_equivalence,
                p_equivalence_adjusted=p_equivalence_adjusted.get(claim.id, math.nan),
            )
            notes += _notes(found, alpha)
            result = _require(result, _preconditions(claim, results, confidence, notes))
        controls = _measure(ablation, claim, claim.controls, results, tier, confidence, notes)
        supporting = _measure(ablation, claim, claim.supporting, results, tier, confidence, notes)
        edited, changes = False, tuple[ClaimChange, ...]()
        if recorded_claims is not None:
            recorded = recorded_claims.get(claim.id, ())
            changes = _changes(claim, recorded)
            edited = bool(changes) or not recorded
            if edited:
                how = "edited" if recorded else "added"
                notes.append(f"The claim was {how} after these results were produced.")
        redefined = _redefined(ablation, claim, recorded_metrics or {})
        if redefined:
            edited, changes = True, (*changes, *redefined)
            notes.append(
                "The definition of a metric that it rests on was edited after these results were "
                "produced."
            )
        if not looks:
            notes += _seeds_beside_plan(ablation, results, tier)
        result = _confound(replace(result, controls=controls), claim)
        judged.append(
            replace(
                result,
                supporting=supporting,
                edited=edited,
                changes=changes,
                notes=tuple(notes),
            )
        )
    return judged + [_judge_withdrawn(name, key, forms[key]) for key in withdrawn]


def looks_so_far(
    ablation: Ablation,
    frame: pd.DataFrame,
    *,
    tier: str,
    looks: Sequence[int],
    alpha: float = 0.05,
    recorded_claims: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> tuple[dict[str, Looks], Progress]:
    """What the seeds so far show: of each claim, and of the primary ones together.

    Every look that was made is made again, each with the seeds that there were, so that what a
    later look says of an earlier one is what that one said.

    Args:
        frame, tier, looks, recorded_claims: as for `adjudicate`.
        alpha: of all looks and the whole family together.

    Raises:
        InputError: as `adjudicate`.
    """
    made = _looks_made(frame, looks)
    better = {key: metric.better for key, metric in ablation.metrics.items()}
    results = Measurements(frame, better)
    claims = [
        claim
        for claim in ablation.claims
        if claim.decision.tested and not _absent(ablation, claim, tier, results)
    ]
    evidence: dict[str, dict[str, list[float]]] = {claim.id: {} for claim in claims}
    seeds = sorted(results.seeds)
    for n in looks[:made]:
        part = Measurements(frame[frame["seed"].isin(seeds[:n])], better)
        for claim in claims:
            for kind, p in _test(ablation, claim, part, 1 - alpha).evidence.items():
                evidence[claim.id].setdefault(kind, []).append(p)
    family = _family(ablation, _withdrawn(ablation, recorded_claims or {}))
    progress = decide({key: evidence.get(key, {}) for key in family}, looks=looks, alpha=alpha)
    shown = dict(progress.shown)
    for key in evidence.keys() - shown.keys():
        shown |= decide({key: evidence[key]}, looks=looks, alpha=alpha).shown
    levels = spending_levels(looks, alpha=alpha)
    records = {
        claim.id: Looks(
            planned=tuple(looks),
            made=made,
            alpha=alpha,
            spending=SPENDING,
            levels=tuple(item.level for item in levels),
            p_values={kind: tuple(p) for kind, p in evidence.get(claim.id, {}).items()},
            shown=shown.get(claim.id, {}),
        )
        for claim in ablation.claims
    }
    return records, progress


def _looks_made(frame: pd.DataFrame, looks: Sequence[int]) -> int:
    seeds = sorted(set(frame["seed"].tolist()))
    if len(seeds) not in looks:
        expected = f"as many seeds as there are at one of the looks: {', '.join(map(str, looks))}"
        raise InputError("results", "seed", seeds, expected=expected)
    return looks.index(len(seeds)) + 1


def _upheld(seen: Looks, tested: _Tested, notes: list[str]) -> Looks:
    """Without what one look showed and the estimate from all seeds contradicts."""
    effect, decision = tested.effect, tested.claim.decision
    values = [value for _, value in sorted(tested.seeds.values.items())]
    mean = float(np.mean(values))
    shown = dict(seen.shown)
    for kind, crossing in seen.shown.items():
        what = "the estimate from all seeds contradicts"
        if kind == "different":
            null = to_analysis(effect.null, effect.scale)
            agrees = (float(np.mean(values[: crossing.n])) > null) == (mean > null)
        else:
            assert decision.margin is not None
            low, high = equivalence_bounds(effect.null, decision.margin, effect.scale)
            above = mean > low or (kind == "not worse" and decision.direction == "less")
            below = mean < high or (kind == "not worse" and decision.direction == "greater")
            agrees = above and below
        if kind != "different" and tested.fails:
            agrees, what = False, "runs that failed since contradict"
        if not agrees:
            del shown[kind]
            notes.append(
                f"At look {crossing.look} it was shown to be {kind}, which {what}, so that it does "
                "not count."
            )
    return replace(seen, shown=shown)


def _family(ablation: Ablation, withdrawn: Mapping[str, Mapping[str, Any]]) -> list[str]:
    kept = [claim.id for claim in ablation.claims if claim.primary and claim.decision.tested]
    return [*kept, *(key for key, form in withdrawn.items() if _tested_as_primary(form))]


def _withdrawn(
    ablation: Ablation, recorded: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Mapping[str, Any]]:
    """Claims that the results were produced under and the file no longer has, as recorded last."""
    present = {claim.id for claim in ablation.claims}
    return {key: forms[-1] for key, forms in recorded.items() if key not in present}


def _tested_as_primary(form: Mapping[str, Any]) -> bool:
    return form.get("primary", True) and form["decision"]["rule"] in TESTED_RULES


def _judge_withdrawn(ablation: str, key: str, forms: Sequence[Mapping[str, Any]]) -> ClaimResult:
    form = forms[-1]
    reason = "The claim was taken out of the ablation file after these results were produced"
    if _tested_as_primary(form):
        reason += "; it still counts in the family, so that p of the others is adjusted for it too"
    return ClaimResult(
        id=key,
        ablation=ablation,
        statement=form["statement"],
        section=form["section"],
        kind=form["kind"],
        documented=form["documented"]["text"],
        documented_value=form["documented"]["value"],
        verdict="withdrawn",
        reason=f"{reason}.",
        primary=form.get("primary", True),
        sha256=claim_hash(form),
        recorded=_hashes(forms),
        source=form.get("source"),
        edited=True,
        changes=tuple(
            ClaimChange(key=f"decision.{name}", before=_json(value), after=None)
            for name, value in form["decision"].items()
            if value is not None
        ),
    )


def _changes(claim: Claim, recorded: Sequence[Mapping[str, Any]]) -> tuple[ClaimChange, ...]:
    """What differs from any recorded form of the claim, each difference once."""
    found = [
        ClaimChange(key=key, before=_json(before), after=_json(after))
        for form in recorded
        for key, (before, after) in claim_difference(form, claim).items()
    ]
    return tuple(dict.fromkeys(found))


def _hashes(forms: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Of every recorded form, in order, each once."""
    return tuple(dict.fromkeys(map(claim_hash, forms)))


def _redefined(
    ablation: Ablation, claim: Claim, recorded: Mapping[str, Sequence[Mapping[str, Any]]]
) -> tuple[ClaimChange, ...]:
    """What differs from any recorded definition of a metric that an effect of the claim reads."""
    if not recorded:
        return ()
    names = {term.metric for _, effect in claim.effects() for term in effect.weighted}
    found = [
        ClaimChange(key=f"metrics.{name}.{key}", before=_json(form.get(key)), after=_json(value))
        for name in sorted(names)
        for form in recorded.get(name, ({},))
        for key, value in ablation.metrics[name].definition.items()
        if form.get(key) != value
    ]
    return tuple(dict.fromkeys(found))


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False)


def _only_ablation(frame: pd.DataFrame) -> str:
    names = sorted(set(frame["ablation"]))
    if len(names) != 1:
        raise InputError(
            "results", "ablation", names, expected="the results of exactly one ablation"
        )
    return str(names[0])


def _absent(ablation: Ablation, claim: Claim, tier: str, results: Measurements) -> list[str]:
    """What keeps the claim from being judged in ``tier``: variants of it or of a precondition."""
    needed = [claim.effect] if claim.effect is not None else []
    needed += [precondition.effect for precondition in claim.preconditions]
    found = {name for effect in needed for name in _not_run(ablation, effect, tier, results)}
    return sorted(found)


def _not_run(ablation: Ablation, effect: Effect, tier: str, results: Measurements) -> list[str]:
    """The effect's variants that ``tier`` leaves out, or of which it measures something else."""
    run = ablation.variants_in(tier)

    def left_out(term: Term) -> bool:
        variant = run.get(term.variant)
        if variant is None:
            return True
        return variant.measured_in(tier) is not None and not results.measures(term)

    return sorted({repr(term.variant) for term in effect.weighted if left_out(term)})


def _test(ablation: Ablation, claim: Claim, results: Measurements, confidence: float) -> _Tested:
    effect, decision = claim.effect, claim.decision
    assert effect is not None
    if decision.rule == "share":
        return _test_share(claim, effect, results, confidence)
    assert decision.margin is not None
    null = default_null(effect.reported) if decision.null is None else decision.null
    seeds = results.per_seed(
        effect, null=to_analysis(null, effect.reported), name=f"claim {claim.id}"
    )
    estimate = estimate_effect(
        seeds.values,
        scale=effect.reported,
        null=decision.null,
        confidence=confidence,
        failed=seeds.failed,
    )
    if effect.samples is not None and not math.isnan(estimate.estimate):
        clustered = clustered_interval(
            results.samples(effect, seeds),
            crossed=effect.samples == "crossed",
            confidence=confidence,
        )
        clustered = replace(
            clustered,
            low=to_natural(clustered.low, effect.reported),
            high=to_natural(clustered.high, effect.reported),
        )
        estimate = replace(estimate, clustered=clustered)
    low, high = equivalence_bounds(estimate.null, decision.margin, effect.reported)
    values = list(seeds.values.values())
    if decision.rule == "not_worse":
        assert decision.direction is not None
        bound = low if decision.direction == "greater" else high
        within = not_worse(values, bound=bound, direction=decision.direction)
    else:
        within = tost(values, low=low, high=high)
    if seeds.failed and not math.isnan(within):
        within = 1.0
    units = {ablation.metrics[term.metric].unit for term in effect.weighted} - {"1"}
    plain_unit = f" {units.pop()}" if len(units) == 1 and effect.slope is None else ""
    return _Tested(
        claim=claim,
        seeds=seeds,
        effect=estimate,
        p_equivalence=within,
        unit=" times" if effect.reported == "log" else plain_unit,
    )


def _test_share(claim: Claim, effect: Effect, results: Measurements, confidence: float) -> _Tested:
    decision = claim.decision
    assert decision.null is not None
    count = results.count_property(effect)
    # Failing is an outcome, and the one least favourable to the claim.
    imputed = 0.0 if decision.direction == "greater" else 1.0
    complete = {
        seed: float(share == 1) for seed, share in count.share.items() if seed not in count.failed
    }
    values = complete | dict.fromkeys(count.failed, imputed)
    if count.lost:
        values = dict.fromkeys(values, math.nan)
    word = "does not hold" if decision.direction == "greater" else "holds"
    policy = (f"Failed seeds count as seeds in which the property {word}.",) * bool(count.failed)
    held, checked = (0, 0) if count.lost else (int(sum(values.values())), len(values))
    found = proportion(held, checked, null=decision.null, confidence=confidence)
    return _Tested(
        claim=claim,
        seeds=SeedEffects(values=values, failed=count.failed, policy=count.lost or policy),
        effect=_described(
            found,
            n=len(values),
            null=decision.null,
            complete_case=float(np.mean(list(complete.values()))) if complete else math.nan,
            failed=len(count.failed),
            per_seed=dict(sorted(values.items())),
        ),
        p_equivalence=math.nan,
        unit="",
        proportion=found,
    )


def _described(
    found: Proportion,
    *,
    n: int,
    null: float,
    complete_case: float,
    failed: int,
    per_seed: Mapping[int, float],
) -> EffectEstimate:
    """A share as an effect; what only a mean of numbers has is NaN."""
    nan = math.nan
    return EffectEstimate(
        scale="plain",
        null=null,
        estimate=found.share,
        low=found.low,
        high=found.high,
        confidence=found.confidence,
        n=n,
        n_failed=failed,
        p_value=found.p_value,
        p_sign_flip=nan,
        bootstrap_low=nan,
        bootstrap_high=nan,
        complete_case=complete_case,
        standard_deviation=nan,
        standardised=nan,
        per_seed=per_seed,
    )


def _measure(
    ablation: Ablation,
    claim: Claim,
    controls: list[Control],
    results: Measurements,
    tier: str,
    confidence: float,
    notes: list[str],
) -> tuple[ControlResult, ...]:
    measured = []
    for control in controls:
        if absent := _not_run(ablation, control.effect, tier, results):
            notes.append(
                f"{control.name!r} is not measured: tier {tier!r} leaves it out for "
                f"{', '.join(absent)}."
            )
            continue
        above, below = control.explains_above, control.explains_below
        effect, within, said = _measured_within(
            f"claim {claim.id}, {control.name!r}",
            control.effect,
            results,
            confidence,
            above,
            below,
        )
        notes += [f"{control.name!r}: {sentence}" for sentence in said]
        measured.append(
            ControlResult(
                name=control.name,
                meaning=control.meaning,
                effect=effect,
                explains=within,
            )
        )
    return tuple(measured)


def _preconditions(
    claim: Claim, results: Measurements, confidence: float, notes: list[str]
) -> tuple[PreconditionResult, ...]:
    measured = []
    for item in claim.preconditions:
        effect, met, said = _measured_within(
            f"claim {claim.id}, {item.name!r}",
            item.effect,
            results,
            confidence,
            item.above,
            item.below,
        )
        notes += [f"{item.name!r}: {sentence}" for sentence in said]
        measured.append(
            PreconditionResult(name=item.name, meaning=item.meaning, effect=effect, met=met)
        )
    return tuple(measured)


def _measured_within(
    name: str,
    effect: Effect,
    results: Measurements,
    confidence: float,
    above: float | None,
    below: float | None,
) -> tuple[EffectEstimate, bool, list[str]]:
    """An effect, whether it lies between bounds, with failed seeds and without, and what to say."""
    decides = above is not None or below is not None
    seeds = results.per_seed(effect, name=name, describes=not decides)
    found = estimate_effect(
        seeds.values, scale=effect.reported, confidence=confidence, failed=seeds.failed
    )
    said = [*seeds.policy, *_complete_case(found)]
    within = decides and _between(found, above, below)
    if not decides:
        return found, within, said
    said += _constant(found)
    if not _enough(found):
        fewest = _seeds_if_constant(confidence)
        said.append(f"It decides nothing, as equal seeds do so only from {fewest} on.")
    if within and seeds.failed:
        rest = (
            estimate_effect(seeds.complete, scale=effect.reported, confidence=confidence)
            if seeds.complete
            else None
        )
        if rest is None or not _between(rest, above, below):
            within = False
            said.append("Without them its interval is not within its bounds: it decides nothing.")
    return found, within, said


def _between(effect: EffectEstimate, above: float | None, below: float | None) -> bool:
    """Whether the whole interval lies between the bounds.

    Never where there is none (NaN), or where it is a point of fewer seeds than a sign test needs.
    """
    if not _enough(effect):
        return False
    return (above is None or effect.low > above) and (below is None or effect.high < below)


def _enough(effect: EffectEstimate) -> bool:
    """Whether the seeds vary, or are as many as the sign test of equal ones needs."""
    return effect.standard_deviation != 0 or effect.n >= _seeds_if_constant(effect.confidence)


def _seeds_if_constant(confidence: float) -> int:
    return math.ceil(-math.log2((1 - confidence) / 2))


def _constant(effect: EffectEstimate, unit: str = "") -> list[str]:
    """What an effect that is the same in all seeds shows and does not show."""
    if effect.standard_deviation != 0:
        return []
    return [
        f"All {effect.n} seeds gave {_figure(effect.estimate)}{unit}: the interval has no width, "
        "and p is that of the sign test, which is about the median. Another value may have been "
        f"missed if it occurs in fewer than {100 * (1 - 0.05 ** (1 / effect.n)):.0f} % of seeds; "
        "if the effect is exact by arithmetic, there is none."
    ]


def _require(result: ClaimResult, preconditions: tuple[PreconditionResult, ...]) -> ClaimResult:
    """Without its preconditions a claim is not testable, whatever its own effect."""
    result = replace(result, preconditions=preconditions)
    unmet = [
        f"{item.name!r} {_measures(item.effect)}: {item.meaning.rstrip('.')}"
        for item in preconditions
        if not item.met
    ]
    if not unmet:
        return result
    reason = (
        f"A precondition is not shown: {'; '.join(unmet)}. Were it not required, the verdict would "
        f"be {result.verdict!r}: {result.reason}"
    )
    return replace(result, verdict="not testable", reason=reason, seeds_needed=None)


def _measures(effect: EffectEstimate) -> str:
    if math.isnan(effect.estimate):
        return f"has no number, as no run of one of its variants succeeded (n = {effect.n} seeds)"
    failed = f", {_seeds(effect.n_failed)} with a failed run" if effect.n_failed else ""
    return f"measures {_figure(effect.estimate)} ({_range(effect.low, effect.high)}{failed})"


def _judge_property(
    base: ClaimResult, effect: Effect, results: Measurements, confidence: float
) -> ClaimResult:
    count = results.count_property(effect)
    share = count.held / count.checked if count.checked else math.nan
    verdict: Verdict = "holds"
    reason = f"The property held in {count.held} of {count.checked} measurements"
    if count.failed:
        reason += f"; {_seeds(len(count.failed))} had a failed run"
    if count.held < count.checked:
        verdict = "does not hold"
    elif count.failed:
        verdict = "inconclusive"
        reason += ", in which it is unknown"
        if count.lost:
            reason += f". {' '.join(count.lost).rstrip('.')}"
    whole = sum(value == 1 and seed not in count.failed for seed, value in count.share.items())
    seeds = proportion(whole, len(count.failed | set(count.share)), confidence=confidence)
    # The effect is the share of measurements, which has no interval: those of a seed go together.
    measurements = replace(seeds, share=share, low=math.nan, high=math.nan)
    described = _described(
        measurements,
        n=seeds.checked,
        null=1.0,
        complete_case=share,
        failed=len(count.failed),
        per_seed=count.share,
    )
    return replace(base, verdict=verdict, reason=f"{reason}.", effect=described, proportion=seeds)


def _judge(base: ClaimResult, tested: _Tested, level: _Level) -> ClaimResult:
    effect, documented = tested.effect, tested.claim.documented.text
    if math.isnan(effect.estimate):
        reason = f"No effect can be computed. {' '.join(tested.seeds.policy)}"
        return replace(base, verdict="inconclusive", reason=reason)
    if math.isnan(effect.p_value):
        reason = (
            f"Measured {_figure(effect.estimate)}{tested.unit} with one seed, which allows neither "
            f"an interval nor a test; documented: {documented}."
        )
        return replace(base, verdict="inconclusive", reason=reason)
    verdict, explanation = _JUDGES[tested.claim.decision.rule](tested, level)
    seeds = None
    if verdict == "inconclusive":
        seeds, toward = _seeds_needed(tested, level)
        explanation += (
            f"; were the effect as observed, about {seeds} seeds would show {toward!r} with 80 % "
            "power"
            if seeds is not None
            else f"; were the effect as observed, not even {MOST_SEEDS} seeds would settle it"
        )
    failed = f", {effect.n_failed} with a failed run" if effect.n_failed else ""
    percent = f"{effect.confidence * 100:.3g} %"
    reason = (
        f"Measured {_figure(effect.estimate)}{tested.unit} ({percent} interval "
        f"{_range(effect.low, effect.high)}; n = {effect.n} seeds{failed}); documented: "
        f"{documented}. {explanation}."
    )
    if not tested.claim.primary:
        what = "p is not adjusted" if level.looks is None else "its levels are those of one claim"
        reason += f" The claim is not primary, so {what}."
    return replace(base, verdict=verdict, reason=reason + _caution(tested), seeds_needed=seeds)


def _caution(tested: _Tested) -> str:
    """A sentence where the seeds are so skewed that p and interval promise too much."""
    if tested.proportion is not None:  # an exact test, whatever the seeds
        return ""
    seeds, values = zip(*tested.seeds.values.items(), strict=True)
    skewness = float(standardised_skewness(np.array(values)[None])[0])
    if not abs(skewness) > SKEWED:
        return ""
    centred = np.array(values) - np.mean(values)
    squares = scaled(centred[None])[0][0] ** 2
    worst, share = seeds[squares.argmax()], 100 * squares.max() / squares.sum()
    return (
        f" Its seeds are skewed (standardised skewness {skewness:.1f}; seed {worst} alone has "
        f"{share:.0f} % of their spread): p and interval may err more often than they say, in "
        "simulations in up to 18 % of cases instead of 5 % (24 % for equivalence, 26 % with looks "
        "after every block)"
        + ", and in up to 82 % of families of 40 such primary claims" * tested.claim.primary
        + "."
    )


def _judge_difference(tested: _Tested, level: _Level) -> tuple[Verdict, str]:
    effect, decision = tested.effect, tested.claim.decision
    null = _figure(effect.null)
    p = level.text()
    if level.equivalent:
        return "absent", _equivalent(tested, level)
    if not level.different:
        return "inconclusive", _open(tested, level)
    side = "above" if effect.estimate > effect.null else "below"
    if (side == "above") != (decision.direction == "greater"):
        return "reversed", f"It is {side} {null}, against the documented direction ({p})"
    shown = f"It is {side} {null}, as documented ({p})"
    if decision.tolerance is None:
        return "reproduced", f"{shown}; no tolerance of its size is declared"
    documented = tested.claim.documented.value
    if documented is None:
        return "direction only", f"{shown}, but the document gives no number to compare with"
    if tested.fails:
        return (
            "direction only",
            f"{shown}, but of the documented size it cannot be{_failing(tested)}",
        )
    low, high = _natural_bounds(documented, decision.tolerance, effect)
    near = f"{_range(low, high)}, the tolerance around the documented {_figure(documented)}"
    if low <= effect.low and effect.high <= high:
        return "reproduced", f"{shown}, and its whole interval lies within {near}"
    return "direction only", f"{shown}, but its interval does not lie within {near}"


def _judge_no_difference(tested: _Tested, level: _Level) -> tuple[Verdict, str]:
    effect = tested.effect
    if level.equivalent:
        return "reproduced", _equivalent(tested, level)
    low, high = _margin(tested)
    if level.different and (effect.high < low or effect.low > high):
        return "reversed", (
            f"It differs from {_figure(effect.null)} ({level.text()}) by more than the "
            f"smallest effect that matters ({_range(low, high)})"
        )
    return "inconclusive", _open(tested, level)


def _judge_not_worse(tested: _Tested, level: _Level) -> tuple[Verdict, str]:
    effect, null = tested.effect, _figure(tested.effect.null)
    side, bound, beyond = _worse(tested)
    p, p_not_worse = level.text(), level.text("not worse")
    if level.equivalent:
        text = f"It is not {side} {_figure(bound)} (non-inferiority {p_not_worse})"
        if level.different:
            found = "below" if effect.estimate < effect.null else "above"
            text += f"; it is {found} {null} ({p})"
            text += ", but by less than matters" if found == side else ""
        return "reproduced", text
    if level.different and beyond:
        return "reversed", (
            f"It is {side} {null} ({p}) by more than the smallest effect that matters: its whole "
            f"interval lies {side} {_figure(bound)}"
        )
    return "inconclusive", (
        f"That it is not {side} {_figure(bound)} is not shown (non-inferiority {p_not_worse}), nor "
        f"that it is{_cannot(tested)}"
    )


def _judge_share(tested: _Tested, level: _Level) -> tuple[Verdict, str]:
    if level.different:
        return _judge_difference(tested, level)
    null = _figure(tested.effect.null)
    return "inconclusive", f"That it differs from {null} is not shown ({level.text()})"


def _worse(tested: _Tested) -> tuple[str, float, bool]:
    """The worse side, its bound, and whether the whole interval lies beyond that bound."""
    low, high = _margin(tested)
    if tested.claim.decision.direction == "greater":
        return "below", low, tested.effect.high < low
    return "above", high, tested.effect.low > high


_JUDGES: Mapping[str, Callable[[_Tested, _Level], tuple[Verdict, str]]] = {
    "difference": _judge_difference,
    "no_difference": _judge_no_difference,
    "not_worse": _judge_not_worse,
    "share": _judge_share,
}


def _equivalent(tested: _Tested, level: _Level) -> str:
    null = _figure(tested.effect.null)
    text = (
        f"It is equivalent to {null} within {_range(*_margin(tested))} (equivalence "
        f"{level.text('equivalent')})"
    )
    if level.different:
        text += (
            f": statistically different ({level.text()}), but smaller than the smallest "
            "effect that matters"
        )
    return text


def _open(tested: _Tested, level: _Level) -> str:
    null, margin = _figure(tested.effect.null), _range(*_margin(tested))
    p, p_equivalence = level.text(), level.text("equivalent")
    if level.different:
        return (
            f"It differs from {null} ({p}), but neither equivalence within {margin} "
            f"({p_equivalence}) nor an effect beyond it is shown{_cannot(tested)}"
        )
    return (
        f"Neither a difference from {null} ({p}) nor equivalence within {margin} "
        f"({p_equivalence}) is shown{_cannot(tested)}"
    )


def _cannot(tested: _Tested) -> str:
    return f"; sameness cannot be{_failing(tested)}" if tested.fails else ""


def _failing(tested: _Tested) -> str:
    count = tested.seeds.failed_runs
    return f" shown where runs fail ({count} {'run' if count == 1 else 'runs'} failed)"


def _margin(tested: _Tested) -> tuple[float, float]:
    assert tested.claim.decision.margin is not None
    return _natural_bounds(tested.effect.null, tested.claim.decision.margin, tested.effect)


def _natural_bounds(centre: float, reach: float, effect: EffectEstimate) -> tuple[float, float]:
    low, high = equivalence_bounds(centre, reach, effect.scale)
    return to_natural(low, effect.scale), to_natural(high, effect.scale)


def _seeds_needed(tested: _Tested, level: _Level) -> tuple[int | None, Verdict]:
    """The fewest seeds that would settle the claim, and the verdict that they would show."""
    effect, decision = tested.effect, tested.claim.decision
    if decision.rule == "share":
        side: Verdict = (
            "reproduced"
            if (effect.estimate > effect.null) == (decision.direction == "greater")
            else "reversed"
        )
        seeds = seeds_for_share(effect.estimate, null=effect.null, alpha=level.alpha_planned)
        return seeds, "direction only" if side == "reproduced" and decision.tolerance else side
    assert decision.margin is not None
    mean = float(np.mean(list(tested.seeds.values.values())))
    null = to_analysis(effect.null, effect.scale)
    low, high = equivalence_bounds(effect.null, decision.margin, effect.scale)
    deviation, alpha = effect.standard_deviation, level.alpha_planned
    if decision.rule == "not_worse":
        # Both verdicts are differences from the same bound.
        bound = low if decision.direction == "greater" else high
        shown: Verdict = (
            "reproduced" if (mean > bound) == (decision.direction == "greater") else "reversed"
        )
        if shown == "reproduced" and tested.fails:
            return None, shown
        return seeds_for_difference(mean, deviation, null=bound, alpha=alpha), shown
    inside = None
    if not tested.fails:
        inside = seeds_for_equivalence(mean, deviation, low=low, high=high, alpha=alpha)
    if decision.rule == "no_difference":
        if low <= mean <= high:
            return inside, "reproduced"
        # An effect beyond the margin is what would contradict a claim of none.
        bound = high if mean > null else low
        return seeds_for_difference(mean, deviation, null=bound, alpha=alpha), "reversed"
    outside = seeds_for_difference(mean, deviation, null=null, alpha=alpha)
    if outside is None or (inside is not None and inside <= outside):
        return inside, "absent"
    if (mean > null) != (decision.direction == "greater"):
        return outside, "reversed"
    return outside, "reproduced" if decision.tolerance is None else "direction only"


def _confound(result: ClaimResult, claim: Claim) -> ClaimResult:
    explaining = [control for control in result.controls if control.explains]
    if result.verdict not in ("reproduced", "direction only") or not explaining:
        return result
    texts = [
        f"control {control.name!r} {_measures(control.effect)}: {control.meaning.rstrip('.')}"
        for control in explaining
    ]
    reason = (
        f"{result.reason} But {'; '.join(texts)}. Without it the verdict would be "
        f"{result.verdict!r}."
    )
    return replace(result, verdict="confounded", reason=reason)


def _notes(tested: _Tested, alpha: float) -> list[str]:
    effect = tested.effect
    notes = [*tested.seeds.policy, *_complete_case(effect, tested.unit)]
    if math.isnan(effect.p_value) or tested.proportion is not None:
        return notes
    notes += _constant(effect, tested.unit)
    if not reachable(effect.n, 1, alpha).possible:
        notes.append(
            f"With {_seeds(effect.n)} the sign-flip test cannot give p < {alpha:g}; the verdict "
            "rests on normality."
        )
    elif (effect.p_value < alpha) != (effect.p_sign_flip < alpha):
        notes.append(
            f"The tests disagree before adjustment: t-test p = {_figure(effect.p_value)}, "
            f"sign-flip p = {_figure(effect.p_sign_flip)}."
        )
    return notes


def _complete_case(effect: EffectEstimate, unit: str = "") -> list[str]:
    """What the successful runs alone would have said, where some failed."""
    if not effect.n_failed or math.isnan(effect.complete_case):
        return []
    return [
        f"Without the {_seeds(effect.n_failed)} that had a failed run the estimate is "
        f"{_figure(effect.complete_case)}{unit}."
    ]


def _seeds_beside_plan(ablation: Ablation, results: Measurements, tier: str) -> list[str]:
    planned = [parse_seeds(plan.seeds) for name, plan in ablation.tiers.items() if name == tier]
    if not planned or set(planned[0]) == results.seeds:
        return []
    return [f"Run with seeds {sorted(results.seeds)}; tier {tier!r} declares {planned[0]}."]


def _figure(value: float) -> str:
    """Three significant digits, without an exponent where it can be avoided."""
    rounded = float(f"{value:.3g}")
    if rounded == 0:
        return "0"
    if not 1e-4 <= abs(rounded) < 1e7:
        return f"{rounded:.2e}"
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    return f"{rounded:.{decimals}f}"


def _p_text(p: float) -> str:
    return "p < 0.0001" if p < 1e-4 else f"p = {_figure(p)}"


def _seeds(count: int) -> str:
    return f"{count} seed" if count == 1 else f"{count} seeds"


def _range(low: float, high: float) -> str:
    return f"{_figure(low)} to {_figure(high)}"


def _sentence(text: str) -> str:
    return f"{text.strip().rstrip('.')}." if text else ""
