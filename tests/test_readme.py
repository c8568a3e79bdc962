"""What README and table of verdicts show is what the published runs found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fixbench.published import read_rows
from fixbench.rejudge import rejudge_tables
from fixbench.reports._format import interval

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "reports" / "reference"


def found(claim: dict[str, Any]) -> str:
    """A claim's verdict and its figure, as the README's table has them."""
    low, high = claim["interval_low"], claim["interval_high"]
    if claim["measured"] is None:
        return f"**{claim['verdict']}**"
    if low is None:
        return f"**{claim['verdict']}** (true in {100 * claim['measured']:.0f} % of measurements)"
    value, bounds = interval(claim["measured"], low, high)
    times = "× " if claim["scale"] == "log" else ""
    return f"**{claim['verdict']}** {times}{value} {bounds}"


def table() -> list[str]:
    """The rows of the table of verdicts, one a claim of the small tier, by ablation."""
    small, extended = (
        read_rows(REFERENCE / tier / "claims.json") for tier in ("small", "extended")
    )
    # The extended table has the verdicts of older rules, and no rows to judge again.
    again = rejudge_tables(REFERENCE / "extended" / "claims.json", ROOT / "ablations", "extended")
    now = {item.id: item.now for item in again}
    larger = {claim["id"]: found({**claim, "verdict": now[claim["id"]]}) for claim in extended}
    assert set(larger) <= {claim["id"] for claim in small}
    rows = []
    for claim in small:
        cells = [claim["id"], claim["statement"], claim["documented"], found(claim)]
        cells.append(larger.get(claim["id"], "–"))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return rows


def test_the_table_of_verdicts_is_that_of_the_reference() -> None:
    lines = (ROOT / "docs" / "verdicts.md").read_text(encoding="utf-8").splitlines()
    rows = [line for line in lines if re.match(r"\| [A-Z]{2}\d{2}[a-z]? \|", line)]
    moved = [line for line in rows if re.match(r"\| \w+ \| (small|extended) \|", line)]
    assert [line for line in rows if line not in moved] == table()
    # Those of small before are in the history alone; those of extended are in its table.
    again = rejudge_tables(REFERENCE / "extended" / "claims.json", ROOT / "ablations", "extended")
    assert [line for line in moved if "| extended |" in line] == [
        f"| {item.id} | extended | {item.then} | **{item.now}** | {quoted(item.why)} |"
        for item in again
        if item.then != item.now
    ]


def quoted(text: str) -> str:
    """With the quotation marks of print."""
    return re.sub(r"'(.*)'", "“\\1”", text)


def test_every_linked_file_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("src/**/README.md")]
    assert len(pages) >= 4
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), link


def test_every_published_page_is_linked() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", text)}
    published = {*REFERENCE.glob("*/*.html"), *REFERENCE.glob("*/*.parquet")}
    assert published <= linked
