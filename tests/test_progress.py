"""Progress: few plain lines in a log, bars on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from fixbench.cli._progress import seed_progress, step_progress


class Clock:
    """A clock that moves when the test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("fixbench.cli._progress.time.monotonic", lambda: self.now)


def test_a_log_gets_a_line_every_five_seconds_and_one_a_seed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    with seed_progress("toy fast", [3, 5]) as progress:
        for seed in (3, 5):
            for step in range(1, 101):  # one second each
                clock.now += 1.0
                progress(seed, "train", step, 100)
            progress(seed, "finished", 1, 1)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert len(lines) == 2 * 100 / 5 + 2
    assert "\r" not in captured.err
    assert "\x1b" not in captured.err
    # The stage began with its first report, so that 4 steps took 4 seconds and 95 are left.
    assert re.findall(r"\d+", lines[0]) == ["3", "1", "2", "5", "100", "0", "01", "35"]
    # The first of two seeds took 100 seconds, as the other will.
    assert re.findall(r"\d+", lines[20]) == ["3", "1", "2", "0", "01", "40"]
    assert "finished" in lines[20]
    assert re.findall(r"\d+", lines[-1]) == ["5", "2", "2"]


def test_a_log_gets_the_last_step_whenever_it_comes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = Clock(monkeypatch)
    with step_progress("calibration") as progress:
        for step in range(1, 18):
            clock.now += 1.0
            progress("TOST", step, 17)
    lines = capsys.readouterr().err.splitlines()
    numbers = [[int(text) for text in re.findall(r"\d+", line)] for line in lines]
    assert numbers == [[1, 17], [6, 17], [11, 17], [16, 17], [17, 17]]


@pytest.mark.parametrize(
    ("code", "last"),
    [
        (
            "with seed_progress('toy', [3, 5]) as show:\n"
            "    for seed in (3, 5):\n"
            "        for step in range(1, 4): show(seed, 'train', step, 3)\n"
            "        show(seed, 'finished', 1, 1)",
            "2/2",
        ),
        (
            "with step_progress('toy') as show:\n    for step in range(1, 8): show('one', step, 7)",
            "7/7",
        ),
    ],
)
def test_a_terminal_shows_bars_that_end_full(code: str, last: str) -> None:
    controller, terminal = pty.openpty()
    program = f"from fixbench.cli._progress import seed_progress, step_progress\n{code}"
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        stderr=terminal,
        stdout=subprocess.PIPE,
        env=environment,
        check=False,
    )
    os.close(terminal)
    said = b""
    try:
        while part := os.read(controller, 65536):
            said += part
    except OSError:  # the terminal is closed and all is read
        pass
    os.close(controller)
    assert (done.returncode, done.stdout) == (0, b"")
    shown = re.findall(r"\d+/\d+", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", said.decode()))
    assert last in shown[-2:]
