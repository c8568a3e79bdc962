"""What the reader makes of good annotations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fixbench.datasets.action_genome import OBJECT_CLASSES, RELATION_CLASSES, RELATION_KINDS
from fixbench.errors import InputError

from .conftest import KEY, Dataset, make_objects, make_person, make_thing

TIME = 88 / 24


def _relations(*names: str) -> list[int]:
    return sorted(RELATION_CLASSES.index(name) for name in names)


def test_a_frame_as_documented(data: Dataset) -> None:
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


def test_label_layout(data: Dataset) -> None:
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


def test_class_lists_are_the_documented_ones() -> None:
    assert len(OBJECT_CLASSES) == 36
    assert OBJECT_CLASSES[0] == "person"
    assert len(RELATION_CLASSES) == 26
    places = RELATION_KINDS
    attention = places["attention_relationship"]
    assert [RELATION_CLASSES[i] for i in attention] == ["looking_at", "not_looking_at", "unsure"]
    spatial, contacting = places["spatial_relationship"], places["contacting_relationship"]
    assert [*attention, *spatial, *contacting] == list(range(26))
    assert (spatial.start, contacting.start) == (3, 9)


@pytest.mark.parametrize("spelling", ["closet/cabinet", "closetcabinet", "Closet_Cabinet"])
def test_classes_are_found_in_any_spelling(data: Dataset, spelling: str) -> None:
    data.objects[KEY][0]["class"] = spelling
    data.objects[KEY][0]["attention_relationship"] = ["lookingat"]
    data.write()
    frame = data.read().frames[0]
    assert OBJECT_CLASSES[frame.objects[1]] == "closet/cabinet"
    assert frame.relations[1, 0]


def test_relations_of_a_thing_that_cannot_be_seen_count_for_the_person(data: Dataset) -> None:
    data.objects[KEY][2]["contacting_relationship"] = ["holding"]
    data.write()
    frame = data.read().frames[0]
    assert frame.relations[0, RELATION_CLASSES.index("holding")]
    assert not frame.relations[1:, RELATION_CLASSES.index("holding")].any()


def test_both_ends_of_an_interval_belong_to_it(data: Dataset) -> None:
    data.fps = {"001YG.mp4": 22}
    data.rows["train"] = ["001YG,c001 4.00 5.00;c002 3.00 4.00;c003 4.01 9.00;c004 0.00 3.99"]
    data.write()
    # (89 − 1) / 22 = 4 s
    assert np.flatnonzero(data.read().frames[0].actions[0]).tolist() == [1, 2]


def test_frames_a_second_decide_what_is_going_on(data: Dataset) -> None:
    def actions(**options: Any) -> list[int]:
        return np.flatnonzero(data.read(**options).frames[0].actions[0]).tolist()

    assert actions() == [92]
    assert actions(fps=30) == [147]  # 2.93 s
    data.fps = {"001YG.mp4": 8.8}  # 10 s
    data.write()
    assert actions(fps=30) == [9]


def test_a_clip_ends_at_its_frame_and_starts_at_frame_one(data: Dataset) -> None:
    frame = data.read(clip_length=4, sampling_rate=5).frames[0]
    assert [path.name for path in frame.clip] == [f"{n:06d}.png" for n in (74, 79, 84, 89)]
    clip = frame.load_clip()
    assert clip.shape == (4, 27, 48, 3)
    assert clip.dtype == np.uint8
    assert clip[:, 0, 0].tolist() == [[n, 0, 255 - n] for n in (74, 79, 84, 89)]
    assert frame.load_clip(32).shape == (4, 32, 32, 3)
    expected = frame.boxes * np.array([32 / 48, 32 / 27] * 2)
    np.testing.assert_allclose(frame.boxes_at(32), expected, rtol=1e-6)
    data.objects = {f"001YG.mp4/00000{n}.png": make_objects() for n in (1, 2, 3)}
    data.persons = {key: make_person((1, 1, 9, 9)) for key in data.objects}
    data.write()
    for number in (1, 2, 3):
        data.picture(f"001YG.mp4/00000{number}.png", number)
    first, second, _ = data.read(clip_length=3).frames
    assert [path.name for path in first.clip] == ["000001.png"] * 3
    assert [path.name for path in second.clip] == ["000001.png", "000001.png", "000002.png"]


def test_a_missing_picture_is_refused_or_stood_in_for_by_the_next(data: Dataset) -> None:
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


def test_frames_without_a_person_or_a_visible_object_are_dropped_and_named(data: Dataset) -> None:
    extra = [f"001YG.mp4/{number:06d}.png" for number in (81, 82)]
    for key in extra:
        data.objects[key], data.persons[key] = make_objects(), make_person((1, 1, 9, 9))
    data.persons[extra[0]] = make_person()
    data.objects[extra[1]] = [make_thing("dish", None, None, None, None, visible=False)]
    data.objects["AAAAA.mp4/000020.png"] = make_objects()
    data.persons["AAAAA.mp4/000020.png"] = make_person((1, 1, 9, 9))
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


def test_a_video_needs_three_frames_that_can_be_used(data: Dataset) -> None:
    data.persons[KEY] = make_person()
    data.write()
    read = data.read()
    assert read.frames == ()
    assert read.dropped["fewer than three usable frames in the video"] == (
        "001YG.mp4/000093.png",
        "001YG.mp4/000264.png",
    )


def test_the_set_is_that_of_the_metadata(data: Dataset) -> None:
    assert data.read(split="test").frames == ()
    for entries in data.objects.values():
        for entry in entries:
            entry["metadata"]["set"] = "test"
    data.write()
    assert data.read().frames == ()
    assert len(data.read(split="test").frames) == 3


def test_one_person_or_all(data: Dataset) -> None:
    data.persons[KEY] = make_person((2, 2, 20, 20), (25, 3, 40, 25))
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


def test_details_tell_persons_apart(data: Dataset) -> None:
    data.persons[KEY] = make_person((2, 2, 20, 20), (25, 3, 40, 25))
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


def test_a_box_is_cut_at_the_edge_of_the_picture_and_counted(data: Dataset) -> None:
    data.objects[KEY][0]["bbox"] = (40.0, -3.0, 20.0, 10.0)
    data.persons["001YG.mp4/000264.png"] = make_person((-1.0, 2, 60, 20))
    data.write()
    read = data.read()
    assert read.clipped == (KEY, "001YG.mp4/000264.png")
    assert read.frames[0].boxes[1].tolist() == [40, 0, 48, 7]
    assert read.frames[2].boxes[0].tolist() == [0, 2, 48, 20]
