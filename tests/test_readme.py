"""What the README shows is what the published run found."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_table_of_verdicts_is_that_of_the_reference() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"^\| ([A-Z]{2}\d{2}) \|.*\| \**([a-z ]+?)\** \|$", text, flags=re.MULTILINE)
    reference = ROOT / "reports" / "reference" / "small" / "claims.json"
    claims = json.loads(reference.read_text(encoding="utf-8"))
    assert shown == [(claim["id"], claim["verdict"]) for claim in claims]


def test_every_linked_file_exists() -> None:
    for name in ("README.md", "CONTRIBUTING.md"):
        for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / name).read_text(encoding="utf-8")):
            assert (ROOT / link).exists(), link
