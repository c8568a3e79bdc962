"""Metrics against plain loops, hand calculation and separate implementations."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fixbench.datasets.procedures import ProcedureTask, ProcedureVideo, Step, read_procedures
from fixbench.errors import InputError
from fixbench.systems.alignment._metrics import (
    action_frames,
    baseline_predictions,
    best_constant,
    embedding_metrics,
    nearest_neighbour_tau,
    phase_accuracy,
    progress_metrics,
    progression_r2,
    video_progress,
)
from fixbench.tracking import unpack_tracked


def _video(task: str, handle: str, *segments: tuple[str, int]) -> ProcedureVideo:
    steps, start = [], 0
    for label, length in segments:
        steps.append(Step(label, start, start + length - 1))
        start += length
    features = np.zeros((start, 2), dtype=np.float32)
    return ProcedureVideo(handle, task, features, tuple(steps))


def _tasks() -> tuple[ProcedureTask, ...]:
    return (
        ProcedureTask(
            "a",
            (
                _video("a", "a0", ("0", 2), ("1", 4), ("0", 1), ("2", 12)),
                _video("a", "a1", ("2", 2), ("0", 3), ("1", 40), ("1", 1)),
            ),
        ),
        ProcedureTask("b", (_video("b", "b0", ("1", 7), ("0", 9)),)),
    )


def _loops(
    tasks: Any, predictions: Any, keep: Any = lambda elapsed, length: True, score: Any = abs
) -> Any:
    """Mean over frames of a video, videos of a task, tasks; predictions by (handle, frame)."""
    of_tasks = []
    for task in tasks:
        of_videos = []
        for video in task.videos:
            values = []
            for step in video.steps:
                if step.label == "0":
                    continue
                length = step.end - step.start + 1
                for frame in range(step.start, step.end + 1):
                    elapsed = frame - step.start + 1
                    if keep(elapsed, length):
                        error = predictions[video.handle, frame] - elapsed / length
                        values.append(score(error))
            if values:
                of_videos.append(sum(values) / len(values))
        if of_videos:
            of_tasks.append(sum(of_videos) / len(of_videos))
    return sum(of_tasks) / len(of_tasks)


def _random(tasks: Any, seed: int = 0) -> tuple[Any, Any, Any]:
    generator = np.random.default_rng(seed)
    frames = action_frames(tasks)
    handles = [video.handle for task in tasks for video in task.videos]
    values = generator.uniform(0, 1, size=len(frames))
    named = {
        (handles[video], frame): value
        for video, frame, value in zip(frames.video, frames.frame, values, strict=True)
    }
    return frames, values, named


def test_frames_in_key_steps() -> None:
    frames = action_frames(_tasks())
    assert len(frames) == 4 + 12 + 2 + 40 + 1 + 7
    assert frames.frame[:6].tolist() == [2, 3, 4, 5, 7, 8]
    assert frames.elapsed[:6].tolist() == [1, 2, 3, 4, 1, 2]
    assert frames.length[:6].tolist() == [4, 4, 4, 4, 12, 12]
    assert frames.truth[:4].tolist() == [0.25, 0.5, 0.75, 1]
    assert frames.kinds == (
        ("a", "1"), ("a", "2"), ("a", "2"), ("a", "1"), ("a", "1"), ("b", "1"),
    )  # fmt: skip
    assert np.unique(frames.action).tolist() == [0, 1, 2, 3, 4, 5]
    assert np.unique(frames.video).tolist() == [0, 1, 2]
    assert frames.task[frames.video == 2].tolist() == [1] * 7


def test_background_alone_is_refused() -> None:
    with pytest.raises(InputError, match="steps; expected at least one that is not background"):
        action_frames([ProcedureTask("a", (_video("a", "a0", ("0", 12)),))])


def test_errors_against_loops() -> None:
    tasks = _tasks()
    frames, values, named = _random(tasks)
    found = progress_metrics(frames, values)
    progress = {
        "": lambda e, n: True,
        "early": lambda e, n: e / n <= 0.33,
        "middle": lambda e, n: 0.33 < e / n <= 0.67,
        "late": lambda e, n: e / n > 0.67,
    }
    lengths = {
        "": lambda n: True,
        "/short": lambda n: n <= 9,
        "/medium": lambda n: 9 < n <= 30,
        "/long": lambda n: n > 30,
    }
    expected = {}
    for part, inside in progress.items():
        for suffix, among in lengths.items():

            def keep(elapsed: Any, length: Any, inside: Any = inside, among: Any = among) -> Any:
                return inside(elapsed, length) and among(length)

            error, bias = (f"{part}_error", f"{part}_bias") if part else ("ogpe", "bias")
            expected[error + suffix] = _loops(tasks, named, keep)
            expected[bias + suffix] = _loops(tasks, named, keep, score=float)
    expected["first_frame_error"] = _loops(tasks, named, lambda e, n: e == 1)
    expected["last_frame_error"] = _loops(tasks, named, lambda e, n: e == n)
    assert found.keys() == expected.keys() | {"monotonicity", "spearman"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


def test_means_by_hand() -> None:
    """One video with 2 frames in error 0.2, one with 2 in error 0.4: tasks weigh the same."""
    tasks = (
        ProcedureTask("a", (_video("a", "a0", ("1", 2)), _video("a", "a1", ("1", 10)))),
        ProcedureTask("b", (_video("b", "b0", ("1", 5)),)),
    )
    frames = action_frames(tasks)
    error = np.repeat([0.2, 0.4, -0.8], [2, 10, 5])
    found = progress_metrics(frames, frames.truth + error)
    assert found["ogpe"] == pytest.approx(((0.2 + 0.4) / 2 + 0.8) / 2)
    assert found["bias"] == pytest.approx(((0.2 + 0.4) / 2 - 0.8) / 2)
    assert found["ogpe/short"] == pytest.approx((0.2 + 0.8) / 2)
    assert found["ogpe/medium"] == pytest.approx(0.4)
    assert not [name for name in found if name.endswith("/long")]


def test_the_truth_has_no_error() -> None:
    frames = action_frames(_tasks())
    found = progress_metrics(frames, frames.truth)
    ordered = {name: found.pop(name) for name in ("monotonicity", "spearman")}
    assert ordered == {"monotonicity": 1.0, "spearman": pytest.approx(1.0)}
    assert set(found.values()) == {0.0}


def test_a_constant_half_tends_to_a_quarter() -> None:
    for length in (1, 2, 10, 400):
        frames = action_frames([ProcedureTask("a", (_video("a", "a0", ("1", length)),))])
        found = progress_metrics(frames, np.full(length, 0.5))
        expected = np.mean(np.abs(0.5 - np.arange(1, length + 1) / length))
        assert found["ogpe"] == pytest.approx(expected)
        assert found.get("monotonicity", 1.0) == 1.0
        assert found.get("spearman", 0.0) == 0.0
    assert found["ogpe"] == pytest.approx(0.25, abs=1e-3)


def test_monotonicity_and_spearman_against_loops() -> None:
    tasks = _tasks()
    frames, values, named = _random(tasks, seed=1)
    rises, correlations = [], []
    for task in tasks:
        of_rises, of_correlations = [], []
        for video in task.videos:
            pairs, rho = [], []
            for step in video.steps:
                if step.label == "0":
                    continue
                curve = [named[video.handle, t] for t in range(step.start, step.end + 1)]
                pairs += [b >= a for a, b in pairwise(curve)]
                if len(curve) >= 3:
                    truth = np.arange(len(curve)) + 1
                    rho.append(stats.spearmanr(curve, truth).statistic)
            of_rises.append(np.mean(pairs))
            of_correlations.append(np.mean(rho))
        rises.append(np.mean(of_rises))
        correlations.append(np.mean(of_correlations))
    found = progress_metrics(frames, values)
    assert found["monotonicity"] == pytest.approx(np.mean(rises))
    assert found["spearman"] == pytest.approx(np.mean(correlations))


def test_ties_share_their_rank() -> None:
    curve = [0.2, 0.2, 0.5, 0.1, 0.5, 0.5, 0.9]
    frames = action_frames([ProcedureTask("a", (_video("a", "a0", ("1", 7)),))])
    expected = stats.spearmanr(curve, np.arange(7)).statistic
    assert progress_metrics(frames, curve)["spearman"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("length", "name"), [(9, "short"), (10, "medium"), (30, "medium"), (31, "long")]
)
def test_lengths_belong_to_the_bin_below_their_edge(length: int, name: str) -> None:
    frames = action_frames([ProcedureTask("a", (_video("a", "a0", ("1", length)),))])
    found = progress_metrics(frames, frames.truth)
    assert [key for key in found if key.startswith("ogpe/")] == [f"ogpe/{name}"]


def test_a_falling_prediction_is_ordered_the_other_way() -> None:
    frames = action_frames(_tasks())
    found = progress_metrics(frames, 1 - frames.truth)
    assert found["monotonicity"] == 0
    assert found["spearman"] == pytest.approx(-1)


def test_predictions_are_checked() -> None:
    frames = action_frames(_tasks())
    expected = r"shape is \(3,\); expected \(66,\), one prediction for each frame of a key step"
    with pytest.raises(InputError, match=expected):
        progress_metrics(frames, np.zeros(3))
    for bad in (math.nan, math.inf):
        with pytest.raises(InputError, match="predicted; expected finite predictions"):
            progress_metrics(frames, np.full(len(frames), bad))


# Baselines.


def test_best_constant_beats_all_others() -> None:
    frames = action_frames(_tasks())

    def ogpe(value: Any) -> Any:
        return progress_metrics(frames, np.full(len(frames), value))["ogpe"]

    best = ogpe(best_constant(frames))
    assert best <= min(ogpe(value) for value in np.linspace(0, 1, 201)) + 1e-12


def test_baselines_by_hand() -> None:
    """Train: actions of 2, 4 and 4 frames; test: 5 and 3 frames, the second of an unknown kind."""
    train = action_frames([ProcedureTask("a", (_video("a", "a0", ("1", 2), ("1", 4), ("2", 4)),))])
    test = action_frames([ProcedureTask("a", (_video("a", "a9", ("1", 5), ("3", 3)),))])
    found = baseline_predictions(train, test)
    assert found["constant_0.25"].tolist() == [0.25] * 8
    assert found["constant_0.5"].tolist() == [0.5] * 8
    # Truth in train: .5 1, .25 .5 .75 1 twice; the smallest median is .5.
    assert found["best_constant"].tolist() == [0.5] * 8
    # Medians at 1, 2, 3 and 4 frames: of (.5 .25 .25), (1 .5 .5), (.75 .75), (1 1).
    curve = [0.25, 0.5, 0.75, 1]
    assert found["length_only"].tolist() == [*curve, 1, *curve[:3]]
    # Kind 1 has a mean of 3 frames; the unknown kind takes 10/3, the mean of all.
    expected = [*np.minimum(np.arange(1, 6) / 3, 1), *np.minimum(np.arange(1, 4) / (10 / 3), 1)]
    assert found["mean_length"] == pytest.approx(expected)
    assert found["oracle"].tolist() == test.truth.tolist()


def test_length_only_takes_the_nearest_known_number_of_frames() -> None:
    train = action_frames([ProcedureTask("a", (_video("a", "a0", ("1", 10)),))])
    test = action_frames([ProcedureTask("a", (_video("a", "a1", ("1", 20)),))])
    curve = baseline_predictions(train, test)["length_only"]
    assert curve == pytest.approx(np.minimum(np.arange(1, 21) / 10, 1))


# Embeddings.


def test_tau_by_hand() -> None:
    line = np.arange(5.0)[:, None]
    assert nearest_neighbour_tau([line, line * 1.1]) == pytest.approx(1)
    assert nearest_neighbour_tau([line, line[::-1]]) == pytest.approx(-1)
    # 0 1 2 3 4 → 0 2 1 3 4: one of ten pairs is out of order, both ways.
    assert nearest_neighbour_tau([line, line[[0, 2, 1, 3, 4]]]) == pytest.approx(0.8)
    # From one frame to many all neighbours are one: nothing is ordered.
    assert nearest_neighbour_tau([line, np.full((3, 1), 99.0)]) == 0


def test_tau_against_loops() -> None:
    generator = np.random.default_rng(0)
    videos = [generator.normal(size=(n, 3)).cumsum(axis=0) for n in (9, 12, 7)]
    taus = []
    for i, one in enumerate(videos):
        for j, other in enumerate(videos):
            if i == j:
                continue
            near = [min(range(len(other)), key=lambda k: ((x - other[k]) ** 2).sum()) for x in one]
            concordant = ties = 0
            for s in range(len(near)):
                for t in range(s + 1, len(near)):
                    concordant += np.sign(near[t] - near[s])
                    ties += near[t] == near[s]
            pairs = len(near) * (len(near) - 1) / 2
            taus.append(concordant / math.sqrt(pairs * (pairs - ties)))
    assert nearest_neighbour_tau(videos) == pytest.approx(np.mean(taus))


def test_one_video_has_no_neighbours() -> None:
    with pytest.raises(InputError, match="videos is 1; expected at least two of a task"):
        nearest_neighbour_tau([np.zeros((4, 2))])


def test_phase_accuracy_tells_held_out_frames() -> None:
    generator = np.random.default_rng(0)
    labels = [np.repeat(["0", "1", "2"], 20) for _ in range(4)]
    videos = [
        np.repeat(np.eye(3) * 8, 20, axis=0) + generator.normal(size=(60, 3)) for _ in range(4)
    ]
    assert phase_accuracy(videos[:2], labels[:2], videos[2:], labels[2:]) == 1
    shuffled = [generator.permutation(column) for column in labels[:2]]
    assert phase_accuracy(videos[:2], shuffled, videos[2:], labels[2:]) < 0.6


def test_progression_against_least_squares() -> None:
    generator = np.random.default_rng(0)
    videos = [generator.normal(size=(30, 4)) for _ in range(4)]
    progress = [x @ [0.1, 0.2, 0.0, -0.3] + generator.normal(0, 0.1, size=30) for x in videos]
    found = progression_r2(videos[:2], progress[:2], videos[2:], progress[2:])
    design = np.column_stack([np.concatenate(videos[:2]), np.ones(60)])
    weights = np.linalg.lstsq(design, np.concatenate(progress[:2]), rcond=None)[0]
    truth = np.concatenate(progress[2:])
    fitted = np.column_stack([np.concatenate(videos[2:]), np.ones(60)]) @ weights
    expected = 1 - ((truth - fitted) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()
    assert found == pytest.approx(expected)
    assert found > 0.8


def test_noise_explains_nothing_on_held_out_videos() -> None:
    """With nearly as many features as frames a fit on the scored frames would look good."""
    generator = np.random.default_rng(0)
    videos = [generator.normal(size=(40, 64)) for _ in range(4)]
    progress = [np.linspace(0, 1, 40) for _ in videos]
    labels = [np.repeat(["0", "1", "2", "3"], 10) for _ in videos]
    assert progression_r2(videos[:2], progress[:2], videos[2:], progress[2:]) < 0
    assert phase_accuracy(videos[:2], labels[:2], videos[2:], labels[2:]) < 0.45


def test_video_progress_by_hand() -> None:
    video = _video("a", "a0", ("0", 2), ("1", 2), ("0", 1), ("2", 4), ("0", 2))
    expected = [0, 0, 0.25, 0.5, 0.5, 0.625, 0.75, 0.875, 1, 1, 1]
    assert video_progress(video).tolist() == expected


def _embedded(tasks: Any, seed: int = 0) -> dict[Any, Any]:
    generator = np.random.default_rng(seed)
    return {
        video.handle: generator.normal(size=(len(video.features), 5))
        for task in tasks
        for video in task.videos
    }


def _pair() -> tuple[tuple[ProcedureTask, ...], tuple[ProcedureTask, ...]]:
    segments = (("0", 4), ("1", 8), ("0", 2), ("2", 6))
    train, test = (
        tuple(
            ProcedureTask(t, tuple(_video(t, f"{t}{part}{n}", *segments) for n in range(2)))
            for t in ("a", "b")
        )
        for part in ("train", "test")
    )
    return train, test


def test_embedding_metrics_are_means_over_tasks() -> None:
    train, test = _pair()
    embeddings = _embedded((*train, *test))
    found = embedding_metrics(train, test, embeddings)
    assert found.keys() == {"kendall_tau", "phase_accuracy", "progression_r2"}
    alone = [embedding_metrics(train[i : i + 1], test[i : i + 1], embeddings) for i in range(2)]
    for name, value in found.items():
        assert value == pytest.approx((alone[0][name] + alone[1][name]) / 2)
    # Only held-out videos are scored, only training videos are fitted.
    held_out = {video.handle for task in test for video in task.videos}
    changed = {h: e + 1 if h in held_out else e for h, e in embeddings.items()}
    moved = embedding_metrics(train, test, changed)
    assert moved["kendall_tau"] == pytest.approx(found["kendall_tau"])
    assert moved["progression_r2"] != found["progression_r2"]
    known = {h: e if h in held_out else e[::-1] for h, e in embeddings.items()}
    refitted = embedding_metrics(train, test, known)
    assert refitted["kendall_tau"] == found["kendall_tau"]
    assert refitted["progression_r2"] != found["progression_r2"]


def test_embeddings_are_checked() -> None:
    train, test = _pair()
    good = _embedded((*train, *test))
    with pytest.raises(InputError, match=r"test is \['a'\]; expected the tasks of train"):
        embedding_metrics(train, test[:1], good)
    with pytest.raises(InputError, match=r"test is \[\]; expected the tasks of train"):
        embedding_metrics((), (), good)
    with pytest.raises(InputError, match="btest1; expected an embedding of this video"):
        embedding_metrics(train, test, {h: e for h, e in good.items() if h != "btest1"})
    for bad in (np.zeros((3, 5)), np.zeros(20)):
        expected = r"atrain0 is \(.*\); expected \(20, D\), one row for each frame"
        with pytest.raises(InputError, match=expected):
            embedding_metrics(train, test, good | {"atrain0": bad})
    with pytest.raises(InputError, match="atest0; expected finite embeddings"):
        embedding_metrics(train, test, good | {"atest0": np.full((20, 5), np.nan)})


# The small tier's data, on which all this is used.

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tracked data, out of the remote inside the repository."""
    folder = tmp_path_factory.mktemp("repository") / "alignment"
    unpack_tracked(ROOT, "data/alignment", folder)
    return folder


