"""Several published tables of the same claims: how far effects differ, and why verdicts do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fixbench import statistics
from fixbench.statistics import Synthesis
from fixbench.verdicts._format import p_text

__all__ = ["Cause", "ClaimSynthesis", "synthesise"]

Cause = Literal[
    "same verdict",
    "edited claim",
    "not measured",
    "precondition",
    "control",
    "effects differ",
    "less data",
    "adjusted p",
]
Row = Mapping[str, Any]

_LEVEL = 0.05
# Below this ratio of standard errors, more data is not what made the difference.
_MUCH_WIDER = 1.25


@dataclass(frozen=True, kw_only=True)
class ClaimSynthesis:
    """One claim in several tables.

    Attributes:
        verdicts: table → verdict.
        synthesis: of the effects, on the analysis scale (logarithms of ratios); ``None`` where an
            effect was not measured, has no variance, or is not judged by a t-interval (a share).
        p_differ: that the effects are one. Of two effects Welch's t with the degrees of freedom of
            their seeds; of more, chi² of Q. Adjusted for nothing.
        cause: why the verdicts differ: the first of the list that applies.
        text: the same in one sentence.
    """

    ablation: str
    id: str
    verdicts: Mapping[str, str]
    synthesis: Synthesis | None
    p_differ: float | None
    cause: Cause
    text: str


@dataclass(frozen=True)
class _Measured:
    value: float
    error: float
    n: float


def synthesise(tables: Mapping[str, Sequence[Row]]) -> list[ClaimSynthesis]:
    """Every claim that stands in at least two tables, in the order of the first.

    Runs of different tables are taken as independent; where tiers share seeds but not sizes, this
    is an approximation.

    Args:
        tables: name → rows of `fixbench.verdicts.claims_table`.

    Raises:
        KeyError: a row lacks a key of such a table.
    """
    found: dict[tuple[str, str], dict[str, Row]] = {}
    for name, rows in tables.items():
        for row in rows:
            found.setdefault((row["ablation"], row["id"]), {})[name] = row
    return [_claim(*key, rows) for key, rows in found.items() if len(rows) > 1]


def _claim(ablation: str, id_: str, rows: Mapping[str, Row]) -> ClaimSynthesis:
    effects = {name: _effect(row, row) for name, row in rows.items()}
    together, p = _together([*effects.values()])
    verdicts = {name: row["verdict"] for name, row in rows.items()}
    cause, text = _why(rows, effects, p)
    if together is not None:
        apart = together.heterogeneity
        text += (
            f" (Q = {apart.q:.3g}, I² = {100 * apart.i_squared:.0f} %, "
            f"{p_text(math.nan if p is None else p)})"
        )
    return ClaimSynthesis(
        ablation=ablation,
        id=id_,
        verdicts=verdicts,
        synthesis=together,
        p_differ=p,
        cause=cause,
        text=text + ".",
    )


def _effect(item: Row, claim: Row) -> _Measured | None:
    """Value and standard error on the analysis scale, from the interval of Student's or Welch's t.

    ``None`` where there is no such interval: the two sides then differ, or are of no length.
    """
    value, low, high, n = (item[key] for key in ("measured", "interval_low", "interval_high", "n"))
    if value is None or low is None or high is None or n < 2:
        return None
    if item is claim and claim.get("arms"):
        if claim["arms"]["degrees_of_freedom"] is None:
            return None
        n = claim["arms"]["degrees_of_freedom"] + 1
    if item["scale"] == "log" and min(value, low) <= 0:
        return None
    value, low, high = (statistics.to_analysis(one, item["scale"]) for one in (value, low, high))
    reach = (high - low) / 2
    if reach <= 0 or not math.isclose(value - low, reach, rel_tol=1e-6):
        return None
    error = statistics.standard_error(low, high, n=n, confidence=claim["confidence"])
    return _Measured(value, error, n)


def _together(effects: Sequence[_Measured | None]) -> tuple[Synthesis | None, float | None]:
    known = [effect for effect in effects if effect is not None]
    if len(known) < len(effects) or len(known) < 2:
        return None, None
    found = statistics.synthesis([one.value for one in known], [one.error for one in known])
    if len(known) > 2:
        return found, found.heterogeneity.p_value
    a, b = known
    p = statistics.two_effects_p(a.value, a.error, a.n, b.value, b.error, b.n)
    return found, p


def _why(
    rows: Mapping[str, Row], effects: Mapping[str, _Measured | None], p: float | None
) -> tuple[Cause, str]:
    """The first cause that applies, and its sentence without the numbers of heterogeneity."""
    if len({row["verdict"] for row in rows.values()}) == 1:
        if p is not None and p < _LEVEL:
            return "same verdict", "The verdict is the same, although the effects differ"
        return "same verdict", "The verdict is the same"
    if len({row["claim_sha256"] for row in rows.values()}) > 1:
        return "edited claim", "The tables were judged under different forms of the claim"
    if absent := [name for name, row in rows.items() if row["measured"] is None]:
        return "not measured", f"The effect was not measured in {', '.join(absent)}"
    if text := _unmet(rows):
        return "precondition", text
    if text := _explained(rows):
        return "control", text
    if text := _open(rows):
        return "control", text
    if p is not None and p < _LEVEL:
        return "effects differ", "The effects themselves differ"
    errors = {name: one.error for name, one in effects.items() if one is not None}
    same = (
        "No difference between the effects is shown" if p is not None else "The effects are equal"
    )
    if len(errors) == len(rows):
        wide, narrow = max(errors, key=errors.__getitem__), min(errors, key=errors.__getitem__)
        ratio = errors[wide] / errors[narrow]
        if ratio >= _MUCH_WIDER:
            return "less data", (
                f"{same}; the standard error in {wide} is {ratio:.1f} times that in {narrow}"
            )
    decided = "; ".join(
        f"{name}: {', '.join(_decisive(row)) or 'none'}" for name, row in rows.items()
    )
    return "adjusted p", f"{same}; only p falls on the other side of its level ({decided})"


def _decisive(row: Row) -> list[str]:
    """The p-values of a row in words."""
    kinds = (
        ("difference", "p_adjusted", "p_raw", "holm_m"),
        ("absence", "p_equivalence_adjusted", "p_equivalence", "holm_m_within"),
    )
    panel = row.get("panel") or {}
    found = []
    for name, adjusted, raw, family in kinds:
        value = row[raw] if row[adjusted] is None else row[adjusted]
        if value is not None:
            m = panel.get(family) if row[adjusted] is not None else None
            found.append(f"{name} {p_text(value)}" + (f", m = {m}" if m else ""))
    return found


def _unmet(rows: Mapping[str, Row]) -> str:
    """The preconditions that make a claim not testable in some of the tables."""
    if not any(row["verdict"] == "not testable" for row in rows.values()):
        return ""
    unmet = {
        name: [item["name"] for item in row["preconditions"] if _state(item) in ("unmet", "open")]
        for name, row in rows.items()
    }
    return "; ".join(
        f"The precondition “{item}” is not met in {name}"
        for name, items in unmet.items()
        if rows[name]["verdict"] == "not testable"
        for item in items
    )


def _explained(rows: Mapping[str, Row]) -> str:
    """The controls that explain the claim in some of the tables, where one is confounded."""
    if not any(row["verdict"] == "confounded" for row in rows.values()):
        return ""
    explains = {
        name: {item["name"] for item in row["controls"] if _state(item) == "explains"}
        for name, row in rows.items()
    }
    confounded = {name for name, row in rows.items() if row["verdict"] == "confounded"}
    others = [name for name in rows if name not in confounded]
    texts = []
    for control in sorted(set.union(*(explains[name] for name in confounded))):
        free = [name for name in others if control not in explains[name]]
        if len(free) < len(others):
            continue
        where = [name for name in confounded if control in explains[name]]
        text = f"The control “{control}” explains the claim in {', '.join(sorted(where))} only"
        _, p = _together([_effect(_item(row, control), row) for row in rows.values()])
        if p is not None:
            differ = "differ" if p < _LEVEL else "are not shown to differ"
            text += f", and its own effects {differ} ({p_text(p)})"
        texts.append(text)
    return "; ".join(texts)


def _open(rows: Mapping[str, Row]) -> str:
    """What leaves the claim unresolved in some of the tables."""
    return "; ".join(
        f"“{item['name']}” is open in {name}"
        for name, row in rows.items()
        if row["verdict"] == "unresolved"
        for item in [*row["preconditions"], *row["controls"]]
        if _state(item) == "open"
    )


def _state(item: Row) -> str | None:
    """The state of a control or precondition; tables before 0.3.0 know two of the three."""
    if "state" in item:
        state: str | None = item["state"]
        return state
    if "met" in item:
        return "met" if item["met"] else "open"
    return "explains" if item["explains"] else None


def _item(row: Row, control: str) -> Row:
    nothing = dict.fromkeys(("measured", "interval_low", "interval_high", "n", "scale"))
    return next((item for item in row["controls"] if item["name"] == control), nothing)
