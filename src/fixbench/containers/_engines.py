"""The engines that there are, and which of them a run uses.

A new engine is a class in a file of its own, its name in `EngineName` and its class in `ENGINES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, cast

from fixbench.containers._apptainer import Apptainer
from fixbench.containers._docker import Docker
from fixbench.containers._engine import Engine
from fixbench.containers._podman import Podman
from fixbench.errors import InputError

__all__ = ["ENGINES", "EngineName", "Runtime", "find_engine"]

EngineName = Literal["docker", "podman", "apptainer"]
Runtime = Literal["auto", EngineName, "local"]
#: In the order in which ``auto`` asks them.
ENGINES: Mapping[EngineName, type[Engine]] = {
    cast(EngineName, engine.name): engine for engine in (Docker, Podman, Apptainer)
}


def find_engine(runtime: Runtime) -> Engine | None:
    """The engine to use; ``None`` for the local environment.

    ``auto`` takes the first that answers. A client without a daemon is no engine.

    Raises:
        InputError: the engine that was named does not answer.
    """
    if runtime == "local":
        return None
    if runtime == "auto":
        for engine in ENGINES.values():
            version, _ = engine.ask_version()
            if version:
                return engine(version)
        return None
    version, problem = ENGINES[runtime].ask_version()
    if not version:
        expected = f"a container engine that answers ({problem}), or runtime=local"
        raise InputError("--config", "runtime", runtime, expected=expected)
    return ENGINES[runtime](version)
