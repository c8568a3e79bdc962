"""The generated scenes: their format, their bytes, and what can be told from which part of them."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from skimage.feature import match_template
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fixbench.datasets import (
    MOTION_ACTIONS,
    OBJECT_CLASSES,
    PHOTOGRAPHS,
    SUBSETS,
    WATCH_ACTIONS,
    SceneFrame,
    _scene_generator,
    generate_scenes,
    read_action_genome,
)
from fixbench.errors import InputError

WATCHABLE = [OBJECT_CLASSES.index(name) for name in WATCH_ACTIONS]
WATCHING = [int(code[1:]) for code in WATCH_ACTIONS.values()]
MOVING = [int(code[1:]) for code in MOTION_ACTIONS.values()]
NOTHING = -1


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _read(folder: Path, split: Any, **options: Any) -> Any:
    usual = {"clip_length": 8, "longest_gap": 7, "persons": "all"}
    return read_action_genome(folder, split=split, **usual | options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("scenes") / "yowo"
    generate_scenes(made, seed=5, train_videos=50, test_videos=25)
    return made


@pytest.fixture(scope="module")
def frames(folder: Path) -> dict[str, tuple[SceneFrame, ...]]:
    return {split: _read(folder, split).frames for split in ("train", "test")}


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("few") / "yowo"
    generate_scenes(made, seed=5, train_videos=3, test_videos=2)
    return made


# --- bytes


def test_same_seed_same_bytes_whatever_else_is_made(folder: Path, few: Path, tmp_path: Path):
    generate_scenes(tmp_path / "again", seed=5, train_videos=3, test_videos=2)
    first, more = _digest(few), _digest(folder)
    assert _digest(tmp_path / "again") == first
    pictures = [name for name in first if name.startswith("frames/")]
    assert all(more[name] == first[name] for name in pictures)


def test_other_seed_other_pictures(few: Path, tmp_path: Path):
    generate_scenes(tmp_path / "other", seed=6, train_videos=3, test_videos=2)
    first, other = _digest(few), _digest(tmp_path / "other")
    assert not set(first.values()) & {other[n] for n in other if n.startswith("frames/")}


def test_train_and_test_share_no_picture(folder: Path):
    by_set: dict[str, set[str]] = {"TR": set(), "TE": set()}
    for name, digest in _digest(folder / "frames").items():
        by_set[name[:2]].add(digest)
    assert by_set["TR"]
    assert not by_set["TR"] & by_set["TE"]


def test_pictures_are_small_png_files_without_loss(folder: Path):
    files = list((folder / "frames").rglob("*.png"))
    assert sum(path.stat().st_size for path in files) / 75 < 24_000  # 270 videos in 6.5 MB
    with Image.open(files[0]) as picture:
        assert picture.format == "PNG"
        assert picture.size == (112, 112)


def test_a_failure_leaves_what_was_there(few: Path, tmp_path: Path, monkeypatch):
    target = tmp_path / "yowo"
    generate_scenes(target, seed=1, train_videos=1, test_videos=1)
    before = _digest(target)
    monkeypatch.setattr(pickle, "dumps", lambda *a, **k: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(InputError, match=r"yowo; expected a folder that can be written \(full\)"):
        generate_scenes(target, seed=2, train_videos=1, test_videos=1)
    assert _digest(target) == before
    assert [path.name for path in tmp_path.iterdir()] == ["yowo"]


@pytest.mark.parametrize(
    ("key", "value", "least"), [("seed", -1, 0), ("train_videos", 0, 1), ("test_videos", 0, 1)]
)
def test_bad_arguments_are_refused(tmp_path: Path, key: str, value: int, least: int):
    with pytest.raises(InputError) as error:
        generate_scenes(
            tmp_path / "x", **{"seed": 0, "train_videos": 1, "test_videos": 1, key: value}
        )
    assert str(error.value) == f"generate_scenes: {key} is {value}; expected at least {least}"
    assert not (tmp_path / "x").exists()


def test_only_photographs_with_a_stated_licence_are_used_and_named(few: Path):
    sources = json.loads((few / "SOURCES.json").read_text(encoding="utf-8"))
    assert sources["seed"] == 5
    assert "astronaut" in sources["photographs"]
    for name, entry in sources["photographs"].items():
        assert entry["licence"] == PHOTOGRAPHS[name].licence
        assert "see scikit-image" not in entry["licence"]


def test_the_photographs_read_are_those_named(few: Path, tmp_path: Path, monkeypatch):
    used = set()
    original = _scene_generator.load_photograph

    def load(name: str):
        used.add(name)
        return original(name)

    monkeypatch.setattr(_scene_generator, "load_photograph", load)
    generate_scenes(tmp_path / "x", seed=5, train_videos=25, test_videos=1)
    named = json.loads((few / "SOURCES.json").read_text(encoding="utf-8"))["photographs"]
    assert used == set(named)


# --- format


def test_everything_generated_is_usable(folder: Path):
    for split, videos in (("train", 50), ("test", 25)):
        read = _read(folder, split)
        assert len(read.frames) == 3 * videos
        assert not any(read.dropped.values())
        assert read.clipped == ()
        assert read.unlabelled_persons == 0
        assert [frame.frame for frame in read.frames] == [8, 16, 24] * videos
        assert {frame.split for frame in read.frames} == {split}
        shares = Counter(frame.subset for frame in read.frames)
        assert {name: shares[name] / (3 * videos) for name in SUBSETS} == {
            "one_object": 0.4,
            "distractor": 0.2,
            "two_person": 0.2,
            "two_attending": 0.2,
        }


def test_the_files_are_those_of_the_format(few: Path):
    names = {path.name for path in (few / "annotations").iterdir()}
    assert names == {
        *("object_bbox_and_relationship.pkl", "person_bbox.pkl", "frame_list.txt"),
        *("object_classes.txt", "relationship_classes.txt", "Charades_v1_train.csv"),
        *("Charades_v1_test.csv", "video_fps.json", "frame_details.json"),
    }
    with (few / "annotations/object_bbox_and_relationship.pkl").open("rb") as stream:
        objects = pickle.load(stream)
    with (few / "annotations/person_bbox.pkl").open("rb") as stream:
        persons = pickle.load(stream)
    assert list(objects) == (few / "annotations/frame_list.txt").read_text().split()
    entry = objects["TR000.mp4/000008.png"][0]
    assert set(entry) == {
        *("class", "bbox", "attention_relationship", "spatial_relationship"),
        *("contacting_relationship", "visible", "metadata"),
    }
    assert entry["metadata"]["tag"] == f"TR000.mp4/{entry['class'].replace('/', '_')}/000008"
    person = persons["TR000.mp4/000008.png"]
    assert person["bbox"].dtype == np.float32
    assert person["bbox_size"] == (112, 112)


def test_some_things_are_annotated_but_cannot_be_seen(folder: Path):
    with (folder / "annotations/object_bbox_and_relationship.pkl").open("rb") as stream:
        entries = [entry for objects in pickle.load(stream).values() for entry in objects]
    hidden = [entry for entry in entries if not entry["visible"]]
    assert 0.02 < len(hidden) / len(entries) < 0.2
    assert all(entry["bbox"] is None for entry in hidden)
    assert all(entry["attention_relationship"] is None for entry in hidden)


def test_without_the_extra_file_persons_are_not_told_apart(few: Path):
    (details := few / "annotations/frame_details.json").rename(few / "kept")
    try:
        frames = _read(few, "train").frames
    finally:
        (few / "kept").rename(details)
    assert {frame.subset for frame in frames} == {""}
    told = _read(few, "train").frames
    for frame, other in zip(frames, told, strict=True):
        persons = frame.objects == 0
        assert np.array_equal(
            frame.actions[persons].any(axis=0), other.actions[persons].any(axis=0)
        )


def test_boxes_are_where_figures_and_things_are(folder: Path, frames):
    """Redrawn without one figure or thing, a picture changes in its box only, up to its edges."""
    index = 3  # two figures
    video = _scene_generator._video("TR003.mp4", index, np.random.default_rng([5, 0, index]))
    frame = next(f for f in frames["train"] if f.video == "TR003.mp4")
    assert (frame.objects == 0).sum() == 2
    segment = video.segments[0]
    whole, found = _scene_generator._frame(video, segment, 3)
    assert np.array_equal(np.array(found, dtype=np.float32), frame.boxes[:2])
    for number in range(2):
        keep = 1 - number
        fewer = _scene_generator._Video(
            **{**vars(video), "looks": video.looks[keep : keep + 1]}  # the other figure only
        )
        alone = _scene_generator._Segment(
            **{**vars(segment), "acts": segment.acts[keep : keep + 1]}
        )
        without, _ = _scene_generator._frame(fewer, alone, 3)
        rows, columns = np.nonzero((whole != without).any(axis=-1))
        x1, y1, x2, y2 = found[number]
        drawn = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        np.testing.assert_allclose(drawn, (x1, y1, x2, y2), atol=1.01)
    for thing, box in zip(video.things, frame.boxes[2:], strict=True):
        x, y, width, height = thing.box
        assert box.tolist() == [x, y, x + width, y + height]


def test_stored_pictures_are_those_drawn_up_to_their_palette(folder: Path, frames):
    video = _scene_generator._video("TR001.mp4", 1, np.random.default_rng([5, 0, 1]))
    for number, frame in enumerate(f for f in frames["train"] if f.video == "TR001.mp4"):
        clip = frame.load_clip().astype(float)
        for step in range(8):
            drawn, _ = _scene_generator._frame(video, video.segments[number], step // 2)
            assert np.abs(clip[step] - drawn).mean() < 8


# --- what the labels say


def _figures(frame: SceneFrame) -> list[tuple[int, int, int]]:
    """(row, place in `WATCHING` or `NOTHING`, place in `MOVING` or `NOTHING`) of each figure."""
    rows = []
    for row in np.flatnonzero(frame.objects == 0):
        watched = [i for i, action in enumerate(WATCHING) if frame.actions[row, action]]
        moved = [i for i, action in enumerate(MOVING) if frame.actions[row, action]]
        assert len(watched) <= 1
        assert len(moved) <= 1
        rows.append((int(row), *(x[0] if x else NOTHING for x in (watched, moved))))
    return rows


def _lit(frame: SceneFrame) -> list[int]:
    return np.flatnonzero(frame.relations[:, 0] & (frame.objects != 0)).tolist()


def test_a_figure_watches_a_lit_thing_on_the_far_side_more_than_a_cell_away(frames):
    watchers = 0
    for frame in (*frames["train"], *frames["test"]):
        for row, watched, _ in _figures(frame):
            if watched == NOTHING:
                continue
            watchers += 1
            (thing,) = np.flatnonzero(frame.objects == WATCHABLE[watched])
            assert thing in _lit(frame)
            figure, box = frame.boxes[row], frame.boxes[thing]
            assert (figure[[0, 2]].mean() < 56) != (box[[0, 2]].mean() < 56)
            assert max(box[0] - figure[2], figure[0] - box[2]) > 16
    assert watchers > 120


def test_subsets_are_what_they_are_called(frames):
    for frame in (*frames["train"], *frames["test"]):
        watchable = np.isin(frame.objects, WATCHABLE).sum()
        watched = [w for _, w, _ in _figures(frame) if w != NOTHING]
        persons = int((frame.objects == 0).sum())
        lit = len(_lit(frame))
        assert persons == (2 if frame.subset.startswith("two") else 1)
        assert watchable == (1 if frame.subset in ("one_object", "two_person") else 2)
        # Things are lit if and only if somebody looks at them.
        assert lit == len(watched)
        assert lit <= {"two_attending": 2}.get(frame.subset, 1)


def test_in_every_subset_some_figures_watch_and_some_do_not(frames):
    seen: dict[str, Counter[bool]] = {name: Counter() for name in SUBSETS}
    for frame in frames["train"]:
        for _, watched, _ in _figures(frame):
            seen[frame.subset][watched != NOTHING] += 1
    for counts in seen.values():
        assert 0.1 < counts[False] / counts.total() < 0.65


def test_watched_classes_are_balanced(frames):
    for split in ("train", "test"):
        counts = Counter(w for f in frames[split] for _, w, _ in _figures(f) if w != NOTHING)
        assert len(counts) == 6
        assert max(counts.values()) < 2.5 * min(counts.values())


@pytest.fixture(scope="module")
def many_segments() -> list[tuple[str, _scene_generator._Segment]]:
    videos = (
        _scene_generator._video("x", index, np.random.default_rng([9, 0, index]))
        for index in range(200)
    )
    return [(video.subset, segment) for video in videos for segment in video.segments]


def test_motion_is_independent_of_everything_else(many_segments):
    motions = sorted({act.motion for _, segment in many_segments for act in segment.acts})
    assert motions == sorted(["still", *MOTION_ACTIONS])
    watches = ["", *WATCH_ACTIONS]
    by_watch = np.zeros((len(motions), len(watches)))
    by_face = np.zeros((len(motions), 2))
    for _, segment in many_segments:
        for act, watched in zip(segment.acts, segment.watches, strict=True):
            by_watch[motions.index(act.motion), watches.index(watched)] += 1
            by_face[motions.index(act.motion), int(act.attends)] += 1
    for table in (by_watch, by_face):
        assert table.sum() > 800
        assert stats.chi2_contingency(table).pvalue > 0.01


def test_the_last_pose_says_nothing_about_the_motion(many_segments):
    last: dict[str, list[float]] = {}
    for _, segment in many_segments:
        for act in segment.acts:
            shift, legs = act.poses[-1]
            assert shift == 0
            last.setdefault(act.motion, []).append(legs)
    for motion in MOTION_ACTIONS:
        assert stats.ks_2samp(last[motion], last["still"]).pvalue > 0.01


# --- what can be told from pixels


def _patch(picture: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The pixels in a box, scaled to 12 x 20."""
    x1, y1, x2, y2 = (round(float(edge)) for edge in box)
    patch = Image.fromarray(picture[y1:y2, x1:x2]).resize((12, 20), Image.Resampling.BILINEAR)
    return np.asarray(patch, dtype=float).ravel() / 255


