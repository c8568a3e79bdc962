"""The reader of Action Genome's format: what it makes of good annotations, what it says of bad."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fixbench.datasets import OBJECT_CLASSES, RELATION_CLASSES, _action_genome, read_action_genome
from fixbench.errors import InputError

OBJECTS = "object_bbox_and_relationship.pkl"
PERSONS = "person_bbox.pkl"
KEY = "001YG.mp4/000089.png"
#: Time of frame 89 at 24 frames a second.
TIME = 88 / 24


def _thing(name: str, bbox: Any, *relations: Any, visible: bool = True, split: str = "train"):
    kinds = ("attention_relationship", "spatial_relationship", "contacting_relationship")
    return {
        "class": name,
        "bbox": bbox,
        **dict(zip(kinds, relations, strict=True)),
        "metadata": {"tag": f"001YG.mp4/{name}/000089", "set": split},
        "visible": visible,
    }


def _objects(split: str = "train") -> list[dict[str, Any]]:
    """The first annotated frame of the real data, and a thing that cannot be seen."""
    return [
        _thing("table", (22.2, 14.5, 25.0, 10.5), ["unsure"], ["in_front_of"], ["not_contacting"]),
        _thing(
            "chair",
            (5.5, 17.5, 19.0, 9.0),
            ["not_looking_at"],
            ["beneath", "behind"],
            ["sitting_on", "leaning_on"],
        ),
        _thing("closet/cabinet", None, None, None, None, visible=False),
    ]


def _person(*boxes: tuple[float, ...]) -> dict[str, Any]:
    return {
        "bbox": np.array(boxes, dtype=np.float32).reshape(-1, 4),
        "bbox_score": np.ones(len(boxes), dtype=np.float32),
        "bbox_size": (48, 27),
        "bbox_mode": "xyxy",
        "keypoints": np.zeros((len(boxes), 17, 3), dtype=np.float32),
    }


class Dataset:
    """A folder in the format, and the values that its files hold; `write` after a change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        keys = [f"001YG.mp4/{number:06d}.png" for number in (89, 93, 264)]
        self.objects: Any = {key: _objects() for key in keys}
        self.persons: Any = {key: _person((2.4, 7.1, 25.9, 26.8)) for key in keys}
        self.rows = {"train": ["001YG,c092 3.00 4.00;c147 0.00 3.66;c009 9.90 12.00"], "test": []}
        self.details: Any = None
        self.fps: Any = None
        annotations = folder / "annotations"
        annotations.mkdir(parents=True)
        for name, classes in (
            ("object_classes.txt", OBJECT_CLASSES),
            ("relationship_classes.txt", RELATION_CLASSES),
        ):
            lines = "".join(re.sub("[_/]", "", each) + "\n" for each in classes)
            (annotations / name).write_text(lines)
        for key in keys:
            number = int(Path(key).stem)
            for step in range(16):
                self.picture(f"001YG.mp4/{number - step:06d}.png", (number - step) % 256)
        self.write()

    def picture(self, key: str, shade: int, size: tuple[int, int] = (48, 27)) -> None:
        path = self.folder / "frames" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (shade, 0, 255 - shade)).save(path)

    def write(self) -> None:
        annotations = self.folder / "annotations"
        (annotations / OBJECTS).write_bytes(pickle.dumps(self.objects))
        (annotations / PERSONS).write_bytes(pickle.dumps(self.persons))
        for split, rows in self.rows.items():
            text = "\n".join(["id,actions", *rows, ""])
            (annotations / f"Charades_v1_{split}.csv").write_text(text)
        for name, value in (("frame_details", self.details), ("video_fps", self.fps)):
            if value is not None:
                (annotations / f"{name}.json").write_text(json.dumps(value))

    def read(self, **options: Any):
        return read_action_genome(self.folder, **{"split": "train"} | options)

    def file(self, name: str) -> Path:
        return self.folder / "annotations" / name


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "ag")


def _relations(*names: str) -> list[int]:
    return sorted(RELATION_CLASSES.index(name) for name in names)


