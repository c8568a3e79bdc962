"""A claim as a row of a table in a paper."""

from __future__ import annotations

from dataclasses import dataclass

from fixbench.ablation import Claim
from fixbench.reports._effects import contrast_text, effect_unit, is_contrast, null_of
from fixbench.reports._format import MISSING, number, p_value, percentage
from fixbench.reports._judging import ClaimResult, Verdict
from fixbench.reports._metrics import metric_label
from fixbench.reports.paper._judged import JudgedAblation

__all__ = ["ClaimRow", "claim_row", "rests_on_equivalence"]


@dataclass(frozen=True, kw_only=True)
class ClaimRow:
    """A claim in print.

    Attributes:
        name: its label, or its statement where it has none.
        documented: the figure of the document, or the side of no effect on which it puts the
            effect; effect: the same with its unit, and with what is on that side.
        margin: the smallest effect that matters, about no effect.
        measured: with interval and unit.
        p: Holm-adjusted of a primary claim; ``equivalence`` where it is that of equivalence or
            non-inferiority, which the verdict rests on.
        adjusted: whether ``p`` is.
        metric: what was measured, in words; empty where nothing was.
        contrast: which arms are set against each other.
        edited: whether its rule was changed after its results existed.
        said: documented, measured, the margin and p in one phrase.
    """

    id: str
    name: str
    documented: str
    effect: str
    margin: str
    measured: str
    p: str
    equivalence: bool
    adjusted: bool
    verdict: Verdict
    metric: str
    contrast: str
    edited: bool
    said: str


def claim_row(judged: JudgedAblation, claim: Claim | None, result: ClaimResult) -> ClaimRow:
    """The row of a claim; ``claim`` is ``None`` where it was withdrawn."""
    documented, measured = _documented(claim, result), _measured(judged, claim, result)
    p, equivalence, adjusted = _p(claim, result)
    margin = _margin(claim)
    within = margin.replace("factor", "a factor of")
    kind = "equivalence p" if equivalence else "p"
    word = "documented" if judged.ablation.results is None else "claimed:"
    said = [
        *([] if documented == MISSING else [f"{word} {_effect(judged, claim, result)}"]),
        *([] if measured == MISSING else [f"measured {measured}"]),
        *([] if MISSING in (measured, margin) else [f"margin {within}"]),
        *([] if p == MISSING else [f"{kind} {p}" if p.startswith("<") else f"{kind} = {p}"]),
    ]
    if (absence := _p_of_absence(claim, result)) and not equivalence:
        said.append(
            f"equivalence p {absence}" if absence[0] == "<" else f"equivalence p = {absence}"
        )
    return ClaimRow(
        id=result.id,
        name=result.label or result.statement,
        documented=documented,
        effect=_effect(judged, claim, result),
        margin=margin,
        measured=measured,
        p=p,
        equivalence=equivalence,
        adjusted=adjusted,
        verdict=result.verdict,
        metric=_metric(judged, claim),
        contrast=_contrast(claim),
        edited=result.edited and judged.ablation.results is None,
        said=", ".join(said).replace("p <", "p < "),
    )


def _metric(judged: JudgedAblation, claim: Claim | None) -> str:
    if claim is None or claim.effect is None:
        return ""
    return metric_label(judged.ablation, (term.metric for term in claim.effect.weighted))


def _contrast(claim: Claim | None) -> str:
    if claim is None or claim.effect is None or claim.decision.rule in ("property", "share"):
        return ""
    return contrast_text(claim.effect)


def _p_of_absence(claim: Claim | None, result: ClaimResult) -> str:
    """Of a claim that is open, p of the other thing that could have been shown."""
    if claim is None or result.verdict != "inconclusive":
        return ""
    p = result.p_equivalence_adjusted if claim.primary else result.p_equivalence
    return p_value(p) if p == p else ""


def _documented(claim: Claim | None, result: ClaimResult) -> str:
    if claim is None or claim.effect is None:
        return MISSING
    decision = claim.decision
    if decision.rule == "property":
        return "true"
    if result.documented_value is not None:
        times = "× " if claim.effect.reported == "log" else ""
        return f"{times}{number(result.documented_value, 3)}"
    if decision.rule == "no_difference":
        return "no change"
    if decision.rule == "not_worse":
        return "not worse"
    null = number(null_of(claim.effect, decision.null), 3)
    return f"{'above' if decision.direction == 'greater' else 'below'} {null}"


def _margin(claim: Claim | None) -> str:
    if claim is None or claim.effect is None or claim.decision.margin is None:
        return MISSING
    margin = number(claim.decision.margin, 3)
    return f"factor {margin}" if claim.effect.reported == "log" else f"± {margin}"


def _effect(judged: JudgedAblation, claim: Claim | None, result: ClaimResult) -> str:
    """What the document says, with its unit and, of a mere side, of what."""
    text = _documented(claim, result)
    if claim is None or claim.effect is None or claim.decision.rule == "property":
        return text
    if claim.decision.rule == "share":
        return f"share of seeds {text}" if result.documented_value is None else f"{text} of seeds"
    unit = effect_unit(claim.effect, judged.ablation)
    if unit and unit != "ratio" and any(character.isdigit() for character in text):
        text = f"{text} {unit}"
    if not text.startswith(("above", "below")):
        return text
    if not is_contrast(claim.effect):
        return f"level {text}"
    return f"{'ratio' if claim.effect.reported == 'log' else 'effect'} {text}"


def _measured(judged: JudgedAblation, claim: Claim | None, result: ClaimResult) -> str:
    found = judged.measured(claim, result)
    if claim is None or result.effect is None:
        return MISSING
    if claim.decision.rule == "property":
        return _property(result)
    times = "× " if found.unit == "ratio" else ""
    unit = "" if found.unit == "ratio" else found.unit.removeprefix("share ")
    return " ".join(filter(None, (f"{times}{found.value}", found.interval, unit)))


def _property(result: ClaimResult) -> str:
    """In how many seeds every value was true; where not in all, which share of values was."""
    assert result.effect is not None
    seeds = result.proportion
    if seeds is None:
        return f"true in {percentage(result.effect.estimate)} of values"
    text = f"true in {seeds.held} of {seeds.checked} seeds"
    share = result.effect.estimate
    if seeds.held == seeds.checked or share in (0, seeds.share):
        return text
    return f"{text} ({percentage(share)} of values)"


def rests_on_equivalence(claim: Claim, result: ClaimResult) -> bool:
    """Whether the verdict rests on p of equivalence, or of non-inferiority."""
    return result.verdict in ("absent", "negligible") or (
        claim.decision.rule in ("no_difference", "not_worse") and result.verdict == "reproduced"
    )


def _p(claim: Claim | None, result: ClaimResult) -> tuple[str, bool, bool]:
    """p, whether it is of equivalence, and whether it is adjusted."""
    if claim is None or result.effect is None:
        return MISSING, False, False
    same = rests_on_equivalence(claim, result)
    adjusted = result.p_equivalence_adjusted if same else result.p_adjusted
    raw = result.p_equivalence if same else result.effect.p_value
    if claim.primary and adjusted == adjusted:
        return p_value(adjusted), same, True
    return p_value(raw), same, False
