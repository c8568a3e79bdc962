"""Images and labels of a run, and how a batch of them is drawn and cropped."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fixbench.datasets.fine_grained import load_images, read_fine_grained
from fixbench.errors import InputError
from fixbench.systems.dcal._options import DataOptions

__all__ = ["Images", "Material", "load_material", "normalise"]


def normalise(images: Tensor) -> Tensor:
    """uint8 [B, S, S, 3] → float32 [B, 3, S, S] from −1 to 1, as ViT's own weights expect."""
    return (images.permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous()


@dataclass(frozen=True)
class Images:
    """Pictures uint8 [N, S + margin, S + margin, 3] and labels [N]."""

    pictures: Tensor
    labels: Tensor

    def at(self, index: Tensor, size: int) -> Tensor:
        """The middle ``size`` × ``size`` of pictures ``index``, normalised."""
        margin = self.pictures.shape[1] - size
        top = margin // 2
        part = slice(top, top + size)
        return normalise(self.pictures[index][:, part, part])

    def augmented(
        self, index: Tensor, size: int, *, flip: bool, generator: torch.Generator
    ) -> Tensor:
        """The same at random places, half of them flipped left to right if ``flip``."""
        chosen = self.pictures[index]
        margin = chosen.shape[1] - size
        if margin:
            places = torch.randint(margin + 1, (len(index), 2), generator=generator)
            places = places.to(chosen.device)
            along = torch.arange(size, device=chosen.device)
            image = torch.arange(len(index), device=chosen.device)[:, None, None]
            rows, columns = places[:, :1] + along, places[:, 1:] + along
            chosen = chosen[image, rows[:, :, None], columns[:, None, :]]
        if flip:
            flipped = torch.rand(len(index), generator=generator) < 0.5
            flipped = flipped.to(chosen.device)[:, None, None, None]
            chosen = torch.where(flipped, chosen.flip(2), chosen)
        return normalise(chosen)

    def to(self, device: torch.device) -> Images:
        """The same on ``device``."""
        return Images(self.pictures.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Material:
    """Both splits."""

    classes: int
    train: Images
    test: Images

    def to(self, device: torch.device) -> Material:
        """The same on ``device``."""
        return Material(self.classes, self.train.to(device), self.test.to(device))


def load_material(root: Path, options: DataOptions, size: int) -> Material:
    """Read a data set; every seed reads the same, so it is kept.

    Args:
        size: of the model's images, without the margin.

    Raises:
        InputError: as the reader; or a split is empty.
    """
    return _load(root / options.folder, options.layout, size + options.margin, options.crop_bottom)


@functools.cache
def _load(folder: Path, layout: str, size: int, crop_bottom: int) -> Material:
    found = read_fine_grained(folder, layout)  # type: ignore[arg-type]
    splits = []
    for name, samples in (("train", found.train), ("test", found.test)):
        if not samples:
            raise InputError(folder, name, 0, expected="at least one image")
        pictures = load_images(samples, size, crop_bottom=crop_bottom)
        labels = np.array([sample.label for sample in samples])
        splits.append(Images(torch.from_numpy(pictures), torch.from_numpy(labels)))
    return Material(len(found.class_names), *splits)
