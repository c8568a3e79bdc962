"""Claims that are proposed of given results, and the files of an ablation around them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fixbench.errors import InputError
from fixbench.judging._cells import MISSING
from fixbench.judging._given import DEFAULT_STAGE, Cell, Given
from fixbench.judging._roles import Better, better_by_name, near

__all__ = [
    "DOCUMENTED",
    "RESULTS",
    "TIER",
    "Choices",
    "Comparison",
    "Proposal",
    "ablation_text",
    "claims_text",
    "identifier",
    "propose",
    "why_unpaired",
]

#: The rows, in the folder of the ablation.
RESULTS = "results.parquet"
#: Given results are of no tier; the name stands in files alone.
TIER = "full"
DOCUMENTED = "none (the claim was proposed after the results)"
_BASELINES = (
    "baseline",
    "base",
    "control",
    "reference",
    "vanilla",
    "before",
    "default",
    "original",
)
_MOST_CLAIMS = 2500
#: Of the label of a claim.
_MOST_WORDS = 6


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What a user decides, or leaves to names.

    Attributes:
        better: metric → the direction that is better; "" for all metrics that are not named.
        margin: metric → the smallest effect that matters; likewise.
    """

    baseline: str | None = None
    better: Mapping[str, Better] = field(default_factory=dict)
    margin: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A claim that is proposed: ``variant`` is better than ``against`` in one cell.

    Attributes:
        unpaired: why its runs are no pairs, if they are none.
    """

    id: str
    variant: str
    against: str
    metric: str
    stage: str
    better: Better
    margin: float | None
    unpaired: str


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The comparisons, and what they rest on.

    Attributes:
        baseline_from: why it is the baseline.
        better: metric → direction; better_from: metric → where that is from.
        left_out: comparisons that cannot be made, with the reason.
    """

    baseline: str
    baseline_from: str
    better: dict[str, Better]
    better_from: dict[str, str]
    comparisons: list[Comparison]
    left_out: list[str]


def propose(given: Given, choices: Choices) -> Proposal:
    """Each other variant against the baseline, in each metric and stage that both measured.

    Raises:
        InputError: the baseline or a metric that was named is not there; there is nothing to
            compare, or more than 2,500 comparisons.
    """
    baseline, why = _baseline(given, choices.baseline)
    better, better_from = _directions(given, choices.better)
    margins = _margins(given, choices.margin)
    comparisons: list[Comparison] = []
    left_out = []
    for metric in given.metrics:
        for stage in given.stages:
            if not any(cell[1:] == (metric, stage) for cell in given.values):
                continue
            for variant in given.labels:
                if variant == baseline:
                    continue
                lacking = [
                    name
                    for name in (variant, baseline)
                    if (name, metric, stage) not in given.values
                ]
                if lacking:
                    where = "" if stage == DEFAULT_STAGE else f" in {stage}"
                    left_out.append(f"{variant}, {metric}{where}: not measured of {lacking[0]}")
                    continue
                comparisons.append(
                    Comparison(
                        id=identifier(len(comparisons)),
                        variant=variant,
                        against=baseline,
                        metric=metric,
                        stage=stage,
                        better=better[metric],
                        margin=margins.get(metric, margins.get("")),
                        unpaired=why_unpaired(
                            given, (variant, metric, stage), (baseline, metric, stage)
                        ),
                    )
                )
    if not comparisons:
        expected = "a metric that the baseline and another variant both have"
        raise InputError("results", "comparisons", "; ".join(left_out[:3]), expected=expected)
    if len(comparisons) > _MOST_CLAIMS:
        expected = f"at most {_MOST_CLAIMS} comparisons; --metric and --stage choose some"
        raise InputError("results", "comparisons", len(comparisons), expected=expected)
    return Proposal(
        baseline=baseline,
        baseline_from=why,
        better=better,
        better_from=better_from,
        comparisons=comparisons,
        left_out=left_out,
    )


