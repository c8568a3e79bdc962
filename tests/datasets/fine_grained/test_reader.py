"""The three layouts, read: labels, parts, boxes and pixels against what was written by hand."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fixbench.datasets.fine_grained import (
    BANNER,
    FineGrained,
    Sample,
    load_images,
    read_fine_grained,
    read_part_locations,
)
from fixbench.errors import InputError


def _rows(samples: tuple[Sample, ...]) -> list[tuple[str, int]]:
    return [(sample.path.name, sample.label) for sample in samples]


def test_cub(cub: Path) -> None:
    data = read_fine_grained(cub, "cub")
    assert data.class_names == (
        "001.Black_footed_Albatross",
        "002.Laysan_Albatross",
        "003.Sooty_Albatross",
    )
    assert _rows(data.train) == [
        ("Black_Footed_Albatross_0001_796111.jpg", 0),
        ("Laysan_Albatross_0001_545.jpg", 1),
    ]
    assert _rows(data.test) == [
        ("Black_Footed_Albatross_0002_55.jpg", 0),
        ("Sooty_Albatross_0001_1071.jpg", 2),
    ]
    assert data.train[0].path.parent == cub / "images/001.Black_footed_Albatross"
    assert [sample.box for sample in data.train] == [(60, 27, 385, 331), (14, 112, 402, 298)]
    # From 139.5 to 292.5 and from 30.25 to 294.75: whole pixels around them.
    assert data.test[0].box == (139, 30, 293, 295)


def test_cub_in_another_order_of_lines(cub: Path) -> None:
    expected = read_fine_grained(cub, "cub")
    for name in ("image_class_labels.txt", "train_test_split.txt", "bounding_boxes.txt"):
        lines = (cub / name).read_text().splitlines(keepends=True)
        (cub / name).write_text("".join(reversed(lines)))
    assert read_fine_grained(cub, "cub") == expected


def test_cub_without_boxes(cub: Path) -> None:
    (cub / "bounding_boxes.txt").unlink()
    data = read_fine_grained(cub, "cub")
    assert {sample.box for sample in data.train + data.test} == {None}


def test_part_locations_of_cub(cub: Path) -> None:
    locations = read_part_locations(cub)
    data = read_fine_grained(cub, "cub")
    assert locations.names == ("back", "left eye")
    assert locations.places == {
        data.train[0].path: (None, (312.0, 182.5)),
        data.test[0].path: ((3.0, 4.0), (5.0, 6.0)),
        data.train[1].path: ((7.0, 8.0), (9.0, 10.0)),
        data.test[1].path: ((13.0, 14.0), (11.0, 12.0)),
    }


def test_aircraft(aircraft: Path) -> None:
    data = read_fine_grained(aircraft, "aircraft")
    assert data.class_names == ("707-320", "F/A-18", "Model B200")
    assert _rows(data.train) == [("0034958.jpg", 1), ("0034309.jpg", 2), ("0037512.jpg", 0)]
    assert _rows(data.test) == [("0037511.jpg", 2), ("0038598.jpg", 1)]
    # Columns 3 to 30 and rows 4 to 20, counted from 1.
    assert data.train[1].box == (2, 3, 30, 20)
    assert data.test[0].box == (1, 1, 2, 2)


def test_aircraft_with_separate_development_sets(aircraft: Path) -> None:
    expected = read_fine_grained(aircraft, "aircraft")
    (aircraft / "data/images_variant_trainval.txt").unlink()
    data = read_fine_grained(aircraft, "aircraft")
    assert _rows(data.train) == [("0034309.jpg", 2), ("0037512.jpg", 0), ("0034958.jpg", 1)]
    assert data.test == expected.test


def test_aircraft_without_boxes_and_with_png_files(aircraft: Path) -> None:
    (aircraft / "data/images_box.txt").unlink()
    jpeg = aircraft / "data/images/0034309.jpg"
    with Image.open(jpeg) as picture:
        picture.save(jpeg.with_suffix(".png"))
    jpeg.unlink()
    data = read_fine_grained(aircraft, "aircraft")
    assert data.train[1] == Sample(jpeg.with_suffix(".png"), 2, None)


def test_cars(cars: Path) -> None:
    data = read_fine_grained(cars, "cars")
    assert data.class_names == (
        "AM General Hummer SUV 2000",
        "Acura RL Sedan 2012",
        "Ram C/V Cargo Van",
    )
    box = (1, 2, 9, 7)
    assert data.train == tuple(
        Sample(cars / f"cars_train/0000{number}.jpg", label, box)
        for number, label in ((1, 2), (2, 0))
    )
    assert data.test == tuple(
        Sample(cars / f"cars_test/0000{number}.jpg", label, box)
        for number, label in ((1, 1), (2, 2))
    )


def test_cars_with_lists_beside_the_devkit(cars: Path) -> None:
    expected = read_fine_grained(cars, "cars")
    name = "cars_test_annos_withlabels.mat"
    (cars / "devkit" / name).rename(cars / name)
    assert read_fine_grained(cars, "cars") == expected


def test_all_cars(all_cars: Path) -> None:
    data = read_fine_grained(all_cars, "cars")
    box = (1, 2, 9, 7)
    assert data == FineGrained(
        ("Acura", "BMW"),
        (Sample(all_cars / "car_ims/000002.jpg", 1, box),),
        (
            Sample(all_cars / "car_ims/000001.jpg", 0, box),
            Sample(all_cars / "car_ims/000003.jpg", 1, box),
        ),
    )


def test_the_whole_list_of_cars_serves_where_test_labels_are_missing(
    cars: Path, all_cars: Path
) -> None:
    expected = read_fine_grained(all_cars, "cars")
    (cars / "devkit/cars_train_annos.mat").rename(all_cars / "cars_train_annos.mat")
    assert read_fine_grained(all_cars, "cars") == expected


@pytest.mark.parametrize("layout", ["cub", "aircraft"])
def test_windows_line_ends_and_a_last_line_without_end_change_nothing(
    layout: str, request: pytest.FixtureRequest
) -> None:
    folder: Path = request.getfixturevalue(layout)
    expected = read_fine_grained(folder, layout)  # type: ignore[arg-type]
    for path in folder.rglob("*.txt"):
        path.write_bytes(path.read_bytes().rstrip().replace(b"\n", b"\r\n"))
    assert read_fine_grained(folder, layout) == expected  # type: ignore[arg-type]


# Pixels.


def _saved(path: Path, pixels: np.ndarray) -> Sample:
    Image.fromarray(pixels).save(path)
    return Sample(path, 0, None)


def test_images_become_squares_of_rgb(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    wide = generator.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    grey = generator.integers(0, 256, (16, 16), dtype=np.uint8)
    samples = [_saved(tmp_path / "wide.png", wide), _saved(tmp_path / "grey.png", grey)]
    images = load_images(samples, 16)
    assert images.shape == (2, 16, 16, 3)
    assert images.dtype == np.uint8
    expected = Image.fromarray(wide).resize((16, 16), Image.Resampling.BICUBIC)
    assert np.array_equal(images[0], np.asarray(expected))
    # A picture of the size asked for keeps its pixels.
    assert np.array_equal(images[1], np.repeat(grey[:, :, None], 3, axis=2))


def test_palettes_and_transparency_become_rgb(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), dtype=np.uint8)
    pixels[:2] = (250, 20, 30)
    Image.fromarray(pixels).quantize(2).save(tmp_path / "palette.png")
    Image.fromarray(pixels).convert("RGBA").save(tmp_path / "alpha.png")
    paths = [tmp_path / "palette.png", tmp_path / "alpha.png"]
    for image in load_images([Sample(path, 0, None) for path in paths], 4):
        assert np.array_equal(image, pixels)


def test_the_banner_at_the_bottom_is_cut_off(tmp_path: Path) -> None:
    pixels = np.zeros((32 + BANNER, 32, 3), dtype=np.uint8)
    pixels[:32] = np.random.default_rng(1).integers(0, 256, (32, 32, 3))
    pixels[32:] = 255
    sample = _saved(tmp_path / "plane.png", pixels)
    assert BANNER == 20
    assert np.array_equal(load_images([sample], 32, crop_bottom=BANNER)[0], pixels[:32])


def test_no_samples_no_images() -> None:
    assert load_images([], 8).shape == (0, 8, 8, 3)


@pytest.mark.parametrize(("key", "value", "least"), [("size", 0, 1), ("crop_bottom", -1, 0)])
def test_arguments_of_load_images_are_checked(key: str, value: int, least: int) -> None:
    with pytest.raises(InputError) as error:
        load_images([], **{"size": 8, key: value})
    assert (error.value.key, error.value.value) == (key, value)
    assert error.value.expected == f"at least {least}"


def test_a_banner_higher_than_the_picture_is_refused(tmp_path: Path) -> None:
    sample = _saved(tmp_path / "low.png", np.zeros((20, 4, 3), dtype=np.uint8))
    with pytest.raises(InputError, match=r"low\.png: rows is 20; expected more rows than .* 20"):
        load_images([sample], 8, crop_bottom=20)


def test_files_that_are_no_whole_pictures_are_refused(tmp_path: Path) -> None:
    whole = io.BytesIO()
    noise = np.random.default_rng(2).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(whole, format="JPEG")
    contents = {"half.jpg": whole.getvalue()[:-900], "text.jpg": b"no picture", "empty.jpg": b""}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}; expected a complete image file"):
            load_images([Sample(tmp_path / name, 0, None)], 8)
    with pytest.raises(InputError, match=r"gone\.jpg; expected an existing image file"):
        load_images([Sample(tmp_path / "gone.jpg", 0, None)], 8)
    with pytest.raises(InputError, match="expected a complete image file"):
        load_images([Sample(tmp_path, 0, None)], 8)
