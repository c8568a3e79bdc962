"""One command in one container, described without regard to the engine that runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fixbench.errors import InputError

__all__ = ["Invocation", "Limits", "Mount", "check_mountable"]


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
        memory_mb: memory and swap together, 10⁶ bytes.
        processes: threads count as processes.
        temporary_mb: size of /tmp, which is in memory, 10⁶ bytes.
    """

    cpus: int = 1
    memory_mb: int = 2000
    processes: int = 256
    temporary_mb: int = 512


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One command in one container.

    Attributes:
        image: name or id of the image; a file where the engine's images are files.
        folder: the working directory in the container.
        gpus: identifiers of the devices that the command sees; none when empty.
        user: (uid, gid) that the command runs as.
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


def check_mountable(mount: Mount, forbidden: str) -> None:
    """Refuse a path with a character that separates the parts of an engine's mount option.

    Raises:
        InputError: a path of the mount has one of the ``forbidden`` characters.
    """
    for path in (mount.source, mount.inside):
        for character in forbidden:
            if character in str(path):
                expected = f"a path without {character!r}, which a container engine cannot mount"
                raise InputError(path, "", expected=expected)
