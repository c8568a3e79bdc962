"""No rows, no claims, one seed, failed runs alone, 200 claims: sound pages, or a refusal."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from fixbench.ablation import load_ablation
from fixbench.cli import main
from fixbench.results import Row, write_results

VARIANTS = ("base", "other")
PAGES = {
    "tiny.html",
    "tiny.pdf",
    "supplement-tiny.tex",
    "appendix-tiny.tex",
    "appendix-tiny-forest.pdf",
    "claims.json",
    "claims.csv",
    "metrics.json",
    "numbers.tex",
    "appendix.tex",
    "appendix-forest.pdf",
    "appendix.pdf",
    "fixbench.bib",
    "index.html",
}

#: Number of claims, seeds, and whether every run failed → the status and the folder of pages.
Made = Callable[..., tuple[list[int], Path]]


def term(variant: str, weight: float = 1.0, metric: str = "loss") -> dict[str, Any]:
    stage = "train" if metric == "loss" else "end"
    return {"variant": variant, "metric": metric, "stage": stage, "weight": weight}


def claim(place: int) -> dict[str, Any]:
    """By turns a difference with all that stands beside one, sameness, and an exact property."""
    written: dict[str, Any] = {
        "id": f"T{'AB'[place // 100]}{place % 100:02}",
        "label": f"Claim number {place}",
        "statement": f"Claim {place}: the other variant reaches a lower loss than the baseline.",
        "section": "1",
        "kind": "outcome",
        "documented": {"text": "lower", "value": -0.5},
    }
    difference = {"terms": [term("other"), term("base", -1.0)]}
    if place % 3 == 0:
        level = {"terms": [term("base")]}
        return written | {
            "decision": {
                "rule": "difference",
                "direction": "less",
                "margin": 0.01,
                "tolerance": 0.1,
            },
            "effect": difference,
            "preconditions": [
                {"name": "it learns", "meaning": "else nothing is told", "effect": level}
                | {"above": 0.0}
            ],
            "controls": [
                {"name": "a rival", "meaning": "it does the same", "effect": level}
                | {"explains_above": 0.5}
            ],
            "supporting": [{"name": "a level", "meaning": "how far it is", "effect": level}],
        }
    if place % 3 == 1:
        return (
            written
            | {"decision": {"rule": "no_difference", "margin": 0.1}}
            | {"effect": difference}
        )
    return written | {
        "kind": "arithmetic",
        "documented": {"text": "holds"},
        "decision": {"rule": "property"},
        "effect": {"terms": [term("base", metric="ok")]},
    }


def rows(seed: int, place: int, *, failed: bool) -> list[Row]:
    if failed:
        return [Row("train", 3, "run", float("nan"), "diverged")]
    random = np.random.default_rng([seed, place])
    losses = [2 - 0.5 * place - 0.1 * step + 0.1 * random.normal() for step in range(3)]
    curve = [Row("train", step, "loss", float(loss)) for step, loss in enumerate(losses)]
    return [*curve, Row("end", 0, "ok", 1.0)]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Judge a tiny ablation, and write its pages and those of all claims."""
    monkeypatch.chdir(tmp_path)

    def make(claims: int, seeds: range, *, failed: bool = False) -> tuple[list[int], Path]:
        folder = Path("ablations", "tiny")
        folder.mkdir(parents=True)
        written = {
            "title": "A tiny ablation",
            "question": "Does the other variant help?",
            "document": {"file": "none", "title": "A document", "section": "1"},
            "command": "true {seed} {options} {output}",
            "baseline_variant": "base",
            "baseline": {"size": 1},
            "variants": {
                "base": {"reason": "the baseline"},
                "other": {"reason": "twice the size", "changes": {"size": 2}},
            },
            "metrics": {
                "loss": {"unit": "1", "better": "lower", "description": "loss"},
                "ok": {"unit": "1", "better": "higher", "description": "whether it holds"},
            },
            "tiers": {"small": {"seeds": "0-9", "block": 10}},
            "threats": ["It is a fixture."],
        }
        (folder / "ablation.yaml").write_text(yaml.safe_dump(written, sort_keys=False))
        declared = {"claims": [claim(place) for place in range(claims)]}
        (folder / "claims.yaml").write_text(yaml.safe_dump(declared, sort_keys=False))
        ablation = load_ablation(folder / "ablation.yaml")
        results, records = [], []
        for place, variant in enumerate(VARIANTS):
            path = Path("results", "tiny", "small", variant, "0-9.parquet")
            path.parent.mkdir(parents=True)
            write_results(
                path,
                {seed: rows(seed, place, failed=failed) for seed in seeds},
                ablation="tiny",
                variant=variant,
                units={"loss": "1", "ok": "1", "run": "1"},
                metadata={
                    "ablation": "tiny",
                    "variant": variant,
                    "tier": "small",
                    "seeds": list(seeds),
                    "options": ablation.at("small").options(variant),
                    "claims": {item.id: item.model_dump(mode="json") for item in ablation.claims},
                    "metrics": {name: m.definition for name, m in ablation.metrics.items()},
                },
            )
            record = Path(f"{variant}.json")
            record.write_text(json.dumps({"variant": variant, "seeds": [], "libraries": {}}))
            results.append(str(path))
            records.append(str(record))
        verdicts = "results/tiny/small/claims.json"
        judged = ["tiny", "--tier", "small", "--results", *results, "--claims", verdicts]
        pages = ["--directory", "pages"]
        status = [main(["analyse", *judged])]
        if status == [0]:
            status.append(main(["report", *judged, "--provenance", *records, *pages]))
            status.append(main(["claims", verdicts, "--tier", "small", *pages]))
        return status, Path("pages")

    return make


