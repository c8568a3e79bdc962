"""The same launcher with Podman, where one answers: what its own options must do."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fixbench.containers import build_image, find_engine, image_spec, write_spec
from fixbench.errors import InputError

if TYPE_CHECKING:
    from tests.containers.conftest import Place

BASE = "debian:bookworm"


@pytest.fixture(scope="module")
def image(checkout: Callable[..., tuple[Path, str]]) -> Iterator[Path]:
    """The file that says what the small image is, which Podman has built."""
    try:
        engine = find_engine("podman")
    except InputError as error:
        pytest.skip(str(error))
    assert engine is not None
    run = ["podman", "run", "--rm", "--network", "none", "--pull", "never"]
    if subprocess.run([*run, BASE, "python3", "--version"], check=False).returncode:
        pytest.skip(f"Podman has no {BASE} with Python: docker save {BASE} | podman load")
    root, environment = checkout()
    build_image(engine, root, environment, base=BASE, network="none")
    spec = image_spec(root, environment)
    file = root / "image.json"
    write_spec(file, spec)
    yield file
    subprocess.run(["podman", "rmi", spec.name], capture_output=True, check=False)


@pytest.fixture
def place(image: Path, tmp_path: Path) -> Place:
    """A place whose jobs run in Podman."""
    from tests.containers.conftest import Place

    engine = find_engine("podman")
    assert engine is not None
    root = tmp_path.resolve() / "place"
    root.mkdir()
    return Place(engine, image, root)


def test_a_job_reaches_no_network_and_writes_nothing_but_its_output(place: Place) -> None:
    done = place.launch(
        """
        import json
        OUT.write_text("made")
        written = []
        for path in ("/etc/x", "/run/x", "/var/tmp/x", "/opt/source/fixbench/x"):
            try:
                Path(path).write_text("")
                written.append(path)
            except OSError:
                pass
        status = Path("/proc/self/status").read_text().split()
        capabilities = status[status.index("CapBnd:") + 1]
        devices = [line.split(":")[0].strip() for line in open("/proc/net/dev") if ":" in line]
        print(json.dumps([written, int(capabilities, 16), devices]))
        """
    )
    assert done.said() == [[], 0, ["lo"]]
    assert place.result.read_text() == "made"
    assert place.clean()


def test_memory_and_processes_are_bounded(place: Place) -> None:
    greedy = place.launch("bytearray(10**9)", "--memory-mb", 100)
    assert greedy.status in (2, 137)  # Podman cannot always tell why
    assert "100 MB" in greedy.errors
    done = place.launch(
        """
        import os
        children = 0
        try:
            for _ in range(100):
                if os.fork() == 0:
                    import time; time.sleep(60)
                children += 1
        except OSError:
            pass
        OUT.write_text("")
        print(children)
        """,
        "--processes",
        20,
    )
    assert done.said() == 19
    assert place.clean()


def test_a_stopped_job_ends_at_once(place: Place) -> None:
    process = place.start("import time; time.sleep(60)")
    place.wait_for(place.containers)
    process.terminate()
    process.communicate(timeout=8)
    assert place.clean()
