"""The table of verdicts, and all effects in one figure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fixbench.ablation import Claim
from fixbench.reports import figures
from fixbench.reports._claim_head import ClaimHead, claim_heads, verdict_slug
from fixbench.reports._effects import effect_quantity
from fixbench.reports._format import MISSING, number
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult
from fixbench.reports._margin_axis import BAND, StripView, strip_view
from fixbench.reports._near import nearness
from fixbench.reports._rules import VERDICTS
from fixbench.reports._strips import claim_strip, is_drawn, named_null, named_zones
from fixbench.reports._views import FigureView, TableText, bounds
from fixbench.reports.paper import JudgedAblation
from fixbench.reports.paper._marks import MARKS
from fixbench.reports.paper._row import claim_row
from fixbench.reports.sections._section import Section

__all__ = ["VerdictMeaning", "VerdictRow", "VerdictsSection", "build"]

_TABLE = TableText(
    caption="n is the number of paired seeds; the number in brackets counts those with a failed "
    "run. The second p is adjusted by Holm's method over the primary claims of the document, "
    "separately for each kind of evidence (difference, absence). Sizes and controls are not "
    "adjusted. 'Weakest test': in the worst of the simulated samples with skewed or collapsing "
    "seeds, the least certain of the tests behind a verdict (of effect, preconditions and "
    "controls) errs this often, and several together may err more often. So few seeds cannot "
    "tell whether theirs are such.",
    columns=(
        "Claim",
        "Statement",
        "Documented",
        "Measured",
        "p raw / Holm",
        "n (failed)",
        "Weakest test",
        "Verdict",
    ),
)
_PAGE_TABLE = TableText(
    caption="The number of a claim leads to all that its verdict rests on.",
    columns=(
        "Claim",
        "Label",
        "Verdict",
        "Measured",
        "p raw / Holm (m)",
        "n (failed)",
        "Weakest test",
    ),
)
_STRIP = (
    "In the picture the mark is the measured effect, the line its interval, the upright bar the "
    "documented value, and the grey zone what is too small to matter; the documented direction is "
    "on the right, and distances are counted in margins (beyond one, logarithmically)."
)
_EDITED = "This claim was edited after the results were produced."
_AFTERWARDS = "This claim was written after the results, which were given."


@dataclass(frozen=True, kw_only=True)
class VerdictMeaning:
    """A verdict that occurs, with its meaning."""

    verdict: str
    slug: str
    meaning: str


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """A claim in the table of the page.

    Attributes:
        order: the place of its verdict among all; sort: of its effect among others, and p_sort: of
            its p; empty for none.
        documented: empty where the document says nothing that can be compared.
        strip: ``None`` where it has no margin; said: the same in words.
        near: how near its verdict stands to a bound, empty where it does not.
        equivalence: its p, where the verdict rests on it; else empty.
    """

    head: ClaimHead
    symbol: str
    order: int
    sort: str
    p_sort: str
    documented: str
    said: str
    strip: StripView | None
    near: str
    equivalence: str


@dataclass(frozen=True, kw_only=True)
class VerdictsSection(Section):
    """Verdicts, their meanings and all effects in one figure.

    Attributes:
        rows, page_table, band: the table of the page, with the zone of its strips; strips: what
            these show, empty for none.
        key: what the place of an interval means; none where no claim is of a difference.
    """

    claims: list[ClaimHead]
    table: TableText
    rows: list[VerdictRow]
    page_table: TableText
    band: tuple[float, float] = BAND
    strips: str
    edited: str
    meanings: list[VerdictMeaning]
    key: FigureView | None
    overview: FigureView | None


def build(inputs: Inputs) -> VerdictsSection | None:
    """The section; none without a claim."""
    if not inputs.results:
        return None
    occurring = {result.verdict for result in inputs.results}
    return VerdictsSection(
        layout="verdicts",
        id="verdicts",
        heading="Verdicts",
        navigation="Verdicts",
        claims=claim_heads(inputs),
        table=replace(_TABLE, caption=_TABLE.caption + _holms_m(inputs)),
        rows=_rows(inputs),
        page_table=_PAGE_TABLE,
        strips=_STRIP if any(strip_view(*pair) for pair in inputs.judged) else "",
        edited=_EDITED if inputs.ablation.results is None else _AFTERWARDS,
        meanings=[
            VerdictMeaning(verdict=verdict, slug=verdict_slug(verdict), meaning=meaning)
            for verdict, meaning in VERDICTS.items()
            # Others too: captions and rules speak of them.
            if verdict in occurring or verdict != "withdrawn"
        ],
        key=_key(inputs),
        overview=_overview(inputs),
    )


def _rows(inputs: Inputs) -> list[VerdictRow]:
    """One row a claim, the withdrawn ones last."""
    judged = JudgedAblation(
        name=inputs.name, ablation=inputs.ablation, tier=inputs.tier.name, results=inputs.results
    )
    pairs: list[tuple[Claim | None, ClaimResult]] = [*inputs.judged]
    pairs += [(None, result) for result in inputs.withdrawn]
    verdicts = list(VERDICTS)
    rows = []
    for (claim, result), head in zip(pairs, claim_heads(inputs), strict=True):
        row = claim_row(judged, claim, result)
        strip = None if claim is None else strip_view(claim, result)
        measured, p = result.effect, result.p_adjusted
        p = p if p == p or measured is None else measured.p_value
        rows.append(
            VerdictRow(
                head=head,
                symbol=MARKS[result.verdict].symbol,
                order=verdicts.index(result.verdict),
                sort=str(strip.value) if strip is not None else "",
                p_sort=f"{p:.6g}" if p == p else "",
                documented="" if row.effect == MISSING else row.effect,
                said=row.said,
                strip=strip,
                near="" if claim is None else nearness(claim, result),
                equivalence=row.p if row.equivalence else "",
            )
        )
    return rows


def _holms_m(inputs: Inputs) -> str:
    """By how many claims Holm adjusts each kind of p; empty where no claim was tested."""
    panels = [result.panel for result in inputs.results if result.panel is not None]
    different = {panel.holm_m for panel in panels} - {None}
    within = {panel.holm_m_within for panel in panels} - {None}
    kinds = [("difference", different), ("absence", within)]
    text = ", ".join(f"m = {found.pop()} for {kind}" for kind, found in kinds if len(found) == 1)
    return f" Claims in the family: {text}." if text else ""


def _key(inputs: Inputs) -> FigureView | None:
    if not any(
        claim.decision.rule in ("difference", "two_part") for claim in inputs.ablation.claims
    ):
        return None
    return FigureView(
        svg=figures.zones(),
        caption="What the place of an interval means for a claim of a difference, one alone. Of "
        "several, each p is Holm-adjusted, so that an interval at an edge may decide nothing. "
        "Where no tolerance is declared, any size beyond the margin is reproduced. Controls and "
        "preconditions can turn the verdict into confounded, unresolved or not testable.",
        alternative="Examples of intervals beside no effect, the margin around it and the "
        "tolerance around the documented size. "
        + "; ".join(f"{item.verdict}: {item.words}" for item in figures.EXAMPLES)
        + ".",
    )


def _overview(inputs: Inputs) -> FigureView | None:
    drawn = [
        claim_strip(
            claim,
            result,
            _strip_label(claim, result),
            quantity=_quantity(inputs, claim),
            ablation=inputs.ablation,
        )
        for claim, result in inputs.judged
        if is_drawn(claim, result)
    ]
    if not drawn:
        return None
    absent = [claim.id for claim, result in inputs.judged if not is_drawn(claim, result)]
    confidence = number(100 * drawn[0].estimate.confidence, 3)
    caption = (
        f"Every measured effect with its {confidence} % interval; {named_null(drawn)}"
        f"{named_zones(drawn)}. Effects of one quantity share an axis, which is logarithmic for "
        "ratios. Effects far from no effect have an axis of their own, so that ranges differ."
    )
    if absent:
        caption += f" Not drawn (exact properties, or not measured): {', '.join(absent)}."
    shown = [f"{item.label}: {' '.join(bounds(item.estimate))}" for item in drawn]
    return FigureView(
        svg=figures.forest(f"{inputs.name}-overview", drawn),
        caption=caption,
        alternative=f"Measured effects beside documented values. {'; '.join(shown)}.",
    )


def _strip_label(claim: Claim, result: ClaimResult) -> str:
    named = f"{claim.id} {claim.label}" if claim.label else claim.id
    return f"{named} ({result.verdict})"


def _quantity(inputs: Inputs, claim: Claim) -> str:
    if claim.decision.rule == "share":
        return "share of seeds"
    assert claim.effect is not None
    return effect_quantity(claim.effect, inputs.ablation)