def test_a_frame_as_documented(data: Dataset):
    read = data.read()
    frame = read.frames[0]
    assert (frame.video, frame.frame, frame.split, frame.subset) == ("001YG.mp4", 89, "train", "")
    assert frame.size == (48, 27)
    # Persons first, objects from (x, y, width, height); what cannot be seen has no box.
    expected = [[2.4, 7.1, 25.9, 26.8], [22.2, 14.5, 47.2, 25.0], [5.5, 17.5, 24.5, 26.5]]
    np.testing.assert_allclose(frame.boxes, expected, rtol=1e-6)
    assert [OBJECT_CLASSES[index] for index in frame.objects] == ["person", "table", "chair"]
    table = _relations("unsure", "in_front_of", "not_contacting")
    chair = _relations("not_looking_at", "beneath", "behind", "sitting_on", "leaning_on")
    assert np.flatnonzero(frame.relations[1]).tolist() == table
    assert np.flatnonzero(frame.relations[2]).tolist() == chair
    assert np.flatnonzero(frame.relations[0]).tolist() == sorted(table + chair)
    # c092 runs at 3.67 s; c147 ended at 3.66 s.
    assert np.flatnonzero(frame.actions[0]).tolist() == [92]
    assert not frame.actions[1:].any()
    assert [f.frame for f in read.frames] == [89, 93, 264]
    assert read.clipped == ()
    assert not any(read.dropped.values())
    assert read.filled == read.unlabelled_persons == 0


def test_label_layout(data: Dataset):
    """Objects 0–35, actions 36–192, relations 193–218."""
    frame = data.read().frames[0]
    assert frame.labels.shape == (3, 219)
    assert frame.labels.dtype == np.float32
    table = OBJECT_CLASSES.index("table")
    at = [table, *(193 + place for place in _relations("unsure", "in_front_of", "not_contacting"))]
    assert np.flatnonzero(frame.labels[1]).tolist() == at
    assert frame.labels[0, 0] == 1
    assert frame.labels[0, 36 + 92] == 1
    assert frame.labels[0, 36:193].sum() == 1


def test_class_lists_are_the_documented_ones():
    assert len(OBJECT_CLASSES) == 36
    assert OBJECT_CLASSES[0] == "person"
    assert len(RELATION_CLASSES) == 26
    places = _action_genome._RELATION_KINDS
    attention = places["attention_relationship"]
    assert [RELATION_CLASSES[i] for i in attention] == ["looking_at", "not_looking_at", "unsure"]
    spatial, contacting = places["spatial_relationship"], places["contacting_relationship"]
    assert [*attention, *spatial, *contacting] == list(range(26))
    assert (spatial.start, contacting.start) == (3, 9)


@pytest.mark.parametrize("spelling", ["closet/cabinet", "closetcabinet", "Closet_Cabinet"])
def test_classes_are_found_in_any_spelling(data: Dataset, spelling: str):
    data.objects[KEY][0]["class"] = spelling
    data.objects[KEY][0]["attention_relationship"] = ["lookingat"]
    data.write()
    frame = data.read().frames[0]
    assert OBJECT_CLASSES[frame.objects[1]] == "closet/cabinet"
    assert frame.relations[1, 0]


def test_relations_of_a_thing_that_cannot_be_seen_count_for_the_person(data: Dataset):
    data.objects[KEY][2]["contacting_relationship"] = ["holding"]
    data.write()
    frame = data.read().frames[0]
    assert frame.relations[0, RELATION_CLASSES.index("holding")]
    assert not frame.relations[1:, RELATION_CLASSES.index("holding")].any()


def test_both_ends_of_an_interval_belong_to_it(data: Dataset):
    data.fps = {"001YG.mp4": 22}
    data.rows["train"] = ["001YG,c001 4.00 5.00;c002 3.00 4.00;c003 4.01 9.00;c004 0.00 3.99"]
    data.write()
    # (89 − 1) / 22 = 4 s
    assert np.flatnonzero(data.read().frames[0].actions[0]).tolist() == [1, 2]


def test_frames_a_second_decide_what_is_going_on(data: Dataset):
    def actions(**options: Any) -> list[int]:
        return np.flatnonzero(data.read(**options).frames[0].actions[0]).tolist()

    assert actions() == [92]
    assert actions(fps=30) == [147]  # 2.93 s
    data.fps = {"001YG.mp4": 8.8}  # 10 s
    data.write()
    assert actions(fps=30) == [9]


