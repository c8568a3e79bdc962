"""Metrics by name: the one place where a report looks them up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fixbench.ablation import Ablation, Metric

__all__ = ["declared_metrics", "metric_label", "metric_of", "metric_words", "printed_unit"]


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


def metric_label(ablation: Ablation, names: Iterable[str]) -> str:
    """What metrics measure, in the words of their declarations, which a stranger understands.

    A metric that shares its words with others has its own name behind them, and one of a family
    its member: ``Multi-task loss or a part of it (total)``. Without words a name stands alone.
    """
    parts: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        said = metric_of(ablation, name).description.rstrip(".")
        own = _own_words(ablation, name, said) if said else ""
        parts.setdefault(said or metric_words(name), []).extend([own] if own else [])
    return " / ".join(f"{said} ({' / '.join(own)})" if own else said for said, own in parts.items())


def _own_words(ablation: Ablation, name: str, said: str) -> str:
    """What tells a metric from others that are described alike; empty where it is alone."""
    families = [key for key in ablation.families if name.startswith(key.removesuffix("*"))]
    family = max(families, key=len, default=None)
    if family is not None and ablation.families[family].description.rstrip(".") == said:
        return metric_words(name.removeprefix(family.removesuffix("*")))
    others = (key for key in ablation.metrics if key != name and not key.startswith(f"{name}/"))
    alike = any(ablation.metrics[key].description.rstrip(".") == said for key in others)
    return metric_words(name) if alike else ""
