"""The small fine-grained data: their layouts, bytes, splits, and what tells their classes apart."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, RidgeClassifier

from fixbench.datasets import part_generator, parts
from fixbench.datasets.fine_grained import (
    FineGrained,
    load_images,
    read_fine_grained,
    read_part_locations,
)
from fixbench.datasets.part_generator import COLOURS, generate_fine_grained
from fixbench.datasets.parts import (
    BODIES,
    CLASS_NAMES,
    MATERIALS,
    PART_SIDE,
    PLACES,
    SHIFT,
    STRAY,
    coarse_batch,
    fine_picture,
    piece_region,
)
from fixbench.datasets.photographs import PHOTOGRAPHS, Region, load_photograph
from fixbench.errors import InputError
from fixbench.tracking._archives import packed_size

FEW = {"train": 2, "test": 1, "train_digits": 3, "test_digits": 2}
PIECES = [*BODIES.values(), *MATERIALS.values()]


def _digest(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data set in its usual size."""
    folder = tmp_path_factory.mktemp("whole") / "dcal"
    generate_fine_grained(folder, seed=111)
    return folder


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("few") / "dcal"
    generate_fine_grained(folder, seed=111, **FEW)
    return folder


@pytest.fixture(scope="module")
def data(whole: Path) -> FineGrained:
    return read_fine_grained(whole / "parts", "cub")


def _arrays(data: FineGrained, split: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    samples = getattr(data, split)
    return load_images(samples, 32), np.array([sample.label for sample in samples])


# Bytes.


def test_same_seed_same_bytes_whatever_else_is_made(whole: Path, few: Path, tmp_path: Path) -> None:
    generate_fine_grained(tmp_path / "again", seed=111, **FEW)
    first, more = _digest(few), _digest(whole)
    assert _digest(tmp_path / "again") == first
    pictures = [name for name in first if name.startswith("parts/images/")]
    assert len(pictures) == 20 * 3
    assert all(more[name] == first[name] for name in pictures)


def test_other_seed_other_pictures_and_digits(few: Path, tmp_path: Path) -> None:
    generate_fine_grained(tmp_path / "other", seed=112, **FEW)
    first, other = _digest(few), _digest(tmp_path / "other")
    pictures = [name for name in first if name.startswith("parts/images/")]
    assert not {first[name] for name in pictures} & {other[name] for name in pictures}
    lists = ("digits/data/images_variant_trainval.txt", "digits/data/images_variant_test.txt")
    assert all(first[name] != other[name] for name in lists)


def test_the_data_set_stays_small(whole: Path) -> None:
    assert packed_size(whole) < 1_500_000


def test_a_picture_that_is_known_to_the_bit() -> None:
    """Arithmetic is on integers: no processor may change what a seed gives."""
    picture, covered, _ = fine_picture(np.random.default_rng([111, 0, 6, 0]), 6, "train")
    assert hashlib.sha256(picture.tobytes()).hexdigest()[:16] == "3a0fd88280a68f5c"
    assert hashlib.sha256(covered.tobytes()).hexdigest()[:16] == "b24de47d9915fc09"


def test_a_failure_leaves_what_was_there(
    few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "dcal"
    generate_fine_grained(target, seed=111, **FEW)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("full")

    monkeypatch.setattr(part_generator, "write_digits", fail)
    with pytest.raises(InputError, match=r"dcal; expected a folder that can be written \(full\)"):
        generate_fine_grained(target, seed=2, **FEW)
    assert _digest(target) == _digest(few)
    assert [path.name for path in tmp_path.iterdir()] == ["dcal"]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", -1, "at least 0"),
        ("train", 0, "at least 1"),
        ("test", 0, "at least 1"),
        ("train_digits", 0, "at least 1"),
        ("test_digits", 81, "at most 80"),
    ],
)
def test_bad_arguments_are_refused(tmp_path: Path, key: str, value: int, expected: str) -> None:
    arguments = FEW | {"seed": 1, key: value}
    with pytest.raises(InputError, match=f"{key} is {value}; expected {expected}"):
        generate_fine_grained(tmp_path / "x", **arguments)
    assert list(tmp_path.iterdir()) == []


