"""Towers and the frozen copy of AA-CLIP, read once for all seeds of a job."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from fixbench.errors import InputError
from fixbench.systems.aa_clip._clip import CLIP, CLIPDimensions
from fixbench.systems.aa_clip._cross_attention import CrossAttentionOptions
from fixbench.systems.aa_clip._material import load_family
from fixbench.systems.aa_clip._model import AdaptedCLIP, ImageFeatures
from fixbench.systems.aa_clip._options import ModelOptions
from fixbench.systems.aa_clip._towers import load_towers

__all__ = ["check_fit", "frozen_features", "shared_towers"]

#: Images of a family that the frozen copy reads at a time, where each is read by itself.
_CHUNK = 8


@functools.cache
def shared_towers(path: Path, quick_gelu: bool) -> CLIP:
    """The towers of a checkpoint; not to be changed."""
    return load_towers(path, quick_gelu=quick_gelu)


def check_fit(model: ModelOptions, dimensions: CLIPDimensions) -> None:
    """Refuse a layout that the towers have no room for.

    Raises:
        InputError: an option exceeds the towers' dimensions or does not divide them.
    """
    for key, value, blocks in (
        ("taps", max(model.taps), dimensions.image_depth),
        # The text stage of later loops looks one block behind the last image adapter.
        ("image_adapters", model.image_adapters, dimensions.image_depth - 1),
        ("text_adapters", model.text_adapters, dimensions.text_depth),
        ("value_blocks", model.value_blocks, dimensions.image_depth),
    ):
        if value > blocks:
            expected = f"at most {blocks}, by the blocks of {model.towers}"
            raise InputError("options", f"model.{key}", value, expected=expected)
    if dimensions.text_width % model.cross_heads:
        expected = f"a divisor of {dimensions.text_width}, the text width of {model.towers}"
        raise InputError("options", "model.cross_heads", model.cross_heads, expected=expected)


def frozen_features(
    towers: Path, model: ModelOptions, device: torch.device, family: Path, index: Tensor
) -> ImageFeatures:
    """What the frozen copy makes of images ``index`` [B] of a family.

    Of ``patches`` the last tap alone. Where each image is read by itself, its features are kept
    for all seeds; as found they belong to the batch ``index``.
    """
    key = towers, model.model_dump_json(), str(device), family
    if model.value_paths == "as_found":
        return _read(*key, index)
    found = [_frozen_chunk(*key, i // _CHUNK) for i in index.tolist()]
    places = [i % _CHUNK for i in index.tolist()]

    def gather(field: Callable[[ImageFeatures], Tensor]) -> Tensor:
        return torch.stack([field(part)[i] for part, i in zip(found, places, strict=True)])

    return ImageFeatures(
        gather(lambda part: part.context),
        gather(lambda part: part.raw_context),
        [gather(lambda part: part.patches[-1])],
    )


@functools.cache
def _frozen_copy(towers: Path, model: str, device: str) -> AdaptedCLIP:
    """``model`` is `ModelOptions` as JSON, which can be a key."""
    options = ModelOptions.model_validate_json(model)
    off = CrossAttentionOptions(enabled=False, scale=0.0, context="raw")
    clip = shared_towers(towers, options.quick_gelu)
    copy = AdaptedCLIP(clip, options.layout(), image_cross=off, text_cross=off, seed=0)
    return copy.to(device)


def _read(towers: Path, model: str, device: str, family: Path, index: Tensor) -> ImageFeatures:
    copy = _frozen_copy(towers, model, device)
    images = load_family(family, copy.clip.dimensions.image_size).images
    features = copy.frozen_features(images[index.cpu()].to(device))
    return features._replace(patches=features.patches[-1:])


@functools.cache
def _frozen_chunk(towers: Path, model: str, device: str, family: Path, chunk: int) -> ImageFeatures:
    """`_read` for one chunk of a family's images, the same for all seeds."""
    copy = _frozen_copy(towers, model, device)
    count = len(load_family(family, copy.clip.dimensions.image_size).labels)
    index = torch.arange(chunk * _CHUNK, min((chunk + 1) * _CHUNK, count))
    return _read(towers, model, device, family, index)
