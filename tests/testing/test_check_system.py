"""`check_system` passes a system that keeps its promises and says which one another breaks."""

from __future__ import annotations

import functools
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import BaseModel

from fixbench.job import load_system
from fixbench.results import Row
from fixbench.testing import (
    Interrupted,
    InterruptingCheckpointer,
    SystemCheckError,
    check_system,
    make_context,
    reading_only,
)
from fixbench.training import (
    FileCheckpointer,
    Outcome,
    RunContext,
    Session,
    StrictOptions,
    check_measure,
    generator,
)

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures" / "ablations"


class _Training(StrictOptions):
    steps: int


class _Options(StrictOptions):
    training: _Training


CASE = {"training": {"steps": 4}}

#: Called with the session, the seed and the step; its number joins what is recorded.
Step = Callable[[Session, int, int], float]


def _system(step: Step, **changes: Any) -> Any:
    """A walk of a few random steps, saved after each, with ``step`` added to each."""

    def run(options: _Options, seed: int, context: RunContext) -> Outcome:
        session = Session(context)
        position = session.restore()
        start, total = (position["step"], position["total"]) if position else (0, 0.0)
        for number in range(start, options.training.steps):
            total += torch.rand(1, generator=generator(seed, "walk", number)).item()
            total += step(session, seed, number)
            session.record({"total": total}, "walk", number)
            session.save(step=number + 1, total=total)
        return Outcome(session.rows, {"total": torch.tensor(total)})

    return SimpleNamespace(**{"Options": _Options, "run": run, **changes})


def _check(system: Any, root: Path, **settings: Any) -> Any:
    return check_system(system, CASE, root=root, **settings)


def test_a_system_that_keeps_its_promises(tmp_path: Path) -> None:
    done = _check(_system(lambda *_: 0.0), tmp_path)
    assert (done.rows, done.saves) == (4, 4)
    without_gpu = any("GPU" in text for text in done.skipped)
    assert without_gpu is not torch.cuda.is_available()


@pytest.mark.parametrize(
    ("folder", "options"),
    [
        (
            ROOT / "src" / "fixbench" / "template",
            {
                "data": {"samples": 20, "features": 3},
                "optimiser": {"learning_rate": 0.1},
                "training": {"steps": 45},
            },
        ),
        (
            FIXTURES / "toy",
            {
                "data": {"samples": 20, "noise": 0.1},
                "optimiser": {"learning_rate": 0.1},
                "training": {"steps": 7},
            },
        ),
    ],
    ids=["template", "toy"],
)
def test_systems_in_a_folder_of_their_own(
    folder: Path, options: dict[str, Any], tmp_path: Path
) -> None:
    system = load_system(folder / "ablation.yaml", "system.py")
    assert check_system(system, options, root=tmp_path).saves == 2


# Repetition


def test_another_result_each_time_is_found(tmp_path: Path) -> None:
    system = _system(lambda *_: float.fromhex(f"0x{os.urandom(4).hex()}p-40"))
    with pytest.raises(SystemCheckError, match="the same seed does not give the same bytes") as e:
        _check(system, tmp_path)
    assert "total = " in str(e.value)
    assert "at step 0 of stage 'walk'" in str(e.value)


def test_what_a_seed_leaves_for_the_next_is_found(tmp_path: Path) -> None:
    largest = [0]

    def step(session: Session, seed: int, number: int) -> float:
        largest[0] = max(largest[0], seed)
        return float(largest[0])

    with pytest.raises(SystemCheckError, match="a seed depends on what ran before it"):
        _check(_system(step), tmp_path)


@pytest.mark.parametrize(
    ("name", "draw"),
    [
        ("random", random.random),
        ("NumPy", np.random.rand),
        ("torch", lambda: torch.rand(1).item()),
    ],
)
def test_draws_from_a_global_generator_are_found(
    name: str, draw: Callable[[], float], tmp_path: Path
) -> None:
    with pytest.raises(SystemCheckError, match=f"global generator of {name};"):
        _check(_system(lambda *_: float(draw())), tmp_path)


def test_reading_a_global_generator_and_putting_it_back_is_found(tmp_path: Path) -> None:
    def step(session: Session, seed: int, number: int) -> float:
        with torch.random.fork_rng(devices=[]):
            return torch.rand(1).item()

    with pytest.raises(SystemCheckError, match="or on the global generators"):
        _check(_system(step), tmp_path)


# Interruption


def test_what_is_not_saved_is_found(tmp_path: Path) -> None:
    def run(options: _Options, seed: int, context: RunContext) -> Outcome:
        session = Session(context)
        position = session.restore()
        total = 0.0  # must be part of the position
        for number in range(position["step"] if position else 0, options.training.steps):
            total += 1
            session.record({"total": total}, "walk", number)
            session.save(step=number + 1)
        return Outcome(session.rows)

    system = _system(lambda *_: 0.0, run=run)
    with pytest.raises(SystemCheckError, match="killed after save 1 and resumed") as caught:
        _check(system, tmp_path)
    assert "row 2 was total = 2.0" in str(caught.value)
    with pytest.raises(SystemCheckError, match="killed after save 3 and resumed"):
        _check(system, tmp_path, interruptions={3})
    assert _check(system, tmp_path, interruptions={4}).saves == 4


