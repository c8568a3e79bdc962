"""The small event sequences: their bytes, what is in them, and their events against theory."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fixbench.datasets import event_generator
from fixbench.datasets.event_generator import (
    FRAMES,
    LABELLED_EVERY,
    OBJECTS,
    THRESHOLD,
    events_of,
    generate_events,
    generate_pretraining,
    make_sequence,
)
from fixbench.datasets.event_scenes import (
    AREAS,
    BACKGROUNDS,
    COLUMNS,
    KINDS,
    LEAST_SEEN,
    ROWS,
    SIZES,
    STEPS,
    Scene,
    draw_scene,
    outline,
    scene_region,
)
from fixbench.datasets.event_sequences import Sequence, read_event_sequences
from fixbench.datasets.photographs import PHOTOGRAPHS, load_photograph
from fixbench.errors import InputError
from fixbench.tracking._archives import packed_size

FEW = {"train": 2, "validation": 1, "test": 1}


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few") / "events"
    generate_events(folder, seed=111, **FEW)
    return folder


@pytest.fixture(scope="module")
def eight() -> tuple[Sequence, ...]:
    """The first eight test sequences."""
    return tuple(make_sequence(f"{index}", 111, "test", index) for index in range(8))


def _boxes(sequences: tuple[Sequence, ...]) -> NDArray[np.void]:
    return np.concatenate([boxes for sequence in sequences for boxes in sequence.boxes])


# Bytes.


def test_same_seed_same_bytes_whatever_else_is_made(few: Path, tmp_path: Path) -> None:
    generate_events(tmp_path / "again", seed=111, train=1, validation=1, test=2)
    first, again = _digest(few), _digest(tmp_path / "again")
    common = set(first) & set(again)
    assert len(common) == 3 * 5 + 2
    assert all(first[name] == again[name] for name in common)
    assert len({first[name] for name in first if name.endswith(".h5")}) == 4


def test_other_seed_other_sequences(few: Path, tmp_path: Path) -> None:
    generate_events(tmp_path / "other", seed=112, **FEW)
    first, other = _digest(few), _digest(tmp_path / "other")
    assert all(first[name] != other[name] for name in first if name.endswith((".h5", ".npz")))


def test_a_sequence_that_is_known_to_the_bit(few: Path) -> None:
    """Whole numbers, and no zlib that compresses: no machine may change what a seed gives."""
    (sequence,) = read_event_sequences(few, "test")
    assert hashlib.sha256(sequence.histograms.tobytes()).hexdigest()[:16] == "39e906b18304e612"
    files = "".join(_digest(few / "test").values())
    assert hashlib.sha256(files.encode()).hexdigest()[:16] == "2b32702dd53fa89b"


def test_the_data_set_stays_small(few: Path) -> None:
    """There are 22 times as many sequences in it."""
    assert 22 * packed_size(few) < 1_500_000


def test_sources_have_licences(few: Path) -> None:
    sources = json.loads((few / "SOURCES.json").read_text())
    used = {kind.photograph for kind in KINDS.values()} | set(BACKGROUNDS)
    assert set(sources["photographs"]) == used
    assert all(entry["licence"] for entry in sources["photographs"].values())


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", -1, "at least 0"),
        ("train", 0, "at least 1"),
        ("validation", 0, "at least 1"),
        ("test", 0, "at least 1"),
    ],
)
def test_arguments_out_of_range(key: str, value: int, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        generate_events(tmp_path / "events", **{"seed": 1, key: value})
    assert (caught.value.key, caught.value.expected) == (key, expected)
    assert list(tmp_path.iterdir()) == []


def test_pretraining_has_sequences_of_its_own(few: Path, tmp_path: Path) -> None:
    generate_pretraining(tmp_path / "more", seed=111, count=3)
    found = read_event_sequences(tmp_path / "more", "train")
    assert [sequence.name for sequence in found] == ["0000", "0001", "0002"]
    assert not set(_digest(tmp_path / "more").values()) & {
        digest for name, digest in _digest(few).items() if name.endswith((".h5", ".npz"))
    }
    with pytest.raises(InputError, match="count is 0; expected at least 1"):
        generate_pretraining(tmp_path / "none", seed=111, count=0)


# What is in it.


def test_sequences_have_the_form_of_the_published_ones(few: Path) -> None:
    (sequence,) = read_event_sequences(few, "val")
    assert sequence.histograms.shape == (FRAMES, 20, ROWS, COLUMNS)
    assert sequence.histograms.max() <= 10
    assert np.diff(sequence.time_us).tolist() == [50_000] * (FRAMES - 1)
    assert sequence.labelled.tolist() == list(range(1, FRAMES, LABELLED_EVERY))
    assert np.diff(sequence.time_us[sequence.labelled]).tolist() == [100_000] * 4
    assert sequence.class_names == tuple(KINDS)
    assert len(sequence.class_names) == 8


def test_every_class_occurs_once_in_every_size(eight: tuple[Sequence, ...]) -> None:
    """Class and size are unrelated, in any eight sequences of a split from the first on."""
    things = {
        (sequence.name, int(box["track_id"])): (
            int(box["class_id"]),
            int(np.digitize(box["w"] * box["h"], AREAS)),
        )
        for sequence in eight
        for boxes in sequence.boxes
        for box in boxes
    }
    dealt = [pair for index in range(8) for pair in event_generator._things(111, 2, index)]
    assert sorted(dealt) == sorted((label, size) for label in range(8) for size in SIZES)
    assert len(set(things.values())) == len(things)  # no pair twice
    assert len(things) >= 22  # all but what is never seen
    assert max(sum(name == s.name for name, _ in things) for s in eight) <= OBJECTS


def test_sizes_are_apart(eight: tuple[Sequence, ...]) -> None:
    for sequence in eight:
        tracks = {int(t) for boxes in sequence.boxes for t in boxes["track_id"]}
        for track in tracks:
            areas = [
                float(box["w"] * box["h"])
                for boxes in sequence.boxes
                for box in boxes
                if box["track_id"] == track
            ]
            assert len({int(np.digitize(area, AREAS)) for area in areas}) == 1
            assert max(areas) == min(areas)
            assert all(abs(area - edge) > 10 for area in areas for edge in AREAS)


def test_objects_move_stop_and_cross(eight: tuple[Sequence, ...]) -> None:
    """Stopped objects keep their box and fire no events, so that memory is of use."""
    shifts, crossings = [], 0
    for sequence in eight:
        for before, after in zip(sequence.boxes[:-1], sequence.boxes[1:], strict=True):
            for box in after:
                same = before[before["track_id"] == box["track_id"]]
                shifts += [float(np.hypot(box["x"] - s["x"], box["y"] - s["y"])) for s in same]
        for boxes in sequence.boxes:
            for one in range(len(boxes)):
                for other in range(one):
                    a, b = boxes[one], boxes[other]
                    crossings += bool(
                        abs(2 * a["x"] + a["w"] - 2 * b["x"] - b["w"]) < a["w"] + b["w"]
                        and abs(2 * a["y"] + a["h"] - 2 * b["y"] - b["h"]) < a["h"] + b["h"]
                    )
    moved = np.array(shifts)
    assert 0.05 < (moved == 0).mean() < 0.3
    assert np.median(moved) > 1
    assert crossings > 10


def test_moving_objects_fire_and_still_ones_do_not(eight: tuple[Sequence, ...]) -> None:
    """Events a pixel within boxes, over those of the whole frame."""
    ratios: dict[bool, list[float]] = {True: [], False: []}
    for sequence in eight:
        for number in range(1, len(sequence.labelled)):
            frame = sequence.histograms[sequence.labelled[number]].sum(axis=0)
            for box in sequence.boxes[number]:
                before = sequence.boxes[number - 1]
                same = before[before["track_id"] == box["track_id"]]
                if len(same):
                    x, y = int(box["x"]), int(box["y"])
                    part = frame[y : y + math.ceil(box["h"]), x : x + math.ceil(box["w"])]
                    still = bool(same["x"][0] == box["x"] and same["y"][0] == box["y"])
                    ratios[still].append(float(part.mean() / frame.mean()))
    assert np.median(ratios[False]) > 3
    assert np.median(ratios[True]) < 0.5 * np.median(ratios[False])


# Events against theory.


class _Pictures(Scene):
    """A scene of given pictures, of which each pixel is alike."""

    def __init__(self, levels: list[int]) -> None:
        object.__setattr__(self, "levels", levels)

    def pictures(self):  # type: ignore[no-untyped-def]
        for level in self.levels:  # type: ignore[attr-defined]
            yield np.full((ROWS, COLUMNS), level)


@pytest.mark.parametrize(("before", "after"), [(100, 800), (100, 3200), (3200, 100), (1000, 900)])
def test_a_pixel_fires_once_for_each_threshold_passed(
    before: int, after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_generator, "_NOISE", 0)
    events = events_of(_Pictures([before, after]), np.random.default_rng(0))
    octaves = math.log2(after / before)
    count = math.floor(abs(octaves) * 256 / THRESHOLD)
    assert len(events.t) == count * ROWS * COLUMNS
    if count:
        assert set(events.p.tolist()) == {int(octaves > 0)}
        times = events.t[(events.x == 5) & (events.y == 7)]
        assert times.tolist() == [5_000 * (n + 1) // (count + 1) for n in range(count)]


def test_slow_changes_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a pixel has not fired for is not lost: 40 steps of 1/40 octave, one of them back."""
    monkeypatch.setattr(event_generator, "_NOISE", 0)
    levels = [round(400 * 2 ** (step / 40)) for step in range(41)]
    events = events_of(_Pictures([*levels, levels[-2]]), np.random.default_rng(0))
    assert len(events.t) == 256 // THRESHOLD * ROWS * COLUMNS
    assert set(events.p.tolist()) == {1}


