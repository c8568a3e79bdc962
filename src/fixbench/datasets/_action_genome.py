"""Action Genome: the reader of its annotation format.

Format: Ji et al., "Action Genome: Actions as Compositions of Spatio-temporal Scene Graphs", CVPR
2020, and the README of its repository; actions: Charades (Sigurdsson et al., ECCV 2016). A folder
holds

    annotations/object_bbox_and_relationship.pkl  key → objects: class, bbox (x, y, width, height)
                                                  or None, relations by kind or None, visible,
                                                  metadata with the set
    annotations/person_bbox.pkl                   key → bbox (x1, y1, x2, y2) [k, 4], bbox_size
    annotations/object_classes.txt                36 names, the person first
    annotations/relationship_classes.txt          26 names: 3 attention, 6 spatial, 17 contacting
    annotations/Charades_v1_train.csv, …_test.csv id, actions ("c092 11.90 21.20;c147 0.00 12.60")
    annotations/video_fps.json                    optional: video → frames a second
    annotations/frame_details.json                optional, Fixbench's: key → subset, and actions of
                                                  each person, which the format does not tell apart
    frames/001YG.mp4/000089.png                   under the key "001YG.mp4/000089.png"

Which frames count is STTran's rule (Cong et al., ICCV 2021): those with a visible object and a
person's box, in videos with more than two of them. The pickles are read without running anything
in them.
"""

from __future__ import annotations

import csv
import io
import json
import math
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeGuard

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fixbench.errors import InputError

__all__ = [
    "ACTION_COUNT",
    "OBJECT_CLASSES",
    "RELATION_CLASSES",
    "ActionGenome",
    "SceneFrame",
    "read_action_genome",
]

Split = Literal["train", "test"]
Boxes = NDArray[np.float32]
Flags = NDArray[np.bool_]

#: Classes in the order of their labels, spelled as in the annotations.
OBJECT_CLASSES: tuple[str, ...] = (
    *("person", "bag", "bed", "blanket", "book", "box", "broom", "chair", "closet/cabinet"),
    *("clothes", "cup/glass/bottle", "dish", "door", "doorknob", "doorway", "floor", "food"),
    *("groceries", "laptop", "light", "medicine", "mirror", "paper/notebook", "phone/camera"),
    *("picture", "pillow", "refrigerator", "sandwich", "shelf", "shoe", "sofa/couch", "table"),
    *("television", "towel", "vacuum", "window"),
)
RELATION_CLASSES: tuple[str, ...] = (
    *("looking_at", "not_looking_at", "unsure"),
    *("above", "beneath", "in_front_of", "behind", "on_the_side_of", "in"),
    *("carrying", "covered_by", "drinking_from", "eating", "have_it_on_the_back", "holding"),
    *("leaning_on", "lying_on", "not_contacting", "other_relationship", "sitting_on"),
    *("standing_on", "touching", "twisting", "wearing", "wiping", "writing_on"),
)
#: Charades' actions, c000 to c156.
ACTION_COUNT = 157

#: Kind of relation → its place among the 26.
_RELATION_KINDS: Mapping[str, range] = MappingProxyType(
    {
        "attention_relationship": range(3),
        "spatial_relationship": range(3, 9),
        "contacting_relationship": range(9, 26),
    }
)

_OBJECTS_FILE = "object_bbox_and_relationship.pkl"
_PERSONS_FILE = "person_bbox.pkl"
#: STTran keeps videos with more than two usable frames.
_FEWEST_FRAMES = 3

NO_PERSON = "no person box"
NO_OBJECT = "no visible object"
SHORT_VIDEO = "fewer than three usable frames in the video"


