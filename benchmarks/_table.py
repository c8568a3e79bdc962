"""Rounds of all ways as one table and one picture: ratios within a round, and their spread."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks._measure import Took

__all__ = ["draw", "table"]

#: Way → what it took in each round.
Rounds = Mapping[str, Sequence[Took]]


def table(rounds: Rounds, reference: str) -> str:
    """Markdown: medians, and how many times as fast as ``reference`` each is, within a round."""
    lines = [
        f"| way | wall, s | processor, s | {reference} ÷ way |",
        "|---|---|---|---|",
    ]
    for way, took in rounds.items():
        wall = statistics.median(one.wall for one in took)
        cpu = statistics.median(one.cpu for one in took)
        ratios = _ratios(rounds, reference, way)
        lines.append(
            f"| {way} | {wall:.1f} | {cpu:.1f} | {statistics.median(ratios):.2f} "
            f"({min(ratios):.2f} to {max(ratios):.2f}) |"
        )
    return "\n".join(lines) + "\n"


def draw(rounds: Rounds, reference: str, path: Path) -> None:
    """One line a way: every round's ratio, the median in the middle."""
    figure = Figure(figsize=(6.4, 0.5 * len(rounds) + 0.9), layout="constrained")
    axes = figure.subplots()
    for place, way in enumerate(reversed(rounds)):
        ratios = _ratios(rounds, reference, way)
        axes.plot(ratios, [place] * len(ratios), "o", color="#0a6b4f", alpha=0.6)
        axes.plot([statistics.median(ratios)], [place], "|", color="black", markersize=16)
    axes.set_yticks(range(len(rounds)), list(reversed(rounds)))
    axes.set_xscale("log")
    axes.axvline(1, color="grey", linewidth=0.8, linestyle="--")
    axes.set_xlabel(f"times as fast as the {reference} (wall), log scale; right is faster")
    figure.savefig(path, metadata={"Date": None})


def _ratios(rounds: Rounds, reference: str, way: str) -> list[float]:
    return [a.wall / b.wall for a, b in zip(rounds[reference], rounds[way], strict=True)]
