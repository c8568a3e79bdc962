"""The annotations of single frames, checked entry by entry."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from fixbench.datasets.action_genome._classes import (
    ACTION_COUNT,
    OBJECT_CLASSES,
    OBJECT_INDEX,
    RELATION_CLASSES,
    RELATION_KINDS,
    normalised,
)
from fixbench.datasets.action_genome._files import (
    action_index,
    check_names,
    read_charades,
    read_json,
)
from fixbench.datasets.action_genome._frame import Boxes, Flags, SceneFrame, Split
from fixbench.datasets.action_genome._pickle import read_pickle
from fixbench.errors import InputError

_OBJECTS_FILE = "object_bbox_and_relationship.pkl"
_PERSONS_FILE = "person_bbox.pkl"


@dataclass(frozen=True)
class Scene:
    """One annotated frame, checked."""

    video: str
    number: int
    split: Split
    subset: str
    size: tuple[int, int]
    person_boxes: Boxes
    person_actions: Flags
    object_boxes: Boxes
    object_classes: NDArray[np.int64]
    object_relations: Flags
    union: Flags
    clipped: bool

    def frame(self, persons: int, clip: tuple[Path, ...]) -> SceneFrame:
        things = len(self.object_boxes)
        nobody = np.zeros(persons, dtype=np.int64)
        return SceneFrame(
            video=self.video,
            frame=self.number,
            split=self.split,
            subset=self.subset,
            size=self.size,
            boxes=np.concatenate([self.person_boxes[:persons], self.object_boxes]),
            objects=np.concatenate([nobody, self.object_classes]),
            relations=np.concatenate([np.tile(self.union, (persons, 1)), self.object_relations]),
            actions=np.concatenate(
                [self.person_actions[:persons], np.zeros((things, ACTION_COUNT), dtype=bool)]
            ),
            clip=clip,
        )


class Annotations:
    """The files in ``annotations/``; `scene` checks the entries of one frame."""

    def __init__(self, directory: Path, fps: float) -> None:
        folder = directory / "annotations"
        self._fps = fps
        check_names(folder / "object_classes.txt", OBJECT_CLASSES)
        check_names(folder / "relationship_classes.txt", RELATION_CLASSES)
        self._objects_file = folder / _OBJECTS_FILE
        self._persons_file = folder / _PERSONS_FILE
        self.objects = read_pickle(self._objects_file)
        self.persons = read_pickle(self._persons_file)
        for key in self.objects:
            _split_key(self._objects_file, key)
        for key in sorted(self.objects.keys() ^ self.persons.keys(), key=str):
            inside, outside = self._objects_file, self._persons_file
            if key in self.persons:
                inside, outside = outside, inside
            raise InputError(outside, str(key), expected=f"an entry, as in {inside.name}")
        self._charades = read_charades(folder)
        self._video_fps = read_json(folder / "video_fps.json")
        self._fps_file = folder / "video_fps.json"
        self._details = read_json(folder / "frame_details.json")
        self._details_file = folder / "frame_details.json"
        for key in self._details.keys() - self.objects.keys():
            raise InputError(self._details_file, key, expected=f"a key of {_OBJECTS_FILE}")

    def scene(self, key: str) -> Scene:
        video, number = _split_key(self._objects_file, key)
        size, person_boxes, cut = self._person_boxes(key)
        boxes, classes, relations, splits = [], [], [], set()
        union = np.zeros(len(RELATION_CLASSES), dtype=bool)
        entries = self.objects[key]
        if not isinstance(entries, list) or not entries:
            expected = "a list of one or more objects"
            raise InputError(self._objects_file, key, entries, expected=expected)
        for index, entry in enumerate(entries):
            where = f"{key}[{index}]"
            thing = self._object(where, entry, size)
            splits.add(thing.split)
            union |= thing.relations
            if thing.box is not None:
                boxes.append(thing.box)
                classes.append(thing.index)
                relations.append(thing.relations)
                cut |= thing.clipped
        if len(splits) > 1:
            expected = "the same set for all objects of a frame"
            raise InputError(
                self._objects_file, f"{key}: metadata.set", sorted(splits), expected=expected
            )
        subset, actions = self._actions(key, video, number, len(person_boxes))
        return Scene(
            video=video,
            number=number,
            split=splits.pop(),
            subset=subset,
            size=size,
            person_boxes=person_boxes,
            person_actions=actions,
            object_boxes=np.array(boxes, dtype=np.float32).reshape(-1, 4),
            object_classes=np.array(classes, dtype=np.int64),
            object_relations=np.array(relations, dtype=bool).reshape(-1, len(RELATION_CLASSES)),
            union=union,
            clipped=cut,
        )

    def _person_boxes(self, key: str) -> tuple[tuple[int, int], Boxes, bool]:
        file, entry = self._persons_file, self.persons[key]
        if not isinstance(entry, dict):
            raise InputError(file, key, entry, expected="a dictionary with bbox and bbox_size")
        for name in ("bbox", "bbox_size"):
            if name not in entry:
                raise InputError(file, f"{key}: {name}", expected="this key in every frame")
        mode = entry.get("bbox_mode", "xyxy")
        if not isinstance(mode, str) or mode != "xyxy":
            raise InputError(file, f"{key}: bbox_mode", mode, expected="'xyxy'")
        size = entry["bbox_size"]
        sides = _as_list(size)
        if len(sides) != 2 or not all(_is_number(side) and side > 0 for side in sides):
            expected = "width and height, positive, in pixels"
            raise InputError(file, f"{key}: bbox_size", size, expected=expected)
        width, height = (int(side) for side in sides)
        expected = "an array [k, 4] of numbers (x1, y1, x2, y2), k = 0 where nobody was found"
        found = entry["bbox"]
        array: NDArray[Any] = found if isinstance(found, np.ndarray) else np.empty(1)
        if array.size == 0:
            array = np.zeros((0, 4))
        if array.ndim != 2 or array.shape[1] != 4 or array.dtype.kind not in "iuf":
            raise InputError(file, f"{key}: bbox", found, expected=expected)
        boxes = [
            _inside(file, f"{key}: bbox[{row}]", array[row], (width, height))
            for row in range(len(array))
        ]
        stacked = np.array([box for box, _ in boxes], dtype=np.float32).reshape(-1, 4)
        return (width, height), stacked, any(cut for _, cut in boxes)

    def _object(self, where: str, entry: Any, size: tuple[int, int]) -> _Object:
        file = self._objects_file
        if not isinstance(entry, dict):
            raise InputError(file, where, entry, expected="a dictionary that describes an object")
        for name in ("class", "bbox", *RELATION_KINDS, "visible", "metadata"):
            if name not in entry:
                raise InputError(file, f"{where}: {name}", expected="this key in every object")
        index = OBJECT_INDEX.get(normalised(entry["class"]))
        if index is None or index == 0:
            expected = "one of object_classes.txt but the person"
            raise InputError(file, f"{where}: class", entry["class"], expected=expected)
        visible = entry["visible"]
        if not isinstance(visible, bool | np.bool_):
            raise InputError(file, f"{where}: visible", visible, expected="True or False")
        metadata = entry["metadata"]
        split = metadata.get("set") if isinstance(metadata, dict) else None
        if not _is_split(split):
            raise InputError(file, f"{where}: metadata.set", split, expected="'train' or 'test'")
        relations = np.zeros(len(RELATION_CLASSES), dtype=bool)
        for kind, places in RELATION_KINDS.items():
            relations[self._relations(f"{where}: {kind}", entry[kind], places)] = True
        box, cut = None, False
        if visible:
            box, cut = self._box(f"{where}: bbox", entry["bbox"], size)
        return _Object(index, box, relations, split, cut)

    def _relations(self, where: str, names: Any, places: range) -> list[int]:
        if names is None:
            return []
        allowed = {normalised(RELATION_CLASSES[place]): place for place in places}
        if not isinstance(names, list | tuple):
            expected = "a list of names, or None"
            raise InputError(self._objects_file, where, names, expected=expected)
        for name in names:
            if normalised(name) not in allowed:
                known = ", ".join(RELATION_CLASSES[place] for place in places)
                raise InputError(self._objects_file, where, name, expected=f"one of {known}")
        return [allowed[normalised(name)] for name in names]

    def _box(self, where: str, box: Any, size: tuple[int, int]) -> tuple[Boxes, bool]:
        numbers = _as_list(box)
        if len(numbers) != 4 or not all(_is_number(number) for number in numbers):
            expected = "(x, y, width, height), because the object is visible"
            raise InputError(self._objects_file, where, box, expected=expected)
        x, y, width, height = (float(number) for number in numbers)
        corners = np.array([x, y, x + width, y + height])
        return _inside(self._objects_file, where, corners, size)

    def _actions(self, key: str, video: str, number: int, persons: int) -> tuple[str, Flags]:
        """The frame's subset, and what each person does: bool [persons, 157]."""
        name = video.removesuffix(".mp4")
        if name not in self._charades:
            file = self._objects_file.with_name("Charades_v1_train.csv")
            expected = f"a row for {name!r}, here or in Charades_v1_test.csv"
            raise InputError(file, "id", expected=expected)
        fps = self._video_fps.get(video, self._fps)
        if not _is_number(fps) or fps <= 0:
            raise InputError(self._fps_file, video, fps, expected="a positive number")
        time = (number - 1) / fps
        actions = np.zeros(ACTION_COUNT, dtype=bool)
        for code, start, end in self._charades[name]:
            actions[code] |= start <= time <= end
        details = self._details.get(key, {})
        file = self._details_file
        if not isinstance(details, dict) or not isinstance(details.get("subset", ""), str):
            expected = 'an object such as {"subset": "distractor"}'
            raise InputError(file, key, details, expected=expected)
        subset: str = details.get("subset", "")
        if "person_actions" not in details:
            return subset, np.tile(actions, (persons, 1))
        told = details["person_actions"]
        if not isinstance(told, list) or len(told) != persons:
            expected = f"a list of actions for each of the frame's {persons} persons"
            raise InputError(file, f"{key}: person_actions", told, expected=expected)
        apart = np.zeros((persons, ACTION_COUNT), dtype=bool)
        for person, codes in enumerate(told):
            for code in codes if isinstance(codes, list) else [codes]:
                apart[person, action_index(file, f"{key}: person_actions", code)] = True
        if persons and not np.array_equal(apart.any(axis=0), actions):
            listed = [f"c{index:03d}" for index in np.flatnonzero(actions)]
            expected = f"together the actions that Charades lists at this time, {listed}"
            raise InputError(file, f"{key}: person_actions", told, expected=expected)
        return subset, apart


