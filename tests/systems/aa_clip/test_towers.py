"""CLIP's towers against independent implementations, and their checkpoint."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from fixbench.errors import InputError
from fixbench.systems.aa_clip import pretrain
from fixbench.systems.aa_clip._clip import Block
from fixbench.systems.aa_clip._towers import (
    PIXEL_MEAN,
    PIXEL_STD,
    load_towers,
    normalise,
    small_dimensions,
)
from fixbench.training import compare_state_files, load_state, unpack_weights

from .conftest import TINY, recipe, tiny_model, tiny_prompts

WIDTH, HEADS = 12, 3


def _block(*, quick_gelu: bool) -> Block:
    torch.manual_seed(0)
    block = Block(WIDTH, HEADS, quick_gelu=quick_gelu)
    for parameter in block.parameters():
        nn.init.normal_(parameter, std=0.5)
    return block


def _quick_gelu(x: torch.Tensor) -> torch.Tensor:
    return x / (1 + torch.exp(-1.702 * x))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("quick_gelu", [False, True])
def test_block_is_a_prenorm_transformer_layer(quick_gelu: bool, causal: bool) -> None:
    block = _block(quick_gelu=quick_gelu)
    layer = nn.TransformerEncoderLayer(
        WIDTH,
        HEADS,
        dim_feedforward=4 * WIDTH,
        dropout=0.0,
        activation=_quick_gelu if quick_gelu else nn.functional.gelu,
        norm_first=True,
    )
    layer.self_attn.load_state_dict(block.attn.state_dict())
    layer.norm1.load_state_dict(block.ln_1.state_dict())
    layer.norm2.load_state_dict(block.ln_2.state_dict())
    layer.linear1.load_state_dict(block.mlp.c_fc.state_dict())
    layer.linear2.load_state_dict(block.mlp.c_proj.state_dict())
    x = torch.randn(7, 2, WIDTH)
    mask = nn.Transformer.generate_square_subsequent_mask(7) if causal else None
    torch.testing.assert_close(block(x, mask), layer(x, src_mask=mask), atol=1e-5, rtol=1e-5)


def _torch_encoder(blocks: Sequence[Block], width: int, heads: int) -> nn.TransformerEncoder:
    """PyTorch's own encoder with the weights of ``blocks``."""
    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0.0, activation="gelu", norm_first=True, batch_first=True
    )
    encoder = nn.TransformerEncoder(layer, len(blocks), enable_nested_tensor=False)
    places = {
        "attn": "self_attn",
        "ln_1": "norm1",
        "ln_2": "norm2",
        "mlp.c_fc": "linear1",
        "mlp.c_proj": "linear2",
    }
    for ours, theirs in zip(blocks, encoder.layers, strict=True):
        for name, place in places.items():
            theirs.get_submodule(place).load_state_dict(ours.get_submodule(name).state_dict())
    return encoder.double()


def _same_gradients(blocks: Sequence[Block], encoder: nn.TransformerEncoder) -> None:
    """Of the first and of the last block's matrices."""
    for index in (0, -1):
        layer: Any = encoder.layers[index]
        for ours, theirs in (
            (blocks[index].attn.in_proj_weight, layer.self_attn.in_proj_weight),
            (blocks[index].mlp.c_proj.weight, layer.linear2.weight),
        ):
            assert ours.grad is not None
            assert ours.grad.norm() > 1e-3
            torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-12, rtol=1e-9)


def test_image_tower_against_torchs_encoder() -> None:
    clip = tiny_model().clip.double().requires_grad_(True)
    tower = clip.visual
    encoder = _torch_encoder(tower.blocks, TINY.image_width, TINY.image_heads)
    images = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    patches = nn.Unfold(4, stride=4)(images).transpose(1, 2) @ tower.conv1.weight.flatten(1).T
    x = torch.cat([tower.class_embedding.expand(2, 1, -1), patches], dim=1)
    x = encoder(tower.ln_pre(x + tower.positional_embedding))
    expected = functional.layer_norm(x[:, 0], (24,), tower.ln_post.weight, tower.ln_post.bias)
    expected = expected @ tower.proj
    found = clip.encode_image(images)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-9)
    upstream = torch.randn_like(found)
    found.backward(upstream)
    expected.backward(upstream)
    _same_gradients(tower.blocks, encoder)


