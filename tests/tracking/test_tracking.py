"""Tracking, with real DVC in clones of a small repository that has the project's own settings."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixbench.errors import InputError
from fixbench.tracking import pull, track, tracked_files, tracked_hash, verify

PROJECT = Path(__file__).parents[2]
CONTENT = {
    "data/aa_clip/images.npy": b"bricks" * 500,
    "data/aa_clip/nested/masks.npy": b"masks" * 10,
    "data/yowo/clips.npy": b"clips" * 100,
    "checkpoints/aa_clip/base.pt": b"weights" * 1000,
}


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def stored(root: Path, path: str) -> Path:
    name = md5(CONTENT[path])
    return root / ".dvc/store/files/md5" / name[:2] / name[2:]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository whose content was tracked and committed."""
    root = tmp_path_factory.mktemp("origin")
    with pytest.MonkeyPatch.context() as patch:
        # No trace of other DVC repositories of this machine, and none left on it.
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("site")))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path_factory.mktemp("global")))
        for name in (".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore"):
            (root / name).parent.mkdir(exist_ok=True)
            shutil.copy(PROJECT / name, root / name)
        for name, content in CONTENT.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(content)
        git(root, "init", "--quiet")
        track(root)
        git(root, "add", "--all")
        git(root, "commit", "--quiet", "--message", "content")
        yield root


@pytest.fixture
def clone(origin: Path, tmp_path: Path) -> Path:
    """A fresh clone: pointers and remote, no content."""
    root = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(root))
    assert not (root / "data").exists()
    return root


@pytest.fixture(scope="module")
def pulled_once(origin: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("pulled") / "clone"
    git(root.parent, "clone", "--quiet", str(origin), str(root))
    pull(root)
    return root


@pytest.fixture
def pulled(pulled_once: Path, tmp_path: Path) -> Path:
    """A clone with its content, to be damaged at will."""
    return Path(shutil.copytree(pulled_once, tmp_path / "pulled"))


def without_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", refuse)


def test_git_holds_pointers_and_remote_but_no_content(origin: Path) -> None:
    files = set(git(origin, "ls-files").split())
    assert {"data.dvc", "checkpoints.dvc", ".dvc/config"} <= files
    assert {stored(origin, path).relative_to(origin).as_posix() for path in CONTENT} <= files
    assert not any(file.startswith(("data/", "checkpoints/", ".dvc/cache/")) for file in files)
    assert (origin / ".gitignore").read_bytes() == (PROJECT / ".gitignore").read_bytes()


def test_pull_completes_a_fresh_clone(pulled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {path: (pulled / path).read_bytes() for path in CONTENT} == CONTENT
    verify(pulled)
    assert git(pulled, "status", "--short") == ""
    without_dvc(monkeypatch)
    pull(pulled)


def test_pull_works_without_a_network(clone: Path) -> None:
    """Only the path inside the repository is needed: the origin is gone."""
    git(clone, "remote", "remove", "origin")
    unshare = ["unshare", "--net", "--map-root-user", "true"]
    if shutil.which("unshare") is None or subprocess.run(unshare, capture_output=True).returncode:
        pytest.skip("this machine cannot take the network from a process")
    program = (
        "import sys, pathlib; from fixbench.tracking import pull; pull(pathlib.Path(sys.argv[1]))"
    )
    command = [*unshare[:-1], sys.executable, "-c", program, str(clone)]
    subprocess.run(command, check=True)
    verify(clone)


def test_pulls_at_the_same_time_wait_for_each_other(clone: Path) -> None:
    problems: list[BaseException] = []

    def work() -> None:
        try:
            pull(clone)
            verify(clone)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []


def test_tracked_files_are_named_without_their_content(clone: Path) -> None:
    everything = {path: md5(content) for path, content in CONTENT.items()}
    assert tracked_files(clone) == everything
    for folder in ("data", "data/aa_clip", "checkpoints", "data/yowo/clips.npy"):
        inside = {path: name for path, name in everything.items() if path.startswith(folder)}
        assert tracked_files(clone, folder) == inside


@pytest.mark.parametrize("folder", ["data/aa", "results", "", "data/../checkpoints", "/data"])
def test_a_folder_that_is_not_tracked_is_refused(clone: Path, folder: str) -> None:
    with pytest.raises(InputError, match=r"expected a folder (that it tracks|in data)"):
        tracked_files(clone, folder)


def test_hash_follows_its_own_folder_only(origin: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(origin, tmp_path / "changed"))
    before = {name: tracked_hash(root, name) for name in ("data", "data/aa_clip", "data/yowo")}
    assert len(set(before.values())) == 3
    lines = "".join(
        f"{md5(CONTENT[path])}  {path}\n" for path in sorted(CONTENT) if path.startswith("data/aa")
    )
    assert before["data/aa_clip"] == hashlib.sha256(lines.encode()).hexdigest()
    (root / "data/yowo/clips.npy").write_bytes(b"other clips")
    assert tracked_hash(root, "data/yowo") == before["data/yowo"]
    track(root)
    after = {name: tracked_hash(root, name) for name in before}
    assert after["data/aa_clip"] == before["data/aa_clip"]
    assert after["data/yowo"] != before["data/yowo"]
    assert after["data"] != before["data"]
    verify(root)
    # The remote holds the present content only: history is in git.
    assert not stored(root, "data/yowo/clips.npy").exists()
    objects = [file for file in (root / ".dvc/store").rglob("*") if file.is_file()]
    assert len(objects) == len(CONTENT) + 2


def damage_missing(file: Path) -> None:
    file.unlink()


def damage_altered(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[7] ^= 1
    file.write_bytes(content)


def damage_truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def damage_replaced_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_missing, "expected this tracked file, which is missing"),
        (damage_altered, f"md5 is .*; expected {md5(b'weights' * 1000)}: it was altered"),
        (damage_truncated, "size is 100; expected 7000 bytes: it is truncated"),
        (damage_replaced_by_folder, "expected a file"),
    ],
)
def test_a_damaged_file_is_named_and_the_advice_helps(
    pulled: Path, damage: Callable[[Path], None], message: str
) -> None:
    path = "checkpoints/aa_clip/base.pt"
    file = pulled / path
    damage(file)
    with pytest.raises(InputError, match=message) as caught:
        verify(pulled, "checkpoints")
    assert caught.value.file == str(file)
    assert "fixbench data pull" in str(caught.value)
    verify(pulled, "data")
    if file.exists():
        # Pull keeps what it would have to overwrite until the user has deleted it.
        with pytest.raises(InputError, match=message):
            pull(pulled)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    pull(pulled)
    assert file.read_bytes() == CONTENT[path]


