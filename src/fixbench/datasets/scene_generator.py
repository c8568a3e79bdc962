"""Small procedural videos in Action Genome's own format, for the trial of scene contexts.

A room, made of crops of real photographs: things on the walls and the floor, one or two figures
with a real face and real cloth. Frames are 112 x 112; a video has three annotated frames, each at
the end of eight. What a figure does has two parts, drawn independently of each other:

- *what it watches* ("watching television", "looking outside of a window", …; six actions). A
  figure that shows its face looks at the thing on the far side of the room, and does that action
  if this thing is lit; lit means ``looking_at``, dimmed ``not_looking_at``. Which action it is can
  be seen only at the thing, more than a cell (16 pixels) away: from its class together with its
  relation. Whether the figure watches anything can be seen from its face.
- *how it moves* (running, sitting down, standing up, laughing, or not at all). The pose in the
  annotated frame has the same distribution for all; only the frames before it tell. Nothing
  elsewhere in the scene is related to it, so that context cannot help.

Subsets ask different things of a scene context:

- ``one_object``: one figure, one thing that can be watched; which things and relations the scene
  holds anywhere is enough.
- ``distractor``: a second watchable thing, dimmed. The scene holds both classes and both
  relations, so they must be kept together at a place.
- ``two_person``: a second figure, turned away, nearer to the thing. The scene's content and the
  figure's own look are enough, nearness misleads.
- ``two_attending``: both figures show their faces, each looks at the thing on the other's side.
  The scene's content is the same for both; who watches what depends on places.

Each kind of scene context is favoured by some subsets and not by others. A context pooled over the
whole scene has all that it needs in the first and third subsets and has to guess in the others.
Attention over places can in principle be right in all of them, and has the harder problem to learn.
In every subset some scenes have nothing to watch (dimmed things, figures turned away), so that
neither class nor relation alone is enough.
"""

from __future__ import annotations

import csv
import io
import json
import pickle
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from fixbench.datasets.action_genome import OBJECT_CLASSES, RELATION_CLASSES
from fixbench.datasets.photographs import PHOTOGRAPHS, Region, load_photograph
from fixbench.datasets.scenes import MOTION_ACTIONS, WATCH_ACTIONS
from fixbench.errors import InputError
from fixbench.files import whole_folder

__all__ = ["generate_scenes"]

Plane = NDArray[np.float64]
Side = Literal["left", "right"]

SIDE = 112
#: Frames of a clip, different poses in it, annotated frames of a video, frames a second.
CLIP_LENGTH = 8
POSES = 4
SEGMENTS = 3
FPS = 8

#: Of five videos in a row.
_SUBSET_CYCLE = ("one_object", "distractor", "one_object", "two_person", "two_attending")

_STILL = "still"
_STILL_SHARE = 0.4


@dataclass(frozen=True)
class _Thing:
    """How a class looks: a crop of a photograph, in a frame.

    Attributes:
        region: of the photograph; sides: smallest and largest side of the crop in its pixels.
        size: width and height in the picture, before they vary by a tenth.
        round: an ellipse instead of a rectangle.
    """

    photograph: str
    region: Region
    sides: tuple[int, int]
    size: tuple[int, int]
    round: bool = False
    framed: bool = True