def _accuracy(
    train: list[tuple[Any, int]], test: list[tuple[Any, int]], *, penalty: float = 50
) -> float:
    """Of a linear probe on the test set."""
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=1 / penalty, max_iter=500))
    probe.fit([x for x, _ in train], [y for _, y in train])
    return probe.score([x for x, _ in test], [y for _, y in test])


@pytest.fixture(scope="module")
def watchers(frames) -> dict[str, list[tuple[SceneFrame, np.ndarray, int, int]]]:
    """(frame, its picture, the figure's row, what it watches) of those who watch something."""
    return {
        split: [
            (frame, frame.load_clip()[-1], row, watched)
            for frame in frames[split]
            for row, watched, _ in _figures(frame)
            if watched != NOTHING
        ]
        for split in ("train", "test")
    }


def test_what_is_watched_cannot_be_told_from_the_figure_but_from_the_thing(watchers):
    """The same linear probe, on the figure's pixels and on those of the thing it looks at."""

    def patches(split: str, of_thing: bool) -> list[tuple[Any, int]]:
        rows = []
        for frame, picture, row, watched in watchers[split]:
            (thing,) = np.flatnonzero(frame.objects == WATCHABLE[watched])
            rows.append((_patch(picture, frame.boxes[thing if of_thing else row]), watched))
        return rows

    assert len(watchers["test"]) > 50
    chance = max(Counter(watched for *_, watched in watchers["test"]).values())
    at_chance = chance / len(watchers["test"]) + 0.12
    assert _accuracy(patches("train", False), patches("test", False)) < at_chance < 0.4
    assert _accuracy(patches("train", True), patches("test", True)) > 0.8


