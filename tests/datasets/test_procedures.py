"""The reader of EgoProceL's layout."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.datasets import (
    ProcedureTask,
    ProcedureVideo,
    Step,
    _procedures,
    join_videos,
    read_procedures,
)
from fixbench.errors import InputError

LENGTHS = {"a0": 12, "a1": 20, "a2": 15, "b0": 11, "b1": 30, "b2": 10}
SPLITS = {
    "tea": {"train": ["a0"], "val": ["a1"], "test": ["a2"]},
    "tent": {"train": ["b1"], "val": ["b0"], "test": ["b2"]},
}


def _features(length: int) -> np.ndarray:
    return np.random.default_rng(length).normal(size=(length, 4)).astype(np.float32)


def _annotation() -> dict:
    """Two tasks of three videos: background, step 7, background, step 30."""
    return {
        task: {
            "handles": handles,
            "hdl_actions": [["0", "7", "0", "30"] for _ in handles],
            "hdl_start_times": [[0, 3, 6, 8] for _ in handles],
            "hdl_end_times": [[3, 6, 8, LENGTHS[handle]] for handle in handles],
        }
        for task, handles in {"tea": ["a0", "a1", "a2"], "tent": ["b0", "b1", "b2"]}.items()
    }


def _write(root: Path, annotation: object, splits: object) -> None:
    (root / "egoprocel.json").write_text(json.dumps(annotation))
    (root / "data_splits.json").write_text(json.dumps(splits))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "egoprocel" / "features").mkdir(parents=True)
    for handle, length in LENGTHS.items():
        np.save(tmp_path / "egoprocel" / "features" / f"{handle}.npy", _features(length))
    _write(tmp_path, _annotation(), {"seed": 42, "splits": SPLITS})
    return tmp_path


def _array(root: Path, handle: str) -> Path:
    return root / "egoprocel" / "features" / f"{handle}.npy"


def test_native_intervals_become_inclusive_frames(root):
    for split, handles in (("train", "a0 b1"), ("validation", "a1 b0"), ("test", "a2 b2")):
        tasks = read_procedures(root, split=split)
        assert [task.name for task in tasks] == ["tea", "tent"]
        videos = [video for task in tasks for video in task.videos]
        assert [video.handle for video in videos] == handles.split()
        for video in videos:
            length = LENGTHS[video.handle]
            steps = (Step("0", 0, 2), Step("7", 3, 5), Step("0", 6, 7), Step("30", 8, length - 1))
            assert video.steps == steps
            assert sum(step.length for step in video.steps) == length
            assert video.features.dtype == np.float32
            assert np.array_equal(video.features, _features(length))
            assert (video.cut_frames, video.dropped_steps) == (0, 0)
            assert video.task == {"a": "tea", "b": "tent"}[video.handle[0]]


def test_background_labels():
    found = {
        label: Step(label, 0, 0).is_background for label in ("0", "SIL", "background", "1", "")
    }
    assert found == {"0": True, "SIL": True, "background": True, "1": False, "": False}


def test_frames_between_steps_count_as_background(root):
    annotation = _annotation()
    annotation["tea"]["hdl_actions"][0] = ["7", "30"]
    annotation["tea"]["hdl_start_times"][0] = [1, 8]
    annotation["tea"]["hdl_end_times"][0] = [4, 12]
    _write(root, annotation, {"splits": SPLITS})
    video = read_procedures(root, split="train")[0].videos[0]
    assert "".join(label[0] for label in video.frame_labels()) == "077700003333"
    assert set(video.frame_labels()) == {"0", "7", "30"}


def test_videos_follow_the_annotation_not_the_split(root):
    splits = {"tea": {"train": ["a2", "a0"], "val": [], "test": ["a1"]}, "tent": SPLITS["tent"]}
    _write(root, _annotation(), {"splits": splits})
    tea = read_procedures(root, split="train")[0]
    assert [video.handle for video in tea.videos] == ["a0", "a2"]


def test_uint8_is_fixed_point(root):
    stored = np.arange(12 * 4, dtype=np.uint8).reshape(12, 4) * 5
    np.save(_array(root, "a0"), stored)
    features = read_procedures(root, split="train")[0].videos[0].features
    assert features.dtype == np.float32
    assert np.array_equal(features, (stored.astype(int) - 128) / 32)


def test_other_floating_types_and_feature_maps_are_read(root):
    for handle, length in LENGTHS.items():
        maps = np.random.default_rng(length).normal(size=(length, 3, 2, 2))
        np.save(_array(root, handle), maps)
    features = read_procedures(root, split="test")[0].videos[0].features
    assert features.shape == (LENGTHS["a2"], 3, 2, 2)
    assert features.dtype == np.float32


def test_a_frame_rate_keeps_the_steps_that_frames_show(root):
    annotation = _annotation()
    annotation["tea"]["hdl_actions"][0] = ["0", "7", "0"]
    annotation["tea"]["hdl_start_times"][0] = [0, 49, 97]
    annotation["tea"]["hdl_end_times"][0] = [49, 97, 288]
    _write(root, annotation, {"splits": SPLITS})
    tea = read_procedures(root, split="train", frame_rate={"tea": 24, "tent": 1})[0]
    # Feature frames show native frames 0, 24, 48 | 72, 96 | 120, …, 264.
    assert tea.videos[0].steps == (Step("0", 0, 2), Step("7", 3, 4), Step("0", 5, 11))


@given(
    ends=st.lists(st.integers(1, 400), min_size=1, max_size=12, unique=True).map(sorted),
    rate=st.sampled_from([1, 2, 12, 24, 29.97, 30, 60]),
)
def test_every_frame_belongs_to_the_step_that_covers_it(ends, rate):
    segments = [
        _procedures._Segment(str(number), start, end)
        for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
    ]
    steps, frames = _procedures._feature_steps(segments, rate)
    assert frames == math.ceil(ends[-1] / rate)
    for frame in range(frames):
        (owner,) = [s for s in segments if s.start / rate <= frame < s.end / rate]
        (found,) = [s for s in steps if s is not None and s.start <= frame <= s.end]
        assert found.label == owner.label
    for step, segment in zip(steps, segments, strict=True):
        shown = [k for k in range(frames) if segment.start / rate <= k < segment.end / rate]
        assert (step is None) == (not shown)


# What the caller declares.


def test_lengths_that_differ_are_refused(root):
    np.save(_array(root, "a0"), _features(11))
    expected = r"a0\.npy: frames is 11; expected 12, where the annotation of 'tea: a0' ends .*"
    with pytest.raises(InputError, match=expected + "length_mismatch='truncate'"):
        read_procedures(root, split="train")
    np.save(_array(root, "a0"), _features(13))
    with pytest.raises(InputError, match=r"a0\.npy: frames is 13; expected 12"):
        read_procedures(root, split="train")


def test_longer_features_are_cut(root):
    np.save(_array(root, "a0"), _features(17))
    video = read_procedures(root, split="train", length_mismatch="truncate")[0].videos[0]
    assert np.array_equal(video.features, _features(17)[:12])
    assert video.steps[-1] == Step("30", 8, 11)
    assert (video.cut_frames, video.dropped_steps) == (5, 0)


def test_a_longer_annotation_is_cut(root):
    np.save(_array(root, "b1"), _features(12))
    video = read_procedures(root, split="train", length_mismatch="truncate")[1].videos[0]
    assert video.steps[-1] == Step("30", 8, 11)
    assert (video.cut_frames, video.dropped_steps) == (18, 0)
    np.save(_array(root, "b1"), _features(8))
    arguments = {"split": "train", "length_mismatch": "truncate"}
    video = read_procedures(root, **arguments, min_frames=8)[1].videos[0]
    assert video.steps == (Step("0", 0, 2), Step("7", 3, 5), Step("0", 6, 7))
    assert (video.cut_frames, video.dropped_steps) == (22, 1)
    with pytest.raises(InputError, match=r"b1\.npy: frames is 8; expected at least 10 frames"):
        read_procedures(root, **arguments)


def test_steps_that_no_frame_shows(root):
    annotation = _annotation()
    annotation["tea"]["hdl_start_times"][0] = [0, 37, 43, 80]
    annotation["tea"]["hdl_end_times"][0] = [37, 43, 80, 144]
    _write(root, annotation, {"splits": SPLITS})
    arguments = {"split": "train", "frame_rate": {"tea": 12.0, "tent": 1.0}}
    expected = (
        r"egoprocel\.json: tea: a0: step 1 \('7'\) is '37 to 43'; expected a step that a feature "
        r"frame shows at frame_rate 12; or set empty_steps='drop'"
    )
    with pytest.raises(InputError, match=expected):
        read_procedures(root, **arguments)
    video = read_procedures(root, **arguments, empty_steps="drop")[0].videos[0]
    assert video.steps == (Step("0", 0, 3), Step("0", 4, 6), Step("30", 7, 11))
    assert (video.cut_frames, video.dropped_steps) == (0, 1)


def test_short_videos_are_refused(root):
    with pytest.raises(InputError, match=r"a0\.npy: frames is 12; expected at least 13 frames"):
        read_procedures(root, split="train", min_frames=13)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "val"}, "split is 'val'; expected one of train, validation, test"),
        (
            {"length_mismatch": "clip"},
            "length_mismatch is 'clip'; expected one of refuse, truncate",
        ),
        ({"empty_steps": "skip"}, "empty_steps is 'skip'; expected one of refuse, drop"),
        ({"min_frames": 0}, "min_frames is 0; expected at least 1"),
        ({"frame_rate": 0}, "frame_rate is 0; expected a positive number"),
        ({"frame_rate": math.inf}, "frame_rate is inf; expected a positive number"),
        ({"frame_rate": {"tea": -1}}, "frame_rate: tea is -1; expected a positive number"),
        ({"frame_rate": {"tea": 2}}, "frame_rate: tent; expected a rate for every task"),
    ],
)
def test_arguments_are_checked(root, arguments, message):
    with pytest.raises(InputError, match=message):
        read_procedures(root, **({"split": "train"} | arguments))


# What is wrong in the files.


def _entry(key, value):
    return lambda annotation: annotation["tea"].__setitem__(key, value)


def _of_video(key, value):
    return lambda annotation: annotation["tea"][key].__setitem__(1, value)


def _handle(value):
    return _of_video("handles", value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a.clear(), "; expected at least one task"),
        (lambda a: a.update(tea=[1]), r": tea is \[1\]; expected an object with handles, hdl_"),
        (lambda a: a["tea"].pop("hdl_actions"), ": tea: hdl_actions; expected this key in every"),
        (_entry("handles", "a0"), ": tea: handles is 'a0'; expected a list"),
        (
            _entry("hdl_end_times", [[1]]),
            ": tea: lists in hdl_end_times is 1; expected one for each of the 3 handles",
        ),
        (_handle(3), ": tea: handles: 1 is 3; expected the name of a file in egoprocel/features"),
        (_handle("../b0"), r": tea: handles: 1 is '\.\./b0'; expected the name of a file"),
        (_handle(""), ": tea: handles: 1 is ''; expected the name of a file"),
        (_handle("a0"), ": tea: handles: 1 is 'a0'; expected each handle once; task 'tea' has it"),
        (
            lambda a: a["tent"]["handles"].__setitem__(0, "a1"),
            ": tent: handles: 0 is 'a1'; expected each handle once; task 'tea' has it too",
        ),
        (_of_video("hdl_actions", "0730"), ": tea: a1: hdl_actions is '0730'; expected a list"),
        (
            _of_video("hdl_start_times", [0, 3]),
            ": tea: a1: entries of hdl_start_times is 2; expected 4, one for each of hdl_actions",
        ),
        (
            lambda a: [_of_video(key, [])(a) for key in list(a["tea"])[1:]],
            r": tea: a1: hdl_actions is \[\]; expected at least one step",
        ),
        (
            _of_video("hdl_actions", ["0", 7, "0", "30"]),
            ": tea: a1: hdl_actions: 1 is 7; expected the id of an action, a string",
        ),
        (
            _of_video("hdl_actions", ["0", "7", "", "30"]),
            ": tea: a1: hdl_actions: 2 is ''; expected the id of an action",
        ),
        (
            _of_video("hdl_start_times", [0, -3, 6, 8]),
            ": tea: a1: hdl_start_times: 1 is -3; expected a frame number, at least 0",
        ),
        (
            _of_video("hdl_end_times", [3, 6, math.nan, 20]),
            ": tea: a1: hdl_end_times: 2 is nan; expected a frame number",
        ),
        (
            _of_video("hdl_end_times", [3, 6, "8", 20]),
            ": tea: a1: hdl_end_times: 2 is '8'; expected a frame number",
        ),
        (
            _of_video("hdl_end_times", [True, 6, 8, 20]),
            ": tea: a1: hdl_end_times: 0 is True; expected a frame number",
        ),
        (
            _of_video("hdl_end_times", [3, 3, 8, 20]),
            ": tea: a1: hdl_end_times: 1 is 3; expected a frame after the step's start, 3",
        ),
        (
            _of_video("hdl_start_times", [0, 3, 5, 8]),
            ": tea: a1: hdl_start_times: 2 is 5; expected at least 6, where the step before ends",
        ),
        (
            _of_video("hdl_start_times", [4, 0, 6, 8]),
            ": tea: a1: hdl_end_times: 0 is 3; expected a frame after the step's start, 4",
        ),
    ],
)
def test_bad_annotations_are_refused_in_every_split(root, change, message):
    annotation = _annotation()
    change(annotation)
    _write(root, annotation, {"splits": SPLITS})
    for split in ("train", "validation", "test"):
        with pytest.raises(InputError, match=rf"egoprocel\.json{message}"):
            read_procedures(root, split=split)


def _split(task, part, value):
    return lambda splits: splits[task].__setitem__(part, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.update(soup={}), "splits: soup; expected a task that egoprocel.json has"),
        (lambda s: s.pop("tent"), "splits: tent; expected an object with train, val, test for"),
        (lambda s: s["tea"].pop("val"), "splits: tea: val; expected a list of handles"),
        (_split("tea", "val", "a1"), "splits: tea: val is 'a1'; expected a list of handles"),
        (_split("tea", "val", ["b0"]), "splits: tea: val is 'b0'; expected handles that ego"),
        (_split("tea", "val", [["a1"]]), r"splits: tea: val is \['a1'\]; expected handles that"),
        (
            _split("tea", "test", ["a2", "a0"]),
            "splits: tea: test is 'a0'; expected each handle in one split, once; it is in 'train'",
        ),
        (_split("tea", "test", []), "splits: tea: without is 'a2'; expected every handle that"),
        (
            lambda s: s["tea"].update(train=[], val=["a1", "a0"]),
            r"splits: tea: train is \[\]; expected at least one handle",
        ),
    ],
)
def test_bad_splits_are_refused(root, change, message):
    splits = json.loads(json.dumps(SPLITS))
    change(splits)
    _write(root, _annotation(), {"splits": splits})
    with pytest.raises(InputError, match=rf"data_splits\.json: {message}"):
        read_procedures(root, split="train")


def test_splits_without_splits_are_refused(root):
    _write(root, _annotation(), SPLITS)
    with pytest.raises(InputError, match=r"data_splits\.json: splits; expected an object: task"):
        read_procedures(root, split="train")


@pytest.mark.parametrize("name", ["egoprocel.json", "data_splits.json"])
def test_damaged_files_are_refused(root, name):
    file = root / name
    text = file.read_text()
    file.write_text(text[: len(text) // 2])
    with pytest.raises(InputError, match=rf"{name}; expected a complete UTF-8 JSON file"):
        read_procedures(root, split="train")
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=rf"{name}; expected a complete UTF-8 JSON file"):
        read_procedures(root, split="train")
    file.write_text("[1]")
    with pytest.raises(InputError, match=rf"{name} is 'list'; expected one JSON object"):
        read_procedures(root, split="train")
    file.unlink()
    with pytest.raises(InputError, match=rf"{name}; expected this file of EgoProceL's layout"):
        read_procedures(root, split="train")


def _bytes(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def _zipped() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, _features(12))
    return stream.getvalue()


def _with(value: float) -> np.ndarray:
    features = _features(12).astype(np.float64)
    features[4, 2] = value
    return features


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "; expected the video's features; see egoprocel.json"),
        (b"", "; expected a complete .npy file of numbers"),
        (b"not an array", "; expected a complete .npy file of numbers"),
        (_bytes(_features(12))[:-7], "; expected a complete .npy file of numbers"),
        (_bytes(np.array([None] * 12)), "; expected a complete .npy file of numbers"),
        (_zipped(), r": shape is 'NpzFile'; expected \[frames, features\]"),
        (_bytes(np.zeros(12)), r": shape is \(12,\); expected \[frames, features\]"),
        (_bytes(np.zeros((12, 0))), r": shape is \(12, 0\); expected \[frames, features\]"),
        (_bytes(np.zeros((0, 4))), r": shape is \(0, 4\); expected \[frames, features\]"),
        (_bytes(np.zeros((12, 4), int)), ": dtype is 'int64'; expected floating point or uint8"),
        (_bytes(_with(math.nan)), ": frame 4 is nan; expected finite features"),
        (_bytes(_with(-math.inf)), ": frame 4 is -inf; expected finite features"),
        (_bytes(_with(1e300)), ": frame 4 is inf; expected finite features"),
    ],
)
def test_bad_features_are_refused(root, content, message):
    if content is None:
        _array(root, "a0").unlink()
    else:
        _array(root, "a0").write_bytes(content)
    with pytest.raises(InputError, match=rf"a0\.npy{message}"):
        read_procedures(root, split="train")
    # Other splits do not need this file.
    assert isinstance(read_procedures(root, split="test")[0].videos[0], ProcedureVideo)


def test_features_of_one_width_only(root):
    np.save(_array(root, "b1"), np.zeros((30, 5)))
    expected = r"b1\.npy: shape is \(30, 5\); expected \(4,\) for each frame, like the videos"
    with pytest.raises(InputError, match=expected):
        read_procedures(root, split="train")


# Joined videos


def _video(number: int, frames: int) -> ProcedureVideo:
    features = np.arange(frames, dtype=np.float32)[:, None] + 100 * number
    steps = (Step("0", 0, 1), Step(str(number), 2, frames - 2))
    return ProcedureVideo(f"v{number}", "tea", features, steps, cut_frames=1, dropped_steps=number)


def test_joined_videos_by_hand():
    """At least 20 frames: 12 + 9, then 25, and the 7 that are left go to them."""
    task = ProcedureTask("tea", tuple(map(_video, range(4), (12, 9, 25, 7))))
    joined = join_videos(task, 20)
    assert joined.name == "tea"
    assert [video.handle for video in joined.videos] == ["v0+v1", "v2+v3"]
    first, second = joined.videos
    assert first.features[:, 0].tolist() == [*range(12), *range(100, 109)]
    assert first.steps == (Step("0", 0, 1), Step("0", 2, 10), Step("0", 12, 13), Step("1", 14, 19))
    assert (first.cut_frames, first.dropped_steps) == (2, 1)
    assert len(second.features) == 32
    assert second.task == "tea"


@given(lengths=st.lists(st.integers(5, 40), min_size=1, max_size=12), frames=st.integers(1, 200))
def test_joining_loses_no_frame_and_no_step(lengths, frames):
    task = ProcedureTask("tea", tuple(map(_video, range(len(lengths)), lengths)))
    joined = join_videos(task, frames).videos
    for name in ("features", "labels"):
        parts = [
            [video.features if name == "features" else video.frame_labels() for video in videos]
            for videos in (task.videos, joined)
        ]
        before, after = map(np.concatenate, parts)
        assert np.array_equal(before, after)
    steps = [
        [step.length for video in videos for step in video.steps]
        for videos in (task.videos, joined)
    ]
    assert steps[0] == steps[1]
    assert len(joined) == 1 or min(len(video.features) for video in joined) >= frames
