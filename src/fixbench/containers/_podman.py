"""Podman. Source: the reference page of ``podman run``."""

from __future__ import annotations

import os
from typing import ClassVar

from fixbench.containers._invocation import Invocation
from fixbench.containers._oci import OciEngine

__all__ = ["Podman"]


class Podman(OciEngine):
    """Podman, which needs no daemon."""

    name: ClassVar[str] = "podman"
    version_command: ClassVar[tuple[str, ...]] = (
        *("podman", "version", "--format", "{{.Client.Version}}"),
    )

    def own_arguments(self, invocation: Invocation) -> list[str]:
        # Podman would wait ten seconds before it removes a container, keep /run writable, and pass
        # the host's proxy on. Docker's --init is left out because it needs a program that not
        # every installation has, and its --ulimit because one would replace all of containers.conf.
        arguments = ["--stop-timeout", "0", "--read-only-tmpfs=false"]
        arguments += ["--http-proxy=false", "--security-opt", "label=disable"]
        if os.geteuid() != 0:
            arguments += ["--userns", "keep-id"]
        for gpu in invocation.gpus:
            arguments += ["--device", f"nvidia.com/gpu={gpu}"]
        return arguments
