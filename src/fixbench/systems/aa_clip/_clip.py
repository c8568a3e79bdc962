"""CLIP's two towers, sequence-first, with the taps that AA-CLIP reads.

Paper: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision",
ICML 2021. Value-value attention: Li et al., "CLIP Surgery", 2023, used by AnomalyCLIP (Zhou et
al., ICLR 2024) and AA-CLIP (Ma et al., CVPR 2025). Parameter names follow OpenAI's checkpoints
(CLIP code: MIT), so that their weights load by name; the code is this project's own.

Differences: plain GELU or QuickGELU is a choice of the caller (AA-CLIP loads weights trained with
QuickGELU into GELU towers); no half precision; no attention pooling of ResNet variants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from fixbench.training import seeded_with

__all__ = [
    "CLIP",
    "CLIPDimensions",
    "QuickGELU",
    "TextTower",
    "ValuePaths",
    "ViT_L_14_336",
    "VisionTower",
]

#: How value-value attention is wired: see `VisionTower.surgery`.
ValuePaths = Literal["as_found", "single", "dual"]

#: Applied to the token sequence [L, B, D] after the block of the given index.
AfterBlock = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True)
class CLIPDimensions:
    """Sizes of a CLIP model.

    ``image_size`` and ``patch_size`` in pixels; widths in channels; depths in blocks.
    """

    image_size: int
    patch_size: int
    image_width: int
    image_depth: int
    image_heads: int
    text_width: int
    text_depth: int
    text_heads: int
    joint: int
    vocabulary: int
    context_length: int = 77

    @property
    def grid(self) -> int:
        """Patches along one side."""
        return self.image_size // self.patch_size


#: OpenAI ViT-L/14@336 as AA-CLIP uses it: 518 px, hence a 37 x 37 grid.
ViT_L_14_336 = CLIPDimensions(
    image_size=518,
    patch_size=14,
    image_width=1024,
    image_depth=24,
    image_heads=16,
    text_width=768,
    text_depth=12,
    text_heads=12,
    joint=768,
    vocabulary=49408,
)


class QuickGELU(nn.Module):
    """x · sigmoid(1.702 x), the activation that OpenAI's weights were trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class MLP(nn.Module):
    """The feed-forward part of a block."""

    def __init__(self, width: int, *, quick_gelu: bool) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.gelu = QuickGELU() if quick_gelu else nn.GELU()
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.c_proj(self.gelu(self.c_fc(x)))
        return out


