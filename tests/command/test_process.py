"""What a command prints, and what of it a user sees."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

import fixbench
from fixbench.command._process import MARK, call

RULE = Path(fixbench.__file__).parent / "workflow" / "rules" / "job.smk"


def test_every_line_is_marked_and_the_rule_keeps_marked_lines_off_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    status, end = call("printf 'one\\ntwo\\nthree'; exit 3", tmp_path, os.environ, log=log)
    assert (status, end, log.read_text()) == (3, "one\ntwo\nthree", "one\ntwo\nthree")
    said = capfd.readouterr().err
    mark = MARK.decode()
    assert said == f"{mark}one\n{mark}two\n{mark}three\n"
    found = re.search(r"sed -u '(.*?)'", RULE.read_text())
    assert found is not None
    command = ["sed", "-u", found[1].replace("\\\\", "\\")]
    shown = subprocess.run(
        command, input=f"seed 0 finished\n{said}seed 1 finished\n", capture_output=True, text=True
    )
    assert shown.stdout == "seed 0 finished\nseed 1 finished\n"


def test_a_progress_bar_without_line_ends_is_not_kept_back(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    # More than a pipe holds, so that it is read in parts however late the reader is.
    command = r"for i in $(seq 12000); do printf 'step %05d\r' $i; done; printf 'end\n'"
    status, end = call(command, tmp_path, os.environ)
    assert status == 0
    assert end.endswith("end\n")
    said = capfd.readouterr().err
    assert said.count(MARK.decode()) > 1
    assert "".join(re.split(rf"(?:^|\n){re.escape(MARK.decode())}", said)).count("step") == 12000
