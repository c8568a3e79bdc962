"""Bad input of each layout: one message that names the file, the place, the value and the right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fixbench.datasets.fine_grained import read_fine_grained, read_part_locations
from fixbench.errors import InputError

from .conftest import car, cells, structures


def _refused(folder: Path, layout: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read_fine_grained(folder, layout)
    assert "\n" not in str(caught.value)
    return caught.value


def _written(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("layout", ["birds", "", None])
def test_an_unknown_layout(layout: Any, tmp_path: Path) -> None:
    error = _refused(tmp_path, layout)
    assert (error.key, error.expected) == ("layout", "one of cub, cars, aircraft")


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("cub", "classes.txt"),
        ("cub", "images.txt"),
        ("cub", "image_class_labels.txt"),
        ("cub", "train_test_split.txt"),
        ("aircraft", "data/variants.txt"),
        ("aircraft", "data/images_variant_test.txt"),
        ("cars", "devkit/cars_meta.mat"),
        ("cars", "devkit/cars_train_annos.mat"),
        ("cars", "devkit/cars_test_annos_withlabels.mat"),
    ],
)
def test_a_missing_list(layout: str, name: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(layout)
    (folder / name).unlink()
    error = _refused(folder, layout)
    assert error.file == str(folder / name)
    assert "see fixbench.datasets.fine_grained" in error.expected


@pytest.mark.parametrize("missing", ["train", "val"])
def test_one_development_set_of_aircraft_alone(aircraft: Path, missing: str) -> None:
    (aircraft / "data/images_variant_trainval.txt").unlink()
    (aircraft / f"data/images_variant_{missing}.txt").unlink()
    error = _refused(aircraft, "aircraft")
    assert error.file.endswith(f"images_variant_{missing}.txt")


def test_no_development_set_of_aircraft(aircraft: Path) -> None:
    for part in ("trainval", "train", "val"):
        (aircraft / f"data/images_variant_{part}.txt").unlink()
    assert _refused(aircraft, "aircraft").file.endswith("images_variant_trainval.txt")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("classes.txt", "1 A\n3 B\n", "line 2: class_id", "3"),
        ("classes.txt", "0 A\n1 B\n", "line 1: class_id", "0"),
        ("classes.txt", "1\n", "line 1", "1"),
        ("classes.txt", "1 A\n\n2 B\n3 C\n", "line 2", ""),
        ("classes.txt", " \n\n", "", None),
        ("images.txt", "1 a.jpg\n", "line 1: image_name", "a.jpg"),
        ("images.txt", "one a.jpg\n", "line 1: image_id", "one"),
        ("images.txt", f"{'9' * 5000} a.jpg\n", "line 1: image_id", "9" * 5000),
        ("images.txt", "1 ../images.txt\n", "line 1: image_name", "../images.txt"),
        ("images.txt", "1 /etc/hostname\n", "line 1: image_name", "/etc/hostname"),
        ("images.txt", f"1 {'n' * 5000}.jpg\n", "line 1: image_name", f"{'n' * 5000}.jpg"),
        ("images.txt", "1 a\0b.jpg\n", "line 1: image_name", "a\0b.jpg"),
        ("image_class_labels.txt", "1 1\n2 1\n4 2\n", "image_id", "7"),
        ("image_class_labels.txt", "1 1\n2 1\n4 2\n7 4\n", "line 4: class_id", "4"),
        ("image_class_labels.txt", "1 1\n2 1\n4 2\n7 0\n", "line 4: class_id", "0"),
        ("image_class_labels.txt", "1 1\n2 1\n4 2\n7 1.0\n", "line 4: class_id", "1.0"),
        ("image_class_labels.txt", "1 1\n2 1\n4 2\n7 ²\n", "line 4: class_id", "²"),
        ("image_class_labels.txt", "1 1\n2 1\n2 2\n7 3\n", "line 3: image_id", "2"),
        ("image_class_labels.txt", "1 1\n2 1\n4 2\n5 3\n", "line 4: image_id", "5"),
        ("image_class_labels.txt", "1 1 1\n2 1\n4 2\n7 3\n", "line 1: class_id", "1 1"),
        ("train_test_split.txt", "1 1\n2 2\n4 1\n7 0\n", "line 2: is_training_image", "2"),
        ("train_test_split.txt", "1 1\n2 1\n4 1\n7 1\n", "test images", 0),
        ("train_test_split.txt", "1 0\n2 0\n4 0\n7 0\n", "training images", 0),
        ("bounding_boxes.txt", "1 0 0 5 5\n", "image_id", "2"),
        ("bounding_boxes.txt", "1 0 0 5\n2 0 0 1 1\n4 0 0 1 1\n7 0 0 1 1\n", "line 1", "0 0 5"),
        ("bounding_boxes.txt", "1 0 0 5 x\n2 0 0 1 1\n4 0 0 1 1\n7 0 0 1 1\n", "line 1", "0 0 5 x"),
        ("bounding_boxes.txt", "1 0 0 0 5\n2 0 0 1 1\n4 0 0 1 1\n7 0 0 1 1\n", "line 1", "0 0 0 5"),
        (
            "bounding_boxes.txt",
            "1 0 0 1 1\n2 0 nan 1 1\n4 0 0 1 1\n7 0 0 1 1\n",
            "line 2",
            "0 nan 1 1",
        ),
    ],
)
def test_cub(cub: Path, name: str, text: str, key: str, value: Any) -> None:
    _written(cub / name, text)
    error = _refused(cub, "cub")
    assert (error.file, error.key, error.value) == (str(cub / name), key, value)


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("parts.txt", "2 back\n", "line 1: part_id", "2"),
        ("part_locs.txt", "1 1 0 0 0\n", "part_id", 2),
        ("part_locs.txt", "3 1 0 0 0\n", "line 1: image_id", "3"),
        ("part_locs.txt", "1 3 0 0 0\n", "line 1: part_id", "3"),
        ("part_locs.txt", "1 1 0 0 0\n1 1 0 0 0\n", "line 2: part_id", "1"),
        ("part_locs.txt", "1 1 0 inf 1\n", "line 1", "0 inf"),
        ("part_locs.txt", "1 1 0 x 1\n", "line 1", "0 x"),
        ("part_locs.txt", "1 1 0 0 2\n", "line 1: visible", "2"),
        ("part_locs.txt", "1 1 0 0\n", "line 1", "1 1 0 0"),
    ],
)
def test_part_locations(cub: Path, name: str, text: str, key: str, value: Any) -> None:
    _written(cub / "parts" / name, text)
    with pytest.raises(InputError) as caught:
        read_part_locations(cub)
    found = caught.value
    assert (found.file, found.key, found.value) == (str(cub / "parts" / name), key, value)


def test_an_image_of_cub_that_occurs_twice(cub: Path) -> None:
    path = cub / "images.txt"
    path.write_text(path.read_text() + path.read_text().splitlines()[1] + "\n")
    error = _refused(cub, "cub")
    assert (error.file, error.key, error.value) == (str(path), "line 5: image_id", "2")


@pytest.mark.parametrize(
    ("name", "text", "key", "value"),
    [
        ("variants.txt", "707-320\nF/A-18\n707-320\n", "line 3", "707-320"),
        ("images_variant_test.txt", "0037511 Model B201\n", "line 1: variant", "Model B201"),
        ("images_variant_test.txt", "0037511\n", "line 1", "0037511"),
        ("images_variant_test.txt", "0037511 F/A-18\n0037511 F/A-18\n", "line 2: image", "0037511"),
        ("images_variant_test.txt", "0034958 F/A-18\n", "line 1: image", "0034958"),
        ("images_variant_test.txt", "0037511 F/A-18\n \n0038598 F/A-18\n", "line 2", ""),
        ("images_variant_test.txt", "", "", None),
        ("images_box.txt", "0034309 3 4 30 20\n", "line 1: image", "0034958"),
        ("images_box.txt", "0034309 3 4 30\n", "line 1", "0034309 3 4 30"),
        ("images_box.txt", "0034309 3 4 30 2.5\n", "line 1: ymax", "2.5"),
        ("images_box.txt", "0034309 3 4 2 20\n", "line 1", (3, 4, 2, 20)),
        ("images_box.txt", "1 1 1 2 2\n1 1 1 2 2\n", "line 2: image", "1"),
    ],
)
def test_aircraft(aircraft: Path, name: str, text: str, key: str, value: Any) -> None:
    _written(aircraft / "data" / name, text)
    error = _refused(aircraft, "aircraft")
    assert (error.key, error.value) == (key, value)


def test_an_image_of_aircraft_that_is_missing(aircraft: Path) -> None:
    (aircraft / "data/images/0038598.jpg").unlink()
    error = _refused(aircraft, "aircraft")
    assert error.file.endswith("images_variant_test.txt")
    assert (error.key, error.value) == ("line 2: image", "0038598.jpg")


@pytest.mark.parametrize(
    ("layout", "name"), [("cub", "classes.txt"), ("aircraft", "data/variants.txt")]
)
def test_another_encoding(layout: str, name: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(layout)
    (folder / name).write_bytes("1 Sàblé\n".encode("latin-1"))
    error = _refused(folder, layout)
    assert error.file == str(folder / name)
    assert error.expected.startswith("a readable text file in UTF-8")
    (folder / name).unlink()
    (folder / name).mkdir()
    assert _refused(folder, layout).file == str(folder / name)


def _with(**changes: Any) -> Callable[[], Any]:
    def entries() -> Any:
        second = car("fname", "00002.jpg", 2)
        return structures([car("fname", "00001.jpg", 1), second | changes])

    return entries


@pytest.mark.parametrize(
    ("entries", "key", "value"),
    [
        (_with(fname="00001.jpg"), "annotations(2).fname", "00001.jpg"),
        (_with(fname="00009.jpg"), "annotations(2).fname", "00009.jpg"),
        (_with(fname="../devkit/cars_meta.mat"), "annotations(2).fname", "../devkit/cars_meta.mat"),
        (_with(fname=np.uint8(7)), "annotations(2).fname", 7),
        (_with(**{"class": np.uint8(4)}), "annotations(2).class", 4),
        (_with(**{"class": np.uint8(0)}), "annotations(2).class", 0),
        (_with(**{"class": 1.5}), "annotations(2).class", 1.5),
        (_with(**{"class": float("nan")}), "annotations(2).class", None),
        (_with(**{"class": "1"}), "annotations(2).class", "1"),
        (_with(bbox_x2=np.uint16(1)), "annotations(2).bbox", (2, 3, 1, 7)),
        (lambda: cells(["a", "b"]), "annotations(1)", "a"),
    ],
)
def test_cars(cars: Path, entries: Callable[[], Any], key: str, value: Any) -> None:
    path = cars / "devkit/cars_train_annos.mat"
    savemat(path, {"annotations": entries()})
    error = _refused(cars, "cars")
    assert (error.file, error.key) == (str(path), key)
    assert value is None or error.value == value


def test_test_annotations_of_cars_without_labels(cars: Path) -> None:
    path = cars / "devkit/cars_test_annos_withlabels.mat"
    entry = car("fname", "00001.jpg", 1)
    del entry["class"]
    savemat(path, {"annotations": structures([entry])})
    error = _refused(cars, "cars")
    assert (error.file, error.key) == (str(path), "annotations(1).class")


def test_variables_of_cars_that_are_missing_or_empty(cars: Path) -> None:
    meta = cars / "devkit/cars_meta.mat"
    savemat(meta, {"names": cells(["a"])})
    assert _refused(cars, "cars").key == "class_names"
    savemat(meta, {"class_names": cells(["a", 5.0])})
    assert _refused(cars, "cars").key == "class_names(2)"
    savemat(meta, {"class_names": cells(["a", "b", "c"])})
    path = cars / "devkit/cars_train_annos.mat"
    savemat(path, {"annotations": 3.0})
    error = _refused(cars, "cars")
    assert (error.file, error.key, error.value) == (str(path), "annotations(1)", 3.0)
    savemat(path, {"annotations": np.zeros((0, 0))})
    assert _refused(cars, "cars").key == "training images"


def test_the_part_of_all_cars(all_cars: Path) -> None:
    path = all_cars / "cars_annos.mat"
    content = loadmat(path)
    for number, test in enumerate((0, 1, 2)):
        content["annotations"]["test"][0, number] = np.uint8(test)
    savemat(path, {key: content[key] for key in ("annotations", "class_names")})
    error = _refused(all_cars, "cars")
    assert (error.file, error.key, error.value) == (str(path), "annotations(3).test", 2)
    for number in range(3):
        content["annotations"]["test"][0, number] = np.uint8(1)
    savemat(path, {key: content[key] for key in ("annotations", "class_names")})
    assert _refused(all_cars, "cars").key == "training images"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_matlab_file_that_is_cut_short(cars: Path, compressed: bool) -> None:
    path = cars / "devkit/cars_train_annos.mat"
    savemat(path, {"annotations": loadmat(path)["annotations"]}, do_compression=compressed)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 8, 41):
        path.write_bytes(whole[:length])
        assert _refused(cars, "cars").file == str(path)


def test_a_file_that_is_no_matlab_file(cars: Path) -> None:
    path = cars / "devkit/cars_meta.mat"
    path.write_text("1 AM General Hummer SUV 2000\n" * 50)
    error = _refused(cars, "cars")
    assert error.file == str(path)
    assert error.expected.startswith("a MATLAB file")