def printed(path: Path) -> str:
    """The words of a page, without pictures and styles."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".html":
        text = re.sub(r"<(style|script)\b.*?</\1>", " ", text, flags=re.DOTALL)
        text = html.unescape(re.sub(r"<[^>]*>", " ", text))
    return text


def check_sound(pages: Path) -> None:
    """All pages are there, and none prints a number that is none, or the code's word for it."""
    assert {path.name for path in pages.iterdir()} == PAGES
    for name in PAGES:
        if not name.endswith(".pdf"):
            text = printed(pages / name)
            found = re.search(r"(?<!\w)(nan|NaN|inf|Infinity|None(?! of the))(?!\w)", text)
            assert found is None, (name, text[max(0, found.start() - 80) :][:160])
    for path in pages.glob("*.tex"):
        assert not re.search(r"\\midrule\s*\\bottomrule", path.read_text()), (
            f"empty table in {path}"
        )


def table(pages: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((pages / "claims.json").read_text())["claims"]
    return found


def test_no_rows_are_refused_by_name(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    status, pages = made(3, range(0))
    assert status == [2]
    said = capsys.readouterr().err
    assert "results/tiny/small/other/0-9.parquet: rows; expected rows of at least one seed" in said
    assert not pages.exists()


def test_no_claims(made: Made) -> None:
    status, pages = made(0, range(10))
    assert status == [0, 0, 0]
    check_sound(pages)
    assert table(pages) == []
    with (pages / "claims.csv").open(newline="") as stream:
        (header,) = csv.reader(stream)
    assert {"id", "verdict", "measured"} <= set(header)
    page = printed(pages / "tiny.html")
    assert "No claim was judged." in page
    assert "Claim by claim" not in page
    assert "Weakest test" not in page
    index = printed(pages / "index.html")
    assert "No claim was judged in tier small." in index
    assert "What the marks mean" not in index
    for name in ("appendix.tex", "appendix-tiny.tex"):
        text = (pages / name).read_text()
        assert r"\begin{table" not in text
        assert "Verdicts:" not in text
        assert r"\ref{" not in text


def test_one_seed(made: Made) -> None:
    status, pages = made(3, range(1))
    assert status == [0, 0, 0]
    check_sound(pages)
    first, second, third = table(pages)
    assert (first["verdict"], second["verdict"], third["verdict"]) == (
        "inconclusive",
        "inconclusive",
        "holds",
    )
    assert first["measured"] is not None
    assert first["interval_low"] is first["p_raw"] is None
    assert "one seed, so that there is no interval" in first["reason"]


def test_all_runs_failed(made: Made) -> None:
    status, pages = made(3, range(10), failed=True)
    assert status == [0, 0, 0]
    check_sound(pages)
    for row in table(pages):
        assert (row["verdict"], row["measured"], row["n_failed"]) == ("inconclusive", None, 10)
    assert "20 of 20 runs failed" in printed(pages / "tiny.html")


def test_two_hundred_claims(made: Made) -> None:
    status, pages = made(200, range(10))
    assert status == [0, 0, 0]
    check_sound(pages)
    assert len(table(pages)) == 200
    # A float of LaTeX cannot be divided: no table and no figure is longer than a page.
    for name, drawn in (("appendix-tiny.tex", 200), ("appendix.tex", 134)):
        text = (pages / name).read_text()
        parts = re.findall(r"\\midrule\n(.*?)\\bottomrule", text, re.DOTALL)
        counts = [len(re.findall(r"^T[AB]\d\d &", part, re.MULTILINE)) for part in parts]
        assert sum(counts) == drawn
        assert max(counts) <= 30
        labels = re.findall(r"\\label\{(.*?)\}", text)
        assert len(set(labels)) == len(labels)
        assert set(re.findall(r"\\ref\{(.*?)\}", text)) <= set(labels)
        pictures = [int(page) for page in re.findall(r"\\includegraphics\[page=(\d+),", text)]
        pdf = (pages / name.replace(".tex", "-forest.pdf")).read_bytes()
        sizes = re.findall(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf)
        assert pictures == list(range(1, len(sizes) + 1))
        # In points, of a page of 11 inches.
        assert all(float(height) < 9 * 72 for _, height in sizes)
    # What a reader sees first is no list of 200 names.
    page = printed(pages / "tiny.html")
    answer = page[page.index("Of 200 claims") :].split("None of the 20 runs failed")[0]
    assert len(answer.split()) < 200