_THINGS: Mapping[str, _Thing] = MappingProxyType(
    {
        "television": _Thing("rocket", Region(0, 200, 427, 500), (200, 290), (30, 21)),
        "window": _Thing("china", Region(10, 120, 420, 560), (250, 390), (22, 28)),
        "picture": _Thing("chelsea", Region(10, 80, 290, 360), (170, 260), (24, 24)),
        "mirror": _Thing("flower", Region(40, 110, 427, 490), (240, 370), (22, 28), round=True),
        "book": _Thing("text", Region(0, 0, 172, 448), (110, 165), (26, 20)),
        "laptop": _Thing("camera", Region(40, 90, 440, 420), (220, 320), (28, 22)),
        "cup/glass/bottle": _Thing(
            "coffee", Region(10, 160, 310, 420), (220, 255), (16, 17), round=True, framed=False
        ),
        "dish": _Thing(
            "coins", Region(20, 20, 290, 370), (44, 60), (18, 18), round=True, framed=False
        ),
        "box": _Thing("brick", Region(0, 0, 512, 512), (120, 220), (20, 18), framed=False),
        "blanket": _Thing("ihc", Region(0, 0, 512, 512), (120, 220), (26, 14), framed=False),
    }
)
_FURNISHINGS = tuple(name for name in _THINGS if name not in WATCH_ACTIONS)
_FRAME_COLOURS = ((206, 172, 120), (224, 224, 216), (150, 168, 190))

#: Walls and floors: textures, kept faint.
_SURFACES = ("brick", "grass", "gravel", "ihc")
_HORIZON = 70

#: Faces and hair are one photograph's; cloth comes from two.
_FACE = ("astronaut", Region(18, 150, 190, 302))
_HAIR = ("astronaut", Region(20, 165, 75, 290))
_CLOTHES = (("astronaut", Region(300, 40, 440, 180)), ("camera", Region(240, 20, 380, 160)))

#: Where things stand: (left, right, top, bottom) of their centres, for the left half; mirrored.
_WALL = (17, 31, 16, 27)
_FLOOR = (17, 31, 82, 96)
_MIDDLE_WALL = (50, 62, 16, 30)
_MIDDLE_FLOOR = (50, 62, 84, 98)

_LIT, _DIMMED = (0.9, 1.1), (0.32, 0.48)
_COLOURS = 24


@dataclass(frozen=True)
class _Placed:
    """A thing in a video: its picture when lit [h, w, 3], its cover [h, w], and its corner."""

    name: str
    pixels: Plane
    cover: Plane
    x: int
    y: int
    wall: bool

    @property
    def box(self) -> tuple[float, float, float, float]:
        """(x, y, width, height)."""
        height, width = self.cover.shape
        return float(self.x), float(self.y), float(width), float(height)


@dataclass(frozen=True)
class _Look:
    """A figure in a video: what it is made of, how large, on which side."""

    face: Plane
    hair: Plane
    cloth: Plane
    legs: Plane
    scale: float
    side: Side


@dataclass(frozen=True)
class _Act:
    """A figure in one segment. ``poses``: four of (shift in pixels, leg length), oldest first."""

    attends: bool
    motion: str
    x: float
    foot: int
    poses: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class _Segment:
    """``light``: brightness of each thing; ``watches``: what each figure watches, or ""."""

    acts: tuple[_Act, ...]
    lit: tuple[bool, ...]
    light: tuple[float, ...]
    watches: tuple[str, ...]


@dataclass(frozen=True)
class _Video:
    name: str
    subset: str
    room: Plane
    things: tuple[_Placed, ...]
    hidden: str
    looks: tuple[_Look, ...]
    segments: tuple[_Segment, ...]


def generate_scenes(
    directory: Path, *, seed: int, train_videos: int = 200, test_videos: int = 70
) -> None:
    """Write ``annotations/``, ``frames/`` and ``SOURCES.json`` to ``directory``, all or nothing.

    Read them with `read_action_genome` (``clip_length=8, longest_gap=7, persons="all"``). Frames
    that equal the next are not stored. Equal arguments give equal bytes; a video depends on the
    seed, its set and its number only, not on how many others there are.

    Args:
        seed: non-negative.
        train_videos, test_videos: videos of each set, three annotated frames each; at least one.

    Raises:
        InputError: an argument is out of range, or the folder cannot be written.
    """
    arguments = {"seed": (seed, 0), "train_videos": (train_videos, 1)}
    for key, (value, least) in (arguments | {"test_videos": (test_videos, 1)}).items():
        if value < least:
            raise InputError("generate_scenes", key, value, expected=f"at least {least}")
    with whole_folder(Path(directory)) as folder:
        annotations = _Annotations()
        for part, (split, count) in enumerate((("train", train_videos), ("test", test_videos))):
            for index in range(count):
                generator = np.random.default_rng([seed, part, index])
                video = _video(f"{split[:2].upper()}{index:03d}.mp4", index, generator)
                boxes = _write_frames(folder / "frames" / video.name, video)
                annotations.add(video, split, boxes)
        annotations.write(folder / "annotations")
        sources = json.dumps(_sources(seed), indent=2, ensure_ascii=False) + "\n"
        (folder / "SOURCES.json").write_text(sources, encoding="utf-8")