def test_a_clip_ends_at_its_frame_and_starts_at_frame_one(data: Dataset):
    frame = data.read(clip_length=4, sampling_rate=5).frames[0]
    assert [path.name for path in frame.clip] == [f"{n:06d}.png" for n in (74, 79, 84, 89)]
    clip = frame.load_clip()
    assert clip.shape == (4, 27, 48, 3)
    assert clip.dtype == np.uint8
    assert clip[:, 0, 0].tolist() == [[n, 0, 255 - n] for n in (74, 79, 84, 89)]
    assert frame.load_clip(32).shape == (4, 32, 32, 3)
    expected = frame.boxes * np.array([32 / 48, 32 / 27] * 2)
    np.testing.assert_allclose(frame.boxes_at(32), expected, rtol=1e-6)
    data.objects = {f"001YG.mp4/00000{n}.png": _objects() for n in (1, 2, 3)}
    data.persons = {key: _person((1, 1, 9, 9)) for key in data.objects}
    data.write()
    for number in (1, 2, 3):
        data.picture(f"001YG.mp4/00000{number}.png", number)
    first, second, _ = data.read(clip_length=3).frames
    assert [path.name for path in first.clip] == ["000001.png"] * 3
    assert [path.name for path in second.clip] == ["000001.png", "000001.png", "000002.png"]


def test_a_missing_picture_is_refused_or_stood_in_for_by_the_next(data: Dataset):
    folder = data.folder / "frames" / "001YG.mp4"
    for number in (86, 87):
        (folder / f"{number:06d}.png").unlink()
    with pytest.raises(InputError) as error:
        data.read(clip_length=5, longest_gap=1)
    assert str(error.value) == (
        f"{folder / '000086.png'}; expected this frame of the clip that ends at 000089.png; "
        "dump all frames of the video, or set longest_gap"
    )
    read = data.read(clip_length=5, longest_gap=2)
    names = [path.name for path in read.frames[0].clip]
    assert names == [f"{n:06d}.png" for n in (85, 88, 88, 88, 89)]
    # The clip of frame 93 reaches back to 89.
    assert read.filled == 2


def test_frames_without_a_person_or_a_visible_object_are_dropped_and_named(data: Dataset):
    extra = [f"001YG.mp4/{number:06d}.png" for number in (81, 82)]
    for key in extra:
        data.objects[key], data.persons[key] = _objects(), _person((1, 1, 9, 9))
    data.persons[extra[0]] = _person()
    data.objects[extra[1]] = [_thing("dish", None, None, None, None, visible=False)]
    data.objects["AAAAA.mp4/000020.png"] = _objects()
    data.persons["AAAAA.mp4/000020.png"] = _person((1, 1, 9, 9))
    data.rows["train"].append("AAAAA,")
    for step in range(16):
        data.picture(f"AAAAA.mp4/{20 - step:06d}.png", 0)
    data.write()
    read = data.read()
    assert [f"{f.video}/{f.frame:06d}.png" for f in read.frames] == [
        "001YG.mp4/000089.png",
        "001YG.mp4/000093.png",
        "001YG.mp4/000264.png",
    ]
    assert dict(read.dropped) == {
        "no person box": (extra[0],),
        "no visible object": (extra[1],),
        "fewer than three usable frames in the video": ("AAAAA.mp4/000020.png",),
    }


def test_a_video_needs_three_frames_that_can_be_used(data: Dataset):
    data.persons[KEY] = _person()
    data.write()
    read = data.read()
    assert read.frames == ()
    assert read.dropped["fewer than three usable frames in the video"] == (
        "001YG.mp4/000093.png",
        "001YG.mp4/000264.png",
    )


def test_the_set_is_that_of_the_metadata(data: Dataset):
    assert data.read(split="test").frames == ()
    for entries in data.objects.values():
        for entry in entries:
            entry["metadata"]["set"] = "test"
    data.write()
    assert data.read().frames == ()
    assert len(data.read(split="test").frames) == 3


def test_one_person_or_all(data: Dataset):
    data.persons[KEY] = _person((2, 2, 20, 20), (25, 3, 40, 25))
    data.write()
    first = data.read()
    assert first.unlabelled_persons == 1
    assert (first.frames[0].objects == 0).sum() == 1
    everyone = data.read(persons="all")
    assert everyone.unlabelled_persons == 0
    frame = everyone.frames[0]
    assert frame.objects.tolist()[:3] == [0, 0, OBJECT_CLASSES.index("table")]
    # The format has one list of actions and relations for both.
    assert np.array_equal(frame.actions[0], frame.actions[1])
    assert np.array_equal(frame.relations[0], frame.relations[1])


