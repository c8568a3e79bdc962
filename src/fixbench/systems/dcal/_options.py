"""What can be varied, checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from fixbench.training import StrictOptions

__all__ = [
    "DataOptions",
    "GlobalLocalOptions",
    "LearningRateOptions",
    "LossWeightOptions",
    "Measures",
    "ModelOptions",
    "OptimiserOptions",
    "Options",
    "PairWiseOptions",
    "Pairing",
    "TrainingOptions",
    "TrunkOptions",
]

Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Pairing = Literal["sequential_swap", "derangement", "none"]


class TrunkOptions(StrictOptions):
    """The vision transformer.

    Attributes:
        image, patch: sides in pixels; width: of a token; depth: blocks.
        mlp_ratio: hidden width of a block's MLP over ``width``.
        dropout: of positions, attention, projections and MLPs; drop_path: of the last block, rising
            linearly from 0 in the first.
    """

    image: Count
    patch: Count
    width: Count
    depth: Count
    heads: Count
    mlp_ratio: Count = 4
    dropout: Share = 0.1
    drop_path: Share = 0.1

    @property
    def patches(self) -> int:
        """Patches of an image."""
        return (self.image // self.patch) ** 2

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.image % self.patch:
            raise ValueError("image: a multiple of patch")
        if self.width % self.heads:
            raise ValueError("width: a multiple of heads")
        return self


class GlobalLocalOptions(StrictOptions):
    """Global-local cross-attention (GLCA), one block behind the trunk.

    Attributes:
        share: of the patches that ask, the published R; rounded down, at least one.
        read_out: ``cls``, as found, or the mean of the ``mean_local`` tokens.
        rollout_epsilon: added to the row sums that rollout divides by: 0 before, 1e-8 after.
        fallback: when uniform scores replace those of rollout: where there are none (``missing``,
            before), or also where they are empty or have another shape (``validated``, after).
    """

    enabled: bool = True
    share: float = Field(default=0.1, gt=0, le=1)
    read_out: Literal["cls", "mean_local"] = "cls"
    rollout_epsilon: float = Field(default=0.0, ge=0, lt=1)
    fallback: Literal["missing", "validated"] = "missing"


class PairWiseOptions(StrictOptions):
    """Pair-wise cross-attention (PWCA), in training only, with the trunk's weights.

    Attributes:
        stream: ``separate`` carries PWCA's tokens through all blocks, as published and before the
            fix; ``restarted`` computes each block's from the self-attention stream and overwrites
            them in the next block, as after the fix, so that the last block's alone are used.
        pairing: with whom an image is paired in its physical batch. ``sequential_swap``, as found,
            repairs a random permutation by swaps one after another; ``derangement`` draws among
            the permutations that leave no image in place; ``none`` repairs nothing.
    """

    enabled: bool = True
    stream: Literal["separate", "restarted"] = "separate"
    pairing: Pairing = "sequential_swap"


class LossWeightOptions(StrictOptions):
    """½ Σ (exp(−w) L + w) over the losses.

    Attributes:
        bound: w stays in [−bound, bound]: 2 before the fix, 1 after; ``None`` for no bound.
        start: ``zeros``; ``random``, 0.1 times standard normal; ``duplicate``, as after the fix:
            the random values go to a second module that nothing uses, and w starts at zero.
        learned: false keeps w where it starts (a control).
    """

    bound: Rate | None = 2.0
    start: Literal["zeros", "random", "duplicate"] = "zeros"
    learned: bool = True


class ModelOptions(StrictOptions):
    """Trunk, both cross-attentions and the weights of their losses.

    Attributes:
        pretrained: the trunk's checkpoint, relative to the root; ``None`` for fresh weights.
    """

    trunk: TrunkOptions
    pretrained: str | None
    glca: GlobalLocalOptions = GlobalLocalOptions()
    pwca: PairWiseOptions = PairWiseOptions()
    loss_weights: LossWeightOptions = LossWeightOptions()

    @property
    def terms(self) -> tuple[str, ...]:
        """Names of the losses, in the order of their weights."""
        enabled = {"sa": True, "glca": self.glca.enabled, "pwca": self.pwca.enabled}
        return tuple(name for name, present in enabled.items() if present)


class LearningRateOptions(StrictOptions):
    """The rate at an effective batch of B, and its course.

    Attributes:
        rule: rate ∝ B (``linear``), ∝ √B (``sqrt``), or the same at every B (``fixed``).
        base: the rate at B = ``anchor``.
        anchor: ``None`` for the documented one: 512 with ``linear``, 16 with the others. With one
            anchor all rules give the same rate at B = anchor.
        factor: on the rate that the rule gives, so that rules can be compared at one rate.
        minimum: where the cosine ends (documented: 1e-6), if the rate is not below it.
        warm_up: linear, step by step, as a share of the whole schedule: 0 before, 0.05 (5 of 100
            epochs) after.
        shown: the share of the schedule that is run; the documented run was looked at after 15 of
            100 epochs.
    """

    rule: Literal["linear", "sqrt", "fixed"]
    base: Rate = 5e-4
    anchor: Count | None = None
    factor: Rate = 1.0
    minimum: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    warm_up: Share = 0.0
    shown: float = Field(default=1.0, gt=0, le=1)


class OptimiserOptions(StrictOptions):
    """Adam over all parameters, the loss weights included.

    Attributes:
        kind: ``adam`` adds weight_decay · w to the gradient (coupled L2); ``adamw`` shrinks w by
            rate · weight_decay (decoupled).
        clip_norm: of the gradient of all parameters together, before decay.
        clip: ``raw``, or ``matched``: the bound on the gradient's root mean square is that of the
            published size (`PUBLISHED_PARAMETERS`), so that decay and gradient compare as there.
        scaled_moments: at B = κ · 16, 1 − β becomes κ (1 − β) and epsilon becomes epsilon / √κ
            (Malladi et al., 2022), for the rule ``sqrt``.
    """

    kind: Literal["adam", "adamw"]
    weight_decay: float = Field(ge=0, allow_inf_nan=False)
    betas: tuple[Share, Share] = (0.9, 0.999)
    epsilon: Rate = 1e-8
    scaled_moments: bool = False
    clip_norm: Rate = 1.0
    clip: Literal["raw", "matched"] = "raw"

    @field_validator("betas", mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value


class TrainingOptions(StrictOptions):
    """How long, in which batches, and what is checked.

    Attributes:
        steps: optimiser steps; with ``budget: images``, those at an effective batch of 16: another
            batch takes as many images in fewer or more steps.
        physical_batch, accumulation: their product is the effective batch.
        empty_cache: clear CUDA's cache of free memory at the start and every so many physical
            batches (100 after the fix); 0 never. Without CUDA it does nothing.
        non_finite: at a loss that is not finite: ``ignore`` (before), ``report`` (after: counts and
            goes on), or ``skip`` the step (a control). A run whose weights are not finite ends as
            diverged.
        flip: images left to right, half of them.
        together: compute the physical batches of a step in one pass, which gives the same gradient
            but for dropout's draws, and takes the memory of the effective batch.
    """

    steps: Count
    budget: Literal["steps", "images"] = "steps"
    physical_batch: Count
    accumulation: Count
    empty_cache: int = Field(default=0, ge=0)
    non_finite: Literal["ignore", "report", "skip"] = "ignore"
    flip: bool = True
    together: bool = True

    @property
    def batch(self) -> int:
        """The effective batch."""
        return self.physical_batch * self.accumulation

    @property
    def steps_taken(self) -> int:
        """Optimiser steps of this budget at this batch."""
        return self.steps if self.budget == "steps" else max(1, round(self.steps * 16 / self.batch))


class DataOptions(StrictOptions):
    """Images and their classes (`fixbench.datasets.fine_grained`).

    Attributes:
        folder: relative to the root; layout: of its files.
        crop_bottom: rows of pixels that are cut off first, such as a credit banner.
        margin: images are resized to ``image`` + margin; training crops at random, testing in the
            middle.
        test_sample: how many test images the seed draws, with replacement: the sample is then as
            random as a fresh one, and the same for all variants of a seed.
    """

    folder: str
    layout: Literal["cub", "cars", "aircraft"]
    crop_bottom: int = Field(default=0, ge=0)
    margin: int = Field(default=0, ge=0)
    test_sample: Count


class Measures(StrictOptions):
    """How much is measured.

    Attributes:
        evaluations: along training, evenly spaced, the last at the end.
        published: measure sizes and memory at the published dimensions too.
    """

    evaluations: Count
    published: bool = True


class Options(StrictOptions):
    """Everything that a run of this system depends on besides its seed."""

    data: DataOptions
    model: ModelOptions
    learning_rate: LearningRateOptions
    optimiser: OptimiserOptions
    training: TrainingOptions
    measures: Measures

    @field_validator("training")
    @classmethod
    def _paired(cls, training: TrainingOptions, info: ValidationInfo) -> TrainingOptions:
        model: ModelOptions | None = info.data.get("model")
        alone = training.physical_batch < 2
        pwca = None if model is None else model.pwca
        if alone and pwca is not None and pwca.enabled and pwca.pairing == "derangement":
            raise ValueError("physical_batch: 2 or more: an image alone has no other to pair")
        return training

    @model_validator(mode="after")
    def _moments(self) -> Self:
        if self.optimiser.scaled_moments:
            factor = self.training.batch / 16
            if factor * (1 - min(self.optimiser.betas)) > 1:
                raise ValueError(
                    "optimiser.betas: with scaled_moments, 1 − beta at most "
                    f"{1 / factor:.4g}, 16 over the effective batch"
                )
        return self

    @model_validator(mode="after")
    def _evaluated(self) -> Self:
        if self.measures.evaluations > self.training.steps_taken:
            steps = self.training.steps_taken
            raise ValueError(f"measures.evaluations: at most {steps}, the steps that are taken")
        return self
