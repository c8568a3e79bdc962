"""What can be varied in a run, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from fixbench.systems.yowo._options import ModelOptions, SceneContextOptions
from fixbench.training import StrictOptions

__all__ = ["Measures", "Options", "TrainingOptions"]

Fraction = Annotated[float, Field(ge=0, le=1)]


class TrainingOptions(StrictOptions):
    """Training with AdamW, linear warm-up and halved rates, as documented but for the sizes.

    Attributes:
        part: ``heads`` trains contexts and class predictors on cached features, and everything
            before them stays as it was pretrained; ``all`` trains the whole model on clips, from
            the same pretrained weights.
        learning_rate: of what starts afresh; ``pretrained_rate``: of what was pretrained.
        warm_up, milestones: as fractions of ``steps``; the rates are halved at each milestone.
        actions: which are labelled: with ``local`` nobody does those that need the scene.
    """

    part: Literal["heads", "all"]
    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    pretrained_rate: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warm_up: Fraction
    milestones: list[Fraction]
    actions: Literal["all", "local"]


class Measures(StrictOptions):
    """How much is measured.

    Attributes:
        checkpoints: fractions of training after which the model is evaluated; the last is 1.
        initialisations: fresh modules of a seed on which the mechanism is measured.
        width: of these modules; the document's check uses 256.
        oracle_steps: training steps of the positive control.
    """

    checkpoints: list[Fraction] = Field(min_length=2)
    initialisations: int = Field(ge=1, le=100_000)
    width: int = Field(gt=0, multiple_of=32)
    oracle_steps: int = Field(ge=1)

    @field_validator("checkpoints")
    @classmethod
    def _to_the_end(cls, checkpoints: list[float]) -> list[float]:
        if checkpoints != sorted(set(checkpoints)) or checkpoints[-1] != 1:
            raise ValueError("ascending fractions, each once, the last of them 1.0")
        return checkpoints


class Options(StrictOptions):
    """Everything that a run of this system depends on besides its seed.

    Attributes:
        evidence: what the scene context is told: the model's own ``predicted`` objects and
            relations, or the ``true`` ones (a ceiling).
        pretrained: checkpoint of the model without scene context, relative to the root.
        features: its features of all frames, relative to the root; read with ``part: heads``.
        data: folder in Action Genome's format, relative to the root.
        test_frames: at most so many test frames, evenly spread over the subsets.
    """

    scene_context: SceneContextOptions
    model: ModelOptions
    evidence: Literal["predicted", "true"]
    training: TrainingOptions
    measures: Measures
    pretrained: str
    features: str
    data: str
    test_frames: int = Field(ge=1)

    @model_validator(mode="after")
    def _one_level_is_cached(self) -> Options:
        if self.training.part == "heads" and len(self.model.levels) > 1:
            raise ValueError(
                "one level in model.levels, or training.part 'all': features are "
                "cached of one level"
            )
        return self

    @model_validator(mode="after")
    def _cells_that_answer_are_cached(self) -> Options:
        if self.training.part == "all" and self.model.object_evidence == "true":
            raise ValueError(
                "training.part 'heads' with model.object_evidence 'true': which cells answer for "
                "which box is fixed with cached features only"
            )
        return self
