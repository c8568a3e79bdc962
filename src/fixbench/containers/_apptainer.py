"""Apptainer. Source: the reference pages of ``apptainer exec`` and ``apptainer build``.

A container is a group of processes that run as the caller, and nothing else. An image is a file of
the checkout, converted from the published image or from the one that Docker has built.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import ClassVar

from fixbench.containers._docker import Docker
from fixbench.containers._engine import Engine, Image
from fixbench.containers._invocation import Invocation, check_mountable
from fixbench.containers._programs import ask, show
from fixbench.containers._spec import ImageSpec
from fixbench.errors import InputError
from fixbench.files import whole_file

__all__ = ["Apptainer"]


class Apptainer(Engine):
    """Apptainer, for ordinary users."""

    name: ClassVar[str] = "apptainer"
    version_command: ClassVar[tuple[str, ...]] = ("apptainer", "--version")
    image_is_file: ClassVar[bool] = True

    @classmethod
    def ask_version(cls) -> tuple[str, str]:
        if os.geteuid() == 0:
            # A container of root's could write files of the kernel, as in /proc/sys.
            return "", "as root Apptainer does not contain a job: run it as an ordinary user"
        return super().ask_version()

    def run_arguments(self, invocation: Invocation) -> list[str]:
        """As of every engine; the size of /tmp is bounded by Apptainer's own configuration."""
        limits, limited = invocation.limits, _controllers()
        arguments = ["apptainer", "--quiet", "exec", "--containall", "--no-home", "--no-privs"]
        arguments += ["--net", "--network", "none"]
        if "memory" in limited:
            memory = str(limits.memory_mb * 1_000_000)
            arguments += ["--memory", memory, "--memory-swap", memory]
        if "cpu" in limited:
            arguments += ["--cpus", str(limits.cpus)]
        if "pids" in limited:
            arguments += ["--pids-limit", str(limits.processes)]
        environment = dict(invocation.environment)
        if invocation.gpus:
            arguments.append("--nv")
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(invocation.gpus)
        for mount in invocation.mounts:
            check_mountable(mount, ",:")
            access = "rw" if mount.writable else "ro"
            arguments += ["--bind", f"{mount.source}:{mount.inside}:{access}"]
        # Apptainer's own --env refuses HOME and hands values to a shell.
        variables = ["env", *(f"{key}={value}" for key, value in environment.items())]
        arguments += ["--pwd", str(invocation.folder), invocation.image]
        return [*arguments, *variables, *invocation.command]

    def stop(self, container: str, client: subprocess.Popen[bytes], attempt: int) -> None:
        os.killpg(client.pid, signal.SIGKILL if attempt else signal.SIGTERM)

    def remove(self, container: str) -> None:
        """Nothing: a container that has ended has left nothing."""

    def out_of_memory(self, container: str) -> bool:
        return False

    def find_image(self, spec: ImageSpec, root: Path) -> Image | None:
        file = _image_file(spec, root)
        if not file.exists():
            return None
        answer = ask(["apptainer", "inspect", "--json", "--labels", str(file)])
        try:
            labels = json.loads(answer.stdout)["data"]["attributes"]["labels"]
        except (ValueError, KeyError, TypeError):
            raise InputError(file, "", expected="an Apptainer image; delete it") from None
        return Image(identity=str(file.resolve()), labels=labels or {})

    @property
    def builder(self) -> Engine:
        return Docker()

    def find_base(self, reference: str) -> str | None:
        return self.builder.find_base(reference)

    def build_image(
        self, spec: ImageSpec, root: Path, *, wheels: Path | None = None, network: str | None = None
    ) -> None:
        """Convert the published image, or the one that Docker has; the options are Docker's."""
        file = _image_file(spec, root)
        source = f"docker://{spec.published}" if spec.published else f"docker-daemon:{spec.name}"
        expected = f"{source}, which Apptainer can convert; build it first, or bring {file}"
        with whole_file(file) as partial:
            show(["apptainer", "build", "--force", str(partial), source], expected)

    def pull_image(self, spec: ImageSpec, root: Path) -> None:
        self.build_image(spec, root)


def _image_file(spec: ImageSpec, root: Path) -> Path:
    return root / ".fixbench" / "images" / f"{spec.environment}.sif"


def _controllers() -> frozenset[str]:
    """What an ordinary user may limit: the controllers (cgroups 2) that systemd has delegated."""
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        return frozenset()
    user = os.getuid()
    slices = Path("/sys/fs/cgroup/user.slice", f"user-{user}.slice", f"user@{user}.service")
    try:
        return frozenset((slices / "cgroup.controllers").read_text().split())
    except OSError:
        return frozenset()