def test_details_tell_persons_apart(data: Dataset):
    data.persons[KEY] = _person((2, 2, 20, 20), (25, 3, 40, 25))
    data.rows["train"] = ["001YG,c092 3.00 4.00;c150 3.00 4.00"]
    data.details = {
        KEY: {"subset": "two", "person_actions": [["c150"], ["c092", "c150"]]},
        "001YG.mp4/000093.png": {"subset": "one"},
    }
    data.write()
    frames = data.read(persons="all").frames
    assert [frame.subset for frame in frames] == ["two", "one", ""]
    assert [np.flatnonzero(row).tolist() for row in frames[0].actions[:2]] == [[150], [92, 150]]
    assert np.flatnonzero(frames[1].actions[0]).tolist() == [92, 150]


def test_a_box_is_cut_at_the_edge_of_the_picture_and_counted(data: Dataset):
    data.objects[KEY][0]["bbox"] = (40.0, -3.0, 20.0, 10.0)
    data.persons["001YG.mp4/000264.png"] = _person((-1.0, 2, 60, 20))
    data.write()
    read = data.read()
    assert read.clipped == (KEY, "001YG.mp4/000264.png")
    assert read.frames[0].boxes[1].tolist() == [40, 0, 48, 7]
    assert read.frames[2].boxes[0].tolist() == [0, 2, 48, 20]


# --- what is refused


Change = Callable[[Dataset], None]


