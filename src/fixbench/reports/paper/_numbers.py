"""The figures of a paper by key: ``\\fixbench{ABLATION}{TIER}{CLAIM}{FIELD}``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixbench.errors import InputError
from fixbench.reports import _latex
from fixbench.reports._claim_fields import claim_fields
from fixbench.reports._claim_head import verdict_slug
from fixbench.reports._format import seed_ranges
from fixbench.reports._rules import VERDICTS
from fixbench.reports.paper._environment import render
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._plain import plain

__all__ = ["ALL", "KeyedNumbers", "ablation_numbers", "numbers_file"]

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
            *(
                (result.id, claim_fields(judged.ablation, claim, result))
                for claim, result in judged.claims
            ),
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


def _word(verdict: str) -> str:
    """A verdict as the name of a field, which has letters only."""
    return verdict_slug(verdict).replace("-", "")
