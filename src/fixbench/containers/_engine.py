"""Container engines: which answers, and the argument list that each is given.

Docker and Podman take the same arguments but for GPUs and user namespaces. Apptainer runs as the
caller by design. Sources: the engines' reference pages of ``run`` and ``exec``.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from fixbench.errors import InputError

__all__ = [
    "ENGINES",
    "Engine",
    "EngineName",
    "Invocation",
    "Limits",
    "Mount",
    "Runtime",
    "exec_arguments",
    "find_engine",
    "run_arguments",
]

EngineName = Literal["docker", "podman", "apptainer"]
Runtime = Literal["auto", "docker", "podman", "apptainer", "local"]
#: In the order in which ``auto`` asks them.
ENGINES: tuple[EngineName, ...] = get_args(EngineName)
# An engine that takes longer than this to say its version does not answer.
_PATIENCE_SECONDS = 20
_VERSION = {
    "docker": ["docker", "version", "--format", "{{.Server.Version}}"],
    "podman": ["podman", "version", "--format", "{{.Client.Version}}"],
    "apptainer": ["apptainer", "--version"],
}


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine that answered, and the version that it gave."""

    name: EngineName
    version: str


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A file or folder of the host in the container.

    Attributes:
        source: on the host, absolute.
        target: in the container, absolute; the same path when omitted.
    """

    source: Path
    target: Path | None = None
    writable: bool = False

    @property
    def inside(self) -> Path:
        """The path in the container."""
        return self.target or self.source


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one container may use.

    Attributes:
        memory_mb: of memory and swap together, 10⁶ bytes.
        processes: threads count as processes.
        temporary_mb: of /tmp, which is in memory, 10⁶ bytes.
    """

    cpus: int = 1
    memory_mb: int = 2000
    processes: int = 256
    temporary_mb: int = 512


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One command in one container.

    Attributes:
        image: name or id of the image; for Apptainer a file.
        folder: the working directory in the container.
        gpus: identifiers of the devices that it sees, none when empty.
        user: (uid, gid) that it runs as.
        labels: by which an engine finds the container again.
    """

    name: str
    image: str
    command: Sequence[str]
    mounts: Sequence[Mount]
    folder: Path
    limits: Limits
    user: tuple[int, int]
    environment: Mapping[str, str] = field(default_factory=dict)
    gpus: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def find_engine(runtime: Runtime) -> Engine | None:
    """The engine to use; ``None`` for the local environment.

    ``auto`` takes the first that answers. A client without a daemon is no engine.

    Raises:
        InputError: the engine that was insisted on does not answer.
    """
    if runtime == "local":
        return None
    if runtime == "auto":
        for name in ENGINES:
            version, _ = _ask(name)
            if version:
                return Engine(name=name, version=version)
        return None
    version, problem = _ask(runtime)
    if not version:
        expected = f"a container engine that answers ({problem}), or runtime=local"
        raise InputError("--config", "runtime", runtime, expected=expected)
    return Engine(name=runtime, version=version)


def _ask(name: EngineName) -> tuple[str, str]:
    """(version, problem): one of them is empty."""
    if name == "apptainer" and os.geteuid() == 0:
        # Files of the kernel that belong to root, as in /proc/sys, could be written in a container.
        return "", "as root Apptainer does not contain a job: run it as an ordinary user"
    try:
        answer = subprocess.run(
            _VERSION[name], capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
        )
    except FileNotFoundError:
        return "", f"there is no command {name!r}"
    except (OSError, subprocess.TimeoutExpired) as error:
        return "", str(error)
    said = answer.stdout.strip()
    if answer.returncode or not said:
        return "", (answer.stderr.strip().splitlines() or ["it says nothing"])[-1]
    return said.split()[-1], ""


def run_arguments(engine: EngineName, invocation: Invocation) -> list[str]:
    """The command line that runs ``invocation``: nothing but its mounts and /tmp can be written.

    Raises:
        InputError: a path cannot be written in a mount.
    """
    if engine == "apptainer":
        return exec_arguments(invocation)
    limits, memory = invocation.limits, f"{invocation.limits.memory_mb * 1_000_000}b"
    user = "{}:{}".format(*invocation.user)
    arguments = [engine, "run", "--name", invocation.name, "--pull", "never"]
    arguments += ["--network", "none", "--read-only", "--cap-drop", "ALL"]
    arguments += ["--security-opt", "no-new-privileges", "--user", user]
    arguments += ["--memory", memory, "--memory-swap", memory, "--cpus", str(limits.cpus)]
    arguments += ["--pids-limit", str(limits.processes)]
    size = f"size={limits.temporary_mb * 1_000_000}"
    arguments += ["--tmpfs", f"/tmp:rw,nosuid,nodev,mode=1777,{size}"]
    if engine == "podman":
        # Unlike Docker, it would wait ten seconds to remove a container, and keep /run writable.
        # Its --init needs a program that not every installation has, and one --ulimit would
        # replace all that containers.conf sets.
        arguments += ["--stop-timeout", "0", "--read-only-tmpfs=false"]
        arguments += ["--http-proxy=false", "--security-opt", "label=disable"]
        if os.geteuid() != 0:
            arguments += ["--userns", "keep-id"]
        for gpu in invocation.gpus:
            arguments += ["--device", f"nvidia.com/gpu={gpu}"]
    else:
        arguments += ["--init", "--ulimit", "core=0:0"]
        if invocation.gpus:
            # The quotes belong to the value: it is read as a line of comma-separated values.
            arguments += ["--gpus", f'"device={",".join(invocation.gpus)}"']
    for key, value in invocation.labels.items():
        arguments += ["--label", f"{key}={value}"]
    for key, value in invocation.environment.items():
        arguments += ["--env", f"{key}={value}"]
    for mount in invocation.mounts:
        for path in (mount.source, mount.inside):
            _refuse(path, ',"')
        option = f"type=bind,source={mount.source},target={mount.inside}"
        arguments += ["--mount", option if mount.writable else f"{option},readonly"]
    return [*arguments, "--workdir", str(invocation.folder), invocation.image, *invocation.command]


def exec_arguments(invocation: Invocation) -> list[str]:
    """The same for Apptainer, which runs as the caller and bounds /tmp by its configuration."""
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
        for path in (mount.source, mount.inside):
            _refuse(path, ",:")
        access = "rw" if mount.writable else "ro"
        arguments += ["--bind", f"{mount.source}:{mount.inside}:{access}"]
    # Its own --env refuses HOME and hands values to a shell.
    variables = ["env", *(f"{key}={value}" for key, value in environment.items())]
    arguments += ["--pwd", str(invocation.folder), invocation.image]
    return [*arguments, *variables, *invocation.command]


def _controllers() -> frozenset[str]:
    """What an ordinary user may limit: what systemd has delegated, by control groups 2."""
    if "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        return frozenset()
    user = os.getuid()
    slices = Path("/sys/fs/cgroup/user.slice", f"user-{user}.slice", f"user@{user}.service")
    try:
        return frozenset((slices / "cgroup.controllers").read_text().split())
    except OSError:
        return frozenset()


def _refuse(path: Path, characters: str) -> None:
    for character in characters:
        if character in str(path):
            expected = f"a path without {character!r}, which a container engine cannot mount"
            raise InputError(path, "", expected=expected)
