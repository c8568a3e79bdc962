"""One run: gradients, training, detection and exact properties of one variant and one seed."""

from __future__ import annotations

import functools
import math
from typing import Literal

import torch

from fixbench.errors import InputError
from fixbench.systems.aa_clip._clip import CLIP
from fixbench.systems.aa_clip._frozen import check_fit, shared_towers
from fixbench.systems.aa_clip._material import load_family
from fixbench.systems.aa_clip._measure import (
    batch_dependence,
    displacement,
    flattening_properties,
    gradient_norms,
    image_loss,
    trained_base_check,
)
from fixbench.systems.aa_clip._model import AdaptedCLIP
from fixbench.systems.aa_clip._options import Options
from fixbench.systems.aa_clip._training import Material, Training
from fixbench.training import Outcome, RunContext, Session, generator

__all__ = ["MEASURES", "run"]

#: The parts of a run: exact properties; what batch mates change in stage 1; gradients at all points
#: or at one; training, or of it the first loop or its stage 1 alone; losses and detection before
#: training.
MEASURES = (
    "exact",
    "batch",
    "gradients",
    "gradients/random",
    "gradients/pretrained",
    "gradients/base",
    "training",
    "loop",
    "text",
    "load",
)

Point = Literal["random", "pretrained", "base"]


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Measure what ``context.measure`` names, of `MEASURES`.

    The state handed on is the adapters' (everything but the frozen towers).
    """
    session = Session(context, measures=MEASURES)
    material = _load_material(options, context)
    model = _build_model(
        options, seed, context, "base" if options.start == "base" else "pretrained"
    )

    def measure_exact() -> None:
        """Properties that no training decides."""
        values = flattening_properties(model, material.train.prompts[0])
        session.record(values | trained_base_check(seed), "exact", 0)

    if session.wants("exact"):
        session.once("exact", measure_exact)
    if session.wants("batch"):
        measure_batch = functools.partial(_measure_batch, session, options, seed, material, model)
        session.once("batch", measure_batch)
    for point in options.measures.gradient_points:
        if point == "base" and options.start != "base":
            continue
        if session.wants("gradients", f"gradients/{point}"):
            measure = functools.partial(_measure_gradients, session, options, seed, material, point)
            session.once(f"gradient/{point}", measure)
    if session.wants("training"):
        Training(session, options, seed, model, material).run()
    elif session.wants("loop"):
        Training(session, options, seed, model, material).run_first(("text", "image"))
    elif session.wants("text"):
        Training(session, options, seed, model, material).run_first(("text",))
    elif session.wants("load"):
        load = Training(session, options, seed, model, material).measure_load
        session.once("load", load)
    return Outcome(session.rows, model.adapter_state())


def _load_material(options: Options, context: RunContext) -> Material:
    towers = context.root / options.model.towers
    dimensions = shared_towers(towers, options.model.quick_gelu).dimensions
    check_fit(options.model, dimensions)
    data = context.root / options.data
    path = data / options.train_family
    train = load_family(path, dimensions.image_size).to(context.device)
    test = load_family(data / options.test_family, dimensions.image_size).to(context.device)
    groups = 2 * len(train.class_names)
    return Material(
        towers=towers,
        train_path=path,
        layout=options.model,
        train=train,
        probe_index=train.first_of_each(math.ceil(options.measures.probe_images / groups)),
        test=test.at(test.first_of_each(options.measures.test_images)),
    )


def _build_model(options: Options, seed: int, context: RunContext, point: Point) -> AdaptedCLIP:
    """A model with towers and adapters of ``point`` and fresh cross-attention."""
    quick_gelu = options.model.quick_gelu
    clip = shared_towers(context.root / options.model.towers, quick_gelu)
    if point == "random":
        draw = generator(seed, "towers")
        clip = CLIP(clip.dimensions, generator=draw, quick_gelu=quick_gelu).eval()
    model = AdaptedCLIP(
        clip,
        options.model.layout(),
        image_cross=options.cross_attention.image,
        text_cross=options.cross_attention.text,
        seed=seed,
    )
    if point == "base":
        if context.parent is None:
            expected = "'fresh', or a variant with 'starts_from'"
            raise InputError("options", "start", "base", expected=expected)
        for part in ("image_adapter", "text_adapter"):
            prefix = f"{part}."
            adapter = {
                name.removeprefix(prefix): value
                for name, value in context.parent.items()
                if name.startswith(prefix)
            }
            getattr(model, part).load_state_dict(adapter)
    return model.to(context.device)


def _measure_batch(
    session: Session, options: Options, seed: int, material: Material, model: AdaptedCLIP
) -> None:
    """Half a batch of stage 1, read with two other halves."""
    family = material.train
    half = min(options.training.text_batch // 2, len(family.labels) // 3)
    order = torch.randperm(len(family.labels), generator=generator(seed, "batch_dependence"))
    kept, *others = order[: 3 * half].split(half)
    first, second = (
        material.frozen_features(session.context.device, torch.cat([kept, rest])).patches[-1][:half]
        for rest in others
    )
    with torch.no_grad():
        anchors = model.text_anchors(family.prompts, None)[family.classes[kept]]
    values = batch_dependence(first, second, anchors, family.images.shape[-1])
    session.record(values, "batch", 0)


def _measure_gradients(
    session: Session, options: Options, seed: int, material: Material, point: Point
) -> None:
    """Norms of the image adapter's gradients over the same batches in every variant."""
    family, measures = material.train, options.measures
    model = _build_model(options, seed, session.context, point)
    # Anchors without the text tower's branch: the arms differ in the image tower alone.
    with torch.no_grad():
        anchors = model.text_anchors(family.prompts, None)
    contexts = model.prompt_contexts(family.prompts)
    count = measures.gradient_batches if point == "base" else measures.fresh_batches
    size = options.training.image_batch
    order = torch.randperm(len(family.labels), generator=generator(seed, "gradients"))
    order = order.repeat(math.ceil(count * size / len(order)))
    stage = f"gradient/{point}"
    for index in range(count):
        batch = family.at(order[index * size : (index + 1) * size])
        model.zero_grad()
        loss = image_loss(model, batch, anchors, contexts)
        loss.backward()
        values = gradient_norms(model.image_adapter)
        if model.image_cross is not None and not model.image_cross.options.detached:
            cross = gradient_norms(model.image_cross)
            values["gradient_l2/image_cross"] = cross["gradient_l2/all"]
        values["image_batch_loss"] = loss.item()
        if index < measures.displacement_batches:
            values |= displacement(model, batch, contexts)
        session.record(values, stage, index)
        if (index + 1) % 10 == 0 or index + 1 == count:
            session.progress(stage, index + 1, count)