def test_text_tower_against_torchs_encoder() -> None:
    clip = tiny_model().clip.double().requires_grad_(True)
    tower = clip.text
    encoder = _torch_encoder(tower.blocks, TINY.text_width, TINY.text_heads)
    tokens = tiny_prompts()[0]
    mask = nn.Transformer.generate_square_subsequent_mask(77).double()
    x = encoder(tower.token_embedding(tokens) + tower.positional_embedding, mask=mask)
    end = x[torch.arange(16), tokens.argmax(dim=1)]
    expected = functional.layer_norm(end, (16,), tower.ln_final.weight, tower.ln_final.bias)
    expected = expected @ tower.text_projection
    found = clip.encode_text(tokens)
    torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-9)
    upstream = torch.randn_like(found)
    found.backward(upstream)
    expected.backward(upstream)
    _same_gradients(tower.blocks, encoder)


def test_value_attention_over_the_batch_is_that_over_tokens_with_axes_exchanged() -> None:
    block = _block(quick_gelu=False).double()
    x = torch.randn(5, 3, WIDTH, dtype=torch.float64)
    exchanged = block.value_attention(x.transpose(0, 1)).transpose(0, 1)
    torch.testing.assert_close(block.value_attention(x, over_batch=True), exchanged)
    alone = block.value_attention(x[:, :1], over_batch=True)
    value = nn.functional.linear(
        block.ln_1(x[:, :1]),
        block.attn.in_proj_weight[-WIDTH:],
        block.attn.in_proj_bias[-WIDTH:],
    )
    torch.testing.assert_close(alone, block.attn.out_proj(value))


def test_value_attention_head_by_head() -> None:
    block = _block(quick_gelu=False).double()
    x = torch.randn(5, 2, WIDTH, dtype=torch.float64)
    weight = block.attn.in_proj_weight[-WIDTH:].detach().numpy()
    bias = block.attn.in_proj_bias[-WIDTH:].detach().numpy()
    size = WIDTH // HEADS
    expected = np.empty((5, 2, WIDTH))
    for image in range(2):
        y = block.ln_1(x[:, image]).detach().numpy()
        value = y @ weight.T + bias
        for head in range(HEADS):
            part = value[:, head * size : (head + 1) * size]
            scores = np.exp(part @ part.T / np.sqrt(size))
            expected[:, image, head * size : (head + 1) * size] = (
                scores / scores.sum(axis=1, keepdims=True) @ part
            )
    out = block.attn.out_proj
    expected = expected @ out.weight.detach().numpy().T + out.bias.detach().numpy()
    np.testing.assert_allclose(block.value_attention(x).detach().numpy(), expected, atol=1e-12)


def test_embedding_cuts_patches_in_reading_order() -> None:
    tower = tiny_model().clip.visual
    images = torch.randn(2, 3, 16, 16)
    x = tower.embed(images)
    assert x.shape == (17, 2, TINY.image_width)
    kernel = tower.conv1.weight.flatten(1)
    for token, (row, column) in ((1, (0, 0)), (2, (0, 1)), (5, (1, 0)), (16, (3, 3))):
        patch = images[1, :, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4].flatten()
        expected = tower.ln_pre(kernel @ patch + tower.positional_embedding[token])
        torch.testing.assert_close(x[token, 1], expected, atol=1e-5, rtol=1e-5)
    cls = tower.ln_pre(tower.class_embedding + tower.positional_embedding[0])
    torch.testing.assert_close(x[0], cls.expand(2, -1))


def test_taps_count_blocks_from_one() -> None:
    tower = tiny_model().clip.visual
    images = torch.randn(2, 3, 16, 16)
    x = tower.embed(images)
    after = []
    for block in tower.blocks:
        x = block(x)
        after.append(x)
    first, last = tower(images, (1, 3))
    assert torch.equal(first, after[0])
    assert torch.equal(last, after[2])


