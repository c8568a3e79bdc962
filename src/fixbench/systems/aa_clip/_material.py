"""The data of a run: both families as tensors, the prompts of their classes, the probe images."""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fixbench.datasets.anomaly import AnomalyFamily, class_noun, read_anomaly_family
from fixbench.datasets.prompts import anomaly_prompts, tokenise
from fixbench.systems.aa_clip._towers import normalise
from fixbench.training import first_of_each

__all__ = ["Family", "load_family"]


@dataclass(frozen=True)
class Family:
    """One family of classes.

    Attributes:
        images: normalised [N, 3, S, S]; masks: [N, S, S] of 0 and 1; labels, classes: [N].
        prompts: token ids [K, 16, 77], six normal prompts before ten abnormal ones.
    """

    images: Tensor
    masks: Tensor
    labels: Tensor
    classes: Tensor
    class_names: tuple[str, ...]
    prompts: Tensor

    def at(self, index: Tensor) -> Family:
        """The images of ``index``; prompts stay."""
        return dataclasses.replace(
            self,
            images=self.images[index],
            masks=self.masks[index],
            labels=self.labels[index],
            classes=self.classes[index],
        )

    def first_of_each(self, count: int) -> Tensor:
        """Indices of the first ``count`` images of each class and label, group by group."""
        groups = (2 * self.classes + self.labels).tolist()
        places = sorted(first_of_each(groups, count), key=groups.__getitem__)
        return torch.tensor(places, device=self.classes.device)

    def to(self, device: torch.device) -> Family:
        """The same on ``device``."""
        return Family(
            self.images.to(device),
            self.masks.to(device),
            self.labels.to(device),
            self.classes.to(device),
            self.class_names,
            self.prompts.to(device),
        )


@functools.cache
def load_family(directory: Path, size: int) -> Family:
    """Read a family and tokenise its prompts; cached, because every seed reads the same."""
    family: AnomalyFamily = read_anomaly_family(directory, image_size=size)
    prompts = [
        tokenise([text for group in anomaly_prompts(class_noun(name)) for text in group])
        for name in family.classes
    ]
    return Family(
        images=normalise(family.images),
        masks=torch.as_tensor(family.masks).float(),
        labels=torch.as_tensor(family.labels).long(),
        classes=torch.as_tensor(family.class_index).long(),
        class_names=family.classes,
        prompts=torch.as_tensor(np.stack(prompts)),
    )
