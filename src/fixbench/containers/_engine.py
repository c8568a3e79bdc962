"""What a container engine can do. Each engine is a class in a file of its own.

The launcher, the guard and the image functions call these methods and know no engine by name.
`fixbench.containers._engines` lists the engines.
"""

from __future__ import annotations

import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fixbench.containers._invocation import Invocation
from fixbench.containers._programs import last_line
from fixbench.containers._spec import ImageSpec

__all__ = ["Engine", "Image"]

# An engine that takes longer than this to give its version does not answer.
_PATIENCE_SECONDS = 20


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image on this machine.

    Attributes:
        identity: its id; its path where images are files.
        labels: its labels; ``None`` where it was found by its digest, which is proof enough.
    """

    identity: str
    labels: Mapping[str, str] | None


@dataclass(frozen=True)
class Engine(ABC):
    """A container engine.

    Attributes:
        name: of its program; also what a user calls it.
        version_command: makes the program print its version as the last word.
        image_is_file: whether an image is a file; its path then says nothing on another machine.
        version: as the program printed it; empty where it does not matter.
    """

    name: ClassVar[str]
    version_command: ClassVar[tuple[str, ...]]
    image_is_file: ClassVar[bool] = False

    version: str = ""

    @classmethod
    def ask_version(cls) -> tuple[str, str]:
        """(version, problem): one of them is empty. A client without its daemon is a problem."""
        command = list(cls.version_command)
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, timeout=_PATIENCE_SECONDS, check=False
            )
        except FileNotFoundError:
            return "", f"there is no command {cls.name!r}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return "", str(error)
        said = answer.stdout.strip()
        if answer.returncode or not said:
            return "", last_line(answer.stderr)
        return said.split()[-1], ""

    @abstractmethod
    def run_arguments(self, invocation: Invocation) -> list[str]:
        """The command line that runs ``invocation``.

        The command can write to its writable mounts and to /tmp, and nowhere else. The program
        stays in the foreground until the container has ended, and exits with the command's status.

        Raises:
            InputError: a path cannot be written in a mount option.
        """

    @abstractmethod
    def stop(self, container: str, client: subprocess.Popen[bytes], attempt: int) -> None:
        """Ask a container to end. Called once a second until its client has ended.

        Args:
            client: the running program of `run_arguments`, leader of a process group. It may be
                about to create the container.
            attempt: 0 for the first call.
        """

    @abstractmethod
    def remove(self, container: str) -> None:
        """Remove a container, running or not; do nothing if there is none of that name."""

    @abstractmethod
    def out_of_memory(self, container: str) -> bool:
        """Whether an ended container hit its memory limit; false where the engine cannot tell."""

    @abstractmethod
    def find_image(self, spec: ImageSpec, root: Path) -> Image | None:
        """The image of that name on this machine, whatever it was made from."""

    @abstractmethod
    def find_base(self, reference: str) -> str | None:
        """The id of a base image that `build_image` could use; ``None`` if there is none."""

    @property
    def builder(self) -> Engine:
        """The engine that has the base images: another one where images are only converted."""
        return self

    @abstractmethod
    def build_image(
        self, spec: ImageSpec, root: Path, *, wheels: Path | None = None, network: str | None = None
    ) -> None:
        """Build the image with its labels.

        Args:
            root: the checkout.
            wheels: a folder of wheels to install from, without network.
            network: of the build, such as ``"host"``; the engine's own when omitted.

        Raises:
            InputError: the files or the base are not those of ``spec``, or the build failed.
        """

    @abstractmethod
    def pull_image(self, spec: ImageSpec, root: Path) -> None:
        """Get the published image of ``spec`` by its digest.

        Raises:
            InputError: it cannot be pulled.
        """