def test_rows_that_come_twice_after_an_interruption_are_found(tmp_path: Path) -> None:
    def run(options: _Options, seed: int, context: RunContext) -> Outcome:
        session = Session(context)
        session.record({"start": 1.0}, "walk", 0)
        session.save(step=1)
        return Outcome(session.rows)

    with pytest.raises(SystemCheckError, match="cannot be written"):
        _check(_system(lambda *_: 0.0, run=run), tmp_path)


def test_a_state_that_is_lost_is_found(tmp_path: Path) -> None:
    def run(options: _Options, seed: int, context: RunContext) -> Outcome:
        session = Session(context)
        kept = {} if session.position else {"total": torch.ones(1)}
        session.save(step=1)
        return Outcome(session.rows, kept)

    with pytest.raises(SystemCheckError, match=r"the state held \['total'\] and holds \[\]"):
        _check(_system(lambda *_: 0.0, run=run), tmp_path)


def test_a_run_that_saves_nothing_is_said_so(tmp_path: Path) -> None:
    def run(options: _Options, seed: int, context: RunContext) -> Outcome:
        check_measure(context.measure, ())
        return Outcome([Row("run", 0, "total", 1.0)])

    done = _check(_system(lambda *_: 0.0, run=run), tmp_path)
    assert done.saves == 0
    assert any("saves nothing" in text for text in done.skipped)


def test_a_state_that_no_file_can_hold_is_found(tmp_path: Path) -> None:
    def step(session: Session, seed: int, number: int) -> float:
        session.save(position=np.zeros(3))
        return 0.0

    with pytest.raises(SystemCheckError, match=r"what no file can hold: .*ndarray"):
        _check(_system(step), tmp_path)


# Options and parts


class _Loose(BaseModel):
    steps: int


class _LooseInside(StrictOptions):
    training: _Loose


class _LooseOutside(BaseModel):
    training: _Training


@pytest.mark.parametrize(
    ("options", "place"), [(_LooseInside, "in training"), (_LooseOutside, "at the top")]
)
def test_options_that_accept_unknown_keys_are_found(
    options: type[BaseModel], place: str, tmp_path: Path
) -> None:
    with pytest.raises(SystemCheckError, match=f"accepts an unknown key {place}"):
        _check(_system(lambda *_: 0.0, Options=options), tmp_path)


def test_a_case_that_the_options_refuse_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(SystemCheckError, match="refuses the case itself"):
        check_system(_system(lambda *_: 0.0), {"training": {"step": 4}}, root=tmp_path)


def test_an_unknown_part_must_be_refused(tmp_path: Path) -> None:
    def run(options: _Options, seed: int, context: RunContext) -> Outcome:
        return Outcome([Row("run", 0, "total", 1.0)])

    with pytest.raises(SystemCheckError, match="must raise InputError, and it measured 1 rows"):
        _check(_system(lambda *_: 0.0, run=run), tmp_path)


def test_parts_must_be_declared(tmp_path: Path) -> None:
    with pytest.raises(SystemCheckError, match="MEASURES of the system lacks training"):
        _check(_system(lambda *_: 0.0), tmp_path, measures={"training"})


def test_a_case_that_diverges_proves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SystemCheckError, match="must be one that trains to its end"):
        _check(_system(lambda *_: float("inf")), tmp_path)


# Files


def _reading(path: Path) -> Any:
    return _system(lambda *_: float(len(path.read_bytes())))


def test_files_outside_the_inputs_are_found(tmp_path: Path) -> None:
    (tmp_path / "data" / "mine").mkdir(parents=True)
    inside, outside = tmp_path / "data" / "mine" / "x", tmp_path / "data" / "x"
    (tmp_path / "data" / "min").mkdir()
    for path in (inside, outside, tmp_path / "data" / "mine" / "y"):
        path.write_bytes(b"abc")
    _check(_reading(inside), tmp_path, inputs=["data/mine"])
    for inputs in ([], ["data/mine/y"], ["data/min"]):
        with pytest.raises(SystemCheckError, match="nothing but its inputs, and this one read"):
            _check(_reading(inside), tmp_path, inputs=inputs)
    with pytest.raises(SystemCheckError, match="data/x"):
        _check(_reading(outside), tmp_path, inputs=["data/mine"])
    climbing = tmp_path / "data" / "mine" / ".." / "x"
    with pytest.raises(SystemCheckError, match="nothing but its inputs"):
        _check(_reading(climbing), tmp_path, inputs=["data/mine"])


