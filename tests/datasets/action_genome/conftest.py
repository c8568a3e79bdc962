"""A folder in Action Genome's format, to be changed and read again."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fixbench.datasets.action_genome import (
    OBJECT_CLASSES,
    RELATION_CLASSES,
    ActionGenome,
    read_action_genome,
)

OBJECTS = "object_bbox_and_relationship.pkl"
PERSONS = "person_bbox.pkl"
KEY = "001YG.mp4/000089.png"


def make_thing(
    name: str, bbox: Any, *relations: Any, visible: bool = True, split: str = "train"
) -> dict[str, Any]:
    kinds = ("attention_relationship", "spatial_relationship", "contacting_relationship")
    return {
        "class": name,
        "bbox": bbox,
        **dict(zip(kinds, relations, strict=True)),
        "metadata": {"tag": f"001YG.mp4/{name}/000089", "set": split},
        "visible": visible,
    }


def make_objects(split: str = "train") -> list[dict[str, Any]]:
    """The first annotated frame of the real data, and a thing that cannot be seen."""
    return [
        make_thing(
            "table", (22.2, 14.5, 25.0, 10.5), ["unsure"], ["in_front_of"], ["not_contacting"]
        ),
        make_thing(
            "chair",
            (5.5, 17.5, 19.0, 9.0),
            ["not_looking_at"],
            ["beneath", "behind"],
            ["sitting_on", "leaning_on"],
        ),
        make_thing("closet/cabinet", None, None, None, None, visible=False),
    ]


def make_person(*boxes: tuple[float, ...]) -> dict[str, Any]:
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
        self.objects: Any = {key: make_objects() for key in keys}
        self.persons: Any = {key: make_person((2.4, 7.1, 25.9, 26.8)) for key in keys}
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

    def read(self, **options: Any) -> ActionGenome:
        return read_action_genome(self.folder, **({"split": "train"} | options))

    def file(self, name: str) -> Path:
        return self.folder / "annotations" / name


@pytest.fixture
def data(tmp_path: Path) -> Dataset:
    return Dataset(tmp_path / "ag")
