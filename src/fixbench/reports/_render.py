"""A report in the three formats: HTML, a LaTeX fragment, and PDF by Typst.

Each format has a folder of templates, with one partial for each layout of a section.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

import jinja2
import matplotlib
import typst
from markupsafe import Markup

from fixbench.reports import _latex
from fixbench.reports._calibration import CalibrationReport
from fixbench.reports._report import Report
from fixbench.reports._views import FigureView, Measured
from fixbench.reports.figures import INK
from fixbench.reports.overview import Overview
from fixbench.reports.sections._section import Section

__all__ = ["calibration_pdf", "html", "latex", "overview_pdf", "report_pdf"]


def html(template: str, report: Report | CalibrationReport | Overview) -> str:
    """A page that needs no other file."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fixbench.reports", "templates/html"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["picture"] = _picture
    return environment.get_template(f"{template}.html").render(report=report)


def latex(template: str, report: Report | CalibrationReport) -> str:
    """A fragment to ``\\input``."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fixbench.reports", "templates/tex"),
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        autoescape=False,
        finalize=_latex.escape,  # every printed value is escaped, unless it is LaTeX already
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["code"] = _latex.code
    environment.filters["symbols"] = _latex.symbols
    environment.filters["headings"] = _headings
    environment.filters["estimate"] = _estimate
    environment.filters["column"] = _column
    return environment.get_template(f"{template}.tex").render(report=report)


def report_pdf(report: Report) -> bytes:
    """A report as PDF."""
    parts = [_typst("preamble"), _typst("report")]
    for place, sections in (("opening", report.opening), ("sections", report.sections)):
        parts += _typst_sections(place, sections)
    return _pdf(parts, report)


def calibration_pdf(report: CalibrationReport) -> bytes:
    """The page about the calibration as PDF."""
    return _pdf([_typst("preamble"), _typst("calibration")], report)


def overview_pdf(report: Overview) -> bytes:
    """The page of all ablations as PDF."""
    return _pdf([_typst("preamble"), _typst("overview")], report)


def _picture(figure: FigureView) -> Markup:
    """The figure as an inline element that has a name and follows the page's colours."""
    opening = Markup('<svg role="img" aria-label="{}" ').format(figure.alternative)
    return opening + Markup(figure.svg.removeprefix("<svg ").replace(INK, "var(--ink)"))


def _headings(columns: Sequence[str]) -> _latex.Raw:
    """Column headings as a row of a LaTeX table."""
    return _latex.Raw(" & ".join(map(_latex.symbols, columns)))


def _estimate(measured: Measured) -> str:
    """An estimate with its interval and its unit, as far as it has them."""
    return " ".join(filter(None, (measured.value, measured.interval, measured.unit)))


def _column(width: float | None, widths: Sequence[float | None]) -> _latex.Raw:
    """The LaTeX type of a table's column: its share of the line, or as wide as the content."""
    if width is None:
        return _latex.Raw("l")
    room = 0.94 - 0.1 * sum(other is None for other in widths)
    share = room * width / sum(other for other in widths if other is not None)
    return _latex.Raw(rf">{{\raggedright\arraybackslash}}p{{{share:.2f}\linewidth}}")


def _typst(name: str) -> str:
    templates = files("fixbench.reports").joinpath("templates", "typ")
    return templates.joinpath(f"{name}.typ").read_text(encoding="utf-8")


def _typst_sections(place: str, sections: Sequence[Section]) -> list[str]:
    """Every section's partial, each behind a line that says which section it lays out."""
    return [
        f"#let section = report.{place}.at({index})\n{_typst(f'sections/{section.layout}')}"
        for index, section in enumerate(sections)
        if "typ" in section.formats
    ]


def _pdf(parts: Sequence[str], report: Report | CalibrationReport | Overview) -> bytes:
    # The figures' font comes with matplotlib, the text's with typst: none from the machine.
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return typst.compile(
        "\n".join(parts).encode(),
        format="pdf",
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
        sys_inputs={"report": json.dumps(asdict(report), ensure_ascii=False)},
    )
