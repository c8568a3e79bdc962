from __future__ import annotations

import csv
import json
import math
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fixbench.ablation import Control, Variant, option_difference
from fixbench.errors import InputError
from fixbench.reports import write_claims
from fixbench.reports._format import number
from fixbench.reports._view import _comparable, build_report
from fixbench.reports._write import _html, _tex
from fixbench.statistics import Crossing, EffectEstimate
from fixbench.verdicts import Looks, adjudicate, claims_table, compare_variants

VOID = {"meta", "link", "br", "hr", "img", "input", "col"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str) -> list[Element]:
        found = [self] if self.tag == tag else []
        for child in self.children:
            if isinstance(child, Element):
                found += child.all(tag)
        return found

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join("".join(parts).split())

    def everything(self) -> list[Element]:
        below = [
            c for child in self.children if isinstance(child, Element) for c in child.everything()
        ]
        return [self, *below]


class Reader(HTMLParser):
    """Builds a tree and refuses what a browser would have to repair."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"attribute twice in <{tag}>"
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, {n: v or "" for n, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(path: Path) -> Element:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    reader.close()
    assert reader.open == [reader.root], "an element is left open"
    return reader.root


def table(page: Element, caption: str) -> list[list[str]]:
    """The body of the table whose caption begins with ``caption``."""
    (found,) = (t for t in page.all("table") if t.all("caption")[0].text.startswith(caption))
    return [
        [cell.text for cell in row.children if isinstance(cell, Element)]
        for body in found.all("tbody")
        for row in body.all("tr")
    ]


def close(text: str, exact: float) -> bool:
    """A printed number is the exact one, rounded to the digits it shows."""
    decimals = len(text.partition(".")[2])
    return abs(float(text.replace("−", "-")) - exact) <= 0.5 * 10.0**-decimals * (1 + 1e-9)


def check_measured(text: str, effect: EffectEstimate) -> None:
    value, low, high = re.match(r"(\S+) \[(\S+), (\S+)\]", text).groups()  # type: ignore[union-attr]
    assert close(value, effect.estimate)
    assert close(low, effect.low)
    assert close(high, effect.high)


def check_p(text: str, exact: float) -> None:
    if math.isnan(exact):
        assert text == "–"
    elif text == "<0.001":
        assert exact < 0.001
    else:
        assert close(text, exact)


@pytest.fixture(scope="module")
def page(written: dict[str, Path]) -> Element:
    return read(written["html"])


@pytest.fixture(scope="module")
def light(planted: Any) -> Any:
    """The planted case without curves, which take the most time to draw."""
    return replace(planted, frame=planted.frame[planted.frame["step"] < 3])


def test_page_is_self_contained_and_small(page: Element, written: dict[str, Path]) -> None:
    text = written["html"].read_text(encoding="utf-8")
    assert len(text) < 3_000_000
    assert not page.all("script")
    assert not page.all("link")
    assert not page.all("img")
    links = [
        e.attributes[k]
        for e in page.everything()
        for k in ("href", "src", "xlink:href")
        if k in e.attributes
    ]
    assert links
    assert all(link.startswith("#") for link in links)
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}


def test_page_is_accessible(page: Element) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("title")[0].text
    assert all(head.attributes["scope"] in ("col", "row", "rowgroup") for head in page.all("th"))
    assert all(len(t.all("caption")) == 1 for t in page.all("table"))
    outer = [svg for figure in page.all("figure") for svg in figure.all("svg")]
    # Overview, claims with an effect, single readings of two gradients, curves of the loss.
    assert len(outer) == 1 + 10 + 2 + 1
    assert all(svg.attributes["role"] == "img" and svg.attributes["aria-label"] for svg in outer)


def test_ids_are_unique_and_links_lead_somewhere(page: Element) -> None:
    ids = [e.attributes["id"] for e in page.everything() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.everything():
        for name in ("href", "xlink:href"):
            if name in element.attributes:
                assert element.attributes[name][1:] in ids


def test_verdict_table_says_what_the_results_say(page: Element, planted: Any) -> None:
    rows = table(page, "n counts paired seeds")
    assert len(rows) == 2 * len(planted.results)
    for result, row, reason in zip(planted.results, rows[::2], rows[1::2], strict=True):
        id_, statement, documented, measured, p, n, verdict = row
        assert (id_, statement, documented) == (result.id, result.statement, result.documented)
        assert verdict == result.verdict
        assert reason[0].startswith(result.reason)
        assert ("Edited after" in reason[0]) == result.edited
        raw, adjusted = p.split(" / ")
        check_p(adjusted, result.p_adjusted)
        if result.effect is None:
            assert (measured, raw, n) == ("–", "–", "–")
            continue
        check_p(raw, result.effect.p_value)
        assert n == f"{result.effect.n} ({result.effect.n_failed})"
        if math.isnan(result.effect.low):
            assert close(measured.removesuffix(" share"), result.effect.estimate)
        else:
            check_measured(measured, result.effect)
            unit = {"log": "ratio"}.get(result.effect.scale, "")
            assert measured.endswith(("]", unit, "nat"))
    assert {result.verdict for result in planted.results} == set(page_verdicts(page))


def page_verdicts(page: Element) -> list[str]:
    return [e.text for e in page.everything() if e.attributes.get("class", "").startswith("badge")]


def test_answer_counts_the_verdicts(page: Element, planted: Any) -> None:
    (answer,) = (e.text for e in page.all("p") if e.attributes.get("class") == "answer")
    assert answer.startswith("Of 13 claims:")
    for verdict, count in Counter(result.verdict for result in planted.results).items():
        ids = ", ".join(r.id for r in planted.results if r.verdict == verdict)
        assert f"{count} {verdict} ({ids})" in answer
    assert "CA02 is explained by: inert module." in answer
    assert "Edited after their results were produced: CA09." in answer


def test_special_characters_are_text(page: Element, written: dict[str, Path]) -> None:
    statement = "An untrained base fails & a trained base works <for every_class> at 100 % #1"
    assert statement in page.text
    assert "<for" not in written["html"].read_text(encoding="utf-8")
    latex = written["tex"].read_text(encoding="utf-8")
    assert (
        r"fails \& a trained base works \ensuremath{<}for every\_class\ensuremath{>} at 100 \% \#1"
        in latex
    )


def article(page: Element, id_: str) -> Element:
    (found,) = (a for a in page.all("article") if a.attributes["id"] == id_)
    return found


def test_conclusions_stand_where_their_verdicts_are_found(
    page: Element, written: dict[str, Path]
) -> None:
    (section,) = (e for e in page.all("section") if e.attributes["id"] == "conclusions")
    items = section.all("li")
    assert [item.text for item in items] == [
        "Scale by 0.1 <or less>, for my_model at 100 % #1 (CA01, CA04).",
        "Reshape (CA10).",
    ]
    links = [link.attributes["href"] for item in items for link in item.all("a")]
    assert links == ["#CA01", "#CA04", "#CA10"]
    left_out = (
        "2 conclusions are left out because they suppose other verdicts: (1) CA01 supposed "
        "reversed or absent, found reproduced; CA09 supposed reproduced, found absent; (2) CA12 "
        "supposed holds, found does not hold."
    )
    note = "Written by hand after the reference runs; each is printed only where the verdicts that"
    assert section.all("p")[0].text == f"{note} it names are found. {left_out}"
    header = page.all("header")[0].text
    assert header.index("Of 13 claims:") < header.index(note)
    assert header.index(note) < header.index("Tier")
    latex = written["tex"].read_text(encoding="utf-8")
    escaped = (
        r"Scale by 0.1 \ensuremath{<}or less\ensuremath{>}, for my\_model at 100 \% \#1 (CA01,"
    )
    assert rf"\item {escaped} CA04)." in latex
    assert "Use full scale" not in latex
    assert left_out in latex


def test_one_conclusion_left_out_and_none_in_the_smoke_tier(light: Any) -> None:
    def conclude(tier: str, *places: int) -> Any:
        chosen = [light.ablation.conclusions[place] for place in places]
        small = light.ablation.tiers["small"]
        update = {"conclusions": chosen, "tiers": {"small": small, "smoke": small}}
        ablation = light.ablation.model_copy(update=update)
        return build_report("x", ablation, tier, light.frame.iloc[:9], light.results, [])

    report = conclude("small", 2, 3)
    assert [item.text for item in report.conclusions] == ["Reshape"]
    assert report.conclusions_left_out == (
        "One conclusion is left out because it supposes other verdicts: CA12 supposed holds, found "
        "does not hold."
    )
    assert conclude("small", 2).conclusions_left_out == ""
    for silent in (conclude("small"), conclude("smoke", 0, 1, 2, 3)):
        assert (silent.conclusions, silent.conclusions_left_out) == ([], "")
        for text in (_html("report.html", silent), _tex("report.tex", silent)):
            assert "In plain words" not in text


def test_controls_show_their_numbers_and_whether_they_explain(page: Element, planted: Any) -> None:
    for result in planted.results:
        if not result.controls:
            continue
        rows = table(article(page, result.id), "Controls")
        assert len(rows) == len(result.controls)
        for control, row in zip(result.controls, rows, strict=True):
            assert row[0] == control.name
            assert row[1].startswith(control.meaning)
            check_measured(row[2], control.effect)
            check_p(row[3], control.effect.p_value)
            yes = "yes" if result.verdict == "confounded" else "would"
            assert row[-1] == (yes if control.explains else "no")
    assert "interval below 1" in table(article(page, "CA01"), "Controls")[0]
    supporting = table(article(page, "CA01"), "Supporting measurements")
    check_measured(supporting[0][2], planted.results[0].supporting[0].effect)


def test_claim_without_controls_says_so(page: Element) -> None:
    assert "No control is measured for this claim." in article(page, "CA03").text
    assert "No control" not in article(page, "CA13").text


def test_claim_shows_rule_and_sensitivity(page: Element, planted: Any) -> None:
    text = article(page, "CA01").text
    assert "gradient_norm(scale_1.0, gradient/base, mean) ÷ gradient_norm(none" in text
    assert "lies between 0.296 and 0.463" in text  # 0.37 / 1.25 and 0.37 · 1.25
    assert "Exact sign-flip p0.0020" in text.replace(" p ", " p")
    bounds = re.search(r"BCa bootstrap 95 % interval\s*\[(\S+), (\S+)\]", text)
    assert bounds is not None
    assert close(bounds[1], planted.results[0].effect.bootstrap_low)
    assert close(bounds[2], planted.results[0].effect.bootstrap_high)
    clustered = "interval over seeds and samples (11 to 12 samples, in each seed; bootstrap)"
    assert f"95 % {clustered}[0.21, 0.64]" in text
    assert "Paired seeds that would settle it" in article(page, "CA04").text
    assert "37" in article(page, "CA04").text
    assert "Two failed seeds were imputed." in article(page, "CA05").text
    assert not article(page, "CA10").all("figure")
    exact = "Exact 95 % interval of their share"
    assert f"measurement held10 of 10{exact}[0.69, 1.00]" in article(page, "CA10").text
    assert f"measurement held9 of 10{exact}[0.555, 0.997]" in article(page, "CA12").text
    edited = article(page, "CA09")
    assert "was edited after the results were produced: decision.margin" in edited.text
    changes = [
        e.text for p in edited.all("p") if "edited" in p.attributes.values() for e in p.all("code")
    ]
    assert changes == [
        "decision.margin: 0.02 → 0.01",
        'source: – → "planted & notes"',
        "controls.new: – → added",
        "controls.kept.explains_below: 0.1 → 0.2",
        "supporting.old: there → taken out",
    ]


def test_the_hash_of_the_rule_stands_beside_those_of_the_results(
    page: Element, written: dict[str, Path], light: Any
) -> None:
    same, edited, alone = (
        "SHA-256 000000000000, as in the results.",
        "SHA-256 080808080808, in the results: abababababab, cdcdcdcdcdcd.",
        "SHA-256 121212121212.",
    )
    latex = written["tex"].read_text(encoding="utf-8")
    for id_, text in (("CA01", same), ("CA09", edited), ("CA13", alone)):
        (rule,) = (
            p.text for p in article(page, id_).all("p") if p.text.startswith("Decision rule.")
        )
        assert rule.endswith(text)
        assert text in latex
    added = [replace(r, edited=True, recorded=()) for r in light.results]
    report = build_report("x", light.ablation, "small", light.frame.iloc[:9], added, [])
    assert report.claims[0].rule[-1] == "SHA-256 000000000000, not in the results."


def test_several_variants_stand_in_one_table(page: Element, planted: Any) -> None:
    both = table(page, "Detection by scale: pixel_auroc, test, last")
    levels, rows = both[:4], both[4:]
    names = ["none", "scale_0.01", "scale_1.0", "random_towers"]
    assert [row[0] for row in levels] == names
    assert [row[0] for row in rows] == [
        "scale_0.01 − none",
        "scale_1.0 − none",
        "random_towers − none",
    ]
    (found,) = compare_variants(planted.ablation, planted.frame)
    for (_, measured, p, n), item in zip(levels, found.levels, strict=True):
        check_measured(measured, item.level)
        assert (p, n) == ("–", f"10 ({item.level.n_failed})")
    lost = number(found.levels[3].level.complete_case)
    assert f"random_towers without failed seeds: {lost}." in page.text
    for (_, measured, p, n), row in zip(rows, found.rows, strict=True):
        check_measured(measured, row.effect)
        raw, adjusted = p.split(" / ")
        check_p(raw, row.effect.p_value)
        check_p(adjusted, row.p_adjusted)
        assert n == f"10 ({row.effect.n_failed})"
    assert rows[2][3] == "10 (2)"
    alone = number(found.rows[2].effect.complete_case)
    assert f"random_towers − none without failed seeds: {alone}." in page.text
    assert "A failed run counts as the worst of the successful runs of this" in page.text


def test_levels_of_ratios_are_geometric_means_in_their_own_unit(light: Any) -> None:
    comparison = light.ablation.comparisons[0].model_copy(
        update={"metric": "loss", "stage": "base", "scale": "log"}
    )
    ablation = light.ablation.model_copy(update={"comparisons": [comparison]})
    report = build_report("x", ablation, "small", light.frame, light.results, [])
    (view,) = report.comparisons
    assert view.quantity == "loss, base, last; levels are geometric means"
    assert {item.unit for _, item in view.levels} == {"nat"}
    assert {item.unit for _, item, _ in view.rows} == {"ratio"}
    latex = _tex("report.tex", report)
    assert r"\texttt{random\_\allowbreak{}towers} & " in latex
    name, item = view.levels[0]
    assert f">{name}</code></th><td><span" in _html("report.html", report)
    assert item.p == "–"


def test_failed_runs_are_counted_once_each(page: Element) -> None:
    assert table(page, "Failed runs") == [["random_towers", "diverged", "2", "3, 7"]]
    assert "2 of 140 runs failed and are counted as failed." in page.text


def test_looks_at_growing_seeds_are_told_with_what_is_valid_then(light: Any) -> None:
    looks = Looks(
        planned=(5, 10, 15),
        made=2,
        alpha=0.05,
        spending="pocock",
        levels=(0.0192, 0.0164, 0.0157),
        p_values={"different": (0.3, 0.00012), "equivalent": (0.9, 0.8)},
        shown={"different": Crossing(look=2, n=10, p=0.00012, level=0.0015)},
    )
    results = [
        replace(result, looks=looks if result.effect else replace(looks, p_values={}, shown={}))
        for result in light.results
    ]

    def told(results: Any) -> Any:
        return build_report("x", light.ablation, "small", light.frame, results, [])

    settled = told(results)
    assert (
        "Seeds were added until a verdict: looks were planned after 5, 10, 15 seeds, and 2 of them "
        "made until all primary claims were settled."
    ) in settled.answer
    (valid,) = (sentence for sentence in settled.answer if "Intervals are wider" in sentence)
    assert (
        "Pocock-type, 0.05 over all looks and, by Holm's steps, the family; for one claim" in valid
    )
    assert "the levels were 0.0192, 0.0164). Intervals are wider than 95 % and hold at all" in valid
    assert "too far from null on average" in valid
    first = settled.claims[0]
    assert ("Different: p at each look", "0.30, <0.001") in first.sensitivity
    assert "p no larger than the level of a look" in " ".join(first.rule)
    open_one = [replace(results[0], looks=replace(looks, shown={})), *results[1:]]
    spent = told(open_one).answer
    assert any("made until the budget was spent, without settling CA01." in text for text in spent)
    assert not any("added until a verdict" in text for text in told(light.results).answer)


def test_no_failed_runs_are_reported_as_none(light: Any) -> None:
    frame = light.frame[light.frame["status"] == "ok"]
    report = build_report("x", light.ablation, "small", frame, light.results, [])
    assert report.failures == []
    assert report.failure_summary == "None of the 140 runs failed."


def test_variants_show_exactly_what_they_change(page: Element, planted: Any) -> None:
    rows = {row[0]: row for row in table(page, "What each variant changes")}
    assert list(rows) == list(planted.ablation.variants)
    for name, row in rows.items():
        for key, (old, new) in option_difference(planted.ablation, name, "small").items():
            assert f"{key}: {old} → {new}" in row[2]
    assert rows["none"][2] == "baseline"
    assert rows["documented_bundle"][3] == "yes"
    assert "optimiser.rate: 0.0005 → 0.0001" in rows["documented_bundle"][2]
    assert rows["normalised"][4] == "none"  # the variant called "none"
    assert rows["scale_0.1"][4] == "–"


def test_every_number_names_its_rows_and_files(page: Element, planted: Any) -> None:
    rows = table(page, "Source cells")
    files = {row[0]: row[1:] for row in table(page, "Result files")}
    effects = sum(
        len(list(effect.terms)) for c in planted.ablation.claims for _, effect in c.effects()
    )
    assert len(rows) == effects
    by_path = {
        path: digest for record in planted.provenance for path, digest in record["outputs"].items()
    }
    assert {path for path, _ in files.values()} == {p for p in by_path if p.endswith("parquet")}
    for path, digest in files.values():
        assert by_path[path].startswith(digest)
        assert len(digest) == 12
    for claim, quantity, variant, stage, metric, at, count, labels in rows:
        of_cell = planted.frame[["variant", "stage", "metric"]] == [variant, stage, metric]
        cell = planted.frame[of_cell.all(axis=1)]
        named = [files[label][0] for label in labels.split(", ")]
        assert sorted(named) == sorted(set(cell["file"]))
        assert int(count) == (len(cell) if at == "mean" else 10)
        assert claim in {c.id for c in planted.ablation.claims}
        assert quantity.startswith(("effect", "precondition: ", "control: ", "supporting: "))


def test_files_read_from_elsewhere_are_named_as_recorded(light: Any) -> None:
    frame = light.frame.assign(file="/home/somebody/" + light.frame["file"])
    arguments = ("x", light.ablation, "small", frame, light.results)
    here = build_report("x", light.ablation, "small", light.frame, light.results, light.provenance)
    assert build_report(*arguments, light.provenance).files == here.files
    assert build_report(*arguments, []).files[0][1].startswith("/home/somebody/results/")


def test_scale_threats_and_provenance_are_printed(page: Element) -> None:
    for text in (
        "64 px images (document: 518 px)",
        "A planted table proves nothing.",
        "0.1.0, commit 5f0c5f0c5f0c, clean",
        "Linux-6.1-planted",
        "numpy 2.4.6, torch 2.13.0",
    ):
        assert text in page.text
    facts = {row[0]: row[1] for row in table(page, "What ran on what")}
    assert facts["Input data/textures"] == "c0ffeec0ffee"
    assert facts["Lock file envs/torch.lock"] == "ab12ab12ab12"
    assert facts["Source of the jobs (SHA-256)"] == "feedfeedfeed"
    assert facts["Device"] == "cpu, Planted CPU"
    assert facts["Code dated"] == "not recorded"
    assert facts["Seeds"] == "0–9"
    assert facts["Jobs"] == "28"
    costs = {row[0]: row[1:] for row in table(page, "Cost by variant")}
    # Two jobs of 20.5 s and 19.25 s of processor time, 600 MB at most.
    assert costs["none"] == ["2", "41.0 s", "38.5 s", "572.2 MiB"]
    assert costs["all"] == ["28", "12.6 min", "12.0 min", "584.6 MiB"]


def test_a_threat_to_single_claims_stands_beside_them(
    page: Element, written: dict[str, Path], planted: Any
) -> None:
    caveat = "100 % of <one> base_model & #1."
    for result in planted.results:
        text = article(page, result.id).text
        assert text.count("Mind:") == (result.id in ("CA03", "CA08"))
        if result.id in ("CA03", "CA08"):
            assert f"{result.reason} Mind: {caveat}" in text.replace("\n", " ")
    (section,) = (e for e in page.all("section") if e.attributes["id"] == "threats")
    assert [item.text for item in section.all("li")] == [
        "A planted table proves nothing.",
        "Towers are not CLIP's.",
        f"CA03, CA08: {caveat}",
    ]
    latex = written["tex"].read_text(encoding="utf-8")
    escaped = r"100 \% of \ensuremath{<}one\ensuremath{>} base\_model \& \#1."
    assert latex.count(rf"\noindent \emph{{Mind:}} {escaped}") == 2
    assert latex.count(rf"\item CA03, CA08: {escaped}") == 1


@pytest.mark.parametrize(
    ("runtime", "facts"),
    [
        (
            {"engine": "none", "image": None},
            {"Runtime": "the local environment, no container", "Image": "none"},
        ),
        (
            {
                "engine": "docker 29.1",
                "image": "fixbench/torch-cuda:0.1.0",
                "image_id": "sha256:" + "abcd" * 16,
                "base": "local@sha256:1",
                "base_locked": False,
                "gpus": ["GPU-1"],
            },
            {
                "Runtime": "docker 29.1",
                "Image": "fixbench/torch-cuda:0.1.0, abcdabcdabcd, on local@sha256:1 (not the base "
                "that the repository locks)",
                "GPUs": "GPU-1",
            },
        ),
    ],
)
def test_where_jobs_ran_is_said(
    light: Any, tmp_path: Path, runtime: dict[str, Any], facts: dict[str, str]
) -> None:
    records = [{**record, "runtime": runtime} for record in light.provenance]
    page = read(replace(light, provenance=records).write(tmp_path)["html"])
    assert dict(table(page, "What ran on what")).items() >= facts.items()
    assert runtime["engine"] == "none" or "docker 29.1" in page.text


@pytest.mark.parametrize(
    "records", [[], [{}], [{"variant": "none", "device": None, "outputs": {}}]]
)
def test_what_is_not_recorded_is_said(
    light: Any, tmp_path: Path, records: list[dict[str, Any]]
) -> None:
    page = read(replace(light, provenance=records).write(tmp_path)["html"])
    facts = {row[0]: row[1] for row in table(page, "What ran on what")}
    assert facts.pop("Jobs") == str(len(records))
    assert set(facts.values()) == {"not recorded"}
    assert {row[2] for row in table(page, "Result files")} == {"not recorded"}


def test_jobs_that_disagree_are_counted(light: Any) -> None:
    records = [json.loads(json.dumps(record)) for record in light.provenance]
    records[0]["code"]["dirty"] = True
    del records[1]["code"], records[1]["wall_seconds"]
    records[2]["code"].update(commit="unknown", dirty="unknown")
    report = build_report("x", light.ablation, "small", light.frame, light.results, records)
    facts = dict(report.provenance)
    assert facts["Code version"] == (
        "0.1.0, commit 5f0c5f0c5f0c, clean (25 jobs); "
        "0.1.0, commit 5f0c5f0c5f0c, with uncommitted changes (1 job); "
        "0.1.0, commit unknown (1 job); not recorded (1 job)"
    )
    assert facts["Seeds"] == "0–9"
    costs = {row[0]: row for row in report.costs}
    assert costs["none"][2] == "20.5 s (1 not recorded)"


def test_seeds_that_differ_from_the_tier_are_said(light: Any) -> None:
    frame = light.frame[light.frame["seed"] < 4]
    report = build_report("x", light.ablation, "small", frame, light.results, [])
    assert dict(report.facts)["Seeds"] == "0–3 (4); the tier declares 0–9"
    assert any("not those that the tier declares" in sentence for sentence in report.answer)
    whole = build_report("x", light.ablation, "small", light.frame, light.results, [])
    assert not any("that the tier declares" in sentence for sentence in whole.answer)


def test_curves_show_named_arms_with_their_baseline(planted: Any) -> None:
    report = build_report("x", planted.ablation, "small", planted.frame, planted.results, [])
    assert len(report.curves) == 1  # the loss
    assert "starts afresh" in report.curves[0].svg
    assert "starts from none" in report.curves[0].svg
    named = {t.variant for c in planted.ablation.claims for _, e in c.effects() for t in e.terms}
    drawn = " ".join(figure.alternative for figure in report.curves)
    for arm in planted.ablation.variants:
        assert (f" {arm}" in drawn) == (arm in named)
    assert "Each point averages up to 4 consecutive steps." in report.curves[0].caption
    ablation = planted.ablation.model_copy(update={"curves": ["gradient_norm"]})
    extra = build_report("x", ablation, "small", planted.frame, planted.results, [])
    assert len(extra.curves) > len(report.curves)
    assert any("gradient_norm over steps in gradient/base" in f.alternative for f in extra.curves)


def test_steps_that_claims_only_average_are_no_curve(planted: Any) -> None:
    claims = [claim.model_copy(update={"supporting": []}) for claim in planted.ablation.claims]
    ablation = planted.ablation.model_copy(update={"claims": claims, "curves": ["gradient_norm"]})
    results = [replace(result, supporting=()) for result in planted.results]
    report = build_report("x", ablation, "small", planted.frame, results, [])
    assert len(report.curves) == 1  # the loss, of which claims take the first and last value
    assert report.curves_left_out.endswith("in no order: gradient_norm in gradient/base.")


def test_arms_compare_where_they_start_alike_and_run_as_long(planted: Any) -> None:
    def variant(start: str | None = None) -> Variant:
        return Variant(reason="", starts_from=start)

    many = {f"arm_{index}": variant("b") for index in range(8)}
    variants = {"b": variant(), **many, "short": variant(), "text": variant("b")}
    ablation = planted.ablation.model_copy(
        update={"variants": variants, "baseline_variant": "arm_2"}
    )
    steps = {"b": 200, "short": 40} | dict.fromkeys(many, 40)
    rows = [(arm, "image", step) for arm, count in steps.items() for step in range(count)]
    # The arm that lacks the long stage is as long as its fellows in the one that it runs.
    rows += [(arm, "text", step) for arm in variants for step in range(20 if arm == "b" else 6)]
    frame = pd.DataFrame(rows, columns=["variant", "stage", "step"])
    panels = _comparable(ablation, frame)
    assert [(panel.title, panel.family, len(panel.arms)) for panel in panels] == [
        ("starts from b", 0, 5),
        ("starts from b", 0, 5),
        ("starts afresh", 1, 1),
        ("starts afresh, longer", 2, 1),
    ]
    assert panels[0].arms == ["arm_2", "arm_0", "arm_1", "arm_3", "arm_4"]
    assert panels[1].arms == ["arm_2", "arm_5", "arm_6", "arm_7", "text"]
    assert (panels[2].arms, panels[3].arms) == (["short"], ["b"])


def test_preconditions_show_what_is_required_and_whether_it_is_met(
    page: Element, written: dict[str, Path], planted: Any
) -> None:
    latex = written["tex"].read_text(encoding="utf-8")
    for result in planted.results:
        if not result.preconditions:
            continue
        ((name, effect, measured, n, required, met),) = table(
            article(page, result.id), "Preconditions"
        )
        (item,) = result.preconditions
        assert name == item.name
        assert effect.startswith(item.meaning)
        check_measured(measured, item.effect)
        assert n == "10 (0)"
        assert met == ("yes" if item.met else "no")
        bound = {"CA06": "−0.05", "CA08": "−5"}[result.id]
        assert required == f"interval below {bound}"
        assert f"(the loss falls: interval below {bound}); otherwise not testable." in (
            article(page, result.id).text
        )
        assert rf"& \textbf{{{met}}} \\" in latex
    assert sum(bool(result.preconditions) for result in planted.results) == 2
    (answer,) = (e.text for e in page.all("p") if e.attributes.get("class") == "answer")
    assert "The precondition of CA08 is not met: the loss falls." in answer


def test_claim_that_is_not_testable_keeps_its_numbers(page: Element, planted: Any) -> None:
    (result,) = (r for r in planted.results if r.id == "CA08")
    rows = table(page, "n counts paired seeds")[::2]
    (row,) = (row for row in rows if row[0] == "CA08")
    check_measured(row[3], result.effect)
    (figure,) = article(page, "CA08").all("figure")
    label = figure.all("svg")[0].attributes["aria-label"]
    assert "Precondition: the loss falls" in label
    overview = page.all("figure")[0].all("svg")[0].attributes["aria-label"]
    assert "CA08  not testable" in overview


def test_source_outside_the_document_stands_with_the_section(
    page: Element, written: dict[str, Path]
) -> None:
    where = "Results, in the planted notes"
    assert where in article(page, "CA08").text
    assert page.text.count(where) == 1
    assert "Not in the document itself: CA08." in page.text
    assert where in written["tex"].read_text(encoding="utf-8")


def test_single_readings_stand_beside_what_averages_them(
    page: Element, written: dict[str, Path], planted: Any
) -> None:
    frame = planted.frame[planted.frame["metric"] == "gradient_norm"]
    wide = frame.pivot(index=["seed", "step"], columns="variant", values="value")
    effect = wide["scale_1.0"] / wide["none"]
    share = number(100 * (effect <= 0.37).mean(), 2)
    text = article(page, "CA01").text
    assert "Of 120 readings from 10 seeds" in text
    assert f"{share} % at or below the documented 0.37" in text
    assert "of all 1320 ordered pairs" in text  # 10 seeds, 12 · 11 pairs
    assert "Single readings." not in article(page, "CA03").text
    assert "Of 120 readings from 10 seeds" in written["tex"].read_text(encoding="utf-8")


def test_level_has_no_p(planted: Any) -> None:
    level = {"terms": [{"variant": "none", "metric": "loss", "stage": "feedback"}]}
    item = Control.model_validate({"name": "level", "effect": level, "meaning": ""})
    claims = [planted.ablation.claims[0].model_copy(update={"supporting": [item]})]
    found = replace(planted.results[0].supporting[0], name="level")
    results = [replace(planted.results[0], supporting=(found,))]
    ablation = planted.ablation.model_copy(update={"claims": claims, "conclusions": []})
    report = build_report("x", ablation, "small", planted.frame.iloc[:9], results, [])
    assert report.claims[0].supporting[0].measured.p == "–"
    assert report.claims[0].controls[0].measured.p != "–"


def test_same_input_gives_the_same_bytes(
    planted: Any, written: dict[str, Path], tmp_path: Path
) -> None:
    again = planted.write(tmp_path / "elsewhere")
    for kind in ("html", "tex", "pdf"):
        assert again[kind].read_bytes() == written[kind].read_bytes()


def test_order_of_rows_and_records_does_not_matter(
    planted: Any, written: dict[str, Path], tmp_path: Path
) -> None:
    shuffled = replace(planted, provenance=planted.provenance[::-1])
    again = shuffled.write(tmp_path)
    assert again["html"].read_bytes() == written["html"].read_bytes()


def test_another_process_gives_the_same_bytes(written: dict[str, Path], tmp_path: Path) -> None:
    planted_module = str(Path(__file__).with_name("conftest.py"))
    script = (
        "import sys, runpy, pathlib; sys.modules['conftest'] = type(sys)('conftest');"
        f"namespace = runpy.run_path({planted_module!r}, run_name='conftest');"
        "case = namespace['Case']('planted', namespace['planted_ablation'](), 'small',"
        " namespace['planted_frame'](), namespace['planted_results'](),"
        " namespace['planted_provenance']());"
        f"case.write(pathlib.Path({str(tmp_path)!r}))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "LC_ALL": "C"}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, timeout=300)
    for path in written.values():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_pdf_holds_every_claim_and_verdict(
    written: dict[str, Path], planted: Any, tmp_path: Path
) -> None:
    assert written["pdf"].read_bytes().startswith(b"%PDF-")
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        ["pdftotext", "-layout", str(written["pdf"]), "-"],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    for result in planted.results:
        assert re.search(rf"{result.id}\b.*\b{result.verdict}", done.stdout)
    assert "Scale by 0.1 <or less>, for my_model at 100 % #1 (CA01, CA04)." in done.stdout
    assert done.stdout.count("Mind: 100 % of <one> base_model & #1.") == 2


def test_latex_gives_a_number_for_every_claim(written: dict[str, Path], planted: Any) -> None:
    text = written["tex"].read_text(encoding="utf-8")
    for result in planted.results:
        assert rf"\fixbenchset{{{result.id}}}{{verdict}}{{{result.verdict}}}" in text
        found = re.search(rf"\\fixbenchset{{{result.id}}}{{measured}}{{(.*)}}\n", text)
        assert found is not None
        if result.effect is not None:
            assert close(found[1].replace(r"\ensuremath{-}", "-"), result.effect.estimate)
    assert not re.search(
        r"[<>]",
        text.replace(r"\ensuremath{<}", "")
        .replace(r"\ensuremath{>}", "")
        .replace(r">{\raggedright", ""),
    )


def test_statistics_of_this_package_can_be_reported(planted: Any, tmp_path: Path) -> None:
    results = adjudicate(planted.ablation, planted.frame, tier="small")
    page = read(replace(planted, results=results).write(tmp_path)["html"])
    rows = table(page, "n counts paired seeds")[::2]
    assert [(row[0], row[-1]) for row in rows] == [(r.id, r.verdict) for r in results]
    for result, row in zip(results, rows, strict=True):
        if result.effect is not None and not math.isnan(result.effect.low):
            check_measured(row[3], result.effect)


def test_results_that_are_not_the_ablations_are_refused(planted: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"results of planted: claims is \['CA13'\]; expected one"):
        replace(planted, results=planted.results[:-1]).write(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_empty_results_still_give_a_report(planted: Any, tmp_path: Path) -> None:
    bare = planted.ablation.model_copy(update={"claims": [], "conclusions": []})
    empty = planted.frame.iloc[:0]
    paths = replace(planted, ablation=bare, frame=empty, results=[], provenance=[]).write(tmp_path)
    assert "Of 0 claims" in read(paths["html"]).text


# claims.json and claims.csv


def test_claims_json_is_strict_and_holds_every_row(planted: Any, tmp_path: Path) -> None:
    path, _ = write_claims(planted.results, tmp_path)

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    rows = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
    assert rows == claims_table(planted.results)
    assert [row["id"] for row in rows] == [result.id for result in planted.results]
    for row, result in zip(rows, planted.results, strict=True):
        if result.effect is not None:
            assert row["measured"] == result.effect.estimate


def test_claims_csv_has_the_same_rows(planted: Any, tmp_path: Path) -> None:
    json_path, csv_path = write_claims(planted.results, tmp_path)
    rows = json.loads(json_path.read_text(encoding="utf-8"))
    with csv_path.open(encoding="utf-8", newline="") as file:
        read_back = list(csv.DictReader(file))
    lists = ("preconditions", "controls")
    expected = [
        {k: "" if v is None else str(v) for k, v in row.items() if k not in lists} for row in rows
    ]
    assert read_back == expected
    assert pd.read_csv(csv_path)["id"].tolist() == [row["id"] for row in rows]


def test_no_claims_are_an_empty_list(tmp_path: Path) -> None:
    path, _ = write_claims([], tmp_path / "new" / "folder")
    assert json.loads(path.read_text(encoding="utf-8")) == []


# Folders that cannot be written to


def test_folder_below_a_file_is_refused(light: Any, tmp_path: Path) -> None:
    (tmp_path / "reports").write_text("in the way")
    for folder in (tmp_path / "reports", tmp_path / "reports" / "deeper"):
        with pytest.raises(InputError, match=re.escape(str(folder))) as caught:
            write_claims(light.results, folder)
        assert "expected a folder that can be written to" in str(caught.value)
        with pytest.raises(InputError, match=re.escape(str(folder))):
            light.write(folder)


def test_folder_of_somebody_else_is_refused(planted: Any, tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    root = os.geteuid() == 0
    try:
        if root:
            os.seteuid(65534)  # root may write anywhere
        with pytest.raises(InputError, match=r"can be written to \(Permission denied\)"):
            write_claims(planted.results, tmp_path)
    finally:
        if root:
            os.seteuid(0)
        tmp_path.chmod(0o755)
    assert list(tmp_path.iterdir()) == []


def test_failure_leaves_no_half_file_behind(planted: Any, tmp_path: Path) -> None:
    (tmp_path / "claims.csv").mkdir()
    with pytest.raises(InputError):
        write_claims(planted.results, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["claims.csv", "claims.json"]
    json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))  # whole


def test_failure_while_writing_keeps_the_old_report(
    planted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_claims(planted.results[:1], tmp_path)
    old = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    write = Path.write_bytes

    def disk_full(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", disk_full)
    with pytest.raises(InputError, match="No space left on device"):
        write_claims(planted.results, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == old


def test_a_variant_names_what_it_is_relative_to(light: Any) -> None:
    changes = {"attention.scale": 0.5}
    again = Variant(reason="between", relative_to="scale_0.1", changes=changes)
    ablation = light.ablation.model_copy(
        update={"variants": {**light.ablation.variants, "again": again}}
    )
    report = build_report("x", ablation, "small", light.frame, light.results, [])
    assert _html("report.html", report).count("against <code>scale_0.1</code>:") == 1
    assert _tex("report.tex", report).count("against ") == 1
