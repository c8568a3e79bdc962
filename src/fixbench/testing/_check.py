"""What every system must pass."""

from __future__ import annotations

import functools
import random
import sys
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel, ValidationError

from fixbench.errors import InputError
from fixbench.testing._compare import Found, describe_difference, to_files
from fixbench.testing._doubles import Interrupted, InterruptingCheckpointer, make_context
from fixbench.testing._file_access import reading_only
from fixbench.training import (
    Checkpointer,
    Diverged,
    Failed,
    FileCheckpointer,
    System,
    make_deterministic,
)

__all__ = ["SystemCheck", "SystemCheckError", "check_system"]

_UNKNOWN = "no_such_name"


class SystemCheckError(AssertionError):
    """A system breaks a promise; the text says which, and what was seen."""


@dataclass(frozen=True)
class SystemCheck:
    """What `check_system` did.

    Attributes:
        rows: of one run; saves: how often it saved.
        skipped: what could not be checked here, in words.
    """

    rows: int
    saves: int
    skipped: tuple[str, ...]


def check_system(
    system: System,
    options: Mapping[str, Any] | BaseModel,
    *,
    root: Path,
    inputs: Sequence[str | Path] = (),
    measures: Collection[str] | None = None,
    parent: Mapping[str, Any] | None = None,
    seeds: tuple[int, int] = (0, 1),
    interruptions: Collection[int] | None = None,
) -> SystemCheck:
    """Check the promises of a system on one small case.

    - ``Options`` refuses an unknown key at every level, and ``run`` an unknown part to measure.
    - A run opens nothing but its inputs (`reading_only` says how that is seen, and what is not)
      and leaves the global generators of ``random``, NumPy and torch as they were. What the
      system's modules keep in ``functools`` caches is forgotten before.
    - The same seed gives the same bytes, rows and state, again and behind another seed, and
      whatever the global generators hold. Both run in this process: for a first run, as in a job
      by itself, call this before anything else runs the system.
    - A run that is killed right after a save and resumed gives the same bytes, for each save and
      when it is killed after each of them in turn.
    - The same holds on a GPU, within itself, where one is visible.

    It takes about five runs and one more for each save.

    Args:
        system: the module, with ``Options`` and ``run``, and ``MEASURES`` if parts of a run can
            be asked for.
        options: those of a small case, as an ablation file sets them or checked already.
        root: what inputs are relative to.
        inputs: files and folders that a run may read, below ``root`` or absolute.
        measures: the parts to measure; all of them when omitted.
        parent: the state to start from, where the options say so.
        seeds: the one that is checked, and another one.
        interruptions: the saves after which to kill, from 1, where each of them would take too
            long; a run is then not killed more than once.

    Raises:
        SystemCheckError: a promise is broken; or what is asked cannot be checked.
    """
    _check_request(system, options, root, inputs, seeds)
    checked = _check_options(system, options)
    known = tuple(getattr(system, "MEASURES", ()))
    if unknown := sorted(set(measures or ()) - set(known)):
        raise SystemCheckError(f"MEASURES of the system lacks {', '.join(unknown)}: it has {known}")
    seed, other = seeds
    skipped = []
    with tempfile.TemporaryDirectory(prefix="fixbench-check-") as folder, _deterministic():
        scratch = Path(folder)
        case = _Case(system, checked, root, measures, parent, scratch)
        _check_unknown_measure(case, seed)
        first, saves = _check_inputs(case, seed, [root / path for path in inputs])
        with _generators_restored():
            _check_repetition(case, seed, other, first)
        if not saves:
            skipped.append("interruption: the run saves nothing and would start again")
        _check_interruptions(case, seed, first, _saves_to_try(saves, interruptions))
        if interruptions is None:
            _check_repeated_interruption(case, seed, first, saves)
        if torch.cuda.is_available():
            on_gpu = case.on("cuda")
            reference, saves_there = on_gpu.run_counting(seed)
            _check_repetition(on_gpu, seed, other, reference)
            middle = {max(1, saves_there // 2)} if saves_there else set()
            _check_interruptions(on_gpu, seed, reference, sorted(middle))
        else:
            skipped.append("GPU: none is visible")
    return SystemCheck(rows=len(first.rows), saves=saves, skipped=tuple(skipped))


@dataclass(frozen=True)
class _Case:
    """A system with everything but a seed."""

    system: System
    options: Any
    root: Path
    measures: Collection[str] | None
    parent: Mapping[str, Any] | None
    scratch: Path
    device: str = "cpu"

    def on(self, device: str) -> _Case:
        place = self.scratch / device
        return _Case(
            self.system, self.options, self.root, self.measures, self.parent, place, device
        )

    def run(
        self,
        seed: int,
        checkpointer: Checkpointer | None = None,
        measures: Collection[str] | None = None,
    ) -> Found:
        """Run one seed and hand over what a job would write.

        Raises:
            Interrupted: by the checkpointer.
        """
        context = make_context(
            self.root,
            measure=self.measures if measures is None else measures,
            parent=self.parent,
            checkpointer=checkpointer,
            device=self.device,
        )
        try:
            outcome = self.system.run(self.options, seed, context)
        except (Diverged, Failed) as error:
            message = f"the case must be one that trains to its end, and seed {seed} did not"
            raise SystemCheckError(f"{message}: {error}") from error
        try:
            return to_files(outcome.rows, outcome.state, self.scratch)
        except (InputError, TypeError) as error:
            raise SystemCheckError(f"what the run hands back cannot be written: {error}") from error

    def run_counting(self, seed: int) -> tuple[Found, int]:
        """The same, and how often it saved to a file."""
        file = FileCheckpointer(self.scratch / "whole.training")
        file.path.unlink(missing_ok=True)
        counting = InterruptingCheckpointer(file, after=None)
        try:
            return self.run(seed, counting), counting.saves
        except TypeError as error:
            raise SystemCheckError(f"the run saves what no file can hold: {error}") from error


def _check_request(
    system: System, options: Any, root: Path, inputs: Sequence[str | Path], seeds: Sequence[int]
) -> None:
    """Refuse what was given by mistake, before anything runs."""
    for name in ("Options", "run"):
        if not hasattr(system, name):
            called = getattr(system, "__name__", repr(system))
            raise SystemCheckError(f"{called} is no system: it offers no {name!r}")
    if not isinstance(options, Mapping | BaseModel):
        raise SystemCheckError(
            f"options is {options!r}; expected those of a small case, {{}} if it needs none"
        )
    if isinstance(inputs, str | Path):
        raise SystemCheckError(f"inputs is {str(inputs)!r}; expected a list of files and folders")
    if absent := [str(path) for path in inputs if not (root / path).exists()]:
        raise SystemCheckError(f"inputs has {', '.join(absent)}, which {root} does not have")
    if len(seeds) != 2 or seeds[0] == seeds[1]:
        raise SystemCheckError(f"seeds is {tuple(seeds)}; expected two that differ")


def _check_options(system: System, options: Mapping[str, Any] | BaseModel) -> Any:
    """The checked options, once ``Options`` has refused unknown ones."""
    content: dict[str, Any]
    if isinstance(options, BaseModel):
        content = options.model_dump(mode="json", by_alias=True)
    else:
        content = dict(options)
    try:
        checked = system.Options.model_validate(content)
    except ValidationError as error:
        raise SystemCheckError(f"Options refuses the case itself: {error}") from error
    for path in _groups(checked):
        try:
            system.Options.model_validate(_with_unknown_key(content, path))
        except (ValidationError, InputError):
            continue
        where = f"in {'.'.join(path)}" if path else "at the top"
        raise SystemCheckError(
            f"Options accepts an unknown key {where}: derive it from "
            "fixbench.training.StrictOptions, so that a misspelt option is not ignored"
        )
    return checked


def _groups(options: BaseModel, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where in the options a group of keys stands, by the names that a file has."""
    yield path
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if isinstance(value, BaseModel):
            yield from _groups(value, (*path, field.alias or name))


def _with_unknown_key(content: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    if not path:
        return {**content, _UNKNOWN: 1}
    name, *rest = path
    inner = content.get(name)
    group = inner if isinstance(inner, Mapping) else {}
    return {**content, name: _with_unknown_key(group, tuple(rest))}


def _check_unknown_measure(case: _Case, seed: int) -> None:
    try:
        found = case.run(seed, measures={_UNKNOWN})
    except InputError:
        return
    except Exception as error:
        seen = f"it raised {type(error).__name__}: {error}"
    else:
        seen = f"it measured {len(found.rows)} rows"
    raise SystemCheckError(
        f"a run that is asked for a part that does not exist must raise InputError, and {seen}; "
        "fixbench.training.Session and check_measure do that"
    )


def _check_inputs(case: _Case, seed: int, inputs: Sequence[Path]) -> tuple[Found, int]:
    """The first whole run, watched, and how often it saved."""
    file = getattr(case.system, "__file__", None)
    code = [Path(file).parent] if file else []
    _clear_caches(case.system)
    before = _generator_states(case.device)
    temporary = tempfile.tempdir
    tempfile.tempdir = str(case.scratch)
    refused: list[str] = []
    try:
        with reading_only(inputs, scratch=case.scratch, code=code) as refused:
            found, saves = case.run_counting(seed)
    except Exception as error:  # whatever the system made of the refusal
        if not refused:
            raise
        raise SystemCheckError(_outside(refused)) from error
    finally:
        tempfile.tempdir = temporary
    if refused:
        raise SystemCheckError(_outside(refused))
    changed = [
        name for name, state in _generator_states(case.device).items() if state != before[name]
    ]
    if changed:
        raise SystemCheckError(
            f"the run drew from the global generator of {', '.join(changed)}; "
            "use the streams of fixbench.training (generator, numpy_generator, seeded)"
        )
    return found, saves


def _clear_caches(system: System) -> None:
    """Forget what the system's modules and the data sets keep in ``functools`` caches, so that a
    file is opened again and is seen.
    """
    packages = (getattr(system, "__name__", ""), "fixbench.datasets")
    for name, module in list(sys.modules.items()):
        if any(f"{name}.".startswith(f"{package}.") for package in packages if package):
            for value in list(vars(module).values()):
                if isinstance(value, functools._lru_cache_wrapper):
                    value.cache_clear()


def _outside(refused: Sequence[str]) -> str:
    return "a run may open nothing but its inputs, and this one " + "; it ".join(
        dict.fromkeys(refused)
    )


def _check_repetition(case: _Case, seed: int, other: int, first: Found) -> None:
    """The seed behind another one, with other global generators."""
    _disturb_generators(1)
    case.run(other)
    _disturb_generators(2)
    behind = case.run(seed)
    difference = describe_difference(first, behind)
    if difference is None:
        return
    again = describe_difference(behind, case.run(seed))
    if again is not None:
        raise SystemCheckError(
            f"the same seed does not give the same bytes on the {_name(case.device)}: {again}"
        )
    raise SystemCheckError(
        f"a seed depends on what ran before it, or on the global generators, on the "
        f"{_name(case.device)}: behind another seed {difference}"
    )


def _check_interruptions(case: _Case, seed: int, whole: Found, saves: Sequence[int]) -> None:
    """Killed after one of ``saves`` and resumed, for each of them."""
    for number in saves:
        file = FileCheckpointer(case.scratch / f"killed-{number}.training")
        _run_killed(case, seed, InterruptingCheckpointer(file, after=number))
        difference = describe_difference(whole, case.run(seed, file))
        if difference is not None:
            raise SystemCheckError(
                f"a run that is killed after save {number} and resumed ends with other bytes on "
                f"the {_name(case.device)}: {difference}"
            )


def _check_repeated_interruption(case: _Case, seed: int, whole: Found, saves: int) -> None:
    """Killed after each save in turn, and resumed each time."""
    file = FileCheckpointer(case.scratch / "killed-again.training")
    for _ in range(saves):
        _run_killed(case, seed, InterruptingCheckpointer(file, after=1))
    difference = describe_difference(whole, case.run(seed, file))
    if difference is not None:
        raise SystemCheckError(
            f"a run that is killed after each of {saves} saves in turn ends with other bytes "
            f"on the {_name(case.device)}: {difference}"
        )


def _run_killed(case: _Case, seed: int, checkpointer: InterruptingCheckpointer) -> None:
    try:
        case.run(seed, checkpointer)
    except Interrupted:
        return
    raise SystemCheckError(
        f"a run that was to be killed went on to its end: it saved {checkpointer.saves} times "
        "where it saved more often before, or caught what killed it"
    )


def _saves_to_try(saves: int, wanted: Collection[int] | None) -> list[int]:
    numbers = range(1, saves + 1)
    if wanted is None:
        return list(numbers)
    if unknown := sorted(set(wanted) - set(numbers)):
        raise SystemCheckError(f"the run saves {saves} times; there is no save {unknown[0]}")
    return sorted(wanted)


def _name(device: str) -> str:
    return "GPU" if device == "cuda" else "CPU"


def _generator_states(device: str) -> dict[str, bytes]:
    states = {
        "random": repr(random.getstate()).encode(),
        "NumPy": repr(np.random.get_state()).encode() + np.random.get_state()[1].tobytes(),  # type: ignore[index]
        "torch": torch.get_rng_state().numpy().tobytes(),
    }
    if device == "cuda":
        states["torch on the GPU"] = torch.cuda.get_rng_state().numpy().tobytes()
    return states


def _disturb_generators(state: int) -> None:
    random.seed(state)
    np.random.seed(state)
    torch.manual_seed(state)


@contextmanager
def _generators_restored() -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def _deterministic() -> Iterator[None]:
    """As a job: one thread, and nothing that is not reproducible; put back afterwards."""
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    filled = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    benchmark = torch.backends.cudnn.benchmark
    make_deterministic()
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.set_deterministic_debug_mode(mode)
        torch.utils.deterministic.fill_uninitialized_memory = filled  # type: ignore[attr-defined]
        torch.backends.cudnn.benchmark = benchmark