def test_logarithms_are_those_of_the_library() -> None:
    found = event_generator._logarithms()
    expected = 256 * np.log2(np.maximum(np.arange(len(found)), 1))
    assert np.all((found <= expected + 1e-9) & (found > expected - 1.01))


def test_events_are_in_order_and_inside(eight: tuple[Sequence, ...]) -> None:
    generator = np.random.default_rng(3)
    scene = draw_scene(generator, "train", [(0, "small"), (3, "large")], frames=3)
    events = events_of(scene, generator)
    assert np.all(np.diff(events.t) >= 0)
    assert events.t[0] > 0
    assert events.t[-1] <= 150_000
    assert not np.isin(events.t, [0, 50_000, 100_000]).any()  # in one window each
    assert len(events.t) > 100


# Scenes.


@pytest.mark.parametrize("name", list(KINDS))
def test_an_outline_fills_its_box(name: str) -> None:
    """Boxes are tight, at the size of the smallest objects too."""
    kind = KINDS[name]
    for area in (SIZES["small"][0] * 16, SIZES["large"][1] * 16):
        width, height = (round(side * area**0.5 / 100) for side in kind.shape)
        mask = outline(kind, width, height)
        for axis, extent in ((0, width), (1, height)):
            filled = np.flatnonzero(mask.any(axis=axis))
            assert filled[0] <= 0.04 * extent
            assert filled[-1] >= 0.96 * extent - 1
        assert 0.3 < mask.mean() < 0.95


