"""Small folders in the three layouts, written from the data sets' documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat


def write_image(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (12, 8)) -> None:
    """A picture of one colour, ``size`` columns and rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, quality=95)


def cells(names: list[Any]) -> Any:
    """A MATLAB cell array."""
    array = np.empty((1, len(names)), dtype=object)
    array[0, :] = names
    return array


def structures(entries: list[dict[str, Any]]) -> Any:
    """A MATLAB array of structures with the keys of the first one as fields."""
    array = np.zeros((1, len(entries)), dtype=[(key, object) for key in entries[0]])
    for number, entry in enumerate(entries):
        array[0, number] = tuple(entry.values())
    return array


def car(name_key: str, name: str, label: int, **more: Any) -> dict[str, Any]:
    """An annotation of Stanford Cars with the box from (2, 3) to (9, 7)."""
    corners = {"bbox_x1": 2, "bbox_y1": 3, "bbox_x2": 9, "bbox_y2": 7}
    numbers = {key: np.uint16(value) for key, value in corners.items()}
    return {name_key: name, **numbers, "class": np.uint8(label), **more}


@pytest.fixture
def cub(tmp_path: Path) -> Path:
    """Three classes; images 1, 2, 4, 7 (ids need not follow each other), training 1 and 4."""
    folder = tmp_path / "CUB_200_2011"
    images = {
        "1": "001.Black_footed_Albatross/Black_Footed_Albatross_0001_796111.jpg",
        "2": "001.Black_footed_Albatross/Black_Footed_Albatross_0002_55.jpg",
        "4": "002.Laysan_Albatross/Laysan_Albatross_0001_545.jpg",
        "7": "003.Sooty_Albatross/Sooty_Albatross_0001_1071.jpg",
    }
    for number, name in enumerate(images.values()):
        write_image(folder / "images" / name, (40 * number, 10, 200))
    (folder / "images.txt").write_text("".join(f"{key} {name}\n" for key, name in images.items()))
    (folder / "classes.txt").write_text(
        "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n3 003.Sooty_Albatross\n"
    )
    (folder / "image_class_labels.txt").write_text("1 1\n2 1\n4 2\n7 3\n")
    (folder / "train_test_split.txt").write_text("1 1\n2 0\n4 1\n7 0\n")
    (folder / "bounding_boxes.txt").write_text(
        "1 60.0 27.0 325.0 304.0\n2 139.5 30.25 153.0 264.5\n4 14.0 112.0 388.0 186.0\n7 0 0 1 1\n"
    )
    (folder / "parts").mkdir()
    (folder / "parts/parts.txt").write_text("1 back\n2 left eye\n")
    (folder / "parts/part_locs.txt").write_text(
        "1 1 0.0 0.0 0\n1 2 312.0 182.5 1\n2 1 3 4 1\n2 2 5 6 1\n"
        "4 1 7 8 1\n4 2 9 10 1\n7 2 11 12 1\n7 1 13 14 1\n"
    )
    return folder


@pytest.fixture
def aircraft(tmp_path: Path) -> Path:
    """Variants with spaces and slashes; two training, one validation and two test images."""
    folder = tmp_path / "fgvc-aircraft-2013b"
    data = folder / "data"
    for number, name in enumerate(("0034309", "0034958", "0037511", "0037512", "0038598")):
        write_image(data / "images" / f"{name}.jpg", (10, 40 * number, 90), (40, 50))
    (data / "variants.txt").write_text("707-320\nF/A-18\nModel B200\n")
    lists = {
        "train": "0034309 Model B200\n0037512 707-320\n",
        "val": "0034958 F/A-18\n",
        "test": "0037511 Model B200\n0038598 F/A-18\n",
    }
    for part, text in lists.items():
        (data / f"images_variant_{part}.txt").write_text(text)
    (data / "images_variant_trainval.txt").write_text(lists["val"] + lists["train"])
    (data / "images_box.txt").write_text(
        "0034309 3 4 30 20\n0034958 1 1 40 50\n0037511 2 2 2 2\n0037512 5 6 7 8\n0038598 9 8 9 9\n"
    )
    return folder


@pytest.fixture
def cars(tmp_path: Path) -> Path:
    """The devkit's own layout: two training images, two test images that have the same names."""
    folder = tmp_path / "stanford_cars"
    names = ["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Ram C/V Cargo Van"]
    (folder / "devkit").mkdir(parents=True)
    savemat(folder / "devkit/cars_meta.mat", {"class_names": cells(names)})
    for part, labels, file in (
        ("train", (3, 1), "cars_train_annos.mat"),
        ("test", (2, 3), "cars_test_annos_withlabels.mat"),
    ):
        entries = []
        for number, label in enumerate(labels, start=1):
            write_image(folder / f"cars_{part}/{number:05d}.jpg", (200, 10, 60 * number))
            entries.append(car("fname", f"{number:05d}.jpg", label))
        savemat(folder / "devkit" / file, {"annotations": structures(entries)})
    return folder


@pytest.fixture
def all_cars(tmp_path: Path) -> Path:
    """The layout of the whole data set: one list, one folder of images, one training image."""
    folder = tmp_path / "cars"
    entries = []
    for number, (label, test) in enumerate(((1, 1), (2, 0), (2, 1)), start=1):
        name = f"car_ims/{number:06d}.jpg"
        write_image(folder / name, (200, 10, 60 * number))
        entries.append(car("relative_im_path", name, label, test=np.uint8(test)))
    content = {"annotations": structures(entries), "class_names": cells(["Acura", "BMW"])}
    savemat(folder / "cars_annos.mat", content)
    return folder
