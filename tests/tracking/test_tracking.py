"""Tracking, with real DVC in clones of a small repository that has the project's own settings."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fixbench.errors import InputError
from fixbench.tracking import pull, track, tracked_files, tracked_hash, unpack_tracked, verify

PROJECT = Path(__file__).parents[2]
SETTINGS = (".gitattributes", ".gitignore", ".dvcignore", ".dvc/config", ".dvc/.gitignore")
CONTENT = {
    "data/aa_clip/images.npy": b"bricks" * 500,
    "data/aa_clip/nested/masks.npy": b"masks" * 10,
    "data/yowo/clips.npy": b"clips" * 100,
    # Text, whose line ends git would change if it were told nothing.
    "checkpoints/aa_clip/base.pt": b"weights\n" * 1000,
}
OUTPUTS = ("data/aa_clip.zip", "data/yowo.zip", "checkpoints/aa_clip/base.pt")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org")
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def stored(root: Path, output: str, place: str = "store") -> Path:
    """The object of a tracked file, found by what its pointer says."""
    lines = (root / f"{output.split('/')[0]}.dvc").read_text().splitlines()
    number = lines.index(f"  path: {output}")
    name = next(line for line in reversed(lines[:number]) if "md5: " in line).split("md5: ")[1]
    return root / ".dvc" / place / "files/md5" / name[:2] / name[2:]


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository whose content was tracked and committed."""
    root = tmp_path_factory.mktemp("origin")
    with pytest.MonkeyPatch.context() as patch:
        # No trace of other DVC repositories of this machine, and none left on it.
        patch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path_factory.mktemp("site")))
        patch.setenv("DVC_GLOBAL_CONFIG_DIR", str(tmp_path_factory.mktemp("global")))
        patch.setenv("DVC_NO_ANALYTICS", "1")
        for name in SETTINGS:
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


def run_dvc(root: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "run", refuse)


def content_of(root: Path) -> dict[str, bytes]:
    return {path: (root / path).read_bytes() for path in CONTENT}


CLEAN = "Data and pipelines are up to date."


# --- what git holds ---------------------------------------------------------------------------


def test_git_holds_pointers_and_remote_but_no_content(origin: Path) -> None:
    files = set(git(origin, "ls-files").split())
    objects = {stored(origin, path).relative_to(origin).as_posix() for path in OUTPUTS}
    assert files == {*SETTINGS, "data.dvc", "checkpoints.dvc", *objects}
    assert (origin / ".gitignore").read_bytes() == (PROJECT / ".gitignore").read_bytes()


def test_tracking_the_same_content_again_changes_nothing(pulled: Path) -> None:
    """The archives are made anew from the unpacked files: their bytes are the same."""
    for path in (pulled / "data").rglob("*"):
        os.utime(path, (1, 1))
    track(pulled)
    assert git(pulled, "status", "--short") == ""
    assert run_dvc(pulled, "status") == CLEAN


def test_tracked_files_are_named_without_their_content(clone: Path) -> None:
    everything = {path: md5(content) for path, content in CONTENT.items()}
    assert tracked_files(clone) == everything
    for folder in ("data", "data/aa_clip", "data/aa_clip/nested", "checkpoints", "data/yowo"):
        inside = {path: name for path, name in everything.items() if path.startswith(folder)}
        assert tracked_files(clone, folder) == inside
    assert not (clone / "data").exists()


@pytest.mark.parametrize(
    "folder", ["data/aa", "data/aa_clip/x", "results", "", "data/../checkpoints", "/data"]
)
def test_a_folder_that_is_not_tracked_is_refused(clone: Path, folder: str) -> None:
    for use in (tracked_files, pull):
        with pytest.raises(InputError, match=r"expected a folder (that it tracks|in data)"):
            use(clone, folder)


def test_hash_follows_its_own_folder_only(origin: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(origin, tmp_path / "changed"))
    before = {name: tracked_hash(root, name) for name in ("data", "data/aa_clip", "data/yowo")}
    assert len(set(before.values())) == 3
    lines = "".join(
        f"{md5(CONTENT[path])}  {path}\n" for path in sorted(CONTENT) if path.startswith("data/aa")
    )
    assert before["data/aa_clip"] == hashlib.sha256(lines.encode()).hexdigest()
    replaced = stored(root, "data/yowo.zip")
    (root / "data/yowo/clips.npy").write_bytes(b"other clips")
    assert tracked_hash(root, "data/yowo") == before["data/yowo"]
    track(root)
    after = {name: tracked_hash(root, name) for name in before}
    assert after["data/aa_clip"] == before["data/aa_clip"]
    assert after["data/yowo"] != before["data/yowo"]
    assert after["data"] != before["data"]
    verify(root)
    # The remote holds the present content only: history is in git.
    assert not replaced.exists()
    objects = {file for file in (root / ".dvc/store").rglob("*") if file.is_file()}
    assert objects == {stored(root, path) for path in OUTPUTS}


