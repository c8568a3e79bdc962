"""What can be varied in the alignment system, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from fixbench.systems.alignment._encoder import EncoderOptions
from fixbench.systems.alignment._progress import ProgressOptions
from fixbench.systems.alignment.losses import LossOptions
from fixbench.training import StrictOptions

__all__ = [
    "DataOptions",
    "Measures",
    "ObjectiveOptions",
    "Options",
    "SamplingOptions",
    "TrainingOptions",
    "UpdateOptions",
]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class DataOptions(StrictOptions):
    """The videos and how they are read (`fixbench.datasets.read_procedures`).

    Attributes:
        folder: in EgoProceL's layout, relative to the root.
        frame_rate: annotated frames for each feature frame, one number or one for each task.
        length_mismatch: refuse videos whose features and annotation differ in length, or truncate.
        empty_steps: refuse steps that no feature frame shows, or drop them.
        join: join the videos of a task, training and held out, until each has at least so many
            frames (`fixbench.datasets.join_videos`); without it they stay as they are.
    """

    folder: str
    frame_rate: Rate | dict[str, Rate] = 1.0
    length_mismatch: Literal["refuse", "truncate"] = "refuse"
    empty_steps: Literal["refuse", "drop"] = "refuse"
    join: Count | None = None


def _folder_alone(value: Any) -> Any:
    return {"folder": value} if isinstance(value, str) else value


class ObjectiveOptions(StrictOptions):
    """total = alignment + lambda · progress.

    Attributes:
        method: the alignment loss; formulation: ``as_found`` in the fork, or that of the ``paper``.
        factor: lambda.
        loss: numbers of the alignment losses.
        limited: the losses with which the loop leaves out a batch whose total is over 1e7. At the
            document's commit that is GTCC alone.
        drop_widths: hidden widths of the drop network, which GTCC alone has.
    """

    method: Literal["lav", "vava", "gtcc", "tcc"]
    formulation: Literal["as_found", "paper"]
    factor: float = Field(ge=0, alias="lambda")
    loss: LossOptions
    limited: list[Literal["lav", "vava", "gtcc", "tcc"]]
    drop_widths: list[Count] = Field(min_length=1)


class SamplingOptions(StrictOptions):
    """The segments of a step and the weights of their errors.

    Attributes:
        stratified: targets from an early, a middle and a late bin, and the rest at random.
        weighted: errors weigh min(1 / target, weight_cap).
        minimum_length: frames of the shortest action that is sampled.
    """

    stratified: bool
    weighted: bool
    weight_cap: float = Field(ge=1)
    samples_per_video: Count
    frames_per_segment: Count
    minimum_length: Count


class UpdateOptions(StrictOptions):
    """What happens between the backward pass and the next step.

    Attributes:
        rescale: divide the head's gradient by lambda before clipping (where lambda is neither 0
            nor 1, as documented).
        clip: ``none``, ``global`` (all gradients to the norm ``max_norm``), or ``separate`` (the
            encoder's to ``max_norm``, the head's to ``head_max_norm``).
        epsilon: Adam's; ``raw`` is 1e-8. ``matched`` makes max_norm / (√parameters · epsilon) of
            the encoder what it is at the published size
            (`fixbench.systems.alignment.PUBLISHED_KAPPA`); the head's stays 1e-8, since the head
            has its published size.
        head_rate_factor: of the head's learning rate.
        frozen: what is not trained.
        clear_gradients: set them to zero after a step; upstream of the fork they are left, and the
            next backward pass adds to what clipping left of them.
    """

    rescale: bool
    clip: Literal["none", "global", "separate"]
    max_norm: float = Field(gt=0)
    head_max_norm: float = Field(gt=0)
    optimiser: Literal["adam", "adamw", "sgd"]
    learning_rate: float = Field(gt=0)
    head_rate_factor: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    epsilon: Literal["raw", "matched"]
    frozen: Literal["none", "encoder", "head"]
    clear_gradients: bool

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.optimiser != "adamw" and self.weight_decay:
            raise ValueError("weight_decay 0, except for 'adamw'")
        if self.optimiser == "sgd" and self.epsilon == "matched":
            raise ValueError("epsilon 'raw' with 'sgd', which has none")
        return self


class TrainingOptions(StrictOptions):
    """Length of training.

    Attributes:
        evaluations: how often held-out progress and the losses since then are recorded.
        probes: at how many steps, evenly spaced from the first to the last, the gradients of both
            losses are taken apart.
    """

    steps: Count
    evaluations: Count
    probes: int = Field(ge=2)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for name in ("evaluations", "probes"):
            if getattr(self, name) > self.steps:
                raise ValueError(f"{name} no more than steps ({self.steps})")
        return self


class Measures(StrictOptions):
    """What the parts besides training measure.

    Attributes:
        identity_steps: steps over which SGD with a rescaled head is compared with SGD with a
            smaller head rate.
        curve_lengths: frames of both videos at which loss magnitudes are measured.
    """

    identity_steps: Count
    curve_lengths: list[Annotated[int, Field(ge=10)]] = Field(min_length=1)


class Options(StrictOptions):
    """Everything that a run of this system depends on besides its seed.

    Attributes:
        data: as `DataOptions`, or its folder alone.
        start: ``fresh``, or the encoder of the variant that this one ``starts_from``.
    """

    data: Annotated[DataOptions, BeforeValidator(_folder_alone)]
    start: Literal["fresh", "parent"]
    encoder: EncoderOptions
    progress: ProgressOptions
    objective: ObjectiveOptions
    sampling: SamplingOptions
    update: UpdateOptions
    training: TrainingOptions
    measures: Measures

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.update.frozen == "encoder" and self.objective.factor == 0:
            raise ValueError("a lambda above 0 with a frozen encoder: nothing else is trained")
        return self
