"""Reports on disk: HTML, LaTeX and PDF from one description, written whole or not at all."""

from __future__ import annotations

import csv
import errno
import io
import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pandas as pd

from fixbench.ablation import Ablation
from fixbench.calibration import Calibration
from fixbench.determinism import Determinism
from fixbench.errors import InputError
from fixbench.files import whole_file
from fixbench.published import PublishedClaim
from fixbench.reports import _render
from fixbench.reports._calibration import build_calibration
from fixbench.reports._inputs import read_inputs
from fixbench.reports._judging import ClaimResult
from fixbench.reports._metrics_file import metrics_file
from fixbench.reports._published import NESTED, published_table
from fixbench.reports._report import build_report
from fixbench.reports.overview import build_overview
from fixbench.reports.paper import (
    JudgedAblation,
    ablation_appendix,
    bibliography,
    joint_appendix,
    numbers_file,
)

__all__ = ["write_appendix", "write_calibration", "write_claims", "write_report"]


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
    """Write ``<ablation_name>.html``, ``.pdf`` and ``supplement-<ablation_name>.tex``.

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
        read_inputs(
            ablation_name,
            ablation,
            tier,
            frame,
            results,
            provenance,
            determinism=determinism,
        )
    )
    contents = {
        f"{ablation_name}.html": _render.html("report", report).encode(),
        f"supplement-{ablation_name}.tex": _render.latex("report", report).encode(),
        f"{ablation_name}.pdf": _render.report_pdf(report),
    }
    return _write(directory, contents)


def write_calibration(calibration: Calibration, directory: Path) -> list[Path]:
    """Write ``calibration.html``, ``.tex`` and ``.pdf`` to ``directory``.

    Raises:
        InputError: ``directory`` cannot be written to.
    """
    report = build_calibration(calibration)
    contents = {
        "calibration.html": _render.html("calibration", report).encode(),
        "calibration.tex": _render.latex("calibration", report).encode(),
        "calibration.pdf": _render.calibration_pdf(report),
    }
    return _write(directory, contents)


def write_appendix(judged: JudgedAblation, directory: Path) -> list[Path]:
    """Write ``appendix-NAME.tex`` and ``appendix-NAME-forest.pdf`` to ``directory``.

    Raises:
        InputError: ``directory`` cannot be written to.
    """
    return _write(directory, ablation_appendix(judged))


def write_claims(judged: Sequence[JudgedAblation], directory: Path, *, tier: str) -> list[Path]:
    """Write what is said of the claims of several ablations, in one tier.

    That is ``claims.json`` (`fixbench.published.PublishedTable`) and ``claims.csv``, one entry per
    claim; ``metrics.json``, the verdicts and measured numbers alone, which DVC reads;
    ``index.html`` and ``appendix.pdf``, all of them on one page; and for a paper ``numbers.tex``,
    every figure by its key, ``appendix.tex`` with its figure, and ``fixbench.bib``. A number that
    does not exist is ``null`` in ``claims.json`` and an empty field in CSV, which leaves out the
    keys of `NESTED`: a list does not fit a cell.

    Raises:
        InputError: a claim is there twice, or ``directory`` cannot be written to.
    """
    table = published_table(judged, tier)
    rows = table["claims"]
    # Without a claim all columns are there, so that a program reads an empty table.
    columns = [
        key for key in (rows[0] if rows else PublishedClaim.model_fields) if key not in NESTED
    ]
    sheet = io.StringIO(newline="")
    writer = csv.DictWriter(sheet, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    text = json.dumps(table, indent=2, ensure_ascii=False, allow_nan=False)
    overview = build_overview(judged, tier)
    return _write(
        directory,
        {
            "claims.json": f"{text}\n".encode(),
            "claims.csv": sheet.getvalue().encode(),
            "metrics.json": metrics_file(rows).encode(),
            "numbers.tex": numbers_file(judged).encode(),
            "fixbench.bib": bibliography(judged).encode(),
            **joint_appendix(judged, tier),
            "index.html": _render.html("index", overview).encode(),
            "appendix.pdf": _render.overview_pdf(overview),
        },
    )


def _write(directory: Path, contents: Mapping[str, bytes]) -> list[Path]:
    """Write all files beside their places, then move all of them there."""
    paths = [directory / name for name in contents]
    try:
        # Files are moved one after another, so that one that cannot be moved is found before all.
        for path in paths:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, f"{path.name} is a folder")
        with ExitStack() as stack:
            for path in paths:
                stack.enter_context(whole_file(path)).write_bytes(contents[path.name])
    except OSError as error:
        raise InputError(
            directory, "", expected=f"a folder that can be written to ({error.strerror})"
        ) from error
    return paths
