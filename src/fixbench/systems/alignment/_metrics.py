"""How good predicted progress and embeddings are, and what trivial predictors reach.

Progress is judged within key steps: frame k of L (k from 1) has the progress k/L; background frames
are not judged. Means are taken over the frames of a video, then over the videos of a task, then
over tasks, so that neither long videos nor tasks with many videos dominate.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fixbench.datasets.procedures import ProcedureTask, ProcedureVideo
from fixbench.errors import InputError
from fixbench.systems.alignment._sampling import progress_bins

__all__ = [
    "LENGTH_EDGES",
    "ActionFrames",
    "action_frames",
    "baseline_predictions",
    "best_constant",
    "embedding_metrics",
    "nearest_neighbour_tau",
    "phase_accuracy",
    "progress_metrics",
    "progression_r2",
    "video_progress",
]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

#: Short actions, up to the first, have no early target; of long ones, beyond the second, early
#: targets reach the cap of the loss weights.
LENGTH_EDGES = (9, 30)
_REGIONS = ("early", "middle", "late")
_LENGTHS = ("short", "medium", "long")


@dataclass(frozen=True)
class ActionFrames:
    """The N frames that lie in key steps, in order of tasks, videos and time.

    Attributes:
        task: int64 [N]; video: int64 [N], numbered through all tasks; action: int64 [N], numbered
            through all videos; frame: int64 [N], position in the video.
        elapsed: int64 [N], frames since the action's start, this one included; length: int64 [N].
        kinds: (task name, label) of each action.
    """

    task: Integers
    video: Integers
    action: Integers
    frame: Integers
    elapsed: Integers
    length: Integers
    kinds: tuple[tuple[str, str], ...]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def truth(self) -> Floats:
        """Progress, float64 [N], in (0, 1]."""
        return self.elapsed / self.length


def action_frames(tasks: Sequence[ProcedureTask]) -> ActionFrames:
    """Every frame in a key step.

    Raises:
        InputError: there is none.
    """
    rows = []
    kinds: list[tuple[str, str]] = []
    videos = [(number, video) for number, task in enumerate(tasks) for video in task.videos]
    for video_number, (task_number, video) in enumerate(videos):
        for step in video.steps:
            if step.is_background:
                continue
            elapsed = np.arange(1, step.length + 1)
            same = (task_number, video_number, len(kinds), step.length)
            task_index, video_index, action, length = (np.full(step.length, n) for n in same)
            columns = (task_index, video_index, action, step.start - 1 + elapsed, elapsed, length)
            rows.append(np.stack(columns))
            kinds.append((video.task, step.label))
    if not rows:
        raise InputError("action_frames", "steps", expected="at least one that is not background")
    task, video_index, action, frame, elapsed, length = np.concatenate(rows, axis=1)
    return ActionFrames(task, video_index, action, frame, elapsed, length, tuple(kinds))


def progress_metrics(frames: ActionFrames, predicted: ArrayLike) -> dict[str, float]:
    """Errors of predicted progress.

    Args:
        predicted: [N], of the frames of ``frames``.

    Returns:
        ``ogpe``: mean absolute error at action level, with ``early_error``, ``middle_error`` and
        ``late_error`` by the true progress (up to 0.33, up to 0.67, beyond) and
        ``first_frame_error`` and ``last_frame_error``; ``bias``, ``early_bias``, …: mean of
        predicted - true. Each also by the action's length: ``/short`` (up to 9 frames), ``/medium``
        (up to 30), ``/long``. What no frame falls into is left out.
        ``monotonicity``: share of frames whose prediction is not below that of the frame before
        in the same action (a constant has 1). ``spearman``: of prediction and truth in actions of
        at least three frames (a constant has 0).

    Raises:
        InputError: predictions are not one finite number for each frame.
    """
    values = np.asarray(predicted, dtype=np.float64)
    if values.shape != (len(frames),):
        expected = f"({len(frames)},), one prediction for each frame of a key step"
        raise InputError("progress_metrics", "shape", values.shape, expected=expected)
    if not np.isfinite(values).all():
        raise InputError("progress_metrics", "predicted", expected="finite predictions")
    difference = values - frames.truth
    region, size = progress_bins(frames.truth), np.digitize(frames.length, LENGTH_EDGES, right=True)
    everywhere = np.ones(len(frames), dtype=bool)
    parts = {"": everywhere} | {f"{name}_": region == i for i, name in enumerate(_REGIONS)}
    lengths = {"": everywhere} | {f"/{name}": size == i for i, name in enumerate(_LENGTHS)}
    found: dict[str, float] = {}
    for part, inside in parts.items():
        for length, among in lengths.items():
            chosen = inside & among
            if chosen.any():
                error = "ogpe" if not part else f"{part}error"
                found[f"{error}{length}"] = _mean(frames, np.abs(difference), chosen)
                found[f"{part}bias{length}"] = _mean(frames, difference, chosen)
    first, last = frames.elapsed == 1, frames.elapsed == frames.length
    found["first_frame_error"] = _mean(frames, np.abs(difference), first)
    found["last_frame_error"] = _mean(frames, np.abs(difference), last)
    if not first.all():
        rises = np.concatenate([[False], np.diff(values) >= 0]).astype(np.float64)
        found["monotonicity"] = _mean(frames, rises, ~first)
    longer = first & (frames.length >= 3)
    if longer.any():
        correlations = np.zeros(len(frames))
        for start in np.flatnonzero(longer):
            correlations[start] = _spearman(values[start : start + frames.length[start]])
        found["spearman"] = _mean(frames, correlations, longer)
    return found


def _mean(frames: ActionFrames, values: Floats, chosen: NDArray[np.bool_]) -> float:
    """Over the chosen frames of a video, then videos of a task, then tasks."""
    return float((_weights(frames, chosen) * values[chosen]).sum())


def _weights(frames: ActionFrames, chosen: NDArray[np.bool_]) -> Floats:
    """Of the chosen frames in `_mean`; their sum is 1."""
    task, video = frames.task[chosen], frames.video[chosen]
    of_video = np.bincount(video)[video]
    _, firsts = np.unique(video, return_index=True)
    videos_of_task = np.bincount(task[firsts])[task]
    return 1 / (of_video * videos_of_task * len(np.unique(task)))


def _spearman(predicted: Floats) -> float:
    """Rank correlation with time; 0 for a constant, which orders nothing."""
    if np.ptp(predicted) == 0:
        return 0.0
    # Ranks, ties averaged, as scipy.stats.rankdata gives them; importing that takes a second.
    _, inverse, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return float(np.corrcoef(ranks, np.arange(len(predicted)))[0, 1])


# What is reached without looking.


def best_constant(frames: ActionFrames) -> float:
    """The constant with the smallest OGPE: the median of the truth, weighted as the OGPE is."""
    return _weighted_median(frames.truth, _weights(frames, np.ones(len(frames), dtype=bool)))


def baseline_predictions(train: ActionFrames, test: ActionFrames) -> dict[str, Floats]:
    """Predictions [N] for the frames of ``test`` that no feature was looked at for.

    ``constant_0.25``, ``constant_0.5``, ``best_constant`` (of ``train``); ``length_only``: the
    median of the truth in ``train`` as many frames after the start (of the nearest number that
    occurs there); ``mean_length``: elapsed frames over the mean length of actions with the same
    label in ``train`` (of all actions, where there is none), at most 1, which needs the label;
    ``oracle``: elapsed frames over the length, which needs the future.
    """
    weights = _weights(train, np.ones(len(train), dtype=bool))
    known = np.unique(train.elapsed)
    curve = np.array(
        [
            _weighted_median(train.truth[here], weights[here])
            for here in (train.elapsed == elapsed for elapsed in known)
        ]
    )
    nearest = np.abs(known[None, :] - test.elapsed[:, None]).argmin(axis=1)
    starts = train.elapsed == 1
    lengths: dict[tuple[str, str], list[int]] = {}
    for kind, length in zip(train.kinds, train.length[starts].tolist(), strict=True):
        lengths.setdefault(kind, []).append(length)
    overall = float(train.length[starts].mean())
    means = {kind: float(np.mean(of_kind)) for kind, of_kind in lengths.items()}
    expected = np.array([means.get(kind, overall) for kind in test.kinds])[test.action]
    constants = {
        "constant_0.25": 0.25,
        "constant_0.5": 0.5,
        "best_constant": best_constant(train),
    }
    return {name: np.full(len(test), value) for name, value in constants.items()} | {
        "length_only": curve[nearest],
        "mean_length": np.minimum(test.elapsed / expected, 1),
        "oracle": test.truth,
    }


def _weighted_median(values: Floats, weights: Floats) -> float:
    """The smallest value that at least half of the weight does not exceed."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(weights[order])
    # The tolerance keeps rounding of equal weights from moving the median.
    return float(values[order][np.searchsorted(below, 0.5 * below[-1] * (1 - 1e-12))])


