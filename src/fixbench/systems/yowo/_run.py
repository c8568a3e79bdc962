"""One run: mechanism, positive control, exact properties, training; one variant and one seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import astuple
from typing import Any

import torch

from fixbench.datasets.scenes import MOTION_ACTIONS
from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems.yowo._cache import batches, load_features, load_pretrained
from fixbench.systems.yowo._loss import LossTerms
from fixbench.systems.yowo._material import load_split, only_actions, targets_at
from fixbench.systems.yowo._measure import (
    Evaluation,
    exact_properties,
    gradient_properties,
    initial_mechanism,
    loss_values,
    movement,
    part_norms,
)
from fixbench.systems.yowo._oracle_task import run_oracle_task
from fixbench.systems.yowo._random import seeded
from fixbench.systems.yowo._run_options import Options
from fixbench.systems.yowo._training import (
    build_model,
    loss_terms,
    make_optimiser,
    true_evidence,
)
from fixbench.training import Diverged, Outcome, RunContext

__all__ = ["MEASURES", "run"]

#: The parts of a run: exact properties; fresh modules, and gradients in a fresh cascade; the task
#: that a scene context alone can solve; training, with what it finds along the way and at the end.
MEASURES = ("exact", "mechanism", "gradients", "oracle", "training")

# Streams of random numbers of a seed, apart from the model's.
_ORDER, _DROPOUT = 101, 102
#: A seed's fresh modules are numbered from its multiple of this.
_INITIALISATIONS = 100_000


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Measure what ``context.measure`` names, of `MEASURES`."""
    session = _Session(options, seed, context)
    for name, measure in (
        ("exact", session.measure_exact),
        ("mechanism", session.measure_mechanism),
        ("gradients", session.measure_gradients),
        ("oracle", session.measure_oracle),
    ):
        if session.wants(name):
            session.once(name, measure)
    if session.wants("training"):
        _Training(session).run()
    return Outcome(session.rows)


class _Session:
    """A run in progress: its rows, and where it stands."""

    def __init__(self, options: Options, seed: int, context: RunContext) -> None:
        self.options = options
        self.seed = seed
        self.context = context
        self.rows: list[Row] = []
        self.done: list[str] = []
        self.position: Mapping[str, Any] | None = None
        saved = context.checkpointer.load()
        if saved is not None:
            self.rows = [Row(*row) for row in saved["rows"]]
            self.done = list(saved["done"])
            self.position = saved["position"]

    def wants(self, part: str) -> bool:
        """Whether a part of `MEASURES` is asked for."""
        return self.context.measure is None or part in self.context.measure

    def save(self, position: Mapping[str, Any] | None = None) -> None:
        """Leave the rows, what is done, and where training stands."""
        self.context.checkpointer.save(
            {"rows": [astuple(row) for row in self.rows], "done": self.done, "position": position}
        )

    def once(self, name: str, measure: Callable[[], None]) -> None:
        """Take a measurement unless an interrupted run has taken it."""
        if name not in self.done:
            measure()
            self.done.append(name)
            self.save()

    def record(self, values: Mapping[str, float], stage: str, step: int) -> None:
        """Add a row a value.

        Raises:
            Diverged: a value is not finite.
        """
        if not all(math.isfinite(value) for value in values.values()):
            raise Diverged(self.rows, stage=stage, step=step)
        self.rows += [Row(stage, step, metric, value) for metric, value in values.items()]

    def measure_exact(self) -> None:
        """Properties that no training decides."""
        self.record(exact_properties(self.options.model, self.seed), "exact", 0)

    def measure_mechanism(self) -> None:
        """Fresh modules; a seed has its own."""
        measures = self.options.measures
        passed = []
        for number in range(measures.initialisations):
            values = initial_mechanism(
                self.options.scene_context,
                _INITIALISATIONS * (self.seed + 1) + number,
                width=measures.width,
                all_levels=number == 0,
            )
            self.record(values, "mechanism", number)
            passed.append(values["quick_check_passes"])
        rate = sum(passed) / len(passed)
        values = {
            "quick_check_pass_rate": rate,
            "quick_check_mostly_passes": float(rate > 0.5),
        }
        self.record(values, "mechanism", 0)

    def measure_gradients(self) -> None:
        """What one backward pass of a fresh cascade reaches."""
        options = self.options
        values = gradient_properties(options.model, options.scene_context, self.seed)
        self.record(values, "gradients", 0)

    def measure_oracle(self) -> None:
        """The positive control."""
        found = run_oracle_task(
            self.options.scene_context,
            self.seed,
            steps=self.options.measures.oracle_steps,
            batch=16,
            learning_rate=2e-3,
        )
        values = {"oracle_accuracy": found.accuracy}
        if found.entropy_before is not None and found.entropy_after is not None:
            values["oracle_entropy/before"] = found.entropy_before
            values["oracle_entropy/after"] = found.entropy_after
        self.record(values, "oracle", 0)


