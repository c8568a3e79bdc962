"""Whole runs with the smoke tier's options on towers and families made for these tests."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from fixbench.errors import InputError
from fixbench.systems import aa_clip
from fixbench.systems.aa_clip import AdaptedCLIP, Options, run
from fixbench.systems.aa_clip._material import Family, load_family
from fixbench.systems.aa_clip._measure import detection_metrics, image_loss, text_loss
from fixbench.systems.aa_clip._model import ImageFeatures
from fixbench.systems.aa_clip._towers import load_towers
from fixbench.testing import SystemCheckError, check_system, make_context
from fixbench.training import Diverged, Outcome

from ..conftest import values_of
from .conftest import IMAGE_RATE, MakeOptions

SEED = 7
#: Enough loops and evaluations for a save at the start, the middle and the end of each stage.
LOOPS = {"training__feedback_loops": [[2, 3], [2, 3]], "training__evaluations": 3}


@pytest.fixture(scope="module")
def base(make_options: MakeOptions) -> Outcome:
    return run(make_options("base"), SEED, make_context(measure={"training", "exact"}))


@pytest.fixture(scope="module")
def run_variant(make_options: MakeOptions, base: Outcome) -> Callable[..., Outcome]:
    def call(
        variant: str, *, seed: int = SEED, measure: set[str] | None = None, **changes: Any
    ) -> Outcome:
        context = make_context(parent=base.state, measure=measure)
        return run(make_options(variant, **changes), seed, context)

    return call


def inputs_of(options: Options) -> list[Path]:
    """What a run with these options may read."""
    families = (options.train_family, options.test_family)
    return [Path(options.model.towers), *(Path(options.data) / name for name in families)]


def _equal(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return first.keys() == second.keys() and all(
        torch.equal(first[name], second[name]) for name in first
    )


# Rows


def test_the_smoke_tier_as_it_stands(
    make_options: MakeOptions, towers_file: Path, families: Path
) -> None:
    """The base and the documented fix in the small tier's towers and with its layout."""
    layout = {"taps": [3, 6, 9, 12], "image_adapters": 3, "text_adapters": 2, "value_blocks": 9}
    changes = {f"model__{name}": value for name, value in layout.items()} | {
        "model__towers": str(towers_file),
        "train_family": "workshop",
        "test_family": "field",
    }
    base = run(make_options("base", **changes), 0, make_context(measure={"training"}))
    outcome = run(make_options("scale_0.1", **changes), 0, make_context(parent=base.state))
    assert values_of(base.rows, "image_loss", "image").keys() == {0, 6}
    assert values_of(outcome.rows, "image_loss", "image").keys() == {0, 3, 5}
    assert values_of(outcome.rows, "displacement/tap4", "end")[5] > 0
    assert all(math.isfinite(row.value) for row in base.rows + outcome.rows)


def test_a_full_run_measures_everything_once(run_variant: Callable[..., Outcome]) -> None:
    outcome = run_variant("scale_1.0", **LOOPS)
    keys = [(row.stage, row.step, row.metric) for row in outcome.rows]
    assert len(set(keys)) == len(keys)
    assert {row.stage for row in outcome.rows} == {
        "exact",
        "batch",
        "gradient/base",
        "load",
        "text/1",
        "image",
        "image/1",
        "text/2",
        "image/2",
        "end",
    }
    assert all(math.isfinite(row.value) and row.status == "ok" for row in outcome.rows)
    # Loops continue one image axis; each text stage has its own.
    assert list(values_of(outcome.rows, "image_loss", "image")) == [0, 1, 2, 3, 4, 5, 6]
    assert list(values_of(outcome.rows, "image_training_loss", "image")) == [1, 2, 3, 4, 5, 6]
    for loop in (1, 2):
        assert list(values_of(outcome.rows, "image_loss", f"image/{loop}")) == [3 * loop]
        assert list(values_of(outcome.rows, "text_training_loss", f"text/{loop}")) == [1, 2]
    assert list(values_of(outcome.rows, "text_loss", "text/1")) == [0, 1, 2]
    assert list(values_of(outcome.rows, "gradient_l2/all", "gradient/base")) == [0, 1]
    assert list(values_of(outcome.rows, "branch_ratio", "gradient/base")) == [0]
    for metric in ("pixel_auroc", "image_auroc", "pixel_ap", "image_ap", "image_loss"):
        assert list(values_of(outcome.rows, metric, "load")) == [0]
        assert list(values_of(outcome.rows, metric, "end")) == [6]
    assert list(values_of(outcome.rows, "pixel_ap/branch", "end")) == [6]
    moved = {row.metric: row.value for row in outcome.rows if "parameter_disp" in row.metric}
    assert {name.split("/")[1] for name in moved} == {
        "image_adapter",
        "text_adapter",
        "image_cross",
        "text_cross",
    }
    assert all(value > 0 for value in moved.values())


