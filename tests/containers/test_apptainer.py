"""Apptainer's images, which are files: its program is a stand-in that says what it was asked."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fixbench.containers import ENGINES, ImageSpec, check_image, image_spec
from fixbench.containers._image import ensure_image
from fixbench.errors import InputError

APPTAINER = ENGINES["apptainer"]()
# `build --force FILE SOURCE` copies the labels that the test has prepared, `inspect` prints them.
STAND_IN = """\
#!/bin/sh
set -e
case $1 in
  build) echo "$4" >> "{folder}/sources"; cp "{folder}/labels" "$3" ;;
  inspect) cat "$4" ;;
esac
"""


@pytest.fixture
def prepare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Callable[..., tuple[Path, str]]
) -> Callable[[dict[str, str] | None], tuple[ImageSpec, Path]]:
    """Put the stand-in on the path, with these labels for what it makes: (spec, checkout)."""
    root, environment = checkout()
    spec = image_spec(root, environment)
    (tmp_path / "apptainer").write_text(STAND_IN.format(folder=tmp_path))
    (tmp_path / "apptainer").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    def make(labels: dict[str, str] | None) -> tuple[ImageSpec, Path]:
        content = {"data": {"attributes": {"labels": labels}}}
        (tmp_path / "labels").write_text(json.dumps(content))
        return spec, root

    return make


Prepare = Callable[[dict[str, str] | None], tuple[ImageSpec, Path]]


def sources(folder: Path) -> list[str]:
    """What the stand-in was asked to convert, in order."""
    file = folder / "sources"
    return file.read_text().splitlines() if file.exists() else []


def test_image_is_converted_once_and_checked_by_its_labels(
    prepare: Prepare, tmp_path: Path
) -> None:
    spec, root = prepare(None)
    assert check_image(APPTAINER, spec, folder=root) is None
    prepare(spec.labels())
    file = root / ".fixbench" / "images" / f"{spec.environment}.sif"
    assert ensure_image(APPTAINER, spec, root) == str(file.resolve())
    assert ensure_image(APPTAINER, spec, root) == str(file.resolve())
    assert sources(tmp_path) == [f"docker-daemon:{spec.name}"]
    assert [path.suffix for path in file.parent.iterdir()].count(".partial") == 0
    other = replace(spec, lock="0")
    with pytest.raises(InputError) as caught:
        check_image(APPTAINER, other, folder=root)
    assert (caught.value.key, caught.value.value) == ("label io.fixbench.lock", spec.lock)


def test_published_image_is_checked_by_its_labels_too(prepare: Prepare, tmp_path: Path) -> None:
    spec, root = prepare(None)  # Apptainer keeps no digest
    published = replace(spec, published=f"x/y@sha256:{'a' * 64}")
    with pytest.raises(InputError) as caught:
        ensure_image(APPTAINER, published, root)
    assert caught.value.value == "missing"
    assert sources(tmp_path) == [f"docker://{published.published}"]


def test_file_that_is_no_image_is_named(prepare: Prepare) -> None:
    spec, root = prepare(None)
    file = root / ".fixbench" / "images" / f"{spec.environment}.sif"
    file.parent.mkdir(parents=True)
    file.write_text("half")
    with pytest.raises(InputError) as caught:
        check_image(APPTAINER, spec, folder=root)
    assert caught.value.file == str(file)


def test_failed_conversion_leaves_no_file(prepare: Prepare, tmp_path: Path) -> None:
    spec, root = prepare(None)
    (tmp_path / "labels").unlink()
    with pytest.raises(InputError) as caught:
        APPTAINER.build_image(spec, root)
    assert (caught.value.file, caught.value.value) == ("apptainer build", 1)
    assert list((root / ".fixbench" / "images").iterdir()) == []
