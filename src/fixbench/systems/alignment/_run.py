"""One run: training, held-out progress and exact properties of one variant and one seed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import chain

import numpy as np
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.alignment._loop import (
    SKIPS,
    Skipped,
    Trainer,
    norm,
    prefixed,
)
from fixbench.systems.alignment._material import Videos
from fixbench.systems.alignment._measure import (
    TABULATED_PROGRESS,
    baseline_rows,
    embedding_values,
    magnitude_rows,
    predicted_progress,
    progress_values,
    sampling_rows,
    update_properties,
)
from fixbench.systems.alignment._metrics import action_frames
from fixbench.systems.alignment._options import Options
from fixbench.training import Diverged, Failed, Outcome, RunContext, Session, Window, steps_evenly

__all__ = ["MEASURES", "run"]

#: The parts of a run: exact properties of the update; of the sampler; the losses' magnitudes over
#: length; predictors that look at nothing; training with held-out progress, of it progress before
#: the first step, embeddings after the last, and the batches left out by what made the loop do so.
MEASURES = (
    "update",
    "sampling",
    "magnitudes",
    "baselines",
    "training",
    "training/before",
    "training/embeddings",
    "training/skips",
)


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Train and measure what ``context.measure`` names, of `MEASURES`.

    The state handed on is the encoder's.
    """
    session = Session(context, measures=MEASURES)
    videos = Videos(options, context)
    trainer = Trainer(
        options, seed, videos.train, device=context.device, encoder=_parent(options, context)
    )
    parts: dict[str, Callable[[], None]] = {
        "update": lambda: session.record(
            update_properties(options, seed, videos.train, context.device), "update", 0
        ),
        "sampling": lambda: session.add(sampling_rows(trainer.model, videos.train_tasks)),
        "magnitudes": lambda: session.add(magnitude_rows(options, seed)),
        "baselines": lambda: session.add(
            baseline_rows(action_frames(videos.train_tasks), videos.test_frames)
        ),
    }
    for part, measure in parts.items():
        if session.wants(part):
            session.once(part, measure)
    if session.wants("training"):
        _Training(session, options, trainer, videos).run()
    return Outcome(session.rows, dict(trainer.model.encoder.state_dict()))


def _parent(options: Options, context: RunContext) -> Mapping[str, Tensor] | None:
    """The encoder to start from."""
    if options.start == "fresh":
        return None
    if context.parent is None:
        expected = "'fresh', or a variant with 'starts_from'"
        raise InputError("options", "start", options.start, expected=expected)
    return context.parent


class _Training:
    """Training and its evaluations, from the last save on."""

    def __init__(
        self, session: Session, options: Options, trainer: Trainer, videos: Videos
    ) -> None:
        self.session = session
        self.options = options
        self.trainer = trainer
        self.videos = videos
        #: Batches left out: (kind, reason) → how many.
        self.skipped = Counter[tuple[str, str]]()

    def run(self) -> None:
        """All steps, with held-out progress along and after."""
        session, trainer, training = self.session, self.trainer, self.options.training
        initial = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
        start = 0
        if (position := session.restore(trainer=trainer)) is not None:
            start = position["step"]
            self.skipped.update({(kind, why): n for kind, why, n in position["skipped"]})
        elif session.wants("training/before"):
            self._evaluate(0)
        evaluations = steps_evenly(training.steps, training.evaluations)
        probes = {0} | steps_evenly(training.steps - 1, training.probes - 1)
        window = Window()
        for step in range(start, training.steps):
            self._step(step, window, probe=step in probes)
            if step + 1 in evaluations:
                values = window.take_means() | {"skipped_batches": float(self.skipped.total())}
                session.record(values, "training", step + 1)
                self._require_steps()
                self._evaluate(step + 1)
                session.progress("training", step + 1, training.steps)
                skipped = [(kind, why, n) for (kind, why), n in self.skipped.items()]
                session.save(step=step + 1, skipped=skipped, trainer=trainer)
        session.record(self._ends(initial), "end", training.steps)
        if session.wants("training/skips"):
            session.record(self._skips(), "end", training.steps)
        if session.wants("training/embeddings"):
            clips = [*chain.from_iterable(self.videos.train), *self.videos.test]
            tasks = self.videos.train_tasks, self.videos.test_tasks
            values = embedding_values(trainer.model, *tasks, clips)
            session.record(values, "end", training.steps)

    def _step(self, step: int, window: Window, *, probe: bool) -> None:
        """One training step; at a probe the gradients of both losses are taken apart."""
        losses = self.trainer.losses(step)
        if isinstance(losses, Skipped):
            self.skipped[losses.kind, losses.reason] += 1
            return
        values = {
            "alignment_loss": losses.alignment.item(),
            "progress_loss": losses.progress.item(),
        }
        self.session.require_finite(values.values(), "training", step)
        window.add(values)
        if step == 0:
            low, high = TABULATED_PROGRESS
            in_table = float(low <= values["progress_loss"] <= high)
            self.session.record(values | {"progress_in_table": in_table}, "start", 0)
        if probe:
            measured: dict[str, float] = {}
            self.trainer.learn(losses, measured)
            self.session.record(measured, "gradient", step)
        else:
            self.trainer.learn(losses)

    def _require_steps(self) -> None:
        """Fail a run that left out every batch: nothing at its end would be due to training."""
        steps = self.options.training.steps
        if self.skipped.total() == steps:
            self.session.record(self._skips(), "end", steps)
            reasons = ", ".join(f"{why} ({n})" for (_, why), n in self.skipped.items())
            reason = f"no step was made; every batch was left out: {reasons}"
            raise Failed(self.session.rows, stage="training", step=steps, reason=reason)

    def _evaluate(self, step: int) -> None:
        frames = self.videos.test_frames
        predicted = predicted_progress(self.trainer.model, self.videos.test, frames)
        if not np.isfinite(predicted).all():
            raise Diverged(self.session.rows, stage="progress", step=step)
        self.session.record(progress_values(frames, predicted), "progress", step)

    def _ends(self, initial: Mapping[str, Tensor]) -> dict[str, float]:
        """How far the parameters came, and Adam's regime."""
        model, update = self.trainer.model, self.trainer.update
        values = {}
        for part, prefix in (("encoder", "encoder."), ("head", "progress_head.")):
            named = [
                (parameter.detach(), initial[name])
                for name, parameter in model.named_parameters()
                if name.startswith(prefix)
            ]
            moved = norm(now - before for now, before in named)
            values[f"parameter_displacement/{part}"] = moved / norm(before for _, before in named)
        values |= prefixed("below_epsilon", update.below_epsilon())
        if self.options.update.optimiser != "sgd":
            count = sum(parameter.numel() for parameter in model.encoder.parameters())
            epsilon = update.epsilon["encoder"]
            values["kappa"] = self.options.update.max_norm / (math.sqrt(count) * epsilon)
        return values

    def _skips(self) -> dict[str, float]:
        """How many batches were left out, by kind."""
        counts = Counter[str]()
        for (kind, _), number in self.skipped.items():
            counts[kind] += number
        return {f"skipped_batches/{kind}": float(counts[kind]) for kind in SKIPS}