def test_measure_restricts_the_parts(run_variant: Callable[..., Outcome], base: Outcome) -> None:
    def stages(measure: set[str]) -> set[str]:
        return {row.stage for row in run_variant("none", measure=measure).rows}

    assert stages({"exact"}) == {"exact"}
    assert stages({"gradients"}) == {"gradient/base"}
    assert stages({"text"}) == {"text/1"}
    assert stages({"loop"}) == {"text/1", "image", "image/1"}
    assert stages({"batch"}) == {"batch"}
    assert stages({"load"}) == {"load"}
    images = {"image", "image/1", "image/2"}
    assert stages({"training"}) == {"load", "text/1", "text/2", "end"} | images
    assert stages(set()) == set()
    assert {row.stage for row in base.rows} == {
        *("exact", "load", "text/1", "image", "image/1", "end")
    }


def test_gradient_points(make_options: MakeOptions, base: Outcome) -> None:
    points = {"measures__gradient_points": ["random", "pretrained", "base"]}

    def stages(variant: str, seed: int) -> list[str]:
        options = make_options(variant, **points)
        parent = base.state if options.start == "base" else None
        rows = run(options, seed, make_context(parent=parent, measure={"gradients"})).rows
        return list(dict.fromkeys(row.stage for row in rows))

    assert stages("none", 1) == ["gradient/random", "gradient/pretrained", "gradient/base"]
    assert stages("none_untrained", 1) == ["gradient/random", "gradient/pretrained"]

    for point in ("random", "pretrained", "base"):
        measure = {f"gradients/{point}"}
        options = make_options("none", **points)
        rows = run(options, 1, make_context(parent=base.state, measure=measure)).rows
        assert {row.stage for row in rows} == {f"gradient/{point}"}


def test_the_points_differ_in_towers_and_adapters(make_options: MakeOptions, base: Outcome) -> None:
    options = make_options("none", measures__gradient_points=["random", "pretrained", "base"])
    rows = run(options, 1, make_context(parent=base.state, measure={"gradients"})).rows
    losses = {
        tuple(values_of(rows, "image_batch_loss", f"gradient/{point}").values())
        for point in ("random", "pretrained", "base")
    }
    assert len(losses) == 3


# Starting points


def test_a_start_from_the_base_needs_its_state(make_options: MakeOptions) -> None:
    with pytest.raises(InputError, match="start is 'base'; expected 'fresh', or a variant with"):
        run(make_options("scale_1.0"), SEED, make_context(measure={"exact"}))


def test_a_parent_of_another_layout_is_refused(make_options: MakeOptions, base: Outcome) -> None:
    """An adapter that the parent lacks must not quietly start from random weights."""
    lacking = {n: v for n, v in base.state.items() if n != "image_adapter.layer_adapters.1"}
    with pytest.raises((InputError, ValueError, RuntimeError), match=r"layer_adapters\.1"):
        run(make_options("scale_1.0"), SEED, make_context(parent=lacking, measure={"exact"}))


def test_the_base_adapters_are_where_feedback_starts(
    make_options: MakeOptions, base: Outcome
) -> None:
    options = make_options("scale_1.0")
    state = run(options, SEED, make_context(parent=base.state, measure={"exact"})).state
    for name, value in base.state.items():
        assert torch.equal(state[name], value)
    assert {name.split(".")[0] for name in state.keys() - base.state.keys()} == {
        "image_cross",
        "text_cross",
    }


