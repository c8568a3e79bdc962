"""Results and verdicts → a page per ablation (HTML, LaTeX, PDF), and what is said of all claims."""

from fixbench.reports._claim_line import ClaimLine as ClaimLine
from fixbench.reports._claim_line import claim_lines as claim_lines
from fixbench.reports._drawings import draw_curves_of as draw_curves_of
from fixbench.reports._drawings import draw_forest_of as draw_forest_of
from fixbench.reports._drawings import draw_strips_of as draw_strips_of
from fixbench.reports._published import published_rows as published_rows
from fixbench.reports._strips import is_drawn as is_drawn
from fixbench.reports._write import write_appendix as write_appendix
from fixbench.reports._write import write_calibration as write_calibration
from fixbench.reports._write import write_claims as write_claims
from fixbench.reports._write import write_report as write_report
from fixbench.reports.figures import Drawing as Drawing
from fixbench.reports.paper import JudgedAblation as JudgedAblation
from fixbench.reports.paper import table_alone as table_alone

__all__ = [
    "ClaimLine",
    "Drawing",
    "JudgedAblation",
    "claim_lines",
    "draw_curves_of",
    "draw_forest_of",
    "draw_strips_of",
    "is_drawn",
    "published_rows",
    "table_alone",
    "write_appendix",
    "write_calibration",
    "write_claims",
    "write_report",
]