# How good embeddings are.


def embedding_metrics(
    train: Sequence[ProcedureTask],
    test: Sequence[ProcedureTask],
    embeddings: Mapping[str, NDArray[np.floating]],
) -> dict[str, float]:
    """``kendall_tau``, ``phase_accuracy`` and ``progression_r2``, each the mean over tasks.

    Everything is scored on videos of ``test``; what is fitted is fitted on those of ``train``.

    Args:
        train, test: the same tasks in the same order.
        embeddings: handle → [T, D], of every video in both.

    Raises:
        InputError: tasks differ; a task has one test video only; an embedding is missing, does not
            have one finite row for each frame, or differs in width.
    """
    names = [[task.name for task in part] for part in (train, test)]
    if names[0] != names[1] or not names[0]:
        expected = f"the tasks of train, {names[0]}, in their order"
        raise InputError("embedding_metrics", "test", names[1], expected=expected)
    of_task = []
    for fitted, scored in zip(train, test, strict=True):
        known, held_out = (
            [_embedding(video, embeddings) for video in part.videos] for part in (fitted, scored)
        )
        labels = [[video.frame_labels() for video in part.videos] for part in (fitted, scored)]
        progress = [[video_progress(video) for video in part.videos] for part in (fitted, scored)]
        of_task.append(
            (
                nearest_neighbour_tau(held_out),
                phase_accuracy(known, labels[0], held_out, labels[1]),
                progression_r2(known, progress[0], held_out, progress[1]),
            )
        )
    means = np.mean(of_task, axis=0).tolist()
    return dict(zip(("kendall_tau", "phase_accuracy", "progression_r2"), means, strict=True))


