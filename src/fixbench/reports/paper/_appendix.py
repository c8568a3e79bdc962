"""Appendices of a paper: one of all ablations, and one of each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixbench.reports._format import MISSING
from fixbench.reports._judging import Verdict
from fixbench.reports.paper._arms import ArmTable, arm_tables
from fixbench.reports.paper._bibliography import document_key, paper_keys
from fixbench.reports.paper._environment import render
from fixbench.reports.paper._forest import empty_figure, forest_figure
from fixbench.reports.paper._judged import JudgedAblation, is_share
from fixbench.reports.paper._plain import plain
from fixbench.reports.paper._row import ClaimRow, claim_row
from fixbench.reports.paper._sentence import SMOKE, sentence
from fixbench.reports.paper._standard import LIMIT, standard_forest
from fixbench.reports.paper._tables import (
    Table,
    claim_tables,
    intervals_text,
    named_parts,
    table_caption,
)

__all__ = ["MEANINGS", "ablation_appendix", "joint_appendix"]

#: In the few words that an appendix has room for; the pages have the exact conditions.
MEANINGS: Mapping[Verdict, str] = {
    "reproduced": "the documented effect is shown, and no control that was tested could explain it",
    "holds": "an exact property, true in every seed",
    "direction only": "the documented direction is shown, its size is open",
    "another size": "the documented direction is shown, with another size",
    "negligible": "the documented direction is shown, smaller than matters",
    "confounded": "the comparison is shown, and a control is shown to explain it",
    "unresolved": "a comparison is shown, in either direction; a control or precondition is open",
    "absent": "shown to be no effect that matters",
    "reversed": "the opposite direction is shown, of whatever size",
    "refuted": "a claim of no change is shown to be false",
    "does not hold": "an exact property, false in a seed",
    "inconclusive": "neither an effect nor its absence is shown",
    "not testable": "the claim cannot be tested here, or what it supposes was not met",
    "withdrawn": "taken out after its results existed",
}

#: What a caption or a sentence names one by one.
_MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class _Figure:
    file: str
    caption: str
    label: str


@dataclass(frozen=True, kw_only=True)
class _Item:
    """One ablation.

    Attributes:
        papers: the keys of its own references, as one ``\\cite`` has them.
        others: the claims that the table leaves out, in words.
        tables, figures: one of each, unless a page has no room for so many claims.
        arms: what each arm reached.
        scaled_down: how the tier differs from what the document describes.
    """

    name: str
    tier: str
    title: str
    plain_title: str
    label: str
    question: str
    document: str
    document_key: str
    papers: str
    sentence: str
    others: str
    tables: list[Table]
    arms: list[ArmTable]
    scaled_down: list[str]
    figures: list[_Figure]


def ablation_appendix(judged: JudgedAblation) -> dict[str, bytes]:
    """``appendix-NAME.tex`` and its figure, by file name."""
    name = f"appendix-{judged.name}"
    forest = forest_figure(judged)
    rows = [claim_row(judged, claim, result) for claim, result in judged.claims]
    # A figure is there in any case: a workflow waits for its file.
    contents = {f"{name}-forest.pdf": empty_figure() if forest is None else forest.pdf}
    figures: list[_Figure] = []
    if forest is not None:
        caption = f"{judged.ablation.title}: effects with {intervals_text(judged)}{forest.marks}."
        absent = [row.id for row in rows if row.id not in forest.drawn]
        if absent:
            caption += f" Not drawn, as no mean was tested: {_listed(absent, ', ')}."
        figures = _figures(
            f"{name}-forest.pdf",
            f"{caption} Dashed: no effect. The mark before a claim is its verdict.",
            f"fig:fixbench-{judged.tier}-{judged.name}",
            forest.pages,
        )
    item = _item(judged, rows, figures)
    text = render("appendix-one.tex", item=item, missing=MISSING, **_method([judged]))
    return {f"{name}.tex": text.encode(), **contents}


def joint_appendix(judged: Sequence[JudgedAblation], tier: str) -> dict[str, bytes]:
    """``appendix.tex`` and its figure, by file name.

    Its tables have the claims that were measured; exact properties and the rest stand in a
    sentence.
    """
    drawn = standard_forest(judged)
    contents = {"appendix-forest.pdf": empty_figure() if drawn is None else drawn[0]}
    figures: list[_Figure] = []
    if drawn is not None:
        figures = _figures(
            "appendix-forest.pdf",
            "Effects of all claims with a margin, the smallest effect that matters. The "
            "axis counts margins from no effect, the documented direction on the right; beyond "
            f"one margin it is logarithmic and ends at {LIMIT:g}. Grey: too small to matter. "
            "Vertical bar: documented value. Shape and colour: verdict.",
            f"fig:fixbench-{tier}",
            drawn[1],
        )
    items = []
    for one in judged:
        measured = [
            claim_row(one, claim, result)
            for claim, result in one.claims
            if claim is not None and result.effect is not None and not is_share(claim)
        ]
        items.append(_item(one, measured, [], joint=True))
    text = render(
        "appendix-all.tex",
        items=items,
        figures=figures,
        tier=tier,
        missing=MISSING,
        **_method(judged),
    )
    return {"appendix.tex": text.encode(), **contents}


def _item(
    judged: JudgedAblation,
    rows: list[ClaimRow],
    figures: list[_Figure],
    *,
    joint: bool = False,
) -> _Item:
    where = f"fixbench-{judged.tier}{'-all' if joint else ''}-{judged.name}"
    return _Item(
        name=judged.name,
        tier=judged.tier,
        title=judged.ablation.title,
        plain_title=plain(judged.ablation.title),
        label=f"sec:{where}",
        question=judged.ablation.question,
        document=judged.ablation.document.title,
        document_key=document_key(judged),
        papers=",".join(paper_keys(judged)),
        sentence=sentence(judged),
        others=_others(judged, {row.id for row in rows}),
        tables=claim_tables(rows, table_caption(judged, rows), f"tab:{where}"),
        scaled_down=[] if joint else judged.scaled_down,
        arms=[] if joint else arm_tables(judged, f"tab:{where}-arms"),
        figures=figures,
    )


def _figures(file: str, caption: str, label: str, pages: int) -> list[_Figure]:
    """The pages of a figure."""
    return [
        _Figure(file=file, caption=caption, label=label)
        for caption, label in named_parts(caption, label, pages)
    ]


def _others(judged: JudgedAblation, shown: set[str]) -> str:
    """The claims beside the table, by verdict."""
    named: dict[Verdict, list[str]] = {}
    for _, result in judged.claims:
        if result.id not in shown:
            named.setdefault(result.verdict, []).append(result.label or result.id)
    parts = [f"{verdict}: {_listed(labels, '; ')}" for verdict, labels in named.items()]
    return f"Not in the table: {'. '.join(parts)}." if parts else ""


def _listed(names: Sequence[str], separator: str) -> str:
    """The first of many names, and how many others there are."""
    left = len(names) - _MOST_NAMED
    if left <= 1:
        return separator.join(names)
    return f"{separator.join(names[:_MOST_NAMED])} and {left} others"


def _method(judged: Sequence[JudgedAblation]) -> dict[str, object]:
    results = [result for item in judged for result in item.results]
    occurring = {result.verdict for result in results}
    rules = {claim.decision.rule for item in judged for claim in item.ablation.claims}
    panels = [result.panel for result in results if result.panel is not None]
    return {
        "adjusted": any((panel.holm_m or 0) > 1 for panel in panels),
        "absence": any(math.isfinite(result.p_equivalence) for result in results),
        "shares": any(
            claim.decision.rule in ("share", "property")
            for item in judged
            for claim in item.ablation.claims
        ),
        "meanings": [(verdict, text) for verdict, text in MEANINGS.items() if verdict in occurring],
        "two_part": "two_part" in rules,
        "unpaired": any(
            claim.decision.unpaired for item in judged for claim in item.ablation.claims
        ),
        "all_unpaired": all(
            claim.decision.unpaired
            for item in judged
            for claim in item.ablation.claims
            if claim.effect is not None
        ),
        "given": all(item.ablation.results is not None for item in judged),
        "looks": any(result.looks is not None for result in results),
        "smoke": SMOKE if any(item.tier == "smoke" for item in judged) else "",
    }