def why_unpaired(given: Given, one: Cell, other: Cell) -> str:
    """Why the runs of two cells are no pairs; empty where they are."""
    if not given.paired:
        return given.pairing
    a, b = given.seeds_of(one), given.seeds_of(other)
    if a == b:
        return ""
    lacking = [
        f"{given.labels[cell[0]]} lacks {_some([given.seeds[seed] for seed in seeds])}"
        for cell, seeds in ((one, sorted({*b} - {*a})), (other, sorted({*a} - {*b})))
        if seeds
    ]
    return (
        f"the seeds differ: {len(a)} and {len(b)}, {len(set(a) & set(b))} of them in both "
        f"({'; '.join(lacking)}); with the same seeds everywhere they would be pairs"
    )


def _some(seeds: Sequence[str]) -> str:
    more = f" and {len(seeds) - 5} more" if len(seeds) > 6 else ""
    return f"seed {', '.join(seeds[:5] if more else seeds)}{more}"


def _baseline(given: Given, asked: str | None) -> tuple[str, str]:
    by_label = {label: name for name, label in given.labels.items()}
    if asked is not None:
        if asked in by_label:
            return by_label[asked], "as asked"
        if asked in given.labels:
            return asked, "as asked"
        expected = f"a variant: {near(asked, list(by_label))}"
        raise InputError("--baseline", "", asked, expected=expected)
    for word in _BASELINES:
        exact = [name for name, label in given.labels.items() if label.lower() == word]
        if exact:
            return exact[0], "from its name"
    for word in _BASELINES[:2]:
        holding = [n for n, text in given.labels.items() if word in re.split(r"\W|_", text.lower())]
        if len(holding) == 1:
            return holding[0], "from its name"
    return next(iter(given.labels)), "the first; --baseline names another"


def _directions(
    given: Given, asked: Mapping[str, Better]
) -> tuple[dict[str, Better], dict[str, str]]:
    _refuse_unknown("--better", given, asked)
    better: dict[str, Better] = {}
    source = {}
    for metric in given.metrics:
        if metric in asked or "" in asked:
            better[metric], source[metric] = asked.get(metric, asked.get("", "neither")), "as asked"
            continue
        better[metric] = better_by_name(metric)
        known = better[metric] != "neither"
        source[metric] = "from its name" if known else "not known; --better says it"
    return better, source


def _margins(given: Given, asked: Mapping[str, float]) -> Mapping[str, float]:
    _refuse_unknown("--margin", given, asked)
    for metric, margin in asked.items():
        if not (margin > 0 and math.isfinite(margin)):
            expected = "a positive number, the smallest difference that matters"
            raise InputError("--margin", metric, margin, expected=expected)
    return asked


def _refuse_unknown(option: str, given: Given, asked: Mapping[str, object]) -> None:
    for metric in asked:
        if metric and metric not in given.metrics:
            expected = f"a metric: {near(metric, given.metrics)}"
            raise InputError(option, "", metric, expected=expected)


def identifier(place: int) -> str:
    """``JA01`` to ``JA99``, ``JB01``, …."""
    block, number = divmod(place, 99)
    return f"{chr(ord('J') + block // 26)}{chr(ord('A') + block % 26)}{number + 1:02d}"


def claims_text(given: Given, proposal: Proposal) -> str:
    """``claims.yaml``."""
    lines = ["claims:"]
    for item in proposal.comparisons:
        side = "less" if item.better == "lower" else "greater"
        words = "below" if item.better == "lower" else "above"
        where = "" if item.stage == DEFAULT_STAGE else f" ({item.stage})"
        variant, against = given.labels[item.variant], given.labels[item.against]
        statement = f"{variant} ends {words} {against} in {item.metric}{where}."
        if item.better == "neither":
            statement += " Neither direction is known to be better."
        rule = f"rule: direction, direction: {side}"
        if item.margin is not None:
            rule = f"rule: difference, direction: {side}, margin: {float(item.margin)!r}"
        if item.unpaired:
            rule += ", unpaired: true"
        lines += [
            f"  - id: {item.id}",
            f"    label: {_quoted(_label(given, item))}",
            f"    statement: {_quoted(statement)}",
            "    section: proposed",
            "    kind: outcome",
            f"    documented: {{text: {_quoted(DOCUMENTED)}}}",
            f"    decision: {{{rule}}}",
            f"    effect: {{variant: {_quoted(item.variant)}, metric: {_quoted(item.metric)}, "
            f"stage: {_quoted(item.stage)}, against: {_quoted(item.against)}}}",
        ]
    return "\n".join(lines) + "\n"