@dataclass(frozen=True)
class _Object:
    index: int
    box: Boxes | None
    relations: Flags
    split: Split
    clipped: bool


def _is_split(value: Any) -> TypeGuard[Split]:
    return isinstance(value, str) and value in ("train", "test")


def _split_key(file: Path, key: Any) -> tuple[str, int]:
    parts = key.split("/") if isinstance(key, str) else []
    stem = Path(parts[-1]).stem if len(parts) == 2 else ""
    safe = len(parts) == 2 and parts[0] not in ("", ".", "..") and parts[0].isprintable()
    if not safe or not (stem.isascii() and stem.isdigit() and len(stem) == 6 and int(stem) > 0):
        expected = "a key such as '001YG.mp4/000089.png'"
        raise InputError(file, "key", key, expected=expected)
    return parts[0], int(stem)


def _inside(
    file: Path, where: str, corners: NDArray[Any], size: tuple[int, int]
) -> tuple[Boxes, bool]:
    """Corners cut at the picture's edges, and whether anything was cut."""
    width, height = size
    if not np.isfinite(corners).all():
        raise InputError(file, where, corners.tolist(), expected="finite numbers")
    box = np.asarray(corners, dtype=np.float32)
    cut = np.clip(box, 0, np.array([width, height] * 2, dtype=np.float32))
    if not (cut[2:] > cut[:2]).all():
        expected = f"a box with an area inside the picture of {width}x{height} pixels"
        raise InputError(file, where, corners.tolist(), expected=expected)
    return cut, not np.array_equal(cut, box)


def _as_list(value: Any) -> list[Any]:
    """A sequence's items; none of anything else."""
    items = value.tolist() if isinstance(value, np.ndarray) else value
    return list(items) if isinstance(items, list | tuple) else []


def _is_number(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return False
    return math.isfinite(float(value))
