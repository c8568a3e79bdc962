"""Jobs in containers of a real engine: what reaches its place, and what must not."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.containers.conftest import Place

superuser = pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can mount")


def test_output_reaches_its_place_and_nothing_else_is_left(place: Place) -> None:
    (place.root / "data").mkdir()
    (place.root / "data" / "x.txt").write_text("measured")
    (place.root / "link.txt").symlink_to("data/x.txt")
    second = place.output.with_name("second.txt")
    third = "logs/toy/third.json"
    done = place.launch(
        f"""
        import os, sys
        OUT.write_text(Path("data/x.txt").read_text() + Path("link.txt").read_text())
        Path({str(second)!r}).write_text("")
        Path({third!r}).write_text(os.environ["FIXBENCH_LAUNCH"])
        import fixbench
        print(fixbench.__file__, Path.cwd(), file=sys.stderr)
        """,
        *("--version", "1.2", "--record", '{"code": "abc"}'),
        read=["data", "link.txt", "absent"],
        write=[place.output, second, third],
    )
    assert done.status == 0, done.errors
    assert done.errors == f"/opt/source/fixbench/__init__.py {place.root}\n"
    assert place.result.read_text() == "measuredmeasured"
    umask = os.umask(0)
    os.umask(umask)
    for path in (place.output, second, Path(third)):
        found = (place.root / path).lstat()
        assert (found.st_uid, found.st_gid) == (os.getuid(), os.getgid())
        assert stat.S_IMODE(found.st_mode) == 0o666 & ~umask
    record = json.loads((place.root / third).read_text())
    declared = json.loads(place.image.read_text())
    assert record["code"] == "abc"
    assert record["runtime"]["engine"] == f"{place.engine.name} 1.2"
    assert record["runtime"]["image"] == declared["name"]
    assert record["runtime"]["base"] == declared["base"]
    assert place.clean()
    files = {str(path.relative_to(place.root)) for path in place.root.rglob("*") if path.is_file()}
    assert files == {"data/x.txt", "link.txt", str(place.output), str(second), third}


def test_status_of_the_command_is_passed_on_and_a_failure_leaves_nothing(place: Place) -> None:
    place.result.parent.mkdir(parents=True)
    place.result.write_text("earlier")
    done = place.launch("OUT.write_text('half'); raise SystemExit(7)")
    assert (done.status, done.errors) == (7, "")
    assert place.result.read_text() == "earlier"
    assert place.clean()
    done = place.launch("import os; os.kill(os.getpid(), 9)")
    assert done.status == 137
    assert done.errors.startswith("fixbench: the command was killed")
    assert place.clean()


def test_no_network(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = place.launch(
            f"""
            import json, os, socket
            problems = []
            for address in (("127.0.0.1", {server.getsockname()[1]}), ("1.1.1.1", 53)):
                try:
                    socket.create_connection(address, timeout=5)
                except OSError as error:
                    problems.append(type(error).__name__)
            try:
                socket.getaddrinfo("pypi.org", 443)
            except OSError as error:
                problems.append(type(error).__name__)
            OUT.write_text("")
            print(json.dumps([os.listdir("/sys/class/net"), problems]))
            """
        )
    assert done.said() == [["lo"], ["ConnectionRefusedError", "OSError", "gaierror"]]


def test_writes_nowhere_but_in_its_output_folder(place: Place) -> None:
    inputs = place.root / "data"
    inputs.mkdir()
    (inputs / "x.txt").write_text("measured")
    (place.root / "alone.txt").write_text("measured")
    before = place.root.parent.stat().st_mtime_ns
    names = {path.name for path in place.root.iterdir()}
    targets = [
        *("/x", "/etc/passwd", "/usr/bin/x", "/var/x", "/root/x", "/opt/source/x"),
        *("/opt/source/fixbench/__init__.py", "/opt/source/fixbench/x", "/proc/sys/kernel/x"),
        *("/sys/x", "/proc/sysrq-trigger", "data/x.txt", "data/y.txt", "alone.txt"),
    ]
    if Path("/tmp") not in place.root.parents:  # where the container has a folder of its own
        targets += ["x", "../x"]
    done = place.launch(
        f"""
        import json, os
        written = []
        for target in {targets!r}:
            for what in (
                lambda: open(target, "a").write("x"),
                lambda: os.chmod(target, 0o777),
                lambda: os.unlink(target),
                lambda: os.rename(target, OUT),
            ):
                try:
                    what()
                except OSError:
                    continue
                written.append(target)
        for target in ("x", "../x"):
            try:
                Path(target).write_text("x")
            except OSError:
                continue
        OUT.write_text("")
        print(json.dumps(written))
        """,
        read=["data", "alone.txt"],
    )
    assert done.said() == []
    assert (inputs / "x.txt").read_text() == (place.root / "alone.txt").read_text() == "measured"
    assert {path.name for path in place.root.iterdir()} == names | {".fixbench", "results"}
    assert place.root.parent.stat().st_mtime_ns == before


def test_sees_what_it_may_read_and_nothing_else(place: Place) -> None:
    for name in ("data/a/x.txt", "data/b/x.txt", "secret.txt", "results/toy/other.txt"):
        (place.root / name).parent.mkdir(parents=True, exist_ok=True)
        (place.root / name).write_text("")
    done = place.launch(
        """
        import json, os
        OUT.write_text("")
        shown = [[root, *sorted(names)] for root, _, names in os.walk(".") if names]
        print(json.dumps([sorted(shown), sorted(os.listdir("."))]))
        """,
        read=["data/a"],
    )
    shown = [["./data/a", "x.txt"], ["./results/toy", place.output.name]]
    assert done.said() == [shown, ["data", "results"]]


@superuser
def test_what_is_mounted_in_an_input_can_be_read_and_not_written(place: Place) -> None:
    point = place.root / "data" / "with space" / "disk"
    point.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(point)], check=True)
    try:
        (point / "x.txt").write_text("measured")
        done = place.launch(
            """
            path = Path("data/with space/disk/x.txt")
            OUT.write_text(path.read_text())
            path.write_text("altered")
            """,
            read=["data"],
        )
        assert done.status == 1
        assert "Read-only file system" in done.errors
        assert (point / "x.txt").read_text() == "measured"
    finally:
        subprocess.run(["umount", str(point)], check=True)


def test_processes_are_limited(place: Place) -> None:
    done = place.launch(
        """
        import os, signal
        children = 0
        try:
            while children < 200:
                if os.fork() == 0:
                    signal.pause()
                children += 1
        except BlockingIOError:
            OUT.write_text(str(children))
        """,
        *("--processes", 40),
    )
    assert done.status == 0, done.errors
    assert 30 < int(place.result.read_text()) < 40  # of which none keeps the container alive
    assert place.clean()
    bomb = place.launch("import os\nwhile True: os.fork()", "--processes", 40)
    assert bomb.status == 1
    assert "BlockingIOError" in bomb.errors
    assert place.clean()


@pytest.mark.parametrize(
    "code",
    [
        "x = bytearray(200_000_000)",
        # Not the command itself, but a process of its own is killed.
        "import subprocess, sys; "
        "subprocess.run([sys.executable, '-c', 'bytearray(200_000_000)'], check=True)",
        # What is in memory counts, wherever it is.
        "Path('/tmp/x').write_bytes(bytes(60_000_000)); Path('/dev/shm/x').write_bytes(bytes(5))\n"
        "x = bytearray(60_000_000)",
    ],
)
def test_memory_is_limited(place: Place, code: str) -> None:
    done = place.launch(code, "--memory-mb", 100)
    assert done.refused().startswith("container: memory limit is '100 MB'; expected a higher limit")
    assert place.clean()


def test_temporary_folder_is_limited(place: Place) -> None:
    done = place.launch(
        """
        import json
        size = 0
        try:
            with open("/tmp/x", "wb", buffering=0) as stream:
                while size < 50_000_000:
                    size += stream.write(bytes(100_000))
        except OSError as error:
            print(json.dumps([size, error.strerror]))
        OUT.write_text("")
        """,
        *("--temporary-mb", 8),
    )
    size, problem = done.said()
    assert 7_000_000 < size <= 8_000_000 + 4096
    assert problem == "No space left on device"


def test_no_privileges(place: Place) -> None:
    done = place.launch(
        """
        import ctypes, json, os, subprocess
        lines = (line.split(":", 1) for line in open("/proc/self/status"))
        status = {key: value.split() for key, value in lines}
        libc = ctypes.CDLL(None, use_errno=True)
        possible = []
        for name, what in {
            "setuid": lambda: os.setuid(1234),
            "setgid": lambda: os.setgid(1234),
            "chown": lambda: os.chown(OUT, 1234, 1234),
            "chroot": lambda: os.chroot("/tmp"),
            "mknod": lambda: os.mknod("/tmp/device", 0o60600, os.makedev(254, 0)),
            "memory": lambda: open("/dev/mem", "rb"),
        }.items():
            OUT.write_text("")
            try:
                what()
            except OSError:
                continue
            possible.append(name)
        mounted = libc.mount(b"none", b"/tmp", b"tmpfs", 0, None)
        unshared = libc.unshare(0x10000000)  # a user namespace, in which it would be root
        other = subprocess.run(["other-id", "-u"], capture_output=True, text=True).stdout.strip()
        print(json.dumps({
            **{key: status[key] for key in ("CapEff", "CapPrm", "CapBnd", "NoNewPrivs", "Seccomp")},
            "Uid": status["Uid"], "Gid": status["Gid"], "other": other, "possible": possible,
            "mounted": mounted, "unshared": unshared,
        }))
        """
    )
    none = ["0000000000000000"]
    assert done.said() == {
        "CapEff": none,
        "CapPrm": none,
        "CapBnd": none,
        "NoNewPrivs": ["1"],
        "Seccomp": ["2"],
        "Uid": [str(os.getuid())] * 4,
        "Gid": [str(os.getgid())] * 4,
        "other": str(os.getuid()),  # a set-user-id program stays the caller
        "possible": [],
        "mounted": -1,
        "unshared": -1,
    }


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("OUT.symlink_to(Path('secret.txt').absolute())", "expected a plain file as output"),
        ("OUT.mkdir(); (OUT / 'x').write_text(''); OUT.chmod(0)", "expected a plain file as outpu"),
        ("import os; os.mkfifo(OUT)", "expected a plain file as output"),
        ("OUT.with_name('x.txt').write_text('')", "expected an output of the command, which ended"),
    ],
)
def test_output_of_another_kind_is_refused(place: Place, code: str, message: str) -> None:
    secret = place.root / "secret.txt"
    secret.write_text("secret")
    assert place.launch(code).refused().startswith(f"{place.result}; {message}")
    assert list(place.result.parent.iterdir()) == []
    assert place.clean()
    assert secret.read_text() == "secret"


def test_output_cannot_bring_rights_along(place: Place) -> None:
    done = place.launch(
        """
        OUT.write_text("")
        OUT.chmod(0o6777)
        OUT.with_name("other.txt").write_text("does not appear")
        (OUT.parent / "folder").mkdir()
        (OUT.parent / "folder").chmod(0)
        """
    )
    assert done.status == 0, done.errors
    assert not stat.S_IMODE(place.result.stat().st_mode) & 0o7133
    assert list(place.result.parent.iterdir()) == [place.result]
    assert place.clean()


def test_link_above_a_second_output_is_not_followed(place: Place) -> None:
    """A folder that contains a mount can be renamed: what then stands there must not matter."""
    outside = place.root / "outside" / "inner"
    outside.mkdir(parents=True)
    (outside / "second.txt").write_text("secret")
    second = place.output.parent / "between" / "inner" / "second.txt"
    done = place.launch(
        f"""
        OUT.write_text("")
        Path({str(second)!r}).write_text("own")
        try:
            Path({str(second.parent.parent)!r}).rename(OUT.with_name("aside"))
            Path({str(second.parent.parent)!r}).symlink_to({str(outside.parent)!r})
        except OSError as error:
            print(error)
        """,
        write=[place.output, second],
    )
    assert done.status == 0, done.errors
    assert (place.root / second).read_text() == "own"
    assert (outside / "second.txt").read_text() == "secret"
    assert place.clean()


def test_kept_folder_survives_until_success_and_is_its_jobs_own(place: Place) -> None:
    (place.root / ".fixbench" / "resume").mkdir(parents=True)
    (place.root / ".fixbench" / "resume" / "local").write_text("")
    code = """
    import os
    kept = Path(".fixbench/resume")
    names = sorted(os.listdir(kept))
    (kept / f"attempt-{len(names)}").write_text("")
    OUT.write_text(" ".join(names))
    raise SystemExit(STATUS)
    """
    fails, succeeds = code.replace("STATUS", "1"), code.replace("STATUS", "0")
    keep = ("--keep", ".fixbench/resume")
    assert place.launch(fails, *keep).status == 1
    assert place.launch("import os; os.kill(os.getpid(), 9)", *keep).status == 137
    assert place.launch("OUT.mkdir()", *keep).refused()
    assert place.launch(fails, *keep).status == 1
    other = place.sibling()
    assert other.launch(succeeds, *keep).status == 0
    assert other.result.read_text() == ""
    assert place.launch(succeeds, *keep).status == 0
    assert place.result.read_text() == "attempt-0 attempt-1"
    assert place.clean()
    assert os.listdir(place.root / ".fixbench" / "resume") == ["local"]


def test_paths_that_cannot_be_mounted_are_refused(place: Place) -> None:
    for write, message in (
        ("../x.txt", r"../x.txt; expected a path in "),
        ("results/../../x.txt", "expected a path in "),
        ("/etc/x.txt", "expected a path in "),
        ("a,b/x.txt", "expected a path without ',', which a container engine cannot mount"),
    ):
        assert message in place.launch("", write=[write]).refused()
    both = place.launch("", read=["results/toy"]).refused()
    assert both == f"{place.result.parent}; expected a folder to read or to write in, not both"
    keep = place.launch("", "--keep", "results/toy").refused()
    assert keep == "results/toy; expected a folder in which no output is"
    assert not list(place.root.parent.glob("*.txt"))


def test_inputs_and_outputs_may_lie_in_each_other(place: Place) -> None:
    (place.root / "results" / "kept").mkdir(parents=True)
    (place.root / "results" / "kept" / "x.txt").write_text("measured")
    done = place.launch("OUT.write_text(Path('results/kept/x.txt').read_text())", read=["results"])
    assert done.status == 0, done.errors
    assert place.result.read_text() == "measured"
    top = Path(place.output.name)
    done = place.launch(
        f"Path({str(top)!r}).write_text(Path('results/kept/x.txt').read_text())",
        read=["results/kept", "results/kept/x.txt"],
        write=[top],
    )
    assert done.status == 0, done.errors
    assert (place.root / top).read_text() == "measured"
    assert place.clean()


@pytest.fixture
def small_disk(place: Place) -> Iterator[Path]:
    """The results folder, on a file system of its own with half a megabyte."""
    folder = place.root / "results"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@superuser
def test_full_disk(place: Place, small_disk: Path) -> None:
    assert place.launch("OUT.write_text('fits')").status == 0
    done = place.launch("OUT.write_bytes(bytes(1_000_000))")
    problem = "expected a place where the output can be written (No space left on device)"
    assert done.refused() == f"{place.result}; {problem}"
    assert place.result.read_text() == "fits"
    assert [path for path in small_disk.rglob("*") if path.is_file()] == [place.result]
    assert place.clean()


def python_of_all() -> str:
    """An interpreter that every user may run."""
    for python in (sys.executable, "/usr/bin/python3"):
        command = [python, "-c", "import fixbench.containers"]
        with contextlib.suppress(OSError):
            if subprocess.run(command, capture_output=True, check=False, user=12345).returncode:
                continue
            return python
    pytest.skip("no interpreter and package that another user may read")


@superuser
def test_as_an_ordinary_user(place: Place) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        image = folder / "image.json"
        shutil.copy(place.image, image)
        place.image, place.root, place.user = image, folder / "place", 12345
        place.python = python_of_all()
        place.root.mkdir()
        for path in (folder, place.root, image):
            os.chown(path, 12345, 12345)
        (place.root / "data" / "a").mkdir(parents=True)
        (place.root / "data" / "a" / "x.txt").write_text("measured")
        code = """
        import os
        OUT.write_text(Path("data/a/x.txt").read_text() + str(os.getuid()))
        OUT.chmod(0)
        (OUT.parent / "folder" / "inner").mkdir(parents=True)
        (OUT.parent / "folder").chmod(0)
        """
        done = place.launch(code, read=["data/a"])
        assert done.status == 0, done.errors
        assert place.result.read_text() == "measured12345"
        found = place.result.stat()
        assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode) & 0o600) == (
            *(12345, 12345),
            0o600,
        )
        assert place.clean()
        # What the engine would make as root on the way to a mount could not be removed.
        top = place.output.name
        done = place.launch(f"Path({top!r}).write_text('')", read=["data/a"], write=[top])
        assert done.status == 0, done.errors
        assert place.clean()
        (place.root / "locked").mkdir(mode=0o755)
        done = place.launch("", write=["locked/x/x.txt"])
        assert done.refused() == f"{place.root}/locked/x: Permission denied"
    finally:
        shutil.rmtree(folder)


def test_no_more_processors_than_there_are(place: Place) -> None:
    assert place.launch("OUT.write_text('')", "--cpus", 1000).status == 0
