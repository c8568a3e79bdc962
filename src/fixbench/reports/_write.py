"""Reports on disk: HTML, LaTeX and PDF from one description, written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
import pandas as pd
import typst
from markupsafe import Markup

from fixbench.ablation import Ablation
from fixbench.calibration import Calibration
from fixbench.determinism import Determinism
from fixbench.errors import InputError
from fixbench.files import whole_file
from fixbench.reports import _latex
from fixbench.reports._calibration import CalibrationReport, build_calibration
from fixbench.reports._figures import INK
from fixbench.reports._view import FigureView, Report, build_report
from fixbench.verdicts import ClaimResult, claims_table

__all__ = ["write_calibration", "write_claims", "write_report"]


def write_report(
    ablation_name: str,
    ablation: Ablation,
    tier: str,
    frame: pd.DataFrame,
    results: Sequence[ClaimResult],
    provenance: Sequence[Mapping[str, Any]],
    directory: Path,
    *,
    determinism: Determinism | None = None,
) -> list[Path]:
    """Write ``<ablation_name>.html``, ``.tex`` and ``.pdf`` to ``directory``.

    The bytes depend on the arguments alone, not on the machine, its fonts or the time.

    Args:
        tier: the tier that produced the results.
        frame: the tidy results with the column ``file``.
        results: one for each claim of the ablation.
        provenance: one record for each job; what a record lacks is printed as not recorded.
        determinism: how far the same seed gives the same rows, where it was measured.

    Returns:
        The files written.

    Raises:
        InputError: results and claims do not match, or ``directory`` cannot be written to.
    """
    report = build_report(
        ablation_name,
        ablation,
        tier,
        frame,
        results,
        provenance,
        determinism=determinism,
    )
    contents = {
        f"{ablation_name}.html": _html("report.html", report).encode(),
        f"{ablation_name}.tex": _tex("report.tex", report).encode(),
        f"{ablation_name}.pdf": _pdf("report.typ", report),
    }
    return _write(directory, contents)


def write_calibration(calibration: Calibration, directory: Path) -> list[Path]:
    """Write ``calibration.html``, ``.tex`` and ``.pdf`` to ``directory``.

    Raises:
        InputError: ``directory`` cannot be written to.
    """
    report = build_calibration(calibration)
    contents = {
        "calibration.html": _html("calibration.html", report).encode(),
        "calibration.tex": _tex("calibration.tex", report).encode(),
        "calibration.pdf": _pdf("calibration.typ", report),
    }
    return _write(directory, contents)


def write_claims(results: Sequence[ClaimResult], directory: Path) -> list[Path]:
    """Write ``claims.json`` and ``claims.csv``: one entry per claim, of any number of ablations.

    A number that does not exist is ``null`` in JSON and an empty field in CSV, which leaves out
    preconditions, controls and looks: a list does not fit a cell.

    Raises:
        InputError: ``directory`` cannot be written to.
    """
    rows = claims_table(results)
    nested = ("preconditions", "controls", "looks")
    columns = [key for key in rows[0] if key not in nested] if rows else []
    table = io.StringIO(newline="")
    writer = csv.DictWriter(table, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    text = json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)
    return _write(
        directory,
        {"claims.json": f"{text}\n".encode(), "claims.csv": table.getvalue().encode()},
    )


def _html(template: str, report: Report | CalibrationReport) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fixbench.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["picture"] = _picture
    return environment.get_template(template).render(report=report)


def _picture(figure: FigureView) -> Markup:
    """The figure as an inline element that has a name and follows the page's colours."""
    opening = Markup('<svg role="img" aria-label="{}" ').format(figure.alternative)
    return opening + Markup(figure.svg.removeprefix("<svg ").replace(INK, "var(--ink)"))


def _tex(template: str, report: Report | CalibrationReport) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("fixbench.reports"),
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
    return environment.get_template(template).render(report=report)


def _pdf(template: str, report: Report | CalibrationReport) -> bytes:
    templates = files("fixbench.reports").joinpath("templates")
    source = b"\n".join(
        templates.joinpath(name).read_bytes() for name in ("preamble.typ", template)
    )
    # The figures' font comes with matplotlib, the text's with typst: none from the machine.
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return typst.compile(
        source,
        format="pdf",
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[fonts]),
        sys_inputs={"report": json.dumps(asdict(report), ensure_ascii=False)},
    )


def _write(directory: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write all files beside their places, then move all of them there."""
    paths = [directory / name for name in contents]
    try:
        with ExitStack() as stack:
            for path in paths:
                stack.enter_context(whole_file(path)).write_bytes(contents[path.name])
    except OSError as error:
        raise InputError(
            directory, "", expected=f"a folder that can be written to ({error.strerror})"
        ) from error
    return paths