@pytest.mark.parametrize("value_blocks", [0, 2, 3])
def test_surgery_against_the_loops_of_both_wirings(value_blocks: int) -> None:
    tower = tiny_model().clip.visual
    images = torch.randn(2, 3, 16, 16)
    plain, dual, single = [tower.embed(images)], tower.embed(images), tower.embed(images)
    for number, block in enumerate(tower.blocks, start=1):
        if number > 3 - value_blocks:
            dual = dual + block.value_attention(plain[-1])
            middle = single + block.value_attention(single)
            single = middle + block.mlp(block.ln_2(middle))
        else:
            dual = block(dual)
            single = block(single)
        plain.append(block(plain[-1]))
        paths: Literal["dual", "single"]
        for paths, expected in (("dual", dual), ("single", single)):
            found, last = tower.surgery(images, (number,), value_blocks=value_blocks, paths=paths)
            torch.testing.assert_close(found[0], expected)
    torch.testing.assert_close(last, plain[-1])
    same = torch.equal(dual, plain[-1])
    assert same == (value_blocks == 0)


def test_text_tower_is_causal() -> None:
    tower = tiny_model().clip.text
    tokens = tiny_prompts()[0]
    changed = tokens.clone()
    changed[:, 5:] = 1
    x, y = tower(tokens), tower(changed)
    assert x.shape == (77, 16, TINY.text_width)
    assert torch.equal(x[:5], y[:5])
    assert not torch.allclose(x[5:], y[5:])


def test_text_feature_stands_at_the_end_token() -> None:
    clip = tiny_model().clip
    tokens = tiny_prompts()[0]
    end = [int((row == row.max()).nonzero()[0]) for row in tokens]
    assert len(set(end)) > 1
    x = clip.text.ln_final(clip.text(tokens))
    expected = torch.stack([x[position, row] for row, position in enumerate(end)])
    torch.testing.assert_close(clip.encode_text(tokens), expected @ clip.text.text_projection)


def test_depth_cuts_the_text_tower() -> None:
    tower = tiny_model().clip.text
    tokens = tiny_prompts()[0]
    embedded = (tower.token_embedding(tokens) + tower.positional_embedding).permute(1, 0, 2)
    mask = nn.Transformer.generate_square_subsequent_mask(77)
    torch.testing.assert_close(tower(tokens, depth=1), tower.blocks[0](embedded, mask))


def test_pixels_are_normalised_by_clips_statistics() -> None:
    image = np.zeros((1, 2, 3, 3), np.uint8)
    image[0, 1, 2] = (255, 128, 0)
    x = normalise(image)
    assert x.shape == (1, 3, 2, 3)
    for channel, value in enumerate((1.0, 128 / 255, 0.0)):
        expected = (value - PIXEL_MEAN[channel]) / PIXEL_STD[channel]
        assert x[0, channel, 1, 2].item() == pytest.approx(expected)


# The checkpoint


def _pretrain(path: Path, **changes: Any) -> list[float]:
    return pretrain(path, recipe(**changes), progress=lambda *_: None)


def _state(path: Path) -> dict[str, torch.Tensor]:
    return unpack_weights(load_state(path)["weights"])


def test_pretraining_repeats_itself_and_depends_on_its_seed(tmp_path: Path) -> None:
    seeds = {"a": 1, "b": 1, "c": 2}
    losses = [_pretrain(tmp_path / name, seed=seed, steps=(2,)) for name, seed in seeds.items()]
    assert losses[0] == losses[1] != losses[2]
    first, second, other = (_state(tmp_path / name) for name in seeds)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["visual.conv1.weight"], other["visual.conv1.weight"])
    _pretrain(tmp_path / "again" / "a", steps=(2,))
    assert (tmp_path / "again" / "a").read_bytes() == (tmp_path / "a").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "again", "b", "c"]
    assert compare_state_files(tmp_path / "a", tmp_path / "b").endswith("bit for bit")
    assert "differs" in compare_state_files(tmp_path / "a", tmp_path / "c")


