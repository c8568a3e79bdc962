"""One run: gradients, training, detection and exact properties of one variant and one seed."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems.aa_clip._augment import augment
from fixbench.systems.aa_clip._clip import CLIP, CLIPDimensions
from fixbench.systems.aa_clip._cross_attention import CrossAttentionOptions
from fixbench.systems.aa_clip._material import Family, load_family
from fixbench.systems.aa_clip._measure import (
    as_rows,
    detection_metrics,
    displacement,
    flattening_properties,
    gradient_norms,
    image_loss,
    mean_absolute_weight,
    probe_image_loss,
    text_loss,
    trained_base_check,
)
from fixbench.systems.aa_clip._model import AdaptedCLIP
from fixbench.systems.aa_clip._options import ModelOptions, Options
from fixbench.systems.aa_clip._towers import load_towers
from fixbench.training import Diverged, Outcome, RunContext

__all__ = ["MEASURES", "run"]

#: The parts of a run: exact properties; gradients at all points or at one; training, or of it
#: stage 1 of the first loop alone; detection before training.
MEASURES = (
    "exact",
    "gradients",
    "gradients/random",
    "gradients/pretrained",
    "gradients/base",
    "training",
    "text",
    "load",
)

Stage = Literal["text", "image"]

# Streams of random numbers of a seed, apart from the models' (which use 8 · seed + 0…3).
_ORDER, _GRADIENTS, _AUGMENT = 1, 2, 3


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Measure what ``context.measure`` names, of `MEASURES`.

    The state handed on is the adapters' (everything but the frozen towers).
    """
    session = _Session(options, seed, context)
    if session.wants("exact"):
        session.once("exact", session.measure_exact)
    for point in options.measures.gradient_points:
        if not (session.wants("gradients") or session.wants(f"gradients/{point}")):
            continue
        if point != "base" or options.start == "base":
            session.once(f"gradient/{point}", functools.partial(session.measure_gradients, point))
    if session.wants("training"):
        session.train()
    elif session.wants("text"):
        session.train_text()
    return Outcome(session.rows, session.model.adapter_state())


def _generator(seed: int, *stream: int) -> torch.Generator:
    """An independent stream for (seed, stream…): hashed, so that neighbours share nothing."""
    mixed = 0
    for part in (seed, *stream):
        mixed = (mixed * 1_000_003 + part + 0x9E3779B97F4A7C15) % 2**63
    return torch.Generator().manual_seed(mixed)


@functools.cache
def _towers(path: Path, quick_gelu: bool) -> CLIP:
    return load_towers(path, quick_gelu=quick_gelu)


#: Images of a family that the frozen copy reads at a time; fixed, so that an image's features do
#: not depend on which others are asked for.
_CHUNK = 8


@functools.cache
def _frozen_copy(towers: Path, model: str, device: str) -> AdaptedCLIP:
    """AA-CLIP's frozen copy; ``model`` is `ModelOptions` as JSON (a hashable key)."""
    options = ModelOptions.model_validate_json(model)
    off = CrossAttentionOptions(enabled=False, scale=0.0, context="raw")
    clip = _towers(towers, options.quick_gelu)
    copy = AdaptedCLIP(clip, options.layout(), image_cross=off, text_cross=off, seed=0)
    return copy.to(device)


