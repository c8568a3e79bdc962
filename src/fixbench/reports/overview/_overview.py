"""What the page of all ablations shows: counts of verdicts, a sentence each, every claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fixbench.ablation import Claim, Conclusion
from fixbench.reports._changes import printed_changes
from fixbench.reports._claim_fields import p_text
from fixbench.reports._claim_head import verdict_slug
from fixbench.reports._format import MISSING, number
from fixbench.reports._judging import ClaimResult, ControlResult, PreconditionResult, Verdict
from fixbench.reports._levels import levels_said
from fixbench.reports._margin_axis import BAND, TICKS, StripView, strip_view
from fixbench.reports._sentences import Said, Sentences
from fixbench.reports.overview._told import ToldFigure, told_figures
from fixbench.reports.paper._appendix import MEANINGS
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._marks import MARKS
from fixbench.reports.paper._row import ClaimRow, claim_row
from fixbench.reports.paper._sentence import SMOKE, is_small_reversal, sentence

__all__ = ["AblationView", "BarPart", "Overview", "PlacedClaim", "build_overview"]


_TITLE = "Documented claims, tested again"
#: Conclusions of an ablation on the page; its report has all.
_ADVICE = 3
_SIZES = {
    "small": ", the smaller of two sizes of trial",
    "extended": ", the larger of two sizes of trial",
}


@dataclass(frozen=True, kw_only=True)
class BarPart:
    """A verdict and how many claims have it."""

    verdict: Verdict
    slug: str
    symbol: str
    count: int


@dataclass(frozen=True, kw_only=True)
class PlacedClaim:
    """A claim in the figure of all claims.

    Attributes:
        said: its documented and measured values; of: what was measured, and of which arms; levels:
            what each arm reached.
        statement: what the document says, as it was judged; empty where it is the name.
        edited: what was changed in it after its results existed; empty where nothing was.
        found: what is so, where the verdict does not say it; empty where nothing is said.
        why: what made its verdict besides the effect: controls, preconditions, a size that is not
            shown to matter, or why nothing was measured; empty where nothing did.
        strip: ``None`` where it has no place on the axis.
    """

    id: str
    name: str
    verdict: Verdict
    slug: str
    symbol: str
    said: str
    of: str
    levels: str
    found: str
    why: str
    statement: str
    edited: str
    strip: StripView | None


@dataclass(frozen=True, kw_only=True)
class Advice:
    """A conclusion, and the claims whose rows have its figures."""

    text: str
    claims: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class AblationView:
    """One ablation.

    Attributes:
        document: its title; source: where it was published, as text; address: as a link, or empty.
        setting: what was trained and where it differs from the document, in short.
        advice: what a reader should do now: the first conclusions that the results bear.
        arms: the variants that claims name, with what each is.
        told: the figures of the advice that no claim has as its own.
        family: over how many claims p is adjusted; empty where none is.
        scaled_down: how the tier differs from what the document describes.
    """

    name: str
    title: str
    document: str
    source: str
    address: str
    setting: str
    sentence: str
    advice: list[Advice]
    arms: list[tuple[str, str]]
    told: list[ToldFigure]
    family: str
    bar: list[BarPart]
    scaled_down: list[str]
    claims: list[PlacedClaim]


@dataclass(frozen=True, kw_only=True)
class Overview:
    """The page.

    Attributes:
        warning: what a reader must know first; empty where there is nothing.
        advice_note, claims_note: what must be known of the advice and of the figure of all claims.
        method: how claims were judged, for who knows statistics.
        meanings: the verdicts that occur: symbol, name, style, meaning.
        ticks: places and labels of the axis.
        band: the ends of the zone of effects too small to matter.
    """

    tier: str
    lead: str
    warning: str
    ablations: list[AblationView]
    method: str
    meanings: list[tuple[str, Verdict, str, str]]
    ticks: Sequence[tuple[float, str]]
    band: tuple[float, float]
    title: str = _TITLE
    advice_note: str = (
        "These sentences were written by hand after the reference runs, and the claim that is told "
        "first of each document was chosen then. A sentence is printed only where the verdicts and "
        "figures of this run support it; its figures are those of this run. The reports have the "
        "others."
    )
    claims_note: str = (
        "The mark is the measured effect, the line its interval, the upright bar the documented "
        "value. The axis counts distances from no effect in margins (the smallest effect that "
        "matters), with the documented direction on the right. The grey zone is too small to "
        "matter. Beyond it the axis is logarithmic. Intervals speak of one claim alone. Verdicts "
        "and p-values are adjusted for all claims of a document, so that an interval at an edge "
        "may decide nothing."
    )


def build_overview(judged: Sequence[JudgedAblation], tier: str) -> Overview:
    """The page of the given ablations, in their order."""
    results = [result for item in judged for result in item.results]
    given = any(item.ablation.results is not None for item in judged)
    occurring = {result.verdict for result in results}
    return Overview(
        tier=tier,
        title="Claims about given results" if given else _TITLE,
        lead=f"{_lead(judged, results, tier)}{_how(results)}"
        if results
        else f"No claim was judged in tier {tier}.",
        warning=SMOKE if tier == "smoke" else "",
        ablations=[_ablation(item) for item in judged],
        method=_method(judged),
        meanings=[
            (MARKS[verdict].symbol, verdict, verdict_slug(verdict), text)
            for verdict, text in MEANINGS.items()
            if verdict in occurring
        ],
        ticks=TICKS,
        band=BAND,
    )


def _lead(judged: Sequence[JudgedAblation], results: Sequence[ClaimResult], tier: str) -> str:
    """What was judged, on what, and by rules of when."""
    claims = "1 claim" if len(results) == 1 else f"{len(results)} claims"
    if any(item.ablation.results is not None for item in judged):
        return (
            f"{claims} about results that were given. Claims and rules were written after them. "
            "How the results were made was not checked."
        )
    documents = "1 document" if len(judged) == 1 else f"{len(judged)} documents"
    if all((item.ablation.system or "").startswith("fixbench.systems.") for item in judged):
        return (
            f"{claims} of {documents} about repairs of deep-learning models, tested again on "
            "systems that were built again at a small size and trained for a short time "
            f"(tier {tier}{_SIZES.get(tier, '')}). Each claim was judged by a rule that was "
            f"written before the results of its seeds{_edited(results)}."
        )
    return (
        f"{claims} of {documents}, tested in tier {tier}. Each claim was judged by a rule whose "
        f"hash every result carries, so that a later change shows{_edited(results)}."
    )


def _how(results: Sequence[ClaimResult]) -> str:
    """Of how many seeds the figures are, and what intervals and p-values speak of."""
    effects = [result.effect for result in results if result.effect is not None]
    if not effects:
        return ""
    counts = sorted({effect.n for effect in effects})
    seeds = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    confidence = number(100 * effects[0].confidence, 3)
    return (
        f" Figures are of {seeds} seeds an arm. Intervals are {confidence} %, each of one claim "
        "alone; p-values and verdicts are adjusted for all claims of a document."
    )


def _method(judged: Sequence[JudgedAblation]) -> str:
    """Tests, adjustment, and when something is shown, by the rules that occur."""
    claims = [claim for item in judged for claim, result in item.claims if claim and result.effect]
    decisions = [claim.decision for claim in claims if claim.decision.rule != "property"]
    if not decisions:
        return ""
    rules = {decision.rule for decision in decisions}
    parts = []
    if not all(decision.unpaired for decision in decisions):
        parts.append(
            "A seed fixes the random numbers of a run. All arms have the same seeds, so that an "
            "effect is a mean of paired differences (of logarithms where ratios are compared), "
            "with Student's t."
        )
    if _same_in_every_seed(judged):
        parts.append("An effect that is the same in every seed has the sign test instead.")
    if any(decision.unpaired for decision in decisions):
        parts.append("Runs that are no pairs are compared by Welch's t.")
    if "share" in rules:
        parts.append("Shares of seeds have the exact binomial test.")
    parts.append(
        "p is adjusted by Holm's method over the primary claims of a document, for differences and "
        f"for absence apart. {_shown(judged)}"
    )
    if rules & {"difference", "two_part"}:
        parts.append(
            "Reproduced asks for an effect that is shown to be at least the margin, the smallest "
            "that matters, in the documented direction."
        )
    if any(decision.margin is not None for decision in decisions):
        parts.append(
            "Absent asks for an effect that two one-sided tests show to lie within the margin, "
            "after the adjustment: an interval that lies inside need not be enough."
        )
    if "no_difference" in rules:
        parts.append("A claim that nothing changes is reproduced where that is shown.")
    parts.append(
        "The margin of each claim, its rule with its hash, its controls and all its runs are in "
        "the report of the ablation."
    )
    return " ".join(parts)


def _same_in_every_seed(judged: Sequence[JudgedAblation]) -> bool:
    """Whether a mean effect has no spread, of which Student's t could say nothing."""
    effects = [
        result.effect
        for item in judged
        for claim, result in item.claims
        if claim is not None and claim.decision.rule not in ("property", "share")
    ]
    return any(
        len(effect.per_seed) > 1 and len(set(effect.per_seed.values())) == 1
        for effect in effects
        if effect is not None
    )


