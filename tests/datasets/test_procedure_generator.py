"""The small tier's procedures: reproducible, varied, neither trivial nor hopeless."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fixbench.datasets import (
    PHOTOGRAPHS,
    PROCEDURES,
    _procedure_generator,
    generate_procedures,
    read_procedures,
)
from fixbench.errors import InputError


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def generated(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("procedures") / "alignment"
    generate_procedures(folder, seed=111, train=2, validation=1, test=1)
    return folder


def _plans(count: int) -> list[tuple[str, list[tuple[int | None, int]]]]:
    return [
        (task, _procedure_generator._plan(key_steps, np.random.default_rng([5, number, index])))
        for number, (task, key_steps) in enumerate(PROCEDURES.items())
        for index in range(count)
    ]


def test_same_seed_same_bytes(generated, tmp_path):
    _procedure_generator._weights.cache_clear()
    _procedure_generator._calibration.cache_clear()
    generate_procedures(tmp_path / "again", seed=111, train=2, validation=1, test=1)
    assert _digest(tmp_path / "again") == _digest(generated)


def test_a_video_depends_on_the_seed_and_not_on_how_many_there_are(generated, tmp_path):
    generate_procedures(tmp_path / "fewer", seed=111, train=1, validation=1, test=1)
    generate_procedures(tmp_path / "other", seed=112, train=1, validation=1, test=1)
    fewer, other, more = (_digest(f) for f in (tmp_path / "fewer", tmp_path / "other", generated))
    arrays = [name for name in fewer if name.endswith(".npy")]
    assert len(arrays) == 3 * len(PROCEDURES)
    assert all(fewer[name] == more[name] for name in arrays)
    assert all(fewer[name] != other[name] for name in arrays)
    assert len(set(fewer.values())) == len(fewer)


def test_layout(generated):
    annotation = json.loads((generated / "egoprocel.json").read_text())
    splits = json.loads((generated / "data_splits.json").read_text())["splits"]
    assert list(annotation) == list(splits) == list(PROCEDURES)
    for task, entry in annotation.items():
        assert [len(splits[task][part]) for part in ("train", "val", "test")] == [2, 1, 1]
        assert entry["handles"] == [h for part in splits[task].values() for h in part]
        for starts, ends in zip(entry["hdl_start_times"], entry["hdl_end_times"], strict=True):
            assert starts == [0, *ends[:-1]]
        labels = {label for video in entry["hdl_actions"] for label in video}
        assert labels <= {"0", *(str(i + 1) for i in range(len(PROCEDURES[task])))}
    for file in (generated / "egoprocel" / "features").iterdir():
        assert np.load(file).dtype == np.uint8
    tasks = read_procedures(generated, split="train")
    assert [task.name for task in tasks] == list(PROCEDURES)
    for task in tasks:
        for video in task.videos:
            assert video.features.shape[1] == _procedure_generator.FEATURE_COUNT
            assert 30 <= len(video.features) <= 100


def test_procedures_vary_as_documented():
    """Order, repetition, omission and length over 300 plans of each task."""
    plans = _plans(300)
    segments = [segment for _, plan in plans for segment in plan]
    background = sum(step is None for step, _ in segments) / len(segments)
    assert 0.45 < background < 0.55
    frames = np.array([sum(length for _, length in plan) for _, plan in plans])
    assert frames.min() >= 30
    assert frames.max() <= 100
    orders = [[step for step, _ in plan if step is not None] for _, plan in plans]
    every = [set(range(len(PROCEDURES[task]))) for task, _ in plans]
    for share in (
        np.mean([any(b < a for a, b in pairwise(o)) for o in orders]),
        np.mean([len(set(order)) < len(order) for order in orders]),
        np.mean([set(order) < steps for order, steps in zip(orders, every, strict=True)]),
    ):
        assert 0.3 < share < 0.98
    for _, plan in plans:
        assert all(a[0] != b[0] for a, b in pairwise(plan))
    lengths = np.array([n for _, plan in plans for step, n in plan if step is not None])
    # Short-heavy, with actions that have no early target (3 to 9 frames), and some whose early
    # targets reach the cap of the weights (more than 30).
    eligible = lengths[lengths >= 3]
    assert 0.6 < np.mean(eligible <= 9) < 0.8
    assert 0.04 < np.mean(eligible > 30) < 0.09
    assert 0 < np.mean(lengths < 3) < 0.1
    assert lengths.max() <= 48


def test_tempo_differs_between_videos():
    """So the frames since the start do not say how long a step of one kind will take."""
    lengths: dict[tuple[str, int], list[int]] = {}
    for task, plan in _plans(100):
        for step, length in plan:
            if step is not None:
                lengths.setdefault((task, step), []).append(length)
    for (task, step), found in lengths.items():
        least, median, most = _procedure_generator.LENGTHS[PROCEDURES[task][step].duration]
        assert least <= min(found) <= max(found) <= most
        assert np.std(found) / np.mean(found) > 0.1, (task, step)
        assert abs(np.median(found) - median) <= 0.25 * median


@pytest.mark.parametrize("task", PROCEDURES)
def test_what_is_seen_changes_with_progress_in_every_step(task):
    """Frames without a camera's movement or noise: from start to end they move away from the first
    frame, in every step and at every pace."""
    generator = np.random.default_rng(0)
    key_steps = PROCEDURES[task]
    names = {name for step in key_steps for name in (step.photograph, step.becomes) if name}
    objects = {name: _procedure_generator._object(name, generator) for name in sorted(names)}
    for step in key_steps:
        occurrence = _procedure_generator._occurrence(step, generator)
        views = []
        for progress in np.linspace(0, 1, 21):
            canvas = _procedure_generator.Image.new("RGB", (48, 48), (90, 90, 90))
            _procedure_generator._draw(canvas, objects, occurrence, progress, (0, 0))
            views.append(np.asarray(canvas, dtype=float))
        moved = [np.abs(view - views[0]).mean() for view in views]
        assert moved[20] > 2, step
        assert moved[10] > 1, step


def test_occurrences_differ_in_pace_and_ends():
    step = PROCEDURES["kitchen"][0]
    found = [
        _procedure_generator._occurrence(step, np.random.default_rng(seed)) for seed in range(200)
    ]
    seen = np.array([[o.seen(p) for p in np.linspace(0, 1, 11)] for o in found])
    assert (np.diff(seen, axis=1) > 0).all()
    assert seen.min() >= 0
    assert seen.max() <= 1
    assert seen[:, 5].std() > 0.05


def test_the_transform_against_separate_code():
    """Filters by scipy's correlation, cells by loops."""
    frames = np.random.default_rng(3).integers(0, 256, size=(2, 48, 48, 3), dtype=np.uint8)
    filters, projection = _procedure_generator._weights()
    assert filters.shape == (75, 32)
    assert projection.shape == (800, 128)
    assert (filters.sum(axis=0) == 0).all()
    assert set(np.unique(projection)) == {-1, 1}
    found = _procedure_generator._responses(frames)
    for frame, responses in zip(frames.astype(np.int64), found, strict=True):
        small = sum(frame[i::2, j::2] for i in (0, 1) for j in (0, 1))
        cells = np.zeros((5, 5, 32))
        for number in range(32):
            kernel = filters[:, number].reshape(3, 5, 5)
            planes = (
                ndimage.correlate(small[..., channel], kernel[channel].astype(int), mode="constant")
                for channel in range(3)
            )
            valid = np.maximum(sum(planes)[2:-2:2, 2:-2:2], 0)
            for row in range(5):
                for column in range(5):
                    part = valid[2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                    cells[row, column, number] = part.sum()
        assert np.array_equal(responses, cells.ravel() @ projection)
        assert np.array_equal(responses, np.rint(responses))


def test_brightness_alone_leaves_features_as_they_are():
    frames = np.random.default_rng(4).integers(60, 180, size=(3, 48, 48, 3), dtype=np.uint8)
    brighter = frames + np.uint8(40)
    found = [_procedure_generator._transform(images) for images in (frames, brighter)]
    assert np.array_equal(*found)


def test_features_use_the_range(generated):
    stored = np.concatenate([np.load(path) for path in generated.rglob("*.npy")])
    assert 100 < stored.mean() < 156
    assert 20 < stored.std() < 45
    assert np.mean((stored == 0) | (stored == 255)) < 0.01
    # No feature is dead, none a copy of another.
    assert stored.std(axis=0).min() > 10
    correlation = np.corrcoef(stored.T) - np.eye(stored.shape[1])
    assert np.abs(correlation).max() < 0.99


def test_sources_name_every_photograph_with_licence(generated):
    sources = json.loads((generated / "SOURCES.json").read_text(encoding="utf-8"))
    used = {s.photograph for steps in PROCEDURES.values() for s in steps}
    used |= {s.becomes for steps in PROCEDURES.values() for s in steps if s.becomes}
    assert set(sources["photographs"]) == used | set(_procedure_generator.BACKDROPS)
    for name, entry in sources["photographs"].items():
        assert entry["licence"] == PHOTOGRAPHS[name].licence
        assert "see scikit-image" not in entry["licence"]
    assert list(sources["key_steps"]) == list(PROCEDURES)


@pytest.fixture
def one_task(monkeypatch):
    """Fewer videos to render; the calibration still sees all tasks."""
    _procedure_generator._calibration()
    monkeypatch.setattr(_procedure_generator, "PROCEDURES", {"garden": PROCEDURES["garden"]})


def test_regenerating_replaces_the_whole_folder(one_task, tmp_path):
    folder = tmp_path / "alignment"
    generate_procedures(folder, seed=1, train=2, validation=1, test=1)
    generate_procedures(folder, seed=1, train=1, validation=1, test=1)
    assert len(list(folder.rglob("*.npy"))) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["alignment"]


def test_a_failure_leaves_what_was_there(one_task, monkeypatch, tmp_path):
    folder = tmp_path / "alignment"
    folder.mkdir()
    (folder / "before").write_text("here")

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_procedure_generator, "_write_json", fail)
    with pytest.raises(InputError, match=r"alignment; expected .* \(No space left on device\)"):
        generate_procedures(folder, seed=2, train=1, validation=1, test=1)
    assert _digest(folder).keys() == {"before"}
    assert [path.name for path in tmp_path.iterdir()] == ["alignment"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seed": -1}, "seed is -1; expected at least 0"),
        ({"train": 0}, "train is 0; expected at least 1"),
        ({"validation": 0}, "validation is 0; expected at least 1"),
        ({"test": 0}, "test is 0; expected at least 1"),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, message):
    with pytest.raises(InputError, match=message):
        generate_procedures(tmp_path / "x", **({"seed": 0} | arguments))
    assert not (tmp_path / "x").exists()
