"""Results and verdicts → one page per ablation (HTML, LaTeX, PDF) and the table of all claims."""

from fixbench.reports._write import write_calibration as write_calibration
from fixbench.reports._write import write_claims as write_claims
from fixbench.reports._write import write_report as write_report

__all__ = ["write_calibration", "write_claims", "write_report"]
