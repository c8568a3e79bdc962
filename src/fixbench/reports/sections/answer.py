"""The answer: counts of verdicts, and what a reader must know before any other number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.reports._format import counted, number
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult
from fixbench.reports._rules import VERDICTS
from fixbench.reports.sections._section import Section
from fixbench.reports.sections.failures import failed_runs

__all__ = ["AnswerSection", "build"]

#: What a first paragraph names one by one.
_MOST = 20
_MOST_SENTENCES = 8
_SMOKE = "This is the smoke tier: it shows that the pipeline works, and its verdicts mean nothing."


@dataclass(frozen=True, kw_only=True)
class AnswerSection(Section):
    """Sentences in the order of their weight.

    Attributes:
        warning: the first of them where verdicts mean nothing, else empty.
    """

    sentences: list[str]
    warning: str


def build(inputs: Inputs) -> AnswerSection:
    """The section."""
    return AnswerSection(
        layout="answer",
        id="answer",
        heading="",
        warning="" if inputs.tier.meaningful else _SMOKE,
        sentences=[
            *([] if inputs.tier.meaningful else [_SMOKE]),
            *_given(inputs),
            *_verdicts(inputs.results, given=inputs.ablation.results is not None),
            *_looks(inputs.results),
            *_seed_choice(inputs),
            failed_runs(inputs.frame).sentence,
        ],
    )


def _given(inputs: Inputs) -> list[str]:
    """What a page on results that were given cannot know."""
    if inputs.ablation.results is None:
        return []
    return [
        "The results were given, and the claims were written after them: nothing was registered "
        "beforehand, and how the results were made was not checked. A verdict says what these "
        "numbers show under its rule, not that the rule, the metric or the seeds were chosen "
        "without regard to them."
    ]


def _listed(ids: Sequence[str]) -> str:
    """The first of many, and how many others there are."""
    if len(ids) <= _MOST:
        return ", ".join(ids)
    return f"{', '.join(ids[: _MOST - 1])} and {len(ids) - _MOST + 1} others"


def _first(sentences: Sequence[str], said: str) -> list[str]:
    """The first of many sentences of one kind, and of how many other claims the same is said."""
    if len(sentences) <= _MOST_SENTENCES:
        return list(sentences)
    left = len(sentences) - _MOST_SENTENCES + 1
    return [*sentences[: _MOST_SENTENCES - 1], f"{left} other claims {said}."]


def _verdicts(results: Sequence[ClaimResult], *, given: bool) -> list[str]:
    counts = []
    for verdict in VERDICTS:
        named = [result.id for result in results if result.verdict == verdict]
        if named:
            counts.append(f"{len(named)} {verdict} ({_listed(named)})")
    if not counts:
        return ["No claim was judged."]
    sentences = [f"Of {counted(len(results), 'claim')}: {'; '.join(counts)}."]
    explained: list[str] = []
    for result in results:
        if result.verdict == "confounded":
            rivals = [control.name for control in result.controls if control.state == "explains"]
            if rivals:
                noun = "control" if len(rivals) == 1 else "controls"
                explained.append(f"{result.id} is explained by its {noun}: {'; '.join(rivals)}.")
    sentences += _first(explained, "are explained by a control")
    undecided: list[str] = []
    for result in results:
        if result.verdict == "unresolved":
            open_items = [item.name for item in result.preconditions if item.state == "open"]
            open_items += [item.name for item in result.controls if item.state == "open"]
            still = "; ".join(open_items)
            seeds = result.seeds_needed
            known = "" if seeds is None else f"; about {seeds} seeds would decide"
            undecided.append(f"{result.id} rests on what is open: {still}{known}.")
    sentences += _first(undecided, "rest on what is open")
    for state, text in (("unmet", "is not met"), ("open", "is open")):
        found: dict[str, list[str]] = {}
        for result in results:
            for item in result.preconditions:
                if item.state == state:
                    found.setdefault(item.name, []).append(result.id)
        for name, ids in found.items():
            sentences.append(f"The precondition of {_listed(ids)} {text}: {name}.")
    bare = [
        result.id
        for result in results
        if result.control == "none"
        and result.verdict in ("reproduced", "direction only", "another size")
    ]
    if bare:
        sentences.append(f"No rival explanation was tested for {', '.join(bare)}: no control.")
    elsewhere = [result.id for result in results if result.source]
    if elsewhere:
        sentences.append(f"The document itself does not state: {', '.join(elsewhere)}.")
    withdrawn = [result.id for result in results if result.verdict == "withdrawn"]
    edited = [result.id for result in results if result.edited and result.id not in withdrawn]
    if given:  # it is said of all claims together
        edited = []
    for what, named in (("Edited", edited), ("Withdrawn", withdrawn)):
        if named:
            sentences.append(f"{what} after their results were produced: {', '.join(named)}.")
    return sentences


def _looks(results: Sequence[ClaimResult]) -> list[str]:
    """That seeds were added until a verdict, and what is valid then."""
    unadjusted = max((result.unadjusted_looks for result in results), default=0)
    if unadjusted:
        times = "once" if unadjusted == 1 else f"{unadjusted} times"
        return [
            f"Seeds of this tier were looked at {times} before, by a run that added seeds until a "
            "verdict. The present verdicts come from a run without looks and are not adjusted for "
            "the earlier ones. The promised error rates hold only if the seeds were chosen without "
            "regard to what was seen."
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
        "A claim is shown where its p meets the level of a look. The levels spend "
        f"{number(looks.alpha)} over all looks (alpha-spending after Lan and DeMets, {bounds}) "
        f"and, by Holm's steps, over the family; for one claim alone they were {levels}.",
        "Intervals are wider than 95 % and hold at all looks together. Preconditions, controls and "
        "sizes are judged by these intervals. Like exact properties, they use all seeds, and no "
        "seed was added for them. The p of all seeds is not adjusted. An effect that ended the run "
        "is on average too far from null. Tables of several variants do not allow for looks.",
    ]


def _seed_choice(inputs: Inputs) -> list[str]:
    """That the seeds are not the declared ones, where no plan of looks says why."""
    found = {int(seed) for seed in inputs.frame["seed"].unique()}
    planned = any(result.looks is not None for result in inputs.results)
    if found == set(inputs.tier.seeds) or planned:
        return []
    return [
        "The seeds are not those that the tier declares. If they were chosen after looking at "
        "other results, p-values and intervals promise too much, because nothing is adjusted for "
        "that choice."
    ]
