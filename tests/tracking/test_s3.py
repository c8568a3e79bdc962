"""A DVC remote on S3, spoken to over the network's own protocol: rclone's server, started here."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixbench.errors import InputError
from fixbench.tracking import pull, track

PROJECT = Path(__file__).parents[2]
SETTINGS = (".gitattributes", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore")
RCLONE = PROJECT / "build" / "rclone"
KEY, SECRET = "fixbench-test", "not-a-real-secret"
CHECKPOINT = "checkpoints/aa_clip/base.pt"
CONTENT = {CHECKPOINT: b"weights\n" * 1000, "data/yowo/clips.npy": b"clips" * 100}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Address of an S3 server, and the folder of its one bucket."""
    program = shutil.which("rclone") or (str(RCLONE) if RCLONE.is_file() else None)
    if program is None:
        pytest.skip("rclone is not there: .ci/rclone fetches it")
    folder = tmp_path_factory.mktemp("s3")
    (folder / "bucket").mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}"]
    command += ["--auth-key", f"{KEY},{SECRET}", "--vfs-cache-mode", "off", str(folder)]
    environment = {**os.environ, "RCLONE_CONFIG": str(folder.parent / "none.conf")}
    log = folder.parent / "rclone.log"
    with log.open("w") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", folder / "bucket"
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def repository(
    server: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """A repository whose content is on S3 alone, and the folder of its objects there."""
    for name in ("site", "global"):
        variable = {"site": "DVC_SITE_CACHE_DIR", "global": "DVC_GLOBAL_CONFIG_DIR"}[name]
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    root = tmp_path / "repository"
    for name in SETTINGS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, root / name)
    for name, content in CONTENT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    subprocess.run(["git", "init", "--quiet"], cwd=root, check=True)
    track(root)
    address, bucket = server
    place = tmp_path.name
    run_dvc(root, "remote", "add", "--default", "team", f"s3://bucket/{place}")
    run_dvc(root, "remote", "modify", "team", "endpointurl", address)
    secret(root, SECRET)
    run_dvc(root, "push")
    forget(root)
    return root, bucket / place


def secret(root: Path, text: str) -> None:
    for key, value in (("access_key_id", KEY), ("secret_access_key", text)):
        run_dvc(root, "remote", "modify", "--local", "team", key, value)


def forget(root: Path) -> None:
    """Leave nothing of the content here."""
    for name in (".dvc/store", ".dvc/cache", "data", "checkpoints"):
        shutil.rmtree(root / name, ignore_errors=True)


def run_dvc(root: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "dvc", *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)


def test_content_comes_from_s3(repository: tuple[Path, Path]) -> None:
    root, objects = repository
    assert len([path for path in objects.rglob("*") if path.is_file()]) >= len(CONTENT)
    pull(root)
    for name, content in CONTENT.items():
        assert (root / name).read_bytes() == content


def test_a_new_checkpoint_is_a_second_version_there(repository: tuple[Path, Path]) -> None:
    root, _ = repository
    pull(root)
    old = (root / "checkpoints.dvc").read_text()
    (root / CHECKPOINT).write_bytes(b"better weights\n" * 1000)
    track(root)
    run_dvc(root, "push")
    new = (root / "checkpoints.dvc").read_text()
    assert new != old
    for pointer, content in ((new, b"better weights\n" * 1000), (old, CONTENT[CHECKPOINT])):
        forget(root)
        (root / "checkpoints.dvc").write_text(pointer)
        pull(root)
        assert (root / CHECKPOINT).read_bytes() == content


def test_what_was_damaged_there_is_refused(repository: tuple[Path, Path]) -> None:
    root, objects = repository
    for path in objects.rglob("*"):
        if path.is_file():
            content = bytearray(path.read_bytes())
            content[len(content) // 2] ^= 1
            path.write_bytes(content)
    with pytest.raises(InputError):
        pull(root)
    assert not (root / CHECKPOINT).exists()


def test_a_wrong_secret_is_one_line(repository: tuple[Path, Path]) -> None:
    root, _ = repository
    secret(root, "another")
    with pytest.raises(InputError) as raised:
        pull(root)
    assert "\n" not in str(raised.value)
    assert SECRET not in str(raised.value)
    assert not (root / CHECKPOINT).exists()