def _shown(judged: Sequence[JudgedAblation]) -> str:
    """When a test shows something: by one level, or by those of the looks."""
    results = [result for item in judged for result in item.results if result.effect is not None]
    if any(result.looks is not None for result in results):
        return "Something is shown where p meets the level of a look, by Holm's steps."
    levels = sorted(
        {number(1 - result.effect.confidence, 2) for result in results if result.effect}
    )
    return f"Something is shown where the adjusted p is below {' or '.join(levels)}."


def _edited(results: Sequence[ClaimResult]) -> str:
    named = [result.id for result in results if result.edited]
    return f"; {', '.join(named)} were edited afterwards, as their reports say" if named else ""


def _ablation(judged: JudgedAblation) -> AblationView:
    sentences = Sentences(judged.ablation, judged.tier, judged.results)
    counts = Counter(result.verdict for result in judged.results)
    said: set[str] = set()
    advice = [] if judged.tier == "smoke" else _printed(sentences)
    told = told_figures(judged, [conclusion.text for conclusion, _ in advice])
    return AblationView(
        name=judged.name,
        title=judged.ablation.title,
        document=judged.ablation.document.title,
        source=_source(judged),
        address=_address(judged),
        setting=sentences.setting(),
        sentence=sentence(judged),
        advice=[Advice(text=said.text, claims=said.claims) for _, said in advice],
        arms=_arms(judged, told),
        told=told,
        family=_family(judged.results),
        bar=[
            BarPart(
                verdict=verdict,
                slug=verdict_slug(verdict),
                symbol=MARKS[verdict].symbol,
                count=counts[verdict],
            )
            for verdict in MEANINGS
            if counts[verdict]
        ],
        scaled_down=judged.scaled_down,
        claims=[_line(judged, sentences, said, *pair) for pair in judged.claims],
    )


