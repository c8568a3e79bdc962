"""GPUs, on machines that have none: the program that lists them is a stand-in."""

from __future__ import annotations

import select
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixbench.containers import lease_gpus, list_gpus
from fixbench.errors import InputError


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A machine without GPUs, until it is given a stand-in for ``nvidia-smi``."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)

    def put(script: str) -> None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)

    return put


@pytest.fixture
def three(machine: Callable[[str], None]) -> None:
    machine("echo '0, GPU-aaa'; echo '1, GPU-bbb'; echo '2, GPU-bcc'")


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize(
    ("visible", "found"),
    [
        (None, ["GPU-aaa", "GPU-bbb", "GPU-bcc"]),
        ("", []),
        ("-1", []),
        ("2,0", ["GPU-bcc", "GPU-aaa"]),
        (" 1 , GPU-aaa", ["GPU-bbb", "GPU-aaa"]),
        ("GPU-a", ["GPU-aaa"]),  # a beginning is enough, if it is that of one
        ("GPU-b", []),
        ("0,3,1", ["GPU-aaa"]),  # what follows a device that is not there does not count
        ("0,-1,1", ["GPU-aaa"]),
        ("MIG-x,1", ["MIG-x", "GPU-bbb"]),
    ],
)
def test_visible_devices(
    monkeypatch: pytest.MonkeyPatch, visible: str | None, found: list[str]
) -> None:
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert list_gpus() == found


@pytest.mark.parametrize(
    "script", [None, "echo 'No devices were found'", "echo '0, GPU-aaa'; exit 9"]
)
def test_machine_without(machine: Callable[[str], None], script: str | None) -> None:
    if script is not None:
        machine(script)
    assert list_gpus() == []
    with lease_gpus(2) as gpus:
        assert gpus == ()


@pytest.mark.usefixtures("three")
def test_more_than_there_are(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"^resources: gpu is 4; expected at most 3, the GPUs of"),
        lease_gpus(4, folder=tmp_path / "slots"),
    ):
        pass
    with lease_gpus(3, folder=tmp_path / "slots") as gpus:
        assert gpus == ("GPU-aaa", "GPU-bbb", "GPU-bcc")


class Holder:
    """A process that holds GPUs until the test ends it."""

    def __init__(self, folder: Path, count: int, share: int) -> None:
        code = (
            "import sys; from pathlib import Path; from fixbench.containers import lease_gpus\n"
            f"with lease_gpus({count}, available=['a', 'b'], share={share}, "
            f"folder=Path({str(folder)!r})) as gpus:\n"
            "    print(*gpus, flush=True); sys.stdin.read()"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def gpus(self) -> str:
        """What it holds; waits until it does."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def waits(self) -> bool:
        """Whether it is there after a while and holds nothing."""
        assert self.process.stdout is not None
        try:
            self.process.wait(1.5)
        except subprocess.TimeoutExpired:
            return not self.ready()
        return False

    def ready(self) -> bool:
        """Whether it has said what it holds."""
        assert self.process.stdout is not None
        return bool(select.select([self.process.stdout], [], [], 0)[0])

    def kill(self) -> None:
        """End it outright."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def hold(tmp_path: Path) -> Iterator[Callable[..., Holder]]:
    holders: list[Holder] = []

    def start(count: int = 1, *, share: int = 1) -> Holder:
        holders.append(Holder(tmp_path / "slots", count, share))
        return holders[-1]

    yield start
    for holder in holders:
        holder.kill()


def test_two_processes_never_share(hold: Callable[..., Holder]) -> None:
    first, second = hold(), hold()
    assert {first.gpus(), second.gpus()} == {"a", "b"}
    third = hold()
    assert third.waits()
    second.kill()  # outright: the kernel frees what it held
    assert third.gpus() in ("a", "b")
    both = hold(2)
    assert both.waits()
    first.kill()
    assert both.waits()  # and holds not even the one that is free
    fourth = hold()
    assert fourth.gpus() in ("a", "b")
    fourth.kill()
    third.kill()
    assert both.gpus() == "a b"


def test_shared_only_as_often_as_told_and_last(hold: Callable[..., Holder]) -> None:
    assert hold(share=2).gpus() == "a"
    assert hold(share=2).gpus() == "b"  # not yet shared
    assert {hold(share=2).gpus(), hold(share=2).gpus()} == {"a", "b"}
    assert hold(share=2).waits()
