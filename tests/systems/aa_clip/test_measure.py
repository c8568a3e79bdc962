"""Measurements against separate computations."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn
from torch.nn import functional

from fixbench.systems.aa_clip._adapters import ImageAdapter
from fixbench.systems.aa_clip._material import Family, load_family
from fixbench.systems.aa_clip._measure import (
    detection_metrics,
    displacement,
    flattening_properties,
    gradient_norms,
    mean_absolute_weight,
    trained_base_check,
)

from .conftest import NOUNS, TINY, cross, tiny_family, tiny_model, tiny_prompts

SIDE = 16


class _Planted:
    """Stands in for a model whose patch and detection vectors are given.

    Only the outputs are planted; everything that `detection_metrics` does with them is its own.
    One patch a pixel and anchors (1, 0) and (0, 1), so that similarities are the vectors' entries.
    """

    image_cross = None

    def __init__(self, taps: list[torch.Tensor], detection: torch.Tensor) -> None:
        self.taps, self.detection = taps, detection

    def image_taps(self, images: torch.Tensor, context: None) -> torch.Tensor:
        return images[:, 0, 0, 0].long()

    def segment_and_detect(self, index: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        return [tap[index].flatten(1, 2) for tap in self.taps], self.detection[index]


def _test_family(masks: torch.Tensor, classes: list[int]) -> Family:
    count = len(masks)
    images = torch.arange(count).float()[:, None, None, None].expand(count, 3, SIDE, SIDE)
    return Family(
        images=images,
        masks=masks,
        labels=masks.flatten(1).any(dim=1).long(),
        classes=torch.tensor(classes),
        class_names=NOUNS,
        prompts=tiny_prompts(),
    )


def _metrics(
    taps: list[torch.Tensor], detection: torch.Tensor, family: Family, **options: Any
) -> dict[str, float]:
    model: Any = _Planted(taps, detection)
    anchors = torch.eye(2).expand(len(NOUNS), 2, 2)
    return detection_metrics(model, family, anchors, None, domain="industrial", **options)


def _halves() -> Family:
    masks = torch.zeros(6, SIDE, SIDE)
    masks[1, :, :8] = masks[3, 4:] = masks[4, :, 12:] = 1
    return _test_family(masks, [0, 0, 0, 1, 1, 1])


NAMES = {"pixel_auroc", "pixel_ap", "image_auroc", "image_ap"}


def test_perfect_scores_give_one() -> None:
    family = _halves()
    tap = torch.stack([1 - family.masks, family.masks], dim=-1)
    detection = functional.one_hot(family.labels, 2).float()
    found = _metrics([tap, tap], detection, family)
    assert found.keys() == NAMES
    assert found == dict.fromkeys(NAMES, 1.0)
    reversed_scores = _metrics([1 - tap, 1 - tap], 1 - detection, family)
    assert reversed_scores["pixel_auroc"] == 0.0
    assert reversed_scores["image_auroc"] == 0.0


def test_constant_scores_give_chance() -> None:
    family = _halves()
    found = _metrics([torch.full((6, SIDE, SIDE, 2), 0.3)], torch.full((6, 2), 0.1), family)
    assert found["pixel_auroc"] == found["image_auroc"] == 0.5
    prevalence = [float(family.masks[part].mean()) for part in (slice(3), slice(3, 6))]
    assert found["pixel_ap"] == pytest.approx(np.mean(prevalence))
    assert found["image_ap"] == pytest.approx(np.mean([1 / 3, 2 / 3]))


def test_random_scores_against_a_separate_computation() -> None:
    count = 40
    generator = torch.Generator().manual_seed(0)
    masks = torch.zeros(count, SIDE, SIDE)
    masks[::3, 2:9, 5:12] = 1
    members_of = [list(range(25)), list(range(25, count))]
    family = _test_family(masks, [0] * 25 + [1] * 15)
    signal = masks[..., None] * torch.tensor([-0.5, 0.5])
    noise = torch.randn(3, count, SIDE, SIDE, 2, generator=generator)
    taps = [(1 + k) * noise[k] + signal for k in range(3)]
    detection = torch.randn(count, 2, generator=generator)
    found = _metrics(taps, detection, family)

    axis = np.arange(-3, 4)
    kernel = np.exp(-(axis**2) / 2)
    kernel = np.outer(kernel, kernel) / kernel.sum() ** 2
    expected: dict[str, list[float]] = {name: [] for name in NAMES}
    for members in members_of:
        heat = []
        for image in members:
            raw = sum((t[image, ..., 1] + 1 - t[image, ..., 0]).double() / 2 for t in taps)
            heat.append(convolve(np.asarray(raw), kernel, mode="mirror"))
        pixels = np.stack(heat)
        pixels = (pixels - pixels.min()) / np.ptp(pixels)
        scores = np.array([float(detection[i, 1]) for i in members])
        scores = (scores - scores.min()) / np.ptp(scores)
        scores = (pixels.reshape(len(members), -1).max(axis=1) + scores) / 2
        truth = family.masks[members].numpy().astype(int).ravel()
        label = family.labels[members].numpy()
        expected["pixel_auroc"].append(roc_auc_score(truth, pixels.ravel()))
        expected["pixel_ap"].append(average_precision_score(truth, pixels.ravel()))
        expected["image_auroc"].append(roc_auc_score(label, scores))
        expected["image_ap"].append(average_precision_score(label, scores))
    assert found == {name: pytest.approx(np.mean(values)) for name, values in expected.items()}
    assert _metrics(taps, detection, family, chunk=4) == pytest.approx(found)


def test_a_class_without_images_is_left_out() -> None:
    family = _halves()
    tap = torch.stack([1 - family.masks, family.masks], dim=-1)
    few = family.at(torch.tensor([0, 1, 2]))
    assert _metrics([tap], torch.zeros(6, 2), few)["pixel_auroc"] == 1.0


def test_gradient_norms_in_both_conventions() -> None:
    adapter = ImageAdapter(
        3, 2, count=2, taps=2, weight=0.1, relu=False, generator=torch.Generator()
    )
    values = {
        "layer_adapters.0": 1.0,
        "layer_adapters.1": 2.0,
        "seg_proj.0": 3.0,
        "seg_proj.1": -4.0,
        "det_proj": 0.5,
    }
    for name, parameter in adapter.named_parameters():
        parameter.grad = torch.full_like(parameter, values[name])
    found = gradient_norms(adapter)
    # A tensor of n equal entries g has the norm |g| · √n; the matrices have 9 or 6 entries.
    single = [3.0, 6.0, 3 * math.sqrt(6), 4 * math.sqrt(6), 0.5 * math.sqrt(6)]
    groups = {"layer_adapters": single[:2], "seg_proj": single[2:4], "det_proj": single[4:]}
    for group, norms in (groups | {"all": single}).items():
        assert found.pop(f"gradient_sum/{group}") == pytest.approx(sum(norms))
        assert found.pop(f"gradient_l2/{group}") == pytest.approx(
            math.sqrt(sum(norm**2 for norm in norms))
        )
    assert not found


def test_groups_partition_the_whole() -> None:
    adapter = ImageAdapter(
        3, 2, count=2, taps=4, weight=0.1, relu=False, generator=torch.Generator()
    )
    for parameter in adapter.parameters():
        parameter.grad = torch.randn_like(parameter)
    found = gradient_norms(adapter)
    parts = ("layer_adapters", "seg_proj", "det_proj")
    assert found["gradient_sum/all"] == pytest.approx(
        sum(found[f"gradient_sum/{part}"] for part in parts)
    )
    assert found["gradient_l2/all"] ** 2 == pytest.approx(
        sum(found[f"gradient_l2/{part}"] ** 2 for part in parts)
    )
    everything = torch.cat([p.grad.flatten() for p in adapter.parameters()])
    assert found["gradient_l2/all"] == pytest.approx(everything.norm().item(), rel=1e-5)


# Displacement


def _contexts() -> torch.Tensor:
    return torch.randn(2, 9, TINY.text_width, generator=torch.Generator().manual_seed(3))


def test_displacement_by_hand() -> None:
    model = tiny_model(image=cross())
    family = tiny_family()
    contexts = _contexts()
    found = displacement(model, family, contexts)
    context = contexts[family.classes]
    with torch.no_grad():
        moved = model.image_taps(family.images, context)
        model_without = tiny_model()
        still = model_without.image_taps(family.images, context)
        for tap in range(3):
            norms = [
                float((m - s).norm() / s.norm())
                for m, s in zip(moved[tap].flatten(0, 1), still[tap].flatten(0, 1), strict=True)
            ]
            assert found[f"displacement/tap{tap + 1}"] == pytest.approx(np.mean(norms), rel=1e-4)
        cosines = []
        for image in range(4):
            patches = moved[2][image]
            cosines += [
                functional.cosine_similarity(patches[i], patches[j], dim=0).item()
                for i in range(16)
                for j in range(16)
                if i != j
            ]
        assert found["token_cosine"] == pytest.approx(np.mean(cosines), rel=1e-4)
        tower = model.clip.visual
        x = tower.blocks[0](tower.embed(family.images)).transpose(0, 1)
        assert model.image_cross is not None
        branch = model.image_cross.branch(x, context)
        ratios = [float(b.norm() / t.norm()) for b, t in zip(branch.flatten(0, 1), x.flatten(0, 1),
                                                             strict=True)]  # fmt: skip
        assert found["branch_ratio"] == pytest.approx(np.mean(ratios), rel=1e-4)
        shares = []
        for image in branch.double():
            spread = (image - image.mean(dim=0)).square().sum() / image.square().sum()
            shares.append(1 - float(spread))
        assert found["common_fraction"] == pytest.approx(np.mean(shares), rel=1e-5)
        weights = model.image_cross.attention(x, context).double().numpy()
        entropy = -(weights * np.log(weights)).sum(axis=-1).mean() / np.log(9)
        assert found["attention_entropy"] == pytest.approx(entropy, rel=1e-5)


def test_displacement_without_a_branch_and_of_inert_ones() -> None:
    family = tiny_family()
    assert displacement(tiny_model(), family, _contexts()).keys() == {"token_cosine"}
    inert = displacement(tiny_model(image=cross(zero_init=True)), family, _contexts())
    assert [inert[f"displacement/tap{tap}"] for tap in (1, 2, 3)] == [0, 0, 0]
    assert inert["branch_ratio"] == 0
    assert "common_fraction" not in inert
    mean = displacement(tiny_model(image=cross(token_mean=True)), family, _contexts())
    assert mean["common_fraction"] == pytest.approx(1)


def test_uniform_attention_has_entropy_one() -> None:
    model = tiny_model(image=cross())
    assert model.image_cross is not None
    nn.init.zeros_(model.image_cross.query)
    found = displacement(model, tiny_family(), _contexts())
    assert found["attention_entropy"] == pytest.approx(1)


def test_matched_norm_gives_the_scale_as_branch_ratio() -> None:
    model = tiny_model(image=cross(scale=0.1, norm_match=True))
    assert displacement(model, tiny_family(), _contexts())["branch_ratio"] == pytest.approx(0.1)


# Exact properties


def test_view_raises_on_the_models_path_and_only_there() -> None:
    model = tiny_model()
    prompts = tiny_prompts()[0]
    assert flattening_properties(model, prompts) == {
        "view_raises": 1.0,
        "reshape_equals_copy": 1.0,
    }
    tokens = model.prompt_tokens(prompts)
    with pytest.raises(RuntimeError, match="view size is not compatible"):
        tokens.view(-1, tokens.shape[-1])
    flat = tokens.contiguous().view(-1, tokens.shape[-1])
    assert torch.equal(flat, tokens.reshape(-1, tokens.shape[-1]))
    assert tokens.reshape(-1, tokens.shape[-1]).data_ptr() != tokens.data_ptr()


def test_the_property_is_measured_and_not_assumed() -> None:
    contiguous: Any = SimpleNamespace(prompt_tokens=lambda prompts: torch.randn(3, 4, 5))
    assert flattening_properties(contiguous, tiny_prompts()[0]) == {
        "view_raises": 0.0,
        "reshape_equals_copy": 1.0,
    }


def test_the_check_of_a_trained_base_against_theory() -> None:
    """|w| of Xavier-uniform weights averages half their limit sqrt(6 / (768 + 768))."""
    found = trained_base_check(0)
    theory = math.sqrt(6 / 1536) / 2
    assert theory == 0.03125
    assert found["full_width_fresh_weight"] == pytest.approx(theory, rel=2e-3)
    assert found["full_width_trained_weight"] == pytest.approx(theory + 0.0068, rel=2e-3)
    assert found["trained_base_check_separates"] == 0.0
    assert trained_base_check(1)["full_width_fresh_weight"] != found["full_width_fresh_weight"]


def test_a_working_check_would_pass() -> None:
    assert trained_base_check(0, threshold=0.035)["trained_base_check_separates"] == 1.0
    assert trained_base_check(0, threshold=0.03)["trained_base_check_separates"] == 0.0
    longer = trained_base_check(0, learning_rate=1e-3, steps=100)
    assert longer["trained_base_check_separates"] == 1.0


def test_adams_reach_under_a_constant_gradient() -> None:
    """The bound that the check grants: one learning rate a step."""
    weight = nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimiser = torch.optim.Adam([weight], lr=1e-5, betas=(0.5, 0.999))
    for _ in range(50):
        weight.grad = torch.tensor([-1e-3, -1.0, -1e3], dtype=torch.float64)
        optimiser.step()
    torch.testing.assert_close(weight.detach(), torch.full_like(weight, 50e-5), rtol=1e-4, atol=0)


def test_mean_absolute_weight_is_over_elements() -> None:
    parameters = [torch.tensor([1.0, -3.0]), torch.tensor([[-5.0]])]
    assert mean_absolute_weight(parameters) == 3.0


# Data


def test_a_family_is_read_in_full(families: Any) -> None:
    family = load_family(families / "workshop", 64)
    assert family.images.shape == (24, 3, 64, 64)
    assert family.masks.shape == (24, 64, 64)
    assert family.prompts.shape == (6, 16, 77)
    assert torch.equal(family.masks.flatten(1).any(dim=1).long(), family.labels)
    assert len({tuple(row.tolist()) for row in family.prompts.flatten(1)}) == 6


def test_the_first_images_of_each_class_and_label(families: Any) -> None:
    family = load_family(families / "field", 64)
    index = family.first_of_each(1)
    chosen = family.at(index)
    groups = list(zip(chosen.classes.tolist(), chosen.labels.tolist(), strict=True))
    assert sorted(groups) == [(k, label) for k in range(6) for label in (0, 1)]
    for position, group in zip(index.tolist(), groups, strict=True):
        earlier = zip(family.classes[:position].tolist(), family.labels[:position].tolist(),
                      strict=True)  # fmt: skip
        assert group not in list(earlier)
    assert len(family.first_of_each(100)) == 24
    assert torch.equal(chosen.prompts, family.prompts)
