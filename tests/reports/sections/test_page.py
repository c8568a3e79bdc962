"""The page as a whole: whole in itself, readable for everybody, and its text is text."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any


def test_page_is_self_contained_and_small(page: Any, written: dict[str, Path]) -> None:
    text = written["html"].read_text(encoding="utf-8")
    assert len(text) < 3_000_000
    assert not any(script.attributes for script in page.all("script"))  # own lines, no address
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


def test_page_is_accessible(page: Any) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("title")[0].text
    assert all(head.attributes["scope"] in ("col", "row", "rowgroup") for head in page.all("th"))
    assert all(len(t.all("caption")) == 1 for t in page.all("table"))
    outer = [svg for figure in page.all("figure") for svg in figure.all("svg")]
    # Key, overview, claims with an effect, single readings of two gradients, curves of the loss.
    assert len(outer) == 1 + 1 + 10 + 2 + 1
    assert all(svg.attributes["role"] == "img" and svg.attributes["aria-label"] for svg in outer)


def test_ids_are_unique_and_links_lead_somewhere(page: Any) -> None:
    ids = [e.attributes["id"] for e in page.everything() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.everything():
        for name in ("href", "xlink:href"):
            if name in element.attributes:
                assert element.attributes[name][1:] in ids


def test_sections_stand_in_order_and_the_links_name_them(page: Any) -> None:
    sections = [section.attributes["id"] for section in page.all("section")]
    order = [
        "verdicts",
        "conclusions",
        "claims",
        "comparisons",
        "curves",
        "threats",
        "scaled-down",
        "failures",
        "metrics",
        "variants",
        "provenance",
    ]
    # A section that is new may stand anywhere among them.
    assert [id_ for id_ in sections if id_ in order] == order
    (links,) = page.all("nav")
    targets = [link.attributes["href"][1:] for link in links.all("a")]
    assert targets == [id_ for id_ in sections if id_ in targets]
    assert set(order) - set(targets) == {"conclusions", "comparisons"}


def test_headings_are_the_same_in_every_format(page: Any, latex: str) -> None:
    html = [heading.text for heading in page.all("h2")]
    tex = re.findall(r"\\subsection\*\{(.*)\}", latex)
    # LaTeX prints no figures and no metrics, and failed runs below the variants.
    printed = [text for text in html if text not in ("Curves", "Metrics", "Failed runs")]
    # A page shows the verdicts first, and paper what they mean.
    assert tex[:2] == printed[1::-1]
    assert tex[2:] == printed[2:]


def words(element: Any) -> list[str]:
    """The words that are open when the page is loaded without script."""
    found: list[str] = []
    for child in element.children:
        if isinstance(child, str):
            found += child.split()
        elif child.tag == "details" and "open" not in child.attributes:
            found += [word for part in child.all("summary")[:1] for word in words(part)]
        elif child.tag not in ("script", "style", "title"):
            found += words(child)
    return found


def test_little_is_open_and_the_rest_is_folded_once(page: Any, planted: Any) -> None:
    everything = len(page.text.split())
    assert len(words(page)) < min(2500, everything / 3)
    for result in planted.results:
        article = page.of_id(result.id)
        (outer,) = [child for child in article.children if not isinstance(child, str)]
        assert outer.tag == "details"
        (summary,) = outer.all("summary")
        assert (result.id in summary.text, summary.text.endswith(result.verdict)) == (True, True)
    # What ran, and the options of variants, stand at the end, and nowhere else.
    assert "5f0c5f0c5f0c" not in "".join(words(page))
    sections = [section.attributes["id"] for section in page.all("section")]
    assert sections[-2:] == ["variants", "provenance"]


def test_a_claim_opens_to_its_parts_in_order(page: Any) -> None:
    parts = [part.text for part in page.of_id("CA01").all("h4")]
    assert parts == ["Documented", "Measured", "Rule", "Controls", "Readings", "Rows"]
    assert [part.text for part in page.of_id("CA03").all("h4")][-1] == "Caveats"


def test_special_characters_are_text(page: Any, written: dict[str, Path], latex: str) -> None:
    statement = "An untrained base fails & a trained base works <for every_class> at 100 % #1"
    assert statement in page.text
    assert "<for" not in written["html"].read_text(encoding="utf-8")
    assert (
        r"fails \& a trained base works \ensuremath{<}for every\_class\ensuremath{>} at 100 \% \#1"
        in latex
    )
