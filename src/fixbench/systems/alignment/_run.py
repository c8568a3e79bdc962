"""One run: training, held-out progress and exact properties of one variant and one seed."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import astuple
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from fixbench.datasets.procedures import ProcedureTask, join_videos, read_procedures
from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems.alignment._loop import (
    SKIPS,
    Clip,
    Skipped,
    Trainer,
    norm,
    prefixed,
    to_clips,
)
from fixbench.systems.alignment._measure import (
    TABULATED_PROGRESS,
    as_rows,
    baseline_rows,
    embedding_values,
    magnitude_rows,
    predicted_progress,
    progress_values,
    sampling_rows,
    update_properties,
)
from fixbench.systems.alignment._metrics import action_frames
from fixbench.systems.alignment._options import DataOptions, Options
from fixbench.training import Diverged, Failed, Outcome, RunContext

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

Split = Literal["train", "test"]


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Train and measure what ``context.measure`` names, of `MEASURES`.

    The state handed on is the encoder's.
    """
    session = _Session(options, seed, context)
    for part, measure in session.parts().items():
        if session.wants(part):
            session.once(part, measure)
    if session.wants("training"):
        session.train()
    return Outcome(session.rows, dict(session.trainer.model.encoder.state_dict()))


@functools.cache
def _tasks(root: Path, settings: str, split: Split) -> tuple[ProcedureTask, ...]:
    """The videos of a split; ``settings`` are `DataOptions` as JSON, which can be a key."""
    data = DataOptions.model_validate_json(settings)
    tasks = read_procedures(
        root / data.folder,
        split=split,
        frame_rate=data.frame_rate,
        length_mismatch=data.length_mismatch,
        empty_steps=data.empty_steps,
    )
    return tasks if data.join is None else tuple(join_videos(task, data.join) for task in tasks)


@functools.cache
def _clips(root: Path, settings: str, split: Split, device: str) -> list[list[Clip]]:
    """Of all seeds: they read the same videos."""
    return to_clips(_tasks(root, settings, split), torch.device(device))


