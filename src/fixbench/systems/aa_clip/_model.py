"""CLIP with AA-CLIP's adapters and the fork's cross-attention in both towers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.datasets.prompts import anomaly_prompts
from fixbench.systems.aa_clip._adapters import ImageAdapter, TextAdapter
from fixbench.systems.aa_clip._clip import CLIP, ValuePaths
from fixbench.systems.aa_clip._cross_attention import CrossAttention, CrossAttentionOptions
from fixbench.training import generator

__all__ = ["AdaptedCLIP", "AdapterLayout", "ImageFeatures"]

_NORMAL_PROMPTS = len(anomaly_prompts("")[0])


@dataclass(frozen=True)
class AdapterLayout:
    """Where the adapters sit.

    Attributes:
        image_adapters, text_adapters: how many first blocks carry an adapter.
        taps: image blocks (from 1) whose patches are segmented; the last is also detected on.
        cross_heads: heads of both cross-attentions.
        weight: share of the adapter in its residual mix.
        relu: LeakyReLU behind the image projections.
        value_blocks: blocks at the tower's end with value-value attention in the frozen copy.
        value_paths: how those blocks are wired (`VisionTower.surgery`).
    """

    image_adapters: int
    text_adapters: int
    taps: tuple[int, ...]
    cross_heads: int
    weight: float = 0.1
    relu: bool = False
    value_blocks: int = 19
    value_paths: ValuePaths = "as_found"


class ImageFeatures(NamedTuple):
    """What the text stage sees of B images, all [B, N, J].

    Attributes:
        context: what the text tower attends to: unit patches plus the unit class token.
        raw_context: the same sum without normalising either.
        patches: what is segmented, tap by tap: unit patches plus the unit class token.
    """

    context: Tensor
    raw_context: Tensor
    patches: list[Tensor]


class AdaptedCLIP(nn.Module):
    """The adapted model; the towers are frozen, adapters and cross-attention train.

    Args:
        clip: towers; shared, never changed.
        image_cross, text_cross: options of the cross-attention after block 0 of either tower.
        seed: of the adapters' and cross-attentions' initial weights. Each module has a stream of
            its own, so that adapters are the same with and without cross-attention.
    """

    def __init__(
        self,
        clip: CLIP,
        layout: AdapterLayout,
        *,
        image_cross: CrossAttentionOptions,
        text_cross: CrossAttentionOptions,
        seed: int,
    ) -> None:
        super().__init__()
        dimensions = clip.dimensions
        self.clip = clip.requires_grad_(False)
        self.layout = layout
        self.image_adapter = ImageAdapter(
            dimensions.image_width,
            dimensions.joint,
            count=layout.image_adapters,
            taps=len(layout.taps),
            weight=layout.weight,
            relu=layout.relu,
            generator=generator(seed, "image_adapter"),
        )
        self.text_adapter = TextAdapter(
            dimensions.text_width,
            dimensions.joint,
            count=layout.text_adapters,
            weight=layout.weight,
            generator=generator(seed, "text_adapter"),
        )
        self.image_cross = (
            CrossAttention(
                dimensions.image_width,
                dimensions.text_width,
                heads=layout.cross_heads,
                options=image_cross,
                generator=generator(seed, "image_cross"),
            )
            if image_cross.enabled
            else None
        )
        self.text_cross = (
            CrossAttention(
                dimensions.text_width,
                dimensions.joint,
                heads=layout.cross_heads,
                options=text_cross,
                generator=generator(seed, "text_cross"),
            )
            if text_cross.enabled
            else None
        )

    # Text

    def prompt_tokens(self, tokens: Tensor) -> Tensor:
        """Prompts [P, T] → text tokens [P, T, C] after block 0 and adapter 0.

        The result is a permuted, non-contiguous tensor: the "View/Reshape Bug" of document 003.
        """
        x = self.clip.text(tokens, lambda _, x: self.text_adapter.adapt(0, x), depth=1)
        return x.permute(1, 0, 2)

    @torch.no_grad()
    def prompt_context(self, tokens: Tensor) -> Tensor:
        """Context of the image tower: prompts [P, T] → [P · T, C].

        All T positions are kept, padding included, as documented. ``reshape``, because ``view``
        raises here.
        """
        x = self.prompt_tokens(tokens)
        return x.reshape(-1, x.shape[-1])

    def prompt_contexts(self, prompts: Tensor) -> Tensor | None:
        """[K, P · T, C]: the context of each class from its prompts [K, P, T]; ``None`` where the
        image tower does not attend.
        """
        if self.image_cross is None:
            return None
        return torch.stack([self.prompt_context(tokens) for tokens in prompts])

    def text_anchors(self, tokens: Tensor, image_context: Tensor | None) -> Tensor:
        """Normal and abnormal anchors [K, J, 2] of K classes from their prompts [K, P, T].

        Args:
            image_context: [B, M, J] of a batch of images, attended to after text block 0 where
                cross-attention exists; ``None`` in stage 2 and in testing, as in the fork.
        """
        classes, prompts = tokens.shape[:2]
        flat = tokens.flatten(0, 1)
        flat = flat[:, : int(flat.argmax(dim=1).max()) + 1]
        context = None
        if image_context is not None:
            context = _contexts_of_prompts(image_context, prompts).repeat(classes, 1, 1)

        def after_block(index: int, x: Tensor) -> Tensor:
            if index == 0 and self.text_cross is not None and context is not None:
                x = self.text_cross(x.permute(1, 0, 2), context).permute(1, 0, 2)
            return self.text_adapter.adapt(index, x)

        end = self.clip.text.end(self.clip.text(flat, after_block), flat)
        features = functional.normalize(self.text_adapter.project(end), dim=-1)
        features = features.reshape(classes, prompts, -1)
        anchors = [
            functional.normalize(group.mean(dim=1), dim=-1)
            for group in (features[:, :_NORMAL_PROMPTS], features[:, _NORMAL_PROMPTS:])
        ]
        return torch.stack(anchors, dim=2)

    # Image

    def image_taps(self, images: Tensor, context: Tensor | None) -> list[Tensor]:
        """[B, 3, S, S] → patches [B, N, D] after each tap, final-normed.

        Args:
            context: [B, M, C] text tokens, attended to after image block 0 where
                cross-attention exists.
        """

        def after_block(index: int, x: Tensor) -> Tensor:
            if index == 0 and self.image_cross is not None and context is not None:
                x = self.image_cross(x.permute(1, 0, 2), context).permute(1, 0, 2)
            return self.image_adapter.adapt(index, x)

        tokens = self.clip.visual(images, self.layout.taps, after_block)
        return [self.clip.visual.ln_post(x[1:].permute(1, 0, 2)) for x in tokens]

    @torch.no_grad()
    def frozen_features(self, images: Tensor) -> ImageFeatures:
        """What the text stage of the first loop sees: the frozen copy, with value attention."""
        visual = self.clip.visual
        tokens, last = visual.surgery(
            images,
            self.layout.taps,
            value_blocks=self.layout.value_blocks,
            paths=self.layout.value_paths,
        )
        cls = visual.project(last[0]).unsqueeze(1)
        raw = [visual.project(x[1:].permute(1, 0, 2)) for x in tokens]
        unit_cls = functional.normalize(cls, dim=-1)
        unit = [functional.normalize(patch, dim=-1) + unit_cls for patch in raw]
        return ImageFeatures(unit[0], raw[0] + cls, unit)

    @torch.no_grad()
    def adapted_features(self, images: Tensor) -> ImageFeatures:
        """What the text stage of later loops sees: the adapted tower, without cross-attention.

        The context is taken one block behind the last adapter. The class token is the frozen
        tower's, projected by CLIP.
        """
        visual, adapter = self.clip.visual, self.image_adapter
        depth = self.layout.image_adapters + 1
        numbers = sorted({depth, *self.layout.taps})
        found = visual(images, numbers, adapter.adapt)
        patches = {
            number: visual.ln_post(x[1:].permute(1, 0, 2))
            for number, x in zip(numbers, found, strict=True)
        }
        cls = self.clip.encode_image(images).unsqueeze(1)
        unit_cls = functional.normalize(cls, dim=-1)
        return ImageFeatures(
            adapter.segment(0, patches[depth]) + unit_cls,
            functional.linear(patches[depth], adapter.seg_proj[0]) + cls,
            [adapter.segment(i, patches[n]) + unit_cls for i, n in enumerate(self.layout.taps)],
        )

    def segment_and_detect(self, taps: Sequence[Tensor]) -> tuple[list[Tensor], Tensor]:
        """Tap patches → unit patch vectors [B, N, J] for each tap and detection vectors [B, J]."""
        segments = [self.image_adapter.segment(index, tap) for index, tap in enumerate(taps)]
        return segments, self.image_adapter.detect(taps[-1])

    def stage_parameters(self, stage: Literal["text", "image"]) -> list[nn.Parameter]:
        """What trains in a stage: that modality's adapter and cross-attention."""
        modules = (
            (self.text_adapter, self.text_cross)
            if stage == "text"
            else (self.image_adapter, self.image_cross)
        )
        return [p for module in modules if module is not None for p in module.parameters()]

    def adapter_state(self) -> dict[str, Tensor]:
        """Everything but the frozen towers."""
        return {
            name: value.detach().clone()
            for name, value in self.state_dict().items()
            if not name.startswith("clip.")
        }


def _contexts_of_prompts(image_context: Tensor, prompts: int) -> Tensor:
    """[B, M, J] of B images → [P, M, J], what each of a class's P prompts attends to.

    As in the fork: the mean over images, position by position; but where a group (normal or
    abnormal) has as many prompts as there are images, its prompt i attends to image i.
    """
    mean = image_context.mean(dim=0, keepdim=True)
    groups = (_NORMAL_PROMPTS, prompts - _NORMAL_PROMPTS)
    return torch.cat(
        [
            image_context if len(image_context) == size else mean.expand(size, -1, -1)
            for size in groups
        ]
    )
