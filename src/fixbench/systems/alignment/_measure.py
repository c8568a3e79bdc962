"""What is measured on a run: held-out progress and embeddings, trivial predictors, exact
properties of the update, of the sampler and of the losses' magnitudes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fixbench.datasets.procedures import ProcedureTask, Step
from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems.alignment._loop import (
    AlignmentModel,
    Clip,
    Losses,
    Trainer,
    norm,
    split_gradients,
)
from fixbench.systems.alignment._metrics import (
    ActionFrames,
    baseline_predictions,
    embedding_metrics,
    progress_metrics,
)
from fixbench.systems.alignment._options import Options
from fixbench.systems.alignment._sampling import eligible_actions, sample_segments
from fixbench.systems.alignment._sampling_properties import (
    bin_probabilities,
    capped_share,
    documented_weights_hold,
    expected_bin_counts,
    expected_examples,
    progress_shares,
    worked_example,
)
from fixbench.systems.alignment.losses import LossOptions, magnitude_curve
from fixbench.training import as_rows

__all__ = [
    "TABULATED",
    "baseline_rows",
    "embedding_values",
    "magnitude_rows",
    "predicted_progress",
    "progress_values",
    "sampling_rows",
    "update_properties",
]

Floats = NDArray[np.float64]

#: Document 004, "Loss Scales (Typical Values)".
TABULATED = {
    "gtcc": (4e4, 2.5e5),
    "lav": (1e6, 1e8),
    "vava": (1e3, 1e5),
    "tcc": (1e3, 5e4),
}
TABULATED_PROGRESS = (0.1, 0.5)
#: Single precision's epsilon.
VARIANCE_FLOOR = 1.2e-7
#: Document 004, Step 1: about 50 training examples a video.
ABOUT_FIFTY = (45, 55)
#: Of what is equal but for rounding, in double precision.
TOLERANCE = 1e-8


# Held-out videos


@torch.no_grad()
def predicted_progress(
    model: AlignmentModel, clips: Sequence[Clip], frames: ActionFrames, *, chunk: int = 512
) -> Floats:
    """The head's prediction at every frame of ``frames``, from its action's frames so far.

    As in use, and unlike in training, prefixes of one and two frames are among them.

    Args:
        clips: the videos that ``frames`` numbers.
    """
    embeddings = torch.cat(model.encoder([clip.features for clip in clips]))
    offsets = np.cumsum([0, *(len(clip.features) for clip in clips[:-1])])
    starts = torch.from_numpy(offsets[frames.video] + frames.frame - frames.elapsed + 1)
    lengths = torch.from_numpy(frames.elapsed)
    # Prefixes of about one length together, so that little is computed for nothing.
    order = lengths.argsort(stable=True)
    predicted = torch.empty(len(frames), dtype=torch.float64)
    for part in order.split(chunk):
        places = starts[part].to(embeddings.device), lengths[part].to(embeddings.device)
        predicted[part] = model.progress_head(embeddings, *places).double().cpu()
    return predicted.numpy()


def progress_values(frames: ActionFrames, predicted: Floats) -> dict[str, float]:
    """Of `progress_metrics`: all of them over all actions; by their length the errors alone."""
    return {
        name: value
        for name, value in progress_metrics(frames, predicted).items()
        if "/" not in name or name.startswith(("ogpe", "early_error", "late_error"))
    }


@torch.no_grad()
def embedding_values(
    model: AlignmentModel,
    train: Sequence[ProcedureTask],
    test: Sequence[ProcedureTask],
    clips: Iterable[Clip],
) -> dict[str, float]:
    """`embedding_metrics` of the videos of both splits, given as ``clips``."""
    embeddings = {
        clip.handle: model.encoder([clip.features])[0].double().cpu().numpy() for clip in clips
    }
    return embedding_metrics(train, test, embeddings)


def baseline_rows(train: ActionFrames, test: ActionFrames) -> list[Row]:
    """What predictors reach that look at no feature, in stages ``baseline/…``."""
    return [
        row
        for name, predicted in baseline_predictions(train, test).items()
        for row in as_rows(progress_values(test, predicted), f"baseline/{name}", 0)
    ]


# Exact properties of the update


def update_properties(
    options: Options, seed: int, clips: Sequence[Sequence[Clip]], device: torch.device
) -> dict[str, float]:
    """What holds by arithmetic, on this run's objective; 1 where a property holds.

    ``head_gradient_is_progress`` and ``encoder_gradient_is_sum``: after backward and rescaling the
    head has ∂P and the encoder ∂A + λ∂P (document 004, Step 7), within `TOLERANCE` of their norm in
    double precision; ``…_deviation`` is how far they are off, ``…_deviation_single`` in single.
    ``rescale_acts_as_rate``: SGD without clipping, some steps: not rescaling, with the head's rate
    divided by lambda, moves all parameters alike; ``…_deviation`` as a share of the distance, of
    encoder or head, whichever is more.
    ``first_step_identical``: without clipping, rescaling leaves the encoder's first step the same
    to the last bit. ``h0_inert_when_frozen``: with a frozen head a learnable first state changes
    nothing, to the last bit; measured where there is one.
    """
    free = _changed(options, "update", frozen="none", clip="none", clear_gradients=True)
    found: dict[str, float] = {}

    double = [[_double(clip) for clip in task] for task in clips]
    rescaled = _changed(free, "update", rescale=True)
    for suffix, material, dtype in (("_single", clips, torch.float32), ("", double, torch.float64)):
        trainer = Trainer(rescaled, seed, material, device=device, dtype=dtype)
        losses = _first_losses(trainer)
        alignment, progress = split_gradients(trainer.model, losses)
        trainer.backward(losses)
        trainer.update.rescale()
        factor = options.objective.factor
        wanted = {
            "head_gradient_is_progress": progress["head"],
            "encoder_gradient_is_sum": [
                a + factor * p
                for a, p in zip(alignment["encoder"], progress["encoder"], strict=True)
            ],
        }
        modules = trainer.model.progress_head, trainer.model.encoder
        for module, (name, gradient) in zip(modules, wanted.items(), strict=True):
            off = _distance((_gradient(p) for p in module.parameters()), gradient)
            found[f"{name}_deviation{suffix}"] = off / norm(gradient)
    for name in ("head_gradient_is_progress", "encoder_gradient_is_sum"):
        found[name] = float(found[f"{name}_deviation"] < TOLERANCE)

    found |= _rate_identity(free, seed, double, device)
    steps = options.measures.identity_steps

    def encoder_after(changed: Options, count: int) -> list[Tensor]:
        trainer = Trainer(changed, seed, clips, device=device)
        _advance(trainer, count)
        return [parameter.detach() for parameter in trainer.model.encoder_parameters()]

    pair = [encoder_after(_changed(free, "update", rescale=on), 1) for on in (True, False)]
    found["first_step_identical"] = float(_equal(*pair))
    if options.progress.h0 == "learnable":
        frozen = _changed(options, "update", frozen="head")
        pair = [
            encoder_after(_changed(frozen, "progress", h0=h0), steps)
            for h0 in ("learnable", "zero")
        ]
        found["h0_inert_when_frozen"] = float(_equal(*pair))
    return found


def _rate_identity(
    free: Options, seed: int, clips: Sequence[Sequence[Clip]], device: torch.device
) -> dict[str, float]:
    """SGD, no clip: rescaling against a smaller head rate. Measured where lambda is not 0."""
    factor, steps = free.objective.factor, free.measures.identity_steps
    if not factor:
        return {}
    first = Trainer(free, seed, clips, device=device, dtype=torch.float64)
    first.backward(_first_losses(first))
    untouched = first.model
    encoder = untouched.encoder_parameters()
    # A first step of a thousandth of the weights: alignment losses differ in size by orders.
    rate = 1e-3 * norm(encoder) / norm(_gradient(parameter) for parameter in encoder)
    models = []
    for rescale, head_factor in ((True, 1.0), (False, 1.0 / factor)):
        changed = _changed(
            free,
            "update",
            rescale=rescale,
            head_rate_factor=head_factor,
            optimiser="sgd",
            epsilon="raw",
            weight_decay=0.0,
            learning_rate=rate,
        )
        trainer = Trainer(changed, seed, clips, device=device, dtype=torch.float64)
        _advance(trainer, steps)
        models.append(trainer.model)
    off = 0.0
    for group in (AlignmentModel.encoder_parameters, AlignmentModel.head_parameters):
        on, other, start = (group(model) for model in (*models, untouched))
        off = max(off, _distance(on, other) / _distance(on, start))
    return {"rescale_acts_as_rate_deviation": off, "rescale_acts_as_rate": float(off < TOLERANCE)}


def _changed(options: Options, group: str, **changes: object) -> Options:
    return options.model_copy(update={group: getattr(options, group).model_copy(update=changes)})


def _double(clip: Clip) -> Clip:
    return Clip(clip.handle, clip.features.double(), clip.steps)


def _first_losses(trainer: Trainer) -> Losses:
    """Of the first batch that the loop does not leave out."""
    reason = "it has none"
    for step in range(trainer.batches_per_epoch):
        losses = trainer.losses(step)
        if isinstance(losses, Losses):
            return losses
        reason = losses.reason
    expected = f"a batch that the training loop does not leave out (last reason: {reason})"
    raise InputError(trainer.options.data.folder, "train", expected=expected)


def _advance(trainer: Trainer, steps: int) -> None:
    for step in range(steps):
        losses = trainer.losses(step)
        if isinstance(losses, Losses):
            trainer.learn(losses)


def _gradient(parameter: Tensor) -> Tensor:
    return torch.zeros_like(parameter) if parameter.grad is None else parameter.grad


def _distance(first: Iterable[Tensor], second: Iterable[Tensor]) -> float:
    return norm(a.detach() - b.detach() for a, b in zip(first, second, strict=True))


def _equal(first: Sequence[Tensor], second: Sequence[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# Exact properties of the sampler


def sampling_rows(model: AlignmentModel, tasks: Sequence[ProcedureTask]) -> list[Row]:
    """Claims about sampling and weights, settled on the action lengths of the training videos.

    Of the documented sampler (10 draws a video, 5 targets, 3 frames at least), whatever the
    options. Stage ``sampling``: ``share_…/uniform`` and ``…/stratified`` of targets up to 0.3, to
    0.7 and beyond; ``middle_favoured``, whether uniform targets are denser from 0.3 to 0.7 than on
    either side; ``documented_weights``; ``capped_share``; ``worked_example`` (26/51 by the formula
    and by the sampler), ``segment_input`` (T frames of D + 1 numbers with positions 0, 1/T, …) and
    ``h0_shape``; ``mean_about_fifty``, whether the examples expected of a video are 45 to 55 in the
    mean. Stage ``sampling/length``, step L: ``all_bins_drawn``, whether a stratified draw
    has an early, a middle and a late target; ``bin_examples/…``, the expected numbers;
    ``two_two_one``, whether these are 2, 2 and 1 when rounded. Stage ``sampling/video``, one step a
    video: ``examples`` expected, and ``about_fifty``, whether these are 45 to 55.
    """
    videos = [
        [action.length for action in eligible_actions(video.steps)]
        for task in tasks
        for video in task.videos
    ]
    values: dict[str, float] = {}
    for name, stratified in (("uniform", False), ("stratified", True)):
        shares = progress_shares(videos, stratified=stratified)
        for part, share in zip(("low", "middle", "high"), shares.tolist(), strict=True):
            values[f"share_{part}/{name}"] = share
    low, middle, high = progress_shares(videos, stratified=False) / [0.3, 0.4, 0.3]
    values["middle_favoured"] = float(middle > max(low, high) * (1 + TOLERANCE))
    values["documented_weights"] = float(documented_weights_hold())
    values["capped_share"] = capped_share(videos, stratified=True)
    values |= _worked_example(model)
    examples = expected_examples(videos)
    values["mean_about_fifty"] = float(_about_fifty(float(examples.mean())))
    rows = as_rows(values, "sampling", 0)
    for length in range(3, max(chain.from_iterable(videos)) + 1):
        certain = bin_probabilities(length, stratified=True)
        expected = expected_bin_counts(length, stratified=True)
        values = {
            "all_bins_drawn": float((certain == 1).all()),
            "two_two_one": float(np.rint(expected).tolist() == [2, 2, 1]),
        }
        for part, number in zip(("early", "middle", "late"), expected.tolist(), strict=True):
            values[f"bin_examples/{part}"] = number
        rows += as_rows(values, "sampling/length", length)
    for place, number in enumerate(examples.tolist()):
        values = {"examples": number, "about_fifty": float(_about_fifty(number))}
        rows += as_rows(values, "sampling/video", place)
    return rows


def _about_fifty(examples: float) -> bool:
    low, high = ABOUT_FIFTY
    return low <= examples <= high


@torch.no_grad()
def _worked_example(model: AlignmentModel) -> dict[str, float]:
    """The document's example, an action of frames 50 to 100 with the target 75."""
    head = model.progress_head
    samples = sample_segments(
        [[Step("chop vegetables", 50, 100)]],
        np.random.default_rng(0),
        stratified=False,
        samples_per_video=1,
        frames_per_segment=49,
    )
    (drawn,) = samples.progress[samples.target == 75].tolist()
    seen: list[Tensor] = []
    width = model.encoder.options.embedding
    if head.gru is not None:
        hook = head.gru.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][:, 0]))
        weight = next(head.parameters())
        places = (torch.tensor([number], device=weight.device) for number in (50, 26))
        head(weight.new_zeros(100, width), *places)
        hook.remove()
    inputs = seen[0].detach().double().cpu().numpy() if seen else np.empty((0, 0))
    documented = inputs.shape == (26, width + 1) and np.allclose(inputs[:, -1], np.arange(26) / 26)
    return {
        "worked_example": float(drawn == worked_example() and round(drawn, 2) == 0.51),
        "segment_input": float(documented),
        "h0_shape": float(
            head.h0 is not None and head.h0.shape == (1, 1, 64) and not head.h0.any()
        ),
    }


