"""What README and table of verdicts show is what the published runs found."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fixbench.ablation import load_ablation
from fixbench.published import read_rows
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


#: How the README counts verdicts.
COLUMNS = {
    "as documented": ("reproduced", "holds", "direction only"),
    "not as documented": (
        "another size",
        "negligible",
        "absent",
        "reversed",
        "refuted",
        "does not hold",
    ),
    "explained by a control": ("confounded",),
    "open": ("unresolved", "inconclusive"),
    "not testable": ("not testable", "withdrawn"),
}


def counts() -> list[str]:
    """The rows of the README's table, one an ablation."""
    claims = read_rows(REFERENCE / "small" / "claims.json")
    rows = []
    for path in sorted((ROOT / "ablations").glob("*/ablation.yaml")):
        verdicts = [claim["verdict"] for claim in claims if claim["ablation"] == path.parent.name]
        numbers = [sum(v in column for v in verdicts) for column in COLUMNS.values()]
        assert sum(numbers) == len(verdicts)
        cells = [load_ablation(path).title, len(verdicts), *numbers]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return rows


def test_the_readme_counts_the_verdicts_of_the_reference() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    start = lines.index(f"| ablation (small) | claims | {' | '.join(COLUMNS)} |") + 2
    assert lines[start : start + len(counts())] == counts()


def table() -> list[str]:
    """The rows of the table of verdicts, one a claim of the small tier, by ablation."""
    small, extended = (
        read_rows(REFERENCE / tier / "claims.json") for tier in ("small", "extended")
    )
    larger = {claim["id"]: found(claim) for claim in extended}
    assert set(larger) <= {claim["id"] for claim in small}
    rows = []
    for claim in small:
        cells = [claim["id"], claim["statement"], claim["documented"], found(claim)]
        cells.append(larger.get(claim["id"], "–"))
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return rows


def claims_of(page: Path) -> list[str]:
    """The rows of a page that begin with a claim's id."""
    lines = page.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if re.match(r"\| [A-Z]{2}\d{2}[a-z]? \|", line)]


def test_the_table_of_verdicts_is_that_of_the_reference() -> None:
    pages = sorted((ROOT / "docs" / "cases").glob("*.md"))
    assert [page.stem for page in pages] == sorted(
        path.parent.name for path in (ROOT / "ablations").glob("*/ablation.yaml")
    )
    assert [row for page in pages for row in claims_of(page)] == table()
    # What moved: its last verdict is that of the table.
    moved = claims_of(ROOT / "docs" / "verdicts.md")
    assert moved
    now = {claim["id"]: claim["verdict"] for claim in read_rows(REFERENCE / "small/claims.json")}
    for line in moved:
        claim, _, verdict, _ = line.strip("| ").split(" | ")
        assert verdict == f"**{now[claim]}**", line


def test_every_linked_file_exists() -> None:
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("src/**/README.md")]
    assert len(pages) >= 4
    for page in pages:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), link


def test_every_published_page_is_linked() -> None:
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / link).resolve() for link in re.findall(r"\]\(([^)#:]+)\)", text)}
    published = {*REFERENCE.glob("*/*.html"), *REFERENCE.glob("*/*.parquet")}
    assert published <= linked
