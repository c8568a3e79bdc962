"""What the page about the calibration says and shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import fixbench
from fixbench.calibration import (
    DISTRIBUTIONS,
    FAMILY_LEVEL,
    SEEN_WITH,
    TWO_POINT,
    Calibration,
    Rate,
    Speed,
)
from fixbench.reports._format import number
from fixbench.reports._views import FigureView, TableText
from fixbench.reports.figures import levels

__all__ = ["CalibrationReport", "RateTable", "build_calibration"]

_DISTRIBUTIONS = TableText(
    caption="The effects of single seeds, each with mean 0 and standard deviation 1",
    columns=("Name", "Effects", "Symmetric"),
)
_WORDS = {"equal": "", "at most": "≤ ", "at least": "≥ "}


@dataclass(frozen=True, kw_only=True)
class RateTable:
    """Rates that answer one question.

    Attributes:
        columns: after those of method, condition, what is promised and what could be seen.
        rows: method, condition, promised, the true rates that would be refuted (`Rate.seen`), then
            cells: text and `Rate.verdict` ("" where empty).
    """

    question: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str, tuple[tuple[str, str], ...]], ...]


@dataclass(frozen=True, kw_only=True)
class CalibrationReport:
    """The page, independent of the format it is printed in.

    Attributes:
        rate_columns: the columns that every table of rates begins with.
        distributions: name, meaning, whether it is symmetric.
        speed: sentences, none where the speed was not measured.
    """

    title: str
    question: str
    answer: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    figures: tuple[FigureView, ...]
    legend: str
    tables: tuple[RateTable, ...]
    rate_columns: tuple[str, ...] = ("Method", "Effects", "Promised", "Could see")
    distributions: tuple[tuple[str, str, str], ...]
    distributions_table: TableText = _DISTRIBUTIONS
    speed: tuple[str, ...]


def build_calibration(calibration: Calibration) -> CalibrationReport:
    """The page's content."""
    rates = calibration.rates
    questions = list(dict.fromkeys(rate.question for rate in rates))
    failed = len(calibration.failed)
    return CalibrationReport(
        title="Calibration of the statistics",
        question="Are error rates, coverage and power what they are said to be, and which test "
        "should be the default?",
        answer=calibration.conclusions,
        facts=(
            ("Fixbench", fixbench.__version__),
            ("Replications of a test", f"{calibration.replications}"),
            ("Seed", f"{calibration.seed}"),
            ("Rates", f"{len(rates)}"),
            ("Promised by theory", f"{sum(rate.required for rate in rates)}"),
            ("Of these, refuted", f"{failed}"),
        ),
        figures=tuple(_drawn(rates)),
        legend="Bold marks a rate that the exact binomial test refutes, with its departure from "
        "what is promised in percentage points. Grey marks a rate that is refuted on the harmless "
        "side. A dagger (†) marks what theory promises; elsewhere a departure is a property of the "
        f"method. The level of each test is {number(rates[0].level, 2)}, which is "
        f"{_percent(FAMILY_LEVEL)} divided by the number of promised rates (Bonferroni): a "
        "calibration in which all are as promised refutes any of them in at most "
        f"{_percent(FAMILY_LEVEL)} of cases. 'Could see' gives the true rates, on the harmful "
        f"side, that are refuted with a probability of at least {100 * SEEN_WITH:.0f} %.",
        tables=tuple(_table(question, rates) for question in questions),
        distributions=tuple(
            (kind.name, kind.meaning, "yes" if kind.symmetric else "no")
            for kind in (*DISTRIBUTIONS, TWO_POINT)
        ),
        speed=_speed(calibration.speed),
    )


def _speed(speed: Speed | None) -> tuple[str, ...]:
    if speed is None:
        return ()
    return (
        f"The verdicts of {speed.claims} claims at {speed.seeds} seeds, each with a control, take "
        f"{number(speed.verdicts, 2)} s from rows to reasons.",
        f"Their bootstrap-t intervals ({speed.resamples} resamples) take "
        f"{number(speed.bootstrap, 2)} s; a loop over the claims takes {number(speed.loop, 2)} s "
        f"and differs by at most {number(speed.largest_difference, 1)} of an interval's width.",
    )


def _table(question: str, rates: Sequence[Rate]) -> RateTable:
    """A column a number of seeds where they are few or rows have several, else a row a rate."""
    asked = [rate for rate in rates if rate.question == question]
    rows: dict[tuple[str, str], dict[int, Rate]] = {}
    for rate in asked:
        rows.setdefault((rate.method, rate.condition), {})[rate.n] = rate
    sizes = sorted({rate.n for rate in asked})
    crossed = len(sizes) <= 4 or any(len(found) > 1 for found in rows.values())
    columns = [f"n = {n}" for n in sizes] if crossed else ["n", "found"]
    lines = []
    methods = list(dict.fromkeys(rate.method for rate in asked))
    ordered = sorted(rows, key=lambda key: methods.index(key[0]))
    for method, condition in ordered:
        found = rows[method, condition]
        mark = " †" if any(rate.required for rate in found.values()) else ""
        promises = [_promised(rate) for rate in found.values()]
        varying = len(set(promises)) > 1
        seen = dict.fromkeys(_seen(found[n]) for n in sorted(found))
        cells = [_cell(found.get(n), promise=varying) for n in sizes] if crossed else []
        if not crossed:
            rate = next(iter(found.values()))
            cells = [(f"{rate.n}", ""), _cell(rate)]
        promised = "as shown" if varying else promises[0]
        lines.append((method, f"{condition}{mark}", promised, "; ".join(seen), tuple(cells)))
    return RateTable(question=question, columns=tuple(columns), rows=tuple(lines))


def _promised(rate: Rate) -> str:
    return f"{_WORDS[rate.bound]}{_percent(rate.nominal)}"


def _seen(rate: Rate) -> str:
    below, above = rate.seen
    texts = [] if below is None else [f"≤ {_percent(below)}"]
    texts += [] if above is None else [f"≥ {_percent(above)}"]
    return ", ".join(texts) or "nothing"


def _cell(rate: Rate | None, *, promise: bool = False) -> tuple[str, str]:
    if rate is None:
        return "–", ""
    text = _percent(rate.rate)
    if promise:
        text += f" ({_promised(rate)})"
    if rate.verdict == "off":
        sign = "+" if rate.departure > 0 else "−"
        text += f", {sign}{abs(rate.departure):.1f}"
    return text, rate.verdict


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _drawn(rates: Sequence[Rate]) -> list[FigureView]:
    """Errors and coverage by number of seeds."""
    drawn = []
    for question, methods, limits, band, caption in (
        (
            "false positives",
            ("t", "bootstrap-t"),
            (0.0, 0.2),
            (0.025, 0.075),
            "False positives of tests at 5 %, by number of seeds. The band is Bradley's (1978) "
            "2.5 to 7.5 %.",
        ),
        (
            "coverage",
            ("t", "bootstrap-t"),
            (0.6, 1.0),
            (0.925, 0.975),
            "Coverage of 95 % intervals, by number of seeds. The band is 92.5 to 97.5 %.",
        ),
    ):
        panels = {
            method: {
                kind.name: {
                    rate.n: rate.rate
                    for rate in rates
                    if (rate.question, rate.method, rate.condition) == (question, method, kind.name)
                }
                for kind in DISTRIBUTIONS
            }
            for method in methods
        }
        svg = levels(f"calibration {question}", panels, label="seeds", limits=limits, band=band)
        alternative = f"{question} of {' and '.join(methods)} by number of seeds and distribution"
        drawn.append(FigureView(svg=svg, caption=caption, alternative=alternative))
    return drawn