@functools.cache
def _frozen_chunk(
    towers: Path, model: str, device: str, family: Path, chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """One chunk through the frozen copy: first tap of unit vectors, unnormalised, and last tap.

    The same for all seeds.
    """
    copy = _frozen_copy(towers, model, device)
    images = load_family(family, copy.clip.dimensions.image_size).images
    images = images[chunk * _CHUNK : (chunk + 1) * _CHUNK].to(device)
    unit, raw = copy.frozen_patches(images)
    return unit[0], raw[0], unit[-1]


def _check_fit(options: Options, dimensions: CLIPDimensions) -> None:
    """Refuse a layout that the towers have no room for."""
    model = options.model
    for key, value, blocks in (
        ("taps", max(model.taps), dimensions.image_depth),
        ("image_adapters", model.image_adapters, dimensions.image_depth),
        ("text_adapters", model.text_adapters, dimensions.text_depth),
        ("value_blocks", model.value_blocks, dimensions.image_depth),
    ):
        if value > blocks:
            expected = f"at most {blocks}, the blocks of {model.towers}"
            raise InputError("options", f"model.{key}", value, expected=expected)
    if dimensions.text_width % model.cross_heads:
        expected = f"a divisor of {dimensions.text_width}, the text width of {model.towers}"
        raise InputError("options", "model.cross_heads", model.cross_heads, expected=expected)


class _Session:
    """A run in progress: its model, its rows, and where it stands."""

    def __init__(self, options: Options, seed: int, context: RunContext) -> None:
        self.options = options
        self.seed = seed
        self.context = context
        self.towers = context.root / options.model.towers
        dimensions = _towers(self.towers, options.model.quick_gelu).dimensions
        _check_fit(options, dimensions)
        size = dimensions.image_size
        data = context.root / options.data
        self.train_path = data / options.train_family
        self.train_family = load_family(self.train_path, size).to(context.device)
        groups = 2 * len(self.train_family.class_names)
        self.probe_index = self.train_family.first_of_each(
            math.ceil(options.measures.probe_images / groups)
        )
        self.probe = self.train_family.at(self.probe_index)
        test = load_family(data / options.test_family, size).to(context.device)
        self.test_family = test.at(test.first_of_each(options.measures.test_images))
        self.model = self._model("base" if options.start == "base" else "pretrained")
        self.rows: list[Row] = []
        self.done: list[str] = []
        self.position: dict[str, Any] | None = None
        saved = context.checkpointer.load()
        if saved is not None:
            self.rows = [Row(*row) for row in saved["rows"]]
            self.done = list(saved["done"])
            self.position = saved["position"]

    def _model(self, point: Literal["random", "pretrained", "base"]) -> AdaptedCLIP:
        """A model with towers and adapters of ``point`` and fresh cross-attention."""
        clip = _towers(self.towers, self.options.model.quick_gelu)
        if point == "random":
            generator = _generator(self.seed)
            quick_gelu = self.options.model.quick_gelu
            clip = CLIP(clip.dimensions, generator=generator, quick_gelu=quick_gelu).eval()
        model = AdaptedCLIP(
            clip,
            self.options.model.layout(),
            image_cross=self.options.cross_attention.image,
            text_cross=self.options.cross_attention.text,
            seed=self.seed,
        )
        if point == "base":
            if self.context.parent is None:
                raise InputError(
                    "options", "start", "base", expected="'fresh', or a variant with 'starts_from'"
                )
            for part in ("image_adapter", "text_adapter"):
                prefix = f"{part}."
                adapter = {
                    name.removeprefix(prefix): value
                    for name, value in self.context.parent.items()
                    if name.startswith(prefix)
                }
                getattr(model, part).load_state_dict(adapter)
        return model.to(self.context.device)

    def wants(self, part: str) -> bool:
        """Whether a part of `MEASURES` is asked for."""
        return self.context.measure is None or part in self.context.measure

    def _save(self, position: Mapping[str, Any] | None = None) -> None:
        self.context.checkpointer.save(
            {
                "rows": [astuple(row) for row in self.rows],
                "done": self.done,
                "position": position,
            }
        )

    def once(self, name: str, measure: Callable[[], None]) -> None:
        """Take a measurement unless an interrupted run has taken it."""
        if name not in self.done:
            measure()
            self.done.append(name)
            self._save()

    # Contexts

    def _prompt_contexts(self, model: AdaptedCLIP, family: Family) -> Tensor | None:
        """[K, P · T, C]: each class's prompts as context of the image tower, where it attends."""
        if model.image_cross is None:
            return None
        return torch.stack([model.prompt_context(tokens) for tokens in family.prompts])

    def _image_features(
        self, model: AdaptedCLIP, index: Tensor, loop: int
    ) -> tuple[Tensor, Tensor]:
        """What stage 1 sees of training images: the first tap as context of the text tower [B, N,
        J], and the last tap's patches [B, N, J] to segment.

        From the frozen copy in the first loop, from the trained image tower in later ones.
        """
        raw = self.options.cross_attention.text_source == "raw"
        if loop == 0:
            key = (self.towers, self.options.model.model_dump_json(), str(self.context.device))
            found = [
                [tap[i % _CHUNK] for tap in _frozen_chunk(*key, self.train_path, i // _CHUNK)]
                for i in index.tolist()
            ]
            unit, unnormalised, last = (torch.stack(tap) for tap in zip(*found, strict=True))
            return (unnormalised if raw else unit), last
        with torch.no_grad():
            family = self.train_family.at(index)
            contexts = self._prompt_contexts(model, family)
            context = None if contexts is None else contexts[family.classes]
            taps = model.image_taps(family.images, context)
            segments, _ = model.segment_and_detect(taps)
            first = taps[0] @ model.image_adapter.seg_proj[0].T if raw else segments[0]
        return first, segments[-1]

    @torch.no_grad()
    def _anchors(self, model: AdaptedCLIP, family: Family, loop: int) -> Tensor:
        """Anchors [K, J, 2] outside stage 1.

        The document leaves open what the text tower attends to there. Choice: the mean over the
        probe images (training family, so nothing of the test family enters).
        """
        context = None
        if model.text_cross is not None:
            context = self._image_features(model, self.probe_index, loop)[0].mean(dim=0)
        return model.text_anchors(family.prompts, context)

    # Exact properties

    def measure_exact(self) -> None:
        """Properties that no training decides."""
        values = flattening_properties(self.model, self.train_family.prompts[0])
        values.update(trained_base_check(self.seed))
        self.rows += as_rows(values, "exact", 0)

    # Gradients

    def measure_gradients(self, point: Literal["random", "pretrained", "base"]) -> None:
        """Norms of the image adapter's gradients over the same batches in every variant."""
        model = self._model(point)
        # Anchors without the text tower's branch: the arms differ in the image tower alone.
        with torch.no_grad():
            anchors = model.text_anchors(self.train_family.prompts, None)
        contexts = self._prompt_contexts(model, self.train_family)
        measures = self.options.measures
        count = measures.gradient_batches if point == "base" else measures.fresh_batches
        size = self.options.training.image_batch
        generator = _generator(self.seed, _GRADIENTS)
        order = torch.randperm(len(self.train_family.labels), generator=generator)
        order = order.repeat(math.ceil(count * size / len(order)))
        stage = f"gradient/{point}"
        for index in range(count):
            batch = self.train_family.at(order[index * size : (index + 1) * size])
            model.zero_grad()
            loss = image_loss(model, batch, anchors, contexts)
            loss.backward()
            values = gradient_norms(model.image_adapter)
            if model.image_cross is not None and not model.image_cross.options.detached:
                values["gradient_l2/image_cross"] = gradient_norms(model.image_cross)[
                    "gradient_l2/all"
                ]
            values["image_batch_loss"] = loss.item()
            if index < self.options.measures.displacement_batches:
                values.update(displacement(model, batch, contexts))
            self.rows += as_rows(values, stage, index)
            if (index + 1) % 10 == 0 or index + 1 == count:
                self.context.progress(stage, index + 1, count)
        model.zero_grad(set_to_none=True)

    # Training

    def _loops(self) -> list[list[int]]:
        training = self.options.training
        return training.base_loops if self.options.plan == "base" else training.feedback_loops

    def _plan(self) -> list[tuple[int, Stage, int]]:
        """(loop, stage, steps) in order."""
        stages: tuple[Stage, Stage] = ("text", "image")
        return [
            (loop, stage, count)
            for loop, steps in enumerate(self._loops())
            for stage, count in zip(stages, steps, strict=True)
            if count > 0
        ]

    def train(self) -> None:
        """All loops, with losses along the way and detection on the test family at both ends."""
        self.initial = self.model.adapter_state()
        plan = self._plan()
        first = 0
        if self.position is not None:
            self.model.load_state_dict(self.position["model"], strict=False)
            first = self.position["phase"]
        else:
            self._measure_ends("load", 0)
        total = sum(steps for _, stage, steps in plan if stage == "image")
        for phase in range(first, len(plan)):
            self._train_phase(phase, *plan[phase], total)
        self._measure_ends("end", total)
        final = self.model.adapter_state()
        for part in ("image_adapter", "text_adapter", "image_cross", "text_cross"):
            names = [name for name in final if name.startswith(f"{part}.")]
            if not names:
                continue
            moved = torch.cat([(final[n] - self.initial[n]).flatten() for n in names]).norm()
            start = torch.cat([self.initial[n].flatten() for n in names]).norm()
            value = (moved / start).item() if start > 0 else 0.0
            self.rows.append(Row("end", total, f"parameter_displacement/{part}", value))

    def train_text(self) -> None:
        """Stage 1 of the first loop, and nothing else."""
        self._train_phase(0, *self._plan()[0], total=0)

    def _measure_ends(self, stage: str, step: int) -> None:
        """Loss, detection, feature displacement and weights before and after training."""
        loop = 0 if stage == "load" else len(self._loops()) - 1
        anchors = self._anchors(self.model, self.train_family, loop)
        contexts = self._prompt_contexts(self.model, self.train_family)
        values = {"image_loss": probe_image_loss(self.model, self.probe, anchors, contexts)}
        if stage == "end":
            few = self.train_family.at(self.train_family.first_of_each(1)[1::2])
            values.update(displacement(self.model, few, contexts))
        for part in ("image_adapter", "text_adapter"):
            parameters = list(getattr(self.model, part).parameters())
            values[f"mean_absolute_weight/{part}"] = mean_absolute_weight(parameters)
        if stage == "load" and not self.wants("load"):
            self._record(values, stage, step)
            return
        test_anchors = self._anchors(self.model, self.test_family, loop)
        test_contexts = self._prompt_contexts(self.model, self.test_family)
        values.update(detection_metrics(self.model, self.test_family, test_anchors, test_contexts))
        self._record(values, stage, step)

    def _record(self, values: Mapping[str, float], stage: str, step: int) -> None:
        if not all(math.isfinite(value) for value in values.values()):
            raise Diverged(self.rows, stage=stage, step=step)
        self.rows += as_rows(values, stage, step)

    def _train_phase(self, phase: int, loop: int, stage: Stage, steps: int, total: int) -> None:
        training = self.options.training
        parameters = self.model.stage_parameters(stage)
        optimiser = self._optimiser(stage, parameters, loop)
        milestones = [max(1, round(f * steps)) for f in training.milestones]
        scheduler = torch.optim.lr_scheduler.MultiStepLR(
            optimiser, milestones if stage == "image" else [], gamma=0.5
        )
        before = sum(n for i, (_, s, n) in enumerate(self._plan()) if i < phase and s == stage)
        name = "image" if stage == "image" else f"text/{loop + 1}"
        offset = before if stage == "image" else 0
        start = 0
        saved = self.position
        self.position = None
        if saved is not None and saved["step"] > 0:
            start = saved["step"]
            optimiser.load_state_dict(saved["optimiser"])
            scheduler.load_state_dict(saved["scheduler"])
        # From the second loop on, anchors depend on the image adapter that this stage trains.
        anchors = None
        if stage == "image":
            anchors = (
                saved["anchors"].to(self.context.device)
                if saved is not None and start
                else self._anchors(self.model, self.train_family, loop)
            )
        step_loss, probe_loss = self._stage_losses(stage, loop, phase, steps, anchors)
        # Later loops' stage 1 sees other features, so its loss is not comparable with the first's.
        probed = stage == "image" or loop == 0
        if start == 0 and offset == 0 and probed:
            self._record({f"{stage}_loss": probe_loss()}, name, 0)
        evaluate_at = {
            round(steps * (k + 1) / training.evaluations) for k in range(training.evaluations)
        }
        window: list[float] = []
        for step in range(start, steps):
            optimiser.zero_grad()
            loss = step_loss(step)
            if not bool(torch.isfinite(loss)):
                raise Diverged(self.rows, stage=name, step=offset + step)
            loss.backward()
            if stage == "image" and training.image_gradient_factor != 1:
                for parameter in self.model.image_adapter.parameters():
                    if parameter.grad is not None:
                        parameter.grad.mul_(training.image_gradient_factor)
            optimiser.step()
            scheduler.step()
            window.append(loss.item())
            if step + 1 in evaluate_at:
                values = {f"{stage}_training_loss": sum(window) / len(window)}
                if probed:
                    values[f"{stage}_loss"] = probe_loss()
                window = []
                self._record(values, name, offset + step + 1)
                if stage == "image" and step + 1 == steps:
                    loss_now = {"image_loss": values["image_loss"]}
                    self._record(loss_now, f"image/{loop + 1}", offset + step + 1)
                self.context.progress(name, offset + step + 1, total if stage == "image" else steps)
                last = step + 1 == steps
                self._save(
                    {
                        "phase": phase + 1 if last else phase,
                        "step": 0 if last else step + 1,
                        "model": self.model.adapter_state(),
                        "optimiser": optimiser.state_dict(),
                        "scheduler": scheduler.state_dict(),
                        "anchors": anchors,
                    }
                )

    def _optimiser(
        self, stage: Stage, parameters: list[torch.nn.Parameter], loop: int
    ) -> torch.optim.Optimizer:
        training = self.options.training
        decay = training.loop_decay**loop
        if training.optimiser == "sgd" and stage == "image":
            return torch.optim.SGD(parameters, lr=training.sgd_learning_rate * decay)
        rate = training.text_learning_rate if stage == "text" else training.image_learning_rate
        first, second = training.betas
        return torch.optim.Adam(parameters, lr=rate * decay, betas=(first, second))

    def _stage_losses(
        self, stage: Stage, loop: int, phase: int, steps: int, anchors: Tensor | None
    ) -> tuple[Callable[[int], Tensor], Callable[[], float]]:
        """The loss of a step's batch, and the loss on the probe images."""
        family, model, training = self.train_family, self.model, self.options.training
        size = training.image_batch if stage == "image" else training.text_batch
        count = len(family.labels)
        size = min(size, count)
        generator = _generator(self.seed, _ORDER, phase)
        epochs = math.ceil(steps * size / (count - count % size))
        order = torch.cat(
            [
                torch.randperm(count, generator=generator)[: count - count % size]
                for _ in range(epochs)
            ]
        )

        if anchors is not None:
            contexts = self._prompt_contexts(model, family)

            def image_step(step: int) -> Tensor:
                batch = family.at(order[step * size : (step + 1) * size])
                if training.augment:
                    generator = _generator(self.seed, _AUGMENT, phase, step)
                    images, masks = augment(batch.images, batch.masks, generator)
                    batch = dataclasses.replace(batch, images=images, masks=masks)
                return image_loss(model, batch, anchors, contexts)

            return image_step, lambda: probe_image_loss(model, self.probe, anchors, contexts)

        def text_batch_loss(index: Tensor) -> Tensor:
            features, patches = self._image_features(model, index, loop)
            present, position = family.classes[index].unique(return_inverse=True)
            context = features.mean(dim=0) if model.text_cross is not None else None
            anchors = model.text_anchors(family.prompts[present], context)
            return text_loss(patches, anchors[position], family.masks[index])

        @torch.no_grad()
        def text_probe() -> float:
            return text_batch_loss(self.probe_index).item()

        return lambda step: text_batch_loss(order[step * size : (step + 1) * size]), text_probe
