"""`fixbench.compare`: numbers against scipy's, the same verdicts as `judge`, and how it shows them.

`scipy` and a few lines of numpy work out every number again, without code of Fixbench.
"""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import html5lib
import numpy as np
import pandas as pd
import pytest
from scipy import stats

import fixbench
from fixbench.errors import InputError
from fixbench.published import read_table


def arm(frame: pd.DataFrame, name: str, metric: str = "accuracy") -> np.ndarray[Any, Any]:
    return np.asarray(frame[frame["method"] == name][metric], dtype=float)


def holm(raw: list[float]) -> np.ndarray[Any, Any]:
    """Holm's steps as his paper has them."""
    p = np.asarray(raw)
    order = np.argsort(p)
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, steps)
    return adjusted


def test_pairs_are_tested_by_students_t_and_adjusted_by_holm(wide: pd.DataFrame) -> None:
    table = fixbench.compare(wide, metric="accuracy", smallest_effect=0.005).table
    assert table["variant"].tolist() == table["name"].tolist() == ["mixup", "cutout"]
    assert table["paired"].all()
    tests = [stats.ttest_rel(arm(wide, name), arm(wide, "baseline")) for name in table["variant"]]
    assert table["p"].tolist() == pytest.approx([test.pvalue for test in tests])
    assert table["p_holm"].tolist() == pytest.approx(holm([test.pvalue for test in tests]))
    for (_, row), test in zip(table.iterrows(), tests, strict=True):
        a, b = arm(wide, row["variant"]), arm(wide, "baseline")
        assert row["effect"] == pytest.approx((a - b).mean())
        assert (row["low"], row["high"]) == pytest.approx(test.confidence_interval())
        ends = (
            stats.ttest_rel(a + 0.005, b, alternative="greater").pvalue,
            stats.ttest_rel(a - 0.005, b, alternative="less").pvalue,
        )
        assert row["p_equivalence"] == pytest.approx(max(ends))
    assert table["verdict"].tolist() == ["reproduced", "reversed"]


def test_without_pairs_it_is_welchs_t(wide: pd.DataFrame) -> None:
    table = fixbench.compare(wide.drop(columns="seed"), metric="accuracy").table
    assert not table["paired"].any()
    for _, row in table.iterrows():
        a, b = arm(wide, row["variant"]), arm(wide, "baseline")
        test = stats.ttest_ind(a, b, equal_var=False)
        assert row["p"] == pytest.approx(test.pvalue)
        assert (row["low"], row["high"]) == pytest.approx(test.confidence_interval())
        assert row["n"] == len(a) + len(b)


def test_it_says_what_judge_says(wide: pd.DataFrame, long: pd.DataFrame, tmp_path: Path) -> None:
    judged = fixbench.judge(wide, margin=0.005, directory=tmp_path, pages=False)
    for frame in (wide, long):
        compared = fixbench.compare(frame, smallest_effect=0.005)
        assert {r.id: r for r in compared.results} == {r.id: r for r in judged.results}
        assert compared.verdicts == {
            "mixup, accuracy": "reproduced",
            "cutout, accuracy": judged.results[1].verdict,
            "mixup, loss": judged.results[2].verdict,
            "cutout, loss": judged.results[3].verdict,
        }


@pytest.mark.skipif(importlib.util.find_spec("polars") is None, reason="polars is not installed")
def test_a_polars_frame_gives_the_same(wide: pd.DataFrame) -> None:
    import polars  # type: ignore[import-not-found]

    other = polars.DataFrame(wide.to_dict(orient="list"))
    assert fixbench.compare(other).table.equals(fixbench.compare(wide).table)


def test_metrics_are_named_in_every_layout(
    wide: pd.DataFrame, long: pd.DataFrame, values: dict[str, list[float]]
) -> None:
    expected = fixbench.compare(wide, metric="accuracy").table
    assert len(expected) == 2
    for frame in (long, pd.DataFrame(values)):
        table = fixbench.compare(frame, metric="accuracy").table
        assert table["p"].tolist() == pytest.approx(expected["p"].tolist())
        assert set(table["metric"]) == {"accuracy"}
    # A family is what is compared: two metrics are four claims.
    both = fixbench.compare(wide, metric=["loss", "accuracy"]).table
    assert both["p_holm"].tolist() == pytest.approx(holm(both["p"].tolist()))
    # A column of another metric that cannot be read does not matter.
    spread = wide.assign(loss="0.5 ± 0.1")
    assert len(fixbench.compare(spread, metric="accuracy").results) == 2


