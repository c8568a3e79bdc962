"""Training of one variant: truncated back-propagation through time, as RVT has it.

Every step sees pieces of several sequences. The backbone runs over their frames; the pyramid and
what follows see the labelled frames of all times and samples in one call. States are carried from
step to step, detached, and are zero at the start of a sequence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from fixbench.systems.event_detector._attention import Memory
from fixbench.systems.event_detector._backbone import BackboneState
from fixbench.systems.event_detector._features import frozen_features, unroll
from fixbench.systems.event_detector._loss import LossTerms, detection_loss
from fixbench.systems.event_detector._material import Material
from fixbench.systems.event_detector._model import Detector
from fixbench.systems.event_detector._pretrained import check_model, load_pretrained
from fixbench.systems.event_detector._run_options import Options, TrainingOptions
from fixbench.systems.event_detector._sampling import labelled_rows, training_pieces
from fixbench.training import RunContext, generator

__all__ = ["Trainer", "build_detector", "features_of", "one_cycle"]


class Trainer:
    """A detector in training, and everything that the next step depends on.

    Args:
        frozen: features of a backbone that is not trained, by number of the labelled frame.
    """

    def __init__(
        self,
        options: Options,
        seed: int,
        detector: Detector,
        material: Material,
        device: torch.device,
        frozen: Sequence[Tensor] | None = None,
    ) -> None:
        self.options = options
        self.detector = detector
        self.material = material
        self.device = device
        training = options.training
        self.frozen = frozen
        if frozen is not None:
            detector.backbone.requires_grad_(False)
        draw = generator(seed, "pieces")
        self.pieces = training_pieces(
            material.lengths,
            samples=training.samples,
            length=training.length,
            steps=training.steps,
            sampling=training.sampling,
            generator=draw,
        )
        self.trained = [p for p in detector.parameters() if p.requires_grad]
        self.optimiser = torch.optim.AdamW(
            self.trained, lr=training.learning_rate, weight_decay=training.weight_decay, fused=True
        )
        self.scheduler = one_cycle(self.optimiser, training)
        self.state: BackboneState | None = None

    def losses(self, step: int) -> LossTerms | None:
        """The loss of a step; ``None`` if no frame of it is labelled."""
        pieces = self.pieces[step]
        found = labelled_rows(pieces, self.material.labels)
        if self.frozen is not None:
            index = torch.tensor(found.labels, dtype=torch.int64, device=self.device)
            maps = [level[index] for level in self.frozen]
        else:
            backbone = self.detector.backbone
            maps, self.state = unroll(
                backbone, self.material, pieces, found, self.state, self.device
            )
        if not found.labels:
            return None
        predictions = self.detector.neck(maps, found.rows)
        loss = self.options.loss
        return detection_loss(
            predictions,
            self.material.targets(found.labels, self.device),
            size_weight=loss.size_weight,
            area_scale=loss.area_scale,
        )

    def learn(self, terms: LossTerms | None) -> None:
        """One step of the optimiser; without a loss, of the learning rate alone."""
        self.optimiser.zero_grad()
        if terms is not None:
            terms.total.backward()
            nn.utils.clip_grad_value_(self.trained, self.options.training.clip)
        self.optimiser.step()
        self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser, states of the backbone, memories of the attention."""
        attention = self.detector.neck.attention
        memory = attention.memory()
        attention.remember({})  # a buffer that is registered would stand among the weights
        weights = {name: value.clone() for name, value in self.detector.state_dict().items()}
        attention.remember(memory)
        return {
            "weights": weights,
            "optimiser": self.optimiser.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "state": self.state,
            "memory": memory,
            "counts": attention.counts(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        attention = self.detector.neck.attention
        attention.remember({})
        self.detector.load_state_dict(state["weights"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.scheduler.load_state_dict(state["scheduler"])
        kept = state["state"]
        if kept is not None:
            kept = tuple((hidden.to(self.device), cell.to(self.device)) for hidden, cell in kept)
        self.state = kept
        memory: Memory = {
            stride: {stream: value.to(self.device) for stream, value in streams.items()}
            for stride, streams in state["memory"].items()
        }
        attention.remember(memory)
        attention.count(state["counts"])


def features_of(options: Options, split: str, context: RunContext) -> list[Tensor]:
    """Features of the frozen backbone."""
    assert options.pretrained is not None
    found = frozen_features(
        context.root / options.pretrained,
        context.root / options.data,
        split,
        options.model.classes,
        str(context.device),
        options.model.scales,
    )
    return list(found)


def build_detector(options: Options, seed: int, context: RunContext) -> Detector:
    """A run's detector: pretrained where the options say so, all else by ``seed`` alone.

    Raises:
        InputError: the checkpoint is of another model.
    """
    detector = Detector(options.model, seed)
    if options.pretrained is not None:
        path = context.root / options.pretrained
        pretrained = load_pretrained(path)
        whole = options.training.pyramid == "pretrained"
        check_model(path, pretrained, options.model, pyramid=whole)
        detector.backbone.load_state_dict(pretrained.part("backbone"))
        if whole:
            detector.neck.pyramid.load_state_dict(pretrained.part("neck.pyramid"))
            detector.neck.head.load_state_dict(pretrained.part("neck.head"))
    return detector.to(context.device)


def one_cycle(
    optimiser: torch.optim.Optimizer, training: TrainingOptions
) -> torch.optim.lr_scheduler.LRScheduler:
    """Rates that rise linearly to their highest and fall linearly from it.

    As `torch.optim.lr_scheduler.OneCycleLR` with linear annealing, which divides by zero where the
    rise is one step.
    """
    last = training.steps - 1
    peak = max(0.0, training.warm_up * training.steps - 1)
    low, end = 1 / training.start_divisor, 1 / training.end_divisor

    def factor(step: int) -> float:
        if step < peak:
            return low + (1 - low) * step / peak
        return 1 + (end - 1) * (step - peak) / max(1.0, last - peak)

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
