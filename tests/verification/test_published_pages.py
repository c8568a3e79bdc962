"""The committed reports: what they print is what their table of claims and their rows say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fixbench.verification._numbers import check_numbers
from fixbench.verification._page import check_page
from fixbench.verification._recomputed import check_recomputed
from fixbench.verification._run import find_runs

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "reports" / "reference" / "small" / "claims.json"
NAMES = sorted({row["ablation"] for row in json.loads(TABLE.read_text())["claims"]})


@pytest.mark.parametrize("name", NAMES)
def test_published_figures(name: str) -> None:
    (run,) = find_runs(ROOT, (name,), "small", ablations=Path("ablations"), local=False)
    for check in (check_recomputed(run), check_numbers(run), check_page(run)):
        assert not check.mismatches, str(check.mismatches[0])
        # Of every claim several: an estimate, its interval, p.
        assert check.compared > 5 * len(run.claims)
