"""What can be varied in the AA-CLIP system, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from fixbench.systems.aa_clip._clip import ValuePaths
from fixbench.systems.aa_clip._cross_attention import CrossAttentionOptions
from fixbench.systems.aa_clip._detection import Domain
from fixbench.systems.aa_clip._model import AdapterLayout
from fixbench.training import StrictOptions

__all__ = ["Measures", "ModelOptions", "Options", "TrainingOptions"]

Steps = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class CrossAttentions(StrictOptions):
    """The cross-attention of either tower.

    Attributes:
        text_source: what the text tower attends to: patches and class token as ``unit`` vectors
            (as found) or ``raw``, before either is ``text.context`` normalised once more.
    """

    image: CrossAttentionOptions
    text: CrossAttentionOptions
    text_source: Literal["unit", "raw"]


class ModelOptions(StrictOptions):
    """Towers and adapters.

    Attributes:
        towers: checkpoint of the frozen towers, relative to the root.
        quick_gelu: ``False`` repeats AA-CLIP's loading of QuickGELU weights into GELU towers.
        other fields: see `AdapterLayout`.
    """

    towers: str
    quick_gelu: bool
    image_adapters: int = Field(ge=1)
    text_adapters: int = Field(ge=1)
    taps: list[Annotated[int, Field(ge=1)]] = Field(min_length=1)
    cross_heads: int = Field(ge=1)
    adapter_weight: float = Field(ge=0, le=1)
    projection_relu: bool
    value_blocks: int = Field(ge=0)
    value_paths: ValuePaths

    @field_validator("taps")
    @classmethod
    def _ascending(cls, taps: list[int]) -> list[int]:
        if taps != sorted(set(taps)):
            raise ValueError("ascending block numbers, each once")
        return taps

    def layout(self) -> AdapterLayout:
        """The adapters' places."""
        return AdapterLayout(
            image_adapters=self.image_adapters,
            text_adapters=self.text_adapters,
            taps=tuple(self.taps),
            cross_heads=self.cross_heads,
            weight=self.adapter_weight,
            relu=self.projection_relu,
            value_blocks=self.value_blocks,
            value_paths=self.value_paths,
        )


class TrainingOptions(StrictOptions):
    """The two stages and the loops around them.

    Attributes:
        base_loops, feedback_loops: (text steps, image steps) of each loop of either plan.
        loop_decay: factor of both learning rates from one loop to the next.
        base_milestones, feedback_milestones: fractions of a loop's image steps at which either
            plan halves the image rate.
        image_gradient_factor: multiplies the image adapter's gradients after the backward pass.
        evaluations: how often the losses are evaluated in each stage of a loop.
    """

    optimiser: Literal["adam", "sgd"]
    betas: list[float] = Field(min_length=2, max_length=2)
    text_learning_rate: float = Field(gt=0)
    image_learning_rate: float = Field(gt=0)
    sgd_learning_rate: float = Field(gt=0)
    text_batch: int = Field(ge=1)
    image_batch: int = Field(ge=1)
    base_loops: list[Steps] = Field(min_length=1)
    feedback_loops: list[Steps] = Field(min_length=1)
    loop_decay: float = Field(gt=0, le=1)
    base_milestones: list[float]
    feedback_milestones: list[float]
    augment: bool
    image_gradient_factor: float = Field(gt=0)
    evaluations: int = Field(ge=1)


class Measures(StrictOptions):
    """How much is measured.

    Attributes:
        gradient_batches: batches at the base-trained point.
        fresh_batches: batches at the points with fresh adapters.
        displacement_batches: of these, how many also measure what the branch does to features.
        gradient_points: the weights at which gradients are compared: ``random`` towers,
            ``pretrained`` towers with fresh adapters, ``base``-trained adapters.
        probe_images: training images (no augmentation) on which losses are evaluated.
        test_images: at most so many test images of each class and label.
        domain: how maps are smoothed and images scored in testing (`detection_map`).
    """

    gradient_batches: int = Field(ge=1)
    fresh_batches: int = Field(ge=1)
    displacement_batches: int = Field(ge=1)
    gradient_points: list[Literal["random", "pretrained", "base"]]
    probe_images: int = Field(ge=2)
    test_images: int = Field(ge=1)
    domain: Domain


class Options(StrictOptions):
    """Everything that a run of this system depends on besides its seed.

    Attributes:
        plan: ``base`` trains AA-CLIP itself; ``feedback`` runs the document's feedback loops.
        start: ``base`` continues from the base variant's adapters; ``fresh`` from their
            initialisation.
        data: folder with the families, relative to the root.
    """

    plan: Literal["base", "feedback"]
    start: Literal["base", "fresh"]
    cross_attention: CrossAttentions
    model: ModelOptions
    training: TrainingOptions
    measures: Measures
    data: str
    train_family: str
    test_family: str