def test_the_baseline_may_be_any_variant(wide: pd.DataFrame) -> None:
    table = fixbench.compare(wide, baseline="mixup", metric="accuracy").table
    assert table["variant"].tolist() == ["baseline", "cutout"]
    assert set(table["baseline"]) == {"mixup"}
    assert table["effect"][0] == pytest.approx((arm(wide, "baseline") - arm(wide, "mixup")).mean())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": "basline"}, r"^baseline is 'basline'; expected a variant: did you mean 'bas"),
        ({"metric": "acuracy"}, r"^metric is 'acuracy'; expected a metric: did you mean 'accuracy"),
        ({"metric": ["loss", "los"]}, r"^metric is 'los'; expected a metric: did you mean 'loss'"),
        ({"better": {"los": "lower"}}, r"^better is 'los'; expected a metric: did you mean 'loss'"),
        ({"smallest_effect": -1}, r"^smallest_effect is -1; expected a positive number"),
        ({"smallest_effect": {"loss": math.nan}}, r"^smallest_effect: loss is nan; expected a pos"),
        ({"columns": {"sed": "seed"}}, r"^columns is 'sed'; expected a role: did you mean 'seed'"),
        ({"columns": {"seed": "sed"}}, r"^columns: seed is 'sed'; expected a column .*'seed'"),
        ({"claims": []}, r"^claims; expected at least one claim"),
        ({"claims": ["x"]}, r"^claims: 0 is 'x'; expected a fixbench\.Claim"),
        ({"claims": "none.yaml"}, r"^claims is 'none.yaml'; expected a claims\.yaml"),
        ({"name": "a b"}, r"^name is 'a b'; expected letters"),
    ],
)
def test_a_wrong_argument_is_named_with_what_would_be_right(
    arguments: dict[str, Any], message: str, wide: pd.DataFrame
) -> None:
    with pytest.raises(InputError, match=message):
        fixbench.compare(wide, **arguments)


def test_messages_speak_of_arguments_rather_than_of_options(wide: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"name it with columns={'variant': …}, or the columns"):
        fixbench.compare(wide.drop(columns="method"))
    odd = wide.rename(columns={"accuracy": "width"}).replace({"method": {"baseline": "adam"}})
    head = " ".join(str(fixbench.compare(odd, metric="width")).split())
    assert "not known; better= says it" in head
    assert "adam (the first; baseline= names another)" in head


def test_it_prints_a_line_for_each_variant(wide: pd.DataFrame) -> None:
    frame = wide.astype({"accuracy": object})
    frame.loc[(frame["method"] == "cutout") & (frame["seed"] == 4), "accuracy"] = "failed"
    lines = str(fixbench.compare(frame, metric="accuracy", smallest_effect=0.2)).splitlines()
    assert lines[0] == (
        "accuracy (higher is better, from its name); baseline baseline (from its name)"
    )
    assert lines[1].split() == [
        "variant",
        "n",
        "difference",
        "[interval]",
        "p",
        "p,",
        "Holm",
        "verdict",
    ]
    assert lines[2].startswith("mixup    5 ")
    assert " e  negligible" in lines[2]
    assert lines[3].startswith("cutout   5 (1 failed)")
    assert all(len(line) <= 100 for line in lines)
    assert any("n pairs by seed, Student's t; Holm over 2" in line for line in lines)
    assert any(line.startswith("Not pre-registered") for line in lines)
    assert repr(fixbench.compare(wide)) == str(fixbench.compare(wide))


def test_a_notebook_gets_a_table_without_script(wide: pd.DataFrame) -> None:
    odd = wide.replace({"method": {"mixup": "<script>alert(1)</script> & co"}})
    comparison = fixbench.compare(odd, metric="accuracy")
    text = comparison._repr_html_()
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parseFragment(text)
    elements = {element.tag for element in tree.iter() if isinstance(element.tag, str)}
    assert not elements & {"script", "link", "img", "iframe"}
    assert "http" not in text
    # It has no colour of its own but grey lines: it is as light or as dark as the page around it.
    assert "background" not in text
    assert "color:inherit" in text
    rows = [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]
    assert rows[0] == ["variant", "n", "difference [interval]", "p", "p, Holm", "verdict"]
    assert rows[1][0] == "<script>alert(1)</script> & co"
    assert [row[-1] for row in rows[1:]] == list(comparison.verdicts.values())
    reasons = ["".join(item.itertext()) for item in tree.iter("li")]
    for result, reason in zip(comparison.results, reasons, strict=True):
        assert result.reason in reason


@pytest.mark.skipif(importlib.util.find_spec("IPython") is None, reason="IPython is missing")
def test_ipython_finds_how_to_show_it(wide: pd.DataFrame) -> None:
    from IPython.core.formatters import DisplayFormatter  # type: ignore[import-not-found]

    shown, _ = DisplayFormatter().format(fixbench.compare(wide))
    assert {"text/html", "text/plain"} <= set(shown)


def test_the_report_is_that_of_judge(
    wide: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pages name the file of rows as it was given, so that both are written to the same place.
    written = []
    for name in ("judge", "compare"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        if name == "judge":
            fixbench.judge(wide, margin=0.005, directory="out")
        else:
            page = fixbench.compare(wide, smallest_effect=0.005).report("out")
            assert page == Path("out") / "results.html"
        files = [path for path in Path("out").rglob("*") if path.is_file()]
        written.append({path: path.read_bytes() for path in files})
    assert {"results.html", "results.pdf", "appendix-results.tex"} <= {p.name for p in written[0]}
    assert written[0] == written[1]
    assert len(read_table(Path("out") / "claims.json").claims) == 4


def test_compare_writes_nothing(
    wide: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    str(fixbench.compare(wide))
    assert list(tmp_path.iterdir()) == []


def test_a_file_gives_the_same_as_its_frame(wide: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "runs.csv"
    wide.to_csv(path, index=False)
    by_path, by_frame = (fixbench.compare(source).table for source in (str(path), wide))
    assert by_path.equals(by_frame)
    assert fixbench.compare(path).name == "runs"


def test_importing_fixbench_is_light() -> None:
    code = "import fixbench, sys; print(*{'numpy', 'pandas', 'pydantic'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert {"Claim", "Comparison", "compare", "judge", "load_results"} <= set(dir(fixbench))
