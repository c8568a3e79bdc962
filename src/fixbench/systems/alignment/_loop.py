"""The training loop: losses, backward, the head's gradient ÷ lambda, clipping, step.

That order is document 004's (Step 7 and "Gradient Flow Summary").
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fixbench.datasets.procedures import ProcedureTask, Step
from fixbench.systems.alignment._drop import DropNetwork
from fixbench.systems.alignment._encoder import Encoder
from fixbench.systems.alignment._options import Options, SamplingOptions, UpdateOptions
from fixbench.systems.alignment._progress import ProgressHead
from fixbench.systems.alignment._sampling import progress_weights, sample_segments
from fixbench.systems.alignment._streams import generator, numpy_generator
from fixbench.systems.alignment.losses import alignment_loss, limit_reason, skip_reason

__all__ = [
    "PUBLISHED_KAPPA",
    "SKIPS",
    "AlignmentModel",
    "Clip",
    "Losses",
    "Skipped",
    "Trainer",
    "Update",
    "batch_plan",
    "gradient_shares",
    "norm",
    "prefixed",
    "progress_loss",
    "split_gradients",
    "to_clips",
]

#: max_norm / (√parameters · epsilon) of the published encoder without drop network: about 0.143.
PUBLISHED_KAPPA = 1e-5 / (math.sqrt(48_592_016) * 1e-8)
EPSILON = 1e-8


@dataclass(frozen=True)
class Clip:
    """A video on its device: features (T, F) and its steps."""

    handle: str
    features: Tensor
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Losses:
    """Both losses of a batch, scalars."""

    alignment: Tensor
    progress: Tensor


#: What makes the loop leave a batch out: the videos' lengths, no action that can be sampled, or the
#: total loss.
SKIPS = ("length", "actions", "total")


@dataclass(frozen=True)
class Skipped:
    """A batch that the loop leaves out: which of `SKIPS`, and why in a few words."""

    kind: str
    reason: str


class AlignmentModel(nn.Module):
    """Encoder, progress head and, for GTCC, drop network; each initialised from its own stream."""

    def __init__(self, options: Options, *, seed: int) -> None:
        super().__init__()
        embedding = options.encoder.embedding
        self.encoder = Encoder(options.encoder, seed=8 * seed)
        self.progress_head = ProgressHead(options.progress, embedding, seed=8 * seed + 1)
        self.drop: DropNetwork | None = None
        if options.objective.method == "gtcc":
            self.drop = DropNetwork(embedding, options.objective.drop_widths, seed=8 * seed + 3)

    def drop_weights(self, embeddings: Sequence[Tensor]) -> Tensor | None:
        """(B, D + 1), of each video; ``None`` without a drop network."""
        return None if self.drop is None else torch.stack([self.drop(e) for e in embeddings])

    def encoder_parameters(self) -> list[nn.Parameter]:
        """Of everything but the head: what the document calls the encoder."""
        drop = [] if self.drop is None else list(self.drop.parameters())
        return [*self.encoder.parameters(), *drop]

    def head_parameters(self) -> list[nn.Parameter]:
        """Of the progress head."""
        return list(self.progress_head.parameters())


class Update:
    """What follows the backward pass.

    Args:
        factor: lambda.
    """

    def __init__(self, model: AlignmentModel, options: UpdateOptions, factor: float) -> None:
        self.options = options
        self.factor = factor
        self.encoder = _trained(model.encoder_parameters(), options.frozen != "encoder")
        self.head = _trained(model.head_parameters(), options.frozen != "head")
        #: Adam's, by group. The head has its published size and so keeps the published epsilon.
        self.epsilon = {"encoder": EPSILON, "head": EPSILON}
        if options.epsilon == "matched":
            count = sum(parameter.numel() for parameter in model.encoder.parameters())
            self.epsilon["encoder"] = options.max_norm / (math.sqrt(count) * PUBLISHED_KAPPA)
        rates = {
            "encoder": options.learning_rate,
            "head": options.learning_rate * options.head_rate_factor,
        }
        groups = [
            {"params": group, "lr": rates[name], "eps": self.epsilon[name]}
            for name, group in (("encoder", self.encoder), ("head", self.head))
            if group
        ]
        self.optimiser: torch.optim.Optimizer
        if options.optimiser == "sgd":
            for group in groups:
                del group["eps"]
            self.optimiser = torch.optim.SGD(groups, fused=True)
        elif options.optimiser == "adamw":
            self.optimiser = torch.optim.AdamW(
                groups, weight_decay=options.weight_decay, fused=True
            )
        else:
            self.optimiser = torch.optim.Adam(groups, fused=True)

    def apply(self, measured: dict[str, float] | None = None) -> None:
        """Rescale, clip, step; then clear the gradients, or leave them where they are.

        Args:
            measured: where to put the norms of the gradients that the optimiser sees.
        """
        self.rescale()
        self.clip()
        if measured is not None:
            measured |= prefixed("gradient_after", self.gradient_norms())
        self.optimiser.step()
        if self.options.clear_gradients:
            self.optimiser.zero_grad()

    def rescale(self) -> None:
        """The documented fix: the head's gradients ÷ lambda."""
        if self.options.rescale and self.factor not in (0, 1):
            for parameter in self.head:
                if parameter.grad is not None:
                    parameter.grad = parameter.grad / self.factor

    def clip(self) -> None:
        """Scale gradients down to the largest norm: of all together, of each group, or not."""
        options = self.options
        if options.clip == "global":
            nn.utils.clip_grad_norm_([*self.encoder, *self.head], options.max_norm)
        elif options.clip == "separate":
            nn.utils.clip_grad_norm_(self.encoder, options.max_norm)
            nn.utils.clip_grad_norm_(self.head, options.head_max_norm)

    def gradient_norms(self) -> dict[str, float]:
        """L2 norms of the present gradients by group."""
        return {
            name: norm(p.grad for p in group if p.grad is not None)
            for name, group in (("encoder", self.encoder), ("head", self.head))
            if group
        }

    def below_epsilon(self) -> dict[str, float]:
        """Share of each group's parameters whose Adam denominator √v̂ is below its epsilon."""
        shares = {}
        for name, group in (("encoder", self.encoder), ("head", self.head)):
            below = total = 0
            for parameter in group:
                state = self.optimiser.state.get(parameter, {})
                if "exp_avg_sq" in state:
                    corrected = state["exp_avg_sq"] / (1 - 0.999 ** float(state["step"]))
                    below += int((corrected.sqrt() < self.epsilon[name]).sum())
                    total += corrected.numel()
            if total:
                shares[name] = below / total
        return shares


