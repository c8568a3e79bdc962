"""Metrics by name: the one place where a report looks them up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fixbench.ablation import Ablation, Metric

__all__ = ["declared_metrics", "metric_of", "metric_words", "printed_unit"]


def metric_of(ablation: Ablation, name: str) -> Metric:
    """The declaration of the metric ``name``."""
    return ablation.metric(name)


def declared_metrics(ablation: Ablation, measured: Iterable[str]) -> Mapping[str, Metric]:
    """Every declared metric in the order of the ablation file, then other members of families.

    Args:
        measured: the metrics that the results hold.
    """
    return ablation.declared(measured)


def printed_unit(metric: Metric) -> str:
    """The unit as it is printed: empty for a pure number, which is declared as ``1``."""
    return "" if metric.unit == "1" else metric.unit


def metric_words(name: str) -> str:
    """The name of a metric in words: ``loss/total`` as ``loss, total``."""
    return name.replace("_", " ").replace("/", ", ")