def _video(name: str, index: int, generator: np.random.Generator) -> _Video:
    subset = _SUBSET_CYCLE[index % 5]
    room = _room(generator)
    near: Side = "left" if generator.random() < 0.5 else "right"
    far: Side = "right" if near == "left" else "left"
    watchable = list(WATCH_ACTIONS)
    # Every class comes first equally often in every subset.
    first = watchable.pop((index // 5 + 2 * (index % 5)) % len(watchable))
    second = watchable[generator.integers(len(watchable))]
    # On the far side a figure would hide a thing on the floor, but none on the wall.
    places = [(_WALL, far), (_FLOOR, far)]
    if subset in ("one_object", "distractor"):
        generator.shuffle(places)
    things = [_place(first, *places[0], generator)]
    if subset == "distractor":
        things.append(_place(second, *places[1], generator))
    if subset == "two_attending":
        things.append(_place(second, _WALL, near, generator))
    furnishings = generator.permutation(len(_FURNISHINGS))
    for slot, number in zip((_MIDDLE_WALL, _MIDDLE_FLOOR), furnishings, strict=False):
        if generator.random() < 0.6:
            things.append(_place(_FURNISHINGS[number], slot, "left", generator))
    # Annotated but not visible, like things behind others in the real annotations.
    hidden = "light" if generator.random() < 0.2 else ""
    sides = (near,) if subset in ("one_object", "distractor") else (near, far)
    looks = tuple(_look(side, generator) for side in sides)
    segments = tuple(_segment(subset, tuple(things), looks, generator) for _ in range(SEGMENTS))
    return _Video(name, subset, room, tuple(things), hidden, looks, segments)


def _segment(
    subset: str,
    things: tuple[_Placed, ...],
    looks: tuple[_Look, ...],
    generator: np.random.Generator,
) -> _Segment:
    """Who attends and what is lit; the first figure looks at the first thing that it can watch."""
    lit = [False] * len(things)
    watches = [""] * len(looks)
    if subset == "one_object":
        attends = [generator.random() < 0.8]
        lit[0] = attends[0] and generator.random() < 0.75
        watches[0] = things[0].name if lit[0] else ""
    elif subset == "distractor":
        attends = [generator.random() < 0.8]
        if attends[0]:
            seen = int(generator.integers(2))
            lit[seen], watches[0] = True, things[seen].name
    elif subset == "two_person":
        attends = [True, False]
        lit[0] = generator.random() < 0.8
        watches[0] = things[0].name if lit[0] else ""
    else:
        attends = [True, True]
        for person in range(2):
            lit[person] = generator.random() < 0.8
            watches[person] = things[person].name if lit[person] else ""
    acts = tuple(_act(look, facing, generator) for look, facing in zip(looks, attends, strict=True))
    light = tuple(generator.uniform(*(_LIT if each else _DIMMED)) for each in lit)
    return _Segment(acts, tuple(lit), light, tuple(watches))


def _act(look: _Look, attends: bool, generator: np.random.Generator) -> _Act:
    motions = list(MOTION_ACTIONS)
    still = generator.random() < _STILL_SHARE
    motion = _STILL if still else motions[generator.integers(len(motions))]
    x = generator.uniform(21, 27)
    foot = int(generator.integers(100, 110))
    legs = generator.uniform(0.55, 0.75)
    ahead = 3 if generator.random() < 0.5 else -3
    back = (3, 2, 1, 0)
    poses = {
        _STILL: [(0, legs) for _ in back],
        "running": [(-ahead * step, legs) for step in back],
        "sitting_down": [(0, legs + 0.13 * step) for step in back],
        "standing_up": [(0, legs - 0.13 * step) for step in back],
        "laughing": [(0, legs + 0.16 * (step % 2)) for step in back],
    }[motion]
    return _Act(attends, motion, x if look.side == "left" else SIDE - x, foot, tuple(poses))


def _look(side: Side, generator: np.random.Generator) -> _Look:
    name, region = _CLOTHES[generator.integers(len(_CLOTHES))]
    top, left, bottom, right = region
    span = int(generator.integers(80, 120))
    down, across = generator.integers(0, [bottom - top - span, right - left - span])
    crop = Region(top + down, left + across, top + down + span, left + across + span)
    tint = generator.uniform(0.75, 1.25, size=3)
    cloth = _resized(name, crop, (20, 21)) * tint
    legs = cloth.mean(axis=(0, 1)) * generator.uniform(0.3, 0.6) + generator.uniform(10, 50, size=3)
    light = generator.uniform(0.85, 1.1)
    face, hair = _resized(*_FACE, (11, 13)) * light, _resized(*_HAIR, (11, 13)) * light
    if generator.random() < 0.5:
        face, hair = face[:, ::-1], hair[:, ::-1]
    return _Look(face, hair, cloth, legs, generator.uniform(0.98, 1.12), side)


def _place(
    name: str, area: tuple[int, int, int, int], side: Side, generator: np.random.Generator
) -> _Placed:
    thing = _THINGS[name]
    zoom = generator.uniform(0.92, 1.08)
    width, height = (round(length * zoom) for length in thing.size)
    top, left, bottom, right = thing.region
    span = int(generator.integers(thing.sides[0], thing.sides[1] + 1))
    down, across = generator.integers(0, [bottom - top - span + 1, right - left - span + 1])
    crop = Region(top + down, left + across, top + down + span, left + across + span)
    pixels = _resized(thing.photograph, crop, (width, height))
    pixels = pixels * generator.uniform(0.9, 1.1, size=3)
    cover = np.ones((height, width))
    if thing.round:
        cover = _drawn((width, height), lambda pen, s: pen.ellipse(_oval(width, height, 0, s), 255))
    if thing.framed:
        inside = np.zeros((height, width))
        inside[2:-2, 2:-2] = 1
        if thing.round:
            inside = _drawn(
                (width, height), lambda pen, s: pen.ellipse(_oval(width, height, 2, s), 255)
            )
        colour = np.array(_FRAME_COLOURS[generator.integers(len(_FRAME_COLOURS))])
        pixels = colour + inside[..., None] * (pixels - colour)
    x = generator.uniform(area[0], area[1])
    y = generator.uniform(area[2], area[3])
    x = x if side == "left" else SIDE - x
    return _Placed(
        name, pixels, cover, round(x - width / 2), round(y - height / 2), wall=y < _HORIZON - 20
    )


def _room(generator: np.random.Generator) -> Plane:
    """Wall and floor, [112, 112, 3]."""
    room = np.empty((SIDE, SIDE, 3))
    horizon = _HORIZON + int(generator.integers(-5, 6))
    wall, floor = generator.permutation(len(_SURFACES))[:2]
    for number, rows, light in ((wall, slice(0, horizon), 150), (floor, slice(horizon, SIDE), 105)):
        height = rows.stop - rows.start
        span = int(generator.integers(110, 200))
        top, left = generator.integers(0, 512 - span, size=2)
        crop = Region(top, left, top + span, left + span)
        surface = _resized(_SURFACES[number], crop, (SIDE, height)).mean(axis=2)
        surface = ndimage.gaussian_filter(surface, (2.0, 4.0))
        surface = (surface - surface.mean()) / surface.std()
        tint = generator.uniform(0.85, 1.15, size=3)
        # Two shades: faint, and few bytes.
        shades = np.sign(surface) * 7 + light + generator.uniform(-20, 20)
        room[rows] = shades[..., None] * tint
    return room


def _figure(look: _Look, act: _Act, legs: float) -> tuple[Plane, Plane]:
    """Pixels [h, w, 3] and cover [h, w] of a figure whose legs have this length (1: upright)."""
    scale = look.scale
    hips = 33 * scale
    width, height = round(20 * scale), round(hips + 17 * scale * legs)

    def body(pen: ImageDraw.ImageDraw, s: int) -> None:
        outline = [(1, 17), (4, 12.5), (16, 12.5), (19, 17), (16.5, 33), (3.5, 33)]
        pen.polygon([(x * scale * s, y * scale * s) for x, y in outline], 255)
        for left, right in ((4, 9.3), (10.7, 16)):
            corners = [left * scale * s, (hips - 1) * s, right * scale * s, height * s]
            pen.rectangle(corners, 255)

    def head(pen: ImageDraw.ImageDraw, s: int) -> None:
        pen.ellipse([4.5 * scale * s, 0, 15.5 * scale * s, 13 * scale * s], 255)

    below, above = _drawn((width, height), body), _drawn((width, height), head)
    pixels = np.empty((height, width, 3))
    pixels[:] = look.legs
    chest = _stretched(look.cloth, (width, round(21 * scale)))
    start = round(12.5 * scale)
    pixels[start : start + len(chest)] = chest[: height - start]
    skin = np.empty_like(pixels)
    skin[:] = pixels
    part = _stretched(
        look.face if act.attends else look.hair, (round(11 * scale), round(13 * scale))
    )
    corner = round(4.5 * scale)
    skin[: part.shape[0], corner : corner + part.shape[1]] = part
    pixels = pixels + above[..., None] * (skin - pixels)
    return pixels, np.maximum(below, above)


def _frame(
    video: _Video, segment: _Segment, pose: int
) -> tuple[NDArray[np.uint8], list[list[float]]]:
    """One picture, uint8 [112, 112, 3], and the figures' boxes (x1, y1, x2, y2)."""
    canvas = video.room.copy()
    for thing, brightness in zip(video.things, segment.light, strict=True):
        _paste(canvas, thing.pixels * brightness, thing.cover, thing.x, thing.y)
    boxes = []
    for look, act in zip(video.looks, segment.acts, strict=True):
        shift, legs = act.poses[pose]
        pixels, cover = _figure(look, act, legs)
        x = round(act.x - cover.shape[1] / 2) + shift
        y = act.foot - cover.shape[0]
        _paste(canvas, pixels, cover, x, y)
        rows, columns = (np.flatnonzero(cover.max(axis=axis) > 0.5) for axis in (1, 0))
        corners = (x + columns[0], y + rows[0], x + columns[-1] + 1, y + rows[-1] + 1)
        boxes.append([float(corner) for corner in corners])
    return np.clip(np.rint(canvas), 0, 255).astype(np.uint8), boxes


def _write_frames(folder: Path, video: _Video) -> list[list[list[float]]]:
    """Write a video's pictures, and return the figures' boxes in its annotated frames."""
    folder.mkdir(parents=True)
    drawn = [[_frame(video, segment, pose) for pose in range(POSES)] for segment in video.segments]
    pictures = [picture for segment in drawn for picture, _ in segment]
    # One palette a video: what does not move keeps its bytes.
    keys = np.concatenate(pictures[POSES - 1 :: POSES])
    palette = Image.fromarray(keys).quantize(_COLOURS, method=Image.Quantize.MEDIANCUT)
    for number, picture in enumerate(pictures):
        annotated = (number + 1) % POSES == 0
        if annotated or not np.array_equal(picture, pictures[number + 1]):
            few = Image.fromarray(picture).quantize(palette=palette, dither=Image.Dither.NONE)
            last = (number + 1) * CLIP_LENGTH // POSES
            # Run-length matches only, whose bytes do not depend on the processor.
            few.save(folder / f"{last:06d}.png", format="PNG", compress_type=3)
    return [segment[-1][1] for segment in drawn]


class _Annotations:
    """Everything in ``annotations/``, filled video by video."""

    def __init__(self) -> None:
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.persons: dict[str, dict[str, Any]] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.fps: dict[str, float] = {}
        self.rows: dict[str, list[dict[str, str]]] = {"train": [], "test": []}

    def add(self, video: _Video, split: str, boxes: list[list[list[float]]]) -> None:
        intervals = []
        for number, (segment, found) in enumerate(zip(video.segments, boxes, strict=True)):
            key = f"{video.name}/{(number + 1) * CLIP_LENGTH:06d}.png"
            actions = [
                sorted({WATCH_ACTIONS.get(watched, ""), MOTION_ACTIONS.get(act.motion, "")} - {""})
                for act, watched in zip(segment.acts, segment.watches, strict=True)
            ]
            self.objects[key] = _objects(video, segment, found[0], split, key)
            self.persons[key] = {
                "bbox": np.array(found, dtype=np.float32),
                "bbox_score": np.ones(len(found), dtype=np.float32),
                "bbox_size": (SIDE, SIDE),
                "bbox_mode": "xyxy",
            }
            self.details[key] = {"subset": video.subset, "person_actions": actions}
            # Ends before the next annotated frame, at its own last frame (time 0.875 of a second).
            intervals += [
                f"{code} {number}.00 {number}.90"
                for code in sorted({c for a in actions for c in a})
            ]
        self.fps[video.name] = float(FPS)
        self.rows[split].append(
            {
                "id": video.name.removesuffix(".mp4"),
                "objects": ";".join(thing.name for thing in video.things),
                "actions": ";".join(intervals),
                "length": f"{SEGMENTS * CLIP_LENGTH / FPS:.2f}",
            }
        )

    def write(self, folder: Path) -> None:
        folder.mkdir()
        _write_text(folder / "object_classes.txt", _lines(map(_squeezed, OBJECT_CLASSES)))
        _write_text(folder / "relationship_classes.txt", _lines(map(_squeezed, RELATION_CLASSES)))
        _write_text(folder / "frame_list.txt", _lines(self.objects))
        _write_text(folder / "video_fps.json", json.dumps(self.fps, indent=0) + "\n")
        details = "".join(
            f"{',' if number else ''}\n{json.dumps(key)}: {json.dumps(value)}"
            for number, (key, value) in enumerate(self.details.items())
        )
        _write_text(folder / "frame_details.json", f"{{{details}\n}}\n")
        for split, rows in self.rows.items():
            text = io.StringIO()
            writer = csv.DictWriter(text, _CHARADES_COLUMNS, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            _write_text(folder / f"Charades_v1_{split}.csv", text.getvalue())
        for name, value in (
            ("object_bbox_and_relationship.pkl", self.objects),
            ("person_bbox.pkl", self.persons),
        ):
            (folder / name).write_bytes(pickle.dumps(value, protocol=3))


_CHARADES_COLUMNS = (
    *("id", "subject", "scene", "quality", "relevance", "verified", "script", "objects"),
    *("descriptions", "actions", "length"),
)


def _objects(
    video: _Video, segment: _Segment, person: Sequence[float], split: str, key: str
) -> list[dict[str, Any]]:
    name, number = key.removesuffix(".png").split("/")
    entries = []
    for thing, lit in zip(video.things, segment.lit, strict=True):
        entries.append(
            {
                "class": thing.name,
                "bbox": thing.box,
                "attention_relationship": ["looking_at" if lit else "not_looking_at"],
                "spatial_relationship": _spatial(thing, person),
                "contacting_relationship": ["not_contacting"],
                "visible": True,
            }
        )
    if video.hidden:
        nothing = ("bbox", "attention_relationship", "spatial_relationship")
        entry = {"class": video.hidden, **dict.fromkeys((*nothing, "contacting_relationship"))}
        entries.append(entry | {"visible": False})
    for entry in entries:
        label = str(entry["class"]).replace("/", "_")
        entry["metadata"] = {"tag": f"{name}/{label}/{number}", "set": split}
    return entries


def _spatial(thing: _Placed, person: Sequence[float]) -> list[str]:
    """Where a thing is, seen from the first figure."""
    x, y, width, height = thing.box
    if thing.wall:
        return ["above"]
    depth = "in_front_of" if y + height > person[3] else "behind"
    beside = x > person[2] or x + width < person[0]
    return [depth, "on_the_side_of"] if beside else [depth]


def _sources(seed: int) -> dict[str, Any]:
    used = {thing.photograph for thing in _THINGS.values()} | set(_SURFACES)
    used |= {name for name, _ in (_FACE, _HAIR, *_CLOTHES)}
    return {
        "description": "Procedural videos made of crops of real photographs, by fixbench, in "
        "Action Genome's annotation format; no frame or annotation of Action Genome or Charades.",
        "seed": seed,
        "photographs": {
            name: {
                "package": PHOTOGRAPHS[name].package,
                "file": PHOTOGRAPHS[name].file,
                "licence": PHOTOGRAPHS[name].licence,
            }
            for name in sorted(used)
        },
    }


def _squeezed(name: str) -> str:
    """As in the class lists, which leave out what is no letter."""
    return "".join(c for c in name if c.isalnum())


def _lines(names: Iterable[str]) -> str:
    return "".join(f"{name}\n" for name in names)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _resized(photograph: str, region: Region, size: tuple[int, int]) -> Plane:
    """A crop of a photograph in another size (width, height), float64 [h, w, 3]."""
    top, left, bottom, right = region
    crop = Image.fromarray(load_photograph(photograph)[top:bottom, left:right])
    return np.asarray(crop.resize(size, Image.Resampling.BOX), dtype=np.float64)


def _stretched(pixels: Plane, size: tuple[int, int]) -> Plane:
    """The nearest pixels in another size (width, height)."""
    rows = np.arange(size[1]) * pixels.shape[0] // size[1]
    columns = np.arange(size[0]) * pixels.shape[1] // size[0]
    stretched: Plane = pixels[rows][:, columns]
    return stretched


_SUPERSAMPLING = 4


def _drawn(size: tuple[int, int], draw: Callable[[ImageDraw.ImageDraw, int], None]) -> Plane:
    """What share of each pixel a drawing covers; ``draw`` gets a pen and its magnification."""
    width, height = size
    canvas = Image.new("L", (width * _SUPERSAMPLING, height * _SUPERSAMPLING))
    draw(ImageDraw.Draw(canvas), _SUPERSAMPLING)
    return np.asarray(canvas.reduce(_SUPERSAMPLING), dtype=np.float64) / 255


def _oval(width: int, height: int, margin: int, scale: int) -> list[int]:
    edge = margin * scale
    return [edge, edge, width * scale - 1 - edge, height * scale - 1 - edge]


def _paste(canvas: Plane, pixels: Plane, cover: Plane, x: int, y: int) -> None:
    """Draw onto the canvas, as far as it reaches."""
    height, width = cover.shape
    top, left = max(-y, 0), max(-x, 0)
    bottom, right = min(height, SIDE - y), min(width, SIDE - x)
    target = canvas[y + top : y + bottom, x + left : x + right]
    share = cover[top:bottom, left:right, None]
    target += share * (pixels[top:bottom, left:right] - target)