class Block(nn.Module):
    """Pre-norm transformer block on sequences [L, B, D]."""

    def __init__(self, width: int, heads: int, *, quick_gelu: bool) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = MLP(width, quick_gelu=quick_gelu)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        out: Tensor = x + self.mlp(self.ln_2(x))
        return out

    def value_attention(self, x: Tensor, *, over_batch: bool = False) -> Tensor:
        """Attention output with values as queries, keys and values, for sequences [L, B, D].

        Each image attends over its tokens; ``over_batch``: each position over the batch's images.
        """
        y = self.ln_1(x)
        length, batch, width = y.shape
        heads = self.attn.num_heads
        value = functional.linear(
            y, self.attn.in_proj_weight[2 * width :], self.attn.in_proj_bias[2 * width :]
        )
        value = value.reshape(length, batch, heads, width // heads)
        # Leading axes share an attention, the last but one is what is attended over.
        order = (0, 2, 1, 3) if over_batch else (1, 2, 0, 3)
        value = value.permute(order)
        out = functional.scaled_dot_product_attention(value, value, value)
        back = (0, 2, 1, 3) if over_batch else (2, 0, 1, 3)
        out = self.attn.out_proj(out.permute(back).reshape(length, batch, width))
        return out


class VisionTower(nn.Module):
    """Image → tokens [1 + grid², B, D] after chosen blocks."""

    def __init__(self, dimensions: CLIPDimensions, *, quick_gelu: bool) -> None:
        super().__init__()
        width = dimensions.image_width
        scale = width**-0.5
        self.conv1 = nn.Conv2d(
            3, width, dimensions.patch_size, stride=dimensions.patch_size, bias=False
        )
        self.class_embedding = nn.Parameter(scale * torch.ones(width))
        self.positional_embedding = nn.Parameter(scale * torch.ones(dimensions.grid**2 + 1, width))
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(
            Block(width, dimensions.image_heads, quick_gelu=quick_gelu)
            for _ in range(dimensions.image_depth)
        )
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(scale * torch.ones(width, dimensions.joint))

    @property
    def blocks(self) -> Sequence[Block]:
        return self.transformer.resblocks  # type: ignore[return-value]

    def embed(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] (normalised) → tokens [1 + grid², B, D] before the first block."""
        x = self.conv1(images).flatten(2).permute(2, 0, 1)
        cls = self.class_embedding.expand(1, x.shape[1], -1)
        x = torch.cat([cls, x]) + self.positional_embedding.unsqueeze(1)
        return self.ln_pre(x)

    def forward(
        self, images: Tensor, taps: Sequence[int], after_block: AfterBlock | None = None
    ) -> list[Tensor]:
        """Tokens [L, B, D] after the blocks numbered (from 1) in ``taps``."""
        x = self.embed(images)
        out = []
        for index, block in enumerate(self.blocks):
            x = block(x)
            if after_block is not None:
                x = after_block(index, x)
            if index + 1 in taps:
                out.append(x)
        return out

    def surgery(
        self,
        images: Tensor,
        taps: Sequence[int],
        *,
        value_blocks: int,
        paths: ValuePaths,
    ) -> tuple[list[Tensor], Tensor]:
        """Value-value attention in the last ``value_blocks`` blocks.

        ``dual``: CLIP Surgery's second path, which collects the value attention of the original
        tokens without feed-forward layers. ``single``: the attention is replaced in place.
        ``as_found``: so too, but each position attends over the images of the batch. The fork's
        attention reads the axes [L, B, D] as [batch, tokens, width], so that what it makes of an
        image depends on the others; with one image every position returns its own value.

        Returns:
            tokens [L, B, D] after each of ``taps``, and the untouched tower's last tokens.
        """
        original = self.embed(images)
        surgical = original
        first = len(self.blocks) - value_blocks
        out = []
        for index, block in enumerate(self.blocks):
            before, original = original, block(original)
            if index < first:
                surgical = original
            elif paths == "dual":
                surgical = surgical + block.value_attention(before)
            else:
                over_batch = paths == "as_found"
                surgical = surgical + block.value_attention(surgical, over_batch=over_batch)
                surgical = surgical + block.mlp(block.ln_2(surgical))
            if index + 1 in taps:
                out.append(surgical)
        return out, original

    def project(self, tokens: Tensor) -> Tensor:
        """Tokens [..., D] → joint space [..., J]."""
        return self.ln_post(tokens) @ self.proj


class TextTower(nn.Module):
    """Token ids [B, T] → tokens [T, B, D] with causal attention."""

    def __init__(self, dimensions: CLIPDimensions, *, quick_gelu: bool) -> None:
        super().__init__()
        width = dimensions.text_width
        self.token_embedding = nn.Embedding(dimensions.vocabulary, width)
        self.positional_embedding = nn.Parameter(torch.zeros(dimensions.context_length, width))
        self.transformer = nn.Module()
        self.transformer.resblocks = nn.ModuleList(
            Block(width, dimensions.text_heads, quick_gelu=quick_gelu)
            for _ in range(dimensions.text_depth)
        )
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.zeros(width, dimensions.joint))

    @property
    def blocks(self) -> Sequence[Block]:
        return self.transformer.resblocks  # type: ignore[return-value]

    def forward(
        self,
        tokens: Tensor,
        after_block: AfterBlock | None = None,
        *,
        depth: int | None = None,
    ) -> Tensor:
        """Tokens [T, B, D] after the first ``depth`` blocks (all when ``None``).

        Attention is causal, so a caller that reads the end tokens only may cut ``tokens`` behind
        the last end token without changing what it reads.
        """
        length = tokens.shape[1]
        x = self.token_embedding(tokens) + self.positional_embedding[:length]
        x = x.permute(1, 0, 2)
        mask = torch.full((length, length), float("-inf"), device=x.device, dtype=x.dtype).triu(1)
        for index, block in enumerate(self.blocks[:depth]):
            x = block(x, mask)
            if after_block is not None:
                x = after_block(index, x)
        return x

    def end(self, x: Tensor, tokens: Tensor) -> Tensor:
        """[T, B, D] → final-normed feature at each text's end token (the largest id), [B, D]."""
        x = self.ln_final(x)
        return x[tokens.argmax(dim=1), torch.arange(x.shape[1], device=x.device)]


class CLIP(nn.Module):
    """Both towers and the logit scale, initialised as in the CLIP paper's code description.

    Args:
        generator: source of the initial weights.
        quick_gelu: activation of both towers.
    """

    def __init__(
        self,
        dimensions: CLIPDimensions,
        *,
        generator: torch.Generator | None,
        quick_gelu: bool,
    ) -> None:
        super().__init__()
        self.dimensions = dimensions
        # torch's layers draw initial values, all of which are replaced, here or by a checkpoint.
        with seeded_with(0):
            self.visual = VisionTower(dimensions, quick_gelu=quick_gelu)
            self.text = TextTower(dimensions, quick_gelu=quick_gelu)
        self.logit_scale = nn.Parameter(torch.tensor(1 / 0.07).log())
        if generator is not None:
            self._initialise(generator)

    @torch.no_grad()
    def _initialise(self, generator: torch.Generator) -> None:
        def normal(parameter: Tensor, std: float) -> None:
            parameter.normal_(std=std, generator=generator)

        for blocks in (self.visual.blocks, self.text.blocks):
            width = blocks[0].ln_1.normalized_shape[0]
            residual = width**-0.5 * (2 * len(blocks)) ** -0.5
            for block in blocks:
                normal(block.attn.in_proj_weight, width**-0.5)
                normal(block.attn.out_proj.weight, residual)
                normal(block.mlp.c_fc.weight, (2 * width) ** -0.5)
                normal(block.mlp.c_proj.weight, residual)
                for bias in (
                    block.attn.in_proj_bias,
                    block.attn.out_proj.bias,
                    block.mlp.c_fc.bias,
                    block.mlp.c_proj.bias,
                ):
                    bias.zero_()
        image_scale = self.dimensions.image_width**-0.5
        normal(self.visual.conv1.weight, (3 * self.dimensions.patch_size**2) ** -0.5)
        normal(self.visual.class_embedding, image_scale)
        normal(self.visual.positional_embedding, image_scale)
        normal(self.visual.proj, image_scale)
        normal(self.text.token_embedding.weight, 0.02)
        normal(self.text.positional_embedding, 0.01)
        normal(self.text.text_projection, self.dimensions.text_width**-0.5)

    def encode_image(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] → joint embedding of the class token [B, J]."""
        (tokens,) = self.visual(images, [len(self.visual.blocks)])
        return self.visual.project(tokens[0])

    def encode_text(self, tokens: Tensor) -> Tensor:
        """[B, T] → joint embedding [B, J]."""
        return self.text.end(self.text(tokens), tokens) @ self.text.text_projection
