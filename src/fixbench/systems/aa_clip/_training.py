"""Training of AA-CLIP: loops of a text stage and an image stage, measured on the way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from fixbench.systems.aa_clip._augment import augment
from fixbench.systems.aa_clip._frozen import frozen_features
from fixbench.systems.aa_clip._material import Family
from fixbench.systems.aa_clip._measure import (
    detection_metrics,
    displacement,
    image_loss,
    mean_absolute_weight,
    probe_image_loss,
    text_loss,
)
from fixbench.systems.aa_clip._model import AdaptedCLIP, ImageFeatures
from fixbench.systems.aa_clip._options import ModelOptions, Options
from fixbench.training import (
    Session,
    Window,
    generator,
    relative_displacement,
    shuffled_batches,
    steps_evenly,
)

__all__ = ["Material", "Training"]

_PARTS = ("image_adapter", "text_adapter", "image_cross", "text_cross")


@dataclass(frozen=True)
class Material:
    """What a run reads.

    Attributes:
        towers, train_path: files of the frozen copy and of the images that it reads.
        layout: of the model, which the frozen copy shares.
        train: the family that is trained on; probe_index: the images of it on which losses are
            evaluated; test: the family on which detection is measured.
    """

    towers: Path
    train_path: Path
    layout: ModelOptions
    train: Family
    probe_index: Tensor
    test: Family

    def frozen_features(self, device: torch.device, index: Tensor) -> ImageFeatures:
        """What the frozen copy makes of training images ``index`` [B]."""
        return frozen_features(self.towers, self.layout, device, self.train_path, index)


class _Phase(NamedTuple):
    """One stage of one loop; ``before`` steps of the same stage precede it."""

    number: int
    loop: int
    stage: Literal["text", "image"]
    steps: int
    before: int


class Training:
    """Training of ``model``, from the session's position on."""

    def __init__(
        self, session: Session, options: Options, seed: int, model: AdaptedCLIP, material: Material
    ) -> None:
        self.session = session
        self.options = options
        self.seed = seed
        self.model = model
        self.material = material
        self.probe = material.train.at(material.probe_index)
        self.initial = model.adapter_state()
        training = options.training
        loops = training.base_loops if options.plan == "base" else training.feedback_loops
        self.phases: list[_Phase] = []
        done = {"text": 0, "image": 0}
        for loop, (text, image) in enumerate(loops):
            for stage, steps in (("text", text), ("image", image)):
                if steps:
                    self.phases.append(
                        _Phase(len(self.phases), loop, stage, steps, done[stage])  # type: ignore[arg-type]
                    )
                    done[stage] += steps
        self.total = done["image"]

    def run(self) -> None:
        """All loops, with losses along the way and detection on the test family at both ends."""
        if self.session.position is None:
            self.measure_load()
        self._train(self.phases)
        self._measure_ends("end", self.total)
        final = self.model.adapter_state()
        values = {}
        for part in _PARTS:
            names = [name for name in final if name.startswith(f"{part}.")]
            if names:
                values[f"parameter_displacement/{part}"] = relative_displacement(
                    [final[name] for name in names], [self.initial[name] for name in names]
                )
        self.session.record(values, "end", self.total)

    def measure_load(self) -> None:
        """Loss and weights before training; detection, too, where it is asked for."""
        self._measure_ends("load", 0)

    def run_first(self, stages: Collection[str]) -> None:
        """These stages of the first loop, and nothing else."""
        self._train([phase for phase in self.phases if not phase.loop and phase.stage in stages])

    def _train(self, phases: Sequence[_Phase]) -> None:
        position = self.session.position
        first = 0
        if position is not None:
            self.model.load_state_dict(position["model"], strict=False)
            first = position["phase"]
        for phase in phases[first:]:
            within = position is not None and phase.number == first and position["step"] > 0
            self._train_phase(phase, position if within else None)

    def _train_phase(self, phase: _Phase, position: Mapping[str, Any] | None) -> None:
        """Train one stage.

        Args:
            position: of an interrupted run that saved within this phase.
        """
        session, model, training = self.session, self.model, self.options.training
        image = phase.stage == "image"
        name = "image" if image else f"text/{phase.loop + 1}"
        # Loops continue one axis of image steps; each text stage has its own.
        offset, total = (phase.before, self.total) if image else (0, phase.steps)
        optimiser, scheduler = self._optimiser(phase)
        start = 0
        anchors = self._anchors(self.material.train) if image else None
        if position is not None:
            start = position["step"]
            session.restore(optimiser=optimiser, scheduler=scheduler)
        step_loss, probe_loss = self._losses(phase, anchors)
        # Later loops' text stage sees other features: its loss is not comparable with the first's.
        probed = image or phase.loop == 0
        if start == 0 and offset == 0 and probed:
            session.record({f"{phase.stage}_loss": probe_loss()}, name, 0)
        evaluations = steps_evenly(phase.steps, training.evaluations)
        window = Window()
        for step in range(start, phase.steps):
            optimiser.zero_grad()
            loss = step_loss(step)
            value = loss.item()
            session.require_finite([value], name, offset + step)
            loss.backward()
            if image and training.image_gradient_factor != 1:
                for parameter in model.image_adapter.parameters():
                    if parameter.grad is not None:
                        parameter.grad.mul_(training.image_gradient_factor)
            optimiser.step()
            scheduler.step()
            window.add({f"{phase.stage}_training_loss": value})
            done, last = step + 1, step + 1 == phase.steps
            if done in evaluations:
                values = window.take_means()
                if probed:
                    values[f"{phase.stage}_loss"] = probe_loss()
                session.record(values, name, offset + done)
                if image and last:
                    loss_now = {"image_loss": values["image_loss"]}
                    session.record(loss_now, f"image/{phase.loop + 1}", offset + done)
                session.progress(name, offset + done, total)
                session.save(
                    phase=phase.number + 1 if last else phase.number,
                    step=0 if last else done,
                    model=model.adapter_state(),
                    optimiser=optimiser,
                    scheduler=scheduler,
                )

    def _optimiser(
        self, phase: _Phase
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """Adam, or SGD for images where asked; the image rate is halved at the milestones."""
        training = self.options.training
        parameters = self.model.stage_parameters(phase.stage)
        decay = training.loop_decay**phase.loop
        optimiser: torch.optim.Optimizer
        if training.optimiser == "sgd" and phase.stage == "image":
            optimiser = torch.optim.SGD(parameters, lr=training.sgd_learning_rate * decay)
        else:
            rates = {"text": training.text_learning_rate, "image": training.image_learning_rate}
            first, second = training.betas
            optimiser = torch.optim.Adam(
                parameters, lr=rates[phase.stage] * decay, betas=(first, second)
            )
        base = self.options.plan == "base"
        fractions = training.base_milestones if base else training.feedback_milestones
        milestones = [max(1, round(fraction * phase.steps)) for fraction in fractions]
        return optimiser, torch.optim.lr_scheduler.MultiStepLR(
            optimiser, milestones if phase.stage == "image" else [], gamma=0.5
        )

    def _losses(
        self, phase: _Phase, anchors: Tensor | None
    ) -> tuple[Callable[[int], Tensor], Callable[[], float]]:
        """The loss of a step's batch, and the loss on the probe images."""
        family, model, training = self.material.train, self.model, self.options.training
        size = training.image_batch if phase.stage == "image" else training.text_batch
        draw = generator(self.seed, "batches", phase.number)
        order = shuffled_batches(len(family.labels), size, phase.steps, draw)

        if anchors is not None:
            contexts = model.prompt_contexts(family.prompts)

            def image_step(step: int) -> Tensor:
                batch = family.at(order[step])
                if training.augment:
                    draw = generator(self.seed, "augmentation", phase.number, step)
                    images, masks = augment(batch.images, batch.masks, draw)
                    batch = dataclasses.replace(batch, images=images, masks=masks)
                return image_loss(model, batch, anchors, contexts)

            return image_step, lambda: probe_image_loss(model, self.probe, anchors, contexts)

        raw = self.options.cross_attention.text_source == "raw"

        def text_batch_loss(index: Tensor) -> Tensor:
            features = self._image_features(index, phase.loop)
            present, position = family.classes[index].unique(return_inverse=True)
            context = features.raw_context if raw else features.context
            anchors = model.text_anchors(family.prompts[present], context)
            # The fork overwrites its loss tap by tap: only the last tap's is differentiated.
            return text_loss(features.patches[-1], anchors[position], family.masks[index])

        @torch.no_grad()
        def text_probe() -> float:
            return text_batch_loss(self.material.probe_index).item()

        return lambda step: text_batch_loss(order[step]), text_probe

    def _image_features(self, index: Tensor, loop: int) -> ImageFeatures:
        """What the text stage sees of training images, from the frozen copy in the first loop."""
        if loop == 0:
            return self.material.frozen_features(self.session.context.device, index)
        return self.model.adapted_features(self.material.train.images[index])

    @torch.no_grad()
    def _anchors(self, family: Family) -> Tensor:
        """Anchors [K, J, 2] of stage 2 and of testing, where the text tower sees no image."""
        return self.model.text_anchors(family.prompts, None)

    def _measure_ends(self, stage: Literal["load", "end"], step: int) -> None:
        """Loss, detection, feature displacement and weights before and after training."""
        model, train, test = self.model, self.material.train, self.material.test
        anchors, contexts = self._anchors(train), model.prompt_contexts(train.prompts)
        values = {"image_loss": probe_image_loss(model, self.probe, anchors, contexts)}
        if stage == "end":
            few = train.at(train.first_of_each(1)[1::2])
            values |= displacement(model, few, contexts)
        for part in ("image_adapter", "text_adapter"):
            parameters = list(getattr(model, part).parameters())
            values[f"mean_absolute_weight/{part}"] = mean_absolute_weight(parameters)
        if stage == "end" or self.session.wants("load"):
            anchors, domain = self._anchors(test), self.options.measures.domain
            # The fork tests without cross-attention, whatever was trained.
            values |= detection_metrics(model, test, anchors, None, domain=domain)
            contexts = model.prompt_contexts(test.prompts)
            if stage == "end" and contexts is not None:
                found = detection_metrics(model, test, anchors, contexts, domain=domain)
                values |= {f"{name}/branch": value for name, value in found.items()}
        self.session.record(values, stage, step)