def test_a_file_that_is_not_tracked_is_refused(pulled: Path) -> None:
    extra = pulled / "data/yowo/extra.npy"
    extra.write_bytes(b"more")
    verify(pulled, "data/aa_clip")
    for folder in ("data/yowo", "data", None):
        with pytest.raises(InputError, match="tracked files only") as caught:
            verify(pulled, folder)
        assert caught.value.file == str(extra)


@pytest.mark.parametrize("mode", [0o444, 0o644])
def test_a_flipped_byte_in_the_remote_is_refused(clone: Path, mode: int) -> None:
    """DVC would hand out a read-only object unread, and delete one that is writable."""
    damaged = stored(clone, "data/aa_clip/images.npy")
    damage_altered(damaged)
    damaged.chmod(mode)
    with pytest.raises(InputError, match="the content it is named after") as caught:
        pull(clone)
    assert caught.value.file == str(damaged)
    assert not (clone / "data").exists()
    git(clone, "checkout", "--", damaged.relative_to(clone).as_posix())
    pull(clone)


def test_a_damaged_listing_is_refused(clone: Path) -> None:
    for listing in (clone / ".dvc/store").rglob("*.dir"):
        listing.write_bytes(listing.read_bytes()[:-3])
    with pytest.raises(InputError, match="the content it is named after"):
        tracked_hash(clone, "data/aa_clip")


def test_a_missing_listing_is_refused(clone: Path) -> None:
    shutil.rmtree(clone / ".dvc/store")
    with pytest.raises(InputError, match=r"data\.dvc: md5 is .*; expected a listing"):
        pull(clone)


def test_a_missing_object_is_named(clone: Path) -> None:
    absent = stored(clone, "data/yowo/clips.npy")
    absent.unlink()
    with pytest.raises(InputError, match=r"expected the content of data/yowo/clips\.npy") as caught:
        pull(clone)
    assert caught.value.file == str(absent)
    git(clone, "checkout", "--", ".dvc/store")
    pull(clone)


def test_what_dvc_refuses_is_passed_on(clone: Path) -> None:
    shutil.rmtree(clone / ".git")
    with pytest.raises(InputError, match=r"dvc pull: error is .* is not a git repository"):
        pull(clone)


def test_a_damaged_object_of_the_cache_is_replaced(pulled: Path) -> None:
    """DVC trusts its cache: without pull's own check the damage would be checked out."""
    path = "data/aa_clip/images.npy"
    name = md5(CONTENT[path])
    cached = pulled / ".dvc/cache/files/md5" / name[:2] / name[2:]
    cached.chmod(0o644)
    damage_altered(cached)
    cached.chmod(0o444)
    (pulled / path).unlink()
    pull(pulled)
    assert (pulled / path).read_bytes() == CONTENT[path]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("outs: []\n", "expected one output with path 'data'"),
        ("outs:\n- md5: abc\n  path: other\n", "expected one output with path 'data'"),
        ("- 1\n", "expected one output with path 'data'"),
        ("outs: [\n", "expected valid YAML"),
        (None, "expected this pointer"),
    ],
)
def test_a_damaged_pointer_is_refused(clone: Path, content: str | None, message: str) -> None:
    if content is None:
        (clone / "data.dvc").unlink()
    else:
        (clone / "data.dvc").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        tracked_files(clone, "data/aa_clip")
    assert caught.value.file == str(clone / "data.dvc")


def test_a_folder_without_pointers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected data\.dvc or checkpoints\.dvc"):
        verify(tmp_path)
    with pytest.raises(InputError, match="expected a DVC repository to write in"):
        pull(tmp_path)
    with pytest.raises(InputError, match="expected a folder to track: data or checkpoints"):
        track(tmp_path)


def test_content_too_large_for_a_clone_is_refused_before_anything_is_written(clone: Path) -> None:
    (clone / "data").mkdir()
    with (clone / "data/large.npy").open("wb") as file:
        file.truncate(25_000_001)
    with pytest.raises(InputError, match=r"size is 25000001; .*largest file is data/large\.npy"):
        track(clone)
    assert git(clone, "status", "--short") == ""


def test_a_single_tracked_file_needs_no_listing(clone: Path) -> None:
    (clone / "checkpoints.dvc").write_text("outs:\n- md5: abc\n  hash: md5\n  path: checkpoints\n")
    assert tracked_files(clone, "checkpoints") == {"checkpoints": "abc"}
