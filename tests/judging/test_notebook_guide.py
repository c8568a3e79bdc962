"""The Python of docs/notebook.md, run as it stands there, and of the last lines of judging.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

DOCS = Path(__file__).parents[2] / "docs"


def test_the_guide_runs_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "notebook.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (output,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 5
    names: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, "notebook.md", "exec"), names)
    assert capsys.readouterr().out == output
    assert names["page"].is_file()
    assert (tmp_path / "forest.pdf").read_bytes().startswith(b"%PDF")
    assert r"\label{tab:optimisers}" in names["table"]


def test_the_example_of_the_guide_to_judging_runs(
    wide: pd.DataFrame,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (DOCS / "judging.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, Any] = {"frame": wide}
    exec(compile(block, "judging.md", "exec"), names)
    assert "mixup vs baseline, accuracy" in capsys.readouterr().out
    assert len(names["judged"].to_frame()) == 4
