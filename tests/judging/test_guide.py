"""The example of docs/judging.md, run as it stands there."""

import re
from pathlib import Path

import pytest

from fixbench.cli import main

GUIDE = Path(__file__).parents[2] / "docs" / "judging.md"


def test_the_guide_prints_what_the_command_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = GUIDE.read_text()
    (table,) = re.findall(r"```csv\n(.*?)```", text, re.DOTALL)
    (output,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    (command,) = re.findall(r"^fixbench (judge results\.csv --margin .*)$", text, re.MULTILINE)
    (tmp_path / "results.csv").write_text(table)
    monkeypatch.chdir(tmp_path)
    assert main(command.split()) == 0
    assert capsys.readouterr().out == output
    written = {path.name for path in (tmp_path / "fixbench-report").iterdir()}
    for name in re.findall(
        r"`([a-z-]+\.(?:html|tex|bib|json|csv|pdf))`", text.split("## What it")[0]
    ):
        assert name in written | {"results.csv"}
