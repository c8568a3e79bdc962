"""docs/refusals.md: each change, made in a repository that has just begun, is refused as shown."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from fixbench.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "refusals.md"
BLOCKS = re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("block", BLOCKS)
def test_refused_as_shown(
    block: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["init"]) == 0
    change, asked, shown = block.splitlines()
    assert change.startswith("$ ")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    subprocess.run(["bash", "-ec", change.removeprefix("$ ")], check=True)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after != before
    capsys.readouterr()
    assert main(asked.removeprefix("$ fixbench ").split()) == 2
    assert capsys.readouterr().err == f"{shown}\n"
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == after


def test_the_page_has_refusals() -> None:
    assert len(BLOCKS) > 8
