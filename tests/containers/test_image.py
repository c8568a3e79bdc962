"""Images: what is declared, and what a real engine makes of it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import fixbench
from fixbench.containers import (
    Engine,
    build_image,
    check_image,
    image_spec,
    write_image_lock,
    write_spec,
)
from fixbench.containers._image import ensure_image
from fixbench.containers._spec import read_spec
from fixbench.errors import InputError

if TYPE_CHECKING:
    from tests.containers.conftest import Place

ROOT = Path(__file__).parents[2]
DIGEST = f"@sha256:{'a' * 64}"

Checkout = Callable[..., tuple[Path, str]]


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_lock_is_current(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Dockerfile", tmp_path)
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    write_image_lock(tmp_path)
    committed = (ROOT / "envs" / "images.lock").read_text()
    assert (tmp_path / "envs" / "images.lock").read_text() == committed
    for environment in ("torch-cpu", "torch-cuda"):
        spec = image_spec(tmp_path, environment)
        assert spec.base_locked
        assert (spec.cuda is not None) == (environment == "torch-cuda")
        # The line of the Dockerfile that builds without `fixbench image` has the same base.
        assert f"ARG BASE_IMAGE={spec.base}\n" in (tmp_path / "Dockerfile").read_text()


def test_spec(checkout: Checkout) -> None:
    root, environment = checkout()
    spec = image_spec(root, environment)
    assert spec.name == f"fixbench/{environment}:{fixbench.__version__}" == spec.reference
    assert (spec.torch, spec.cuda, spec.published) == ("1.2.3", None, None)
    assert spec.base == spec.base_reference == f"nowhere/base@sha256:{'0' * 64}"
    lock = (root / "envs" / f"{environment}.lock").read_bytes()
    assert spec.lock == hashlib.sha256(lock).hexdigest()
    for changed in (
        replace(spec, published=f"x{DIGEST}"),
        replace(spec, base=f"x{DIGEST}"),
        replace(spec, lock="0"),
        replace(spec, dockerfile="0"),
    ):
        assert changed.definition != spec.definition
    assert replace(spec, name="other").definition == spec.definition
    write_spec(root / "a" / "image.json", spec)
    assert read_spec(root / "a" / "image.json") == spec
    before = (root / "a" / "image.json").stat().st_mtime_ns
    write_spec(root / "a" / "image.json", spec)
    assert (root / "a" / "image.json").stat().st_mtime_ns == before
    for text in ("{", "{}", "[]", '{"environment": "x"}'):
        (root / "a" / "image.json").write_text(text)
        with pytest.raises(InputError, match=r"image\.json; expected what the workflow writes"):
            read_spec(root / "a" / "image.json")


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "value"),
    [
        ("Dockerfile", "FROM", "# a remark\nFROM", ".dockerfile", hashlib.sha256),
        ("envs/{0}.lock", "1.2.3", "1.2.4", ".lock", hashlib.sha256),
        ("envs/images.lock", "torch: 1.2.3", "torch: 1.2", ".torch", 1.2),
        ("envs/images.lock", "@sha256:", ":", ".base", f"nowhere/base:{'0' * 64}"),
        ("envs/images.lock", "image: null", "image: x:1", ".image", "x:1"),
        ("envs/images.lock", "{0}:", "other:", "", None),
    ],
)
def test_lock_that_does_not_fit_is_refused(
    checkout: Checkout, file: str, old: str, new: str, key: str, value: object
) -> None:
    root, environment = checkout()
    changed = root / file.format(environment)
    if value is hashlib.sha256:  # what the lock still says
        value = hashlib.sha256(changed.read_bytes()).hexdigest()
    edit(changed, old.format(environment), new)
    with pytest.raises(InputError) as caught:
        image_spec(root, environment)
    assert caught.value.file == str(root / "envs" / "images.lock")
    assert (caught.value.key, caught.value.value) == (f"{environment}{key}", value)
    if changed.name != "images.lock":
        assert hashlib.sha256(changed.read_bytes()).hexdigest() in caught.value.expected


def test_missing_files_are_named(checkout: Checkout) -> None:
    for name in ("Dockerfile", "envs/{0}.lock", "envs/images.lock"):
        root, environment = checkout()
        (root / name.format(environment)).unlink()
        with pytest.raises(InputError, match=name.format(environment).replace(".", r"\.")):
            image_spec(root, environment)


def test_base_of_this_machine(checkout: Checkout) -> None:
    root, environment = checkout()
    override = root / ".fixbench" / "base-image.json"
    override.parent.mkdir()
    local = {"base": f"mine{DIGEST}", "base_reference": "mine:1"}
    override.write_text(json.dumps(local))
    spec = image_spec(root, environment)
    assert (spec.base, spec.base_reference, spec.base_locked) == (f"mine{DIGEST}", "mine:1", False)
    edit(root / "envs" / "images.lock", "image: null", f"image: published{DIGEST}")
    spec = image_spec(root, environment)  # whose base is no longer this machine's affair
    assert (spec.published, spec.base_locked) == (f"published{DIGEST}", True)
    edit(root / "envs" / "images.lock", f"image: published{DIGEST}", "image: null")
    for text in ("{", "{}", "[]"):
        override.write_text(text)
        with pytest.raises(InputError, match=r"base-image\.json; expected what `fixbench image bu"):
            image_spec(root, environment)


def test_lock_keeps_what_is_still_true(checkout: Checkout) -> None:
    root, environment = checkout()
    lock = root / "envs" / "images.lock"
    edit(lock, "image: null", f"image: published{DIGEST}")
    lock.write_text(re.sub(r"  base: .*", f"  base: chosen{DIGEST}", lock.read_text()))
    before = lock.read_text()
    write_image_lock(root)
    assert lock.read_text() == before
    edit(root / "envs" / f"{environment}.lock", "1.2.3", "1.2.4")
    write_image_lock(root)
    spec = image_spec(root, environment)
    assert (spec.published, spec.base, spec.torch) == (None, f"chosen{DIGEST}", "1.2.4")


def test_built_image_has_its_labels(
    engine: Engine, base: str, checkout: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    root, environment = checkout()
    assert check_image(engine, image_spec(root, environment), folder=root) is None
    identity = build_image(engine, root, environment, base=base)
    spec = image_spec(root, environment)
    assert not spec.base_locked
    assert spec.base.startswith(f"{base}@sha256:")
    assert check_image(engine, spec, folder=root) == identity
    assert capfd.readouterr().out == ""  # an engine's own words are no result
    # The image is there, but not of what is locked now.
    edit(root / "envs" / f"{environment}.lock", "1.2.3", "1.2.4")
    write_image_lock(root)
    changed = image_spec(root, environment)
    with pytest.raises(InputError) as checked:
        check_image(engine, changed, folder=root)
    with pytest.raises(InputError) as ensured:
        ensure_image(engine, changed, root)
    for error in (checked.value, ensured.value):
        assert error.file == f"image {spec.name}"
        assert (error.key, error.value) == ("label io.fixbench.lock", spec.lock)
        assert changed.lock in error.expected
    unlabelled = replace(changed, name=base)
    with pytest.raises(InputError) as caught:
        check_image(engine, unlabelled, folder=root)
    assert (caught.value.key, caught.value.value) == ("label io.fixbench.base", "missing")


def test_missing_image_is_built_once_for_all_that_wait(place: Place, checkout: Checkout) -> None:
    root, environment = checkout()
    (root / ".fixbench").mkdir()
    shutil.copy(place.image.parent / ".fixbench" / "base-image.json", root / ".fixbench")
    spec = image_spec(root, environment)
    place.root, place.image = root, root / "image.json"
    write_spec(place.image, spec)
    other = place.sibling()
    jobs = [job.start("OUT.write_text('')") for job in (place, other)]
    said = [place.finish(job) for job in jobs]
    assert [done.status for done in said] == [0, 0], said
    assert "".join(done.errors for done in said).count(f"image {spec.name} is missing") == 1
    assert place.result.exists()
    assert other.result.exists()


def test_build_that_fails(place: Place, base: str, checkout: Checkout) -> None:
    root, environment = checkout()
    edit(root / "Dockerfile", "ARG TORCH", f"RUN echo {environment} && exit 3")
    write_image_lock(root)
    message = r"^docker build: exit status is \d+; expected an image that docker can build; its out"
    with pytest.raises(InputError, match=message):
        build_image(place.engine, root, environment, base=base, network="none")
    place.root, place.image = root, root / "image.json"
    write_spec(place.image, image_spec(root, environment))
    done = place.launch("OUT.write_text('')")
    assert re.match(message, done.refused())
    assert not place.result.exists()
    everything = [place.engine.name, "ps", "--all", "--no-trunc", "--format", "{{.Command}}"]
    said = subprocess.run(everything, capture_output=True, text=True, check=True).stdout
    assert environment not in said  # no container of the build either


def test_base_that_the_engine_lacks(engine: Engine, checkout: Checkout) -> None:
    root, environment = checkout()
    with pytest.raises(InputError) as caught:
        build_image(engine, root, environment, base="nowhere/x:1")
    assert (caught.value.file, caught.value.value) == ("--base", "nowhere/x:1")
    assert engine.name in caught.value.expected
    assert not (root / ".fixbench").exists()


def test_nothing_else_is_built_under_the_labels_of_a_spec(engine: Engine, image: Path) -> None:
    missing = replace(read_spec(image), name=f"fixbench/{'f' * 8}:missing")
    was, found = f"{missing.base_reference}{DIGEST}", missing.base.partition("@sha256:")[2]
    for changed, key, value, expected in (
        (replace(missing, base=was), missing.base_reference, found, was),
        (replace(missing, lock="0"), f"{missing.environment}.lock", missing.lock, "0"),
    ):
        with pytest.raises(InputError) as caught:
            ensure_image(engine, changed, image.parent)
        assert (caught.value.key, caught.value.value) == (key, value)
        assert caught.value.expected.startswith(expected)
    assert check_image(engine, missing, folder=image.parent) is None


class Registry(BaseHTTPRequestHandler):
    """A registry with whatever is in ``content``: path → (media type, bytes)."""

    content: dict[str, tuple[str, bytes]]

    def do_GET(self) -> None:
        kind, body = self.content.get(self.path, ("", b""))
        self.send_response(200 if kind or self.path == "/v2/" else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[tuple[str, dict[str, tuple[str, bytes]]]]:
    """(address, content) of a registry on this machine, which Docker needs no certificate for."""
    content: dict[str, tuple[str, bytes]] = {}
    handler = type("Handler", (Registry,), {"content": content})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}", content
        server.shutdown()


def publish(content: dict[str, tuple[str, bytes]]) -> str:
    """Put an image with one empty folder into the registry and return its digest."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        folder = tarfile.TarInfo("empty")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
    layer = stream.getvalue()

    def blob(kind: str, body: bytes) -> dict[str, object]:
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        content[f"/v2/image/blobs/{digest}"] = ("application/octet-stream", body)
        return {"mediaType": kind, "digest": digest, "size": len(body)}

    layers = [blob("application/vnd.oci.image.layer.v1.tar", layer)]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [layers[0]["digest"]]},
    }
    kind = "application/vnd.oci.image.manifest.v1+json"
    parts = {
        "schemaVersion": 2,
        "mediaType": kind,
        "config": blob("application/vnd.oci.image.config.v1+json", json.dumps(config).encode()),
        "layers": layers,
    }
    manifest = json.dumps(parts).encode()
    digest = f"sha256:{hashlib.sha256(manifest).hexdigest()}"
    content[f"/v2/image/manifests/{digest}"] = (kind, manifest)
    return digest


def test_published_image_is_pulled_by_its_digest_and_no_other(
    engine: Engine, checkout: Checkout, registry: tuple[str, dict[str, tuple[str, bytes]]]
) -> None:
    address, content = registry
    root, environment = checkout()
    digest = publish(content)
    published = f"{address}/image@{digest}"
    spec = replace(image_spec(root, environment), published=published)
    try:
        identity = ensure_image(engine, spec, root)
        assert check_image(engine, spec, folder=root) == identity
    finally:
        subprocess.run([engine.name, "rmi", published], capture_output=True, check=False)
    # A registry that has something else under the digest that is locked, or nothing.
    (served,) = [value for path, value in content.items() if "manifests" in path]
    content[f"/v2/image/manifests/sha256:{'b' * 64}"] = served
    for other in ("b" * 64, "c" * 64):
        wrong = replace(spec, published=f"{address}/image@sha256:{other}")
        message = r"^docker pull: exit status is \d+; expected a published image that can be pulled"
        with pytest.raises(InputError, match=message):
            ensure_image(engine, wrong, root)
        assert check_image(engine, wrong, folder=root) is None