def test_what_lies_beside_the_data_sets_is_refused(pulled: Path) -> None:
    (pulled / "data/notes.txt").write_text("x")
    with pytest.raises(InputError, match="expected folders in data, one a data set") as caught:
        track(pulled)
    assert caught.value.file == str(pulled / "data/notes.txt")


def test_a_data_set_is_tracked_before_it_is_unpacked(clone: Path) -> None:
    """After ``dvc pull`` alone there are archives without folders."""
    run_dvc(clone, "pull")
    track(clone)
    assert git(clone, "status", "--short") == ""


def test_content_too_large_for_a_clone_is_refused_before_anything_is_written(clone: Path) -> None:
    (clone / "data/huge").mkdir(parents=True)
    with (clone / "data/huge/large.npy").open("wb") as file:
        # The limit is on the archive: a header and an entry with the name twice, and the end.
        file.truncate(25_000_000 - 30 - 46 - 2 * len("large.npy") - 22 + 1)
    with pytest.raises(InputError, match="data/huge is the largest") as caught:
        track(clone)
    assert (caught.value.key, caught.value.value) == ("size", 25_000_001)
    assert git(clone, "status", "--short") == ""
    assert [path.name for path in (clone / "data").iterdir()] == ["huge"]


# --- getting it -------------------------------------------------------------------------------


def test_pull_completes_a_fresh_clone(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        without_processes(patch)
        pull(clone)
        assert content_of(clone) == CONTENT
        verify(clone)
        pull(clone)
    assert git(clone, "status", "--short") == ""
    assert run_dvc(clone, "status") == CLEAN


def test_pull_of_one_folder_leaves_the_others(clone: Path) -> None:
    pull(clone, "data/yowo")
    verify(clone, "data/yowo")
    assert sorted(path.name for path in (clone / "data").iterdir()) == ["yowo", "yowo.zip"]
    assert not (clone / "checkpoints").exists()
    # Damage elsewhere is no obstacle.
    damage_altered(stored(clone, "data/aa_clip.zip"))
    pull(clone, "data/yowo")
    pull(clone, "checkpoints/aa_clip")
    assert (clone / "checkpoints/aa_clip/base.pt").read_bytes() == CONTENT[OUTPUTS[2]]


def test_dvc_brings_the_same_archives(clone: Path, pulled_once: Path) -> None:
    run_dvc(clone, "pull")
    for path in OUTPUTS:
        assert (clone / path).read_bytes() == (pulled_once / path).read_bytes()
    assert run_dvc(clone, "status") == CLEAN
    with pytest.raises(InputError, match="run `fixbench data pull`"):
        verify(clone)
    pull(clone)
    assert content_of(clone) == CONTENT
    # Unpacked folders are not foreign to DVC.
    assert run_dvc(clone, "status") == CLEAN
    assert run_dvc(clone, "pull") == "Everything is up to date."
    assert content_of(clone) == CONTENT


@pytest.mark.parametrize("lacking", [".git", ".dvc/cache"])
def test_pull_works_in_a_copy_without_git(clone: Path, lacking: str) -> None:
    """GitHub's zip has no ``.git``: neither `pull` nor DVC needs it."""
    pull(clone, "data/yowo")
    shutil.rmtree(clone / lacking)
    pull(clone)
    assert content_of(clone) == CONTENT
    shutil.rmtree(clone / "data")
    run_dvc(clone, "pull")
    assert (clone / "data/yowo.zip").exists()
    assert run_dvc(clone, "status") == CLEAN


def test_pull_works_where_git_would_change_line_ends(origin: Path, tmp_path: Path) -> None:
    root = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(origin), str(root))
    pull(root)
    assert content_of(root) == CONTENT
    assert (root / "data.dvc").read_bytes() == (origin / "data.dvc").read_bytes()
    assert git(root, "status", "--short") == ""


def test_pull_works_without_a_network(clone: Path) -> None:
    """Only the path inside the repository is needed: the origin is gone."""
    git(clone, "remote", "remove", "origin")
    unshare = ["unshare", "--net", "--map-root-user", "true"]
    if shutil.which("unshare") is None or subprocess.run(unshare, capture_output=True).returncode:
        pytest.skip("this machine cannot take the network from a process")
    for command in (["-m", "dvc", "pull"], ["-m", "fixbench", "data", "pull"]):
        subprocess.run([*unshare[:-1], sys.executable, *command], cwd=clone, check=True)
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


