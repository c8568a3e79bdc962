"""A session: its rows, what is measured once, and where an interrupted run goes on."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from fixbench.errors import InputError
from fixbench.results import Row
from fixbench.testing import Interrupted, InterruptingCheckpointer, MemoryCheckpointer, make_context
from fixbench.training import Checkpointer, Diverged, FileCheckpointer, Session, check_measure


def test_rows_keep_the_order_in_which_they_are_recorded() -> None:
    session = Session(make_context())
    session.record({"b": 1.0, "a": 2.0}, "train", 3)
    session.add([Row("end", 0, "c", 3.0), Row("end", 1, "c", 4.0)])
    assert session.rows == [
        Row("train", 3, "b", 1.0),
        Row("train", 3, "a", 2.0),
        Row("end", 0, "c", 3.0),
        Row("end", 1, "c", 4.0),
    ]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_ends_the_run(value: float) -> None:
    session = Session(make_context())
    session.record({"a": 1.0}, "train", 0)
    with pytest.raises(Diverged) as caught:
        session.record({"a": 2.0, "b": value}, "train", 1)
    assert (caught.value.stage, caught.value.step) == ("train", 1)
    assert caught.value.rows == [Row("train", 0, "a", 1.0)]
    with pytest.raises(Diverged) as caught:
        session.add([Row("end", 0, "a", 2.0), Row("end", 1, "a", value), Row("end", 2, "a", 3.0)])
    assert (caught.value.stage, caught.value.step) == ("end", 1)
    assert [row.value for row in caught.value.rows] == [1.0, 2.0]


def test_parts_that_are_wanted() -> None:
    everything = Session(make_context(), measures=("a", "b"))
    assert everything.wants("a")
    one = Session(make_context(measure={"a"}), measures=("a", "b"))
    assert one.wants("a")
    assert not one.wants("b")
    assert one.wants("b", "a")
    with pytest.raises(ValueError, match="c"):
        one.wants("c")


def test_unknown_parts_are_refused() -> None:
    with pytest.raises(InputError, match=r"measure is 'x'; expected one of a, b"):
        Session(make_context(measure={"a", "x"}), measures=("a", "b"))
    with pytest.raises(InputError, match="measure is 'a'; expected nothing"):
        check_measure({"a"}, ())
    check_measure(None, ())
    check_measure({"a"}, ("a",))


def test_what_is_measured_once_is_not_measured_again() -> None:
    checkpointer = MemoryCheckpointer()
    calls: list[int] = []

    def start() -> None:
        session = Session(make_context(checkpointer=checkpointer))

        def measure() -> None:
            calls.append(len(calls))
            session.record({"a": float(len(calls))}, "exact", 0)

        session.once("exact", measure)
        assert session.rows == [Row("exact", 0, "a", 1.0)]

    start()
    start()
    assert calls == [0]
    assert checkpointer.saves == 1


def test_a_measurement_that_is_killed_starts_again() -> None:
    checkpointer = MemoryCheckpointer()
    session = Session(make_context(checkpointer=checkpointer))

    def killed() -> None:
        session.record({"a": 1.0}, "exact", 0)
        raise Interrupted

    with pytest.raises(Interrupted):
        session.once("exact", killed)
    resumed = Session(make_context(checkpointer=checkpointer))
    assert resumed.rows == []
    resumed.once("exact", lambda: resumed.record({"a": 1.0}, "exact", 0))
    assert resumed.rows == [Row("exact", 0, "a", 1.0)]


def _train(checkpointer: Checkpointer) -> Session:
    """Four steps of Adam, a save after each second, and a measurement behind training."""
    session = Session(make_context(checkpointer=checkpointer))
    layer = nn.Linear(1, 1)
    with torch.no_grad():
        layer.weight.fill_(1.0)
        layer.bias.fill_(0.5)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    position = session.restore(layer=layer, optimiser=optimiser)
    for step in range(position["step"] if position else 0, 4):
        loss = layer(torch.ones(1)).square().sum()
        session.record({"loss": loss.item()}, "train", step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if (step + 1) % 2 == 0:
            session.save(step=step + 1, layer=layer, optimiser=optimiser)
    session.once("end", lambda: session.record({"weight": layer.weight.item()}, "end", 4))
    return session


def test_training_goes_on_where_it_was_saved(tmp_path: Path) -> None:
    whole = _train(MemoryCheckpointer())
    assert [row.step for row in whole.rows] == [0, 1, 2, 3, 4]
    # Saves: after two steps, after four, the measurement.
    for number in (1, 2, 3):
        file = FileCheckpointer(tmp_path / str(number))
        with pytest.raises(Interrupted):
            _train(InterruptingCheckpointer(file, after=number))
        assert _train(file).rows == whole.rows


def test_a_measurement_keeps_the_position_that_training_saved() -> None:
    """Not the weights that training has reached since then."""
    checkpointer = MemoryCheckpointer()
    session = Session(make_context(checkpointer=checkpointer))
    layer = nn.Linear(1, 1, bias=False)
    weight = layer.weight.item()
    session.save(step=1, layer=layer)
    with torch.no_grad():
        layer.weight.add_(1)
    session.once("exact", lambda: session.record({"a": 1.0}, "exact", 0))
    resumed = Session(make_context(checkpointer=checkpointer))
    assert resumed.position is not None
    assert resumed.position["step"] == 1
    assert resumed.position["layer"]["weight"].item() == weight


def test_a_measurement_behind_rows_that_are_not_saved_is_refused() -> None:
    """A resumed run would have them twice."""
    session = Session(make_context())
    session.record({"loss": 1.0}, "train", 0)
    with pytest.raises(ValueError, match="'exact' is measured once, behind rows"):
        session.once("exact", lambda: None)


def test_progress_is_handed_on() -> None:
    seen: list[tuple[str, int, int]] = []
    session = Session(make_context(progress=lambda *call: seen.append(call)))
    session.progress("train", 2, 5)
    assert seen == [("train", 2, 5)]


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


class Killed(Exception):  # noqa: N818
    """The machine goes down."""


@given(
    seconds=st.lists(st.sampled_from([0.5, 4.0, 11.0]), min_size=12, max_size=12),
    killed_at=st.integers(0, 11),
)
def test_saves_that_are_left_out_change_no_row(seconds: list[float], killed_at: int) -> None:
    """A run of steps, saves and measurements, killed anywhere, ends with the same rows."""
    kept = MemoryCheckpointer()
    saves: list[float] = []

    def run(checkpointer: Checkpointer, clock: Clock, last: int | None) -> list[Row]:
        session = Session(
            replace(make_context(checkpointer=checkpointer), save_seconds=10.0),
        )
        passed = iter(seconds)

        def work(number: int) -> None:
            clock.now += next(passed)
            if number == last:
                raise Killed

        def measure(number: int, name: str) -> Callable[[], None]:
            def timed() -> None:
                work(number)
                session.record({name: 1.0}, "start", 0)

            return timed

        session.once("start", measure(0, "start"))
        session.once("again", measure(1, "again"))
        model = nn.Linear(1, 1, bias=False)
        nn.init.ones_(model.weight)
        position = session.restore(model=model)
        for step in range(0 if position is None else position["step"] + 1, 4):
            work(2 + 2 * step)
            with torch.no_grad():
                model.weight.mul_(step + 2)
            session.record({"weight": model.weight.item()}, "training", step)
            session.save(model=model, step=step)
            work(3 + 2 * step)
        session.once("probe", lambda: session.record({"probe": model.weight.item()}, "probe", 0))
        session.once("end", measure(11, "end"))
        return session.rows

    class Timed(MemoryCheckpointer):
        def __init__(self, clock: Clock) -> None:
            super().__init__()
            self.clock = clock

        def save(self, state: Mapping[str, Any]) -> None:
            saves.append(self.clock.now)
            super().save(state)

    with pytest.MonkeyPatch.context() as patched:
        clock = Clock()
        patched.setattr("fixbench.training._session.time", clock)
        expected = run(Timed(clock), clock, None)
        assert all(later - sooner >= 10 for sooner, later in pairwise([0.0, *saves]))
        if sum(seconds[:10]) > 22:  # longer than two intervals of steps: something is saved
            assert saves
        with suppress(Killed):
            run(kept, clock, killed_at)
        assert run(kept, clock, None) == expected
