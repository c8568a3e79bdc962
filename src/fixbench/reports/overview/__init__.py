"""``index.html``: all ablations of a tier on one page, for a reader with two minutes."""

from fixbench.reports.overview._overview import Overview as Overview
from fixbench.reports.overview._overview import build_overview as build_overview

__all__ = ["Overview", "build_overview"]
