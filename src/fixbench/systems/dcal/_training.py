"""The training loop of the document: physical batches, weighted losses, clip, step."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import torch
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.dcal._learning_rate import rate_at
from fixbench.systems.dcal._material import Material
from fixbench.systems.dcal._model import DualCrossAttention, Logits
from fixbench.systems.dcal._optimiser import Update
from fixbench.systems.dcal._options import Options
from fixbench.systems.dcal._pair_wise import draw_pairs
from fixbench.training import generator, seeded, shuffled_batches

__all__ = ["COUNTERS", "Trainer", "clear_cache", "root_mean_square"]

#: What is counted over a whole run.
COUNTERS = ("non_finite_steps", "skipped_steps", "cache_clearings", "self_pairs", "pairs")


class Trainer:
    """A model in training.

    Args:
        material: on the model's device.

    Attributes:
        counts: of `COUNTERS`.
        rate_sum: of the rates of all steps that were taken.
        start: the trunk's matrices before training [P].
    """

    def __init__(
        self, options: Options, seed: int, model: DualCrossAttention, material: Material
    ) -> None:
        self.options = options
        self.seed = seed
        self.model = model
        self.material = material
        training = options.training
        count = len(material.train.labels)
        if count < training.batch:
            expected = f"at least {training.batch}, an effective batch"
            raise InputError(options.data.folder, "training images", count, expected=expected)
        self.update = Update(model.trained_parameters(), options.optimiser, batch=training.batch)
        self.counts = Counter[str]()
        self.rate_sum = 0.0
        self._matrices = slice(sum(p.numel() for p in model.matrices()))
        self.start = self.matrices.clone()
        draw = generator(seed, "batches")
        self._order = shuffled_batches(count, training.batch, training.steps_taken, draw)

    @property
    def matrices(self) -> Tensor:
        """The trunk's matrices [P], first among all parameters."""
        return self.update.values[self._matrices]

    def step(self, number: int) -> dict[str, float]:
        """One optimiser step; what was found before the update, for a `Window`.

        A step that is skipped gives nothing.
        """
        training = self.options.training
        self._clear_cache(number)
        self.model.train()
        self.update.clear()
        images, labels, pairs = self._draw(number)
        size = len(labels) if training.together else training.physical_batch
        totals, losses, accuracies = [], [], []
        with seeded(self.seed, "dropout", number):
            for first in range(0, len(labels), size):
                part = slice(first, first + size)
                chosen = None if pairs is None else pairs[part] - first
                logits = self.model(images[part], chosen)
                each = self.model.losses(logits, labels[part])
                share = len(labels[part]) / len(labels)
                total = share * self.model.loss_weights(each)
                total.backward()
                totals.append(total.detach())
                losses.append(share * each.detach())
                accuracies.append(share * _accuracies(logits, labels[part]))
        loss = torch.stack(totals).sum().item()
        if not math.isfinite(loss):
            self.counts["non_finite_steps"] += 1
            if training.non_finite == "skip":
                self.counts["skipped_steps"] += 1
                return {}
        values = {"loss/total": loss}
        terms = self.model.options.terms
        for name, found in (("loss", losses), ("train_accuracy", accuracies)):
            means = torch.stack(found).sum(dim=0).tolist()
            values |= {f"{name}/{term}": x for term, x in zip(terms, means, strict=True)}
        return values | self._apply(number)

    def _apply(self, number: int) -> dict[str, float]:
        """The update, and how large it and its parts are in the trunk's matrices."""
        training, update = self.options.training, self.update
        before = self.matrices.clone()
        rate = rate_at(self.options.learning_rate, number, training.steps_taken, training.batch)
        values = {"learning_rate": rate, "gradient_norm": update.step(rate)}
        self.rate_sum += rate
        norm = before.norm()
        clipped = update.gradient[self._matrices].norm()
        values["relative_update"] = ((self.matrices - before).norm() / norm).item()
        # At a gradient of zero, decay is all there is: the quotient is cut off.
        decay = update.weight_decay * norm
        values["decay_to_gradient"] = min(1e6, (decay / clipped.clamp_min(1e-30)).item())
        return values

    def _draw(self, number: int) -> tuple[Tensor, Tensor, Tensor | None]:
        """Images, labels and pairs of an effective batch."""
        options, train = self.options, self.material.train
        index = self._order[number].to(train.labels.device)
        images = train.augmented(
            index,
            options.model.trunk.image,
            flip=options.training.flip,
            generator=generator(self.seed, "augmentation", number),
        )
        pairs = None
        if options.model.pwca.enabled:
            pairs = draw_pairs(
                len(index),
                options.training.physical_batch,
                options.model.pwca.pairing,
                generator(self.seed, "pairs", number),
            )
            self.counts["self_pairs"] += int((pairs == torch.arange(len(pairs))).sum())
            self.counts["pairs"] += len(pairs)
            pairs = pairs.to(index.device)
        return images, train.labels[index], pairs

    def _clear_cache(self, number: int) -> None:
        """Before the first physical batch, and in a step that has one to be cleared at."""
        training = self.options.training
        if not training.empty_cache:
            return
        first = number * training.accumulation
        batches = range(first, first + training.accumulation)
        if any(batch % training.empty_cache == 0 for batch in batches):
            clear_cache(self.material.train.labels.device)
            self.counts["cache_clearings"] += 1

    def state_dict(self) -> dict[str, Any]:
        """For `Session.save`."""
        glca = self.model.glca
        return {
            "model": self.model.state_dict(),
            "update": self.update.state_dict(),
            "counts": dict(self.counts),
            "triggers": {} if glca is None else dict(glca.triggers),
            "rate_sum": self.rate_sum,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """For `Session.restore`."""
        self.model.load_state_dict(state["model"])
        self.update.load_state_dict(state["update"])
        self.counts = Counter(state["counts"])
        if self.model.glca is not None:
            self.model.glca.triggers = Counter(state["triggers"])
        self.rate_sum = state["rate_sum"]


def root_mean_square(values: Tensor) -> float:
    """√ of the mean of squares."""
    return (values.norm() / math.sqrt(values.numel())).item()


def clear_cache(device: torch.device) -> None:
    """Give CUDA's unused memory back to the driver; nothing on other devices."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def _accuracies(logits: Logits, labels: Tensor) -> Tensor:
    found = [(each.argmax(dim=1) == labels).float().mean() for each in logits if each is not None]
    return torch.stack(found)
