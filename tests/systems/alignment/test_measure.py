"""Exact properties with what would break them, held-out predictions one by one, sampler claims."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from fixbench.datasets.procedures import ProcedureTask, ProcedureVideo, Step
from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.systems.alignment import AlignmentModel, Trainer, Update
from fixbench.systems.alignment import _measure as measure
from fixbench.systems.alignment._loop import Clip, to_clips
from fixbench.systems.alignment._metrics import action_frames

from .conftest import MakeOptions, MakeTrainer

CPU = torch.device("cpu")
PROPERTIES = (
    "head_gradient_is_progress",
    "encoder_gradient_is_sum",
    "rescale_acts_as_rate",
    "first_step_identical",
    "h0_inert_when_frozen",
)


# Exact properties of the update


@pytest.mark.parametrize("method", ["lav", "gtcc", "vava", "tcc"])
@pytest.mark.parametrize("variant", ["lav_on_global", "lav_off_separate"])
def test_what_holds_whatever_the_arm(
    make_options: MakeOptions, clips: list[list[Clip]], method: str, variant: str
) -> None:
    options = make_options(
        variant, objective__method=method, objective__lambda=1e5, measures__identity_steps=2
    )
    found = measure.update_properties(options, 3, clips, CPU)
    assert {name: found[name] for name in PROPERTIES} == dict.fromkeys(PROPERTIES, 1.0)
    for name in ("head_gradient_is_progress", "encoder_gradient_is_sum"):
        assert found[f"{name}_deviation"] < 1e-12 < 1e-9 < found[f"{name}_deviation_single"] < 1e-4
    assert found["rescale_acts_as_rate_deviation"] < 1e-9


def test_a_rescaling_that_does_nothing(
    make_options: MakeOptions, clips: list[list[Clip]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Update, "rescale", lambda self: None)
    found = measure.update_properties(make_options(), 3, clips, CPU)
    assert found["head_gradient_is_progress"] == 0
    assert found["head_gradient_is_progress_deviation"] == pytest.approx(1e6 - 1)
    assert found["encoder_gradient_is_sum"] == 1
    assert found["rescale_acts_as_rate"] == 0
    assert found["first_step_identical"] == 1


def test_a_rescaling_of_everything(
    make_options: MakeOptions, clips: list[list[Clip]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def rescale(self: Update) -> None:
        for parameter in [*self.encoder, *self.head] if self.options.rescale else []:
            if parameter.grad is not None:
                parameter.grad = parameter.grad / self.factor

    monkeypatch.setattr(Update, "rescale", rescale)
    found = measure.update_properties(make_options(), 3, clips, CPU)
    assert found["head_gradient_is_progress"] == 1
    assert found["encoder_gradient_is_sum"] == 0
    assert found["first_step_identical"] == 0


def test_a_first_state_that_is_not_zero_is_not_inert(
    make_options: MakeOptions, clips: list[list[Clip]], monkeypatch: pytest.MonkeyPatch
) -> None:
    initialise = AlignmentModel.__init__

    def with_a_state(self: AlignmentModel, options: object, *, seed: int) -> None:
        initialise(self, options, seed=seed)  # type: ignore[arg-type]
        if self.progress_head.h0 is not None:
            torch.nn.init.constant_(self.progress_head.h0, 0.3)

    monkeypatch.setattr(AlignmentModel, "__init__", with_a_state)
    found = measure.update_properties(make_options(), 3, clips, CPU)
    assert found["h0_inert_when_frozen"] == 0


def test_what_an_arm_does_not_have_is_not_measured(
    make_options: MakeOptions, clips: list[list[Clip]]
) -> None:
    options = make_options(progress__h0="zero", objective__lambda=0.0)
    found = measure.update_properties(options, 3, clips, CPU)
    assert not {"h0_inert_when_frozen", "rescale_acts_as_rate"} & found.keys()


def test_data_that_leave_no_batch_are_refused(make_options: MakeOptions) -> None:
    clips = [[Clip(name, torch.randn(9, 5), (Step("1", 0, 8),)) for name in "ab"]]
    message = (
        r"expected a batch that the training loop does not leave out .*a video under 10 frames"
    )
    with pytest.raises(InputError, match=message):
        measure.update_properties(make_options(), 3, clips, CPU)


# Held-out progress


def test_every_frame_is_predicted_from_its_action_so_far(
    make_trainer: MakeTrainer, test_tasks: tuple[ProcedureTask, ...]
) -> None:
    model = make_trainer("lav_on_global").model
    videos = [clip for task in to_clips(test_tasks, CPU) for clip in task]
    frames = action_frames(test_tasks)
    found = measure.predicted_progress(model, videos, frames, chunk=7)
    expected = []
    with torch.no_grad():
        for clip in videos:
            (embeddings,) = model.encoder([clip.features])
            for step in (step for step in clip.steps if not step.is_background):
                for end in range(step.start, step.end + 1):
                    length = torch.tensor([end - step.start + 1])
                    one = model.progress_head(embeddings, torch.tensor([step.start]), length)
                    expected.append(one.item())
    assert len(found) == len(expected) == len(frames)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.ptp(found) > 0


def test_values_by_length_are_errors_alone(test_tasks: tuple[ProcedureTask, ...]) -> None:
    frames = action_frames(test_tasks)
    values = measure.progress_values(frames, frames.truth)
    by_length = {name for name in values if "/" in name}
    assert by_length == {
        f"{error}/{length}"
        for error in ("ogpe", "early_error", "late_error")
        for length in ("short", "medium")
    }
    assert values["ogpe"] == 0
    assert {"bias", "early_bias", "monotonicity", "spearman", "first_frame_error"} <= values.keys()


def test_embeddings_are_those_of_the_encoder(
    make_trainer: MakeTrainer,
    train_tasks: tuple[ProcedureTask, ...],
    test_tasks: tuple[ProcedureTask, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_trainer().model
    videos = [
        clip
        for tasks in (train_tasks, test_tasks)
        for task in to_clips(tasks, CPU)
        for clip in task
    ]
    handed: dict[str, np.ndarray] = {}
    monkeypatch.setattr(
        measure, "embedding_metrics", lambda train, test, found: handed.update(found) or {"x": 1.0}
    )
    assert measure.embedding_values(model, train_tasks, test_tasks, videos) == {"x": 1.0}
    assert handed.keys() == {clip.handle for clip in videos}
    for clip in videos:
        with torch.no_grad():
            (expected,) = model.encoder([clip.features])
        np.testing.assert_array_equal(handed[clip.handle], expected.double().numpy())


def test_baselines(
    train_tasks: tuple[ProcedureTask, ...], test_tasks: tuple[ProcedureTask, ...]
) -> None:
    train, test = action_frames(train_tasks), action_frames(test_tasks)
    rows = measure.baseline_rows(train, test)
    errors = {row.stage: row.value for row in rows if row.metric == "ogpe"}
    assert errors["baseline/oracle"] == 0
    of_video = {video: np.abs(0.5 - test.truth[test.video == video]).mean() for video in range(4)}
    assert errors["baseline/constant_0.5"] == pytest.approx(np.mean(list(of_video.values())))
    assert errors.keys() == {
        f"baseline/{name}"
        for name in ("constant_0.25", "constant_0.5", "best_constant", "length_only", "mean_length")
    } | {"baseline/oracle"}


# Sampler claims


def _task(*lengths: int) -> ProcedureTask:
    """One video with key steps of these lengths."""
    ends = np.cumsum(lengths).tolist()
    steps = tuple(
        Step(str(number), end - length, end - 1)
        for number, (end, length) in enumerate(zip(ends, lengths, strict=True), start=1)
    )
    features = np.zeros((ends[-1], 5), dtype=np.float32)
    return ProcedureTask("task", (ProcedureVideo("video", "task", features, steps),))


def _values(rows: list[Row], stage: str, step: int = 0) -> dict[str, float]:
    return {row.metric: row.value for row in rows if (row.stage, row.step) == (stage, step)}


@pytest.mark.parametrize(
    ("length", "favoured"),
    # Per width of 1: 4/13 to 9/13 are 6 of 11 targets on 0.4, beyond are 4 on 0.3. Of 10 frames 4
    # of 8 targets on 0.4 and 3 on 0.3 are equally dense.
    [(13, 1), (10, 0), (5, 0)],
)
def test_whether_the_middle_is_favoured(
    make_trainer: MakeTrainer, length: int, favoured: int
) -> None:
    rows = measure.sampling_rows(make_trainer().model, [_task(length)])
    assert _values(rows, "sampling")["middle_favoured"] == favoured


def test_sampler_claims_by_hand(make_trainer: MakeTrainer) -> None:
    model = make_trainer(progress__hidden=64).model
    rows = measure.sampling_rows(model, [_task(5, 40, 2)])
    values = _values(rows, "sampling")
    assert values["documented_weights"] == 1
    assert values["worked_example"] == values["segment_input"] == values["h0_shape"] == 1
    # Of 5 frames the targets 3/5, 4/5, 1, three a draw; of 40 frames 3/40 … 1, five a draw.
    middle = (1 + 5 * 16 / 38) / 8  # 3/5, and 13/40 to 28/40
    assert values["share_middle/uniform"] == pytest.approx(middle)
    high = (2 + 5 * 12 / 38) / 8  # 4/5 and 1, and 29/40 to 1
    assert values["share_high/uniform"] == pytest.approx(high)
    assert values["middle_favoured"] == 0  # 0.97 targets per width of 1, beyond 0.7 1.49
    assert values["capped_share"] > 0  # 3/40 lies below 0.1
    for length, drawn in ((3, 0), (5, 0), (9, 0), (10, 1), (40, 1)):
        assert _values(rows, "sampling/length", length)["all_bins_drawn"] == drawn
    at_40 = _values(rows, "sampling/length", 40)
    assert at_40["two_two_one"] == 0
    # Targets 3 to 40: 11 early, 13 middle, 14 late; one of each, then two of the other 35.
    for part, size in (("early", 11), ("middle", 13), ("late", 14)):
        assert at_40[f"bin_examples/{part}"] == pytest.approx(1 + 2 * (size - 1) / 35)
    assert max(row.step for row in rows if row.stage == "sampling/length") == 40
    video = _values(rows, "sampling/video")
    assert video == {"examples": pytest.approx(10 * (3 + 5) / 2), "about_fifty": 0.0}
    long = _values(measure.sampling_rows(model, [_task(40, 30)]), "sampling/video")
    assert long == {"examples": 50.0, "about_fifty": 1.0}
    # 50 and 40 examples: 45 in the mean, though the second video has too few.
    for second, mean_holds in (((6,), 1.0), ((5,), 0.0)):
        rows = measure.sampling_rows(model, [_task(40, 30), _task(*second)])
        assert _values(rows, "sampling")["mean_about_fifty"] == mean_holds
        shares = [row.value for row in rows if row.metric == "about_fifty"]
        assert shares == [1.0, 0.0]


def test_worked_examples_that_another_head_does_not_have(make_trainer: MakeTrainer) -> None:
    def of(**changes: object) -> dict[str, float]:
        model = make_trainer(**({"progress__hidden": 64} | changes)).model
        return _values(measure.sampling_rows(model, [_task(12)]), "sampling")

    assert of(progress__position="absolute")["segment_input"] == 0
    assert of(progress__hidden=63)["h0_shape"] == 0
    assert of(progress__h0="zero")["h0_shape"] == 0
    pooled = of(progress__pooling="mean", progress__h0="zero")
    assert pooled["segment_input"] == pooled["h0_shape"] == 0
    assert pooled["worked_example"] == 1


# Magnitudes


def test_a_range_counts_where_it_overlaps_both_states(
    make_options: MakeOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TCC's table says 1e3 to 5e4."""
    states = {"random": (1.0, 1.0, 9e4, 1.0), "collapsed": (900.0, 2e3, 6e4, 9e9)}

    def curve(
        method: str, formulation: str, lengths: list[int], state: str, *_: object, **__: object
    ) -> Any:
        assert formulation == "as_found"
        assert lengths == [10, 20, 30, 40]
        return states[state]

    monkeypatch.setattr(measure, "magnitude_curve", curve)
    rows = measure.magnitude_rows(make_options(measures__curve_lengths=[10, 20, 30, 40]), 1)
    found = [row.value for row in rows if row.stage == "magnitude/tcc"]
    assert found == [0, 1, 0, 1]
    assert [row.value for row in rows if row.stage == "magnitude/lav/collapsed"] == [
        *states["collapsed"]
    ]


def test_magnitudes_grow_with_length(make_options: MakeOptions) -> None:
    rows = measure.magnitude_rows(make_options(measures__curve_lengths=[20, 40]), 1)
    lav = [row.value for row in rows if row.stage == "magnitude/lav/collapsed"]
    # All frames at one point: soft-DTW of zeros beside margins that weigh (1 + gap²) twice.
    assert 2**3.5 < lav[1] / lav[0] < 2**4.5
    tcc = [row.value for row in rows if row.stage == "magnitude/tcc/collapsed"]
    assert tcc == pytest.approx([20, 40], rel=0.02)
    again = measure.magnitude_rows(make_options(measures__curve_lengths=[20, 40]), 1)
    assert again == rows


def test_trainers_of_the_checks_leave_the_arm_alone(
    make_options: MakeOptions, clips: list[list[Clip]]
) -> None:
    options = make_options()
    before = options.model_dump_json()
    reference = Trainer(options, 3, clips, device=CPU).model.state_dict()
    measure.update_properties(options, 3, clips, CPU)
    assert options.model_dump_json() == before
    again = Trainer(options, 3, clips, device=CPU).model.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in reference.items())