def _printed(sentences: Sentences) -> list[tuple[Conclusion, Said]]:
    """The first conclusions that the results bear."""
    return [pair for pair in sentences.conclusions() if not pair[1].why_not][:_ADVICE]


def _source(judged: JudgedAblation) -> str:
    origin = judged.ablation.document.origin
    if origin is None:
        return ""
    commit = f" at commit {origin.commit}" if origin.commit else ""
    return f"{origin.repository}{commit}"


def _address(judged: JudgedAblation) -> str:
    origin = judged.ablation.document.origin
    return "" if origin is None else origin.repository or ""


def _family(results: Sequence[ClaimResult]) -> str:
    sizes = {
        str(result.panel.holm_m)
        for result in results
        if result.panel is not None and result.panel.holm_m
    }
    return f"p adjusted over {' or '.join(sorted(sizes))} primary claims" if sizes else ""


def _arms(judged: JudgedAblation, told: Sequence[ToldFigure]) -> list[tuple[str, str]]:
    """The arms of the claims that were measured, and of figures beside them: what each is."""
    named = [level.variant for result in judged.results for level in result.levels]
    named += [arm for figure in told for arm in figure.arms]
    variants = judged.ablation.variants
    return [(name, variants[name].reason) for name in dict.fromkeys(named) if name in variants]


