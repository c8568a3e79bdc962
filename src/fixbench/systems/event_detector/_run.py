"""One run: exact properties, cost, training with its evaluations, gates; one variant, one seed."""

from __future__ import annotations

import functools

from fixbench.errors import InputError
from fixbench.systems.event_detector._box_weights import box_weights
from fixbench.systems.event_detector._cost import cost_values
from fixbench.systems.event_detector._detections import (
    Evaluated,
    evaluate,
    precision_values,
    sequence_values,
)
from fixbench.systems.event_detector._exact import exact_properties
from fixbench.systems.event_detector._features import labelled_features
from fixbench.systems.event_detector._gate_statistics import gate_values
from fixbench.systems.event_detector._loss import BOX_WEIGHT, LossTerms
from fixbench.systems.event_detector._material import Material, load_material
from fixbench.systems.event_detector._run_options import Options
from fixbench.systems.event_detector._training import Trainer, build_detector, features_of
from fixbench.training import Diverged, Failed, Outcome, RunContext, Session, Window, steps_evenly

__all__ = ["MEASURES", "run"]

#: The parts of a run: properties that no training decides; cost on and off; the boxes on which the
#: weight of size falls; training, with what it finds along the way and at the end; precision
#: sequence by sequence; gates, before and after training.
MEASURES = ("exact", "cost", "boxes", "training", "sequences", "gates")

#: Labelled frames on which cost is measured.
_COST_ROWS = 8


def run(options: Options, seed: int, context: RunContext) -> Outcome:
    """Measure what ``context.measure`` names, of `MEASURES`."""
    session = Session(context, measures=MEASURES)
    if session.wants("exact"):
        session.once("exact", functools.partial(_measure_exact, session, options, seed))
    if session.wants("cost"):
        session.once("cost", functools.partial(_measure_cost, session, options))
    if session.wants("boxes"):
        session.once("boxes", functools.partial(_measure_boxes, session, options))
    if session.wants("training", "sequences", "gates"):
        _Training(session, options, seed).run()
    return Outcome(session.rows)


def _measure_exact(session: Session, options: Options, seed: int) -> None:
    session.record(exact_properties(options.model, seed), "exact", 0)


def _measure_cost(session: Session, options: Options) -> None:
    material = _material(session.context, options, "test")
    height, width = material.frames[0].shape[2:]
    down, across = (options.model.strides[-1] * cells for cells in options.model.partition)
    padded = (height + -height % down, width + -width % across)
    session.record(cost_values(options.model, _COST_ROWS, *padded), "cost", 0)


def _measure_boxes(session: Session, options: Options) -> None:
    truths = _material(session.context, options, "train").truths
    values = box_weights(truths, options.evaluation, options.loss.area_scale)
    session.record(values, "boxes", 0)


def _material(context: RunContext, options: Options, split: str) -> Material:
    material = load_material(context.root / options.data, split, options.model.classes)
    bins = material.frames[0].shape[1]
    if bins != options.model.bins:
        expected = f"{bins}, as many as the frames of {options.data} have"
        raise InputError("options", "model.bins", options.model.bins, expected=expected)
    return material


class _Training:
    """Training and its evaluations, from the last save on."""

    def __init__(self, session: Session, options: Options, seed: int) -> None:
        self.session = session
        self.options = options
        context = session.context
        self.test = _material(context, options, "test")
        self.detector = build_detector(options, seed, context)
        train = _material(context, options, "train")
        seen = None
        self.frozen = None
        if options.training.part == "heads":
            seen = features_of(options, "train", context)
            self.frozen = features_of(options, "test", context)
        self.trainer = Trainer(options, seed, self.detector, train, context.device, seen)

    def run(self) -> None:
        """All steps, with evaluations evenly over them."""
        session, trainer, training = self.session, self.trainer, self.options.training
        start = 0
        if (position := session.restore(trainer=trainer)) is not None:
            start = position["step"]
        elif session.wants("gates"):
            attention = self.detector.neck.attention
            before = attention.memory(), attention.counts()
            self._gates(self._evaluate(gates=True), "start", 0)
            # Also of the buffer that leaks: training is the same whatever is measured.
            attention.remember(before[0])
            attention.count(before[1])
        evaluations = steps_evenly(training.steps, training.evaluations)
        window = Window()
        self.detector.train()
        for step in range(start, training.steps):
            self._step(step, window)
            if step + 1 in evaluations:
                if window and session.wants("training"):
                    session.record(window.take_means(), "training", step + 1)
                window = Window()
                self._measure(step + 1)
                session.progress("training", step + 1, training.steps)
                session.save(step=step + 1, trainer=trainer)

    def _step(self, step: int, window: Window) -> None:
        try:
            terms = self.trainer.losses(step)
            if terms is not None:
                self.session.require_finite([terms.total.item()], "training", step)
                window.add(_loss_values(terms))
            self.trainer.learn(terms)
        except RuntimeError as error:
            if "backward through the graph a second time" not in str(error):
                raise
            reason = "the buffer of the temporal attention is still in the graph of the step before"
            raise Failed(self.session.rows, stage="training", step=step, reason=reason) from None

    def _measure(self, step: int) -> None:
        """What an evaluation finds."""
        session, options = self.session, self.options
        last = step == options.training.steps
        gates = last and session.wants("gates")
        found = self._evaluate(gates=gates)
        if not found.finite:
            raise Diverged(session.rows, stage="test", step=step)
        if session.wants("training"):
            values = precision_values(found, self.test, options.evaluation)
            session.record(values, "test", step)
            if last:
                session.record(values | self._fallbacks(), "end", step)
        if last and session.wants("sequences"):
            by_sequence = sequence_values(found, self.test, options.evaluation)
            for place, values in by_sequence.items():
                session.record(values, "sequences", place)
        if gates:
            self._gates(found, "end", step)

    def _fallbacks(self) -> dict[str, float]:
        """In which share of its calls the documented buffer had another shape."""
        counts = self.detector.neck.attention.counts()
        return {
            f"buffer_mismatch/{stride}": mismatches / calls
            for stride, (calls, mismatches) in counts.items()
            if calls
        }

    def _evaluate(self, *, gates: bool) -> Evaluated:
        features = self.frozen
        if features is None:
            backbone = self.detector.backbone
            features = labelled_features(backbone, self.test, self.session.context.device)
        return evaluate(self.detector.neck, features, self.test, self.options, gates=gates)

    def _gates(self, found: Evaluated, stage: str, step: int) -> None:
        values = gate_values(found, self.test, self.options.evaluation.areas[0])
        self.session.record(values, stage, step)


def _loss_values(terms: LossTerms) -> dict[str, float]:
    """Metric → value of one step; the boxes with their weight, so that the terms add up."""
    return {
        "loss/total": terms.total.item(),
        "loss/boxes": BOX_WEIGHT * terms.boxes.item(),
        "loss/confidence": terms.confidence.item(),
        "loss/classes": terms.classes.item(),
        "size_weight": terms.size_weight.item(),
        "cells_that_answer": float(terms.assignment.foreground.sum()),
    }
