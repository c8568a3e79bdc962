"""Pages that all can read: axe-core finds nothing serious, light and dark, on a phone and a desk.

axe-core runs in Chromium, on the page of all ablations and on that of one, with every fold open.
``.ci/axe`` fetches it; without it, or without Chromium, these tests are skipped.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.reports import write_claims

AXE = Path(__file__).parents[2] / "build" / "axe.min.js"

pytestmark = pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not there: run .ci/axe")

#: Runs in the page that holds the frames, and leaves its findings as JSON.
SCRIPT = """
(async () => {
  const done = {};
  for (const frame of document.querySelectorAll("iframe")) {
    await new Promise((end) => {
      frame.addEventListener("load", end); frame.src = frame.dataset.page;
    });
    const page = frame.contentDocument;
    for (const fold of page.querySelectorAll("details")) fold.open = true;
    await new Promise((end) => {
      const script = page.createElement("script");
      script.addEventListener("load", end); script.src = AXE;
      page.head.append(script);
    });
    const inner = frame.contentWindow;
    const report = await inner.axe.run(page, {resultTypes: ["violations"]});
    done[frame.id] = {
      dark: inner.matchMedia("(prefers-color-scheme: dark)").matches,
      passed: report.passes.length,
      violations: report.violations.map((rule) => ({
        rule: rule.id, impact: rule.impact, where: rule.nodes.slice(0, 5).map(
          (node) => [node.html.slice(0, 200), node.failureSummary]),
      })),
    };
  }
  document.getElementById("found").textContent = JSON.stringify(done);
})();
"""


#: A page that axe-core must object to: pale text, a field without a name.
PALE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pale</title>
<main><h1>Pale</h1><p style="color: #bbb; background: #fff">Pale words.</p>
<input type="search"></main></html>"""


@pytest.fixture(scope="module")
def pages(written: dict[str, Path], planted: Any) -> dict[str, Path]:
    folder = written["html"].parent
    write_claims([planted.judged], folder, tier="small")
    (folder / "pale.html").write_text(PALE, encoding="utf-8")
    names = {"overview": "index.html", "ablation": written["html"].name, "pale": "pale.html"}
    return {key: folder / name for key, name in names.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(
    scheme: str, pages: dict[str, Path], browse: Callable[..., str], tmp_path: Path
) -> None:
    frames = "".join(
        f'<iframe id="{name}-{width}" width="{width}" height="844" style="border: 0" '
        f'data-page="{page.as_uri()}"></iframe>'
        for name, page in pages.items()
        for width in (390, 1280)
    )
    holder = tmp_path / "frames.html"
    holder.write_text(
        f'<!doctype html><meta charset="utf-8">{frames}<pre id="found"></pre>'
        f"<script>const AXE = {json.dumps(AXE.as_uri())};{SCRIPT}</script>",
        encoding="utf-8",
    )
    # Blink numbers what a reader prefers: 0 is dark, 1 is light.
    option = f"--blink-settings=preferredColorScheme={int(scheme == 'light')}"
    (text,) = re.findall(r'<pre id="found">(.*?)</pre>', browse(holder, option), re.DOTALL)
    found = json.loads(html.unescape(text))
    serious = {
        frame: [rule for rule in report["violations"] if rule["impact"] in ("serious", "critical")]
        for frame, report in found.items()
    }
    for width in (390, 1280):
        pale = serious.pop(f"pale-{width}")
        assert {rule["rule"] for rule in pale} == {"color-contrast", "label"}
    assert len(serious) == 4
    for frame, rules in serious.items():
        assert found[frame]["dark"] is (scheme == "dark")
        assert found[frame]["passed"] > 10
        assert rules == [], frame