# Magnitudes


def magnitude_rows(options: Options, seed: int) -> list[Row]:
    """Each loss over the length N of both videos, beside the document's table.

    With the published numbers of the losses, whatever the options, and TCC's variance kept from 0,
    since its spread end is 0 / 0 otherwise. Stages
    ``magnitude/METHOD/STATE``, step N: ``alignment_magnitude`` of `magnitude_curve`. Stages
    ``magnitude/METHOD``: ``magnitude_in_table``, whether the table's range overlaps what lies
    between both states, an encoder that maps all frames to one point and one that spreads them.
    """
    lengths = options.measures.curve_lengths
    rows: list[Row] = []
    for method, (low, high) in TABULATED.items():
        curves = []
        for state in ("random", "collapsed"):
            curve = magnitude_curve(
                method,  # type: ignore[arg-type]
                "as_found",
                lengths,
                state,
                torch.Generator().manual_seed(seed),
                channels=options.encoder.embedding,
                options=LossOptions(variance_floor=VARIANCE_FLOOR),
            )
            curves.append(curve)
            for length, value in zip(lengths, curve, strict=True):
                rows.append(
                    Row(f"magnitude/{method}/{state}", length, "alignment_magnitude", value)
                )
        for length, *values in zip(lengths, *curves, strict=True):
            overlaps = min(values) <= high and max(values) >= low
            stage = f"magnitude/{method}"
            rows.append(Row(stage, length, "magnitude_in_table", float(overlaps)))
    return rows
