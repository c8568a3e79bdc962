"""A container engine, a small image and a place to launch jobs in.

Tests that need an engine are skipped where none answers, unless ``FIXBENCH_REQUIRE_ENGINE`` is
set: then they fail.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

import fixbench
from fixbench.containers import (
    Engine,
    build_image,
    find_engine,
    image_spec,
    write_image_lock,
    write_spec,
)
from fixbench.errors import InputError

ROOT = Path(__file__).parents[2]
DOCKERFILE = f"""\
ARG BASE_IMAGE=nowhere/base@sha256:{"0" * 64}
FROM ${{BASE_IMAGE}} AS torch
ARG TORCH
COPY envs/torch-${{TORCH}}.lock /environment.lock
"""
# A program that becomes another user.
OTHER_USER = """\
RUN cp /usr/bin/id /usr/bin/other-id \\
    && chown 65534 /usr/bin/other-id \\
    && chmod 4755 /usr/bin/other-id
"""


@dataclass(frozen=True)
class Done:
    """What became of a launched job."""

    status: int
    output: str
    errors: str

    def said(self) -> Any:
        """What the job printed, as JSON."""
        assert self.status == 0, self.errors
        return json.loads(self.output)

    def refused(self) -> str:
        """The one message with which the launcher refused."""
        assert self.status == 2, (self.status, self.errors)
        assert "fixbench/containers/" not in self.errors  # as a traceback would show
        (message,) = [line for line in self.errors.splitlines() if line.startswith("fixbench: ")]
        return message.removeprefix("fixbench: error: ")


@dataclass
class Place:
    """A working directory in which jobs are launched.

    Attributes:
        image: the file that says what image they run in.
        output: of a job, relative to the directory; no other place has one of that name.
        user: the launcher's, if it is not that of the tests.
        python: that runs the launcher.
    """

    engine: Engine
    image: Path
    root: Path
    output: Path = field(default_factory=lambda: Path("results", "toy", f"{uuid.uuid4().hex}.txt"))
    user: int | None = None
    python: str = sys.executable
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    @property
    def result(self) -> Path:
        """Where the job's output is to be."""
        return self.root / self.output

    @property
    def scratch(self) -> Path:
        """The folder in which every job in progress has one."""
        return self.root / ".fixbench" / "containers"

    def sibling(self) -> Place:
        """The same place for a job with another output in the same folder."""
        return replace(self, output=self.output.with_name(f"{uuid.uuid4().hex}.txt"))

    def start(
        self,
        code: str,
        *options: object,
        read: Sequence[object] = (),
        write: Sequence[object] | None = None,
    ) -> subprocess.Popen[str]:
        """Launch Python code, which finds its output as ``OUT``."""
        outputs = [self.output] if write is None else write
        command: list[object] = [self.python, "-m", "fixbench.containers"]
        command += ["--engine", self.engine.name, "--image", self.image, *options]
        command += ["--read", *read, "--write", *outputs, "--"]
        code = f"from pathlib import Path\nOUT = Path({str(self.output)!r})\n{dedent(code)}"
        socket = Path("/var/run/docker.sock")
        groups = [] if self.user is None else [socket.stat().st_gid]
        process = subprocess.Popen(
            [*map(str, command), "python3", "-c", code],
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(Path(fixbench.__file__).parents[1])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            user=self.user,
            group=self.user,
            extra_groups=groups or None,
        )
        self.started.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> Done:
        """Wait for the end of the launcher and of all that it has started."""
        output, errors = process.communicate(timeout=300)
        return Done(process.returncode, output, errors)

    def launch(
        self,
        code: str,
        *options: object,
        read: Sequence[object] = (),
        write: Sequence[object] | None = None,
    ) -> Done:
        """`start` and `finish`."""
        return self.finish(self.start(code, *options, read=read, write=write))

    def containers(self) -> list[str]:
        """The containers of this place's job, running or not."""
        label = f"label=io.fixbench.job={self.output.name}"
        command = [self.engine.name, "ps", "--all", "--quiet", "--filter", label]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    def clean(self) -> bool:
        """Whether no trace of a job is left but its output."""
        assert self.scratch.is_dir()
        return not self.containers() and not list(self.scratch.iterdir())

    def wait_for(self, condition: Callable[[], object], seconds: float = 300) -> None:
        """Return when the condition holds; fail if it does not come to that."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.05)


@pytest.fixture(scope="session")
def unavailable() -> Callable[[str], None]:
    """Skip the test for a reason, or fail it where everything must be there."""

    def say(reason: str) -> None:
        if "FIXBENCH_REQUIRE_ENGINE" in os.environ:
            pytest.fail(reason)
        pytest.skip(reason)

    return say


@pytest.fixture(scope="session")
def engine(unavailable: Callable[[str], None]) -> Engine:
    """A Docker daemon that answers."""
    try:
        found = find_engine("docker")
    except InputError as error:
        unavailable(str(error))
    assert found is not None
    return found


@pytest.fixture(scope="session")
def base(engine: Engine, unavailable: Callable[[str], None]) -> str:
    """A base image with Python: one that is here, or else the locked one."""
    lock = yaml.safe_load((ROOT / "envs" / "images.lock").read_text(encoding="utf-8"))
    locked = str(lock["torch-cpu"]["base"])
    version = ("run", "--rm", "--network", "none", "--pull", "never")
    for name in (locked, "debian:bookworm"):
        if _succeeds(engine.name, *version, name, "python3", "--version"):
            return name
    if not _succeeds(engine.name, "pull", locked):
        unavailable(f"the base image is not here and cannot be pulled: {locked}")
    return locked


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[Path, str]]]:
    """Make a folder with as much of a checkout as an image needs: ``(folder, environment)``."""
    environments = []

    def make(*, more: str = "") -> tuple[Path, str]:
        root = tmp_path_factory.mktemp("checkout")
        environment = f"torch-test{uuid.uuid4().hex[:8]}"
        environments.append(environment)
        (root / "envs").mkdir()
        (root / "envs" / f"{environment}.lock").write_text(f"torch==1.2.3\n# {environment}\n")
        (root / "Dockerfile").write_text(DOCKERFILE + more)
        write_image_lock(root)
        return root, environment

    yield make
    for environment in environments:
        _succeeds("docker", "rmi", f"fixbench/{environment}:{fixbench.__version__}")


@pytest.fixture(scope="session")
def image(engine: Engine, base: str, checkout: Callable[..., tuple[Path, str]]) -> Path:
    """The file that says what the small image is."""
    root, environment = checkout(more=OTHER_USER)
    build_image(engine, root, environment, base=base, network="none")
    file = root / "image.json"
    write_spec(file, image_spec(root, environment))
    return file


@pytest.fixture
def place(engine: Engine, image: Path, tmp_path: Path) -> Iterator[Place]:
    """A place whose jobs have all ended when the test has."""
    made = Place(engine, image, tmp_path.resolve() / "place")
    made.root.mkdir()
    yield made
    for process in made.started:
        if process.poll() is None:
            process.terminate()
            process.communicate(timeout=300)


def _succeeds(*command: str) -> bool:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=600)
    except FileNotFoundError:
        return False
    return done.returncode == 0
