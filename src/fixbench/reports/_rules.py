"""Verdicts and decision rules in words, from the declared claims alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fixbench.ablation import Claim, Control, Precondition
from fixbench.reports._effects import margin_zone, null_of, tolerance_zone
from fixbench.reports._format import number
from fixbench.reports._judging import Verdict, load_rule

__all__ = ["VERDICTS", "decision_rule", "explanation_rule", "requirement"]

#: Every verdict, in the order in which reports list them, with its meaning.
VERDICTS: Mapping[Verdict, str] = {
    "reproduced": "shown to have the documented direction and to be at least as large as matters; "
    "where a tolerance is declared, the documented size is shown too, and every control is ruled "
    "out",
    "holds": "an arithmetic or exact property, true in every seed",
    "direction only": "the documented direction is shown, the size is open",
    "another size": "the documented direction is shown, and the documented size is shown to be "
    "wrong",
    "negligible": "the documented direction is shown, and the effect is shown to be smaller than "
    "matters",
    "confounded": "the documented comparison is shown, and a control is shown to explain it",
    "unresolved": "the comparison is shown, but a rival explanation (control) or a precondition is "
    "open: neither shown nor ruled out",
    "absent": "shown to be no effect that matters",
    "reversed": "the opposite direction is shown, of whatever size",
    "refuted": "what the document says to stay as it is, is shown to change by more than matters",
    "does not hold": "an arithmetic or exact property, false in at least one seed",
    "inconclusive": "none of these is shown with this number of seeds",
    "not testable": "the claim cannot be tested here, for the stated reason",
    "withdrawn": "taken out of the ablation's claims after its results existed",
}


@dataclass(frozen=True, kw_only=True)
class _Words:
    """What the sentences of several rules have in common.

    Attributes:
        effect: with its article; name: without.
        side: where the documented direction lies, ``above`` or ``below`` of ``null``.
        p: when a test shows something.
        percent: the confidence of intervals.
    """

    effect: str
    name: str
    null: str
    side: str
    p: str
    percent: str


def decision_rule(claim: Claim, confidence: float, *, looks: bool = False) -> list[str]:
    """The rule that judges the claim, one sentence an entry, in the order of its decision.

    Args:
        looks: seeds were added until a verdict, and ``confidence`` is that of the last look.
    """
    decision, effect = claim.decision, claim.effect
    if effect is None:
        return [f"Not tested: {(decision.reason or '').rstrip('.')}."]
    if decision.rule == "property":
        return [
            "The claim is an exact property. It holds when every value of every successful run is "
            "1. One other value refutes it; a failed run leaves it open."
        ]
    p = f"{'Holm-adjusted ' if claim.primary else ''}p < {number(1 - confidence, 2)}"
    if looks:
        p = "p no larger than the level of a look"
        p += ", by Holm's steps" if claim.primary else ""
    name = "ratio" if effect.reported == "log" else "effect"
    words = _Words(
        effect=f"a {name}" if name == "ratio" else f"an {name}",
        name=name,
        null=number(null_of(effect, decision.null)),
        side="above" if decision.direction == "greater" else "below",
        p=p,
        percent=number(100 * confidence, 3),
    )
    write = _SENTENCES.get(decision.rule)
    sentences = [load_rule(decision.rule).summary] if write is None else write(claim, words)
    if decision.unpaired:
        sentences.append(
            "The runs of its variants are no pairs: tests and interval are Welch's, of independent "
            "samples."
        )
    if claim.preconditions:
        conditions = "; ".join(f"{item.name}: {requirement(item)}" for item in claim.preconditions)
        sentences.insert(
            0,
            f"The claim is judged only where the {words.percent} % interval of each precondition "
            f"is as required ({conditions}). Where that is shown to be false, the claim is not "
            "testable; where neither is shown, it is unresolved, or inconclusive if its effect is.",
        )
    if not claim.primary and not looks:
        sentences.append("The claim is outside the primary family, so that its p is not adjusted.")
    return sentences


def _difference(claim: Claim, words: _Words) -> list[str]:
    return [
        f"The claim is absent when {words.effect} {_equivalent(claim, words)}; it is negligible "
        f"when {words.effect} {words.side} {words.null} is shown besides.",
        f"Otherwise {words.effect} {words.side} {words.null} ({words.p}) shows the documented "
        "direction, and one on the other side the opposite direction.",
        f"It is reproduced when {words.effect} {words.side} {_bound(claim, words)}, the smallest "
        f"that matters, is shown ({words.p})"
        + (" and the documented size too." if tolerance_zone(claim) is not None else "."),
        _size(claim, words),
    ]


def _direction(claim: Claim, words: _Words) -> list[str]:
    return [
        f"{words.effect.capitalize()} {words.side} {words.null} ({words.p}) shows the claimed "
        "direction, and one on the other side the opposite direction.",
        "No margin is declared, so that neither absence nor a size that matters can be shown.",
    ]


def _two_part(claim: Claim, words: _Words) -> list[str]:
    collapse = claim.decision.collapse
    assert collapse is not None
    bound = f"above {number(collapse.above)}"
    if collapse.below is not None:
        bound = f"below {number(collapse.below)}"
    metric = claim.effect.weighted[0].metric if claim.effect is not None else ""
    return [
        f"A run with {metric} {bound} counts as collapsed, and so does one that failed. Seeds in "
        "which an arm collapsed are judged apart: that one arm collapses more often is shown by "
        f"the exact McNemar test ({words.p}). All else is about the other seeds.",
        *_difference(claim, words),
        "Collapses that are shown to go against the documented direction reverse the claim; where "
        "the mean is shown to go the other way, it is inconclusive. Collapses that go with it show "
        "the direction. Both parts count in the family.",
    ]


def _no_difference(claim: Claim, words: _Words) -> list[str]:
    return [
        "The document asserts no effect. The claim is reproduced when "
        f"{words.effect} {_equivalent(claim, words)}.",
        f"It is refuted when {words.effect} beyond that zone is shown ({words.p}).",
    ]


def _not_worse(claim: Claim, words: _Words) -> list[str]:
    low, high = _margin(claim)
    bound, worse = (low, "below") if words.side == "above" else (high, "above")
    return [
        f"The document asserts that nothing gets worse; values {words.side} {words.null} are "
        f"better. The claim is reproduced when {words.effect} {words.side} {number(bound, 3)} is "
        f"shown (non-inferiority, {words.p}; never where a run failed).",
        f"It is refuted when {words.effect} {worse} {number(bound, 3)} is shown ({words.p}).",
    ]


def _share(claim: Claim, words: _Words) -> list[str]:
    failed = "does not hold" if words.side == "above" else "holds"
    return [
        "The claim is a property of each seed. It holds in a seed when every value is 1; a failed "
        f"run counts as a seed in which it {failed}.",
        f"A share of seeds {words.side} {words.null} shows the documented direction (exact "
        f"binomial test, {words.p}); a share on the other side shows the opposite direction.",
        _size(claim, words),
    ]


#: Rules that name the numbers of their claim. Of another rule its own summary is printed.
_SENTENCES: Mapping[str, Callable[[Claim, _Words], list[str]]] = {
    "difference": _difference,
    "direction": _direction,
    "no_difference": _no_difference,
    "not_worse": _not_worse,
    "share": _share,
    "two_part": _two_part,
}


def _equivalent(claim: Claim, words: _Words) -> str:
    return (
        f"{_between(_margin(claim))} is shown (two one-sided tests, {words.p}; never where a run "
        "failed)"
    )


def _margin(claim: Claim) -> tuple[float, float]:
    zone = margin_zone(claim)
    assert zone is not None  # the rules that ask for it declare a margin
    return zone


def _bound(claim: Claim, words: _Words) -> str:
    """The end of the margin on the documented side."""
    low, high = _margin(claim)
    return number(high if words.side == "above" else low, 3)


def _size(claim: Claim, words: _Words) -> str:
    """When the documented size is shown."""
    target = tolerance_zone(claim)
    if target is not None:
        failed = "" if claim.decision.rule == "share" else " and no run failed"
        return (
            f"The documented size is shown when the {words.percent} % interval lies "
            f"{_between(target)}{failed}; it is another size when the interval lies wholly outside."
        )
    if claim.decision.tolerance is not None:
        return "The claim gives no documented number, so its size cannot be reproduced."
    return "No tolerance is declared, so the size is not judged."


def explanation_rule(control: Control) -> str:
    """When a control explains the documented comparison."""
    return _interval_rule(control.explains_above, control.explains_below) or "decides nothing"


def requirement(precondition: Precondition) -> str:
    """When a precondition is met."""
    return _interval_rule(precondition.above, precondition.below)


def _interval_rule(above: float | None, below: float | None) -> str:
    if above is not None and below is not None:
        return f"interval within {number(above)} to {number(below)}"
    if above is not None:
        return f"interval above {number(above)}"
    return f"interval below {number(below)}" if below is not None else ""


def _between(zone: tuple[float, float]) -> str:
    return f"between {number(zone[0], 3)} and {number(zone[1], 3)}"