def _line(
    judged: JudgedAblation,
    sentences: Sentences,
    told: set[str],
    claim: Claim | None,
    result: ClaimResult,
) -> PlacedClaim:
    row = claim_row(judged, claim, result)
    supposed = result.verdict == "not testable" and row.measured != MISSING
    return PlacedClaim(
        id=row.id,
        name=row.name,
        verdict=row.verdict,
        slug=verdict_slug(row.verdict),
        symbol=MARKS[row.verdict].symbol,
        said="not judged: what it supposes is not met" if supposed else row.said or "not measured",
        of="" if supposed else _of(row),
        levels="" if supposed or not row.contrast else levels_said(result, runs=False),
        found=sentences.found(row.id),
        why=_why(claim, result, told),
        statement=result.statement if result.label else "",
        edited=_changed(result) if row.edited else "",
        strip=None if claim is None or supposed else strip_view(claim, result),
    )


#: Where a changed item stands in a claim, in words.
_ITEMS = {
    "preconditions": "precondition",
    "controls": "control",
    "supporting": "supporting measurement",
}


def _changed(result: ClaimResult) -> str:
    parts = []
    for key, before, after in printed_changes(result.changes):
        kind, _, name = key.partition(".")
        if kind in _ITEMS and after in ("added", "removed"):
            parts.append(f"{_ITEMS[kind]} “{name}” {after}")
        else:
            parts.append(f"{key} from {before} to {after}")
    return f"edited after its results existed{': ' * bool(parts)}{'; '.join(parts)}"


def _of(row: ClaimRow) -> str:
    if row.contrast:
        return f"{row.metric}: {row.contrast}"
    return f"checked: {row.metric}" if row.metric else ""


#: The states of controls and preconditions that make a verdict, with what is said of them.
_WHY: Mapping[Verdict, Mapping[str, str]] = {
    "confounded": {"explains": "explained by:"},
    "unresolved": {"open": "undecided:"},
    "inconclusive": {"open": "undecided besides:"},
    "not testable": {"unmet": "not met:"},
}


def _why(claim: Claim | None, result: ClaimResult, told: set[str]) -> str:
    """What made a verdict; ``told`` has the names whose meaning was said before."""
    states = _WHY.get(result.verdict, {})
    found: dict[str, list[str]] = {}
    items: list[PreconditionResult | ControlResult] = [*result.preconditions, *result.controls]
    for item in items:
        if item.state in states:
            text = f"“{item.name}”" + f" ({item.meaning})" * (item.name not in told)
            told.add(item.name)
            found.setdefault(states[item.state or ""], []).append(text)
    if found:
        parts = (f"{said} {', '.join(names)}" for said, names in found.items())
        return "; ".join(parts)
    if is_small_reversal(result):
        assert result.ruling is not None
        against = result.ruling.evidence["beyond"]
        return f"not shown to be as large as matters (against the margin {p_text(against.p)})"
    if result.verdict == "not testable" and result.ruling is not None:
        if result.ruling.finding == "not measured":
            return "this tier does not run what it compares"
        reason = "" if claim is None else (claim.decision.reason or "")
        return reason.partition(". ")[0].rstrip(".")
    return ""
