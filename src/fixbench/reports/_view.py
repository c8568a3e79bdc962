"""What a report says, independent of the format it is printed in.

Every text, number and figure is decided here once; the templates only lay it out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import PurePath
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from fixbench.ablation import (
    Ablation,
    Claim,
    Control,
    Effect,
    Precondition,
    Term,
    option_difference,
    parse_seeds,
)
from fixbench.determinism import Determinism
from fixbench.errors import InputError
from fixbench.reports import _figures
from fixbench.reports._determinism import determinism_label, noise_floor
from fixbench.reports._format import (
    MISSING,
    NOT_RECORDED,
    bytes_,
    duration,
    interval,
    number,
    p_value,
    seed_ranges,
)
from fixbench.reports._readings import single_readings, steps_are_readings
from fixbench.reports._words import (
    VERDICTS,
    decision_rule,
    effect_formula,
    effect_quantity,
    effect_unit,
    explanation_rule,
    is_contrast,
    margin_zone,
    null_of,
    position,
    requirement,
    tolerance_zone,
)
from fixbench.statistics import EffectEstimate, Proportion
from fixbench.verdicts import (
    ClaimChange,
    ClaimResult,
    ComparisonTable,
    ControlResult,
    PreconditionResult,
    compare_variants,
)

__all__ = ["Report", "build_report"]

#: Said first of the tier that only shows that the pipeline works.
_SMOKE = "This is the smoke tier: it shows that the pipeline works, and its verdicts mean nothing."

Fact = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class FigureView:
    """An SVG picture with its caption; ``alternative`` says the same to a screen reader."""

    svg: str
    caption: str
    alternative: str


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An estimate in print."""

    value: str
    interval: str
    unit: str
    p: str
    n: str
    failed: str


@dataclass(frozen=True, kw_only=True)
class PreconditionView:
    """A precondition in print."""

    name: str
    meaning: str
    formula: str
    measured: Measured
    required: str
    met: str


@dataclass(frozen=True, kw_only=True)
class ReadingsView:
    """Single readings beside a claim that rests on their mean, in words and as a picture."""

    sentences: list[str]
    figure: FigureView


@dataclass(frozen=True, kw_only=True)
class ControlView:
    """A control or supporting measurement in print."""

    name: str
    meaning: str
    formula: str
    measured: Measured
    rule: str
    explains: str


@dataclass(frozen=True, kw_only=True)
class ClaimView:
    """A claim in print; ``changes`` are key, recorded value, present value."""

    id: str
    statement: str
    section: str
    kind: str
    family: str
    documented: str
    measured: Measured
    p_adjusted: str
    verdict: str
    slug: str
    reason: str
    caveats: list[str]
    rule: list[str]
    formula: str
    preconditions: list[PreconditionView]
    figure: FigureView | None
    readings: ReadingsView | None
    controls: list[ControlView]
    supporting: list[ControlView]
    sensitivity: list[Fact]
    edited: bool
    changes: list[tuple[str, str, str]]
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class ConclusionView:
    """A conclusion in print; its last sentence is open, and ends with ``claims`` and a stop."""

    text: str
    claims: list[str]


@dataclass(frozen=True, kw_only=True)
class ComparisonView:
    """A table of several variants.

    ``levels`` are variant and what it reaches, ``rows`` pair, effect and adjusted p.
    """

    name: str
    quantity: str
    levels: list[tuple[str, Measured]]
    rows: list[tuple[str, Measured, str]]
    notes: list[str]