@dataclass(frozen=True)
class SceneFrame:
    """One annotated frame and the clip that ends at it.

    Attributes:
        video: such as "001YG.mp4"; frame: its number, from 1; split: its set.
        subset: its tag in ``frame_details.json``, or "".
        size: width and height of the picture in which boxes are given.
        boxes: float32 [K, 4] as (x1, y1, x2, y2) in pixels, persons first.
        objects: int64 [K], indices of `OBJECT_CLASSES`.
        relations: bool [K, 26]: an object's own, a person's the union of all objects' in the frame.
        actions: bool [K, 157]: a person's at this time; objects have none.
        clip: the T picture files, oldest first, this frame last.
    """

    video: str
    frame: int
    split: Split
    subset: str
    size: tuple[int, int]
    boxes: Boxes
    objects: NDArray[np.int64]
    relations: Flags
    actions: Flags
    clip: tuple[Path, ...]

    @property
    def labels(self) -> NDArray[np.float32]:
        """Multi-hot [K, 219]: objects 0–35, actions 36–192, relations 193–218."""
        objects = self.objects[:, None] == np.arange(len(OBJECT_CLASSES))
        labels: NDArray[np.float32] = np.concatenate(
            [objects, self.actions, self.relations], axis=1
        ).astype(np.float32)
        return labels

    def boxes_at(self, side: int) -> Boxes:
        """The boxes in pictures of ``side`` rows and columns."""
        scale = np.array([side / self.size[0], side / self.size[1]] * 2, dtype=np.float32)
        boxes: Boxes = self.boxes * scale
        return boxes

    def load_clip(self, side: int | None = None) -> NDArray[np.uint8]:
        """The pictures, uint8 [T, H, W, 3]; with ``side`` resized to it, bilinearly.

        Raises:
            InputError: a file is not a complete picture, or not of the size of the first.
        """
        loaded: dict[Path, NDArray[np.uint8]] = {}
        for path in self.clip:
            if path not in loaded:
                loaded[path] = _read_picture(path, side)
            first = loaded[self.clip[0]]
            if loaded[path].shape != first.shape:
                height, width = first.shape[:2]
                expected = f"{width}x{height} pixels like {self.clip[0].name}"
                raise InputError(path, "size", loaded[path].shape[1::-1], expected=expected)
        return np.stack([loaded[path] for path in self.clip])


@dataclass(frozen=True)
class ActionGenome:
    """One split.

    Attributes:
        frames: usable frames, by key.
        dropped: reason → keys of the annotated frames of this split that were left out.
        clipped: keys of frames in which a box reached beyond the picture and was cut at its edge.
        unlabelled_persons: boxes of second and further persons that were left out.
        filled: pictures of clips that are not stored, for which a later one stands.
    """

    frames: tuple[SceneFrame, ...]
    dropped: Mapping[str, tuple[str, ...]]
    clipped: tuple[str, ...]
    unlabelled_persons: int
    filled: int


def read_action_genome(
    directory: Path,
    *,
    split: Split,
    clip_length: int = 16,
    sampling_rate: int = 1,
    fps: float = 24.0,
    longest_gap: int = 0,
    persons: Literal["first", "all"] = "first",
) -> ActionGenome:
    """Read one split of Action Genome, or of data in its format.

    A clip ends at its annotated frame and goes back ``sampling_rate`` frames a step, not beyond
    frame 1. Time is (frame − 1) / fps. An object that is not visible gets no box, but its relations
    count for the person (document 000's code).

    Args:
        fps: of videos that ``video_fps.json`` does not list (24 is the document's assumption).
        longest_gap: how many frames a stored one may stand for that are missing directly before
            it (variable frame rate); by default every frame of a clip must be there.
        persons: ``first`` keeps and labels one person a frame, as the document's code does;
            ``all`` keeps them all. The format has one list of actions for all persons: unless
            ``frame_details.json`` tells them apart, all get the same.

    Raises:
        InputError: names the file, the key and the value of the first thing that is wrong.
    """
    source = "read_action_genome"
    if split not in ("train", "test"):
        raise InputError(source, "split", split, expected="'train' or 'test'")
    if persons not in ("first", "all"):
        raise InputError(source, "persons", persons, expected="'first' or 'all'")
    least = {"clip_length": (clip_length, 1), "sampling_rate": (sampling_rate, 1)}
    for name, (value, smallest) in (least | {"longest_gap": (longest_gap, 0)}).items():
        if value < smallest:
            raise InputError(source, name, value, expected=f"at least {smallest}")
    if not 0 < fps < math.inf:
        raise InputError(source, "fps", fps, expected="a positive number")

    annotations = _Annotations(Path(directory), fps)
    frames: dict[str, list[SceneFrame]] = {}
    dropped: dict[str, list[str]] = {NO_PERSON: [], NO_OBJECT: [], SHORT_VIDEO: []}
    clipped: list[str] = []
    unlabelled = 0
    pictures = _Pictures(Path(directory) / "frames", clip_length, sampling_rate, longest_gap)
    for key in sorted(annotations.objects):
        scene = annotations.scene(key)
        if scene.split != split:
            continue
        if not len(scene.person_boxes):
            dropped[NO_PERSON].append(key)
        elif not len(scene.object_boxes):
            dropped[NO_OBJECT].append(key)
        else:
            count = 1 if persons == "first" else len(scene.person_boxes)
            unlabelled += len(scene.person_boxes) - count
            if scene.clipped:
                clipped.append(key)
            frames.setdefault(scene.video, []).append(scene.frame(count, pictures.clip(key)))
    for video, usable in list(frames.items()):
        if len(usable) < _FEWEST_FRAMES:
            dropped[SHORT_VIDEO] += [f"{video}/{frame.clip[-1].name}" for frame in usable]
            del frames[video]
    return ActionGenome(
        frames=tuple(frame for usable in frames.values() for frame in usable),
        dropped=MappingProxyType({reason: tuple(keys) for reason, keys in dropped.items()}),
        clipped=tuple(clipped),
        unlabelled_persons=unlabelled,
        filled=pictures.filled,
    )