@pytest.mark.parametrize(
    ("subsets", "relations", "least", "most"),
    [
        # One watchable thing: its presence says all.
        (("one_object", "two_person"), False, 0.99, 1.0),
        # Two: presence leaves a guess between them, the thing's relation decides.
        (("distractor",), False, 0.0, 0.75),
        (("distractor",), True, 0.99, 1.0),
        # Two watchers: not even relations decide, for the scene holds the same for both.
        (("two_attending",), True, 0.0, 0.8),
    ],
)
def test_what_a_perfect_oracle_of_the_scene_can_tell(watchers, subsets, relations, least, most):
    def scene(split: str) -> list[tuple[Any, int]]:
        return [
            (np.isin(WATCHABLE, frame.objects[_lit(frame)] if relations else frame.objects), w)
            for frame, _, _, w in watchers[split]
            if frame.subset in subsets
        ]

    assert least <= _accuracy(scene("train"), scene("test"), penalty=1) <= most


def test_that_something_is_watched_shows_in_the_face(frames):
    def faces(split: str) -> list[tuple[Any, int]]:
        return [
            (_patch(frame.load_clip()[-1], frame.boxes[row]), int(watched != NOTHING))
            for frame in frames[split]
            if frame.subset == "two_person" and _lit(frame)
            for row, watched, _ in _figures(frame)
        ]

    assert _accuracy(faces("train"), faces("test")) > 0.9