def _ridge(train: Any, test: Any, *, shuffled: bool = False) -> np.ndarray:
    """Progress predicted from the features of single frames by one ridge regression."""
    known, asked = (
        np.array([videos[v].features[t] for v, t in zip(f.video, f.frame, strict=True)])
        for tasks, f in ((train, action_frames(train)), (test, action_frames(test)))
        for videos in [[video for task in tasks for video in task.videos]]
    )
    truth = action_frames(train).truth
    if shuffled:
        truth = np.random.default_rng(0).permutation(truth)
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 13))).fit(known, truth)
    return np.clip(model.predict(asked), 0, 1)


def test_small_data_are_neither_trivial_nor_hopeless(small: Path) -> None:
    train, test = (read_procedures(small, split=split) for split in ("train", "test"))
    frames = action_frames(test)
    baselines = baseline_predictions(action_frames(train), frames)
    found = {name: progress_metrics(frames, values) for name, values in baselines.items()}
    ogpe = {name: metrics["ogpe"] for name, metrics in found.items()}
    assert ogpe["oracle"] == 0
    assert 0.23 < ogpe["best_constant"] < ogpe["constant_0.5"] < ogpe["constant_0.25"]
    # Time tells something, and far from all; with the label it tells more.
    assert 0.15 < ogpe["length_only"] < ogpe["best_constant"] - 0.03
    assert 0.05 < ogpe["mean_length"] < ogpe["length_only"] - 0.05
    # So does a single frame: one linear map for all steps beats constants by 0.05, and is far from
    # exact; what it learns comes from the features.
    seen = progress_metrics(frames, _ridge(train, test))
    assert 0.1 < seen["ogpe"] < ogpe["best_constant"] - 0.05
    unrelated = progress_metrics(frames, _ridge(train, test, shuffled=True))
    assert unrelated["ogpe"] > ogpe["best_constant"] - 0.005
    # Short, medium and long actions are there to be judged.
    assert {f"early_error/{length}" for length in ("medium", "long")} < seen.keys()
    assert "early_error/short" in seen


def test_small_data_tell_their_steps_apart(small: Path) -> None:
    train, test = (read_procedures(small, split=split) for split in ("train", "test"))
    videos = [video for part in (train, test) for task in part for video in task.videos]
    found = embedding_metrics(train, test, {video.handle: video.features for video in videos})
    labels = np.concatenate([video.frame_labels() for task in test for video in task.videos])
    assert np.mean(labels == "0") + 0.2 < found["phase_accuracy"] < 0.97
    assert 0.05 < found["kendall_tau"] < 0.5
