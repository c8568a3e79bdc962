"""The published hashes of claims, from the files as they are written, by other code.

A hash is of the claim with the terms of all its effects, so that any difference between both
expansions shows, down to the last digit of a weight.
"""

import hashlib
import json
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPAND = runpy.run_path(str(Path(__file__).with_name("expansion.py")))["claims"]
CLAIMS = {
    (folder.name, key): claim
    for folder in sorted((ROOT / "ablations").iterdir())
    for key, claim in EXPAND(folder.name).items()
}
PUBLISHED = {
    tier: table["claims"] if isinstance(table, dict) else table
    for tier in ("small", "extended")
    for table in [json.loads((ROOT / "reports" / "reference" / tier / "claims.json").read_text())]
}


def sha256(claim: object) -> str:
    text = json.dumps(claim, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("tier", PUBLISHED)
def test_every_claim_has_its_published_hash(tier: str) -> None:
    published = {(row["ablation"], row["id"]): row["claim_sha256"] for row in PUBLISHED[tier]}
    assert published == {key: sha256(claim) for key, claim in CLAIMS.items()}
