"""One annotated frame and its clip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fixbench.datasets.action_genome._classes import OBJECT_CLASSES
from fixbench.errors import InputError

Split = Literal["train", "test"]
Boxes = NDArray[np.float32]
Flags = NDArray[np.bool_]


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


def _read_picture(path: Path, side: int | None) -> NDArray[np.uint8]:
    try:
        with Image.open(path) as image:
            picture = image.convert("RGB")
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(path, "", expected="a complete picture") from error
    if side is not None:
        picture = picture.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(picture)
