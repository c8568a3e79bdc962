"""PDF as it is seen: pages of the right size, with ink on them, and every word inside the margins.

poppler reads the files, which no code of Fixbench does. Without it these tests are skipped.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fixbench.reports.paper import ablation_appendix, joint_appendix

pytestmark = pytest.mark.skipif(
    shutil.which("pdftotext") is None or shutil.which("pdftoppm") is None,
    reason="no poppler is installed",
)

#: Points an inch and a millimetre.
INCH, MM = 72.0, 72.0 / 25.4


@dataclass(frozen=True)
class Page:
    """A page in points: its size, and its words with left, top, right and bottom."""

    width: float
    height: float
    words: list[tuple[str, tuple[float, float, float, float]]]

    def outside(self, left: float, top: float, right: float, bottom: float) -> list[str]:
        """The words that reach beyond margins of these widths."""
        area = (left - 1, top - 1, self.width - right + 1, self.height - bottom + 1)
        return [
            word
            for word, (x0, y0, x1, y1) in self.words
            if x0 < area[0] or y0 < area[1] or x1 > area[2] or y1 > area[3]
        ]


def pages_of(path: Path) -> list[Page]:
    done = subprocess.run(
        ["pdftotext", "-bbox", str(path), "-"], check=True, capture_output=True, text=True
    )
    number = r"=\"([-\d.]+)\""
    size = re.compile(rf"<page width{number} height{number}>")
    word = re.compile(rf"<word xMin{number} yMin{number} xMax{number} yMax{number}>(.*?)</word>")
    found = []
    for part in done.stdout.split("</page>")[:-1]:
        (ends,) = size.findall(part)
        words = [
            (text, (float(x0), float(y0), float(x1), float(y1)))
            for x0, y0, x1, y1, text in word.findall(part)
        ]
        found.append(Page(float(ends[0]), float(ends[1]), words))
    return found


def picture_of(path: Path, page: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A page in grey at one pixel a point: 0 is black, 1 is white. Shape: (height, width)."""
    done = subprocess.run(
        ["pdftoppm", "-r", "72", "-png", "-f", str(page), "-l", str(page), str(path)],
        check=True,
        capture_output=True,
    )
    return np.asarray(Image.open(io.BytesIO(done.stdout)).convert("L")) / 255


def inked(grey: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.mean(grey < 0.9))


def test_a_report_fills_pages_of_a4_within_their_margins(
    written: dict[str, Path], planted: Any
) -> None:
    pages = pages_of(written["pdf"])
    assert len(pages) > 5
    for place, page in enumerate(pages, start=1):
        assert page.width == pytest.approx(210 * MM, abs=0.1)
        assert page.height == pytest.approx(297 * MM, abs=0.1)
        assert len(page.words) > 20, place
        # A word's box is higher than its letters. At the bottom the margin has the page's number.
        assert page.outside(16 * MM, 16 * MM, 16 * MM, 9 * MM) == [], place
        footer = [word for word, (_, top, _, _) in page.words if top > page.height - 18 * MM]
        assert footer[-3:] == [str(place), "/", str(len(pages))]
    words = {word for page in pages for word, _ in page.words}
    assert {result.id for result in planted.results} <= words


def test_the_first_page_of_a_report_is_not_blank(written: dict[str, Path]) -> None:
    grey = picture_of(written["pdf"], 1)
    assert grey.shape == (842, 596) or grey.shape == (842, 595)
    side = int(15 * MM)
    assert 0.02 < inked(grey) < 0.5
    assert inked(grey[:, :side]) == inked(grey[:, -side:]) == inked(grey[:side]) == 0
    # The verdicts stand there in their colours, in the upper and in the lower half.
    middle = len(grey) // 2
    assert inked(grey[:middle]) > 0.02
    assert inked(grey[middle:]) > 0.02


def test_an_appendix_stays_on_its_pages(
    planted: Any, compile_paper: Callable[..., str], tmp_path: Path
) -> None:
    contents = {**joint_appendix([planted.judged], "small"), **ablation_appendix(planted.judged)}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    compile_paper(
        tmp_path,
        r"\input{appendix} \clearpage \input{appendix-planted}",
        style=r"\documentclass[letterpaper]{article}",
        preamble=r"\usepackage[margin=1in]{geometry}\usepackage{array,booktabs,graphicx,tabularx}",
        runs=2,
    )
    pages = pages_of(tmp_path / "paper.pdf")
    for place, page in enumerate(pages, start=1):
        assert (page.width, page.height) == (8.5 * INCH, 11 * INCH)
        # 10 pt is the most that a line may be overfull; the number of a page stands lower.
        side = INCH - 10
        assert page.outside(side, side, side, 0.3 * INCH) == [], place
        assert inked(picture_of(tmp_path / "paper.pdf", place)) > 0.005
    words = {word for page in pages for word, _ in page.words}
    assert {result.id for result in planted.results} <= words


def test_words_in_a_figure_do_not_overlap(planted: Any, tmp_path: Path) -> None:
    """Neither words of one row nor those of two: all effects of an ablation, as in a paper."""
    path = tmp_path / "forest.pdf"
    path.write_bytes(ablation_appendix(planted.judged)["appendix-planted-forest.pdf"])
    (page,) = pages_of(path)
    assert page.outside(0, 0, 0, 0) == []
    boxes = [(word, box) for word, box in page.words]
    for place, (word, (x0, y0, x1, y1)) in enumerate(boxes):
        for other, (u0, v0, u1, v1) in boxes[place + 1 :]:
            wide, high = min(x1, u1) - max(x0, u0), min(y1, v1) - max(y0, v0)
            # Boxes are as high as a line, so that those of two lines may touch.
            assert wide < 1 or high < 0.35 * min(y1 - y0, v1 - v0), (word, other)