# What is in it.


def test_parts_are_balanced_and_in_cubs_layout(whole: Path, data: FineGrained) -> None:
    assert len(CLASS_NAMES) == len(BODIES) * 4 == 20
    assert data.class_names == tuple(
        f"{number:03d}.{name}" for number, name in enumerate(CLASS_NAMES, start=1)
    )
    for split, count in (("train", 40), ("test", 30)):
        _, labels = _arrays(data, split)
        assert np.bincount(labels).tolist() == [count] * 20
        for sample in getattr(data, split):
            assert sample.path.parent.name == data.class_names[sample.label]
            assert sample.path.name.startswith(split)
        for sample in getattr(data, split)[::100]:
            with Image.open(sample.path) as picture:
                assert (picture.format, picture.size) == ("PNG", (32, 32))
    assert len(list((whole / "parts/images").rglob("*.png"))) == 1400


def test_pictures_are_all_different(data: FineGrained) -> None:
    pictures = np.concatenate([_arrays(data, split)[0] for split in ("train", "test")])
    assert len({picture.tobytes() for picture in pictures}) == len(pictures)


def test_no_two_splits_share_a_pixel_of_a_photograph() -> None:
    for piece in PIECES:
        whole = load_photograph(piece.photograph)
        used = np.zeros(whole.shape[:2], dtype=int)
        for split in ("pretraining", "train", "test"):
            region = piece_region(piece.photograph, split)
            # Where the view lies in the photograph that it is a view of.
            offset = region.ctypes.data - whole.ctypes.data
            top, left = divmod(offset // 3, whole.shape[1])
            used[top : top + region.shape[0], left : left + region.shape[1]] += 1
            assert np.array_equal(
                region, whole[top : top + region.shape[0], left : left + region.shape[1]]
            )
            assert piece.sides[0] < min(region.shape[:2])
        assert used.max() == 1
        top, left, bottom, right = Region(*PHOTOGRAPHS[piece.photograph].evaluation)
        assert used[top:bottom, left:right].all()


def test_pictures_of_a_split_read_its_regions_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = set()
    original = piece_region

    def region(photograph: str, split: Any) -> Any:
        asked.add((photograph, split))
        return original(photograph, split)

    monkeypatch.setattr(parts, "piece_region", region)
    generate_fine_grained(tmp_path / "x", seed=0, **FEW)
    names = {piece.photograph for piece in PIECES}
    assert asked == {(name, split) for name in names for split in ("train", "test")}
    asked.clear()
    coarse_batch(np.random.default_rng(0), 64)
    assert asked == {(piece.photograph, "pretraining") for piece in BODIES.values()}


def test_a_picture_differs_from_its_body_in_the_parts_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for seed in range(40):
        picture, covered, _ = fine_picture(np.random.default_rng(seed), seed % 20, "train")
        with monkeypatch.context() as patch:
            patch.setattr(parts, "_ROUND", np.zeros((PART_SIDE, PART_SIDE), dtype=bool))
            body, nothing, _ = fine_picture(np.random.default_rng(seed), seed % 20, "train")
        assert not nothing.any()
        assert np.array_equal(picture[~covered], body[~covered])
        # Three discs of 32 pixels that never touch, each near its place.
        assert covered.sum() == 3 * 32
        for top, left in PLACES.values():
            far = SHIFT + STRAY
            box = covered[top - far : top + far + PART_SIDE, left - far : left + far + PART_SIDE]
            assert box.sum() == 32
        change = np.abs(picture[covered].astype(int) - body[covered]).max(axis=1)
        assert np.mean(change > 12) > 0.5


def test_stored_pictures_keep_body_and_parts_in_sixteen_colours(
    data: FineGrained,
) -> None:
    changes = []
    for position in range(0, 800, 40):
        sample = data.train[position]
        drawn, covered, _ = fine_picture(
            np.random.default_rng([111, 0, sample.label, position % 40]), sample.label, "train"
        )
        stored = load_images([sample], 32)[0].astype(int)
        assert len({tuple(pixel) for pixel in stored.reshape(-1, 3)}) <= sum(COLOURS) == 16
        for where in (covered, ~covered):
            changes.append(np.abs(stored[where] - drawn[where]).mean())
    assert np.median(changes) < 6
    assert max(changes) < 15


def test_part_locations_are_the_centres_of_the_parts(whole: Path, data: FineGrained) -> None:
    locations = read_part_locations(whole / "parts")
    assert locations.names == ("crown", "left wing", "right wing")
    assert locations.places.keys() == {sample.path for sample in data.train + data.test}
    for position in range(0, 800, 40):
        sample = data.train[position]
        generator = np.random.default_rng([111, 0, sample.label, position % 40])
        _, covered, _ = fine_picture(generator, sample.label, "train")
        islands, count = ndimage.label(covered)
        assert count == 3
        # The middle of the first row is half a pixel below the top edge.
        centres = np.array(ndimage.center_of_mass(covered, islands, [1, 2, 3])) + 0.5
        found = {(x, y) for y, x in centres.round(6).tolist()}
        assert found == set(locations.places[sample.path])


def _windows(images: NDArray[np.uint8], place: str) -> NDArray[np.float64]:
    """The surroundings of a part, wherever it has moved."""
    top, left = PLACES[place]
    far = SHIFT + STRAY
    rows, columns = (
        slice(top - far, top + far + PART_SIDE),
        slice(left - far, left + far + PART_SIDE),
    )
    window: NDArray[np.float64] = images[:, rows, columns].reshape(len(images), -1) / 255
    return window


def _accuracy(train: Any, labels: Any, test: Any, truth: Any) -> float:
    model = LogisticRegression(max_iter=500, C=0.1)
    return float(model.fit(train, labels).score(test, truth))


def test_the_crown_and_the_left_wing_tell_the_variant_and_nothing_else_does(
    data: FineGrained,
) -> None:
    train, labels = _arrays(data, "train")
    test, truth = _arrays(data, "test")
    for place, shift in (("crown", 1), ("left wing", 0)):
        found = _accuracy(
            _windows(train, place), labels >> shift & 1, _windows(test, place), truth >> shift & 1
        )
        assert found > 0.88
    for shift in (0, 1):
        found = _accuracy(
            _windows(train, "right wing"),
            labels >> shift & 1,
            _windows(test, "right wing"),
            truth >> shift & 1,
        )
        assert abs(found - 0.5) < 0.1  # five standard errors of 600 fair guesses
    for images in (train, test):
        for place in ("crown", "left wing"):
            top, left = PLACES[place]
            images[:, top - 3 : top + 9, left - 3 : left + 9] = 0
    flat = [images.reshape(len(images), -1) / 255 for images in (train, test)]
    assert abs(_accuracy(flat[0], labels % 4, flat[1], truth % 4) - 0.25) < 0.09


def test_the_classes_are_neither_trivial_nor_hopeless(data: FineGrained) -> None:
    """One who knows the kind and guesses the variant is right in 25 % of cases."""
    train, labels = _arrays(data, "train")
    test, truth = _arrays(data, "test")
    flat = [images.reshape(len(images), -1) / 255 for images in (train, test)]
    found = RidgeClassifier(alpha=1000).fit(flat[0], labels).score(flat[1], truth)
    assert 0.3 < found < 0.6


# Pretraining.


def test_coarse_batches() -> None:
    pictures, labels = coarse_batch(np.random.default_rng(3), 300)
    assert pictures.shape == (300, 32, 32, 3)
    assert pictures.dtype == np.uint8
    assert np.bincount(labels, minlength=5).min() > 30
    again, _ = coarse_batch(np.random.default_rng(3), 300)
    assert np.array_equal(pictures, again)
    other, _ = coarse_batch(np.random.default_rng(4), 300)
    assert not np.array_equal(pictures, other)
    with pytest.raises(InputError, match="size is 0; expected at least 1"):
        coarse_batch(np.random.default_rng(3), 0)


def test_a_coarse_label_is_the_kind_that_fine_classes_share(data: FineGrained) -> None:
    """Colour alone tells flowers and tissue, of whatever split, from the three grey kinds."""
    pictures, labels = coarse_batch(np.random.default_rng(5), 200)
    test, fine = _arrays(data, "test")

    def hues(images: NDArray[np.uint8]) -> Any:
        return np.abs(images[..., 0].astype(int) - images[..., 2]).mean(axis=(1, 2))

    coloured = [number for number, kind in enumerate(BODIES) if kind in ("Flower", "Tissue")]
    assert hues(pictures)[np.isin(labels, coloured)].min() > hues(pictures).min() == 0
    assert (hues(pictures)[~np.isin(labels, coloured)] < 1).all()
    own = np.isin(fine // 4, coloured)
    assert np.median(hues(test)[own]) > 3 * np.median(hues(test)[~own])


def test_shrinking_is_the_mean_of_what_a_pixel_covers() -> None:
    generator = np.random.default_rng(0)
    crop = generator.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    means = crop.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.array_equal(parts._shrunk(crop, 32), np.floor(means + 0.5).astype(int))
    odd = generator.integers(0, 256, (77, 77, 3), dtype=np.uint8)
    large = np.repeat(np.repeat(odd, 32, axis=0), 32, axis=1).astype(np.int64)
    sums = large.reshape(32, 77, 32, 77, 3).sum(axis=(1, 3))
    assert np.array_equal(parts._shrunk(odd, 32), (2 * sums + 77**2) // (2 * 77**2))


# Digits.


def test_digits_are_scikit_learns_and_in_aircrafts_layout(whole: Path) -> None:
    digits = load_digits()
    read = read_fine_grained(whole / "digits", "aircraft")
    assert len(read.class_names) == 10
    for split, count in (("train", 50), ("test", 30)):
        images, labels = _arrays(read, split)
        assert np.bincount(labels).tolist() == [count] * 10
        places = [int(sample.path.stem) for sample in getattr(read, split)]
        assert np.array_equal(digits.target[places], labels)
        counts = images[:, ::4, ::4, 0].astype(int)
        assert np.array_equal(counts, digits.images[places].astype(int) * 255 // 16)
        assert np.array_equal(images, np.repeat(images[:, :, :, :1], 3, axis=3))
        assert np.array_equal(images[:, 1::4, 3::4], images[:, ::4, ::4])


def test_no_writer_is_in_both_splits(whole: Path) -> None:
    """A writer began with 0 to 9 three times; one begins where the test images begin."""
    target = load_digits().target
    cycle = np.tile(np.arange(10), 3)
    begins = [
        place
        for place in range(len(target) - 30)
        if np.mean(target[place : place + 30] == cycle) > 0.9
    ]
    assert {0, 905} <= set(begins)
    assert sum(place < 905 for place in begins) == 7
    read = read_fine_grained(whole / "digits", "aircraft")
    assert max(int(sample.path.stem) for sample in read.train) < 905
    assert min(int(sample.path.stem) for sample in read.test) >= 905


# Origin.


def test_sources_name_every_photograph_with_a_stated_licence(few: Path) -> None:
    sources = json.loads((few / "SOURCES.json").read_text(encoding="utf-8"))
    assert sources["seed"] == 111
    assert set(sources["photographs"]) == {piece.photograph for piece in PIECES}
    for name, entry in sources["photographs"].items():
        assert entry["licence"] == PHOTOGRAPHS[name].licence
        assert "see scikit-image" not in entry["licence"]
    assert sources["digits"]["licence"]
