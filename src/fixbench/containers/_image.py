"""Images: what one is made of, whether a machine has it, and how it is made.

``envs/images.lock`` declares an image for each lock file of ``envs/``. A published image is
identified by its digest; one built on the spot by what went into it: base image, lock file and
Dockerfile, which it carries as labels.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import fixbench
from fixbench.containers._engine import Engine, EngineName
from fixbench.errors import InputError

__all__ = [
    "ImageSpec",
    "build_image",
    "check_image",
    "ensure_image",
    "image_spec",
    "read_spec",
    "write_image_lock",
    "write_spec",
]

_LOCK = Path("envs", "images.lock")
_DOCKERFILE = Path("Dockerfile")
#: The base that this machine uses instead of the locked one, if its user said so.
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


def image_spec(root: Path, environment: str) -> ImageSpec:
    """The declared image of an environment, with this machine's base if it uses another.

    Raises:
        InputError: ``envs/images.lock`` lacks the environment, or is not of the files that are
            there.
    """
    from fixbench.ablation import read_yaml  # slow to import, and jobs read a spec from JSON

    file = root / _LOCK
    entries = read_yaml(file)
    entry = entries.get(environment) if isinstance(entries, dict) else None
    if not isinstance(entry, dict):
        expected = "an entry; run `fixbench image lock`"
        raise InputError(file, environment, expected=expected)
    current = _describe(root, environment)
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
    from ruamel.yaml import YAML

    from fixbench.ablation import read_yaml

    file = root / _LOCK
    before = (read_yaml(file) if file.exists() else None) or {}
    entries = {}
    for lock in sorted((root / "envs").glob("torch-*.lock")):
        old = before.get(lock.stem, {})
        now = _describe(root, lock.stem)
        unchanged = all(old.get(key) == value for key, value in now.items())
        entries[lock.stem] = {
            "image": old.get("image") if unchanged else None,
            "base": old.get("base") or _default_base(root),
            **now,
        }
    yaml = YAML()
    yaml.width = 200  # no line breaks in values
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    partial = file.with_name(f".{file.name}.partial")
    with partial.open("w", encoding="utf-8") as stream:
        stream.write(_HEADER)
        yaml.dump(entries, stream)
    os.replace(partial, file)
    return file


def write_spec(path: Path, spec: ImageSpec) -> None:
    """Leave a spec where jobs read it; an unchanged file stays as it is."""
    text = json.dumps(asdict(spec), indent=2) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)


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


def check_image(engine: Engine, spec: ImageSpec, *, folder: Path = Path()) -> str | None:
    """The id of the image on this machine (for Apptainer its file); ``None`` if there is none.

    Raises:
        InputError: there is an image of that name, but it is not the locked one.
    """
    found = _inspect(engine.name, spec, folder)
    if found is None:
        return None
    identity, labels = found
    if spec.published is None or engine.name == "apptainer":
        for label, expected in spec.labels().items():
            if labels.get(label) != expected:
                raise InputError(
                    f"image {spec.reference}",
                    f"label {label}",
                    labels.get(label, "missing"),
                    expected=f"{expected}, as locked; run `make image` to build it anew",
                )
    return identity


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
    override = root / _OVERRIDE
    if base is None:
        override.unlink(missing_ok=True)
    else:
        name: EngineName = "docker" if engine.name == "apptainer" else engine.name
        found = _engine_inspect(name, base)
        if found is None:
            raise InputError("--base", "", base, expected=f"an image that {name} has")
        override.parent.mkdir(parents=True, exist_ok=True)
        identity = found[0].removeprefix("sha256:")
        chosen = {"base": f"{base}@sha256:{identity}", "base_reference": base}
        override.write_text(json.dumps(chosen) + "\n", encoding="utf-8")
    spec = image_spec(root, environment)
    if engine.name == "apptainer":
        _convert(root, spec)
    else:
        _build(engine.name, root, spec, wheels=wheels, network=network)
    return _check_made(engine, spec, root)


def ensure_image(engine: Engine, spec: ImageSpec, root: Path) -> str:
    """The image's id; pulled or built first where it is missing, once for all jobs that wait.

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
            if spec.published and engine.name != "apptainer":
                _run([engine.name, "pull", spec.published], "a published image that can be pulled")
            elif engine.name == "apptainer":
                _convert(root, spec)
            else:
                _build(engine.name, root, spec)
            found = _check_made(engine, spec, root)
    return found


def _check_made(engine: Engine, spec: ImageSpec, root: Path) -> str:
    found = check_image(engine, spec, folder=root)
    if found is None:  # a builder of its own, whose images Docker has to load
        expected = f"an image that {engine.name} has, now that it was made; see `docker buildx ls`"
        raise InputError("image", "", spec.reference, expected=expected)
    return found


def _describe(root: Path, environment: str) -> dict[str, Any]:
    """What the files of the checkout say of an environment's image."""
    lock = root / "envs" / f"{environment}.lock"
    for path in (lock, root / _DOCKERFILE):
        if not path.is_file():
            raise InputError(path, "", expected="a file of the checkout; see `git status`")
    text = lock.read_text(encoding="utf-8")

    def pinned(package: str) -> str | None:
        match = re.search(rf"^{package}==(\S+)", text, re.MULTILINE)
        return match[1] if match else None

    return {
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest(),
        "dockerfile": hashlib.sha256((root / _DOCKERFILE).read_bytes()).hexdigest(),
        "torch": pinned("torch"),
        "cuda": pinned("nvidia-cuda-runtime"),
    }


