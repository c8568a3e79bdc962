"""A launcher that is stopped or killed leaves no container behind, whenever that happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.containers.conftest import Place

KEEP = ("--keep", ".fixbench/resume")
# It ignores what can be ignored, with a process that does so too.
STUBBORN = """
import os, signal, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
os.fork()
OUT.write_text("half")
Path(".fixbench/resume/started").write_text("")
time.sleep(60)
OUT.write_text("")
"""


def started(place: Place) -> Callable[[], bool]:
    return lambda: any(place.scratch.glob("*/keep/started"))


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (lambda process: os.killpg(process.pid, signal.SIGINT), 130),  # as a terminal does
        (lambda process: process.send_signal(signal.SIGTERM), 143),
        (lambda process: process.send_signal(signal.SIGHUP), 129),
        (lambda process: process.send_signal(signal.SIGKILL), -9),
        (lambda process: os.killpg(process.pid, signal.SIGKILL), -9),
    ],
    ids=["interrupt", "terminate", "hangup", "kill", "kill group"],
)
def test_stopped_launcher(
    place: Place, stop: Callable[[subprocess.Popen[str]], None], status: int
) -> None:
    process = place.start(STUBBORN, *KEEP)
    place.wait_for(started(place))
    begin = time.monotonic()
    stop(process)
    done = place.finish(process)
    assert time.monotonic() - begin < 30  # half of what the job takes
    assert (done.status, done.errors) == (status, "")
    assert not place.containers()
    assert not place.result.exists()
    (kept,) = place.scratch.glob("*/keep")
    assert started(place)()  # to continue from
    if status != -signal.SIGKILL:
        assert list(kept.parent.iterdir()) == [kept]


def test_impatient_user(place: Place) -> None:
    process = place.start(STUBBORN, *KEEP)
    place.wait_for(started(place))
    while process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.002)
    assert place.finish(process).errors == ""
    assert not place.containers()
    assert [path.name for path in place.scratch.glob("*/*")] == ["keep"]


def test_owner_that_is_killed(place: Place) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as owner:
        process = place.start(STUBBORN, *KEEP, "--owner", owner.pid)
        place.wait_for(started(place))
        owner.kill()
    assert place.finish(process).status not in (0, None)
    assert not place.containers()
    late = place.launch(STUBBORN, "--owner", owner.pid)
    assert late.refused() == f"--owner is {owner.pid}; expected a process that still runs"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_stopped_at_any_moment(place: Place, number: signal.Signals) -> None:
    """The engine may be creating a container, or removing it, when the launcher is stopped."""
    begin = time.monotonic()
    assert place.launch("OUT.write_text('')").status == 0
    whole = time.monotonic() - begin
    place.result.unlink()
    for moment in range(1, 9):
        job = place.sibling()
        process = job.start("OUT.write_text('')")
        time.sleep(whole * moment / 9)
        process.send_signal(number)
        job.finish(process)
        assert not job.containers(), moment
    if number == signal.SIGTERM:
        assert place.clean()


def test_job_that_is_started_again_at_once_after_it_was_killed(place: Place) -> None:
    code = """
    import os, time
    kept = Path(".fixbench/resume")
    if (kept / "started").exists():
        sizes = []
        for _ in range(2):
            sizes.append((kept / "started").stat().st_size)
            time.sleep(0.3)
        OUT.write_text(str(sizes[1] - sizes[0]))
        raise SystemExit(0)
    for _ in range(10_000):
        with (kept / "started").open("a") as stream:
            stream.write("x")
        time.sleep(0.001)
    """
    killed = place.start(code, *KEEP)
    place.wait_for(started(place))
    killed.kill()
    done = place.launch(code, *KEEP)
    place.finish(killed)
    assert done.status == 0, done.errors
    assert place.result.read_text() == "0"  # nobody writes any more
    assert place.clean()


def test_two_jobs_at_once_in_one_folder(place: Place) -> None:
    """Neither sees the other, though both are there when each looks."""
    other = place.sibling()
    code = """
    import os, time
    Path(".fixbench/resume/started").write_text("")
    while not Path("data/go").exists():
        time.sleep(0.05)
    names = os.listdir(OUT.parent)
    OUT.write_text(" ".join(names))
    """
    (place.root / "data").mkdir()
    jobs = [job.start(code, *KEEP, read=["data"]) for job in (place, other)]
    place.wait_for(lambda: len(list(place.scratch.glob("*/keep/started"))) == 2)
    (place.root / "data" / "go").write_text("")
    assert [place.finish(job).status for job in jobs] == [0, 0]
    assert place.result.read_text() == other.result.read_text() == ""
    assert place.clean()


def test_one_job_twice_at_once(place: Place) -> None:
    """The second waits for the first, and then makes the output anew."""
    code = """
    import time
    OUT.write_text(str(time.monotonic_ns()))
    time.sleep(1)
    with OUT.open("a") as stream:
        stream.write(f" {time.monotonic_ns()}")
    """
    jobs = [place.start(code), place.start(code)]
    written = []
    for job in jobs:
        assert place.finish(job).status == 0
        written.append(place.result.read_text().split())
    assert all(len(times) == 2 for times in written)
    assert place.clean()


def test_local_command_ends_with_its_launcher() -> None:
    """The launcher without an engine: the same signals, the same statuses."""
    command = [sys.executable, "-m", "fixbench.containers", "--engine", "local", "--"]
    said = "import time; print('started', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [*command, sys.executable, "-c", said], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.terminate()
        assert process.stdout.read() == ""  # the pipe is closed: the command has ended too
    assert process.returncode == 143
    for code, status in (("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)):
        assert subprocess.run([*command, sys.executable, "-c", code]).returncode == status
