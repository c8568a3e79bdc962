"""The segment sampler, against enumeration of everything that it can draw."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fixbench.datasets.procedures import Step
from fixbench.errors import InputError
from fixbench.systems.alignment._sampling import (
    eligible_actions,
    progress_bins,
    progress_weights,
    sample_segments,
)
from fixbench.systems.alignment._sampling_properties import (
    bin_probabilities,
    capped_share,
    documented_weights_hold,
    expected_bin_counts,
    expected_examples,
    progress_shares,
    target_probabilities,
    worked_example,
)


def _video(*lengths: int) -> list[Step]:
    """Actions of these lengths with one frame of background before each."""
    steps, start = [], 0
    for number, length in enumerate(lengths):
        steps += [Step("0", start, start), Step(str(number + 1), start + 1, start + length)]
        start += length + 1
    return steps


def _bin(elapsed: int, length: int) -> int:
    share = elapsed / length
    return 0 if share <= 0.33 else 1 if share <= 0.67 else 2


def _outcomes(length: int, stratified: bool, frames: int = 5) -> dict[frozenset[int], Fraction]:
    """Every set of targets that a draw can give, with its exact probability."""
    targets = range(3, length + 1)
    if not stratified or len(targets) < 3:
        sets = list(combinations(targets, min(frames, len(targets))))
        return {frozenset(chosen): Fraction(1, len(sets)) for chosen in sets}
    bins = [[t for t in targets if _bin(t, length) == b] for b in range(3)]
    each = max(1, frames // 3)
    first = [list(combinations(b, min(each, len(b)))) for b in bins]
    found: dict[frozenset[int], Fraction] = {}
    for picks in product(*first):
        taken = [t for pick in picks for t in pick]
        rest = [t for t in targets if t not in taken]
        more = list(combinations(rest, min(max(0, frames - len(taken)), len(rest))))
        for extra in more:
            chosen = frozenset([*taken, *extra])
            share = Fraction(1, math.prod(len(pick) for pick in first) * len(more))
            found[chosen] = found.get(chosen, Fraction(0)) + share
    assert sum(found.values()) == 1
    return found


LENGTHS = (3, 4, 5, 6, 8, 9, 10, 13)


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_draw_gives_each_set_of_targets_with_its_probability(
    length: Any, stratified: bool
) -> None:
    """Seeded: each of at most 462 sets within 5 standard errors of its exact frequency."""
    expected = _outcomes(length, stratified)
    draws = 1000
    samples = sample_segments(
        [_video(length)],
        np.random.default_rng(7),
        stratified=stratified,
        samples_per_video=draws,
    )
    targets = samples.target.reshape(draws, -1)
    found: dict[frozenset[int], int] = {}
    for row in targets:
        assert len(set(row.tolist())) == len(row)  # without replacement
        chosen = frozenset(row.tolist())  # the action starts at frame 1
        found[chosen] = found.get(chosen, 0) + 1
    assert found.keys() <= expected.keys()
    for chosen, probability in expected.items():
        share = float(probability)
        error = math.sqrt(share * (1 - share) * draws) + 1
        assert abs(found.get(chosen, 0) - share * draws) < 5 * error, sorted(chosen)


@pytest.mark.parametrize("stratified", [False, True])
def test_examples_are_segments_of_eligible_actions(stratified: bool) -> None:
    videos = [_video(2, 7, 40), _video(3), _video(12, 1, 5, 4)]
    samples = sample_segments(videos, np.random.default_rng(0), stratified=stratified)
    by_start = [{step.start: step for step in eligible_actions(steps)} for steps in videos]
    assert [sorted(found) for found in by_start] == [[4, 12], [1], [1, 16, 22]]
    for video, start, target, progress in zip(
        samples.video, samples.start, samples.target, samples.progress, strict=True
    ):
        action = by_start[video][start]
        assert action.start + 2 <= target <= action.end
        assert progress == (target - action.start + 1) / (action.end - action.start + 1)
    counts = np.bincount(samples.video)
    assert counts[1] == 10  # one target a draw
    assert all(counts <= 50)
    assert len(samples) == counts.sum()
    assert (np.diff(samples.video) >= 0).all()
    assert samples.video.dtype == samples.start.dtype == samples.target.dtype == np.int64


def test_actions_are_drawn_alike_whatever_their_length() -> None:
    samples = sample_segments(
        [_video(3, 60)], np.random.default_rng(1), stratified=False, samples_per_video=4000
    )
    # One example a draw of the short action, five of the long one.
    short = np.sum(samples.start == 1)
    assert len(samples) == short + 5 * (4000 - short)
    assert abs(short - 2000) < 5 * math.sqrt(1000)


def test_stratified_draws_have_one_of_each_bin_that_has_a_target() -> None:
    for length in range(5, 40):
        samples = sample_segments(
            [_video(length)], np.random.default_rng(length), stratified=True, samples_per_video=20
        )
        bins = progress_bins(samples.progress).reshape(20, -1)
        present = {_bin(t, length) for t in range(3, length + 1)}
        assert (0 in present) == (length > 9)
        for row in bins:
            assert present <= set(row.tolist())


def test_fewer_frames_than_bins_still_take_one_of_each() -> None:
    """The fork's quirk: three bins give three examples though one was asked for."""
    samples = sample_segments(
        [_video(30)],
        np.random.default_rng(0),
        stratified=True,
        samples_per_video=6,
        frames_per_segment=1,
    )
    assert progress_bins(samples.progress).tolist() == [0, 1, 2] * 6
    probabilities = target_probabilities(30, stratified=True, frames_per_segment=1)
    assert probabilities.sum() == pytest.approx(3)
    # Three targets in two bins, and two targets, which are too few to be stratified.
    for length, examples in ((5, 2), (4, 1)):
        few = sample_segments(
            [_video(length)],
            np.random.default_rng(0),
            stratified=True,
            samples_per_video=1,
            frames_per_segment=1,
        )
        assert len(few) == examples