def ablation_text(given: Given, proposal: Proposal, *, name: str, files: Sequence[str]) -> str:
    """``ablation.yaml``: nothing that runs, and what is known of the results."""
    shown = [Path(file).name for file in files[:3]]
    source = ", ".join(shown) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
    question = (
        f"Which variants differ from {given.labels[proposal.baseline]}? The results were given, "
        "and the claims were written after them."
    )
    lines = [
        f"title: {_quoted(f'Results in {source}')}",
        f"question: {_quoted(question)}",
        f"document: {{file: {_quoted(shown[0])}, title: {_quoted(f'Results in {source}')}, "
        "section: given results}",
        f"results: {RESULTS}",
        f"baseline_variant: {_quoted(proposal.baseline)}",
        f"baseline: {{variant: {_quoted(given.labels[proposal.baseline])}}}",
        "variants:",
    ]
    for variant, label in given.labels.items():
        changes = (
            "" if variant == proposal.baseline else f", changes: {{variant: {_quoted(label)}}}"
        )
        lines.append(f"  {_quoted(variant)}: {{reason: {_quoted(f'called {label}')}{changes}}}")
    lines.append("metrics:")
    for metric in given.metrics:
        # Without a description the name stands on axes and in captions, and says more.
        lines.append(f'  {_quoted(metric)}: {{better: {proposal.better[metric]}, description: ""}}')
    lines += [
        "tiers:",
        f"  {TIER}: {{seeds: {_quoted(_ranges(sorted(given.seeds)))}, scaled_down: "
        f"[{_quoted('Not known: the results were given.')}]}}",
        "threats:",
        *(f"  - {_quoted(text)}" for text in _threats(given, proposal)),
    ]
    return "\n".join(lines) + "\n"


def _threats(given: Given, proposal: Proposal) -> list[str]:
    """What a reader must not conclude, since it cannot be known from a table."""
    counts = given.count()
    threats = [
        "Not pre-registered: claims, rules, metrics and the baseline were chosen after the results "
        "existed. Were some chosen because of what they show, p-values and intervals promise too "
        "much. Holm's adjustment covers the claims of this page, not those that were not written.",
        "Provenance is not known: code, data, machine and date of the runs are not recorded, so "
        "that nobody can run them again from here. Whether seeds are all that differs between two "
        "runs, and whether runs were left out, does not show in a table.",
        "No control and no precondition is declared: a variant may differ from the baseline in "
        "more than its name says, and no rival explanation was tested.",
    ]
    sides = [
        f"{metric} {proposal.better[metric]} ({proposal.better_from[metric]})"
        for metric in given.metrics
    ]
    threats.append(f"Which side is better was not declared before the results: {', '.join(sides)}.")
    if any(text != str(number) for number, text in given.seeds.items()):
        threats.append(
            "Seeds are numbered in the order of the rows: the table has no whole numbers."
        )
    if counts[MISSING]:
        threats.append(
            f"{counts[MISSING]} values are missing, which this page calls undefined. They are "
            "neither counted as failed nor replaced. If runs are missing because they went badly, "
            "the others are too good."
        )
    return threats


def _label(given: Given, item: Comparison) -> str:
    """At most six words, with the names of variants where their labels are longer."""
    where = item.metric if item.stage == DEFAULT_STAGE else f"{item.metric} {item.stage}"
    text = f"{given.labels[item.variant]} vs {given.labels[item.against]}, {where}"
    if len(text.split()) > _MOST_WORDS:
        text = f"{item.variant} vs {item.against}, {where}"
    return " ".join(text.split()[:_MOST_WORDS])


def _quoted(text: str) -> str:
    """A text in double quotes, which YAML reads as JSON does."""
    return json.dumps(text, ensure_ascii=False)


def _ranges(seeds: Sequence[int]) -> str:
    """``0-4,7``."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][1] + 1:
            parts[-1][1] = seed
        else:
            parts.append([seed, seed])
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in parts)
