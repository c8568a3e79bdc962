"""The declared metrics."""

from __future__ import annotations

from fixbench.reports._format import MISSING, number
from fixbench.reports._inputs import Inputs
from fixbench.reports._metrics import declared_metrics, printed_unit
from fixbench.reports._views import TableText
from fixbench.reports.sections._section import BlockSection, Table

__all__ = ["build"]

_TABLE = TableText(
    caption="The declared metrics",
    columns=("Metric", "Unit", "Better", "Smallest effect that matters", "Meaning"),
)


def build(inputs: Inputs) -> BlockSection:
    """The section, which LaTeX leaves out."""
    measured = inputs.frame["metric"].unique()
    rows = [
        (
            name,
            printed_unit(metric) or MISSING,
            metric.better,
            number(metric.smallest_effect),
            metric.description,
        )
        for name, metric in declared_metrics(inputs.ablation, measured).items()
    ]
    return BlockSection(
        id="metrics",
        heading="Metrics",
        navigation="Metrics",
        formats=("html", "typ"),
        blocks=[Table(text=_TABLE, rows=rows, widths=(1.1, None, None, None, 2))],
    )