def _embedding(
    video: ProcedureVideo, embeddings: Mapping[str, NDArray[np.floating]]
) -> NDArray[np.floating]:
    if video.handle not in embeddings:
        raise InputError("embedding_metrics", video.handle, expected="an embedding of this video")
    embedding = embeddings[video.handle]
    if embedding.ndim != 2 or len(embedding) != len(video.features):
        expected = f"({len(video.features)}, D), one row for each frame"
        raise InputError("embedding_metrics", video.handle, embedding.shape, expected=expected)
    if not np.isfinite(embedding).all():
        raise InputError("embedding_metrics", video.handle, expected="finite embeddings")
    return embedding


def nearest_neighbour_tau(videos: Sequence[NDArray[np.floating]]) -> float:
    """Kendall's τ between the frames of a video and their nearest neighbours in another.

    The mean over all ordered pairs of different videos (Dwibedi et al., "Temporal
    Cycle-Consistency Learning", CVPR 2019, §4.1): 1 where neighbours follow each other as the
    frames do. Where all frames have one neighbour, nothing is ordered and the pair counts as 0.

    Args:
        videos: embeddings [T, D] of at least two videos of one task.

    Raises:
        InputError: there are fewer than two.
    """
    from scipy.spatial.distance import cdist  # takes a second
    from scipy.stats import kendalltau

    if len(videos) < 2:
        raise InputError(
            "nearest_neighbour_tau", "videos", len(videos), expected="at least two of a task"
        )
    total, pairs = 0.0, 0
    for one, other in permutations(videos, 2):
        nearest = cdist(one, other).argmin(axis=1)
        if np.ptp(nearest):
            total += float(kendalltau(np.arange(len(nearest)), nearest).statistic)
        pairs += 1
    return total / pairs


def phase_accuracy(
    train: Sequence[NDArray[np.floating]],
    train_labels: Sequence[NDArray[np.str_]],
    test: Sequence[NDArray[np.floating]],
    test_labels: Sequence[NDArray[np.str_]],
) -> float:
    """Share of held-out frames whose step (or background) a support vector machine tells.

    Standardised features, radial basis functions, scikit-learn's defaults; fitted on the training
    videos of one task only (upstream fits on a part of the frames that it scores).

    Args:
        train, test: embeddings [T, D] of each video; train_labels, test_labels: labels [T].
    """
    from sklearn.pipeline import make_pipeline  # takes a second
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC

    classifier = make_pipeline(StandardScaler(), SVC())
    classifier.fit(np.concatenate(train), np.concatenate(train_labels))
    return float(classifier.score(np.concatenate(test), np.concatenate(test_labels)))


def progression_r2(
    train: Sequence[NDArray[np.floating]],
    train_progress: Sequence[Floats],
    test: Sequence[NDArray[np.floating]],
    test_progress: Sequence[Floats],
) -> float:
    """R² on held-out videos of a linear regression of video progress on embeddings.

    Fitted on the training videos of one task; below 0 where the mean would be better.

    Args:
        train, test: embeddings [T, D] of each video; train_progress, test_progress: [T].
    """
    from sklearn.linear_model import LinearRegression  # takes a second

    regression = LinearRegression().fit(np.concatenate(train), np.concatenate(train_progress))
    return float(regression.score(np.concatenate(test), np.concatenate(test_progress)))


def video_progress(video: ProcedureVideo) -> Floats:
    """Progress through the whole procedure [T]: every key step takes an equal share of it.

    It rises linearly in a key step and stands still elsewhere (upstream lets background count as
    steps, because its annotation never uses the label for which it looks).
    """
    actions = [step for step in video.steps if not step.is_background]
    progress = np.zeros(len(video.features))
    for number, step in enumerate(actions):
        rising = number + np.arange(1, step.length + 1) / step.length
        progress[step.start : step.end + 1] = rising / len(actions)
        progress[step.end + 1 :] = (number + 1) / len(actions)
    return progress
