"""Colours, type and sizes of all figures, and a figure as lean SVG text.

A figure has the same bytes for the same input, on any machine. Text stays text (selectable, small).
Text and axes have the constant colour `INK`, which the HTML page replaces by a variable so that
figures follow its light and dark mode.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure

__all__ = [
    "CHARACTER",
    "DOCUMENTED",
    "INK",
    "PAGE",
    "WIDTH",
    "ZONE",
    "Drawing",
    "drawing",
    "style",
    "to_pdf",
    "to_svg",
]

INK = "#1b1f23"
DOCUMENTED = "#d55e00"
ZONE = "#8a8f98"

WIDTH = 7.2  # inches: the text width of A4 with narrow margins
PAGE = 8.6  # inches: what A4 leaves for a figure above its caption
_DOTS = 144  # an inch, on a screen
CHARACTER = 0.066  # inches, a mean of digits and letters at 7.5 points


@contextmanager
def style(name: str) -> Iterator[None]:
    """matplotlib's defaults, whatever the user's configuration, with this module's changes."""
    changes: Any = {
        "svg.fonttype": "none",
        "pdf.fonttype": 42,  # publishers refuse type 3
        "svg.hashsalt": name,
        "font.family": "DejaVu Sans",
        "font.size": 7.5,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.6,
        "text.color": INK,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 7,
        "ytick.labelsize": 7,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "path.simplify": False,
        "text.parse_math": False,  # a dollar in a name is a dollar
    }
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(changes)
        yield


class Drawing(Figure):
    """A figure that a notebook shows, whether or not pyplot was imported."""

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=_DOTS)
        return buffer.getvalue()


def drawing(name: str, draw: Callable[[], Drawing]) -> Drawing:
    """What ``draw`` makes, in this style, for whoever changes or saves it later.

    matplotlib makes ticks when it draws, from the style of that moment: they are made here.
    """
    with style(name):
        figure = draw()
        figure.draw_without_rendering()
    return figure


def to_svg(figure: Figure) -> str:
    """The figure as one ``<svg>`` element: no prolog, no metadata, no ids but those in use."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<style.*?</style>", "", text, flags=re.DOTALL)
    text = text.replace(
        "<svg ", '<svg stroke-linejoin="round" font-family="\'DejaVu Sans\', sans-serif" ', 1
    )
    text = re.sub(r'<g id="[^"]*"(/?)>', r"<g\1>", text)
    # Every text has the one font, which the element as a whole names; a rotation by 0 is none.
    text = text.replace("font-family: 'DejaVu Sans'; ", "")
    text = re.sub(r' transform="rotate\(-?0 [^"]*\)"', "", text)
    # Sizes and opacities have two decimals at most and stand in "style", which stays.
    text = re.sub(r' (?:d|x|y|transform)="[^"]*"', _rounded, text)
    text = re.sub(r' d="[^"]*"', _packed, text)
    return re.sub(r"\s*\n\s*", "\n", _without_groups(text))


def to_pdf(*figures: Figure) -> bytes:
    """Each figure as a page of its size, in vectors, with the same bytes at any time."""
    buffer = io.BytesIO()
    nothing = {"CreationDate": None, "Producer": None, "Creator": None}
    with PdfPages(buffer, metadata=nothing) as pages:
        for figure in figures:
            pages.savefig(figure, transparent=True)
    return buffer.getvalue()


def _rounded(attribute: re.Match[str]) -> str:
    """Coordinates to a tenth of a point; the text of labels is no attribute and stays."""
    text = re.sub(r"\d+\.\d{2,}", lambda match: f"{float(match[0]):.1f}", attribute[0])
    return re.sub(r"(\d)\.0(?!\d)", r"\1", text)


def _packed(path: re.Match[str]) -> str:
    """A path without the white space that nothing needs."""
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", path[0][4:-1]).strip().join((' d="', '"'))


def _without_groups(text: str) -> str:
    """The same without groups that say nothing of what they hold."""
    kept, open_groups = [], []
    for part in re.split(r"(<g[^>]*>|</g>)", text):
        if part.startswith("<g") and part.endswith("/>"):
            continue
        if part.startswith("<g"):
            open_groups.append(part != "<g>")
            if part == "<g>":
                continue
        elif part == "</g>" and not open_groups.pop():
            continue
        kept.append(part)
    return "".join(kept)
