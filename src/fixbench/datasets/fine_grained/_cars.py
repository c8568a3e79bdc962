"""Stanford Cars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from fixbench.datasets.fine_grained._lists import both_parts, image_file, inclusive_box
from fixbench.datasets.fine_grained._samples import FineGrained, Sample
from fixbench.errors import InputError

__all__ = ["read_cars"]

_CORNERS = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")


def read_cars(folder: Path) -> FineGrained:
    """Read a folder in one of Stanford Cars' two layouts."""
    whole = _find(folder, "cars_annos.mat")
    train_list = _find(folder, "cars_train_annos.mat")
    test_list = _find(folder, "cars_test_annos_withlabels.mat")
    if whole.exists() and not (train_list.exists() and test_list.exists()):
        content = _load(whole, "annotations", "class_names")
        class_names = _class_names(whole, content["class_names"])
        divided: tuple[list[Sample], list[Sample]] = ([], [])
        samples = _samples(whole, content["annotations"], folder, "relative_im_path", class_names)
        for (where, annotation), sample in samples:
            tested = _integer(whole, where, annotation, "test")
            if tested not in (0, 1):
                expected = "0 (training) or 1 (test)"
                raise InputError(whole, f"{where}.test", tested, expected=expected)
            divided[tested].append(sample)
        return both_parts(whole, class_names, *divided)
    meta = _find(folder, "cars_meta.mat")
    class_names = _class_names(meta, _load(meta, "class_names")["class_names"])
    train, test = (
        [
            sample
            for _, sample in _samples(
                path, _load(path, "annotations")["annotations"], images, "fname", class_names
            )
        ]
        for path, images in (
            (train_list, folder / "cars_train"),
            (test_list, folder / "cars_test"),
        )
    )
    return both_parts(folder, class_names, train, test)


def _find(folder: Path, name: str) -> Path:
    """A file of the devkit, which some copies of the data set keep beside the folder ``devkit``."""
    beside = folder / name
    return beside if beside.exists() else folder / "devkit" / name


def _load(path: Path, *names: str) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content: dict[str, Any] = loadmat(stream, simplify_cells=True)
    except FileNotFoundError as error:
        expected = "a file of Stanford Cars' devkit; see fixbench.datasets.fine_grained"
        raise InputError(path, "", expected=expected) from error
    except Exception as error:  # scipy reports damage by whatever its parser runs into
        raise InputError(path, "", expected=f"a MATLAB file ({error})") from error
    for name in names:
        if name not in content:
            raise InputError(path, name, expected="a variable of this name")
    return content


def _class_names(path: Path, value: Any) -> tuple[str, ...]:
    names = tuple(np.atleast_1d(np.asarray(value, dtype=object)).tolist())
    for number, name in enumerate(names, start=1):
        if not isinstance(name, str) or not name:
            raise InputError(path, f"class_names({number})", name, expected="a name")
    return names


def _samples(
    path: Path, annotations: Any, images: Path, name_key: str, class_names: tuple[str, ...]
) -> Iterator[tuple[tuple[str, Mapping[str, Any]], Sample]]:
    """Each annotation (where it stands, its fields) with its sample, in the order of the file."""
    # An array of one structure comes without its array.
    entries = list(annotations) if isinstance(annotations, list | np.ndarray) else [annotations]
    seen: dict[str, str] = {}
    for number, annotation in enumerate(entries, start=1):
        where = f"annotations({number})"
        if not isinstance(annotation, Mapping):
            raise InputError(path, where, annotation, expected="a structure")
        name = _field(path, where, annotation, name_key)
        if not isinstance(name, str) or not name:
            raise InputError(path, f"{where}.{name_key}", name, expected="the name of an image")
        if name in seen:
            expected = f"each image once (it is also at {seen[name]})"
            raise InputError(path, f"{where}.{name_key}", name, expected=expected)
        seen[name] = where
        label = _integer(path, where, annotation, "class")
        if not 1 <= label <= len(class_names):
            expected = f"a class from 1 to {len(class_names)}"
            raise InputError(path, f"{where}.class", label, expected=expected)
        corners = [_integer(path, where, annotation, key) for key in _CORNERS]
        box = inclusive_box(path, f"{where}.bbox", corners)
        file = image_file(path, f"{where}.{name_key}", images, name)
        yield (where, annotation), Sample(file, label - 1, box)


def _field(path: Path, where: str, annotation: Mapping[str, Any], key: str) -> Any:
    if key not in annotation:
        raise InputError(path, f"{where}.{key}", expected="this field in every annotation")
    return annotation[key]


def _integer(path: Path, where: str, annotation: Mapping[str, Any], key: str) -> int:
    value = _field(path, where, annotation, key)
    try:
        number = int(value)
        if number != value or isinstance(value, str):
            raise ValueError
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(path, f"{where}.{key}", value, expected="a whole number") from error
    return number
