"""Figures as SVG text: one module a figure, and what figures share.

What figures share: `_style` (colours, sizes, SVG), `_axes`, `_strip` (an effect on an axis) and
`_lines` (the looks of lines).
"""

from fixbench.reports.figures._curves import MAXIMUM_LINES as MAXIMUM_LINES
from fixbench.reports.figures._curves import MAXIMUM_POINTS as MAXIMUM_POINTS
from fixbench.reports.figures._curves import Panel as Panel
from fixbench.reports.figures._curves import curves as curves
from fixbench.reports.figures._curves import draw_curves as draw_curves
from fixbench.reports.figures._forest import draw_forest as draw_forest
from fixbench.reports.figures._forest import forest as forest
from fixbench.reports.figures._levels import levels as levels
from fixbench.reports.figures._lines import ARMS as ARMS
from fixbench.reports.figures._spreads import Spread as Spread
from fixbench.reports.figures._spreads import spreads as spreads
from fixbench.reports.figures._strip import Strip as Strip
from fixbench.reports.figures._strips import draw_strips as draw_strips
from fixbench.reports.figures._strips import strips as strips
from fixbench.reports.figures._style import INK as INK
from fixbench.reports.figures._style import Drawing as Drawing
from fixbench.reports.figures._style import drawing as drawing
from fixbench.reports.figures._zones import EXAMPLES as EXAMPLES
from fixbench.reports.figures._zones import zones as zones

__all__ = [
    "ARMS",
    "EXAMPLES",
    "INK",
    "MAXIMUM_LINES",
    "MAXIMUM_POINTS",
    "Drawing",
    "Panel",
    "Spread",
    "Strip",
    "curves",
    "draw_curves",
    "draw_forest",
    "draw_strips",
    "drawing",
    "forest",
    "levels",
    "spreads",
    "strips",
    "zones",
]