@dataclass(frozen=True, kw_only=True)
class VariantView:
    """A variant in print; ``changes`` are option, the reference's value, own value.

    ``reference`` is the variant that it is declared relative to, empty for the baseline.
    """

    name: str
    reason: str
    baseline: bool
    reference: str
    changes: list[tuple[str, str, str]]
    bundle: bool
    starts_from: str


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """A cell of the results that a number rests on."""

    claim: str
    quantity: str
    variant: str
    stage: str
    metric: str
    position: str
    rows: str
    files: list[str]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report."""

    name: str
    title: str
    question: str
    document: str
    answer: list[str]
    conclusions: list[ConclusionView]
    conclusions_left_out: str
    facts: list[Fact]
    meanings: list[tuple[str, str, str]]
    claims: list[ClaimView]
    overview: FigureView | None
    comparisons: list[ComparisonView]
    curves: list[FigureView]
    curves_left_out: str
    variants: list[VariantView]
    metrics: list[tuple[str, str, str, str, str]]
    failures: list[tuple[str, str, str, str]]
    failure_summary: str
    scaled_down: list[str]
    threats: list[str]
    provenance: list[Fact]
    costs: list[tuple[str, str, str, str, str]]
    sources: list[SourceView]
    files: list[tuple[str, str, str]]


def build_report(
    name: str,
    ablation: Ablation,
    tier: str,
    frame: pd.DataFrame,
    results: Sequence[ClaimResult],
    provenance: Sequence[Mapping[str, Any]],
    *,
    determinism: Determinism | None = None,
) -> Report:
    """Put together what the report of one ablation says.

    Raises:
        InputError: a claim of the ablation has no result, or a result no claim.
    """
    by_id = {result.id: result for result in results if result.verdict != "withdrawn"}
    differing = sorted({*by_id} ^ {claim.id for claim in ablation.claims})
    if differing:
        raise InputError(
            f"results of {name}",
            "claims",
            differing,
            expected="one result for each claim of the ablation file; run the analysis again",
        )
    pairs = [(claim, by_id[claim.id]) for claim in ablation.claims]
    files = _Files(frame, provenance)
    failures, failure_summary = _failures(frame)
    curves, curves_left_out = _curves(name, ablation, frame)
    conclusions, conclusions_left_out = _conclusions(ablation, tier, by_id)
    label, determinism = determinism_label(name, ablation, tier, determinism, provenance)
    return Report(
        name=name,
        title=ablation.title,
        question=ablation.question,
        document=f"{ablation.document.title} ({ablation.document.file}, "
        f"{ablation.document.section})",
        answer=[
            *([_SMOKE] if tier == "smoke" else []),
            *_answer(results),
            *_looks(results),
            *_seed_choice(ablation, tier, frame, results),
            failure_summary,
        ],
        conclusions=conclusions,
        conclusions_left_out=conclusions_left_out,
        facts=[
            ("Tier", tier),
            ("Seeds", _tier_seeds(ablation, tier, frame)),
            ("Code", _agreed(provenance, _code)),
            ("Runtime", _agreed(provenance, _runtime)),
            ("Determinism", label),
        ],
        meanings=[
            (verdict, _slug(verdict), meaning)
            for verdict, meaning in VERDICTS.items()
            if any(result.verdict == verdict for result in results)
        ],
        claims=[
            _claim(name, ablation, claim, result, frame, determinism) for claim, result in pairs
        ]
        + [_withdrawn(result) for result in results if result.verdict == "withdrawn"],
        overview=_overview(name, ablation, pairs),
        comparisons=[_comparison(ablation, found) for found in compare_variants(ablation, frame)],
        curves=curves,
        curves_left_out=curves_left_out,
        variants=[_variant(ablation, variant, tier) for variant in ablation.variants_in(tier)],
        metrics=[
            (
                metric,
                "" if declared.unit == "1" else declared.unit,
                declared.better,
                number(declared.smallest_effect),
                declared.description,
            )
            for metric, declared in ablation.declared(frame["metric"].unique()).items()
        ],
        failures=failures,
        failure_summary=failure_summary,
        scaled_down=list(ablation.tiers[tier].scaled_down),  # type: ignore[index]
        threats=_threats(ablation),
        provenance=_provenance(provenance),
        costs=_costs(provenance),
        sources=_sources(pairs, files),
        files=files.table(),
    )


def _answer(results: Sequence[ClaimResult]) -> list[str]:
    counts = []
    for verdict in VERDICTS:
        named = [result.id for result in results if result.verdict == verdict]
        if named:
            counts.append(f"{len(named)} {verdict} ({', '.join(named)})")
    sentences = [f"Of {_count(len(results), 'claim')}: {'; '.join(counts)}."]
    for result in results:
        if result.verdict == "confounded":
            rivals = [control.name for control in result.controls if control.explains]
            if rivals:
                sentences.append(f"{result.id} is explained by: {'; '.join(rivals)}.")
    unmet: dict[str, list[str]] = {}
    for result in results:
        for item in result.preconditions:
            if not item.met:
                unmet.setdefault(item.name, []).append(result.id)
    for name, ids in unmet.items():
        sentences.append(f"The precondition of {', '.join(ids)} is not met: {name}.")
    elsewhere = [result.id for result in results if result.source]
    if elsewhere:
        sentences.append(f"Not in the document itself: {', '.join(elsewhere)}.")
    withdrawn = [result.id for result in results if result.verdict == "withdrawn"]
    edited = [result.id for result in results if result.edited and result.id not in withdrawn]
    for what, named in (("Edited", edited), ("Withdrawn", withdrawn)):
        if named:
            sentences.append(f"{what} after their results were produced: {', '.join(named)}.")
    return sentences


def _conclusions(
    ablation: Ablation, tier: str, results: Mapping[str, ClaimResult]
) -> tuple[list[ConclusionView], str]:
    """Those that these verdicts bear, and one sentence on the others."""
    if tier == "smoke":  # whose verdicts mean nothing
        return [], ""
    views, left_out = [], []
    for conclusion in ablation.conclusions:
        differing = [
            f"{id_} supposed {' or '.join(verdicts)}, found {results[id_].verdict}"
            for id_, verdicts in conclusion.given.items()
            if results[id_].verdict not in verdicts
        ]
        if differing:
            left_out.append("; ".join(differing))
        else:
            text = conclusion.text.strip().removesuffix(".")
            views.append(ConclusionView(text=text, claims=list(conclusion.given)))
    if len(left_out) < 2:
        one = "One conclusion is left out because it supposes other verdicts"
        return views, "".join(f"{one}: {difference}." for difference in left_out)
    listed = "; ".join(f"({place}) {text}" for place, text in enumerate(left_out, start=1))
    many = f"{len(left_out)} conclusions are left out because they suppose other verdicts"
    return views, f"{many}: {listed}."


def _threats(ablation: Ablation) -> list[str]:
    """The general ones, then those of single claims, named."""
    general = [threat.text for threat in ablation.threats if threat.claims is None]
    return general + [
        f"{', '.join(threat.claims)}: {threat.text}"
        for threat in ablation.threats
        if threat.claims is not None
    ]


def _looks(results: Sequence[ClaimResult]) -> list[str]:
    """That seeds were added until a verdict, and what is valid then."""
    unadjusted = max((result.unadjusted_looks for result in results), default=0)
    if unadjusted:
        times = "once" if unadjusted == 1 else f"{unadjusted} times"
        return [
            f"Seeds of this tier were looked at {times} before, by a run that added seeds until a "
            "verdict. These verdicts are of a run without looks, and nothing is adjusted for them: "
            "the error rates promised hold only if its seeds were chosen without regard to what "
            "was seen."
        ]
    looks = next((result.looks for result in results if result.looks is not None), None)
    if looks is None:
        return []
    left = [
        result.id
        for result in results
        if result.primary and result.looks and result.looks.p_values and not result.looks.shown
    ]
    seeds = ", ".join(map(str, looks.planned))
    levels = ", ".join(number(level, 3) for level in looks.levels[: looks.made])
    end = "all primary claims were settled"
    if left:
        end = f"the budget was spent, without settling {', '.join(left)}"
    bounds = "Pocock-type" if looks.spending == "pocock" else "O'Brien–Fleming-type"
    return [
        f"Seeds were added until a verdict: looks were planned after {seeds} seeds, and "
        f"{looks.made} of them made until {end}.",
        "A claim is shown where its p meets the level of a look (alpha-spending after Lan and "
        f"DeMets, {bounds}, {number(looks.alpha)} over all looks and, by Holm's steps, the family; "
        f"for one claim alone the levels were {levels}). Intervals are wider than 95 % and hold at "
        "all looks together; preconditions, controls and sizes rest on them and, like exact "
        "properties, on all seeds, and asked for none. The p of all seeds is adjusted for nothing, "
        "an effect that ended the run is too far from null on average, and tables of several "
        "variants allow for no looks.",
    ]


def _claim(
    name: str,
    ablation: Ablation,
    claim: Claim,
    result: ClaimResult,
    frame: pd.DataFrame,
    determinism: Determinism | None,
) -> ClaimView:
    effect, estimate = claim.effect, result.effect
    confidence = estimate.confidence if estimate is not None else 0.95
    family = ""
    if claim.decision.tested:
        family = "primary" if claim.primary else "secondary"
    return ClaimView(
        id=claim.id,
        statement=result.statement,
        section=f"{result.section}, in {result.source}" if result.source else result.section,
        kind=result.kind.replace("_", " "),
        family=family,
        documented=result.documented,
        measured=_measured(
            estimate,
            "share" if claim.decision.rule in ("property", "share") else _unit(effect, ablation),
        ),
        p_adjusted=p_value(result.p_adjusted),
        verdict=result.verdict,
        slug=_slug(result.verdict),
        reason=result.reason,
        caveats=[threat.text for threat in ablation.threats if claim.id in (threat.claims or ())],
        rule=[
            *decision_rule(claim, confidence, looks=result.looks is not None),
            _rule_hash(result),
        ],
        formula=effect_formula(effect) if effect is not None else "",
        preconditions=[
            _precondition(ablation, *pair)
            for pair in _matched(claim.preconditions, result.preconditions)
        ],
        figure=_claim_figure(name, claim, result),
        readings=_readings(name, claim, frame),
        controls=[
            _control(ablation, *pair, result.verdict)
            for pair in _matched(claim.controls, result.controls)
        ],
        supporting=[
            _control(ablation, *pair, result.verdict)
            for pair in _matched(claim.supporting, result.supporting)
        ],
        sensitivity=_sensitivity(claim, result) + _floor(ablation, claim, result, determinism),
        edited=result.edited,
        changes=_changes(result.changes),
        notes=list(result.notes),
    )


def _rule_hash(result: ClaimResult) -> str:
    """The hash of the claim and its rule beside those that the results were produced under."""
    where = ""
    if result.recorded == (result.sha256,):
        where = ", as in the results"
    elif result.recorded:
        where = f", in the results: {', '.join(map(_short, result.recorded))}"
    elif result.edited:
        where = ", not in the results"
    return f"SHA-256 {_short(result.sha256)}{where}."


def _changes(changes: Sequence[ClaimChange]) -> list[tuple[str, str, str]]:
    """Key, recorded and present value; of an item that was added or taken out, its name alone."""
    items = {
        change.key.removesuffix(".name"): change
        for change in changes
        if change.key.endswith(".name") and None in (change.before, change.after)
    }
    found = []
    for change in changes:
        item = next((name for name in items if change.key.startswith(f"{name}.")), None)
        if item is None:
            found.append((change.key, change.before or MISSING, change.after or MISSING))
        elif change is items[item]:
            found.append((item, *((MISSING, "added") if change.after else ("there", "taken out"))))
    return found


def _withdrawn(result: ClaimResult) -> ClaimView:
    """A claim that the ablation file no longer has: what it said, and nothing measured."""
    return ClaimView(
        id=result.id,
        statement=result.statement,
        section=f"{result.section}, in {result.source}" if result.source else result.section,
        kind=result.kind.replace("_", " "),
        family="",
        documented=result.documented,
        measured=_measured(None, ""),
        p_adjusted=MISSING,
        verdict=result.verdict,
        slug=_slug(result.verdict),
        reason=result.reason,
        caveats=[],
        rule=[
            f"As recorded: {', '.join(f'{c.key} {c.before}' for c in result.changes)}.",
            _rule_hash(result),
        ],
        formula="",
        preconditions=[],
        figure=None,
        readings=None,
        controls=[],
        supporting=[],
        sensitivity=[],
        edited=False,
        changes=[],
        notes=[],
    )


def _measured(estimate: EffectEstimate | None, unit: str) -> Measured:
    if estimate is None:
        return Measured(value=MISSING, interval="", unit="", p=MISSING, n=MISSING, failed="")
    value, bounds = _bounds(estimate)
    return Measured(
        value=value,
        interval="" if bounds == MISSING else bounds,
        unit=unit,
        p=p_value(estimate.p_value),
        n=str(estimate.n),
        failed=str(estimate.n_failed),
    )


def _precondition(
    ablation: Ablation, declared: Precondition, result: PreconditionResult
) -> PreconditionView:
    return PreconditionView(
        name=result.name,
        meaning=result.meaning,
        formula=effect_formula(declared.effect),
        measured=_measured(result.effect, _unit(declared.effect, ablation)),
        required=requirement(declared),
        met="yes" if result.met else "no",
    )


def _control(
    ablation: Ablation, control: Control, result: ControlResult, verdict: str
) -> ControlView:
    """A control explains a comparison that reproduced; of any other it would have."""
    decides = control.explains_above is not None or control.explains_below is not None
    explains = "no"
    if result.explains:
        explains = "yes" if verdict == "confounded" else "would"
    measured = _measured(result.effect, _unit(control.effect, ablation))
    return ControlView(
        name=result.name,
        meaning=result.meaning,
        formula=effect_formula(control.effect),
        measured=measured if is_contrast(control.effect) else replace(measured, p=MISSING),
        rule=explanation_rule(control),
        explains=explains if decides else MISSING,
    )


Declared = TypeVar("Declared", Control, Precondition)
Found = TypeVar("Found", ControlResult, PreconditionResult)


def _matched(
    declared: Sequence[Declared], measured: Sequence[Found]
) -> list[tuple[Declared, Found]]:
    """What was measured with its declaration, by name: a tier need not measure all."""
    by_name = {item.name: item for item in declared}
    return [(by_name[result.name], result) for result in measured]


def _sensitivity(claim: Claim, result: ClaimResult) -> list[Fact]:
    effect = result.effect
    if result.proportion is not None:
        return _proportion_facts(claim, result.proportion, result)
    if effect is None or claim.decision.rule == "property":
        return []
    shown = "Non-inferiority" if claim.decision.rule == "not_worse" else "Equivalence"
    scale = " of the log effect" if effect.scale == "log" else ""
    facts = [
        ("Exact sign-flip p", p_value(effect.p_sign_flip)),
        (
            f"BCa bootstrap {number(100 * effect.confidence, 3)} % interval",
            interval(effect.estimate, effect.bootstrap_low, effect.bootstrap_high)[1],
        ),
        *_clustered(effect),
        *_seen(result),
        ("Without failed seeds", number(effect.complete_case)),
        (f"Standard deviation over seeds{scale}", number(effect.standard_deviation)),
        ("Standardised effect (Hedges)", number(effect.standardised, 3)),
        (
            f"{shown} p, raw / adjusted",
            f"{p_value(result.p_equivalence)} / {p_value(result.p_equivalence_adjusted)}",
        ),
    ]
    return facts + _seeds_needed(result)


def _floor(
    ablation: Ablation, claim: Claim, result: ClaimResult, found: Determinism | None
) -> list[Fact]:
    if found is None or claim.effect is None or result.effect is None:
        return []
    return [noise_floor(claim.effect, ablation.metrics, found)]


def _clustered(effect: EffectEstimate) -> list[Fact]:
    found = effect.clustered
    if found is None:
        return []
    count = _count(found.most, "sample")
    if found.fewest < found.most:
        count = f"{found.fewest} to {count}"
    kind = "the same in all seeds" if found.crossed else "in each seed"
    percent = number(100 * effect.confidence, 3)
    return [
        (
            f"{percent} % interval over seeds and samples ({count}, {kind}; bootstrap)",
            interval(effect.estimate, found.low, found.high)[1],
        )
    ]


def _proportion_facts(claim: Claim, found: Proportion, result: ClaimResult) -> list[Fact]:
    effect = result.effect
    counts = "" if claim.decision.direction == "less" else "not "
    policy = f" (failed seeds count as {counts}held)" if effect and effect.n_failed else ""
    facts = [
        ("Seeds in which every measurement held", f"{found.held} of {found.checked}{policy}"),
        (
            f"Exact {number(100 * found.confidence, 3)} % interval of their share",
            interval(found.share, found.low, found.high)[1],
        ),
    ]
    if claim.decision.rule == "share" and effect is not None:
        facts.append(("Without failed seeds", number(effect.complete_case)))
    return [*facts, *_seen(result), *_seeds_needed(result)]


def _seen(result: ClaimResult) -> list[Fact]:
    if result.looks is None:
        return []
    return [
        (f"{kind.capitalize()}: p at each look", ", ".join(p_value(p) for p in values))
        for kind, values in result.looks.p_values.items()
    ]


def _seeds_needed(result: ClaimResult) -> list[Fact]:
    if result.seeds_needed is None:
        return []
    label = "Paired seeds that would settle it, were the effect as observed"
    return [(label, str(result.seeds_needed))]


def _claim_figure(name: str, claim: Claim, result: ClaimResult) -> FigureView | None:
    estimate = result.effect
    if estimate is None or not _drawable(estimate) or claim.decision.rule == "property":
        return None
    items = [_strip(claim, result, f"{claim.id}: the documented comparison")]
    items += [
        _figures.Strip(
            label=f"Precondition: {required.name}",
            estimate=required.effect,
            required=(declared.above, declared.below),
        )
        for declared, required in _matched(claim.preconditions, result.preconditions)
        if _drawable(required.effect)
    ]
    items += [
        _figures.Strip(
            label=f"Control: {rival.name}",
            estimate=rival.effect,
            explains=(control.explains_above, control.explains_below),
        )
        for control, rival in _matched(claim.controls, result.controls)
        if _drawable(rival.effect)
    ]
    shown = [f"{item.label}: {' '.join(_bounds(item.estimate))}" for item in items]
    percent = number(100 * estimate.confidence, 3)
    caption = (
        f"Small dots: one paired seed each; large dot and bar: mean and {percent} % interval; "
        "dashed line: no effect"
    )
    caption += _zones(items)
    return FigureView(
        svg=_figures.strips(f"{name}-{claim.id}", items),
        caption=f"{caption}.",
        alternative=f"Per-seed effects of claim {claim.id}. {'; '.join(shown)}.",
    )


def _zones(items: Sequence[_figures.Strip]) -> str:
    """The part of a caption that names the marks which are there."""
    text = ""
    if any(item.documented is not None for item in items):
        text += "; open diamond: documented value"
    if any(item.margin for item in items):
        text += "; grey zone: too small to matter"
    if any(item.target for item in items):
        text += "; yellow zone: counts as the documented size"
    if any(item.explains != (None, None) for item in items):
        text += "; blue zone: an interval wholly inside explains the documented comparison"
    if any(item.required != (None, None) for item in items):
        text += "; green zone: an interval wholly inside meets the precondition"
    return text


def _strip(claim: Claim, result: ClaimResult, label: str, quantity: str = "") -> _figures.Strip:
    assert result.effect is not None
    return _figures.Strip(
        label=label,
        estimate=result.effect,
        documented=result.documented_value,
        margin=margin_zone(claim),
        target=tolerance_zone(claim),
        quantity=quantity,
    )


def _overview(
    name: str, ablation: Ablation, pairs: Sequence[tuple[Claim, ClaimResult]]
) -> FigureView | None:
    drawn = [
        _strip(
            claim,
            result,
            f"{claim.id}  {result.verdict}",
            "share of seeds"
            if claim.decision.rule == "share"
            else effect_quantity(claim.effect, ablation.metrics),
        )
        for claim, result in pairs
        if claim.effect is not None
        and claim.decision.rule != "property"
        and result.effect is not None
        and _drawable(result.effect)
    ]
    if not drawn:
        return None
    present = {item.label.split()[0] for item in drawn}
    absent = [claim.id for claim, _ in pairs if claim.id not in present]
    confidence = number(100 * drawn[0].estimate.confidence, 3)
    caption = (
        f"Every measured effect with its {confidence} % interval; dashed line: no effect"
        f"{_zones(drawn)}. Effects of one quantity share an axis, logarithmic for ratios, but "
        "those far from no effect have one of their own: ranges differ."
    )
    if absent:
        caption += f" Not drawn, as exact properties or not measured: {', '.join(absent)}."
    shown = [f"{item.label}: {' '.join(_bounds(item.estimate))}" for item in drawn]
    return FigureView(
        svg=_figures.forest(f"{name}-overview", drawn),
        caption=caption,
        alternative=f"Measured effects beside documented values. {'; '.join(shown)}.",
    )


def _readings(name: str, claim: Claim, frame: pd.DataFrame) -> ReadingsView | None:
    """How single readings scatter around an effect that averages them."""
    if claim.effect is None or not claim.decision.tested or claim.decision.rule == "share":
        return None
    readings = single_readings(claim.effect, frame)
    if readings is None:
        return None
    logarithmic = claim.effect.reported == "log"
    effects = f"one reading ({len(readings.effects)} of {_count(readings.seeds, 'seed')})"
    items = [_spread(effects, readings.effects, claim)]
    sentences = [
        "Description, not a test: what single readings would have said, each at one step (such as "
        f"one batch) of one seed. Of {len(readings.effects)} readings from "
        f"{_count(readings.seeds, 'seed')} {_scatter(readings.effects, claim)}."
    ]
    if readings.reference is not None:
        joint = "over" if logarithmic else "minus"
        arm = repr(readings.reference)
        pairs = f"{arm} {joint} itself, two readings of one seed: nothing was changed"
        items.append(_spread(pairs, readings.floor, claim))
        sentences.append(
            f"Noise floor: {arm} at one step {joint} {arm} at another of the same seed, where "
            f"nothing was changed: of all {len(readings.floor)} ordered pairs "
            f"{_scatter(readings.floor, claim)}."
        )
    sentences.append("Readings of one seed share a model; the shares are no probabilities.")
    null = null_of(claim.effect, claim.decision.null)
    documented = claim.documented.value
    marks = "dashed line: no effect"
    if documented is not None:
        marks += "; orange line: documented value"
    return ReadingsView(
        sentences=sentences,
        figure=FigureView(
            svg=_figures.spreads(
                f"{name}-{claim.id}-readings",
                items,
                logarithmic=logarithmic,
                null=null,
                documented=documented,
            ),
            caption="Single readings (description): histograms, each scaled to its highest bar; "
            f"bar and dot: middle 90 % and median; {marks}.",
            alternative=f"Single readings of claim {claim.id}. {' '.join(sentences)}",
        ),
    )


def _spread(label: str, values: npt.NDArray[np.float64], claim: Claim) -> _figures.Spread:
    low, median, high = np.quantile(values, (0.05, 0.5, 0.95))
    note = f"{number(median, 3)} ({number(low, 3)} to {number(high, 3)})"
    return _figures.Spread(label=f"{claim.id}: {label}", values=values, note=note)


def _scatter(values: npt.NDArray[np.float64], claim: Claim) -> str:
    """Where the middle 90 % lie, and the shares as far as documented and beyond no effect."""
    assert claim.effect is not None
    null, documented = null_of(claim.effect, claim.decision.null), claim.documented.value
    low, high = np.quantile(values, (0.05, 0.95))
    text = f"the middle 90 % lie between {number(low, 3)} and {number(high, 3)}"
    direction = claim.decision.direction
    if direction is None and documented is not None:
        direction = "greater" if documented > null else "less"
    if direction is None:
        return text
    word, sign = ("above", 1) if direction == "greater" else ("below", -1)
    if documented is not None:
        share = np.mean(sign * values >= sign * documented)
        text += f", {_percent(share)} at or {word} the documented {number(documented)}"
    return f"{text}, {_percent(np.mean(sign * values > sign * null))} {word} {number(null)}"


def _percent(share: float | np.floating[Any]) -> str:
    """Two digits, and never 0 or 100 % where that is not exact."""
    if 0 < share < 0.001:
        return "less than 0.1 %"
    text = number(100 * float(share), 2)
    return f"{text} %" if text != "100" or share == 1 else "more than 99 %"


def _bounds(estimate: EffectEstimate) -> tuple[str, str]:
    return interval(estimate.estimate, estimate.low, estimate.high)


def _drawable(estimate: EffectEstimate) -> bool:
    value = estimate.estimate
    return (
        value == value and abs(value) != float("inf") and (estimate.scale == "plain" or value > 0)
    )


def _curves(name: str, ablation: Ablation, frame: pd.DataFrame) -> tuple[list[FigureView], str]:
    """A figure for each loss and each metric of ``curves``, and what has steps that are no time."""
    named = {
        term.variant
        for claim in ablation.claims
        for _, effect in claim.effects()
        for term in effect.weighted
    }
    declared = ablation.declared(frame["metric"].unique())
    metrics = [item for item in declared if "loss" in item or item in ablation.curves]
    rows = frame[(frame["status"] == "ok") & frame["variant"].isin(named)]
    rows = rows[rows["metric"].isin(metrics)]
    steps = rows.groupby(["metric", "stage", "variant", "seed"], sort=False)["step"].nunique()
    # A metric that is measured once a run has no curve, whatever the step.
    most = steps.groupby(["metric", "stage", "variant"], sort=False).max()
    drawn = set(most[most > 1].index)
    stages = {(metric, stage) for metric, stage, _ in drawn}
    pairs = pd.MultiIndex.from_frame(rows[["metric", "stage"]])
    rows = rows[pairs.isin(stages)]
    unordered = [
        stage for stage in rows["stage"].unique() if steps_are_readings(ablation, str(stage))
    ]
    left_out = rows[rows["stage"].isin(unordered)]
    rows = rows[~rows["stage"].isin(unordered)]
    groups = _comparable(ablation, rows)
    views = []
    for metric in metrics:
        part = rows[rows["metric"] == metric]
        panels = [
            replace(panel, stage=str(stage), title=" · ".join(filter(None, (stage, panel.title))))
            for stage in part["stage"].unique()
            for panel in groups
            if any((metric, stage, arm) in drawn for arm in panel.arms)
        ]
        if not panels:
            continue
        unit = declared[metric].unit
        label = metric if unit == "1" else f"{metric} in {unit}"
        svg, block = _figures.curves(
            f"{name}-{metric}", part, panels, label=label, baseline=ablation.baseline_variant
        )
        views.append(_curve_view(label, part, svg, block, panels))
    cells = left_out[["metric", "stage"]].drop_duplicates().itertuples(index=False)
    text = "; ".join(f"{metric} in {stage}" for metric, stage in cells)
    if text:
        text = f"Not drawn, as the claims treat its steps as readings in no order: {text}."
    return views, text


def _comparable(ablation: Ablation, rows: pd.DataFrame) -> list[_figures.Panel]:
    """The arms that belong in one panel, whatever the stage.

    Curves compare where they begin with the same weights and run for about as long: arms are
    grouped by the variant they start from, then by length, within a factor of two. A group too
    large for one panel is split into equal parts, which all show the baseline if it is among them.
    """
    last = rows.groupby(["stage", "variant"])["step"].max() + 1
    relative = last / last.groupby("stage").transform("max")
    # An arm need not run every stage: how long it is, is said by the one in which it is longest.
    length = relative.groupby("variant").max().to_dict()
    order = [arm for arm in ablation.variants if arm in length]
    lead = [arm for arm in order if arm == ablation.baseline_variant]
    starts = dict.fromkeys(ablation.variants[arm].starts_from for arm in [*lead, *order])
    groups: list[tuple[str, list[str]]] = []
    for start in starts:
        title = f"starts from {start}" if start else "starts afresh"
        alike = [arm for arm in order if ablation.variants[arm].starts_from == start]
        shortest = 0.0
        for arm in sorted(alike, key=lambda arm: length[arm]):
            if length[arm] > 2 * shortest:
                groups.append((title if shortest == 0 else f"{title}, longer", []))
                shortest = length[arm]
            groups[-1][1].append(arm)
    panels = []
    for family, (title, group) in enumerate(groups):
        others = sorted(set(group) - set(lead), key=order.index)
        parts = max(1, -(-len(others) // _figures.ARMS))
        size = -(-len(others) // parts)
        panels += [
            _figures.Panel(
                title=title if len(groups) > 1 else "",
                stage="",
                arms=[arm for arm in lead if arm in group]
                + others[part * size : (part + 1) * size],
                family=family,
            )
            for part in range(parts)
        ]
    return panels


def _curve_view(
    label: str, rows: pd.DataFrame, svg: str, block: int, panels: Sequence[_figures.Panel]
) -> FigureView:
    seeds = rows["seed"].nunique()
    thin = f"the first {_figures.MAXIMUM_LINES} of {seeds} seeds"
    if seeds <= _figures.MAXIMUM_LINES:
        thin = "single seeds"
    caption = (
        f"{label}: mean over seeds, band: 95 % t interval of that mean, thin lines: {thin}, "
        "cut off where they leave the panel."
    )
    if block > 1:
        caption += f" Each point averages up to {block} consecutive steps."
    families = {(panel.stage, panel.family) for panel in panels}
    if len({panel.family for panel in panels}) > 1:
        caption += (
            " Arms that start from other weights, or run more than twice as long, have their own "
            "panel and scale."
        )
    if len(families) < len(panels):
        caption += " Panels with the same title have the same scale."
    caption += " A run that failed leaves the curves where it failed."
    arms = ", ".join(str(arm) for arm in rows["variant"].unique())
    stages = ", ".join(str(stage) for stage in rows["stage"].unique())
    return FigureView(
        svg=svg, caption=caption, alternative=f"{label} over steps in {stages} for {arms}."
    )


def _comparison(ablation: Ablation, found: ComparisonTable) -> ComparisonView:
    declared = found.comparison
    metric = ablation.metrics[declared.metric]
    level_unit = "" if metric.unit == "1" else metric.unit
    logarithmic = declared.scale == "log"
    unit, sign = ("ratio", "÷") if logarithmic else (level_unit, "−")
    levels = [(item.variant, item.level) for item in found.levels]
    pairs = [(f"{row.variant} {sign} {row.reference}", row) for row in found.rows]
    notes = list(found.policy)
    notes += [
        f"{name} without failed seeds: {number(effect.complete_case)}."
        for name, effect in [*levels, *((pair, row.effect) for pair, row in pairs)]
        if effect.n_failed
    ]
    if found.left_out:
        notes.append(f"Not measured here: {', '.join(found.left_out)}.")
    return ComparisonView(
        name=declared.name,
        quantity=f"{declared.metric}, {declared.stage}, {position(declared.at)}"
        + "; levels are geometric means" * logarithmic,
        levels=[(name, replace(_measured(level, level_unit), p=MISSING)) for name, level in levels],
        rows=[(pair, _measured(row.effect, unit), p_value(row.p_adjusted)) for pair, row in pairs],
        notes=notes,
    )


def _variant(ablation: Ablation, name: str, tier: str) -> VariantView:
    variant = ablation.variants[name]
    return VariantView(
        name=name,
        reason=variant.reason,
        baseline=name == ablation.baseline_variant,
        reference=variant.relative_to or "",
        changes=[
            (key, _option(old), _option(new))
            for key, (old, new) in option_difference(ablation, name, tier).items()
        ],
        bundle=variant.bundle,
        starts_from=variant.starts_from or "",
    )


def _option(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _failures(frame: pd.DataFrame) -> tuple[list[tuple[str, str, str, str]], str]:
    """(variant, status, runs, seeds), and one sentence. A run is one variant with one seed."""
    runs = len(frame[["variant", "seed"]].drop_duplicates())
    failed = frame.loc[frame["status"] != "ok", ["variant", "seed", "status"]]
    # A run counts once, under the status it met first.
    failed = failed.drop_duplicates(["variant", "seed"])
    rows = [
        (
            str(variant),
            str(status).replace("_", " "),
            str(len(group)),
            seed_ranges(int(seed) for seed in group["seed"]),
        )
        for (variant, status), group in failed.groupby(["variant", "status"])
    ]
    if not rows:
        return rows, f"None of the {_count(runs, 'run')} failed."
    return rows, f"{len(failed)} of {_count(runs, 'run')} failed and are counted as failed."


def _tier_seeds(ablation: Ablation, tier: str, frame: pd.DataFrame) -> str:
    asked = parse_seeds(ablation.tiers[tier].seeds)  # type: ignore[index]
    found = {int(seed) for seed in frame["seed"].unique()}
    text = f"{seed_ranges(found)} ({len(found)})"
    return text if found == set(asked) else f"{text}; the tier declares {seed_ranges(asked)}"


def _seed_choice(
    ablation: Ablation, tier: str, frame: pd.DataFrame, results: Sequence[ClaimResult]
) -> list[str]:
    """That the seeds are not the declared ones, where no plan of looks says why."""
    asked = set(parse_seeds(ablation.tiers[tier].seeds))  # type: ignore[index]
    found = {int(seed) for seed in frame["seed"].unique()}
    if found == asked or any(result.looks is not None for result in results):
        return []
    return [
        "The seeds are not those that the tier declares. If they were chosen after looking at "
        "other results, p and intervals promise too much: nothing is adjusted for that."
    ]


def _provenance(records: Sequence[Mapping[str, Any]]) -> list[Fact]:
    facts = [
        ("Jobs", str(len(records))),
        ("Code version", _agreed(records, _code)),
        ("Code dated", _agreed(records, lambda record: _at(record, "code", "date"))),
        (
            "Source of the jobs (SHA-256)",
            _agreed(records, lambda r: _short(_at(r, "code", "sha256"))),
        ),
    ]
    for heading, key in (("Lock file", "lock"), ("Input", "inputs")):
        names = sorted({name for record in records for name in _at(record, key) or {}})
        facts += [
            (f"{heading} {name}", _agreed(records, partial(_hash_of, key=key, name=name)))
            for name in names
        ] or [(heading, NOT_RECORDED)]
    facts += [
        ("Python", _agreed(records, lambda record: _at(record, "python"))),
        ("Platform", _agreed(records, lambda record: _at(record, "platform"))),
        ("Runtime", _agreed(records, _runtime)),
        ("Image", _agreed(records, _image)),
        ("GPUs", _agreed(records, _gpus)),
        ("Device", _agreed(records, _device)),
        ("Driver", _agreed(records, lambda record: _at(record, "device", "driver"))),
        ("Libraries", _agreed(records, _libraries)),
        ("Threads per job", _agreed(records, lambda record: _at(record, "threads"))),
    ]
    seeds = [int(seed) for record in records for seed in _at(record, "seeds") or []]
    facts.append(("Seeds", seed_ranges(seeds) if seeds else NOT_RECORDED))
    started = sorted(str(record["started"]) for record in records if record.get("started"))
    facts.append(("First job started", started[0] if started else NOT_RECORDED))
    return facts


def _runtime(record: Mapping[str, Any]) -> str | None:
    engine = _at(record, "runtime", "engine")
    return "the local environment, no container" if engine == "none" else engine


def _image(record: Mapping[str, Any]) -> str | None:
    runtime = _at(record, "runtime") or {}
    if runtime.get("image") is None:
        return "none" if runtime else None
    text = str(runtime["image"])
    if "image_id" in runtime:
        text += f", {_short(str(runtime['image_id']).removeprefix('sha256:'))}"
    if "base" in runtime:
        text += f", on {runtime['base']}"
    if runtime.get("base_locked") is False:
        text += " (not the base that the repository locks)"
    return text


def _gpus(record: Mapping[str, Any]) -> str | None:
    device = _at(record, "device", "type")
    found = _at(record, "runtime", "gpus")
    if found:
        return ", ".join(map(str, found))
    return "none: ran on the CPU" if device == "cpu" else device


def _costs(records: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str, str, str]]:
    """(variant, jobs, wall time, processor time, peak memory), times summed over jobs."""
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(str(record.get("variant", NOT_RECORDED)), []).append(record)
    table = [(name, *_cost(group)) for name, group in sorted(groups.items())]
    return [*table, ("all", *_cost(records))] if len(groups) > 1 else table


def _cost(records: Sequence[Mapping[str, Any]]) -> tuple[str, str, str, str]:
    def summed(key: str, combine: Callable[[list[float]], float], show: Callable[[float], str]):  # type: ignore[no-untyped-def]
        values = [float(record[key]) for record in records if record.get(key) is not None]
        lacking = len(records) - len(values)
        if not values:
            return NOT_RECORDED
        return show(combine(values)) + (f" ({lacking} {NOT_RECORDED})" if lacking else "")

    return (
        str(len(records)),
        summed("wall_seconds", sum, duration),
        summed("cpu_seconds", sum, duration),
        summed("peak_memory_bytes", max, bytes_),
    )


class _Files:
    """The result files, numbered, and the cells found in them."""

    def __init__(self, frame: pd.DataFrame, records: Sequence[Mapping[str, Any]]) -> None:
        self._cells = dict(list(frame.groupby(["variant", "stage", "metric"])))
        self._names = sorted(str(name) for name in frame["file"].unique())
        self._labels = {name: f"F{index}" for index, name in enumerate(self._names, start=1)}
        self._outputs = {
            PurePath(path): digest
            for record in records
            for path, digest in (_at(record, "outputs") or {}).items()
        }

    def table(self) -> list[tuple[str, str, str]]:
        """(label, path, short SHA-256); the path as recorded, which names no machine's folders."""
        rows = []
        for name in self._names:
            parts = PurePath(name).parts
            recorded = next((p for p in self._outputs if parts[-len(p.parts) :] == p.parts), None)
            digest = self._outputs[recorded] if recorded else None
            rows.append((self._labels[name], str(recorded or name), _short(digest)))
        return rows

    def source(self, claim: str, quantity: str, term: Term) -> SourceView:
        """The cell that one term of an effect reads."""
        cell = self._cells.get((term.variant, term.stage, term.metric))
        rows, files = 0, []
        if cell is not None:
            if isinstance(term.at, int):
                cell = cell[cell["step"] == term.at]
            elif term.at in ("first", "last"):
                cell = cell.drop_duplicates("seed")  # one row a seed, whichever it is
            rows = len(cell)
            files = [self._labels[name] for name in sorted(cell["file"].astype(str).unique())]
        return SourceView(
            claim=claim,
            quantity=quantity,
            variant=term.variant,
            stage=term.stage,
            metric=term.metric,
            position=position(term.at),
            rows=str(rows),
            files=files,
        )


