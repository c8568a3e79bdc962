"""Evaluation steps, windows, batches, rates, displacement and strict options."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from fixbench.training import (
    StrictOptions,
    Window,
    compare_state_files,
    first_of_each,
    relative_displacement,
    save_state,
    shuffled_batches,
    steps_at,
    steps_evenly,
    warm_up_then_cosine,
)


def test_evaluations_are_evenly_spaced_and_end_with_training() -> None:
    assert sorted(steps_evenly(10, 5)) == [2, 4, 6, 8, 10]
    # 3.5 and 10.5 are rounded to the even neighbour.
    assert sorted(steps_evenly(14, 4)) == [4, 7, 10, 14]
    assert sorted(steps_evenly(5, 1)) == [5]
    for steps in range(1, 40):
        for count in range(1, steps + 1):
            found = steps_evenly(steps, count)
            assert max(found) == steps
            assert len(found) == count


def test_evaluations_at_fractions() -> None:
    assert sorted(steps_at(40, [0.0, 0.25, 0.33, 1.0])) == [0, 10, 13, 40]


def test_a_window_averages_since_the_last_evaluation() -> None:
    window = Window()
    assert not window
    assert window.take_means() == {}
    for loss in (1.0, 2.0, 6.0):
        window.add({"loss": loss, "other": -loss})
    assert window
    assert list(window.take_means().items()) == [("loss", 3.0), ("other", -3.0)]
    window.add({"loss": 5.0})
    assert window.take_means() == {"loss": 5.0}


def test_a_window_adds_one_value_after_another() -> None:
    """So that its means are the same in every version of Python and NumPy."""
    values = [1e16, 1.0, -1e16, 0.1]
    window = Window()
    total = 0.0
    for value in values:
        window.add({"x": value})
        total = total + value
    assert window.take_means() == {"x": total / 4}
    assert total != math.fsum(values)


def test_batches_pass_over_all_samples_before_any_comes_again() -> None:
    def draw(seed: int, steps: int = 7) -> list[torch.Tensor]:
        return shuffled_batches(10, 3, steps, torch.Generator().manual_seed(seed))

    found = draw(0)
    assert [len(index) for index in found] == [3] * 7
    for start in (0, 3):
        epoch = torch.cat(found[start : start + 3]).tolist()
        assert len(set(epoch)) == 9
    assert torch.equal(torch.stack(draw(0)), torch.stack(found))
    assert not torch.equal(torch.stack(draw(1)), torch.stack(found))
    # Longer training begins as shorter training does.
    assert torch.equal(torch.stack(draw(0, 20))[:7], torch.stack(found))
    (few,) = shuffled_batches(2, 5, 1, torch.Generator().manual_seed(0))
    assert sorted(few.tolist()) == [0, 1]


def test_the_first_samples_of_each_group() -> None:
    assert first_of_each(["b", "a", "b", "b", "a", "c"], 2) == [0, 1, 2, 4, 5]
    assert first_of_each([], 2) == []


def test_rates_warm_up_and_fall() -> None:
    optimiser = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=2.0)
    scheduler = warm_up_then_cosine(optimiser, 40)
    rates = []
    for _ in range(40):
        rates.append(scheduler.get_last_lr()[0])
        optimiser.step()
        scheduler.step()
    assert rates[:3] == pytest.approx([1.0, 2.0, 2.0])
    assert rates[21] == pytest.approx(1.0)  # half of the way down
    assert rates[39] == pytest.approx(1 + math.cos(math.pi * 37 / 38))


def test_displacement_relative_to_the_start() -> None:
    before = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]
    now = [torch.tensor([3.0, 1.0]), torch.tensor([[4.0]])]
    assert relative_displacement(now, before) == pytest.approx(1 / 5)
    assert relative_displacement(now, [torch.zeros(2), torch.zeros(1, 1)]) == 0


class _Inner(StrictOptions):
    rate: float


class _Outer(StrictOptions):
    inner: _Inner
    steps: int = 3


@pytest.mark.parametrize(
    "content",
    [
        {"inner": {"rate": 1.0}, "step": 3},
        {"inner": {"rate": 1.0, "decay": 0.1}},
        {"inner": {"rate": "1.0"}},
        {"inner": {"rate": 1.0}, "steps": 3.0},
        {"inner": {"rate": 1.0}, "steps": True},
        {},
    ],
)
def test_strict_options_refuse_what_was_not_meant(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        _Outer.model_validate(content)


def test_strict_options_cannot_change() -> None:
    options = _Outer.model_validate({"inner": {"rate": 1}})
    with pytest.raises(ValidationError, match="frozen"):
        options.steps = 4
    assert options.inner.rate == 1.0


def test_two_files_of_weights_are_compared(tmp_path: Path) -> None:
    files = {
        "a": {"x": torch.tensor([1.0, 2.0]), "of": {"y": torch.zeros(1)}, "n": 1},
        "b": {"x": torch.tensor([1.0, 2.0]), "of": {"y": torch.zeros(1)}, "n": 2},
        "c": {"x": torch.tensor([1.0, 2.5]), "of": {"y": torch.zeros(1)}},
        "d": {"x": torch.tensor([1.0]), "of": {"y": torch.zeros(1)}},
    }
    for name, state in files.items():
        save_state(tmp_path / name, state)
    found = {name: compare_state_files(tmp_path / "a", tmp_path / name) for name in "bcd"}
    assert "bit for bit" in found["b"]
    assert "at most 0.5" in found["c"]
    assert "layout" in found["d"]
