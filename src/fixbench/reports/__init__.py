"""Results and verdicts → a page per ablation (HTML, LaTeX, PDF), and what is said of all claims."""

from fixbench.reports._published import published_rows as published_rows
from fixbench.reports._write import write_appendix as write_appendix
from fixbench.reports._write import write_calibration as write_calibration
from fixbench.reports._write import write_claims as write_claims
from fixbench.reports._write import write_report as write_report
from fixbench.reports.paper import JudgedAblation as JudgedAblation

__all__ = [
    "JudgedAblation",
    "published_rows",
    "write_appendix",
    "write_calibration",
    "write_claims",
    "write_report",
]
