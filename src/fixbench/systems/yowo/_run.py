"""One run: mechanism, positive control, exact properties, training; one variant and one seed."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch

from fixbench.datasets.scenes import MOTION_ACTIONS
from fixbench.systems.yowo._cache import Features, features_of, load_pretrained
from fixbench.systems.yowo._loss import LossTerms
from fixbench.systems.yowo._material import SPLITS, load_split, only_actions, targets_at
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
from fixbench.systems.yowo._run_options import Options
from fixbench.systems.yowo._streams import generator, seeded
from fixbench.systems.yowo._training import (
    build_model,
    loss_terms,
    make_optimiser,
    true_evidence,
)
from fixbench.training import Outcome, RunContext, Session, Window, shuffled_batches, steps_at

__all__ = ["MEASURES", "run"]

#: The parts of a run: exact properties; fresh modules, and gradients in a fresh cascade; the task
#: that a scene context alone can solve; training, with what it finds along the way and at the end.
MEASURES = ("exact", "mechanism", "gradients", "oracle", "training")

#: A seed's fresh modules are numbered from its multiple of this.
_INITIALISATIONS = 100_000

_Measure = Callable[[Session, Options, int], None]


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Measure what ``context.measure`` names, of `MEASURES`."""
    session = Session(context, measures=MEASURES)
    parts: dict[str, _Measure] = {
        "exact": _measure_exact,
        "mechanism": _measure_mechanism,
        "gradients": _measure_gradients,
        "oracle": _measure_oracle,
    }
    for name, measure in parts.items():
        if session.wants(name):
            session.once(name, functools.partial(measure, session, options, seed))
    if session.wants("training"):
        _Training(session, options, seed).run()
    return Outcome(session.rows)


def _measure_exact(session: Session, options: Options, seed: int) -> None:
    """Properties that no training decides."""
    session.record(exact_properties(options.model, seed), "exact", 0)


def _measure_mechanism(session: Session, options: Options, seed: int) -> None:
    """Fresh modules; a seed has its own."""
    measures = options.measures
    passed = []
    for number in range(measures.initialisations):
        values = initial_mechanism(
            options.scene_context,
            _INITIALISATIONS * (seed + 1) + number,
            width=measures.width,
            all_levels=number == 0,
        )
        session.record(values, "mechanism", number)
        passed.append(values["quick_check_passes"])
    rate = sum(passed) / len(passed)
    values = {"quick_check_pass_rate": rate, "quick_check_mostly_passes": float(rate > 0.5)}
    session.record(values, "mechanism", 0)


def _measure_gradients(session: Session, options: Options, seed: int) -> None:
    """What one backward pass of a fresh cascade reaches."""
    values = gradient_properties(options.model, options.scene_context, seed)
    session.record(values, "gradients", 0)


def _measure_oracle(session: Session, options: Options, seed: int) -> None:
    """The positive control."""
    found = run_oracle_task(
        options.scene_context,
        seed,
        steps=options.measures.oracle_steps,
        batch=16,
        learning_rate=2e-3,
    )
    values = {"oracle_accuracy": found.accuracy}
    if found.entropy_before is not None and found.entropy_after is not None:
        values["oracle_entropy/before"] = found.entropy_before
        values["oracle_entropy/after"] = found.entropy_after
    session.record(values, "oracle", 0)


class _Training:
    """Training and its evaluations, from the last save on."""

    def __init__(self, session: Session, options: Options, seed: int) -> None:
        self.session = session
        self.options = options
        self.seed = seed
        context = session.context
        trunk = load_pretrained(context.root / options.pretrained)
        data = context.root / options.data
        self.train = load_split(data, "train", trunk.clips).to(context.device)
        test = load_split(data, "test", trunk.clips).to(context.device)
        chosen = {
            "train": list(range(len(self.train.frames))),
            "test": test.first_of_each_subset(options.test_frames),
        }
        features: dict[str, Features] | None = None
        if options.training.part == "heads":
            paths = context.root / options.features, context.root / options.pretrained, data
            features = {
                split: features_of(*paths, split).at(chosen[split], context.device)
                for split in SPLITS
            }
        self.test = test.at(chosen["test"])
        frames = {"train": self.train, "test": self.test}
        model = build_model(options, seed, trunk, features=features, frames=frames)
        self.model = model.to(context.device)
        self.targets = self.train.targets
        if options.training.actions == "local":
            self.targets = only_actions(self.targets, [int(c[1:]) for c in MOTION_ACTIONS.values()])

    def run(self) -> None:
        """Train, with evaluations at the declared checkpoints."""
        session, training = self.session, self.options.training
        cascade = self.model.cascade
        initial = {name: value.clone() for name, value in cascade.state_dict().items()}
        optimiser, scheduler = make_optimiser(self.model, training)
        draw = generator(self.seed, "batches")
        order = shuffled_batches(len(self.train.frames), training.batch, training.steps, draw)
        evaluations = steps_at(training.steps, self.options.measures.checkpoints)
        parts = {"model": self.model, "optimiser": optimiser, "scheduler": scheduler}
        start = 0
        if (position := session.restore(**parts)) is not None:
            start = position["step"]
        elif 0 in evaluations:
            self._evaluate(0)
        self.model.train()
        window = Window()
        for step in range(start, training.steps):
            optimiser.zero_grad()
            with seeded(self.seed, "dropout", step):
                terms = self._loss(order[step])
            session.require_finite([terms.total.item()], "training", step)
            terms.total.backward()
            optimiser.step()
            scheduler.step()
            window.add(loss_values(terms))
            if step + 1 in evaluations:
                session.record(window.take_means() | part_norms(cascade), "training", step + 1)
                self._evaluate(step + 1)
                if step + 1 == training.steps:
                    session.record(movement(cascade, initial), "end", step + 1)
                session.progress("training", step + 1, training.steps)
                session.save(step=step + 1, **parts)

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
