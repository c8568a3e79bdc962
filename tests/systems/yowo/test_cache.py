"""What the small tier takes as given: how it is made, kept and read."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import torch

from fixbench.datasets.scene_generator import generate_scenes
from fixbench.datasets.scenes import MOTION_ACTIONS, WATCH_ACTIONS
from fixbench.errors import InputError
from fixbench.systems.yowo._assignment import Targets, assign
from fixbench.systems.yowo._cache import (
    _mirrored,
    cache_features,
    compute_features,
    features_of,
    load_features,
    load_pretrained,
    pretrain,
)
from fixbench.systems.yowo._material import SPLITS, load_clips, load_split, only_actions
from fixbench.training import (
    compare_state_files,
    load_state,
    pack_weights,
    save_state,
    unpack_weights,
)

from .conftest import recipe

CPU = torch.device("cpu")


# Pretraining


def test_pretraining_repeats_to_the_byte_and_depends_on_its_seed(
    trunk_file: Path, tmp_path: Path
) -> None:
    again, other = tmp_path / "again.pt", tmp_path / "other.pt"
    steps: list[tuple[str, int, int]] = []
    losses = pretrain(again, recipe(), progress=lambda *step: steps.append(step))
    assert again.read_bytes() == trunk_file.read_bytes()
    assert steps == [("pretraining", 1, 2), ("pretraining", 2, 2)]
    assert len(losses) == 2
    pretrain(other, recipe(seed=2, steps=1), progress=lambda *_: None)
    assert other.read_bytes() != trunk_file.read_bytes()
    assert compare_state_files(again, trunk_file) == f"{again} equals {trunk_file} bit for bit"
    assert "differs" in compare_state_files(other, trunk_file)


def test_pretraining_lowers_the_loss(tmp_path: Path) -> None:
    losses = pretrain(tmp_path / "t.pt", recipe(steps=8, rate=3e-3), progress=lambda *_: None)
    assert sum(losses[-2:]) < 0.8 * sum(losses[:2])


def test_pretraining_asks_for_no_action_that_needs_the_scene(scenes: Path) -> None:
    targets = load_split(scenes, "train", recipe().clips).targets
    actions = slice(36, 193)
    motion = [36 + int(code[1:]) for code in MOTION_ACTIONS.values()]
    watch = [36 + int(code[1:]) for code in WATCH_ACTIONS.values()]
    left = only_actions(targets, [place - 36 for place in motion]).labels
    assert targets.labels[..., watch].sum() > 0
    assert left[..., watch].sum() == 0
    assert torch.equal(left[..., motion], targets.labels[..., motion])
    assert torch.equal(left[..., :36], targets.labels[..., :36])
    assert torch.equal(left[..., 193:], targets.labels[..., 193:])
    assert left[..., actions].sum() == targets.labels[..., motion].sum()


def test_weights_are_kept_within_half_a_step_of_their_channel() -> None:
    generator = torch.Generator().manual_seed(0)
    state = {
        "kernel": torch.randn(5, 3, 2, 2, generator=generator)
        * torch.arange(5.0)[:, None, None, None],
        "bias": torch.randn(5, generator=generator),
        "count": torch.tensor(7),
    }
    kept = unpack_weights(pack_weights(state))
    assert torch.equal(kept["bias"], state["bias"])
    assert torch.equal(kept["count"], state["count"])
    reach = state["kernel"].abs().amax(dim=(1, 2, 3), keepdim=True)
    assert ((kept["kernel"] - state["kernel"]).abs() <= 0.5001 * reach / 127).all()
    assert torch.equal(unpack_weights(pack_weights(kept))["kernel"], kept["kernel"])


def test_a_mirrored_clip_and_its_boxes() -> None:
    clips = torch.arange(2 * 3 * 2 * 8 * 8.0).reshape(2, 3, 2, 8, 8)
    targets = Targets(
        boxes=torch.tensor([[[1.0, 2, 4, 5]], [[0.0, 0, 3, 3]]]),
        labels=torch.ones(2, 1, 219),
        present=torch.ones(2, 1, dtype=torch.bool),
    )
    flipped, wanted = _mirrored(clips, targets, torch.tensor([True, False]))
    assert wanted.boxes.tolist() == [[[4, 2, 7, 5]], [[0, 0, 3, 3]]]
    assert torch.equal(flipped[0, 0, 0, 0], clips[0, 0, 0, 0].flip(0))
    assert torch.equal(flipped[1], clips[1])
    assert torch.equal(wanted.labels, targets.labels)


# Features


def test_cached_features_are_those_that_the_model_computes(
    trunk_file: Path, features_file: Path, scenes: Path
) -> None:
    trunk = load_pretrained(trunk_file)
    split = load_split(scenes, "test", trunk.clips)
    cached, computed = load_features(features_file, "test"), compute_features(trunk, split)
    assert cached.keys == split.keys == computed.keys
    for name in ("classes", "confidence", "boxes", "target", "centres", "strides"):
        assert torch.equal(getattr(cached, name), getattr(computed, name)), name


def test_cached_features_are_the_model_s_up_to_their_rounding(
    trunk_file: Path, features_file: Path, scenes: Path
) -> None:
    trunk = load_pretrained(trunk_file)
    split = load_split(scenes, "test", trunk.clips)
    cached = load_features(features_file, "test")
    model = trunk.build()
    with torch.no_grad():
        maps = model.forward_features(load_clips(split.frames, 112, CPU))
        (seen,) = model.cascade.context_inputs(maps)
        predictions = model.forward_from_features(maps)
    inside = seen.features.clamp(-0.28, 6.0)
    assert (cached.classes - inside).abs().max() < 0.51 * 6.28 / 255
    assert torch.allclose(cached.confidence, predictions.confidence, rtol=2e-3)
    assert torch.allclose(cached.boxes, predictions.boxes, rtol=2e-3, atol=0.05)
    assert torch.equal(cached.centres, predictions.centres)
    logits = torch.cat([predictions.objects, predictions.actions, predictions.relations], dim=-1)
    assignment = assign(
        predictions.centres,
        predictions.strides,
        predictions.confidence,
        logits,
        predictions.boxes,
        split.targets,
    )
    assert torch.equal(cached.target, assignment.target)
    assert (cached.target >= 0).any(dim=1).all()


def test_a_frame_s_features_do_not_depend_on_the_others(
    trunk_file: Path, features_file: Path, scenes: Path
) -> None:
    trunk = load_pretrained(trunk_file)
    split = load_split(scenes, "test", trunk.clips)
    places = [7, 2]
    alone = compute_features(trunk, split.at(places))
    together = load_features(features_file, "test").at(places, CPU)
    assert alone.keys == together.keys
    # Sums in another order may round to the neighbouring step.
    step = 6.28 / 255
    assert (alone.classes - together.classes).abs().max() < 1.01 * step
    assert ((alone.classes - together.classes).abs() > 0.5 * step).float().mean() < 1e-3


def test_features_of_another_draw_are_computed_and_not_those_of_the_tracked_data(
    trunk_file: Path, features_file: Path, scenes: Path, tmp_path: Path
) -> None:
    """All draws of a generator name their frames alike."""
    draw = tmp_path / "scenes"
    generate_scenes(draw, seed=7, train_videos=5, test_videos=5)
    trunk = load_pretrained(trunk_file)
    for split in SPLITS:
        frames = load_split(draw, split, trunk.clips)
        found = features_of(features_file, trunk_file, draw, split)
        tracked = features_of(features_file, trunk_file, scenes, split)
        assert found.keys == tracked.keys == frames.keys
        computed = compute_features(trunk, frames)
        assert torch.equal(found.classes, computed.classes)
        assert torch.equal(found.target, computed.target)
        assert not torch.equal(found.target, tracked.target)
        # The tracked data keep the file's own bits.
        assert tracked is features_of(features_file, trunk_file, scenes, split)
        assert torch.equal(tracked.classes, load_features(features_file, split).classes)


def test_features_that_another_machine_rounded_are_used_as_they_are(
    trunk_file: Path, features_file: Path, scenes: Path, tmp_path: Path
) -> None:
    content = load_state(features_file)
    classes = content["test"]["classes"]
    places = torch.arange(0, classes.numel(), 50)
    near = classes.flatten().clone()
    near[places] = (near[places].int() + 1).clamp(max=255).to(torch.uint8)
    content["test"]["classes"] = near.reshape(classes.shape)
    save_state(tmp_path / "features.pt", content)
    found = features_of(tmp_path / "features.pt", trunk_file, scenes, "test")
    assert torch.equal(found.classes, load_features(tmp_path / "features.pt", "test").classes)


def test_features_file_repeats_to_the_byte(
    trunk_file: Path, features_file: Path, scenes: Path, tmp_path: Path
) -> None:
    cache_features(tmp_path / "features.pt", trunk_file, scenes)
    assert (tmp_path / "features.pt").read_bytes() == features_file.read_bytes()


# Reading


def test_damaged_and_foreign_files_are_refused(
    trunk_file: Path, features_file: Path, tmp_path: Path
) -> None:
    torn = tmp_path / "torn.pt"
    torn.write_bytes(trunk_file.read_bytes()[:-100])
    for read in (load_pretrained, lambda path: load_features(path, "test")):
        with pytest.raises(InputError, match="expected a checkpoint; run the job"):
            read(tmp_path / "missing.pt")
        with pytest.raises(InputError, match="complete checkpoint"):
            read(torn)
    with pytest.raises(InputError, match="expected a pretrained model of the present layout"):
        load_pretrained(features_file)
    with pytest.raises(InputError, match="test; expected features of the present layout"):
        load_features(trunk_file, "test")


@pytest.mark.parametrize("damage", ["weight", "shape", "options"])
def test_a_model_of_another_layout_is_refused(
    trunk_file: Path, tmp_path: Path, damage: str
) -> None:
    content = load_state(trunk_file)
    name = next(iter(content["weights"]))
    if damage == "weight":
        del content["weights"][name]
    elif damage == "shape":
        content["weights"][name]["steps"] = torch.zeros(1, 2, 3, 3, dtype=torch.int8)
    else:
        content["model"]["levels"] = ["P9"]
    save_state(tmp_path / "other.pt", content)
    with pytest.raises(InputError, match="expected a pretrained model of the present layout"):
        load_pretrained(tmp_path / "other.pt")


def test_splits_share_no_video(scenes: Path) -> None:
    splits = {name: load_split(scenes, name, recipe().clips) for name in ("train", "test")}
    videos = {name: {truth.video for truth in split.truths} for name, split in splits.items()}
    assert not videos["train"] & videos["test"]
    test = splits["test"]
    few = test.at(test.first_of_each_subset(2))
    counts = {s: sum(t.subset == s for t in few.truths) for s in {t.subset for t in test.truths}}
    assert counts == dict.fromkeys(counts, 2)
    assert len(counts) == 4
    for place, key in itertools.islice(enumerate(few.keys), 3):
        assert few.frames[place].video == key.split("/")[0] == few.truths[place].video
