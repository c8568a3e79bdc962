"""Seeds that are copies of one process: what they compute and print is that of a new Python."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from fixbench.command import _preload
from fixbench.command._preload import PreloadError, call_copy
from fixbench.command._process import call
from fixbench.command._python_call import python_call, why_no_python_call

PYTHON = sys.executable
PROGRAMS = {
    "what it sees": """
        import __main__, inspect, json, os, pickle, sys
        import helper
        def own(x):
            return x + 1
        class Kept:
            pass
        print(json.dumps({
            "name": __name__, "file": __file__, "argv": sys.argv, "path": sys.path[0],
            "folder": os.getcwd(), "main": __main__.__file__, "own": own(1),
            "helper": helper.VALUE, "source": inspect.getsource(own), "spec": __spec__,
            "kept": type(pickle.loads(pickle.dumps(Kept()))).__module__,
            "omp": os.environ["OMP_NUM_THREADS"], "flags": sys.flags.dont_write_bytecode,
            "pwd": os.environ["PWD"], "annotations": __annotations__,
            "no fixbench": not any(name.startswith("fixbench") for name in sys.modules),
            "sessions": os.getsid(0) == os.getpgid(0),
        }))
    """,
    "draws numbers": """
        import random, sys
        import numpy, torch
        seed = int(sys.argv[1])
        random.seed(seed); numpy.random.seed(seed); torch.manual_seed(seed)
        layer = torch.nn.Linear(64, 8)
        optimiser = torch.optim.Adam(layer.parameters())
        for _ in range(5):
            optimiser.zero_grad()
            layer(torch.randn(32, 64)).square().mean().backward()
            optimiser.step()
        print(random.random().hex(), float(numpy.random.rand()).hex())
        print(layer.weight.double().sum().item().hex(), torch.get_num_threads())
    """,
    "ends with a status": "import sys; print('so far'); sys.exit(3)",
    "ends with a text": "import sys; sys.exit('no good')",
    "raises": """
        def inner():
            raise ValueError("too large")
        inner()
    """,
    "does not compile": "x = = 1",
    "at exit": """
        import atexit, threading, time
        atexit.register(print, "goodbye")
        threading.Thread(target=lambda: (time.sleep(0.2), print("from a thread"))).start()
        print("main has ended", flush=True)
    """,
    "children": """
        import subprocess, sys
        from concurrent.futures import ProcessPoolExecutor
        def square(x):
            return x * x
        if __name__ == "__main__":
            with ProcessPoolExecutor(2) as pool:
                print(sum(pool.map(square, range(5))))
            print(subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True).stdout)
    """,
    "spawned": """
        import multiprocessing
        def square(x):
            return x * x
        if __name__ == "__main__":
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                print(pool.map(square, range(3)))
    """,
    "errors and output": """
        import sys
        print("one"); print("two", file=sys.stderr); sys.stdout.flush(); print("three")
    """,
    "killed": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "is not there": "",
    "many arguments": "import sys; print(sum(map(len, sys.argv)))",
    "asked to stop": "raise KeyboardInterrupt",
}
MODULES = ["json", "numpy", "numpy.random", "torch"]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of their own for all of them, so that they share what was imported."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "src").mkdir()
    (folder / "src" / "helper.py").write_text("VALUE = 41\n")
    for name, text in PROGRAMS.items():
        if text:
            (folder / "src" / f"{name}.py").write_text(textwrap.dedent(text))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "raises.py").write_text("1 / 0\n")
    return tmp_path


def environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_copy_does_what_a_new_python_does(programs: Path, name: str) -> None:
    many = " ".join(["x" * 1000] * 100) if name == "many arguments" else "2 'two words' {x}"
    for arguments in ("1", many):
        command = f"{PYTHON} 'src/{name}.py' {arguments}"
        fresh = call(command, programs, environment())
        copied = call_copy(python_call(command), MODULES, programs, environment())
        if name == "killed":  # a shell says 128 + 9, and "Killed"
            assert (fresh[0] % 128, copied) == (9, (-9, ""))
        else:
            assert copied == fresh


def test_a_module_that_is_run_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "package").mkdir()
    (folder / "package" / "__init__.py").write_text("VALUE = 3\n")
    (folder / "package" / "study.py").write_text(
        "import atexit, sys\nfrom . import VALUE\n"
        "atexit.register(lambda: print(sys.modules['__main__'].__name__, VALUE))\n"
        "print(__name__, __package__, __spec__.name, sys.argv, sys.path[0], __file__)\n"
    )
    monkeypatch.chdir(folder.parent)
    command = f"{PYTHON} -u -B -m package.study --seed 3"
    for where in (folder, Path(folder.name)):  # Fixbench itself names folders from where it is
        fresh = call(command, where, environment())
        assert fresh[0] == 0
        assert call_copy(python_call(command), ["json"], where, environment()) == fresh


def test_what_draws_without_a_seed_draws_anew_in_each_copy(folder: Path) -> None:
    draws = "random.random(), numpy.random.rand(), torch.rand(1).item()"
    (folder / "draw.py").write_text(f"import random, numpy, torch; print({draws})\n")
    asked = python_call(f"{PYTHON} draw.py")
    modules = ["random", "numpy.random", "torch"]
    drawn = [call_copy(asked, modules, folder, environment())[1].split() for _ in range(3)]
    assert [len(set(one)) for one in zip(*drawn, strict=True)] == [3, 3, 3]


def test_modules_are_imported_once_and_only_those_of_the_list(folder: Path) -> None:
    (folder / "slow.py").write_text("import os\nopen('imports', 'a').write('x')\n")
    (folder / "use.py").write_text("import slow, sys; print('numpy' in sys.modules)\n")
    for _ in range(3):
        status, printed = call_copy(
            python_call(f"{PYTHON} use.py"), ["slow"], folder, environment()
        )
        assert (status, printed) == (0, "False\n")
    assert (folder / "imports").read_text() == "x"


@pytest.mark.parametrize(
    ("module", "text", "why"),
    [
        ("nowhere", None, "ModuleNotFoundError: No module named 'nowhere'"),
        ("ends", "import sys; sys.exit(4)", "SystemExit: 4"),
        (
            "threaded",
            "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True)"
            ".start()",
            "it starts a thread",
        ),
        ("forks", "import os\nos.fork() or os._exit(0)", "it starts a process"),
        ("moves", "import os; os.chdir('/')", "it changes the working directory"),
        ("seeds", "import random; random.seed(0)", "it seeds random numbers"),
    ],
)
def test_a_module_that_cannot_be_imported_beforehand(
    folder: Path, module: str, text: str | None, why: str
) -> None:
    if text is not None:
        (folder / "src" / f"{module}.py").write_text(text)
    asked = python_call(f"{PYTHON} src/raises.py")
    with pytest.raises(PreloadError, match=why) as caught:
        call_copy(asked, ["json", module], folder, environment())
    assert caught.value.module == module


def test_a_file_that_hides_the_standard_library_is_refused(folder: Path) -> None:
    (folder / "src" / "signal.py").write_text("VALUE = 1\n")
    with pytest.raises(PreloadError, match=r"signal\.py beside the script hides a module"):
        call_copy(python_call(f"{PYTHON} src/raises.py"), ["json"], folder, environment())


def test_a_python_that_is_not_there_or_ends(folder: Path) -> None:
    with pytest.raises(PreloadError, match="cannot be started"):
        call_copy(python_call("no/python x.py"), ["json"], folder, environment())
    fake = folder / "python3"
    fake.write_text("#!/bin/sh\nexit 7\n")
    fake.chmod(0o755)
    with pytest.raises(PreloadError, match=r"it has ended \(status 7\)"):
        call_copy(python_call(f"{fake} x.py"), ["json"], folder, environment())


def test_an_interrupt_ends_the_copy_and_the_next_seed_runs(folder: Path) -> None:
    (folder / "long.py").write_text(
        "import os, time\nopen('pid', 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    )
    pid = folder / "pid"

    def interrupt(*_: object) -> None:
        if pid.exists() and pid.read_text():  # it runs
            raise TimeoutError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)
        with pytest.raises(TimeoutError):
            call_copy(python_call(f"{PYTHON} long.py"), ["json"], folder, environment())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    copy, deadline = pid.read_text(), time.monotonic() + 60
    while alive(copy) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(copy)
    (folder / "short.py").write_text("print('done')\n")
    asked = python_call(f"{PYTHON} short.py")
    assert call_copy(asked, ["json"], folder, environment()) == (0, "done\n")


def test_everything_ends_with_a_job_that_is_killed(folder: Path) -> None:
    (folder / "long.py").write_text(
        "import os, time\nopen('pids', 'w').write(f'{os.getpid()} {os.getppid()}')\n"
        "time.sleep(600)\n"
    )
    program = (
        "import os, sys; from pathlib import Path\n"
        "from fixbench.command._preload import call_copy\n"
        "from fixbench.command._python_call import python_call\n"
        f"call_copy(python_call(sys.argv[1]), ['json'], Path({str(folder)!r}), os.environ)\n"
    )
    job = subprocess.Popen([PYTHON, "-c", program, f"{PYTHON} long.py"])
    pids = folder / "pids"
    while not (pids.exists() and " " in pids.read_text()):
        assert job.poll() is None
        time.sleep(0.05)
    job.kill()
    job.wait()
    deadline = time.monotonic() + 60
    running = pids.read_text().split()
    while any(map(alive, running)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, running))


def alive(process: str) -> bool:
    try:
        return Path("/proc", process, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("python train.py --seed {seed} --out {output}", ""),
        ("/usr/bin/python3.11 -u -m package.train seed={seed} 'a b' --x='$5'", ""),
        ("python train.py '{options}' \"{output}\"", ""),
        ("python train.py --seed {seed} | tee log", "'|' is for a shell"),
        ("OMP_NUM_THREADS=2 python train.py", "does not begin with python"),
        ('python train.py "$HOME"', "'$' is for a shell"),
        ("python train.py *.csv", "'*' is for a shell"),
        ("python train.py 'open", "no closing quotation"),
        ("python -c 'print(1)'", "does not begin with python and a script"),
        ("python -X dev train.py", "does not begin with python and a script"),
        ("python train.py --seed {seed}\n", ""),
        ("python {folder}/train.py --seed {seed}", ""),
        ("python {dropout} --seed {seed}", "does not begin with python and a script"),
        ("bash train.sh", "does not begin with python"),
        ("python", "does not begin with python and a script"),
    ],
)
def test_which_commands_are_plain_calls_of_python(command: str, why: str) -> None:
    found = why_no_python_call(command, ["seed", "output", "options", "folder", "dropout"])
    assert why in found
    assert bool(found) == bool(why)


def test_a_plain_call_is_split_as_a_shell_does(folder: Path) -> None:
    (folder / "show.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]))\n")
    for arguments in ("a 'b c' \"d e\" f'g'h", "'it'\"'\"'s' --x='$5' {a} x=[1]"[:30], "'' \"\""):
        command = f"{PYTHON} show.py {arguments}"
        shell = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True)
        assert json.loads(shell.stdout) == list(python_call(command).arguments)
        assert list(python_call(command).arguments) == shlex.split(arguments)


def test_an_original_that_was_killed_between_seeds_is_said_so(folder: Path) -> None:
    asked = python_call(f"{PYTHON} src/raises.py")
    call_copy(asked, ["json"], folder, environment())
    (original,) = [one for key, one in _preload._originals.items() if key[3] == folder]
    os.kill(original.process.pid, signal.SIGKILL)
    original.process.wait()
    with pytest.raises(PreloadError, match=r"it has ended \(status -9\)"):
        call_copy(asked, ["json"], folder, environment())
    assert call_copy(asked, ["json"], folder, environment())[0] == 1  # a new one, for the next


def test_no_process_is_left(folder: Path) -> None:
    (folder / "show.py").write_text("print(1)\n")
    call_copy(python_call(f"{PYTHON} show.py"), ["json"], folder, environment())
    (original,) = [one for key, one in _preload._originals.items() if key[3] == folder]
    original.end()
    assert not alive(str(original.process.pid))
    assert not [key for key in _preload._originals if key[3] == folder]
