"""One run: exact properties, memory, and training; one variant and one seed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from fixbench.systems.dcal._global_local import FALLBACKS
from fixbench.systems.dcal._material import load_material
from fixbench.systems.dcal._measure import (
    arithmetic,
    draw_test_sample,
    memory,
    on_test_images,
    training_state,
)
from fixbench.systems.dcal._model import DualCrossAttention, build_model
from fixbench.systems.dcal._options import Options
from fixbench.systems.dcal._training import Trainer
from fixbench.training import Outcome, RunContext, Session, Window, steps_evenly

__all__ = ["MEASURES", "run"]

#: The parts of a run: exact properties of the untrained model and of the documented rules; memory
#: by physical batch; training, with accuracy along it.
MEASURES = ("arithmetic", "memory", "training")

#: Images on which exact properties are looked at.
_IMAGES = 8


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Measure what ``context.measure`` names, of `MEASURES`.

    The state handed on is the trained model's.
    """
    session = Session(context, measures=MEASURES)
    size = options.model.trunk.image
    material = load_material(context.root, options.data, size).to(context.device)

    def fresh() -> DualCrossAttention:
        model = build_model(options.model, material.classes, seed, context.root)
        return model.to(context.device)

    def measure_exactly() -> None:
        index = draw_test_sample(seed, len(material.test.labels), _IMAGES)
        images = material.test.at(index.to(context.device), size)
        session.record(arithmetic(options, fresh(), images), "arithmetic", 0)

    parts: dict[str, Callable[[], None]] = {
        "arithmetic": measure_exactly,
        "memory": lambda: session.record(memory(options, fresh()), "memory", 0),
    }
    for name, measure in parts.items():
        if session.wants(name):
            session.once(name, measure)
    if not session.wants("training"):
        return Outcome(session.rows)
    trainer = Trainer(options, seed, fresh(), material)
    with _without_denormals():
        _train(session, options, seed, trainer)
    return Outcome(session.rows, dict(trainer.model.state_dict()))


@contextmanager
def _without_denormals() -> Iterator[None]:
    """Numbers next to zero count as zero, since a step of such numbers takes twice the time."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def _train(session: Session, options: Options, seed: int, trainer: Trainer) -> None:
    """All steps from the last save on, evaluated along the way."""
    steps, test = options.training.steps_taken, trainer.material.test
    sample = draw_test_sample(seed, len(test.labels), options.data.test_sample)
    sample = sample.to(test.labels.device)
    evaluations = steps_evenly(steps, options.measures.evaluations)
    early = min(evaluations, key=lambda step: (abs(step - steps / 3), step))

    def evaluate(step: int, losses: dict[str, float]) -> None:
        session.record(_counts(trainer), "train", step)
        session.record(losses | training_state(trainer, losses), "train", step)
        found = on_test_images(trainer.model, test, sample)
        session.record(found, "test", step)
        if step == early:
            session.record(found, "early", step)

    position = session.restore(trainer=trainer)
    if position is None:
        evaluate(0, {})
    window = Window()
    for step in range(position["step"] if position else 0, steps):
        values = trainer.step(step)
        if values:
            window.add(values)
        if step + 1 in evaluations:
            evaluate(step + 1, window.take_means() if window else {})
            session.progress("training", step + 1, steps)
            session.save(step=step + 1, trainer=trainer)
    accuracies = [row.value for row in session.rows if (row.stage, row.metric) == _ACCURACY]
    values = {
        "accuracy_fall": max(accuracies) - accuracies[-1],
        "accuracy_change": accuracies[-1] - accuracies[0],
        "chance": 1 / trainer.material.classes,
        "test_sample": float(len(sample)),
    }
    session.record(values, "end", steps)


_ACCURACY = ("test", "accuracy")


def _counts(trainer: Trainer) -> dict[str, float]:
    """What happened since the start of training; rows of their own, before any that can fail."""
    counts, glca = trainer.counts, trainer.model.glca
    names = ("non_finite_steps", "skipped_steps", "cache_clearings")
    values = {name: float(counts[name]) for name in names}
    values["finite"] = float(not counts["non_finite_steps"])
    if glca is not None:
        triggers = {f"fallbacks/{name}": float(glca.triggers[name]) for name in FALLBACKS}
        values |= triggers | {"fallbacks": sum(triggers.values())}
        values["fallback_used"] = float(values["fallbacks"] > 0)
    if counts["pairs"]:
        values["self_pair_rate/seen"] = counts["self_pairs"] / counts["pairs"]
    return values
