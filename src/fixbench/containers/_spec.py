"""What an image is made of: the declaration in ``envs/images.lock``, and its copy for jobs.

A repository that has none of its own takes that of the package.

``envs/images.lock`` declares an image for each lock file of ``envs/``. A published image is
identified by its digest. An image that was built on this machine is identified by what went into
it: base image, lock file and Dockerfile, which it carries as labels.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fixbench
from fixbench.containers._programs import ask
from fixbench.errors import InputError
from fixbench.files import write_text

__all__ = [
    "DOCKERFILE",
    "ImageSpec",
    "choose_base",
    "declaration",
    "describe",
    "image_spec",
    "open_labels",
    "read_spec",
    "write_image_lock",
    "write_spec",
]

DOCKERFILE = Path("Dockerfile")
_LOCK = Path("envs", "images.lock")
#: ``envs/`` and the Dockerfile of Fixbench, in the checkout as links to them.
_OWN = Path(__file__).parent / "declared"
#: The base that this machine uses instead of the locked one, if its user named one.
_OVERRIDE = Path(".fixbench", "base-image.json")
_LABEL = "io.fixbench."
_LICENCE = "Apache-2.0"
_HEADER = """\
# The images of the environments. `fixbench image lock` writes this file; base and image are yours
# to edit: a base by digest, and the digest under which the finished image is published, if it is.
"""


@dataclass(frozen=True, kw_only=True)
class ImageSpec:
    """The image of one environment.

    Attributes:
        environment: name of its lock file, such as ``"torch-cpu"``.
        name: under which it is built here.
        published: reference with digest under which it is published; ``None`` if it is not.
        base: the base image with its digest, or with the id that a local one has.
        base_reference: what the engine finds the base by.
        base_locked: whether that is the base of ``envs/images.lock``.
        lock, dockerfile: SHA-256 of what it is made from.
        torch, cuda: versions; ``cuda`` is ``None`` for a build without.
    """

    environment: str
    name: str
    published: str | None
    base: str
    base_reference: str
    base_locked: bool
    lock: str
    dockerfile: str
    torch: str
    cuda: str | None

    @property
    def reference(self) -> str:
        """What an engine finds the image by."""
        return self.published or self.name

    @property
    def definition(self) -> str:
        """SHA-256 of everything that went into the image, whichever engine built it."""
        parts = (self.published, self.base, self.lock, self.dockerfile)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def labels(self) -> dict[str, str]:
        """The labels that identify an image built from this."""
        return {
            f"{_LABEL}base": self.base,
            f"{_LABEL}lock": self.lock,
            f"{_LABEL}dockerfile": self.dockerfile,
        }


def declaration(root: Path) -> Path:
    """The folder with the ``envs/`` and the Dockerfile that count in a repository."""
    return root if (root / _LOCK).is_file() else _OWN


def image_spec(root: Path, environment: str) -> ImageSpec:
    """The declared image of an environment, with this machine's base if it uses another.

    Raises:
        InputError: ``envs/images.lock`` lacks the environment, or does not describe the files
            beside it.
    """
    from fixbench.reading import read_yaml  # slow to import, and jobs read a spec from JSON

    home = declaration(root)
    file = home / _LOCK
    entries = read_yaml(file)
    entry = entries.get(environment) if isinstance(entries, dict) else None
    if not isinstance(entry, dict):
        expected = "an entry; run `fixbench image lock`"
        raise InputError(file, environment, expected=expected)
    current = describe(home, environment)
    for key, value in current.items():
        if entry.get(key) != value:
            expected = f"{value}, as the files of this checkout have it; run `fixbench image lock`"
            raise InputError(file, f"{environment}.{key}", entry.get(key), expected=expected)
    base = str(entry.get("base"))
    if not re.search(r"@sha256:[0-9a-f]{64}$", base):
        raise InputError(file, f"{environment}.base", base, expected="an image with its digest")
    published = entry.get("image")
    if published is not None and not re.search(r"@sha256:[0-9a-f]{64}$", str(published)):
        expected = "an image with its digest, or null where none is published"
        raise InputError(file, f"{environment}.image", published, expected=expected)
    chosen = {"base": base, "base_reference": base}
    locked = True
    if published is None and (root / _OVERRIDE).exists():
        try:
            chosen = json.loads((root / _OVERRIDE).read_text(encoding="utf-8"))
            locked = chosen["base"] == base
        except (ValueError, KeyError, TypeError):
            expected = "what `fixbench image build --base` writes; delete it"
            raise InputError(root / _OVERRIDE, "", expected=expected) from None
    return ImageSpec(
        environment=environment,
        name=f"fixbench/{environment}:{fixbench.__version__}",
        published=published,
        base_locked=locked,
        **chosen,
        **current,
    )


def write_image_lock(root: Path) -> Path:
    """Write ``envs/images.lock`` anew from the lock files and the Dockerfile.

    Base and published image of each entry stay; an image that was published from other files
    does not.

    Raises:
        InputError: a file that it describes is missing.
    """
    import yaml

    from fixbench.reading import read_yaml

    file = root / _LOCK
    before = (read_yaml(file) if file.exists() else None) or {}
    entries = {}
    for lock in sorted((root / "envs").glob("torch-*.lock")):
        old = before.get(lock.stem, {})
        now = describe(root, lock.stem)
        unchanged = all(old.get(key) == value for key, value in now.items())
        entries[lock.stem] = {
            "image": old.get("image") if unchanged else None,
            "base": old.get("base") or _default_base(root),
            **now,
        }
    text = yaml.safe_dump(entries, sort_keys=False, width=200)  # no line breaks in values
    write_text(file, _HEADER + text)
    return file


def choose_base(root: Path, reference: str | None, identity: str = "") -> None:
    """Remember the base image that this machine uses; ``None`` returns to the locked one."""
    if reference is None:
        (root / _OVERRIDE).unlink(missing_ok=True)
        return
    chosen = {"base": f"{reference}@sha256:{identity}", "base_reference": reference}
    write_text(root / _OVERRIDE, json.dumps(chosen) + "\n")


def write_spec(path: Path, spec: ImageSpec) -> None:
    """Leave a spec where jobs read it; an unchanged file stays as it is."""
    text = json.dumps(asdict(spec), indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_text(path, text)


def read_spec(path: Path) -> ImageSpec:
    """What `write_spec` wrote.

    Raises:
        InputError: there is no such file, or it is something else.
    """
    try:
        return ImageSpec(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        expected = "what the workflow writes when it starts; start it again"
        raise InputError(path, "", expected=expected) from None


def describe(root: Path, environment: str) -> dict[str, Any]:
    """What the files of the checkout say of an environment's image."""
    lock = root / "envs" / f"{environment}.lock"
    for path in (lock, root / DOCKERFILE):
        if not path.is_file():
            raise InputError(path, "", expected="a file of the checkout; see `git status`")
    text = lock.read_text(encoding="utf-8")

    def pinned(package: str) -> str | None:
        match = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
        return match[1] if match else None

    return {
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "dockerfile": hashlib.sha256((root / DOCKERFILE).read_bytes()).hexdigest(),
        "torch": pinned("torch"),
        "cuda": pinned("nvidia-cuda-runtime"),
    }


def open_labels(root: Path, spec: ImageSpec) -> dict[str, str]:
    """The labels that every registry shows."""
    answer = ask(["git", "-C", str(root), "rev-parse", "HEAD"])
    revision = answer.stdout.strip() if answer.returncode == 0 else "unknown"
    return {
        "org.opencontainers.image.title": f"Fixbench, environment {spec.environment}",
        "org.opencontainers.image.version": fixbench.__version__,
        "org.opencontainers.image.revision": revision,
        "org.opencontainers.image.licenses": _LICENCE,
        "org.opencontainers.image.base.name": spec.base,
        f"{_LABEL}torch": spec.torch,
        f"{_LABEL}cuda": spec.cuda or "none",
    }


def _default_base(root: Path) -> str:
    match = re.search(r"^ARG BASE_IMAGE=(\S+)", (root / DOCKERFILE).read_text(), re.MULTILINE)
    if match is None:
        raise InputError(root / DOCKERFILE, "", expected="a line ARG BASE_IMAGE=…")
    return match[1]