def _displacement(frame: SceneFrame, row: int) -> list[float]:
    """How far head and chest have moved since the first pose: (x, y), found by matching."""
    clip = frame.load_clip().mean(axis=-1)
    x1, y1, x2, _ = (round(float(edge)) for edge in frame.boxes[row])
    now = clip[-1, y1 : y1 + 28, x1:x2]
    reach = 12
    before = np.pad(clip[1], reach, mode="edge")
    window = before[y1 : y1 + 28 + 2 * reach, x1 : x2 + 2 * reach]
    score = match_template(window, now)
    dy, dx = np.unravel_index(score.argmax(), score.shape)
    return [float(reach - dx), float(reach - dy)]


def test_motion_can_be_told_from_the_figure_itself_and_not_from_its_last_pose(frames):
    def figures(split: str, moving: bool) -> list[tuple[Any, int]]:
        rows = []
        for frame in frames[split][::2]:
            for row, _, moved in _figures(frame):
                if moving:
                    x, y = _displacement(frame, row)
                    rows.append(([abs(x), y, abs(y)], moved))
                else:
                    rows.append((_patch(frame.load_clip()[-1], frame.boxes[row]), moved))
        return rows

    commonest = max(Counter(moved for _, moved in figures("test", False)).values())
    share = commonest / len(figures("test", False))
    assert _accuracy(figures("train", False), figures("test", False)) < share + 0.1
    assert _accuracy(figures("train", True), figures("test", True), penalty=1) > 0.9