@dataclass(frozen=True)
class _Scene:
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


class _Annotations:
    """The files in ``annotations/``; `scene` checks the entries of one frame."""

    def __init__(self, directory: Path, fps: float) -> None:
        folder = directory / "annotations"
        self._fps = fps
        _check_names(folder / "object_classes.txt", OBJECT_CLASSES)
        _check_names(folder / "relationship_classes.txt", RELATION_CLASSES)
        self._objects_file = folder / _OBJECTS_FILE
        self._persons_file = folder / _PERSONS_FILE
        self.objects = _read_pickle(self._objects_file)
        self.persons = _read_pickle(self._persons_file)
        for key in self.objects:
            _split_key(self._objects_file, key)
        for key in sorted(self.objects.keys() ^ self.persons.keys(), key=str):
            inside, outside = self._objects_file, self._persons_file
            if key in self.persons:
                inside, outside = outside, inside
            raise InputError(outside, str(key), expected=f"an entry, as in {inside.name}")
        self._charades = _read_charades(folder)
        self._video_fps = _read_json(folder / "video_fps.json")
        self._fps_file = folder / "video_fps.json"
        self._details = _read_json(folder / "frame_details.json")
        self._details_file = folder / "frame_details.json"
        for key in self._details.keys() - self.objects.keys():
            raise InputError(self._details_file, key, expected=f"a key of {_OBJECTS_FILE}")

    def scene(self, key: str) -> _Scene:
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
        return _Scene(
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
        for name in ("class", "bbox", *_RELATION_KINDS, "visible", "metadata"):
            if name not in entry:
                raise InputError(file, f"{where}: {name}", expected="this key in every object")
        index = _OBJECT_INDEX.get(_normalised(entry["class"]))
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
        for kind, places in _RELATION_KINDS.items():
            relations[self._relations(f"{where}: {kind}", entry[kind], places)] = True
        box, cut = None, False
        if visible:
            box, cut = self._box(f"{where}: bbox", entry["bbox"], size)
        return _Object(index, box, relations, split, cut)

    def _relations(self, where: str, names: Any, places: range) -> list[int]:
        if names is None:
            return []
        allowed = {_normalised(RELATION_CLASSES[place]): place for place in places}
        if not isinstance(names, list | tuple):
            expected = "a list of names, or None"
            raise InputError(self._objects_file, where, names, expected=expected)
        for name in names:
            if _normalised(name) not in allowed:
                known = ", ".join(RELATION_CLASSES[place] for place in places)
                raise InputError(self._objects_file, where, name, expected=f"one of {known}")
        return [allowed[_normalised(name)] for name in names]

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
                apart[person, _action(file, f"{key}: person_actions", code)] = True
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


class _Pictures:
    """Which files a clip consists of; lists each video's folder once."""

    def __init__(self, folder: Path, length: int, rate: int, longest_gap: int) -> None:
        self._folder, self._length, self._rate = folder, length, rate
        self._longest_gap = longest_gap
        self._video, self._names = "", frozenset[str]()
        self.filled = 0

    def clip(self, key: str) -> tuple[Path, ...]:
        video, name = key.split("/")
        if video != self._video:
            try:
                self._names = frozenset(path.name for path in (self._folder / video).iterdir())
            except OSError as error:
                expected = "a folder with the frames of this video"
                raise InputError(self._folder / video, "", expected=expected) from error
            self._video = video
        last, suffix = int(Path(name).stem), Path(name).suffix
        if name not in self._names:
            raise InputError(self._folder / key, "", expected="the picture of this annotated frame")
        files = []
        for step in reversed(range(self._length)):
            wanted = max(1, last - step * self._rate)
            nearest = min(wanted + self._longest_gap, last)
            for number in range(wanted, nearest + 1):
                stored = f"{number:06d}{suffix}"
                if stored in self._names:
                    break
            else:
                expected = f"this frame of the clip that ends at {name}; dump all frames of the "
                expected += "video, or set longest_gap"
                raise InputError(
                    self._folder / video / f"{wanted:06d}{suffix}", "", expected=expected
                )
            self.filled += number != wanted
            files.append(self._folder / video / stored)
        return tuple(files)


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


def _normalised(name: Any) -> str:
    """Letters and digits alone, in lower case: the lists and the annotations spell differently."""
    return "".join(c for c in name.lower() if c.isalnum()) if isinstance(name, str) else ""


_OBJECT_INDEX = {_normalised(name): index for index, name in enumerate(OBJECT_CLASSES)}


def _check_names(path: Path, names: Sequence[str]) -> None:
    found = [line.strip() for line in _read_text(path).splitlines() if line.strip()]
    for number, name in enumerate(names):
        if number >= len(found):
            raise InputError(path, f"line {number + 1}", expected=f"{name}: {len(names)} classes")
        if _normalised(found[number]) != _normalised(name):
            raise InputError(path, f"line {number + 1}", found[number], expected=repr(name))
    if len(found) > len(names):
        expected = f"no further class after {len(names)}"
        raise InputError(path, f"line {len(names) + 1}", found[len(names)], expected=expected)


def _action(file: Path, where: str, code: Any) -> int:
    digits = code[1:] if isinstance(code, str) and code[:1] == "c" else ""
    known = digits.isascii() and digits.isdigit() and len(digits) == 3
    if not known or int(digits) >= ACTION_COUNT:
        raise InputError(file, where, code, expected="an action from c000 to c156")
    return int(digits)


def _read_charades(folder: Path) -> dict[str, list[tuple[int, float, float]]]:
    """Video → (action, start, end) in seconds."""
    videos: dict[str, list[tuple[int, float, float]]] = {}
    for name in ("Charades_v1_train.csv", "Charades_v1_test.csv"):
        path = folder / name
        rows = csv.DictReader(io.StringIO(_read_text(path), newline=""))
        try:
            for column in ("id", "actions"):
                if column not in (rows.fieldnames or ()):
                    raise InputError(path, column, expected="a column of this name")
            for row in rows:
                where = f"line {rows.line_num}"
                if row["id"] in videos:
                    raise InputError(path, f"{where}: id", row["id"], expected="each video once")
                entries = [entry for entry in (row["actions"] or "").split(";") if entry]
                videos[row["id"]] = [_interval(path, f"{where}: actions", e) for e in entries]
        except csv.Error as error:
            expected = f"comma-separated values ({error})"
            raise InputError(path, f"line {rows.line_num + 1}", expected=expected) from error
    return videos


def _interval(path: Path, where: str, entry: str) -> tuple[int, float, float]:
    expected = "entries such as 'c092 11.90 21.20', separated by ';'"
    try:
        code, start, end = entry.split()
        interval = float(start), float(end)
    except ValueError as error:
        raise InputError(path, where, entry, expected=expected) from error
    if not all(math.isfinite(time) for time in interval):
        raise InputError(path, where, entry, expected=expected)
    return _action(path, where, code), *interval


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        expected = "a file of Action Genome's annotations; see fixbench.datasets.read_action_genome"
        raise InputError(path, "", expected=expected) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", expected=f"a text file in UTF-8 ({error})") from error


def _read_json(path: Path) -> dict[str, Any]:
    """An optional file that holds an object."""
    if not path.exists():
        return {}
    try:
        value = json.loads(_read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(path, f"line {error.lineno}", expected=f"JSON ({error.msg})") from error
    if not isinstance(value, dict):
        raise InputError(path, "", value, expected="a JSON object")
    return value


def _read_picture(path: Path, side: int | None) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(path, "", expected="a complete picture") from error
    if side is not None:
        picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(picture)


def _read_pickle(path: Path) -> dict[str, Any]:
    """A pickle of containers, strings, numbers and arrays of numbers: nothing in it is run."""
    try:
        with path.open("rb") as stream:
            value = _PlainUnpickler(stream, path).load()
    except InputError:
        raise
    except FileNotFoundError as error:
        expected = "a file of Action Genome's annotations; see fixbench.datasets.read_action_genome"
        raise InputError(path, "", expected=expected) from error
    # A damaged pickle can end in almost any exception.
    except Exception as error:
        expected = f"a complete pickle ({type(error).__name__}: {error})"
        raise InputError(path, "", expected=expected) from error
    if not isinstance(value, dict):
        raise InputError(path, "", value, expected="a dictionary, key → annotation")
    return value


class _PlainUnpickler(pickle.Unpickler):
    """Knows by name only what numpy's arrays and scalars need, in harmless versions of its own."""

    def __init__(self, stream: Any, path: Path) -> None:
        # Pickles of Python 2 hold byte strings.
        super().__init__(stream, encoding="latin1")
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("numpy", "ndarray"):
            return _NDARRAY
        builder = _BUILDERS.get((module.replace("numpy._core", "numpy.core"), name))
        if builder is None:
            expected = "plain containers, strings, numbers and numpy arrays only"
            raise InputError(self._path, "class", f"{module}.{name}", expected=expected)
        # A pickle may set attributes on what it was given: this wrapper goes with it.
        return lambda *arguments: builder(*arguments)


#: Stands for the class, which a pickle could call.
_NDARRAY = object()


def _new_array(kind: object, shape: object, code: object) -> NDArray[Any]:
    """What numpy's pickles start from; shape, type and content follow as its state."""
    if kind is not _NDARRAY or shape != (0,):
        raise pickle.UnpicklingError("an array of another class")
    return np.empty(0, dtype="b")


def _dtype(code: str, align: bool = False, copy: bool = True) -> np.dtype[Any]:
    dtype = np.dtype(code, align=align, copy=True)
    if dtype.kind not in "biufSU":
        raise pickle.UnpicklingError(f"an array of {dtype}")
    return dtype


def _scalar(dtype: np.dtype[Any], content: bytes) -> Any:
    return np.frombuffer(content, dtype=dtype)[0]


def _from_buffer(
    content: bytes, dtype: np.dtype[Any], shape: tuple[int, ...], order: Literal["C", "F"]
) -> NDArray[Any]:
    return np.frombuffer(content, dtype=dtype).reshape(shape, order=order)


def _latin1(text: str, encoding: str = "latin1") -> bytes:
    """Protocol 2's way to hold bytes; `_no_bytes` where there are none."""
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


_BUILDERS: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("numpy.core.multiarray", "_reconstruct"): _new_array,
        ("numpy.core.multiarray", "scalar"): _scalar,
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("numpy", "dtype"): _dtype,
        ("_codecs", "encode"): _latin1,
        ("__builtin__", "bytes"): _no_bytes,
    }
)
