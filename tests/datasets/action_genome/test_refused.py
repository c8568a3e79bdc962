"""What the reader refuses, by file, key and value."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from fixbench.errors import InputError

from .conftest import KEY, OBJECTS, PERSONS, Dataset, make_objects, make_person

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


#: Change, file, and what the message says of the place and the value in it.
BAD: dict[str, tuple[Change, str, str]] = {
    "class": (
        _set("objects", KEY, 0, "class", value="spaceship"),
        OBJECTS,
        f"{KEY}[0]: class is 'spaceship'",
    ),
    "class of the person": (
        _set("objects", KEY, 0, "class", value="person"),
        OBJECTS,
        f"{KEY}[0]: class is 'person'",
    ),
    "class that is no name": (
        _set("objects", KEY, 1, "class", value=7),
        OBJECTS,
        f"{KEY}[1]: class is 7",
    ),
    "missing key": (_drop("objects", KEY, 1, "visible"), OBJECTS, f"{KEY}[1]: visible"),
    "visible": (
        _set("objects", KEY, 1, "visible", value="yes"),
        OBJECTS,
        f"{KEY}[1]: visible is 'yes'",
    ),
    "relation": (
        _set("objects", KEY, 0, "attention_relationship", value=["staring_at"]),
        OBJECTS,
        f"{KEY}[0]: attention_relationship is 'staring_at'",
    ),
    "relation of another kind": (
        _set("objects", KEY, 0, "spatial_relationship", value=["holding"]),
        OBJECTS,
        f"{KEY}[0]: spatial_relationship is 'holding'",
    ),
    "relations that are no list": (
        _set("objects", KEY, 0, "spatial_relationship", value="above"),
        OBJECTS,
        f"{KEY}[0]: spatial_relationship is 'above'",
    ),
    "set": (
        _set("objects", KEY, 0, "metadata", value={"set": "val"}),
        OBJECTS,
        f"{KEY}[0]: metadata.set is 'val'",
    ),
    "no metadata": (
        _set("objects", KEY, 0, "metadata", value=[]),
        OBJECTS,
        f"{KEY}[0]: metadata.set",
    ),
    "two sets": (
        _set("objects", KEY, 0, "metadata", value={"set": "test"}),
        OBJECTS,
        f"{KEY}: metadata.set is ['test', 'train']",
    ),
    "visible without a box": (
        _set("objects", KEY, 2, "visible", value=True),
        OBJECTS,
        f"{KEY}[2]: bbox",
    ),
    "box of three numbers": (
        _set("objects", KEY, 0, "bbox", value=(1.0, 2.0, 3.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is (1.0, 2.0, 3.0)",
    ),
    "box that is not finite": (
        _set("objects", KEY, 0, "bbox", value=(1.0, 2.0, float("nan"), 4.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is (1.0, 2.0, nan, 4.0)",
    ),
    "box outside": (
        _set("objects", KEY, 0, "bbox", value=(50.0, 2.0, 5.0, 5.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is [50.0, 2.0, 55.0, 7.0]",
    ),
    "box without area": (
        _set("objects", KEY, 0, "bbox", value=(5.0, 2.0, 0.0, 5.0)),
        OBJECTS,
        f"{KEY}[0]: bbox is [5.0, 2.0, 5.0, 7.0]",
    ),
    "no objects": (_set("objects", KEY, value=[]), OBJECTS, f"{KEY} is []"),
    "object": (_set("objects", KEY, 0, value="table"), OBJECTS, f"{KEY}[0] is 'table'"),
    "person missing": (_drop("persons", KEY), PERSONS, f"{KEY}"),
    "objects missing": (_drop("objects", KEY), OBJECTS, f"{KEY}"),
    "person": (_set("persons", KEY, value=3), PERSONS, f"{KEY} is 3"),
    "person without a size": (_drop("persons", KEY, "bbox_size"), PERSONS, f"{KEY}: bbox_size"),
    "size": (
        _set("persons", KEY, "bbox_size", value=(48, 0)),
        PERSONS,
        f"{KEY}: bbox_size is (48, 0)",
    ),
    "mode": (
        _set("persons", KEY, "bbox_mode", value="xywh"),
        PERSONS,
        f"{KEY}: bbox_mode is 'xywh'",
    ),
    "person outside": (
        _set("persons", KEY, "bbox", value=np.array([[60.0, 1, 70, 5]])),
        PERSONS,
        f"{KEY}: bbox[0] is [60.0, 1.0, 70.0, 5.0]",
    ),
    "person that is not finite": (
        _set("persons", KEY, "bbox", value=np.array([[np.inf, 1, 70, 5]])),
        PERSONS,
        f"{KEY}: bbox[0] is [inf, 1.0, 70.0, 5.0]",
    ),
    "person's box as text": (
        _set("persons", KEY, "bbox", value="none"),
        PERSONS,
        f"{KEY}: bbox is 'none'",
    ),
    "person's box of three numbers": (
        _set("persons", KEY, "bbox", value=np.array([[1.0, 2, 3]])),
        PERSONS,
        f"{KEY}: bbox is array([[1., 2., 3.]])",
    ),
    "action": (
        _set("rows", "train", 0, value="001YG,c157 0.00 1.00"),
        "Charades_v1_train.csv",
        "line 2: actions is 'c157'",
    ),
    "interval": (
        _set("rows", "train", 0, value="001YG,c092 0.00"),
        "Charades_v1_train.csv",
        "line 2: actions is 'c092 0.00'",
    ),
    "interval that does not end": (
        _set("rows", "train", 0, value="001YG,c092 0.00 inf"),
        "Charades_v1_train.csv",
        "line 2: actions is 'c092 0.00 inf'",
    ),
    "video twice": (
        _set("rows", "test", value=["001YG,"]),
        "Charades_v1_test.csv",
        "line 2: id is '001YG'",
    ),
    "frames a second": (_file("fps", {"001YG.mp4": 0}), "video_fps.json", "001YG.mp4 is 0"),
    "details of no frame": (
        _file("details", {"001YG.mp4/000090.png": {}}),
        "frame_details.json",
        "001YG.mp4/000090.png",
    ),
    "details": (
        _file("details", {KEY: {"subset": 3}}),
        "frame_details.json",
        f"{KEY} is {{'subset': 3}}",
    ),
    "actions of two persons where there is one": (
        _file("details", {KEY: {"person_actions": [["c092"], []]}}),
        "frame_details.json",
        f"{KEY}: person_actions is [['c092'], []]",
    ),
    "unknown action of a person": (
        _file("details", {KEY: {"person_actions": [["c92"]]}}),
        "frame_details.json",
        f"{KEY}: person_actions is 'c92'",
    ),
    "actions that Charades does not list": (
        _file("details", {KEY: {"person_actions": [["c092", "c001"]]}}),
        "frame_details.json",
        f"{KEY}: person_actions is [['c092', 'c001']]",
    ),
    "details that are no object": (_file("details", [1]), "frame_details.json", " is [1]"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_annotations_are_refused_with_file_key_and_value(data: Dataset, name: str) -> None:
    change, file, place = BAD[name]
    change(data)
    data.write()
    with pytest.raises(InputError) as error:
        data.read(persons="all")
    separator = "" if place.startswith(" ") else ": "
    assert str(error.value).startswith(f"{data.file(file)}{separator}{place}; expected ")


@pytest.mark.parametrize("key", ["001YG.mp4", "a/b/000001.png", "../000001.png", "x/1.png", 3])
def test_a_key_that_names_no_frame_is_refused(data: Dataset, key: Any) -> None:
    data.objects[key], data.persons[key] = make_objects(), make_person((1, 1, 9, 9))
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


_ODD: list[Any] = [
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
def test_whatever_stands_in_a_place_is_read_or_refused_in_one_line(
    data: Dataset, where: str
) -> None:
    """Every place of an entry, filled with every odd value: never another exception."""
    entry = {"objects": make_objects()[:2], "persons": make_person((1, 1, 9, 9))}[where]
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


def test_a_video_that_charades_does_not_list_is_refused(data: Dataset) -> None:
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
def test_a_missing_file_is_refused(data: Dataset, name: str) -> None:
    data.file(name).unlink()
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == (
        f"{data.file(name)}; expected a file of Action Genome's annotations; see "
        "fixbench.datasets.action_genome"
    )


def test_missing_pictures_are_refused(data: Dataset) -> None:
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


def test_damaged_pictures_are_refused(data: Dataset) -> None:
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
def test_other_class_lists_are_refused(
    data: Dataset, line: int, text: str | None, message: str
) -> None:
    path = data.file("object_classes.txt")
    lines = path.read_text().splitlines()
    lines[line - 1 : line] = [text] if text else []
    path.write_text("\n".join(lines))
    with pytest.raises(InputError) as error:
        data.read()
    assert str(error.value) == f"{path}: {message}"


def test_other_text_is_refused(data: Dataset) -> None:
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
def test_bad_options_are_refused(data: Dataset, option: str, value: Any, expected: str) -> None:
    with pytest.raises(InputError) as error:
        data.read(**{option: value})
    assert str(error.value) == f"read_action_genome: {option} is {value!r}; expected {expected}"
