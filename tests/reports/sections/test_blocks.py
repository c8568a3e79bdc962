"""A new section is one file: one function that returns blocks, printed in every format."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fixbench.reports import _render
from fixbench.reports._inputs import Inputs
from fixbench.reports._report import Report, build_report
from fixbench.reports._views import FigureView, TableText
from fixbench.reports.sections._section import BlockSection, Items, Paragraph, Picture, Table

SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M 0 0 L 9 9"/></svg>'


def build(inputs: Inputs) -> BlockSection:
    """All that a new section needs."""
    return BlockSection(
        id="toy",
        heading="A toy & more",
        navigation="Toy",
        blocks=[
            Paragraph(text=f"{len(inputs.results)} claims_now"),
            Paragraph(text="Beside it", soft=True),
            Items(items=["first item", "second_item"]),
            Picture(figure=FigureView(svg=SVG, caption="A line", alternative="One line")),
            Table(
                text=TableText(caption="Toy table", columns=("Name", "p", "n (failed)")),
                rows=[("arm_1", "0.5", "10 (0)"), ("arm_2", "0.25", "9 (1)")],
                widths=(2, None, 1),
            ),
        ],
    )


@pytest.fixture(scope="module")
def report(light: Any) -> Report:
    return build_report(light.inputs(), opening=[], sections=[build])


def test_blocks_in_html(report: Report, pages: Any) -> None:
    page = pages.read(_render.html("report", report))
    (link,) = page.all("nav")[0].all("a")
    assert (link.text, link.attributes["href"]) == ("Toy", "#toy")
    section = page.of_id("toy")
    assert section.all("h2")[0].text == "A toy & more"
    assert [p.text for p in section.all("p")] == ["13 claims_now", "Beside it"]
    assert [item.text for item in section.all("li")] == ["first item", "second_item"]
    assert section.all("figcaption")[0].text == "A line"
    assert section.table("Name", "p") == [["arm_1", "0.5", "10 (0)"], ["arm_2", "0.25", "9 (1)"]]


def test_blocks_in_latex(report: Report) -> None:
    text = _render.latex("report", report)
    assert r"\subsection*{A toy \& more}" in text
    assert r"\noindent 13 claims\_now" in text
    assert r"\item second\_item" in text
    assert r"Name & \(p\) & \(n\) (failed) \\" in text
    assert r"\texttt{arm\_\allowbreak{}1} & 0.5 & 10 (0) \\" in text
    assert "A line" not in text  # LaTeX prints no figures
    # 0.84 of the line is left by the column that is as wide as its content.
    assert text.count(r"p{0.56\linewidth}l>{") == 1
    assert text.count(r"p{0.28\linewidth}@{}}") == 1


def test_blocks_in_pdf(report: Report, tmp_path: Path) -> None:
    path = tmp_path / "toy.pdf"
    path.write_bytes(_render.report_pdf(report))
    assert path.read_bytes().startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        ["pdftotext", "-layout", str(path), "-"],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    words = done.stdout.split()
    places = [words.index(word) for word in ("toy", "claims_now", "first", "line", "0.25")]
    assert places == sorted(places)
