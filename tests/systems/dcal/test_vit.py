"""The trunk against PyTorch's own transformer, and its published size."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from fixbench.systems.dcal._model import DualCrossAttention
from fixbench.systems.dcal._optimiser import PUBLISHED_PARAMETERS
from fixbench.systems.dcal._options import ModelOptions, TrunkOptions
from fixbench.systems.dcal._vit import Block, Trunk

from .conftest import make_images, make_model


def _by_pytorch(trunk: Trunk, images: Tensor) -> Tensor:
    """The same weights in `torch.nn.TransformerEncoderLayer` behind a convolution."""
    options = trunk.options
    patches = nn.functional.conv2d(
        images, trunk.embed.weight, trunk.embed.bias, stride=options.patch
    )
    x = torch.cat([trunk.cls.expand(len(images), -1, -1), patches.flatten(2).mT], dim=1)
    x = x + trunk.positions
    for block in trunk.blocks:
        layer = nn.TransformerEncoderLayer(
            options.width,
            options.heads,
            options.mlp_ratio * options.width,
            dropout=0.0,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True,
        ).double()
        state = {
            "self_attn.in_proj_weight": block.attention.qkv.weight,
            "self_attn.in_proj_bias": block.attention.qkv.bias,
            "self_attn.out_proj.weight": block.attention.proj.weight,
            "self_attn.out_proj.bias": block.attention.proj.bias,
        }
        for theirs, ours in (
            ("norm1", block.norm1),
            ("norm2", block.norm2),
            ("linear1", block.fc1),
            ("linear2", block.fc2),
        ):
            state |= {f"{theirs}.weight": ours.weight, f"{theirs}.bias": ours.bias}
        layer.load_state_dict(state)
        x = layer(x)
    return x


def test_trunk_has_the_features_of_pytorchs_transformer() -> None:
    trunk = make_model().trunk
    images = make_images()
    features, _ = trunk(images)
    torch.testing.assert_close(features, _by_pytorch(trunk, images), rtol=0, atol=1e-12)


def test_attention_weights_are_those_that_pytorch_reports() -> None:
    block = make_model().trunk.blocks[0]
    x = torch.randn(4, 10, 12, dtype=torch.float64)
    _, weights = block(x)
    theirs = nn.MultiheadAttention(12, 3, batch_first=True).double()
    theirs.load_state_dict(
        {
            "in_proj_weight": block.attention.qkv.weight,
            "in_proj_bias": block.attention.qkv.bias,
            "out_proj.weight": block.attention.proj.weight,
            "out_proj.bias": block.attention.proj.bias,
        }
    )
    normed = block.norm1(x)
    _, expected = theirs(normed, normed, normed, average_attn_weights=False)
    torch.testing.assert_close(weights.view(4, 3, 10, 10), expected)


def test_whole_images_are_dropped_as_often_as_asked() -> None:
    """A dropped image passes; one that is kept carries its branch scaled up, so the mean stays."""
    options = TrunkOptions(image=12, patch=4, width=12, depth=1, heads=3, dropout=0, drop_path=0.25)
    block = Block(options, drop_path=0.25)
    branch = block._dropped(torch.ones(4000, 2, 3))
    assert torch.equal(branch, branch[:, :1, :1].expand_as(branch))
    assert branch.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    # Four standard deviations of 4000 draws.
    assert (branch[:, 0, 0] == 0).float().mean().item() == pytest.approx(0.25, abs=0.0274)


def test_drop_path_rises_linearly_over_the_blocks() -> None:
    options = TrunkOptions(image=12, patch=4, width=12, depth=5, heads=3, drop_path=0.1)
    rates = [block.drop_path for block in Trunk(options).blocks]
    assert rates == pytest.approx([0, 0.025, 0.05, 0.075, 0.1])


def _published(image: int) -> TrunkOptions:
    return TrunkOptions(image=image, patch=16, width=768, depth=12, heads=12)


def test_the_published_trunk_is_vit_b_16() -> None:
    """85,798,656 parameters without a head, as published for 224 pixels."""
    with torch.device("meta"):
        trunk = Trunk(_published(224))
    assert sum(p.numel() for p in trunk.parameters()) == 85_798_656


def test_the_published_model_has_the_documented_parameters() -> None:
    """Trunk at 448 pixels, a GLCA block, two heads of 200 classes, three loss weights: 93.65 M."""
    with torch.device("meta"):
        model = DualCrossAttention(ModelOptions(trunk=_published(448), pretrained=None), 200)
        logits = model(torch.zeros(2, 3, 448, 448), torch.tensor([1, 0], device="meta"))
    block = 4 * (768 * 768 + 768) + 2 * (4 * 768 * 768) + 4 * 768 + 768 + 4 * 768
    trunk = 16 * 16 * 3 * 768 + 768 + 768 + 785 * 768 + 12 * block + 2 * 768
    expected = trunk + block + 2 * (200 * 768 + 200) + 3
    assert sum(p.numel() for p in model.trained_parameters()) == expected == PUBLISHED_PARAMETERS
    assert round(expected / 1e6, 2) == 93.65
    assert [each.shape for each in logits] == [(2, 200)] * 3
    assert model.glca.local == 78