def test_a_place_that_cannot_be_written_is_named(clone: Path) -> None:
    (clone / "data").write_text("a file where the folder should be")
    with pytest.raises(InputError, match="expected a place where this file can be written"):
        pull(clone, "data/yowo")


def test_what_a_killed_pull_has_left_is_no_obstacle(clone: Path) -> None:
    run_dvc(clone, "pull")
    (clone / "data/.yowo.partial").mkdir()
    (clone / "data/.yowo.partial/clips.npy").write_bytes(b"half")
    (clone / "data/.aa_clip.zip.partial").write_bytes(b"half")
    pull(clone)
    assert content_of(clone) == CONTENT
    assert not (clone / "data/.yowo.partial").exists()


def test_content_of_another_remote_comes_through_dvc(clone: Path, tmp_path: Path) -> None:
    shutil.move(clone / ".dvc/store/files", tmp_path / "elsewhere/files")
    lines = ["[core]", "remote = other", "['remote \"other\"']", f"url = {tmp_path / 'elsewhere'}"]
    (clone / ".dvc/config.local").write_text("\n".join(lines))
    pull(clone)
    assert content_of(clone) == CONTENT


def test_a_data_set_is_unpacked_elsewhere(clone: Path, tmp_path: Path) -> None:
    unpack_tracked(clone, "data/aa_clip", tmp_path / "here")
    assert (tmp_path / "here/nested/masks.npy").read_bytes() == b"masks" * 10
    assert not (clone / "data").exists()
    for folder in ("data", "data/aa_clip/nested", "checkpoints/aa_clip"):
        with pytest.raises(InputError, match="expected one data set"):
            unpack_tracked(clone, folder, tmp_path / "there")


# --- damage in the working tree ---------------------------------------------------------------


def damage_missing(file: Path) -> None:
    file.unlink()


def damage_altered(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[45] ^= 1
    file.write_bytes(content)


def damage_truncated(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:45])


def damage_replaced_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGES: list[tuple[Callable[[Path], None], str]] = [
    (damage_missing, "expected this tracked file, which is missing"),
    (damage_altered, r"md5 is '\w{32}'; expected \w{32}: it was altered"),
    (damage_truncated, r"size is 45; expected \d+ bytes: it is truncated"),
    (damage_replaced_by_folder, "expected a file"),
]


@pytest.mark.parametrize("path", ["checkpoints/aa_clip/base.pt", "data/aa_clip/nested/masks.npy"])
@pytest.mark.parametrize(("damage", "message"), DAMAGES)
def test_a_damaged_file_is_named_and_the_advice_helps(
    pulled: Path, path: str, damage: Callable[[Path], None], message: str
) -> None:
    top, other = ("data", "checkpoints") if path.startswith("data") else ("checkpoints", "data")
    file = pulled / path
    damage(file)
    with pytest.raises(InputError, match=message) as caught:
        verify(pulled, top)
    assert caught.value.file == str(file)
    assert "fixbench data pull" in str(caught.value)
    verify(pulled, other)
    if file.exists():
        # Pull keeps what it would have to overwrite until the user has deleted it.
        with pytest.raises(InputError, match=message):
            pull(pulled)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    pull(pulled)
    assert content_of(pulled) == CONTENT


@pytest.mark.parametrize(("damage", "message"), DAMAGES[1:])
def test_a_damaged_archive_is_named_and_the_advice_helps(
    pulled: Path, damage: Callable[[Path], None], message: str
) -> None:
    archive = pulled / "data/aa_clip.zip"
    damage(archive)
    for use in (verify, pull):
        with pytest.raises(InputError, match=message) as caught:
            use(pulled, "data/aa_clip")
        assert caught.value.file == str(archive)
        assert "delete it and data/aa_clip and run" in str(caught.value)
    verify(pulled, "data/yowo")
    shutil.rmtree(archive) if archive.is_dir() else archive.unlink()
    shutil.rmtree(pulled / "data/aa_clip")
    pull(pulled)
    assert content_of(pulled) == CONTENT


def test_a_missing_archive_is_no_damage_and_comes_back(pulled: Path) -> None:
    (pulled / "data/aa_clip.zip").unlink()
    shutil.rmtree(pulled / ".dvc/cache")
    verify(pulled)
    pull(pulled)
    assert run_dvc(pulled, "status") == CLEAN


