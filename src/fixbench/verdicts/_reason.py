"""The facts of a result in sentences: the last step, which decides nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fixbench.statistics import MOST_SEEDS, EffectEstimate
from fixbench.verdicts._controls import EXPLAINABLE
from fixbench.verdicts._format import figure, range_text, seeds_text, sentence
from fixbench.verdicts._result import ClaimResult, ControlResult, PreconditionResult
from fixbench.verdicts._ruling import Ruling
from fixbench.verdicts.rules import load_rule

__all__ = ["write_reason"]


def write_reason(result: ClaimResult) -> str:
    """Why the verdict is what it is.

    First what the effect gives by itself; then a precondition that is not met or open, or the
    controls that explain it or are open; or that no control is declared.
    """
    assert result.ruling is not None
    reason = _own_reason(result, result.ruling)
    own = result.ruling.verdict
    unmet = _named(result.preconditions, "unmet")
    if unmet:
        return (
            f"A precondition is not met: {unmet}. Were it not required, the verdict would be "
            f"{own!r}: {reason}"
        )
    open_preconditions = _named(result.preconditions, "open")
    if open_preconditions:
        return (
            f"A precondition is open, neither shown nor excluded: {open_preconditions}. Were it "
            f"met, the verdict would be {own!r}: {reason}{_deciding(result)}"
        )
    if result.verdict == "confounded":
        explaining = _named(result.controls, "explains")
        return f"{reason} But control {explaining}. Without it the verdict would be {own!r}."
    if result.verdict == "unresolved":
        return (
            f"{reason} But a control is open, neither shown to explain it nor ruled out: "
            f"{_named(result.controls, 'open')}. Were it ruled out, the verdict would be "
            f"{own!r}.{_deciding(result)}"
        )
    if result.verdict in EXPLAINABLE and load_rule(result.ruling.rule).tested:
        if result.control == "none":
            return f"{reason} No control is declared: no rival explanation was tested."
        return f"{reason} Every control is ruled out."
    return reason


def _named(items: Sequence[ControlResult | PreconditionResult], state: str) -> str:
    """Those in that state, each with its figure and what it would mean."""
    return "; ".join(
        f"{item.name!r} {_measures(item.effect)}: {item.meaning.rstrip('.')}"
        for item in items
        if item.state == state
    )


def _deciding(result: ClaimResult) -> str:
    """The seeds that would decide what is open, where the claim's own are not these."""
    assert result.ruling is not None
    if result.verdict == "inconclusive":
        if result.ruling.seeds_needed is None or result.seeds_needed == result.ruling.seeds_needed:
            return ""
        if result.seeds_needed is None:
            return " No number of seeds that can be named would decide what is open too."
        return f" With what is open it would take about {result.seeds_needed} seeds."
    if result.verdict != "unresolved":
        return ""
    if result.seeds_needed is None:
        return " No number of seeds that can be named would decide it."
    return (
        f" Were the effects as observed, about {result.seeds_needed} seeds would decide it with "
        "80 % power."
    )


def _own_reason(result: ClaimResult, ruling: Ruling) -> str:
    """What the effect gives by itself."""
    if ruling.finding == "not measured":
        return f"Tier {ruling.details['tier']!r} does not measure {ruling.details['variants']}."
    if ruling.finding.startswith("withdrawn"):
        text = "The claim was taken out of the ablation file after these results were produced"
        if ruling.finding == "withdrawn, in the family":
            text += (
                "; it still counts in the family, so that p of the others is adjusted for it too"
            )
        return f"{text}."
    if ruling.finding in ("no number", "no logarithm"):
        return f"No effect can be computed. {ruling.details['lost']}"
    rule = load_rule(ruling.rule)
    if not rule.tested:
        return sentence(rule.explain(ruling, result))
    return _tested_reason(result, ruling)


def _tested_reason(result: ClaimResult, ruling: Ruling) -> str:
    effect = result.effect
    assert effect is not None
    measured = f"Measured {figure(effect.estimate)}{ruling.unit}"
    documented = f"documented: {result.documented}"
    if ruling.finding == "one seed":
        return (
            f"{measured} with one seed, which allows neither an interval nor a test; {documented}. "
            f"{ruling.details.get('copies', '')}"
        ).strip()
    explanation = load_rule(ruling.rule).explain(ruling, result)
    if ruling.verdict == "inconclusive":
        explanation += (
            f"; were the effect as observed, about {ruling.seeds_needed} seeds would show "
            f"{ruling.toward!r} with 80 % power"
            if ruling.seeds_needed is not None
            else f"; were the effect as observed, not even {MOST_SEEDS} seeds would settle it"
        )
    elif ruling.seeds_needed is not None and ruling.toward is not None:
        explanation += (
            f"; were the effect as observed, about {ruling.seeds_needed} seeds would show "
            f"{ruling.toward!r} with 80 % power"
        )
    failed = f", {effect.n_failed} with a failed run" if effect.n_failed else ""
    counted = f"n = {effect.n} seeds{failed}"
    if effect.arms:
        failed = f", {effect.n_failed} of them failed" if effect.n_failed else ""
        sizes = " and ".join(str(arm.n) for arm in effect.arms)
        counted = f"n = {sizes} runs without pairs{failed}"
    if math.isnan(effect.p_value):  # of a claim in two parts
        return f"{sentence(f'Documented: {result.documented}')} {explanation}."
    text = (
        f"{measured} ({effect.confidence * 100:.3g} % interval "
        f"{range_text(effect.low, effect.high)}; {counted}); {documented}. "
        f"{explanation}."
    )
    if not result.primary:
        what = "p is not adjusted" if result.looks is None else "its levels are those of one claim"
        if ruling.collapses is not None:
            what = "p is adjusted for its two parts alone"
        text += f" The claim is not primary, so {what}."
    return text


def _measures(effect: EffectEstimate | None) -> str:
    if effect is None:
        return "is not measured in this tier"
    if math.isnan(effect.estimate):
        lost = effect.n_failed == effect.n
        why = "as no run of one of its variants succeeded" if lost else "as a note says"
        return f"has no number, {why} (n = {effect.n} seeds)"
    failed = f", {seeds_text(effect.n_failed)} with a failed run" if effect.n_failed else ""
    if math.isnan(effect.low):
        return (
            f"measures {figure(effect.estimate)} (one seed, so that there is no interval{failed})"
        )
    return f"measures {figure(effect.estimate)} ({range_text(effect.low, effect.high)}{failed})"
