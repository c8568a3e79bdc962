"""The figures of `fixbench.compare` show the numbers of its table."""

from __future__ import annotations

import io
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from scipy import stats

import fixbench
from fixbench.errors import InputError


def texts(figure: Any) -> str:
    """All text outside of axes' numbers."""
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return "\n".join(found + [axes.get_xlabel() for axes in figure.axes])


def xs(line: Any) -> list[float]:
    """The horizontal places of a line."""
    return [float(x) for x in line.get_xdata()]


def ys(line: Any) -> list[float]:
    """The vertical ones."""
    return [float(y) for y in line.get_ydata()]


def points(axes: Any) -> list[np.ndarray[Any, Any]]:
    """The places of what is drawn as dots."""
    return [np.asarray(line.get_xdata()) for line in axes.lines if line.get_marker() == "o"]


@pytest.fixture
def curves(wide: pd.DataFrame) -> pd.DataFrame:
    """Three epochs of each run; the last is that of the table."""
    return pd.concat(
        [wide.assign(epoch=k, accuracy=wide["accuracy"] - 0.1 * (2 - k)) for k in range(3)]
    )


def test_a_strip_has_the_differences_of_seeds_their_mean_and_interval(wide: pd.DataFrame) -> None:
    comparison = fixbench.compare(wide, metric="accuracy", smallest_effect=0.005)
    figure = comparison.plot_strip()
    assert len(figure.axes) == 2
    by_variant = {name: rows["accuracy"].to_numpy() for name, rows in wide.groupby("method")}
    for axes, (_, row) in zip(figure.axes, comparison.table.iterrows(), strict=True):
        seeds, mean = points(axes)
        assert seeds == pytest.approx(by_variant[row["variant"]] - by_variant["baseline"])
        assert mean == pytest.approx([row["effect"]])
        assert any(
            xs(line) == pytest.approx([row["low"], row["high"]])
            for line in axes.lines
            if len(xs(line)) == 2
        )
        assert axes.get_xlabel().startswith("accuracy: difference")
    assert "mixup (reproduced)" in texts(figure)
    assert len(comparison.plot_strip("cutout").axes) == 1


def test_a_forest_has_a_mean_for_each_claim(wide: pd.DataFrame) -> None:
    comparison = fixbench.compare(wide, smallest_effect=0.005)
    figure = comparison.plot_forest()
    drawn = np.sort(np.concatenate([np.concatenate(points(axes)) for axes in figure.axes]))
    assert drawn == pytest.approx(np.sort(comparison.table["effect"]))
    flat = texts(figure).replace("\n", " ")
    for name, verdict in comparison.verdicts.items():
        assert f"{name} ({verdict})" in flat


def test_figures_do_not_depend_on_the_settings_of_the_notebook(wide: pd.DataFrame) -> None:
    comparison = fixbench.compare(wide, metric="accuracy")
    with matplotlib.rc_context({"xtick.labelsize": 30, "font.family": "serif"}):
        figure = comparison.plot_forest()
        with_settings = figure._repr_png_()
        sizes = {label.get_fontsize() for label in figure.axes[0].get_xticklabels()}
    assert sizes == {7}
    assert with_settings == comparison.plot_forest()._repr_png_()
    # White below dark ink: it can be read in a dark notebook too.
    pixels = image.imread(io.BytesIO(with_settings), format="png")
    assert pixels[0, 0].tolist() == [1, 1, 1, 1]
    assert pixels.min() < 0.2


def test_curves_have_the_mean_over_seeds_at_each_step(curves: pd.DataFrame) -> None:
    comparison = fixbench.compare(curves, metric="accuracy")
    (axes,) = comparison.plot_curves().axes
    means = curves.groupby(["method", "epoch"])["accuracy"].mean()
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["baseline", "mixup", "cutout"]
    lines = [line for line in axes.lines if line.get_marker() == "o"]
    for name, line in zip(names, lines, strict=True):
        assert xs(line) == [0, 1, 2]
        assert ys(line) == pytest.approx(means[name].tolist())
    assert axes.get_ylabel() == "accuracy (higher is better)"
    # Claims read the last step.
    last = curves[curves["epoch"] == 2]
    a, b = (last[last["method"] == name]["accuracy"].to_numpy() for name in ("mixup", "baseline"))
    assert comparison.table["p"][0] == pytest.approx(stats.ttest_rel(a, b).pvalue)


def test_curves_without_seeds_and_in_the_long_layout(curves: pd.DataFrame) -> None:
    one = curves[curves["seed"] == 3].drop(columns=["seed", "loss"])
    (axes,) = fixbench.compare(one).plot_curves().axes
    lines = [ys(line) for line in axes.lines if line.get_marker() == "o"]
    assert lines[0] == pytest.approx(one[one["method"] == "baseline"]["accuracy"].tolist())
    long = curves.melt(["method", "seed", "epoch"], var_name="metric")
    # Panels of two stages.
    both = pd.concat([long.assign(stage=name) for name in ("train", "test")])
    figure = fixbench.compare(both, metric="accuracy").plot_curves()
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["train", "test"]


def test_what_cannot_be_drawn_is_refused(wide: pd.DataFrame) -> None:
    comparison = fixbench.compare(wide)
    with pytest.raises(InputError, match="curves: accuracy; expected a column of steps"):
        comparison.plot_curves("accuracy")
    with pytest.raises(InputError, match="metric is 'acc'; expected a metric: there are 'accuracy"):
        comparison.plot_curves("acc")
    with pytest.raises(InputError, match="metric; expected a metric: there are"):
        comparison.plot_curves()
    with pytest.raises(InputError, match=r"names is 'mixup, los'; .* did you mean 'mixup, loss'"):
        comparison.plot_strip("mixup, los")
    failed = wide.astype(object)
    failed["accuracy"] = "OOM"
    with pytest.raises(InputError, match="figure: all claims; expected at least one effect"):
        fixbench.compare(failed, metric="accuracy").plot_forest()