class _Training:
    """Training and its evaluations, from the last checkpoint on."""

    def __init__(self, session: _Session) -> None:
        self.session = session
        options, context = session.options, session.context
        self.options = options
        self.seed = session.seed
        trunk = load_pretrained(context.root / options.pretrained)
        data = context.root / options.data
        self.train = load_split(data, "train", trunk.clips).to(context.device)
        test = load_split(data, "test", trunk.clips).to(context.device)
        chosen = {
            "train": list(range(len(self.train.frames))),
            "test": test.first_of_each_subset(options.test_frames),
        }
        features = None
        if options.training.part == "heads":
            path = context.root / options.features
            features = {}
            for split, keys in (("train", self.train.keys), ("test", test.keys)):
                cached = load_features(path, split)
                if cached.keys != keys:
                    expected = f"those of {options.data}, {len(keys)} frames; compute them again"
                    raise InputError(path, f"{split} frames", len(cached.keys), expected=expected)
                features[split] = cached.at(chosen[split], context.device)
        self.test = test.at(chosen["test"])
        frames = {"train": self.train, "test": self.test}
        model = build_model(options, self.seed, trunk, features=features, frames=frames)
        self.model = model.to(context.device)
        self.targets = self.train.targets
        if options.training.actions == "local":
            self.targets = only_actions(self.targets, [int(c[1:]) for c in MOTION_ACTIONS.values()])

    def run(self) -> None:
        """Train, with evaluations at the declared checkpoints."""
        training = self.options.training
        cascade = self.model.cascade
        initial = {name: value.clone() for name, value in cascade.state_dict().items()}
        optimiser, scheduler = make_optimiser(self.model, training)
        order = batches(len(self.train.frames), training.batch, training.steps, self.seed, _ORDER)
        stops = [round(fraction * training.steps) for fraction in self.options.measures.checkpoints]
        start = 0
        window: list[dict[str, float]] = []
        saved = self.session.position
        if saved is not None:
            start = saved["step"]
            self.model.load_state_dict(saved["model"])
            optimiser.load_state_dict(saved["optimiser"])
            scheduler.load_state_dict(saved["scheduler"])
        elif 0 in stops:
            self._evaluate(0)
        self.model.train()
        for step in range(start, training.steps):
            optimiser.zero_grad()
            with seeded(self.seed, _DROPOUT, step):
                terms = self._loss(order[step])
            if not bool(torch.isfinite(terms.total)):
                raise Diverged(self.session.rows, stage="training", step=step)
            terms.total.backward()
            optimiser.step()
            scheduler.step()
            window.append(loss_values(terms))
            if step + 1 in stops:
                means = {name: sum(v[name] for v in window) / len(window) for name in window[0]}
                self.session.record(means | part_norms(cascade), "training", step + 1)
                window = []
                self._evaluate(step + 1)
                if step + 1 == training.steps:
                    self.session.record(movement(cascade, initial), "end", step + 1)
                self.session.context.progress("training", step + 1, training.steps)
                self.session.save(
                    {
                        "step": step + 1,
                        "model": self.model.state_dict(),
                        "optimiser": optimiser.state_dict(),
                        "scheduler": scheduler.state_dict(),
                    }
                )

    def _loss(self, index: torch.Tensor) -> LossTerms:
        seen = self.model.see("train", index)
        targets = targets_at(self.targets, index)
        told = true_evidence(seen, targets) if self._true else seen.own
        return loss_terms(self.model, seen, told, targets, self.model.assignment("train", index))

    @property
    def _true(self) -> bool:
        return self.options.evidence == "true"

    def _evaluate(self, step: int) -> None:
        evaluation = Evaluation(self.model, self.test, true=self._true)
        self.session.record(evaluation.context(), "test" if step else "start", step)
        if step == self.options.training.steps:
            self.session.record(evaluation.detection(), "end", step)
        self.model.train()