class _Session:
    """A run in progress: its trainer, its rows, and where it stands."""

    def __init__(self, options: Options, seed: int, context: RunContext) -> None:
        self.options = options
        self.seed = seed
        self.context = context
        source = context.root, options.data.model_dump_json()
        device = str(context.device)
        self.train_tasks, self.test_tasks = _tasks(*source, "train"), _tasks(*source, "test")
        self.clips = _clips(*source, "train", device)
        self.test_clips = list(chain.from_iterable(_clips(*source, "test", device)))
        self._check()
        self.test_frames = action_frames(self.test_tasks)
        self.trainer = Trainer(
            options, seed, self.clips, device=context.device, encoder=self._parent()
        )
        self.rows: list[Row] = []
        self.done: list[str] = []
        self.position: dict[str, Any] | None = None
        saved = context.checkpointer.load()
        if saved is not None:
            self.rows = [Row(*row) for row in saved["rows"]]
            self.done = list(saved["done"])
            self.position = saved["position"]

    def _check(self) -> None:
        """Refuse data that the model or the loop has no use for."""
        where = self.options.data.folder
        found = tuple(self.test_clips[0].features.shape[1:])
        wanted = self.options.encoder.features
        if found[0] != wanted or len(found) != (1 if self.options.encoder.base == "light" else 3):
            shape = f"({wanted},)" if self.options.encoder.base == "light" else f"({wanted}, h, w)"
            expected = f"{shape} for each frame, as encoder.features and encoder.base say"
            raise InputError(where, "features", found, expected=expected)
        for task, clips in zip(self.train_tasks, self.clips, strict=True):
            if len(clips) < 2:
                expected = "at least two training videos a task, which make a batch"
                raise InputError(where, f"{task.name}: train", len(clips), expected=expected)

    def _parent(self) -> Mapping[str, Tensor] | None:
        """The encoder to start from."""
        if self.options.start == "fresh":
            return None
        if self.context.parent is None:
            expected = "'fresh', or a variant with 'starts_from'"
            raise InputError("options", "start", self.options.start, expected=expected)
        return self.context.parent

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

    def once(self, name: str, measure: Callable[[], list[Row]]) -> None:
        """Take a measurement unless an interrupted run has taken it."""
        if name not in self.done:
            self.rows += measure()
            self.done.append(name)
            self._save()

    def parts(self) -> dict[str, Callable[[], list[Row]]]:
        """The parts that need no training."""
        options, model = self.options, self.trainer.model
        return {
            "update": lambda: as_rows(
                update_properties(options, self.seed, self.clips, self.context.device), "update", 0
            ),
            "sampling": lambda: sampling_rows(model, self.train_tasks),
            "magnitudes": lambda: magnitude_rows(options, self.seed),
            "baselines": lambda: baseline_rows(action_frames(self.train_tasks), self.test_frames),
        }

    # Training

    def train(self) -> None:
        """All steps, with held-out progress along and after."""
        trainer, training = self.trainer, self.options.training
        start = {
            name: parameter.detach().clone() for name, parameter in trainer.model.named_parameters()
        }
        first, skipped = 0, Counter[tuple[str, str]]()
        if self.position is None:
            if self.wants("training/before"):
                self._evaluate(0)
        else:
            first = self.position["step"]
            skipped.update({(kind, why): n for kind, why, n in self.position["skipped"]})
            self._restore(self.position)
        evaluate_after = {
            round(training.steps * (k + 1) / training.evaluations)
            for k in range(training.evaluations)
        }
        probes = {
            round((training.steps - 1) * k / (training.probes - 1)) for k in range(training.probes)
        }
        window: list[tuple[float, float]] = []
        for step in range(first, training.steps):
            losses = trainer.losses(step)
            if isinstance(losses, Skipped):
                skipped[losses.kind, losses.reason] += 1
            else:
                pair = losses.alignment.item(), losses.progress.item()
                if not all(map(math.isfinite, pair)):
                    raise Diverged(self.rows, stage="training", step=step)
                window.append(pair)
                if step == 0:
                    self._record_initial(*pair)
                if step in probes:
                    measured: dict[str, float] = {}
                    trainer.learn(losses, measured)
                    self._record(measured, "gradient", step)
                else:
                    trainer.learn(losses)
            if step + 1 in evaluate_after:
                if window:
                    means = np.mean(window, axis=0).tolist()
                    names = ("alignment_loss", "progress_loss")
                    self._record(dict(zip(names, means, strict=True)), "training", step + 1)
                self._record({"skipped_batches": skipped.total()}, "training", step + 1)
                if skipped.total() == training.steps:
                    self._record(_by_kind(skipped), "end", training.steps)
                    reasons = ", ".join(f"{why} ({n})" for (_, why), n in skipped.items())
                    raise Failed(
                        self.rows,
                        stage="training",
                        step=training.steps,
                        reason=f"no step was made; every batch was left out: {reasons}",
                    )
                self._evaluate(step + 1)
                window = []
                self.context.progress("training", step + 1, training.steps)
                self._save(self._position(step + 1, skipped))
        self._record(self._ends(start), "end", training.steps)
        if self.wants("training/skips"):
            self._record(_by_kind(skipped), "end", training.steps)
        if self.wants("training/embeddings"):
            clips = [*chain.from_iterable(self.clips), *self.test_clips]
            values = embedding_values(trainer.model, self.train_tasks, self.test_tasks, clips)
            self._record(values, "end", training.steps)

    def _evaluate(self, step: int) -> None:
        predicted = predicted_progress(self.trainer.model, self.test_clips, self.test_frames)
        if not np.isfinite(predicted).all():
            raise Diverged(self.rows, stage="progress", step=step)
        self._record(progress_values(self.test_frames, predicted), "progress", step)

    def _record(self, values: Mapping[str, float], stage: str, step: int) -> None:
        if not all(math.isfinite(value) for value in values.values()):
            raise Diverged(self.rows, stage=stage, step=step)
        self.rows += as_rows(values, stage, step)

    def _record_initial(self, alignment: float, progress: float) -> None:
        """Both losses of the first batch, before any training."""
        low, high = TABULATED_PROGRESS
        values = {
            "alignment_loss": alignment,
            "progress_loss": progress,
            "progress_in_table": float(low <= progress <= high),
        }
        self._record(values, "start", 0)

    def _ends(self, start: Mapping[str, Tensor]) -> dict[str, float]:
        """How far the parameters came, and Adam's regime."""
        values = {}
        for part, prefix in (("encoder", "encoder."), ("head", "progress_head.")):
            named = [
                (parameter.detach(), start[name])
                for name, parameter in self.trainer.model.named_parameters()
                if name.startswith(prefix)
            ]
            moved = norm(now - before for now, before in named)
            values[f"parameter_displacement/{part}"] = moved / norm(before for _, before in named)
        update = self.trainer.update
        values |= prefixed("below_epsilon", update.below_epsilon())
        if self.options.update.optimiser != "sgd":
            count = sum(parameter.numel() for parameter in self.trainer.model.encoder.parameters())
            values["kappa"] = self.options.update.max_norm / (
                math.sqrt(count) * update.epsilon["encoder"]
            )
        return values

    def _position(self, step: int, skipped: Counter[tuple[str, str]]) -> dict[str, Any]:
        """What a resumed run needs."""
        model = self.trainer.model
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        return {
            "step": step,
            "skipped": [(kind, why, n) for (kind, why), n in skipped.items()],
            "model": dict(model.state_dict()),
            "optimiser": self.trainer.update.optimiser.state_dict(),
            # Left over where they are not cleared.
            "gradients": gradients,
        }

    def _restore(self, position: Mapping[str, Any]) -> None:
        model = self.trainer.model
        model.load_state_dict(position["model"])
        self.trainer.update.optimiser.load_state_dict(position["optimiser"])
        for name, parameter in model.named_parameters():
            if name in position["gradients"]:
                parameter.grad = position["gradients"][name].to(self.context.device)


def _by_kind(skipped: Counter[tuple[str, str]]) -> dict[str, float]:
    counts = Counter[str]()
    for (kind, _), number in skipped.items():
        counts[kind] += number
    return {f"skipped_batches/{kind}": counts[kind] for kind in SKIPS}
