"""Marks stand where the axis says, bands are t intervals, and the SVG is lean."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats

from fixbench.reports.figures import (
    INK,
    MAXIMUM_LINES,
    Panel,
    Spread,
    Strip,
    _curves,
    _forest,
    curves,
    forest,
    spreads,
    strips,
)
from fixbench.statistics import EffectEstimate

SVG = "{http://www.w3.org/2000/svg}"
XLINK = "{http://www.w3.org/1999/xlink}href"


def effect(scale: Any = "plain", **changes: Any) -> EffectEstimate:
    values: dict[str, Any] = {
        "scale": scale,
        "null": 1.0 if scale == "log" else 0.0,
        "estimate": 0.4,
        "low": 0.3,
        "high": 0.55,
        "confidence": 0.95,
        "n": 3,
        "n_failed": 0,
        "p_value": 0.01,
        "p_bootstrap_t": 0.25,
        "bootstrap_low": 0.31,
        "bootstrap_high": 0.5,
        "complete_case": 0.4,
        "standard_deviation": 0.1,
        "standardised": 1.0,
        "per_seed": {0: 0.35, 1: 0.38, 2: 0.5},
    }
    return EffectEstimate(**{**values, **changes})


def read_axis(svg: str, scale: str) -> Any:
    """value → horizontal position, from the printed tick labels alone."""
    root = ElementTree.fromstring(svg)
    ticks = [
        (float((node.text or "").replace("−", "-")), float(node.attrib["x"]))
        for node in root.iter(f"{SVG}text")
        if "middle" in node.attrib["style"] and re.fullmatch(r"−?[\d.]+", node.text or "")
    ]
    values, places = np.array(ticks).T
    turn = np.log if scale == "log" else np.asarray
    slope, start = np.polyfit(turn(values), places, 1)
    assert np.abs(slope * turn(values) + start - places).max() < 0.15
    return lambda value: float(slope * turn(value) + start)


def markers(svg: str) -> list[float]:
    """Horizontal positions of everything that is drawn with a marker but the ticks."""
    root = ElementTree.fromstring(svg)
    return [
        float(node.attrib["x"])
        for node in root.iter(f"{SVG}use")
        if f"fill: {INK}; stroke: {INK}" not in node.attrib["style"]
    ]


@pytest.mark.parametrize("scale", ["plain", "log"])
@pytest.mark.parametrize("draw", [forest, strips])
def test_marks_stand_where_the_axis_says(draw: Any, scale: str) -> None:
    svg = draw("x", [Strip(label="a", estimate=effect(scale), documented=0.45)])
    place = read_axis(svg, scale)
    expected = [0.4, 0.45] + ([0.35, 0.38, 0.5] if draw is strips else [])
    found = sorted(markers(svg))
    assert found == pytest.approx(sorted(place(value) for value in expected), abs=0.3)


def test_ratios_far_from_one_have_an_axis_of_their_own() -> None:
    def strip(label: str, scale: str, value: float, quantity: str = "ratio") -> Strip:
        estimate = effect(scale, estimate=value, low=value / 1.02, high=value * 1.02)
        return Strip(label=label, estimate=estimate, quantity=quantity)

    items = [
        strip("a", "log", 2.4),
        strip("b", "log", 1.03),
        strip("c", "plain", 0.1, "loss"),
        strip("d", "log", 0.35),
        strip("e", "log", 0.95),
        strip("f", "plain", 0.2, "accuracy"),
        strip("g", "plain", 0.3, "loss"),
    ]
    groups = [[item.label for item in group] for group in _forest.axis_groups(items)]
    assert groups == [["a", "d"], ["b", "e"], ["c", "g"], ["f"]]
    alike = [strip("a", "log", 2.4), strip("b", "log", 0.5)]
    assert _forest.axis_groups(alike) == [alike]
    root = ElementTree.fromstring(forest("x", items))
    texts = [node.text for node in root.iter(f"{SVG}text")]
    assert [text for text in texts if text in ("ratio", "loss", "accuracy")] == [
        "ratio",
        "ratio",
        "loss",
        "accuracy",
    ]


@pytest.mark.parametrize("scale", ["plain", "log"])
def test_spread_shows_median_and_middle_nine_tenths(scale: str) -> None:
    values = np.exp(np.random.default_rng(3).normal(0, 0.5, 500))
    item = Spread(label="a", values=values, note="n")
    svg = spreads("x", [item], logarithmic=scale == "log", null=1.0, documented=0.4)
    place = read_axis(svg, scale)
    assert markers(svg) == [pytest.approx(place(np.median(values)), abs=0.3)]
    (bar,) = (
        [float(x) for x in re.findall(r"[ML]([\d.]+) [\d.]+", node.attrib["d"])]
        for node in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if "stroke-width: 1.8" in node.attrib.get("style", "")
    )
    ends = np.quantile(values, [0.05, 0.95])
    assert bar == pytest.approx([place(end) for end in ends], abs=0.3)


def test_interval_is_drawn_from_low_to_high() -> None:
    svg = strips("x", [Strip(label="a", estimate=effect())])
    place = read_axis(svg, "plain")
    bars = [
        sorted(float(x) for x in re.findall(r"[ML]([\d.]+) [\d.]+", node.attrib["d"]))
        for node in ElementTree.fromstring(svg).iter(f"{SVG}path")
        if "stroke-width: 1.8" in node.attrib.get("style", "")
    ]
    assert bars == [pytest.approx([place(0.3), place(0.55)], abs=0.3)]


def test_text_of_labels_is_printed_in_full() -> None:
    tight = effect(estimate=0.40012, low=0.39990, high=0.40035, per_seed={0: 0.4})
    for svg in (
        forest("x", [Strip(label="A", estimate=tight)]),
        strips("x", [Strip(label="A", estimate=tight)]),
    ):
        assert "0.40012 [0.39990, 0.40035]" in svg


def test_awkward_estimates_are_drawn() -> None:
    items = [
        Strip(label="unbounded", estimate=effect(low=-math.inf, high=math.inf)),
        Strip(label="no interval", estimate=effect(low=math.nan, high=math.nan)),
        Strip(label="one point", estimate=effect(low=0.4, high=0.4, null=0.4, per_seed={0: 0.4})),
        Strip(label="NaN seed", estimate=effect(per_seed={0: math.nan, 1: 0.4})),
        Strip(label="wide", estimate=effect("log", low=1e-4, high=1e4)),
        Strip(label="zero", estimate=effect("log", per_seed={0: 0.0, 1: 0.4})),
        Strip(label="<&>", estimate=effect(), explains=(None, 0.2)),
    ]
    for svg in (forest("x", items), strips("x", items)):
        texts = {node.text for node in ElementTree.fromstring(svg).iter(f"{SVG}text")}
        assert {item.label for item in items} <= texts


@pytest.mark.parametrize("count", [1, 14])
def test_an_overview_fits_on_a_page(count: int) -> None:
    """Above a caption on A4, however many quantities need an axis of their own."""
    items = [Strip(label=f"C{i}", estimate=effect(), quantity=f"q{i}") for i in range(count)]
    root = ElementTree.fromstring(forest("x", items))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    assert height / 72 <= 8.6 + 1e-9
    assert width / 72 == pytest.approx(7.2)


def test_svg_is_lean_and_self_contained() -> None:
    svg = forest("x", [Strip(label="a", estimate=effect())])
    assert svg.startswith("<svg ")
    assert "metadata" not in svg
    assert "<style" not in svg
    root = ElementTree.fromstring(svg)
    names = [node.attrib["id"] for node in root.iter() if "id" in node.attrib]
    assert len(names) == len(set(names))
    used = set(re.findall(r"url\(#(\w+)\)", svg))
    used |= {node.attrib[XLINK][1:] for node in root.iter() if XLINK in node.attrib}
    assert used == set(names)


def test_figures_of_different_names_share_no_id() -> None:
    items = [Strip(label="a", estimate=effect())]
    one, two = (set(re.findall(r' id="(\w+)"', strips(name, items))) for name in ("x", "y"))
    assert one
    assert not one & two


def test_users_matplotlib_settings_change_nothing() -> None:
    import matplotlib

    items = [Strip(label="a", estimate=effect())]
    before = strips("x", items)
    with matplotlib.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red"}):
        assert strips("x", items) == before
        assert matplotlib.rcParams["font.size"] == 30  # and are left as they were


def frame(steps: int, seeds: int = 4) -> pd.DataFrame:
    random = np.random.default_rng(5)
    return pd.DataFrame(
        [
            ("a", seed, "train", step, "loss", float(random.normal(2, 0.1)))
            for seed in range(seeds)
            for step in range(steps)
        ],
        columns=["variant", "seed", "stage", "step", "metric", "value"],
    )


def test_band_is_the_t_interval_of_the_mean() -> None:
    data = frame(6)
    table = data.pivot(index="step", columns="seed", values="value")
    axes = Figure().add_subplot()
    _curves._curve(axes, table, ("#000000", "-", 1.0), 0.95)
    vertices = np.asarray(axes.collections[0].get_paths()[0].vertices)
    for step in range(6):
        values = data.loc[data["step"] == step, "value"].to_numpy()
        low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
        drawn = vertices[vertices[:, 0] == step, 1]
        assert (drawn.min(), drawn.max()) == pytest.approx((low, high))
        assert axes.lines[-1].get_ydata()[step] == pytest.approx(values.mean())
    thin, _ = axes.lines  # those of single seeds in one path, and the mean
    drawn = np.asarray(thin.get_ydata(), dtype=float)
    assert np.isnan(drawn).sum() == 4
    assert drawn[:6] == pytest.approx(table[0].to_numpy())


def test_one_seed_has_no_band_and_many_seeds_have_few_lines() -> None:
    for seeds, bands, lines in ((1, 0, 1), (30, 1, MAXIMUM_LINES)):
        axes = Figure().add_subplot()
        table = frame(5, seeds).pivot(index="step", columns="seed", values="value")
        _curves._curve(axes, table, ("#000000", "-", 1.0), 0.95)
        breaks = np.isnan(np.asarray(axes.lines[0].get_ydata(), dtype=float)).sum()
        assert (len(axes.collections), breaks) == (bands, lines)


def test_few_points_are_marked() -> None:
    for steps, marker in ((1, "o"), (3, "o"), (30, "")):
        axes = Figure().add_subplot()
        table = frame(steps).pivot(index="step", columns="seed", values="value")
        _curves._curve(axes, table, ("#000000", "-", 1.0), 0.95)
        assert axes.lines[-1].get_marker() == marker


def test_panels_of_a_family_share_their_limits_and_others_do_not() -> None:
    data = frame(6)
    arms = {"a": 1.0, "b": 2.0, "c": 40.0, "d": 40_000.0}
    rows = [data.assign(variant=arm, value=data["value"] * size) for arm, size in arms.items()]
    panels = [
        Panel(title="one", stage="train", arms=["a"]),
        Panel(title="two", stage="train", arms=["b"]),
        Panel(title="three", stage="train", arms=["c"], family=1),
        Panel(title="four", stage="train", arms=["a", "c", "d", "absent"], family=2),
    ]
    figures: list[Figure] = []

    def keep(figure: Figure) -> str:
        figures.append(figure)
        return ""

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_curves, "to_svg", keep)
        curves("x", pd.concat(rows), panels, label="loss", baseline="a")
    one, two, three, four = figures[0].axes
    assert one.get_ylim() == two.get_ylim()
    assert one.get_ylim()[1] < three.get_ylim()[0]
    assert [axes.get_yscale() for axes in (one, three, four)] == ["linear", "linear", "log"]
    legend = four.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["a", "c", "d"]


def test_one_seed_far_from_the_others_does_not_set_the_scale() -> None:
    data = frame(6, 10)
    data.loc[(data["seed"] == 0) & (data["step"] == 0), "value"] = 12.0
    axes = Figure().add_subplot()
    table = data.pivot(index="step", columns="seed", values="value")
    low, high = _curves._curve(axes, table, ("#000000", "-", 1.0), 0.95)
    band = stats.t.interval(0.95, 9, table.loc[0].mean(), stats.sem(table.loc[0]))
    assert high == pytest.approx(band[1])
    assert high < 12
    assert low == table.to_numpy().min()  # the band reaches below every seed


def test_long_curves_are_averaged_over_blocks_of_steps() -> None:
    table = pd.DataFrame({0: [1.0, 3.0, 5.0, 7.0, 9.0]}, index=[10, 20, 30, 40, 50])
    blocks = _curves._blocks(table, 2)
    assert blocks.index.tolist() == [15, 35, 50]
    assert blocks[0].tolist() == [2, 6, 9]


@pytest.mark.parametrize(("steps", "block"), [(30, 1), (31, 2), (300, 10)])
def test_block_is_as_long_as_the_points_require(steps: int, block: int) -> None:
    panel = Panel(title="train", stage="train", arms=["a"])
    svg, used = curves("x", frame(steps, 2), [panel], label="loss", baseline="a")
    assert used == block
    texts = {node.text for node in ElementTree.fromstring(svg).iter(f"{SVG}text")}
    assert {"train", "loss", "step", "a"} <= texts