def test_a_fresh_start_ignores_the_parent(make_options: MakeOptions, base: Outcome) -> None:
    options = make_options("none_untrained")
    states = [
        run(options, SEED, make_context(parent=parent, measure=set())).state
        for parent in (None, base.state)
    ]
    assert _equal(*states)
    assert not _equal(states[0], base.state)
    bound = (6 / (96 + 96)) ** 0.5  # Xavier-uniform, never trained
    for name, value in states[0].items():
        assert 0.98 * bound < value.abs().max() <= bound, name


# The promises of every system


def test_the_promises_of_every_system(make_options: MakeOptions, base: Outcome) -> None:
    """Saves: exact, batch, gradients, then 2 of text 1, 3 of image 1, 2 of text 2, 3 of image 2."""
    options = make_options("scale_1.0", **LOOPS)
    done = check_system(
        aa_clip, options, root=Path("/"), inputs=inputs_of(options), parent=base.state
    )
    assert done.saves == 13


def test_the_text_stage_alone_can_be_interrupted(make_options: MakeOptions, base: Outcome) -> None:
    options = make_options("text_raw", **LOOPS)
    done = check_system(
        aa_clip,
        options,
        root=Path("/"),
        inputs=inputs_of(options),
        measures={"text"},
        parent=base.state,
    )
    assert done.saves == 2


@pytest.mark.parametrize("left_out", ["towers", "data"])
def test_a_file_that_is_not_declared_is_seen(make_options: MakeOptions, left_out: str) -> None:
    options = make_options("none_untrained")
    inputs = [path for path in inputs_of(options) if path.name != "cut.pt"]
    if left_out == "data":
        inputs = [Path(options.model.towers)]
    with pytest.raises(SystemCheckError, match="may open nothing but its inputs"):
        check_system(aa_clip, options, root=Path("/"), inputs=inputs, measures={"text"})


# What a stage sees


def _model(options: Options, state: Mapping[str, Any]) -> AdaptedCLIP:
    clip = load_towers(Path(options.model.towers), quick_gelu=options.model.quick_gelu)
    attentions = options.cross_attention
    model = AdaptedCLIP(
        clip,
        options.model.layout(),
        image_cross=attentions.image,
        text_cross=attentions.text,
        seed=SEED,
    )
    model.load_state_dict(state, strict=False)
    return model


