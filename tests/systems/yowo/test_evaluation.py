"""What is measured on a trained model, against the definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from fixbench.systems.yowo._cache import load_features, load_pretrained
from fixbench.systems.yowo._heads import PRIOR_BIAS
from fixbench.systems.yowo._material import Split, load_split, targets_at
from fixbench.systems.yowo._measure import WATCHED, Evaluation, movement, part_norms
from fixbench.systems.yowo._metrics import average_precision, detect
from fixbench.systems.yowo._run_options import Options
from fixbench.systems.yowo._training import CachedModel, build_model, loss_terms, true_evidence

from .conftest import MakeOptions

CPU = torch.device("cpu")


def _model(options: Options) -> tuple[CachedModel, Split]:
    pretrained = load_pretrained(Path(options.pretrained))
    frames = {n: load_split(Path(options.data), n, pretrained.clips) for n in ("train", "test")}
    features = {n: load_features(Path(options.features), n).at(range(15), CPU) for n in frames}
    model = build_model(options, 0, pretrained, features=features, frames=frames)
    assert isinstance(model, CachedModel)
    # Features that differ from frame to frame, and detections, as after training.
    draw = torch.Generator().manual_seed(1)
    test = features["test"]
    brightness = torch.linspace(0.5, 2, 15)[:, None, None, None]
    test.classes.copy_(torch.randn(test.classes.shape, generator=draw) * brightness)
    test.confidence.copy_(torch.randn(test.confidence.shape, generator=draw))
    return model, frames["test"]


def test_evidence_is_own_or_true(make_options: MakeOptions) -> None:
    model, split = _model(make_options("global"))
    own = Evaluation(model, split, true=False)
    true = Evaluation(model, split, true=True)
    for seen, told, told_truth, index in zip(own.seen, own.told, true.told, own.index, strict=True):
        assert torch.equal(told[0].objects, seen.inputs[0].object_logits)
        (expected,) = true_evidence(seen, targets_at(split.targets, index))
        assert torch.equal(told_truth[0].objects, expected.objects)
        assert torch.equal(told_truth[0].relations, expected.relations)
    assert not torch.equal(own.predictions.actions, true.predictions.actions)
    assert torch.equal(own.predictions.objects, true.predictions.objects)


def test_shuffled_evidence_is_another_frame_s_and_emptied_evidence_nobody_s(
    make_options: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fixbench.systems.yowo._measure._CHUNK", 4)
    model, split = _model(make_options("global"))
    evaluation = Evaluation(model, split, true=False)
    assert [len(index) for index in evaluation.index] == [4, 4, 4, 3]
    own = torch.cat([told[0].relations for told in evaluation.told])
    other = torch.cat([told[0].relations for told in evaluation._shuffled()])
    assert torch.equal(other, own.roll(7, dims=0))
    videos = [truth.video for truth in split.truths]
    assert all(videos[i] != videos[i - 7] for i in range(15))
    for told in evaluation._emptied():
        assert (told[0].objects == PRIOR_BIAS).all()
        assert (told[0].relations == PRIOR_BIAS).all()


def test_map_of_subsets_is_that_of_their_frames(make_options: MakeOptions) -> None:
    model, split = _model(make_options("cross_attention"))
    evaluation = Evaluation(model, split, true=False)
    values = evaluation.detection()
    found = detect(evaluation.predictions)
    for subset in ("one_object", "distractor", "two_person", "two_attending"):
        places = [i for i, truth in enumerate(split.truths) if truth.subset == subset]
        precisions = average_precision(
            [split.truths[i] for i in places], [found[i] for i in places], "actions"
        )
        expected = np.nanmean(precisions[sorted(WATCHED)])
        assert values[f"action_map/{subset}"] == pytest.approx(expected)


def test_presence_and_correlation_by_their_definitions(make_options: MakeOptions) -> None:
    model, split = _model(make_options("none"))
    evaluation = Evaluation(model, split, true=False)
    values = evaluation.context()
    pooled = evaluation.predictions.objects.softmax(dim=-1).amax(dim=1).double().numpy()
    areas, correlations = [], []
    for thing in range(36):
        present = np.array([thing in truth.objects for truth in split.truths])
        if present.all() or not present.any():
            continue
        wins = [
            1.0 if yes > no else 0.5 if yes == no else 0.0
            for yes in pooled[present, thing]
            for no in pooled[~present, thing]
        ]
        areas.append(np.mean(wins))
        for action in [a for a, watched in WATCHED.items() if watched == thing]:
            score = [
                max(
                    (c * a[action] for c, a in zip(d.confidence, d.actions, strict=True)), default=0
                )
                for d in evaluation.detections
            ]
            correlations.append(np.corrcoef(score, pooled[:, thing])[0, 1])
    assert values["presence_auroc"] == pytest.approx(np.mean(areas))
    assert values["action_object_correlation"] == pytest.approx(np.mean(correlations))


def test_attention_entropy_is_that_of_the_real_weights(make_options: MakeOptions) -> None:
    model, split = _model(make_options("cross_attention"))
    evaluation = Evaluation(model, split, true=False)
    level = model.cascade.levels[0]
    weights = level.scene_context.attention(*evaluation.seen[0].inputs[0])
    assert weights.shape == (15, 4, 49, 49)
    entropy = -(weights * weights.log()).sum(dim=-1).mean() / np.log(49)
    mean = weights.mean(dim=1)
    of_mean = -(mean * mean.log()).sum(dim=-1).mean() / np.log(49)
    measured = evaluation.context()
    assert measured["attention_entropy/49_cells"] == pytest.approx(entropy.item(), rel=1e-5)
    assert measured["attention_entropy_of_mean/49_cells"] == pytest.approx(of_mean.item(), rel=1e-5)
    assert of_mean > entropy
    silent, split = _model(make_options("global"))
    values = Evaluation(silent, split, true=False).context()
    assert not [name for name in values if "entropy" in name]
    assert values["context_scale"] == 1


def test_batch_mates_matter_only_through_the_rescaling(make_options: MakeOptions) -> None:
    dependence = {}
    for variant in ("global", "global_unscaled", "global_per_sample", "none"):
        model, split = _model(make_options(variant))
        values = Evaluation(model, split, true=False).detection()
        dependence[variant] = values["batch_mate/scene_context"]
    assert dependence["global"] > 1e-3
    assert dependence["none"] == 0
    # Sums over other batch sizes may round otherwise.
    assert dependence["global_unscaled"] < 1e-5
    assert dependence["global_per_sample"] < 1e-5


def test_norms_and_distances_by_part(make_options: MakeOptions) -> None:
    model, split = _model(make_options("global"))
    index = torch.arange(4)
    initial = {name: value.clone() for name, value in model.cascade.state_dict().items()}
    seen = model.see("test", index)
    targets = targets_at(split.targets, index)
    terms = loss_terms(model, seen, seen.own, targets, model.assignment("test", index))
    terms.total.backward()
    norms = part_norms(model.cascade)
    gradients = [p.grad for n, p in model.named_parameters() if "scene_context" in n]
    expected = torch.cat([g.flatten() for g in gradients if g is not None]).norm().item()
    assert norms["gradient_norm/scene_context"] == pytest.approx(expected)
    assert norms.keys() == {
        f"gradient_norm/{part}" for part in ("predictors", "object_context", "scene_context")
    }
    assert set(movement(model.cascade, initial).values()) == {0}
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "object_context" in name:
                parameter.mul_(1.5)
    moved = movement(model.cascade, initial)
    assert moved["parameters_moved/object_context"] == pytest.approx(0.5)
    assert moved["parameters_moved/scene_context"] == 0
