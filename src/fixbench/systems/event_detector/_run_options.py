"""What can be varied in a run, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from fixbench.systems.event_detector._loss import AREA_SCALE
from fixbench.systems.event_detector._options import ModelOptions
from fixbench.training import StrictOptions

__all__ = ["EvaluationOptions", "LossOptions", "Options", "TrainingOptions"]

Positive = Annotated[float, Field(gt=0)]


class LossOptions(StrictOptions):
    """The document's weight of small boxes.

    Attributes:
        size_weight: W, its largest value; ``null`` for none. The document has 2.0, its record 2.5.
        area_scale: square pixels over which it falls by e; smaller on frames that are scaled down.
    """

    size_weight: float | None = Field(default=None, ge=1)
    area_scale: Positive = AREA_SCALE


class TrainingOptions(StrictOptions):
    """Training through time, truncated; defaults are the published values.

    Attributes:
        part: ``heads`` trains pyramid, attention and head on features of the pretrained backbone;
            ``whole`` trains everything, from the pretrained backbone if ``pretrained`` names one.
        pyramid: whether pyramid and head start ``fresh`` or as they were ``pretrained``.
        samples: of a batch; length: frames of a step, through which gradients flow.
        sampling: ``stream`` goes through sequences in order and carries states from step to step;
            ``random`` takes pieces anywhere, without a state; ``mixed`` does both, half and half.
        learning_rate: the highest; it rises linearly over ``warm_up`` of the steps from a fraction
            ``1 / start_divisor`` and falls linearly to ``1 / end_divisor``.
        clip: largest value of any number of a gradient.
        evaluations: evenly over training, the last at its end.
    """

    part: Literal["heads", "whole"]
    pyramid: Literal["fresh", "pretrained"] = "fresh"
    steps: int = Field(ge=1)
    samples: int = Field(ge=1)
    length: int = Field(default=5, ge=1)
    sampling: Literal["stream", "random", "mixed"] = "mixed"
    learning_rate: Positive
    warm_up: float = Field(default=0.005, ge=0, lt=1)
    start_divisor: float = Field(default=20.0, ge=1)
    end_divisor: float = Field(default=1e4, ge=1)
    weight_decay: float = Field(default=0.0, ge=0)
    clip: Positive = 1.0
    evaluations: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _both_halves(self) -> TrainingOptions:
        if self.sampling == "mixed" and self.samples < 2:
            raise ValueError("training.samples of 2 or more with training.sampling 'mixed'")
        return self


class EvaluationOptions(StrictOptions):
    """Prophesee's rules; defaults are those of half resolution, to be scaled with the frames.

    Attributes:
        areas: square pixels between small and medium, and medium and large.
        skip_us: boxes up to this time do not count.
        diagonal, side: of the smallest box that counts, in pixels, true or detected.
        confidence: of the weakest detection; overlap: above which a weaker one is suppressed.
        detections: at most so many a frame.
    """

    areas: list[Positive] = Field(default=[1024.0, 9216.0], min_length=2, max_length=2)
    skip_us: int = Field(default=500_000, ge=0)
    diagonal: float = Field(default=30.0, ge=0)
    side: float = Field(default=10.0, ge=0)
    confidence: float = Field(default=0.001, ge=0, le=1)
    overlap: float = Field(default=0.45, gt=0, le=1)
    detections: int = Field(default=100, ge=1)

    @model_validator(mode="after")
    def _ascending(self) -> EvaluationOptions:
        if self.areas[0] >= self.areas[1]:
            raise ValueError("evaluation.areas that ascend")
        return self


class Options(StrictOptions):
    """Everything that a run of this system depends on besides its seed.

    Attributes:
        pretrained: checkpoint of the detector without attention, relative to the root; ``null`` to
            train the whole model from fresh weights.
        data: folder of event sequences, relative to the root.
    """

    model: ModelOptions
    loss: LossOptions = LossOptions()
    training: TrainingOptions
    evaluation: EvaluationOptions = EvaluationOptions()
    pretrained: str | None = None
    data: str

    @model_validator(mode="after")
    def _something_is_pretrained(self) -> Options:
        needs = self.training.part == "heads" or self.training.pyramid == "pretrained"
        if needs and self.pretrained is None:
            raise ValueError(
                "a checkpoint in 'pretrained' with training.part 'heads' or training.pyramid "
                "'pretrained'"
            )
        return self