def _probe(options: Options) -> Family:
    family = load_family(Path(options.data) / options.train_family, 32)
    return family.at(family.first_of_each(options.measures.probe_images // 4))


@torch.no_grad()
def _text_loss(model: AdaptedCLIP, probe: Family, features: ImageFeatures) -> float:
    anchors = model.text_anchors(probe.prompts, features.context)
    return text_loss(features.patches[-1], anchors[probe.classes], probe.masks).item()


def test_stage_1_reads_the_frozen_copy_then_the_adapted_tower(
    run_variant: Callable[..., Outcome], make_options: MakeOptions, base: Outcome
) -> None:
    """The batch of 8 images is the whole family, so that its order does not matter."""
    loops = {"training__feedback_loops": [[1, 1], [1, 0]]}
    options = make_options("scale_1.0", **loops)
    rows = run_variant("scale_1.0", measure={"training"}, **loops).rows
    probe = _probe(options)
    model = _model(options, base.state)
    first = _text_loss(model, probe, model.frozen_features(probe.images))
    assert values_of(rows, "text_loss", "text/1")[0] == pytest.approx(first, rel=1e-4)

    stopped = {"training__feedback_loops": [[1, 1]]}
    model = _model(options, run_variant("scale_1.0", measure={"training"}, **stopped).state)
    # The one batch of the second loop holds every image of the family, in another order.
    second = _text_loss(model, probe, model.adapted_features(probe.images))
    (found,) = values_of(rows, "text_training_loss", "text/2").values()
    assert found == pytest.approx(second, rel=1e-4)
    assert "text_loss" not in {row.metric for row in rows if row.stage == "text/2"}


def test_stage_2_starts_from_anchors_that_know_no_image(
    run_variant: Callable[..., Outcome], make_options: MakeOptions
) -> None:
    """Of the present text adapter, without the text tower's branch."""
    options = make_options("scale_1.0")
    rows = run_variant("scale_1.0", measure={"training"}).rows
    trained = run_variant(
        "scale_1.0", measure={"training"}, training__feedback_loops=[[1, 0]]
    ).state
    model, probe = _model(options, trained), _probe(options)
    with torch.no_grad():
        anchors = model.text_anchors(probe.prompts, None)
        contexts = torch.stack([model.prompt_context(tokens) for tokens in probe.prompts])
        expected = image_loss(model, probe, anchors, contexts).item()
    assert values_of(rows, "image_loss", "image")[0] == pytest.approx(expected, rel=1e-4)


# Pairing between variants

TEXT_OFF = {"cross_attention__text__enabled": False}


def test_an_inert_branch_reads_the_gradients_of_no_branch(
    run_variant: Callable[..., Outcome],
) -> None:
    """Same images, same weights, same batches: only the image branch may tell arms apart.

    The text tower's branch is on, untrained, and plays no part.
    """
    none = run_variant("none", measure={"gradients"}).rows
    for variant in ("zero_init", "scale_0"):
        inert = run_variant(variant, measure={"gradients"}).rows
        for metric in ("image_batch_loss", "gradient_l2/all", "gradient_sum/all"):
            stage = "gradient/base"
            assert values_of(inert, metric, stage) == values_of(none, metric, stage)
    full = run_variant("scale_1.0", measure={"gradients"}).rows
    assert len(values_of(full, "gradient_l2/image_cross", "gradient/base")) == 2
    assert not [row for row in none if row.metric == "gradient_l2/image_cross"]
    batches = values_of(full, "image_batch_loss", "gradient/base")
    assert batches != values_of(none, "image_batch_loss", "gradient/base")


def test_a_branch_cut_from_the_graph_leaves_the_adapter_its_gradient(
    run_variant: Callable[..., Outcome],
) -> None:
    """The branch lies upstream of the adapter, so it can take nothing from it."""
    full = run_variant("scale_1.0", measure={"gradients"}).rows
    detached = run_variant("detached", measure={"gradients"}).rows
    for metric in ("image_batch_loss", "gradient_l2/all", "gradient_sum/all"):
        stage = "gradient/base"
        assert values_of(detached, metric, stage) == values_of(full, metric, stage)
    assert not [row for row in detached if row.metric == "gradient_l2/image_cross"]


def test_training_sees_the_same_batches_and_augmentation(
    run_variant: Callable[..., Outcome],
) -> None:
    """A branch at scale 0 trains exactly as none: order, augmentation and adapters are paired."""
    none = run_variant("none", measure={"training"})
    inert = run_variant("scale_0", measure={"training"}, **TEXT_OFF)
    for metric, stage in (
        ("image_loss", "image"),
        ("image_training_loss", "image"),
        ("text_training_loss", "text/1"),
        ("pixel_auroc", "end"),
    ):
        assert values_of(inert.rows, metric, stage) == values_of(none.rows, metric, stage)
    assert all(torch.equal(value, inert.state[name]) for name, value in none.state.items())


def test_augmentation_changes_training_but_not_the_probe(
    run_variant: Callable[..., Outcome],
) -> None:
    first = run_variant("none", measure={"training"}).rows
    plain = run_variant("none", measure={"training"}, training__augment=False).rows
    stage = "image"
    assert values_of(first, "image_loss", stage)[0] == values_of(plain, "image_loss", stage)[0]
    windows = [values_of(rows, "image_training_loss", stage) for rows in (first, plain)]
    assert windows[0] != windows[1]


# Gradient factor and optimisers

ONE_STEP = {
    "training__feedback_loops": [[0, 1]],
    "training__evaluations": 1,
    "training__feedback_milestones": [],
}


def _image_step(
    run_variant: Callable[..., Outcome], base: Outcome, variant: str, **changes: Any
) -> torch.Tensor:
    state = run_variant(variant, measure={"training"}, **ONE_STEP, **changes).state
    names = [name for name in state if name.startswith("image_adapter.")]
    assert all(torch.equal(state[n], base.state[n]) for n in state if n.startswith("text_adapter"))
    return torch.cat([(state[name] - base.state[name]).flatten() for name in names])


def test_adam_undoes_a_gradient_factor(run_variant: Callable[..., Outcome], base: Outcome) -> None:
    whole = _image_step(run_variant, base, "none")
    diluted = _image_step(run_variant, base, "none_diluted")
    # Adam's first step is the learning rate times g / (|g| + 1e-8).
    felt = whole.abs() > 0.999 * IMAGE_RATE  # |g| > 1e-5; the others are as small as that 1e-8
    assert felt.double().mean() > 0.8
    torch.testing.assert_close(diluted[felt], whole[felt], rtol=3e-3, atol=0)
    assert torch.equal(diluted.sign(), whole.sign())


def test_sgd_obeys_a_gradient_factor(run_variant: Callable[..., Outcome], base: Outcome) -> None:
    rate = {"training__sgd_learning_rate": 0.01}
    whole = _image_step(run_variant, base, "none_sgd", **rate)
    diluted = _image_step(run_variant, base, "none_sgd_diluted", **rate)
    assert whole.norm() > 1e-4
    torch.testing.assert_close(diluted, 0.37 * whole, rtol=1e-3, atol=2e-7)


def test_sgd_leaves_the_text_stage_to_adam(run_variant: Callable[..., Outcome]) -> None:
    first, second = (
        run_variant(variant, measure={"training"}).rows for variant in ("none", "none_sgd")
    )
    assert values_of(first, "text_loss", "text/1") == values_of(second, "text_loss", "text/1")
    assert values_of(first, "image_loss", "image") != values_of(second, "image_loss", "image")


def test_the_factor_spares_the_cross_attention(
    run_variant: Callable[..., Outcome], base: Outcome
) -> None:
    sgd = {"training__optimiser": "sgd", "training__sgd_learning_rate": 0.01}
    states = [
        run_variant("scale_0.1", measure={"training"}, **ONE_STEP, **sgd, **factor).state
        for factor in ({}, {"training__image_gradient_factor": 0.37})
    ]
    assert torch.equal(states[0]["image_cross.out"], states[1]["image_cross.out"])
    name = "image_adapter.det_proj"
    assert not torch.equal(states[0][name], states[1][name])


def test_rates_halve_at_milestones_and_from_loop_to_loop(
    run_variant: Callable[..., Outcome], base: Outcome
) -> None:
    """With both betas 0 Adam moves every weight by the rate, up or down."""
    name = "image_adapter.det_proj"

    def moves(loops: list[list[int]], milestones: list[float]) -> float:
        state = run_variant(
            "none",
            measure={"training"},
            training__feedback_loops=loops,
            training__feedback_milestones=milestones,
            training__evaluations=1,
            training__betas=[0.0, 0.0],
        ).state
        return (state[name] - base.state[name]).abs().max().item()

    rate = IMAGE_RATE
    assert moves([[0, 1]], []) == pytest.approx(rate, rel=1e-3)
    assert moves([[0, 2]], []) == pytest.approx(2 * rate, rel=1e-3)
    assert moves([[0, 2]], [0.5]) == pytest.approx(1.5 * rate, rel=1e-3)
    assert moves([[0, 1], [0, 1], [0, 1]], []) == pytest.approx(1.75 * rate, rel=1e-3)


# Divergence


def test_divergence_is_reported_with_the_rows_so_far(
    make_options: MakeOptions, base: Outcome
) -> None:
    options = make_options(
        "none_sgd",
        training__sgd_learning_rate=1e38,
        training__feedback_loops=[[1, 6]],
        training__evaluations=6,
    )
    with pytest.raises(Diverged) as caught:
        run(options, SEED, make_context(parent=base.state, measure={"training"}))
    assert caught.value.stage == "image"
    assert 0 < caught.value.step <= 6
    assert all(math.isfinite(row.value) for row in caught.value.rows)
    stages = [row.stage for row in caught.value.rows]
    assert list(dict.fromkeys(stages)) == ["load", "text/1", "image"]
    assert "end" not in stages


# Options and progress


def test_progress_counts_to_the_end(make_options: MakeOptions, base: Outcome) -> None:
    seen: list[tuple[str, int, int]] = []
    context = make_context(
        parent=base.state, measure={"training"}, progress=lambda *step: seen.append(step)
    )
    run(make_options("none"), SEED, context)
    assert seen == [("text/1", 1, 1), ("image", 3, 5), ("text/2", 1, 1), ("image", 5, 5)]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("plan", "both"),
        ("training__optimiser", "adamw"),
        ("training__betas", [0.5]),
        ("training__image_gradient_factor", 0.0),
        ("training__loop_decay", 1.5),
        ("training__evaluations", 0),
        ("training__feedback_loops", []),
        ("training__feedback_loops", [[1, -1]]),
        ("model__taps", []),
        ("model__adapter_weight", 1.1),
        ("measures__gradient_points", ["middle"]),
        ("measures__probe_images", 1),
        ("cross_attention__image__scale", -0.1),
        ("cross_attention__image__context", "scaled"),
        ("cross_attention__text__enabled", "yes"),
    ],
)
def test_options_refuse_what_cannot_run(make_options: MakeOptions, key: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        make_options("scale_1.0", **{key: value})
    assert key.replace("__", ".") in ".".join(str(p) for p in caught.value.errors()[0]["loc"])


def test_options_refuse_unknown_keys(make_options: MakeOptions) -> None:
    options = make_options("scale_1.0").model_dump()
    options["training"]["dropout"] = 0.1
    with pytest.raises(ValidationError, match="dropout"):
        Options.model_validate(options)


def test_a_raw_source_changes_what_the_text_tower_attends_to(
    run_variant: Callable[..., Outcome], make_options: MakeOptions, base: Outcome
) -> None:
    """Stage 1 alone, with patches and class token as they are instead of unit vectors."""
    options = make_options("text_raw")
    rows = run_variant("text_raw", measure={"text"}).rows
    model, probe = _model(options, base.state), _probe(options)
    features = model.frozen_features(probe.images)
    found = values_of(rows, "text_loss", "text/1")[0]
    raw = features._replace(context=features.raw_context)
    assert found == pytest.approx(_text_loss(model, probe, raw), rel=1e-4)
    assert found != pytest.approx(_text_loss(model, probe, features), rel=1e-4)


def test_batch_mates_change_stage_1_as_found_alone(
    run_variant: Callable[..., Outcome], base: Outcome
) -> None:
    for paths, depends in (("as_found", True), ("single", False), ("dual", False)):
        rows = run_variant("scale_1.0", measure={"batch"}, model__value_paths=paths).rows
        for metric in ("batch_dependence/patches", "batch_dependence/map"):
            (value,) = values_of(rows, metric, "batch").values()
            assert (value > 1e-3) == depends
            assert depends or value < 1e-5


def test_testing_ignores_the_branch_unless_asked(
    run_variant: Callable[..., Outcome], make_options: MakeOptions
) -> None:
    """As in the fork: what was trained with cross-attention is tested without."""
    outcome = run_variant("scale_1.0", measure={"training"})
    options = make_options("scale_1.0")
    model = _model(options, outcome.state)
    family = load_family(Path(options.data) / options.test_family, 32)
    test = family.at(family.first_of_each(options.measures.test_images))
    with torch.no_grad():
        anchors = model.text_anchors(test.prompts, None)
    for suffix, contexts in (("", None), ("/branch", model.prompt_contexts(test.prompts))):
        found = detection_metrics(model, test, anchors, contexts, domain="industrial")
        for name, value in found.items():
            (measured,) = values_of(outcome.rows, f"{name}{suffix}", "end").values()
            assert measured == pytest.approx(value, abs=1e-6)


def test_detection_before_training_is_a_part_of_its_own(
    run_variant: Callable[..., Outcome],
) -> None:
    without = run_variant("none", measure={"training"}).rows
    whole = run_variant("none", measure={"training", "load"}).rows
    assert {row.metric for row in whole if row.stage == "load"} >= {"pixel_ap", "image_loss"}
    assert "pixel_ap" not in {row.metric for row in without if row.stage == "load"}
    assert [row for row in whole if row.stage != "load"] == [
        row for row in without if row.stage != "load"
    ]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("taps", [1, 5], "model.taps is 5; expected at most 4, by the blocks of"),
        ("image_adapters", 4, "model.image_adapters is 4; expected at most 3"),
        ("text_adapters", 3, "model.text_adapters is 3; expected at most 2"),
        ("value_blocks", 5, "model.value_blocks is 5; expected at most 4"),
        ("cross_heads", 7, "model.cross_heads is 7; expected a divisor of 96, the text width"),
    ],
)
def test_a_layout_must_fit_the_towers(
    make_options: MakeOptions, key: str, value: Any, expected: str
) -> None:
    with pytest.raises(InputError, match=expected):
        run(make_options("none_untrained", **{f"model__{key}": value}), SEED, make_context())
