"""The page about the calibration, in three formats, and the command that writes it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.calibration import DISTRIBUTIONS, Calibration, Rate, Speed, _run
from fixbench.cli import main
from fixbench.reports import write_calibration


def rate(count: int, **changes: Any) -> Rate:
    values: dict[str, Any] = {
        "question": "false positives",
        "method": "t",
        "condition": "normal",
        "n": 3,
        "trials": 1000,
        "nominal": 0.05,
        "bound": "at most",
    }
    return Rate(count=count, **{**values, **changes})


@pytest.fixture
def calibration() -> Calibration:
    rates = [
        rate(50 + 3 * index, condition=kind.name, method=method, n=n)
        for index, kind in enumerate(DISTRIBUTIONS)
        for method in ("t", "bootstrap-t")
        for n in (3, 10)
    ]
    rates += [
        rate(110, condition="100 % odd_ness", required=True),
        rate(10, condition="100 % odd_ness", n=10, required=True),
        *(
            rate(810, question="planned", bound="at least", nominal=0.8, condition=f"{n}", n=n)
            for n in (4, 5, 7, 9, 12)
        ),
        rate(500, question="power", bound="equal", nominal=0.5),
        rate(800, question="power", bound="equal", nominal=0.79, n=10),
    ]
    return Calibration(
        seed=5,
        replications=1000,
        rates=tuple(rates),
        conclusions=("It is <so> & no other.",),
        speed=Speed(
            claims=80,
            seeds=10,
            resamples=9999,
            verdicts=1.25,
            bootstrap=0.04,
            loop=0.3,
            largest_difference=4e-4,
        ),
    )


def test_all_formats_say_the_same(calibration: Calibration, tmp_path: Path) -> None:
    paths = write_calibration(calibration, tmp_path)
    assert [path.name for path in paths] == [
        f"calibration.{kind}" for kind in ("html", "tex", "pdf")
    ]
    page, tex, pdf = (path.read_bytes() for path in paths)
    html, latex = page.decode(), tex.decode()
    assert pdf.startswith(b"%PDF")
    assert "It is &lt;so&gt; &amp; no other." in html
    assert html.count("<svg ") == 2
    # Off, on the harmless side, and as promised.
    assert "<strong>11.0 %, +6.0</strong>" in html
    assert r"\textbf{11.0 \%, +6.0}" in latex
    assert re.search(r'<td class="nowrap soft">1.0 %</td>', html)
    assert r"100 \% odd\_ness \dag{}" in latex
    # Powers are promised one by one; planned seeds differ from row to row.
    assert "80.0 % (79.0 %)" in html
    assert '<td class="nowrap">12</td>' in html
    assert "80 claims at 10 seeds" in html
    assert "80 claims at 10 seeds" in latex
    again = write_calibration(calibration, tmp_path / "again")
    assert [path.read_bytes() for path in again] == [page, tex, pdf]


def test_the_latex_compiles(
    calibration: Calibration, tmp_path: Path, require_latex: Callable[..., None]
) -> None:
    require_latex("array.sty", "booktabs.sty", "longtable.sty")
    write_calibration(calibration, tmp_path)
    (tmp_path / "paper.tex").write_text(
        r"\documentclass{article}\usepackage{array,booktabs,longtable}"
        r"\begin{document}\input{calibration}\end{document}"
    )
    command = ["pdflatex", "-draftmode", "-halt-on-error", "-interaction=nonstopmode", "paper.tex"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, errors="replace", timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout


def test_the_command_writes_the_page_and_says_what_follows(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [cell for cell in _run.cells() if cell.title.startswith("one test, normal")]
    monkeypatch.setattr(_run, "cells", lambda: chosen)
    monkeypatch.setattr(_run, "_conclusions", lambda rates: [f"{len(rates)} rates."])
    status = main(["calibrate", "--replications", "1000", "--directory", str(tmp_path)])
    said = capsys.readouterr()
    assert status == 0
    assert f"wrote {tmp_path / 'calibration.html'}" in said.out
    assert "8 rates." in said.out
    assert "bootstrap-t in" in said.out
    assert said.err.splitlines()[-1] == "calibration: 4/4 done"
    assert {path.suffix for path in tmp_path.iterdir()} == {".html", ".tex", ".pdf"}


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("--replications", "10", "--replications is 10; expected at least 1000"),
        ("--seed", "-1", "--seed is -1; expected 0 or more"),
    ],
)
def test_the_command_refuses(
    option: str, value: str, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["calibrate", option, value, "--directory", str(tmp_path / "none")]) == 2
    assert expected in capsys.readouterr().err
    assert not (tmp_path / "none").exists()