class Trainer:
    """One training run: its model, its optimiser and its draws.

    Args:
        clips: the training videos of each task.
        dtype: of the weights; the features must have it too.
        encoder: weights to start the encoder from instead of its initialisation.
    """

    def __init__(
        self,
        options: Options,
        seed: int,
        clips: Sequence[Sequence[Clip]],
        *,
        device: torch.device,
        dtype: torch.dtype = torch.float32,
        encoder: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.options = options
        self.seed = seed
        self.clips = clips
        self.device = device
        self.model = AlignmentModel(options, seed=seed)
        if encoder is not None:
            self.model.encoder.load_state_dict(dict(encoder))
        self.model.to(device, dtype)
        self.update = Update(self.model, options.update, options.objective.factor)
        self.batches_per_epoch = sum(len(task) // 2 for task in clips)

    def state_dict(self) -> dict[str, Any]:
        """What training needs to go on: weights, the optimiser's state, and the gradients, which
        are left over where they are not cleared.
        """
        named = self.model.named_parameters()
        return {
            "model": dict(self.model.state_dict()),
            "optimiser": self.update.optimiser.state_dict(),
            "gradients": {name: p.grad for name, p in named if p.grad is not None},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.model.load_state_dict(state["model"])
        self.update.optimiser.load_state_dict(state["optimiser"])
        for name, parameter in self.model.named_parameters():
            if name in state["gradients"]:
                parameter.grad = state["gradients"][name].to(self.device)

    def batch(self, step: int) -> list[Clip]:
        """The two videos of a step."""
        epoch, place = divmod(step, self.batches_per_epoch)
        task, pair = batch_plan([len(task) for task in self.clips], self.seed, epoch)[place]
        return [self.clips[task][index] for index in pair]

    def losses(self, step: int) -> Losses | Skipped:
        """Both losses of a step's batch, or why the loop leaves the batch out.

        NaN where embeddings are not finite.
        """
        batch = self.batch(step)
        objective = self.options.objective
        reason = skip_reason(
            [len(clip.features) for clip in batch],
            method=objective.method,
            formulation=objective.formulation,
        )
        if reason is not None:
            return Skipped("length", reason)
        embeddings = self.model.encoder([clip.features for clip in batch])
        if not all(bool(torch.isfinite(video).all()) for video in embeddings):
            lost = torch.tensor(math.nan)  # the losses make no promise for such videos
            return Losses(lost, lost)
        progress = self._progress_loss(batch, embeddings, step)
        if progress is None:
            return Skipped("actions", "no action is long enough to be sampled")
        alignment = alignment_loss(
            embeddings,
            method=objective.method,
            formulation=objective.formulation,
            epoch=step // self.batches_per_epoch,
            step=step,
            generator=generator(self.seed, "alignment", step),
            drop=self.model.drop_weights(embeddings),
            options=objective.loss,
        )
        total = float(alignment.detach() + objective.factor * progress.detach())
        reason = limit_reason(total, method=objective.method, limited=objective.limited)
        return Losses(alignment, progress) if reason is None else Skipped("total", reason)

    def backward(self, losses: Losses) -> None:
        """Gradients of alignment + lambda · progress, on top of those that are there."""
        (losses.alignment + self.options.objective.factor * losses.progress).backward()

    def learn(self, losses: Losses, measured: dict[str, float] | None = None) -> None:
        """One step.

        Args:
            measured: where to put what both losses ask of the encoder, and the norms of the
                gradients before and after rescaling and clipping.
        """
        if measured is not None:
            measured |= gradient_shares(self.model, losses, self.options.objective.factor)
        self.backward(losses)
        if measured is not None:
            measured |= prefixed("gradient_before", self.update.gradient_norms())
        self.update.apply(measured)

    def _progress_loss(
        self, batch: Sequence[Clip], embeddings: Sequence[Tensor], step: int
    ) -> Tensor | None:
        sampling = self.options.sampling
        draw = numpy_generator(self.seed, "segments", step)
        samples = sample_segments(
            [clip.steps for clip in batch],
            draw,
            stratified=sampling.stratified,
            samples_per_video=sampling.samples_per_video,
            frames_per_segment=sampling.frames_per_segment,
            min_segment_length=sampling.minimum_length,
        )
        if not len(samples):
            return None
        offsets = np.cumsum([0, *(len(clip.features) for clip in batch[:-1])])
        predicted = self.model.progress_head(
            torch.cat(list(embeddings)),
            torch.from_numpy(samples.start + offsets[samples.video]).to(self.device),
            torch.from_numpy(samples.target - samples.start + 1).to(self.device),
        )
        return progress_loss(predicted, samples.progress, sampling)


def progress_loss(predicted: Tensor, progress: np.ndarray, sampling: SamplingOptions) -> Tensor:
    """Mean absolute error (Step 4), weighted where asked: sum of w · error over sum of w."""
    error = (predicted - torch.from_numpy(progress).to(predicted)).abs()
    if not sampling.weighted:
        return error.mean()
    weights = torch.from_numpy(progress_weights(progress, sampling.weight_cap)).to(predicted)
    return (weights * error).sum() / weights.sum()


def split_gradients(
    model: AlignmentModel, losses: Losses
) -> tuple[dict[str, list[Tensor]], dict[str, list[Tensor]]]:
    """Gradients of alignment and of progress, before they meet, by ``encoder`` and ``head``.

    The encoder is without its drop network. Parameters that are not trained are left out; what a
    loss does not reach is zero. The graph is kept.
    """
    groups = {
        "encoder": [p for p in model.encoder.parameters() if p.requires_grad],
        "head": [p for p in model.head_parameters() if p.requires_grad],
    }

    def gradients(loss: Tensor) -> dict[str, list[Tensor]]:
        return {
            name: list(
                torch.autograd.grad(
                    loss, group, retain_graph=True, allow_unused=True, materialize_grads=True
                )
            )
            if group and loss.requires_grad
            else []
            for name, group in groups.items()
        }

    return gradients(losses.alignment), gradients(losses.progress)


def gradient_shares(model: AlignmentModel, losses: Losses, factor: float) -> dict[str, float]:
    """What both losses ask of the encoder: ``gradient_ratio``, ‖λ∂P‖ / ‖∂A‖, and the cosine."""
    alignment, progress = (part["encoder"] for part in split_gradients(model, losses))
    sizes = norm(alignment), norm(progress)
    if 0 in sizes:
        return {}
    inner = sum(
        float((a.double() * p.double()).sum()) for a, p in zip(alignment, progress, strict=True)
    )
    return {
        "gradient_ratio": factor * sizes[1] / sizes[0],
        "gradient_cosine": inner / (sizes[0] * sizes[1]),
    }


def prefixed(prefix: str, values: Mapping[str, float]) -> dict[str, float]:
    """The same under ``prefix/…``."""
    return {f"{prefix}/{name}": value for name, value in values.items()}


def norm(tensors: Iterable[Tensor]) -> float:
    """Global L2 norm, in double precision."""
    return math.sqrt(sum(float(tensor.detach().double().square().sum()) for tensor in tensors))


def batch_plan(sizes: Sequence[int], seed: int, epoch: int) -> list[tuple[int, tuple[int, int]]]:
    """(task, two videos of it) of every batch of an epoch.

    Each task's videos are shuffled and paired, a last single one is left out; then the batches of
    all tasks are shuffled.
    """
    draw = numpy_generator(seed, "batches", epoch)
    plan = []
    for task, size in enumerate(sizes):
        order = draw.permutation(size).tolist()
        plan += [(task, (a, b)) for a, b in zip(order[::2], order[1::2], strict=False)]
    return [plan[place] for place in draw.permutation(len(plan))]


def to_clips(tasks: Sequence[ProcedureTask], device: torch.device) -> list[list[Clip]]:
    """The videos of each task on ``device``."""
    return [
        [
            Clip(video.handle, torch.from_numpy(video.features).to(device), video.steps)
            for video in task.videos
        ]
        for task in tasks
    ]


def _trained(parameters: Iterable[nn.Parameter], trained: bool) -> list[nn.Parameter]:
    found = list(parameters)
    for parameter in found:
        parameter.requires_grad_(trained)
    return found if trained else []
