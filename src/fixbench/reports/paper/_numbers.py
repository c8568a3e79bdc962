"""The figures of a paper by key: ``\\fixbench{ABLATION}{TIER}{CLAIM}{FIELD}``."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixbench.ablation import Claim, Control, Effect, Precondition
from fixbench.errors import InputError
from fixbench.reports import _latex
from fixbench.reports._claim_head import verdict_slug
from fixbench.reports._effects import margin_zone, null_of, tolerance_zone
from fixbench.reports._format import MISSING, number, p_value, percentage, seed_ranges
from fixbench.reports._judging import ClaimResult, ControlResult, PreconditionResult
from fixbench.reports._rules import VERDICTS
from fixbench.reports._views import Measured, measured_effect
from fixbench.reports.paper._environment import render
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._plain import plain

__all__ = ["ALL", "KeyedNumbers", "ablation_numbers", "claim_fields", "numbers_file"]

#: The key that stands in the place of a claim for what is said of all claims of an ablation.
ALL = "all"


@dataclass(frozen=True, kw_only=True)
class KeyedNumbers:
    """Fields with their printed values, under one key.

    Attributes:
        claim: the id of a claim, or `ALL`.
    """

    ablation: str
    tier: str
    claim: str
    fields: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """One field in LaTeX, and as the plain text of a bookmark."""

    field: str
    text: _latex.Raw
    plain: _latex.Raw


@dataclass(frozen=True, kw_only=True)
class _Block:
    numbers: KeyedNumbers
    lines: list[_Line]


def numbers_file(judged: Sequence[JudgedAblation]) -> str:
    """A file to ``\\input`` in a preamble, with every figure of all claims.

    It defines the command ``\\fixbench``, which expands to a number, so that it works in captions,
    titles and PDF bookmarks. Files of several tiers may be read one after another.

    Raises:
        InputError: a key stands for two numbers.
    """
    found = [numbers for item in judged for numbers in ablation_numbers(item)]
    keys = Counter((numbers.ablation, numbers.tier, numbers.claim) for numbers in found)
    for (ablation, tier, claim), times in keys.items():
        if times > 1:
            expected = f"each claim of {ablation} in tier {tier} once"
            raise InputError("verdicts", "id", claim, expected=expected)
    blocks = [
        _Block(
            numbers=numbers,
            lines=[
                _Line(field=field, text=_text(field, text), plain=_latex.escape(plain(text)))
                for field, text in numbers.fields.items()
            ],
        )
        for numbers in found
    ]
    example = next((numbers for numbers in found if numbers.claim != ALL), None)
    return render("numbers.tex", blocks=blocks, example=example, all=ALL)


def _text(field: str, text: str) -> _latex.Raw:
    return _latex.symbols(text) if field.endswith("text") else _latex.escape(text)


def ablation_numbers(judged: JudgedAblation) -> list[KeyedNumbers]:
    """What is said of the ablation as a whole, then every claim."""
    return [
        KeyedNumbers(
            ablation=judged.name, tier=judged.tier, claim=claim, fields=dict(sorted(fields.items()))
        )
        for claim, fields in [
            (ALL, _summary(judged)),
            *((result.id, claim_fields(judged, claim, result)) for claim, result in judged.claims),
        ]
    ]


def _summary(judged: JudgedAblation) -> dict[str, str]:
    counts = Counter(result.verdict for result in judged.results)
    return {
        "title": judged.ablation.title,
        "claims": str(len(judged.results)),
        "primary": str(sum(result.primary for result in judged.results)),
        "seeds": seed_ranges(judged.seeds),
        "n": str(len(judged.seeds)),
        **{_word(verdict): str(counts[verdict]) for verdict in VERDICTS},
    }


def claim_fields(
    judged: JudgedAblation, claim: Claim | None, result: ClaimResult
) -> dict[str, str]:
    """Field → printed value. A field without a number has an en dash, so that every key exists."""
    effect, found = result.effect, judged.measured(claim, result)
    low, high = _ends(found)
    panel = result.panel
    fields = {
        "label": result.label or MISSING,
        "verdict": result.verdict,
        "documented": result.documented,
        "documentedvalue": number(result.documented_value),
        "measured": found.value,
        "interval": found.interval or MISSING,
        "low": low,
        "high": high,
        "confidence": MISSING if effect is None else f"{number(100 * effect.confidence, 3)} %",
        "unit": found.unit or MISSING,
        "n": found.n,
        "failed": found.failed or MISSING,
        "effectsize": MISSING if effect is None else number(effect.standardised, 3),
        "seedsneeded": MISSING if result.seeds_needed is None else str(result.seeds_needed),
        "weakest": percentage(max(item.rate for item in result.worst)) if result.worst else MISSING,
        "predictionlow": number(None if panel is None else panel.prediction_low),
        "predictionhigh": number(None if panel is None else panel.prediction_high),
        "m": MISSING if panel is None or panel.holm_m is None else str(panel.holm_m),
        **_rule(claim),
    }
    raw = math.nan if effect is None else effect.p_value
    for name, p in (
        ("p", raw),
        ("padjusted", result.p_adjusted),
        ("pequivalence", result.p_equivalence),
        ("pequivalenceadjusted", result.p_equivalence_adjusted),
    ):
        fields |= {name: p_value(p), f"{name}text": p_text(p)}
    return fields | _all_beside(judged, claim, result)


def p_text(p: float) -> str:
    """``p = 0.032``, ``p < 0.001``."""
    text = p_value(p)
    return text if text == MISSING else f"p < {text[1:]}" if text[0] == "<" else f"p = {text}"


def _rule(claim: Claim | None) -> dict[str, str]:
    """What the claim declares for its rule."""
    if claim is None:
        return dict.fromkeys(("rule", "null", "margin", "tolerance", "direction"), MISSING)
    decision = claim.decision
    margin, tolerance = margin_zone(claim), tolerance_zone(claim)
    return {
        "rule": decision.rule.replace("_", " "),
        "null": MISSING if claim.effect is None else number(null_of(claim.effect, decision.null)),
        "margin": MISSING if margin is None else _zone(margin),
        "tolerance": MISSING if tolerance is None else _zone(tolerance),
        "direction": decision.direction or MISSING,
    }


def _all_beside(judged: JudgedAblation, claim: Claim | None, result: ClaimResult) -> dict[str, str]:
    """Preconditions, controls and supporting measurements, numbered in their order."""
    declared: dict[str, Sequence[Precondition | Control]] = {}
    if claim is not None:
        declared = {
            "precondition": claim.preconditions,
            "control": claim.controls,
            "supporting": claim.supporting,
        }
    found: dict[str, Sequence[PreconditionResult | ControlResult]] = {
        "precondition": result.preconditions,
        "control": result.controls,
        "supporting": result.supporting,
    }
    fields = {}
    for kind, items in found.items():
        effects = {item.name: item.effect for item in declared.get(kind, [])}
        for place, item in enumerate(items, start=1):
            for key, text in _beside(judged, effects.get(item.name), item).items():
                fields[f"{kind}{place}{key}"] = text
    return fields


def _beside(
    judged: JudgedAblation, effect: Effect | None, item: PreconditionResult | ControlResult
) -> dict[str, str]:
    found = measured_effect(item.effect, effect, judged.ablation)
    low, high = _ends(found)
    fields = {
        "name": item.name,
        "measured": found.value,
        "interval": found.interval or MISSING,
        "low": low,
        "high": high,
        "unit": found.unit or MISSING,
        "n": found.n,
        "p": found.p,
        "state": item.state or MISSING,
    }
    if isinstance(item, PreconditionResult):
        return fields | {"pmet": p_value(item.p_met), "punmet": p_value(item.p_unmet)}
    return fields | {
        "pexplains": p_value(item.p_explains),
        "pruledout": p_value(item.p_ruled_out),
    }


def _ends(found: Measured) -> tuple[str, str]:
    """The ends of an interval as they are printed in it."""
    if not found.interval:
        return MISSING, MISSING
    low, high = found.interval.strip("[]").split(", ")
    return low, high


def _zone(zone: tuple[float, float]) -> str:
    return f"{number(zone[0], 3)} to {number(zone[1], 3)}"


def _word(verdict: str) -> str:
    """A verdict as the name of a field, which has letters only."""
    return verdict_slug(verdict).replace("-", "")