def test_unpacked_files_are_compared_with_the_pointer(pulled: Path) -> None:
    """A consistent pair of archive and folder is refused if it is not the tracked one."""
    other = pulled.parent / "other"
    shutil.copytree(pulled, other)
    (other / "data/yowo/clips.npy").write_bytes(b"other")
    track(other)
    for path in ("data/yowo.zip", "data/yowo/clips.npy"):
        shutil.copy(other / path, pulled / path)
    with pytest.raises(InputError, match="expected") as caught:
        verify(pulled, "data/yowo")
    assert caught.value.file == str(pulled / "data/yowo.zip")
    (pulled / "data/yowo.zip").unlink()
    with pytest.raises(InputError, match="truncated") as caught:
        verify(pulled, "data/yowo")
    assert caught.value.file == str(pulled / "data/yowo/clips.npy")


def test_a_file_that_is_not_tracked_is_refused(pulled: Path) -> None:
    extra = pulled / "data/yowo/extra.npy"
    extra.write_bytes(b"more")
    verify(pulled, "data/aa_clip")
    for folder in ("data/yowo", "data", None):
        with pytest.raises(InputError, match="tracked files only") as caught:
            verify(pulled, folder)
        assert caught.value.file == str(extra)


# --- damage in the repository -----------------------------------------------------------------


@pytest.mark.parametrize("mode", [0o444, 0o644])
@pytest.mark.parametrize("path", OUTPUTS)
def test_a_flipped_byte_in_the_remote_is_refused(clone: Path, path: str, mode: int) -> None:
    """DVC would hand out a read-only object unread, and delete one that is writable."""
    damaged = stored(clone, path)
    damage_altered(damaged)
    damaged.chmod(mode)
    with pytest.raises(InputError, match="the content it is named after") as caught:
        pull(clone)
    assert caught.value.file == str(damaged)
    assert not (clone / path).exists()
    git(clone, "checkout", "--", damaged.relative_to(clone).as_posix())
    pull(clone)
    assert content_of(clone) == CONTENT


def test_a_damaged_archive_is_not_read_for_its_names(clone: Path) -> None:
    damage_altered(stored(clone, "data/aa_clip.zip"))
    with pytest.raises(InputError, match="the content it is named after"):
        tracked_hash(clone, "data/aa_clip")
    tracked_hash(clone, "data/yowo")


def test_a_missing_object_is_named(clone: Path) -> None:
    absent = stored(clone, "data/yowo.zip")
    absent.unlink()
    with pytest.raises(InputError, match=r"data/yowo\.zip: md5 is .*; expected content"):
        tracked_hash(clone, "data/yowo")
    with pytest.raises(InputError, match=r"expected the content of data/yowo\.zip") as caught:
        pull(clone)
    assert caught.value.file == str(absent)
    git(clone, "checkout", "--", ".dvc/store")
    pull(clone)


def test_a_damaged_object_of_the_cache_is_replaced(pulled: Path) -> None:
    """DVC trusts its cache: without pull's own check the damage would be checked out."""
    path = "checkpoints/aa_clip/base.pt"
    cached = stored(pulled, path, "cache")
    cached.chmod(0o644)
    damage_altered(cached)
    cached.chmod(0o444)
    (pulled / path).unlink()
    pull(pulled)
    assert (pulled / path).read_bytes() == CONTENT[path]


GOOD = "md5: d41d8cd98f00b204e9800998ecf8427e\n  size: 0\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("outs: []\n", "outs is .*expected a list of files"),
        ("- 1\n", "outs.*expected a list of files"),
        (f"outs:\n- {GOOD}  path: other/x.zip\n", r"outs\[0\].path .*expected the path of a file"),
        (f"outs:\n- {GOOD}  path: data\n", r"outs\[0\].path .*expected the path of a file"),
        (f"outs:\n- {GOOD}  path: data/../x\n", r"outs\[0\].path .*expected the path of a file"),
        ("outs:\n- md5: abc\n  size: 1\n  path: data/x.zip\n", r"outs\[0\].md5 is 'abc'"),
        (f"outs:\n- {GOOD[:-8]}path: data/x.zip\n", r"outs\[0\].size"),
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


@pytest.mark.parametrize("place", ["store", "cache"])
def test_a_folder_in_place_of_an_object(clone: Path, place: str) -> None:
    path = stored(clone, "data/yowo.zip", place)
    path.unlink(missing_ok=True)
    path.mkdir(parents=True)
    with pytest.raises(InputError, match="expected a file; remove this folder") as caught:
        pull(clone, "data/yowo")
    assert caught.value.file == str(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("data/", "expected the path of a file"), ("data/yowo.zip", "each path once")],
)
def test_paths_of_a_pointer(clone: Path, path: str, expected: str) -> None:
    file = clone / "data.dvc"
    entry = f"- md5: {'ab' * 16}\n  size: 1\n  hash: md5\n  path: {path}\n"
    file.write_text(file.read_text() + entry)
    with pytest.raises(InputError, match=expected) as caught:
        pull(clone)
    assert caught.value.key == "outs[2].path"