def test_the_generator_alone_decides() -> None:
    videos = [_video(20, 9), _video(33)]

    def draw(seed: Any) -> Any:
        samples = sample_segments(videos, np.random.default_rng(seed), stratified=True)
        return samples.target.tolist()

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)


def test_videos_without_a_long_enough_action_have_no_example() -> None:
    generator = np.random.default_rng(0)
    background = [Step(label, 0, 50) for label in ("0", "SIL", "background")]
    samples = sample_segments([_video(2, 1), background, []], generator, stratified=True)
    assert len(samples) == 0
    assert samples.progress.dtype == np.float64
    longer = sample_segments([_video(9)], generator, stratified=True, min_segment_length=10)
    assert len(longer) == 0


@given(st.integers(3, 200), st.integers(0, 2**32), st.booleans(), st.integers(2, 6))
def test_progress_and_bounds(length: int, seed: int, stratified: bool, least: int) -> None:
    samples = sample_segments(
        [_video(length)],
        np.random.default_rng(seed),
        stratified=stratified,
        samples_per_video=2,
        min_segment_length=least,
    )
    targets = max(0, length - least + 1)
    assert len(samples) == 2 * min(5, targets)
    if targets:
        assert samples.progress.min() >= least / length
        assert samples.progress.max() <= 1


@pytest.mark.parametrize(
    ("option", "value", "least"),
    [("samples_per_video", 0, 1), ("frames_per_segment", 0, 1), ("min_segment_length", 1, 2)],
)
def test_options_are_checked(option: str, value: int, least: int) -> None:
    with pytest.raises(InputError, match=f"{option} is {value}; expected at least {least}"):
        sample_segments([], np.random.default_rng(0), stratified=False, **{option: value})


def test_bins_include_their_upper_edge() -> None:
    assert progress_bins([0.33, 0.3301, 1 / 3, 0.67, 0.6701, 1, 33 / 100]).tolist() == [
        0, 1, 1, 1, 2, 2, 0,
    ]  # fmt: skip


# Weights.


def test_weights_by_hand() -> None:
    found = progress_weights([0.0, 0.01, 0.05, 0.1, 0.125, 0.2, 0.5, 1.0], 10)
    assert found.tolist() == [10, 10, 10, 10, 8, 5, 2, 1]
    assert progress_weights([0.04, 0.5], 20).tolist() == [20, 2]
    assert progress_weights([0.04, 0.5], 1).tolist() == [1, 1]


def test_weights_by_the_documents_formula() -> None:
    progress = np.random.default_rng(0).uniform(1e-3, 1, size=500)
    expected = [min(1 / max(p, 1 / 10), 10) for p in progress]
    assert progress_weights(progress, 10.0).tolist() == expected


@pytest.mark.parametrize("cap", [0.5, 0, -1, math.nan])
def test_caps_that_cap_everything_are_refused(cap: float) -> None:
    with pytest.raises(InputError, match=r"cap is .*; expected at least 1"):
        progress_weights([0.5], cap)


# Exact properties.


@pytest.mark.parametrize("stratified", [False, True])
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("frames", [2, 5, 7])
def test_probabilities_by_enumeration(length: Any, stratified: bool, frames: int) -> None:
    outcomes = _outcomes(length, stratified, frames)
    options: dict[str, Any] = {"stratified": stratified, "frames_per_segment": frames}
    targets = range(3, length + 1)
    inclusion = [float(sum(p for s, p in outcomes.items() if t in s)) for t in targets]
    assert target_probabilities(length, **options) == pytest.approx(inclusion, abs=1e-12)
    present = [
        float(sum(p for s, p in outcomes.items() if any(_bin(t, length) == b for t in s)))
        for b in range(3)
    ]
    assert bin_probabilities(length, **options) == pytest.approx(present, abs=1e-12)
    counts = [
        float(sum(p * sum(_bin(t, length) == b for t in s) for s, p in outcomes.items()))
        for b in range(3)
    ]
    assert expected_bin_counts(length, **options) == pytest.approx(counts, abs=1e-12)


