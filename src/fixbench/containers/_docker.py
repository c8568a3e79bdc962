"""Docker. Source: the reference page of ``docker run``."""

from __future__ import annotations

from typing import ClassVar

from fixbench.containers._invocation import Invocation
from fixbench.containers._oci import OciEngine

__all__ = ["Docker"]


class Docker(OciEngine):
    """Docker, by way of its daemon."""

    name: ClassVar[str] = "docker"
    version_command: ClassVar[tuple[str, ...]] = (
        *("docker", "version", "--format", "{{.Server.Version}}"),
    )

    def own_arguments(self, invocation: Invocation) -> list[str]:
        arguments = ["--init", "--ulimit", "core=0:0"]
        if invocation.gpus:
            # The quotes belong to the value: Docker reads it as comma-separated values.
            arguments += ["--gpus", f'"device={",".join(invocation.gpus)}"']
        return arguments