def test_a_refusal_that_the_system_handles_is_found(tmp_path: Path) -> None:
    def step(session: Session, seed: int, number: int) -> float:
        try:
            return float(len((tmp_path / "x").read_bytes()))
        except OSError:
            return 0.0

    (tmp_path / "x").write_bytes(b"abc")
    with pytest.raises(SystemCheckError, match="nothing but its inputs"):
        _check(_system(step), tmp_path)


@pytest.mark.parametrize(
    ("reach", "message"),
    [
        (lambda root: (root / "data" / "new").write_bytes(b""), "wrote"),
        (lambda root: (root / "data" / "new").mkdir(), "changed"),
        (lambda root: os.listdir(root), "listed"),
        (lambda root: subprocess.run([sys.executable, "-V"], check=True), "another process"),
        (lambda root: os.open(root / "data" / "new", os.O_RDWR | os.O_CREAT), "wrote"),
    ],
    ids=["write", "folder", "list", "process", "descriptor"],
)
def test_what_else_a_run_may_not_do(
    reach: Callable[[Path], Any], message: str, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    system = _system(lambda *_: float(bool(reach(tmp_path))))
    with pytest.raises(SystemCheckError, match=message):
        _check(system, tmp_path, inputs=["data"])
    assert list((tmp_path / "data").iterdir()) == []


def test_what_a_run_may_do(tmp_path: Path) -> None:
    """Import modules, use temporary files, and list its inputs."""

    def step(session: Session, seed: int, number: int) -> float:
        import tempfile
        import wave  # of the standard library, and imported by nobody else

        with tempfile.TemporaryFile() as file:
            file.write(b"abc")
        return float(len(os.listdir(tmp_path / "data"))) + len(wave.__name__)

    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").write_bytes(b"")
    _check(_system(step), tmp_path, inputs=["data"])


def test_links_within_the_inputs_are_followed(tmp_path: Path) -> None:
    """As DVC makes them."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "x").write_bytes(b"abc")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x").symlink_to(tmp_path / "cache" / "x")
    _check(_reading(tmp_path / "data" / "x"), tmp_path, inputs=["data"])


def test_the_hook_does_nothing_outside_its_block(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with reading_only([], scratch=scratch) as refused:
        (scratch / "y").write_bytes(b"d")
        with pytest.raises(PermissionError, match="nothing but its inputs"):
            path.read_bytes()
    assert len(refused) == 1
    assert path.read_bytes() == b"abc"


def test_files_that_a_cache_keeps_are_read_again(tmp_path: Path) -> None:
    """A module's cache that an earlier run filled would hide what it reads."""
    module = SimpleNamespace()
    (tmp_path / "x").write_bytes(b"abc")
    read = functools.cache(lambda: (tmp_path / "x").read_bytes())
    name = "a_system_with_a_cache"
    sys.modules[name] = module  # type: ignore[assignment]
    module.read = read
    read()
    try:
        system = _system(lambda *_: float(len(read())), __name__=name)
        with pytest.raises(SystemCheckError, match="nothing but its inputs"):
            _check(system, tmp_path)
    finally:
        del sys.modules[name]


# Doubles


def test_an_interrupting_checkpointer_saves_before_it_kills(tmp_path: Path) -> None:
    file = FileCheckpointer(tmp_path / "state")
    checkpointer = InterruptingCheckpointer(file, after=2)
    checkpointer.save({"step": 1})
    assert checkpointer.load() == {"step": 1}
    with pytest.raises(Interrupted) as caught:
        checkpointer.save({"step": 2})
    assert not isinstance(caught.value, Exception)
    assert file.load() == {"step": 2}
    assert checkpointer.saves == 2


def test_a_state_in_memory_is_a_copy() -> None:
    context = make_context()
    weight = torch.zeros(2)
    context.checkpointer.save({"weight": weight})
    weight.add_(1)
    loaded = context.checkpointer.load()
    assert loaded is not None
    assert loaded["weight"].tolist() == [0, 0]
    loaded["weight"].add_(1)
    again = context.checkpointer.load()
    assert again is not None
    assert again["weight"].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"seeds": (3, 3)}, r"seeds is \(3, 3\); expected two that differ"),
        ({"inputs": ["data/nope"]}, "inputs has data/nope, which .* does not have"),
        ({"inputs": "data"}, "inputs is 'data'; expected a list"),
        ({"options": None}, "options is None; expected those of a small case"),
        ({"system": SimpleNamespace(run=None)}, "is no system: it offers no 'Options'"),
        ({"system": SimpleNamespace(Options=_Options)}, "is no system: it offers no 'run'"),
    ],
)
def test_what_cannot_be_checked_is_said(
    changed: dict[str, Any], message: str, tmp_path: Path
) -> None:
    given = {"system": _system(lambda *_: 0.0), "options": CASE, "root": tmp_path, **changed}
    with pytest.raises(SystemCheckError, match=message):
        check_system(given.pop("system"), given.pop("options"), **given)