def _set(*path: Any, value: Any) -> Change:
    """A change of one annotation, given where it stands."""

    def change(data: Dataset) -> None:
        place = getattr(data, path[0])
        for step in path[1:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _drop(*path: Any) -> Change:
    def change(data: Dataset) -> None:
        place = getattr(data, path[0])
        for step in path[1:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _file(name: str, value: Any) -> Change:
    return lambda data: setattr(data, name, value)


#: Change, file, and what the message says after the file's name.
BAD = {
    "class": (
        _set("objects", KEY, 0, "class", value="spaceship"),
        OBJECTS,
        f"{KEY}[0]: class is 'spaceship'; expected one of object_classes.txt but the person",
    ),
    "class of the person": (
        _set("objects", KEY, 0, "class", value="person"),
        OBJECTS,
        f"{KEY}[0]: class is 'person'; expected one of object_classes.txt but the person",
    ),
    "class that is no name": (
        _set("objects", KEY, 1, "class", value=7),
        OBJECTS,
        f"{KEY}[1]: class is 7; expected one of object_classes.txt but the person",
    ),
    "missing key": (
        _drop("objects", KEY, 1, "visible"),
        OBJECTS,
        f"{KEY}[1]: visible; expected this key in every object",
    ),
    "visible": (
        _set("objects", KEY, 1, "visible", value="yes"),
        OBJECTS,
        f"{KEY}[1]: visible is 'yes'; expected True or False",
    ),
    "relation": (
        _set("objects", KEY, 0, "attention_relationship", value=["staring_at"]),
        OBJECTS,
        f"{KEY}[0]: attention_relationship is 'staring_at'; expected one of looking_at, "
        "not_looking_at, unsure",
    ),
    "relation of another kind": (
        _set("objects", KEY, 0, "spatial_relationship", value=["holding"]),
        OBJECTS,
        f"{KEY}[0]: spatial_relationship is 'holding'; expected one of above, beneath, "
        "in_front_of, behind, on_the_side_of, in",
    ),
    "relations that are no list": (
        _set("objects", KEY, 0, "spatial_relationship", value="above"),
        OBJECTS,
        f"{KEY}[0]: spatial_relationship is 'above'; expected a list of names, or None",
    ),
    "set": (
        _set("objects", KEY, 0, "metadata", value={"set": "val"}),
        OBJECTS,
        f"{KEY}[0]: metadata.set is 'val'; expected 'train' or 'test'",
    ),
    "no metadata": (
        _set("objects", KEY, 0, "metadata", value=[]),
        OBJECTS,
        f"{KEY}[0]: metadata.set; expected 'train' or 'test'",
    ),
    "two sets": (
        _set("objects", KEY, 0, "metadata", value={"set": "test"}),
        OBJECTS,
        f"{KEY}: metadata.set is ['test', 'train']; expected the same set for all objects of a "
        "frame",
    ),
    "visible without a box": (
        _set("objects", KEY, 2, "visible", value=True),
        OBJECTS,
        f"{KEY}[2]: bbox; expected (x, y, width, height), because the object is visible",
    ),
    "box of three numbers": (
        _set("objects", KEY, 0, "bbox", value=(1.0, 2.0, 3.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is (1.0, 2.0, 3.0); expected (x, y, width, height), because the object "
        "is visible",
    ),
    "box that is not finite": (
        _set("objects", KEY, 0, "bbox", value=(1.0, 2.0, float("nan"), 4.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is (1.0, 2.0, nan, 4.0); expected (x, y, width, height), because the "
        "object is visible",
    ),
    "box outside": (
        _set("objects", KEY, 0, "bbox", value=(50.0, 2.0, 5.0, 5.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is [50.0, 2.0, 55.0, 7.0]; expected a box with an area inside the "
        "picture of 48x27 pixels",
    ),
    "box without area": (
        _set("objects", KEY, 0, "bbox", value=(5.0, 2.0, 0.0, 5.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is [5.0, 2.0, 5.0, 7.0]; expected a box with an area inside the picture "
        "of 48x27 pixels",
    ),
    "no objects": (
        _set("objects", KEY, value=[]),
        OBJECTS,
        f"{KEY} is []; expected a list of one or more objects",
    ),
    "object": (
        _set("objects", KEY, 0, value="table"),
        OBJECTS,
        f"{KEY}[0] is 'table'; expected a dictionary that describes an object",
    ),
    "person missing": (
        _drop("persons", KEY),
        PERSONS,
        f"{KEY}; expected an entry, as in {OBJECTS}",
    ),
    "objects missing": (
        _drop("objects", KEY),
        OBJECTS,
        f"{KEY}; expected an entry, as in {PERSONS}",
    ),
    "person": (
        _set("persons", KEY, value=3),
        PERSONS,
        f"{KEY} is 3; expected a dictionary with bbox and bbox_size",
    ),
    "person without a size": (
        _drop("persons", KEY, "bbox_size"),
        PERSONS,
        f"{KEY}: bbox_size; expected this key in every frame",
    ),
    "size": (
        _set("persons", KEY, "bbox_size", value=(48, 0)),
        PERSONS,
        f"{KEY}: bbox_size is (48, 0); expected width and height, positive, in pixels",
    ),
    "mode": (
        _set("persons", KEY, "bbox_mode", value="xywh"),
        PERSONS,
        f"{KEY}: bbox_mode is 'xywh'; expected 'xyxy'",
    ),
    "person outside": (
        _set("persons", KEY, "bbox", value=np.array([[60.0, 1, 70, 5]])),
        PERSONS,
        f"{KEY}: bbox[0] is [60.0, 1.0, 70.0, 5.0]; expected a box with an area inside the "
        "picture of 48x27 pixels",
    ),
    "person that is not finite": (
        _set("persons", KEY, "bbox", value=np.array([[np.inf, 1, 70, 5]])),
        PERSONS,
        f"{KEY}: bbox[0] is [inf, 1.0, 70.0, 5.0]; expected finite numbers",
    ),
    "person's box as text": (
        _set("persons", KEY, "bbox", value="none"),
        PERSONS,
        f"{KEY}: bbox is 'none'; expected an array [k, 4] of numbers (x1, y1, x2, y2), k = 0 "
        "where nobody was found",
    ),
    "person's box of three numbers": (
        _set("persons", KEY, "bbox", value=np.array([[1.0, 2, 3]])),
        PERSONS,
        f"{KEY}: bbox is array([[1., 2., 3.]]); expected an array [k, 4] of numbers "
        "(x1, y1, x2, y2), k = 0 where nobody was found",
    ),
    "action": (
        _set("rows", "train", 0, value="001YG,c157 0.00 1.00"),
        "Charades_v1_train.csv",
        "line 2: actions is 'c157'; expected an action from c000 to c156",
    ),
    "interval": (
        _set("rows", "train", 0, value="001YG,c092 0.00"),
        "Charades_v1_train.csv",
        "line 2: actions is 'c092 0.00'; expected entries such as 'c092 11.90 21.20', separated "
        "by ';'",
    ),
    "interval that does not end": (
        _set("rows", "train", 0, value="001YG,c092 0.00 inf"),
        "Charades_v1_train.csv",
        "line 2: actions is 'c092 0.00 inf'; expected entries such as 'c092 11.90 21.20', "
        "separated by ';'",
    ),
    "video twice": (
        _set("rows", "test", value=["001YG,"]),
        "Charades_v1_test.csv",
        "line 2: id is '001YG'; expected each video once",
    ),
    "frames a second": (
        _file("fps", {"001YG.mp4": 0}),
        "video_fps.json",
        "001YG.mp4 is 0; expected a positive number",
    ),
    "details of no frame": (
        _file("details", {"001YG.mp4/000090.png": {}}),
        "frame_details.json",
        f"001YG.mp4/000090.png; expected a key of {OBJECTS}",
    ),
    "details": (
        _file("details", {KEY: {"subset": 3}}),
        "frame_details.json",
        f'{KEY} is {{\'subset\': 3}}; expected an object such as {{"subset": "distractor"}}',
    ),
    "actions of two persons where there is one": (
        _file("details", {KEY: {"person_actions": [["c092"], []]}}),
        "frame_details.json",
        f"{KEY}: person_actions is [['c092'], []]; expected a list of actions for each of the "
        "frame's 1 persons",
    ),
    "unknown action of a person": (
        _file("details", {KEY: {"person_actions": [["c92"]]}}),
        "frame_details.json",
        f"{KEY}: person_actions is 'c92'; expected an action from c000 to c156",
    ),
    "actions that Charades does not list": (
        _file("details", {KEY: {"person_actions": [["c092", "c001"]]}}),
        "frame_details.json",
        f"{KEY}: person_actions is [['c092', 'c001']]; expected together the actions that "
        "Charades lists at this time, ['c092']",
    ),
    "details that are no object": (
        _file("details", [1]),
        "frame_details.json",
        " is [1]; expected a JSON object",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_annotations_are_refused_with_file_key_and_value(data: Dataset, name: str):
    change, file, message = BAD[name]
    change(data)
    data.write()
    with pytest.raises(InputError) as error:
        data.read(persons="all")
    separator = "" if message.startswith(" ") else ": "
    assert str(error.value) == f"{data.file(file)}{separator}{message}"


@pytest.mark.parametrize("key", ["001YG.mp4", "a/b/000001.png", "../000001.png", "x/1.png", 3])
def test_a_key_that_names_no_frame_is_refused(data: Dataset, key: Any):
    data.objects[key], data.persons[key] = _objects(), _person((1, 1, 9, 9))
    data.write()
    with pytest.raises(InputError) as error:
        data.read()
    expected = "expected a key such as '001YG.mp4/000089.png'"
    assert str(error.value) == f"{data.file(OBJECTS)}: key is {key!r}; {expected}"


def _paths(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    """Where in nested containers something stands."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value or ())
    for key, item in items:
        yield from _paths(item if isinstance(item, dict | list) else (), *path, key)


_ODD = [
    None,
    3,
    "x",
    "train",
    [],
    ["x"],
    {},
    (1,),
    b"x",
    np.nan,
    np.array(5.0),
    np.array(["a", "b"]),
]


@pytest.mark.parametrize("where", ["objects", "persons"])
def test_whatever_stands_in_a_place_is_read_or_refused_in_one_line(data: Dataset, where: str):
    """Every place of an entry, filled with every odd value: never another exception."""
    entry = {"objects": _objects()[:2], "persons": _person((1, 1, 9, 9))}[where]
    refused = []
    for path in _paths(entry):
        for odd in _ODD:
            changed = copy.deepcopy(entry)
            place: Any = changed
            for step in path[:-1]:
                place = place[step]
            place[path[-1]] = odd
            getattr(data, where)[KEY] = changed
            data.write()
            try:
                data.read(clip_length=1)
            except InputError as error:
                refused.append(str(error))
    assert len(refused) > 30
    for message in refused:
        assert message.startswith(str(data.folder))
        assert "\n" not in message


def test_a_video_that_charades_does_not_list_is_refused(data: Dataset):
    data.rows["train"] = ["AAAAA,"]
    data.write()
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == (
        f"{data.file('Charades_v1_train.csv')}: id; expected a row for '001YG', here or in "
        "Charades_v1_test.csv"
    )


@pytest.mark.parametrize(
    "name",
    [
        OBJECTS,
        PERSONS,
        "object_classes.txt",
        "relationship_classes.txt",
        "Charades_v1_train.csv",
        "Charades_v1_test.csv",
    ],
)
def test_a_missing_file_is_refused(data: Dataset, name: str):
    data.file(name).unlink()
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == (
        f"{data.file(name)}; expected a file of Action Genome's annotations; see "
        "fixbench.datasets.read_action_genome"
    )


def test_missing_pictures_are_refused(data: Dataset):
    folder = data.folder / "frames" / "001YG.mp4"
    (folder / "000093.png").unlink()
    with pytest.raises(InputError) as error:
        data.read(longest_gap=99)
    expected = "expected the picture of this annotated frame"
    assert str(error.value) == f"{folder / '000093.png'}; {expected}"
    folder.rename(folder.with_name("other"))
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == f"{folder}; expected a folder with the frames of this video"


def test_damaged_pictures_are_refused(data: Dataset):
    data.picture("001YG.mp4/000088.png", 0, size=(47, 27))
    frame = data.read(clip_length=3).frames[0]
    with pytest.raises(InputError) as error:
        frame.load_clip()
    assert str(error.value) == (
        f"{frame.clip[1]}: size is (47, 27); expected 48x27 pixels like 000087.png"
    )
    assert frame.load_clip(16).shape == (3, 16, 16, 3)
    frame.clip[2].write_bytes(frame.clip[2].read_bytes()[:40])
    with pytest.raises(InputError) as error:
        frame.load_clip(16)
    assert str(error.value) == f"{frame.clip[2]}; expected a complete picture"


@pytest.mark.parametrize(
    ("line", "text", "message"),
    [
        (3, "spaceship", "line 3 is 'spaceship'; expected 'bed'"),
        (36, None, "line 36; expected window: 36 classes"),
        (37, "spaceship", "line 37 is 'spaceship'; expected no further class after 36"),
    ],
)
def test_other_class_lists_are_refused(data: Dataset, line: int, text: str | None, message: str):
    path = data.file("object_classes.txt")
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [text] if text else []
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == f"{path}: {message}"


def test_other_text_is_refused(data: Dataset):
    path = data.file("Charades_v1_test.csv")
    path.write_text("id,length\n")
    with pytest.raises(InputError, match=r"test\.csv: actions; expected a column of this name"):
        data.read()
    path.write_bytes(b"id,actions\n\xff\xfe,")
    with pytest.raises(InputError, match=r"test\.csv; expected a text file in UTF-8"):
        data.read()
    path.write_text("id,actions\nx," + "y" * 200_000)
    with pytest.raises(InputError, match=r"test\.csv: line 2; expected comma-separated values"):
        data.read()
    path.write_text("id,actions\n")
    data.file("frame_details.json").write_text('{"a": 1,\n}')
    with pytest.raises(InputError, match=r"frame_details\.json: line [12]; expected JSON"):
        data.read()


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("split", "val", "'train' or 'test'"),
        ("persons", "none", "'first' or 'all'"),
        ("clip_length", 0, "at least 1"),
        ("sampling_rate", 0, "at least 1"),
        ("longest_gap", -1, "at least 0"),
        ("fps", 0.0, "a positive number"),
        ("fps", float("nan"), "a positive number"),
    ],
)
def test_bad_options_are_refused(data: Dataset, option: str, value: Any, expected: str):
    with pytest.raises(InputError) as error:
        data.read(**{option: value})
    assert str(error.value) == f"read_action_genome: {option} is {value!r}; expected {expected}"


# --- pickles


class _Attack:
    """Runs a command when unpickled by a careless reader."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("name", [OBJECTS, PERSONS])
def test_a_pickle_that_runs_something_is_refused_and_runs_nothing(
    data: Dataset, tmp_path: Path, name: str, protocol: int
):
    marker = tmp_path / "executed"
    attack = pickle.dumps({KEY: [_Attack(marker)]}, protocol=protocol)
    pickle.loads(attack)
    assert marker.exists()  # it is an attack
    marker.unlink()
    data.file(name).write_bytes(attack)
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == (
        f"{data.file(name)}: class is 'posix.system'; expected plain containers, strings, numbers "
        "and numpy arrays only"
    )
    assert not marker.exists()


def _attacks() -> dict[str, tuple[Any, str]]:
    return {
        "a path": (Path("x"), "pathlib.PosixPath"),
        "eval": (_Call(eval, "1"), "builtins.eval"),
        "getattr": (_Call(getattr, "x", "join"), "builtins.getattr"),
        "a function of numpy": (_Call(np.zeros, 3), "numpy.zeros"),
        "an own class": (Dataset.__new__(Dataset), f"{__name__}.Dataset"),
    }


class _Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("name", _attacks())
def test_only_arrays_are_known_by_name(data: Dataset, name: str):
    value, known_as = _attacks()[name]
    # An own class is looked up in a module of this name.
    payload = pickle.dumps(value) if name != "an own class" else _own_class(known_as)
    data.file(OBJECTS).write_bytes(payload)
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value).startswith(f"{data.file(OBJECTS)}: class is {known_as!r}; expected ")


def _own_class(name: str) -> bytes:
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n)R.".encode()


class _Reduced:
    """Pickles as the call of a numpy function that arrays need, with other arguments."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self):
        return self.reduced


def _reconstruct() -> Any:
    return np.zeros(1).__reduce__()[0]


@pytest.mark.parametrize(
    "value",
    [
        np.array([{"a": 1}], dtype=object),
        np.zeros(1, dtype=[("a", "f4"), ("b", "f4")]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        _Reduced(_reconstruct(), (np.ndarray, (10**12,), b"b")),
        _Reduced(
            _reconstruct(), (np.ndarray, (0,), b"b"), (1, (10**12,), np.dtype("f4"), False, b"")
        ),
        _Reduced(np.ndarray, ((10**12,),)),
        _Reduced(np.dtype, ("O",)),
    ],
    ids=["objects", "records", "dates", "huge start", "huge state", "constructor", "object type"],
)
def test_arrays_of_anything_but_numbers_and_text_are_refused(data: Dataset, value: Any):
    data.objects[KEY][0]["bbox"] = value
    data.write()
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value).startswith(f"{data.file(OBJECTS)}; expected a complete pickle (")


def test_what_a_pickle_does_to_its_builders_does_not_stay(data: Dataset):
    """A pickle can set attributes on a function that it was given: not on the next reader's."""
    builder = pickle.dumps(_Reduced(_reconstruct(), (np.ndarray, (0,), b"b")), protocol=2)
    name = builder[2 : builder.index(b"q")]
    assert name.startswith(b"c")
    # BUILD with attributes for the function itself.
    state = pickle.dumps((None, {"__defaults__": (1,)}), protocol=2)[2:-1]
    data.file(OBJECTS).write_bytes(b"\x80\x02" + name + state + b"b.")
    with pytest.raises(InputError):
        data.read()
    assert _action_genome._new_array.__defaults__ is None


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_numbers_of_numpy_are_read_in_every_protocol(tmp_path: Path, protocol: int):
    value = {
        "float": np.arange(6, dtype=np.float32).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big endian": np.arange(3, dtype=">i4"),
        "empty": np.zeros((0, 4), dtype=np.float32),
        "text": np.array(["a", "bc"]),
        "scalar": np.float64(1.5),
        "flag": np.bool_(True),
        "bytes": b"\x00\xff",
        "rest": ("a", [1, 2.5, None, True], {"b": ()}),
    }
    path = tmp_path / "x.pkl"
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    read, usual = _action_genome._read_pickle(path), pickle.loads(path.read_bytes())
    assert read.keys() == value.keys()
    for name, expected in value.items():
        if isinstance(expected, np.ndarray):
            assert read[name].dtype == usual[name].dtype
            assert np.array_equal(read[name], expected)
        else:
            assert read[name] == expected
            assert type(read[name]) is type(expected)


def test_pickles_of_older_numpy_are_read(tmp_path: Path):
    """numpy 1 has no ``_core``; Python 2 left byte strings."""
    path = tmp_path / "x.pkl"
    content = pickle.dumps({"a": np.arange(3.0)}, protocol=2)
    assert b"numpy._core.multiarray" in content
    path.write_bytes(content.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert np.array_equal(_action_genome._read_pickle(path)["a"], np.arange(3.0))
    path.write_bytes(b"(dS'visible'\nI01\ns.")
    assert _action_genome._read_pickle(path) == {"visible": True}


@pytest.mark.parametrize(
    "content", [b"", b"garbage", pickle.dumps({"a": [1] * 50})[:40], b"\x80\x09."]
)
def test_a_damaged_pickle_is_refused(data: Dataset, content: bytes):
    data.file(PERSONS).write_bytes(content)
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value).startswith(f"{data.file(PERSONS)}; expected a complete pickle (")
    assert "\n" not in str(error.value)


def test_a_pickle_of_something_else_is_refused(data: Dataset):
    data.file(PERSONS).write_bytes(pickle.dumps([1]))
    with pytest.raises(InputError) as error:
        data.read()
    expected = "expected a dictionary, key → annotation"
    assert str(error.value) == f"{data.file(PERSONS)} is [1]; {expected}"