def _default_base(root: Path) -> str:
    match = re.search(r"^ARG BASE_IMAGE=(\S+)", (root / _DOCKERFILE).read_text(), re.MULTILINE)
    if match is None:
        raise InputError(root / _DOCKERFILE, "", expected="a line ARG BASE_IMAGE=…")
    return match[1]


def _inspect(
    engine: EngineName, spec: ImageSpec, folder: Path
) -> tuple[str, Mapping[str, str]] | None:
    """(id, labels) of the image, or ``None``."""
    if engine != "apptainer":
        return _engine_inspect(engine, spec.reference)
    file = _image_file(folder, spec)
    if not file.exists():
        return None
    answer = _ask(["apptainer", "inspect", "--json", "--labels", str(file)])
    try:
        labels = json.loads(answer.stdout)["data"]["attributes"]["labels"]
    except (ValueError, KeyError, TypeError):
        raise InputError(file, "", expected="an Apptainer image; delete it") from None
    return str(file.resolve()), labels or {}


def _engine_inspect(engine: EngineName, reference: str) -> tuple[str, Mapping[str, str]] | None:
    answer = _ask([engine, "image", "inspect", reference])
    if answer.returncode:
        if "no such image" in answer.stderr.lower() or "not known" in answer.stderr.lower():
            return None
        problem = (answer.stderr.strip().splitlines() or ["it says nothing"])[-1]
        raise InputError(engine, "image", reference, expected=f"an engine that answers ({problem})")
    (image,) = json.loads(answer.stdout)
    config = image.get("Config") or {}
    return str(image["Id"]), config.get("Labels") or {}


def _image_file(folder: Path, spec: ImageSpec) -> Path:
    return folder / ".fixbench" / "images" / f"{spec.environment}.sif"


def _build(
    engine: EngineName,
    root: Path,
    spec: ImageSpec,
    *,
    wheels: Path | None = None,
    network: str | None = None,
) -> None:
    import tempfile  # slow to import, and jobs seldom build

    _check_parts(engine, root, spec)
    arguments = [engine, "build", "--force-rm", "--target", "torch", "--tag", spec.name]
    arguments += ["--build-arg", f"BASE_IMAGE={spec.base_reference}"]
    arguments += ["--build-arg", f"TORCH={spec.environment.removeprefix('torch-')}"]
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL"):
        if wheels is None and name in os.environ:
            arguments += ["--build-arg", name]
    if wheels is not None or network is not None:
        arguments += ["--network", network or "none"]
    for key, value in (spec.labels() | _open_labels(root, spec)).items():
        arguments += ["--label", f"{key}={value}"]
    with tempfile.TemporaryDirectory(prefix="fixbench-image-") as folder:
        context = Path(folder)
        (context / "envs").mkdir()
        lock = Path("envs", f"{spec.environment}.lock")
        for path in (_DOCKERFILE, lock):
            shutil.copyfile(root / path, context / path)
        if wheels is not None:
            _copy_wheels(wheels, context / "wheels")
        _run([*arguments, str(context)], f"an image that {engine} can build; its output says why")


def _check_parts(engine: EngineName, root: Path, spec: ImageSpec) -> None:
    """Refuse to build something else under the labels of ``spec``."""
    current = _describe(root, spec.environment)
    for key, value in (("lock", spec.lock), ("dockerfile", spec.dockerfile)):
        if current[key] != value:
            expected = f"{value}, as when the workflow started; start it again"
            raise InputError(root, f"{spec.environment}.{key}", current[key], expected=expected)
    if spec.base_reference != spec.base:  # a local image, whose name may have gone to another
        found = _engine_inspect(engine, spec.base_reference)
        identity = found[0].removeprefix("sha256:") if found else "missing"
        if not spec.base.endswith(f"@sha256:{identity}"):
            expected = f"{spec.base}; name the base anew with `fixbench image build --base`"
            raise InputError("base image", spec.base_reference, identity, expected=expected)


def _copy_wheels(source: Path, target: Path) -> None:
    if not any(source.glob("*.whl")):
        expected = "a folder with wheels, as `pip download` fills it from the lock file"
        raise InputError("--wheels", "", str(source), expected=expected)
    target.mkdir()
    for wheel in sorted(path for path in source.iterdir() if path.is_file()):
        try:
            os.link(wheel.resolve(), target / wheel.name)
        except OSError:
            shutil.copyfile(wheel, target / wheel.name)


def _convert(root: Path, spec: ImageSpec) -> None:
    """An Apptainer image from the published one, or from the one that Docker has."""
    file = _image_file(root, spec)
    file.parent.mkdir(parents=True, exist_ok=True)
    source = f"docker://{spec.published}" if spec.published else f"docker-daemon:{spec.name}"
    partial = file.with_name(f".{file.name}.partial")
    try:
        expected = f"{source}, which Apptainer can convert; build it first, or bring {file}"
        _run(["apptainer", "build", "--force", str(partial), source], expected)
        os.replace(partial, file)
    finally:
        partial.unlink(missing_ok=True)


def _open_labels(root: Path, spec: ImageSpec) -> dict[str, str]:
    """The labels that every registry shows."""
    answer = _ask(["git", "-C", str(root), "rev-parse", "HEAD"])
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


def _ask(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(arguments, capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 127, "", str(error))


def _run(arguments: list[str], expected: str) -> None:
    """Run with its output on standard error, where a user sees the progress."""
    shown = " ".join(arguments[:2])
    try:
        status = subprocess.run(arguments, stdout=sys.stderr, check=False).returncode
    except OSError as error:
        raise InputError(shown, "", expected=f"{expected} ({error.strerror})") from None
    if status:
        raise InputError(shown, "exit status", status, expected=expected)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
