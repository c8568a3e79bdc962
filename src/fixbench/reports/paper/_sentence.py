"""One sentence about an ablation, from its verdicts and figures alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fixbench.ablation import Claim
from fixbench.reports._judging import ClaimResult, Verdict
from fixbench.reports.paper._judged import JudgedAblation
from fixbench.reports.paper._row import ClaimRow, claim_row

__all__ = ["SMOKE", "is_small_reversal", "sentence"]

SMOKE = "The smoke tier shows that the pipeline works; its verdicts mean nothing."

#: What verdicts say of a document, in the order in which they are told.
_GROUPS: Sequence[tuple[str, tuple[Verdict, ...]]] = (
    ("{} borne out", ("reproduced", "holds")),
    ("{} borne out in part", ("direction only", "another size")),
    ("{} shown to have no size that matters", ("absent", "negligible")),
    ("{} contradicted", ("reversed", "refuted", "does not hold")),
    ("{} explained by something else", ("confounded",)),
    ("{} open", ("unresolved", "inconclusive", "not testable")),
    ("{} withdrawn", ("withdrawn",)),
)


def sentence(judged: JudgedAblation) -> str:
    """How the verdicts are distributed, and what was found of the headline claim."""
    if not judged.results:
        return "No claim was judged."
    small = sum(map(is_small_reversal, judged.results))
    counts = Counter(result.verdict for result in judged.results)
    parts = []
    for words, verdicts in _GROUPS:
        named = [(verdict, counts[verdict]) for verdict in verdicts if counts[verdict]]
        total = sum(count for _, count in named)
        if total:
            detail = ", ".join(
                verdict if len(named) == 1 else f"{count} {verdict}" for verdict, count in named
            )
            if small and "reversed" in verdicts:
                which = "" if small == counts["reversed"] else f", {small} of them"
                detail = detail.replace(
                    "reversed", f"reversed{which} by no size that is shown to matter"
                )
            said = words.format(f"{total} {'is' if total == 1 else 'are'}")
            parts.append(said if said.endswith(detail) else f"{said} ({detail})")
    many = len(judged.results)
    text = f"Of {many} {'claim' if many == 1 else 'claims'}, {_joined(parts)}"
    found = _headline(judged)
    if found is None:
        return f"{text}."
    which, row, edited = found
    said = ": ".join(filter(None, (row.metric, row.said)))
    verdict = f"“{row.name}”, is {row.verdict} ({said}){edited}."
    return f"The claim, {verdict}" if many == 1 else f"{text}; {which}, {verdict}"


def _headline(judged: JudgedAblation) -> tuple[str, ClaimRow, str] | None:
    """The claim that is told first: which that is, its row, and whether it was edited."""
    named = judged.ablation.headline
    pairs = [(claim, result) for claim, result in judged.claims if claim is not None]
    chosen = [pair for pair in pairs if pair[0].id == named]
    which = "the claim that its document is most about"
    if not chosen:
        chosen = [pair for pair in pairs if pair[0].primary and _is_measured(*pair)]
        which = "the first with a measured size"
    if not chosen:
        return None
    claim, result = chosen[0]
    afterwards = result.edited and judged.ablation.results is None
    edited = ", by a rule that was edited after its results existed" if afterwards else ""
    if is_small_reversal(result):
        edited = f", and not shown to be as large as matters{edited}"
    return which, claim_row(judged, claim, result), edited


def is_small_reversal(result: ClaimResult) -> bool:
    """Whether the opposite direction is shown, and not that its size matters."""
    beyond = None if result.ruling is None else result.ruling.evidence.get("beyond")
    return result.verdict == "reversed" and beyond is not None and not beyond.shown


def _is_measured(claim: Claim, result: ClaimResult) -> bool:
    return result.effect is not None and claim.decision.rule not in ("property", "not_testable")


def _joined(parts: Sequence[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"
