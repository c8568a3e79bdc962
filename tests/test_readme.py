"""What the README shows is what the published runs found."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from fixbench.reports._format import interval

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "reports" / "reference"


def found(claim: dict[str, Any]) -> str:
    """A claim's verdict and its figure, as the README's table has them."""
    low, high = claim["interval_low"], claim["interval_high"]
    if claim["measured"] is None:
        return f"**{claim['verdict']}**"
    if low is None:
        return f"**{claim['verdict']}**, in {100 * claim['measured']:.0f} % of runs"
    value, bounds = interval(claim["measured"], low, high)
    times = "× " if claim["scale"] == "log" else ""
    return f"**{claim['verdict']}** {times}{value} {bounds}"


def table() -> list[str]:
    """The rows of the README's table of verdicts, one a claim."""
    small, extended = (
        json.loads((REFERENCE / tier / "claims.json").read_text(encoding="utf-8"))
        for tier in ("small", "extended")
    )
    rows = []
    for first, second in zip(small, extended, strict=True):
        assert first["id"] == second["id"]
        cells = [first["id"], first["statement"], first["documented"], found(first), found(second)]
        rows.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return rows


def test_the_table_of_verdicts_is_that_of_the_reference() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if re.match(r"\| [A-Z]{2}\d{2} \|", line)] == table()


def test_every_linked_file_exists() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), link
