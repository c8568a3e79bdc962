"""Whether a machine has an image, and how it gets one."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fixbench.containers._engine import Engine
from fixbench.containers._spec import ImageSpec, choose_base, image_spec
from fixbench.errors import InputError

__all__ = ["build_image", "check_image", "ensure_image"]


def check_image(engine: Engine, spec: ImageSpec, *, folder: Path = Path()) -> str | None:
    """The id of the image on this machine (for Apptainer its file); ``None`` if there is none.

    Args:
        folder: the checkout.

    Raises:
        InputError: there is an image of that name, but it is not the locked one.
    """
    found = engine.find_image(spec, folder)
    if found is None:
        return None
    if found.labels is not None:
        for label, expected in spec.labels().items():
            if found.labels.get(label) != expected:
                raise InputError(
                    f"image {spec.reference}",
                    f"label {label}",
                    found.labels.get(label, "missing"),
                    expected=f"{expected}, as locked; run `make image` to build it anew",
                )
    return found.identity


def build_image(
    engine: Engine,
    root: Path,
    environment: str,
    *,
    base: str | None = None,
    wheels: Path | None = None,
    network: str | None = None,
) -> str:
    """Build the image of an environment and return its id.

    Args:
        base: another base image, which this machine has; remembered until the next build.
        wheels: a folder of wheels to install from, without network.
        network: of the build, such as ``"host"``; the engine's own when omitted.

    Raises:
        InputError: the engine lacks the base, or the build failed.
    """
    if base is None:
        choose_base(root, None)
    else:
        identity = engine.builder.find_base(base)
        if identity is None:
            expected = f"an image that {engine.builder.name} has"
            raise InputError("--base", "", base, expected=expected)
        choose_base(root, base, identity)
    spec = image_spec(root, environment)
    engine.build_image(spec, root, wheels=wheels, network=network)
    return _check_made(engine, spec, root)


def ensure_image(engine: Engine, spec: ImageSpec, root: Path) -> str:
    """The image's id; a missing image is pulled or built first, once for all jobs that wait.

    Raises:
        InputError: as `check_image` and `build_image`.
    """
    found = check_image(engine, spec, folder=root)
    if found is not None:
        return found
    with _only_one(root / ".fixbench" / "images" / f"{spec.environment}.building"):
        found = check_image(engine, spec, folder=root)
        if found is None:
            print(f"image {spec.reference} is missing: making it", file=sys.stderr, flush=True)
            make = engine.build_image if spec.published is None else engine.pull_image
            make(spec, root)
            found = _check_made(engine, spec, root)
    return found


def _check_made(engine: Engine, spec: ImageSpec, root: Path) -> str:
    found = check_image(engine, spec, folder=root)
    if found is None:  # a separate builder keeps its images to itself until Docker loads them
        expected = f"an image that {engine.name} has, now that it was made; see `docker buildx ls`"
        raise InputError("image", "", spec.reference, expected=expected)
    return found


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
