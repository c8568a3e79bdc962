"""A page in a browser: widths, links, folds, sorting and filtering, as a reader has them.

The page stands in frames as wide as a phone and as a desk, and the
page around them writes what it finds into itself. Without Chromium, these tests are skipped.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: Runs in the page that holds the frames, and leaves its findings as JSON.
SCRIPT = """
const done = {};
const frames = [...document.querySelectorAll("iframe")];
const loaded = Promise.all(frames.map((frame) => new Promise((end) => {
  frame.addEventListener("load", end); frame.src = frame.dataset.page;
})));
loaded.then(async () => {
  for (const frame of frames) {
    const page = frame.contentDocument;
    const table = page.querySelector("table.verdicts");
    const ids = () => [...table.tBodies[0].rows].filter((row) => !row.hidden)
      .map((row) => row.cells[0].textContent.trim());
    const found = done[frame.id] = {};
    found.open = page.querySelectorAll("details[open]").length;
    found.words = page.body.innerText.split(/\\s+/).filter(Boolean).length;
    found.width = [page.documentElement.scrollWidth, frame.clientWidth];
    found.badges = [...table.querySelectorAll(".badge")]
      .map((badge) => badge.getBoundingClientRect().right);
    found.top = table.getBoundingClientRect().top;
    const inner = frame.contentWindow;
    const first = page.querySelector('table.verdicts a[href="#CA06"]');
    first.click();
    await new Promise((end) => setTimeout(end, 500));
    found.revealed = page.querySelector("#CA06 > details").open;
    found.before = ids();
    const button = table.tHead.rows[0].cells[2].querySelector("button");
    button.focus();
    found.focused = page.activeElement === button;
    button.click();
    found.ascending = [button.parentElement.getAttribute("aria-sort"), ids()];
    button.click();
    found.descending = [button.parentElement.getAttribute("aria-sort"), ids()];
    const words = page.querySelector("input[type=search]");
    words.value = "adapter";
    words.dispatchEvent(new inner.Event("input"));
    found.filtered = [ids(), page.querySelector("output").textContent];
    inner.dispatchEvent(new inner.Event("beforeprint"));
    found.printed = page.querySelectorAll("details:not([open])").length;
    found.wide = [page.documentElement.scrollWidth, frame.clientWidth];
    inner.dispatchEvent(new inner.Event("afterprint"));
    found.folded = page.querySelectorAll("details[open]").length;
  }
  document.getElementById("found").textContent = JSON.stringify(done);
});
"""


def look(browse: Callable[..., str], report: Path, folder: Path) -> dict[str, Any]:
    """What the script finds of the page in each frame."""
    frames = "".join(
        f'<iframe id="{name}" width="{width}" height="844" style="border: 0" '
        f'data-page="{report.as_uri()}"></iframe>'
        for name, width in (("phone", 390), ("desk", 1280))
    )
    page = folder / "frames.html"
    page.write_text(
        f'<!doctype html><meta charset="utf-8">{frames}<pre id="found"></pre>'
        f"<script>{SCRIPT}</script>",
        encoding="utf-8",
    )
    done = browse(page)
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done, re.DOTALL)
    result: dict[str, Any] = json.loads(html.unescape(found))
    return result


@pytest.fixture(scope="module")
def found(
    browse: Callable[..., str],
    written: dict[str, Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    return look(browse, written["html"], tmp_path_factory.mktemp("browser"))


@pytest.mark.parametrize("frame", ["phone", "desk"])
def test_verdicts_are_inside_the_window(found: dict[str, Any], planted: Any, frame: str) -> None:
    """Nothing scrolls sideways, folded or open, and every verdict is in view."""
    page = found[frame]
    assert page["width"][0] <= page["width"][1]
    assert page["wide"][0] <= page["wide"][1]
    assert len(page["badges"]) == len(planted.results)
    assert max(page["badges"]) <= page["width"][1]
    # The table begins on the first screen, before what is said of it.
    assert page["top"] < 844


@pytest.mark.parametrize("frame", ["phone", "desk"])
def test_a_page_opens_folded_and_a_link_opens_its_claim(found: dict[str, Any], frame: str) -> None:
    page = found[frame]
    assert page["open"] == 0
    assert page["words"] <= 2500
    assert page["revealed"] is True


def test_paper_shows_what_is_folded_and_folds_it_again(found: dict[str, Any]) -> None:
    page = found["desk"]
    assert page["printed"] == 0
    assert page["folded"] == 1  # the claim that was opened


def test_claims_are_sorted_by_any_column(found: dict[str, Any], planted: Any) -> None:
    page = found["desk"]
    assert page["focused"] is True
    assert page["before"] == [result.id for result in planted.results]
    (up, ascending), (down, descending) = page["ascending"], page["descending"]
    assert (up, down) == ("ascending", "descending")
    verdicts = {result.id: result.verdict for result in planted.results}
    order = list(dict.fromkeys(verdicts[id_] for id_ in ascending))
    # Each verdict stands together, and what is for the document before what is open.
    assert len(order) == len(set(verdicts.values()))
    assert order[0] == "reproduced"
    assert verdicts[descending[0]] == order[-1]
    assert sorted(ascending) == sorted(descending) == sorted(verdicts)


def test_claims_are_filtered_by_words(found: dict[str, Any], planted: Any) -> None:
    ids, said = found["desk"]["filtered"]
    assert "CA01" in ids  # its statement names the adapter
    assert len(ids) < len(planted.results)
    assert said == f"{len(ids)} of {len(planted.results)} claims"