def test_outlines_differ() -> None:
    """The overlap of any two, stretched to one box, is well below that of one with itself."""
    masks = [outline(kind, 64, 64) for kind in KINDS.values()]
    for one in range(8):
        for other in range(one):
            union = (masks[one] | masks[other]).sum()
            assert (masks[one] & masks[other]).sum() < 0.85 * union


def test_hidden_objects_have_no_box() -> None:
    """The larger is nearer; an object has a box while enough of it is seen."""
    found = set()
    for seed in range(12):
        scene = draw_scene(
            np.random.default_rng(seed), "train", [(1, "large"), (0, "small")], frames=6
        )
        small, large = scene.objects
        for step in range(0, 6 * STEPS + 1, STEPS):
            covered = np.zeros((ROWS * 4, COLUMNS * 4), dtype=bool)
            top, left = int(large.top[step]), int(large.left[step])
            height, width = large.mask.shape
            covered[top : top + height, left : left + width] = large.mask
            top, left = int(small.top[step]), int(small.left[step])
            height, width = small.mask.shape
            hidden = covered[top : top + height, left : left + width][small.mask].mean()
            listed = scene.boxes(step)["class_id"].tolist()
            assert listed == ([0, 1] if 1 - hidden >= LEAST_SEEN / 100 else [1])
            found.add(len(listed))
    assert found == {1, 2}


@pytest.mark.parametrize("name", sorted({k.photograph for k in KINDS.values()} | {*BACKGROUNDS}))
def test_parts_share_no_pixel(name: str) -> None:
    """By the address of each region in the photograph."""
    base = load_photograph(name).__array_interface__["data"][0]
    columns = PHOTOGRAPHS[name].shape[1]
    seen: set[tuple[int, int]] = set()
    for part in ("pretraining", "train", "test"):
        region = scene_region(name, part)
        top, left = divmod((region.__array_interface__["data"][0] - base) // 3, columns)
        rows, wide = region.shape[:2]
        places = {(top + row, left + column) for row in range(rows) for column in range(wide)}
        assert not places & seen
        seen |= places


def test_backgrounds_pan_slowly() -> None:
    fastest = 0.0
    for seed in range(20):
        scene = draw_scene(np.random.default_rng(seed), "test", [(0, "small")], frames=FRAMES)
        assert len(scene.pan) == FRAMES * STEPS + 1
        fastest = max(fastest, float(np.abs(scene.pan[-1] - scene.pan[0]).max() / 4 / FRAMES))
    assert 0.2 < fastest < 0.35
