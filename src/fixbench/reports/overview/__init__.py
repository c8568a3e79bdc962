"""``index.html`` and ``appendix.pdf``: all of a tier, for a reader with two minutes."""

from fixbench.reports.overview._overview import Overview as Overview
from fixbench.reports.overview._overview import build_overview as build_overview

__all__ = ["Overview", "build_overview"]