def _sources(pairs: Iterable[tuple[Claim, ClaimResult]], files: _Files) -> list[SourceView]:
    views = []
    for claim, _ in pairs:
        quantities: list[tuple[str, Effect]] = []
        if claim.effect is not None:
            quantities.append(("effect", claim.effect))
        quantities += [(f"precondition: {item.name}", item.effect) for item in claim.preconditions]
        quantities += [(f"control: {control.name}", control.effect) for control in claim.controls]
        quantities += [(f"supporting: {item.name}", item.effect) for item in claim.supporting]
        views += [
            files.source(claim.id, quantity, term)
            for quantity, effect in quantities
            for term in effect.weighted
        ]
    return views


def _agreed(
    records: Sequence[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], object | None]
) -> str:
    """What the records say; every answer with its number of jobs where they differ."""
    counts: Counter[str] = Counter()
    for record in records:
        found = read(record)
        counts[NOT_RECORDED if found is None else str(found)] += 1
    if not counts:
        return NOT_RECORDED
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{text} ({_count(n, 'job')})" for text, n in sorted(counts.items()))


def _at(record: Mapping[str, Any], *path: str) -> Any:
    """A nested value, ``None`` where anything on the way is missing."""
    node: Any = record
    for key in path:
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
    return node


def _code(record: Mapping[str, Any]) -> str | None:
    code = _at(record, "code")
    if not code:
        return None
    version, commit = code.get("version"), code.get("commit")
    # Outside a checkout both the commit and its state are "unknown".
    state = {True: "with uncommitted changes", False: "clean"}.get(
        code.get("dirty"), "state unknown"
    )
    if commit in (None, "unknown"):
        return f"{version or 'version not recorded'}, commit unknown"
    return f"{version or 'version not recorded'}, commit {_short(commit)}, {state}"


def _device(record: Mapping[str, Any]) -> str | None:
    parts = [_at(record, "device", key) for key in ("type", "name")]
    return ", ".join(str(part) for part in parts if part) or None


def _hash_of(record: Mapping[str, Any], *, key: str, name: str) -> str:
    return _short(_at(record, key, name))


def _libraries(record: Mapping[str, Any]) -> str | None:
    libraries = _at(record, "libraries")
    return ", ".join(f"{k} {v}" for k, v in sorted(libraries.items())) if libraries else None


def _short(digest: object | None) -> str:
    """The first twelve characters of a hash, enough to recognise it."""
    return str(digest)[:12] if digest else NOT_RECORDED


def _unit(effect: Effect | None, ablation: Ablation) -> str:
    return effect_unit(effect, ablation.metrics) if effect is not None else ""


def _slug(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _count(number_: int, noun: str) -> str:
    return f"{number_} {noun}{'' if number_ == 1 else 's'}"