def test_uniform_targets_do_not_favour_the_middle() -> None:
    """LB07: of a long action 0.3 to 0.7 has as many targets as its width; of short ones fewer than
    the late part."""
    low, middle, high = progress_shares([[1000]], stratified=False)
    assert middle == pytest.approx(400 / 998)
    assert low == pytest.approx(298 / 998)
    assert high == pytest.approx(300 / 998)
    low, middle, high = progress_shares([[6, 6], [9]], stratified=False)
    # Of 6 frames: 3/6, 4/6 | 5/6, 1 (4 of 4 targets); of 9: 3/9 … 6/9 | 7/9 … 1 (5 of 7).
    assert low == 0
    assert middle == pytest.approx((10 * 2 + 10 * 5 * 4 / 7) / (10 * 4 + 10 * 5))
    assert high == pytest.approx(1 - middle)


def test_shares_are_those_of_the_sampler() -> None:
    videos = [[3, 7, 40], [15, 2], [31, 31, 5, 4]]
    steps = [_video(*lengths) for lengths in videos]
    for stratified in (False, True):
        samples = sample_segments(
            steps, np.random.default_rng(2), stratified=stratified, samples_per_video=800
        )
        for edges in ((0.3, 0.7), (0.33, 0.67), (0.1,)):
            expected = progress_shares(videos, stratified=stratified, edges=edges)
            where = np.digitize(samples.progress, edges, right=True)
            found = np.bincount(where, minlength=len(edges) + 1) / len(samples)
            assert found == pytest.approx(expected, abs=0.025)
        per_video = np.bincount(samples.video) / 800 * 10
        assert per_video == pytest.approx(expected_examples(videos), abs=2)
        assert np.mean(samples.progress < 0.1) == pytest.approx(
            capped_share(videos, stratified=stratified), abs=0.01
        )


def test_early_bin_by_length() -> None:
    """LB08: no early example up to 9 frames, one in every stratified draw from 10 on."""
    for length in range(3, 10):
        for stratified in (False, True):
            assert bin_probabilities(length, stratified=stratified)[0] == 0
    for length in range(10, 120):
        assert bin_probabilities(length, stratified=True).tolist() == [1, 1, 1]
        assert 0 < bin_probabilities(length, stratified=False)[0] < 1
    # Ten frames: one early target (3 of 10) of eight, five drawn.
    assert bin_probabilities(10, stratified=False)[0] == pytest.approx(5 / 8)


def test_examples_by_bin_at_100_frames() -> None:
    """LB09, by hand: 31, 34 and 33 targets; one of each, then two of the other 95."""
    found = expected_bin_counts(100, stratified=True)
    assert found == pytest.approx([1 + 30 * 2 / 95, 1 + 33 * 2 / 95, 1 + 32 * 2 / 95])
    assert found.round(2).tolist() == [1.63, 1.69, 1.67]
    assert expected_bin_counts(100, stratified=False) == pytest.approx(
        [5 * 31 / 98, 5 * 34 / 98, 5 * 33 / 98]
    )


def test_examples_a_video() -> None:
    """LB10: 50 only where every action has at least seven frames."""
    assert expected_examples([[7, 20], [3, 7], [2, 3], [2], []]).tolist() == [50, 30, 10, 0, 0]
    assert expected_examples([[30]], samples_per_video=4, frames_per_segment=3).tolist() == [12]


def test_documented_weights_and_where_the_cap_binds() -> None:
    assert documented_weights_hold()
    assert not documented_weights_hold(cap=8)
    for length in range(3, 31):
        assert capped_share([[length]], stratified=False) == 0
    # Of 31 frames one target of 29 lies below 0.1: 3/31.
    assert capped_share([[31]], stratified=False) == pytest.approx(1 / 29)


def test_worked_example() -> None:
    assert worked_example() == 26 / 51
    assert round(worked_example(), 2) == 0.51


def test_properties_refuse_what_cannot_be_sampled() -> None:
    for function in (target_probabilities, bin_probabilities, expected_bin_counts):
        with pytest.raises(
            InputError, match="length is 2; expected at least min_segment_length, 3"
        ):
            function(2, stratified=True)
    for share in (progress_shares, capped_share):
        with pytest.raises(InputError, match=r"lengths is .*; expected an action of at least 3"):
            share([[1, 2], []], stratified=True)