def test_phases_follow_each_other(tmp_path: Path) -> None:
    whole = _pretrain(tmp_path / "whole", steps=(1, 2))
    first = _pretrain(tmp_path / "first", steps=(1,))
    assert len(whole) == 3
    assert whole[:1] == first
    one, two = _state(tmp_path / "first"), _state(tmp_path / "whole")
    assert not torch.equal(one["visual.conv1.weight"], two["visual.conv1.weight"])


def test_pretraining_lowers_its_loss(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    losses = pretrain(
        tmp_path / "towers.pt",
        recipe(seed=3, batch=8, steps=(12,)),
        progress=lambda *step: seen.append(step),
    )
    assert seen == [("phase 1", step, 12) for step in range(1, 13)]
    assert np.mean(losses[-4:]) < np.mean(losses[:4])


@pytest.mark.parametrize("quick_gelu", [False, True])
def test_towers_come_back_in_single_precision(towers_file: Path, quick_gelu: bool) -> None:
    clip = load_towers(towers_file, quick_gelu=quick_gelu)
    assert clip.dimensions == small_dimensions()
    assert not clip.training
    stored = load_state(towers_file)["weights"]
    state = clip.state_dict()
    assert state.keys() == stored.keys()
    for name, value in state.items():
        assert value.dtype == torch.float32
        if value.ndim < 2:
            assert torch.equal(value, stored[name])
        else:
            assert stored[name]["steps"].dtype == torch.int8
            assert torch.equal(value, stored[name]["steps"] * stored[name]["scale"])
    x = torch.linspace(-2, 2, 9)
    expected = _quick_gelu(x) if quick_gelu else nn.functional.gelu(x)
    torch.testing.assert_close(clip.visual.blocks[0].mlp.gelu(x), expected)


def _changed(path: Path, source: Path, **changes: Any) -> None:
    content = torch.load(source, weights_only=True)
    for key, value in changes.items():
        if value is None:
            del content[key]
        else:
            content[key] = value
    torch.save(content, path)


def _refusal(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        load_towers(path, quick_gelu=False)
    assert caught.value.file == str(path)
    return caught.value.expected


def test_missing_towers_are_refused(tmp_path: Path) -> None:
    expected = _refusal(tmp_path / "towers.pt")
    assert expected.startswith("a checkpoint; run `fixbench")


def test_truncated_and_foreign_towers_are_refused(tmp_path: Path, towers_file: Path) -> None:
    path = tmp_path / "towers.pt"
    path.write_bytes(towers_file.read_bytes()[:-1000])
    truncated = _refusal(path)
    path.write_text("epoch,loss\n1,2\n")
    assert _refusal(path) == truncated
    path.write_bytes(b"")
    assert _refusal(path) == truncated
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.txt", "not a checkpoint")
    assert _refusal(path) == truncated
    torch.save([1, 2], path)
    assert _refusal(path) == truncated
    torch.save({"weights": {}}, path)
    assert _refusal(path) == truncated
    assert truncated.startswith("a complete checkpoint of CLIP towers; run `fixbench")


@pytest.mark.parametrize(
    "changes",
    [{"vocabulary": None}, {"weights": {"logit_scale": torch.zeros(())}}, {"dimensions": {}}],
    ids=["no vocabulary", "weights missing", "no dimensions"],
)
def test_towers_of_another_layout_are_refused(
    tmp_path: Path, towers_file: Path, changes: dict[str, Any]
) -> None:
    path = tmp_path / "towers.pt"
    _changed(path, towers_file, **changes)
    assert _refusal(path).startswith("a complete checkpoint of CLIP towers; run `fixbench")


def test_towers_of_another_vocabulary_are_refused(tmp_path: Path, towers_file: Path) -> None:
    path = tmp_path / "towers.pt"
    _changed(path, towers_file, vocabulary=["<padding>", "word", "<end>"])
    with pytest.raises(InputError, match=r"towers\.pt: vocabulary is 3; .*pretrain") as caught:
        load_towers(path, quick_gelu=False)
    assert caught.value.file == str(path)
