"""One job: train and measure one variant for a block of seeds.

A seed's result does not depend on the block it ran in. A run that diverges or runs out of memory
is a row with its status; a killed job continues where it was and ends with the same bytes.
"""

from __future__ import annotations

import gc
import hashlib
import importlib
import importlib.util
import json
import math
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import ValidationError

from fixbench import draws, provenance, tracking
from fixbench.ablation import Ablation, changed, load_ablation, unused_levels, written_place
from fixbench.command import check_command, run_command
from fixbench.errors import InputError
from fixbench.files import write_json
from fixbench.reading import Source, read_source, validation_problem
from fixbench.results import (
    OUT_OF_MEMORY,
    RUN_METRIC,
    TIME_LIMIT,
    UNDECLARED,
    Row,
    check_rows,
    write_results,
)
from fixbench.training import (
    Clock,
    Diverged,
    Failed,
    FileCheckpointer,
    Outcome,
    RunContext,
    System,
    TimeLimitError,
    load_state,
    make_deterministic,
    save_state,
)

__all__ = ["RUN_METRIC", "check_runnable", "load_system", "run_job"]

#: At most so many seconds of a killed run are done again; a save takes up to a tenth of one. The
#: environment's variable says otherwise.
_SAVE_SECONDS = 10.0
_SAVE_VARIABLE = "FIXBENCH_SAVE_SECONDS"
#: With these a process ends that a signal has asked to.
_STOPPED = tuple(128 + number for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM))
#: Called with (seed, stage, steps done, steps in all).
Progress = Callable[[int, str, int, int], None]


def run_job(
    root: Path,
    ablation_name: str,
    variant: str,
    seeds: Sequence[int],
    tier: str,
    output: Path,
    *,
    ablations: Path = Path("ablations"),
    state: Path | None = None,
    parent: Path | None = None,
    record: Path | None = None,
    device: str = "auto",
    threads: int = 1,
    progress: Progress = lambda seed, stage, done, total: None,
    data_seed: int | None = None,
) -> None:
    """Run the seeds one after another and write their rows to ``output``.

    Finished seeds and the state of the current one are kept under ``.fixbench/resume/`` until
    the job ends, so that a killed job loses little and ends with the same bytes.

    Args:
        root: what tracked inputs, ``ablations`` and the resume folder are relative to.
        state: where to leave the states that other variants of this tier start from (an entry
            without tensors if there are none).
        parent: the state file of the variant that this one starts from.
        record: where to leave the provenance record (JSON).
        device: ``"auto"`` (a GPU if there is one), ``"cpu"`` or ``"cuda"``.
        threads: CPU threads; part of the result.
        data_seed: of the data draw that takes the place of the ablation's ``draws``; the tracked
            data when omitted.

    Raises:
        InputError: something asked for or found is wrong; nothing was written.
    """
    stopwatch = provenance.Stopwatch()
    folder = root / ablations / ablation_name
    file = folder / "ablation.yaml"
    ablation = load_ablation(file)
    _check_request(file, ablation, variant, tier, parent)
    if data_seed is not None and not ablation.draws:
        raise InputError(file, "draws", expected="inputs to draw; without them there are no draws")
    drawn = [] if data_seed is None else ablation.draws
    on_draw = {} if data_seed is None else {"data_seed": data_seed}
    in_tier = ablation.at(tier)
    options, measured = in_tier.options(variant), in_tier.measured(variant)
    measure = None if measured is None else frozenset(measured)
    inputs = {}
    for name in ablation.inputs:
        if data_seed is not None and name in drawn:
            inputs[name] = draws.verify_draw(root, name, data_seed)
        else:
            tracking.verify(root, name)
            inputs[name] = tracking.tracked_hash(root, name)
    make_deterministic(threads=threads)
    torch_device = _find_device(device)
    save_seconds = _save_seconds()
    code = provenance.code_hash(ablation, folder)
    keep_state = any(v.starts_from == variant for v in in_tier.variants.values())
    origin = ablation.variants[variant].starts_from
    parents = _read_parents(parent, ablation_name, origin, seeds, data_seed)
    key = _digest(
        {
            "options": options,
            "measure": measured,
            "code": code,
            "inputs": inputs,
            "parent": parent and provenance.file_hash(parent),
            "machine": [torch_device.type, torch.__version__, threads],
            "keep_state": keep_state,
            **_called(ablation),
        }
    )
    clock = Clock({} if ablation.limits is None else ablation.limits.model_dump())

    # Jobs of several tiers or draws may run the same seeds at the same time.
    resume = root / ".fixbench" / "resume" / ablation_name / tier / variant
    if data_seed is not None:
        resume /= f"data-{data_seed}"
    finished: dict[int, dict[str, Any]] = {}
    with draws.job_inputs(root, ablation.inputs, drawn, data_seed) as place:
        run = _runner(folder, ablation, variant, tier, options, root=place, threads=threads)
        for seed in seeds:
            done = FileCheckpointer(_resume_file(resume, seed, key, "done"))
            training = FileCheckpointer(_resume_file(resume, seed, key, "training"))
            result = done.load()
            if result is None:
                context = RunContext(
                    root=place,
                    device=torch_device,
                    progress=_Relay(progress, seed),
                    checkpointer=training,
                    measure=measure,
                    save_seconds=save_seconds,
                )
                outcome, status = _run_seed(run, seed, context, parents.get(seed), clock)
                # Now, and not after all seeds.
                check_rows(output, seed, outcome.rows, _units(ablation, outcome.rows))
                kept = outcome.state if keep_state else {}
                done.save({"rows": outcome.rows, "status": status, "state": kept})
                training.path.unlink(missing_ok=True)
                # Read back, so that a resumed job goes through the very same values.
                result = cast("dict[str, Any]", done.load())
            finished[seed] = result
            progress(seed, "finished", 1, 1)

    # Whoever edits the files meanwhile asks for other results, which another job may have written.
    again = load_ablation(file)
    now = again.variants.get(variant) and tier in again.tiers and variant in again.at(tier).variants
    if (
        not now
        or again.at(tier).options(variant) != options
        or again.at(tier).measured(variant) != measured
        or _called(again) != _called(ablation)
        or provenance.code_hash(again, folder) != code
    ):
        expected = "the ablation that this job was started for; it was edited since: run it again"
        raise InputError(file, "variants", variant, expected=expected)
    if state is not None:
        entries = {
            seed: {"status": result["status"], "state": result["state"]}
            for seed, result in finished.items()
        }
        made_by = {"ablation": ablation_name, "variant": variant, **on_draw}
        save_state(state, {**made_by, "seeds": entries}, checksum=True)
    rows = [row for result in finished.values() for row in result["rows"]]
    declared = ablation.declared(sorted({row.metric for row in rows}))
    write_results(
        output,
        {seed: result["rows"] for seed, result in finished.items()},
        ablation=ablation_name,
        variant=variant,
        units=_units(ablation, rows),
        metadata={
            "ablation": ablation_name,
            "variant": variant,
            "tier": tier,
            "seeds": sorted(seeds),
            "options": options,
            "claims": {claim.id: claim.model_dump(mode="json") for claim in ablation.claims},
            "metrics": {name: metric.definition for name, metric in declared.items()},
            **on_draw,
        },
        data_seed=data_seed,
    )
    if record is not None:
        content = provenance.record(
            root=root,
            ablation_name=ablation_name,
            variant=variant,
            tier=tier,
            seeds=seeds,
            environment=ablation.environment,
            inputs=inputs,
            code=code,
            device=torch_device,
            threads=threads,
            stopwatch=stopwatch,
            outputs=[output] if state is None else [output, state],
            data_seed=data_seed,
        )
        write_json(record, content)
    _forget(resume, seeds)
    statuses = {result["status"] for result in finished.values()}
    if len(statuses) == 1 and "ok" not in statuses:
        number = "its only run" if len(finished) == 1 else f"all {len(finished)} runs"
        print(
            f"fixbench: WARNING: {ablation_name} {variant}: {number} failed ({min(statuses)}): "
            "no claim that needs this variant can be shown",
            file=sys.stderr,
        )


def load_system(file: Path, system: str) -> System:
    """Import the module that ``system`` in the ablation file ``file`` names.

    Raises:
        InputError: there is no such module, it cannot be imported, or it does not offer
            ``Options`` and ``run``.
    """
    if system.endswith(".py"):
        path = file.parent / system
        if not path.is_file():
            expected = f"a file; there is no {path}"
            raise read_source(file).problem(("system",), system, expected=expected)
        name = f"fixbench_ablation_{file.parent.name}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None  # since the suffix is .py
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # dataclasses and pydantic look their module up
        try:
            spec.loader.exec_module(module)
        except (Exception, SystemExit) as error:  # whatever a stranger's module raises
            raise _import_problem(path, error) from error
    else:
        try:
            module = importlib.import_module(system)
        except ModuleNotFoundError as error:
            if error.name is None or not f"{system}.".startswith(f"{error.name}."):
                raise
            expected = "a module that can be imported, or a .py file relative to the folder"
            problem = read_source(file).problem(("system",), system, expected=expected)
            raise problem from None
    wanted = {"Options": "model_validate", "run": "__call__"}
    for name, method in wanted.items():
        if not callable(getattr(getattr(module, name, None), method, None)):
            what = "a pydantic model" if name == "Options" else "a function"
            expected = f"a module that offers {name!r}, {what}"
            raise read_source(file).problem(("system",), system, expected=expected)
    return cast("System", module)


def check_runnable(file: Path, ablation: Ablation, tiers: Iterable[str]) -> None:
    """Check what loading the ablation file cannot: that its system or command takes the options.

    Raises:
        InputError: as `load_system`; an option is wrong in one of the ``tiers``; the command
            has no place for its output.
    """
    _refuse_given(file, ablation)
    if ablation.command is not None:
        check_command(file, ablation)
        return
    system = load_system(file, cast("str", ablation.system))
    for tier in tiers:
        in_tier = ablation.at(tier)
        for variant in in_tier.variants:
            _check_options(file, ablation, system, variant, tier, in_tier.options(variant))
        _check_unused(file, ablation, system, tier)


def _refuse_given(file: Path, ablation: Ablation) -> None:
    if ablation.results is not None:
        expected = "a 'system' or a 'command': its results were given, and nothing of it can be run"
        raise read_source(file).problem(("results",), ablation.results, expected=expected)


def _check_unused(file: Path, ablation: Ablation, system: System, tier: str) -> None:
    """Refuse values that no variant has yet, in levels of factors, and that the system would not.

    Only the level's own options count: it may need those of another level.
    """
    options = ablation.at(tier).options(ablation.baseline_variant)
    for source, keys, changes in unused_levels(file):
        try:
            system.Options.model_validate(changed(options, changes))
        except ValidationError as error:
            unknown = f"no such key; it is none of the options of {ablation.system}"
            problem = validation_problem(file, error, unknown=unknown)
            for option in changes:
                if f"{problem.key}.".startswith(f"{option}."):
                    below = problem.key.removeprefix(option).split(".")[1:]
                    raise source.problem(
                        (*keys, option, *below), problem.value, expected=problem.expected
                    ) from None


def _import_problem(path: Path, error: BaseException) -> InputError:
    """The line of the module at ``path`` that cannot be imported, and why."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [(f.lineno, f.line) for f in frames if Path(f.filename).resolve() == path.resolve()]
    if not lines and isinstance(error, SyntaxError):  # of this very file: no line of it has run
        lines = [(error.lineno, error.text)]
    number, text = lines[-1] if lines else (None, None)
    problem = " ".join(f"{type(error).__name__}: {error}".split())
    return InputError(
        path,
        f"line {number}" if number else "",
        text and text.strip(),
        expected=f"code that can be imported ({problem})",
    )


def _check_options(
    file: Path, ablation: Ablation, system: System, variant: str, tier: str, options: Any
) -> Any:
    """The options as an instance of the system's ``Options``; what is measured is checked too.

    Raises:
        InputError: a measurement is none of the system's ``MEASURES``, or an option is
            unknown, missing or of the wrong type; the message names the
            place in the ablation file that set it.
    """

    def place(key: str) -> tuple[Source, tuple[str | int, ...]]:
        changes = [
            (name, option)
            for name in (variant, *ablation.references(variant))
            for option in ablation.variants[name].changes
        ]
        for name, option in changes:
            if f"{key}.".startswith(f"{option}."):
                below = key.removeprefix(option).split(".")[1:]
                return written_place(file, name, "changes", option, *below)
        for option in ablation.at(tier).overrides:
            if f"{key}.".startswith(f"{option}."):
                below = key.removeprefix(option).split(".")[1:]
                return read_source(file), ("tiers", tier, "options", option, *below)
        for name, option in changes:  # options that do not go together
            if not key or option.startswith(f"{key}."):
                return written_place(file, name, "changes", option)
        return read_source(file), ("baseline", *filter(None, key.split(".")))

    known = tuple(getattr(system, "MEASURES", ()))
    for name in ablation.at(tier).measured(variant) or ():
        if name not in known:
            expected = (
                f"one of {', '.join(known)}"
                if known
                else f"no 'measure': {ablation.system} measures everything"
            )
            source, keys = written_place(file, variant, "measure", tier)
            raise source.problem(keys, name, expected=expected)
    try:
        return system.Options.model_validate(options)
    except ValidationError as error:
        unknown = f"no such key; it is none of the options of {ablation.system}"
        problem = validation_problem(file, error, unknown=unknown)
        source, keys = place(problem.key)
        raise source.problem(keys, problem.value, expected=problem.expected) from None
    except (Exception, SystemExit) as error:  # of a validator that a stranger wrote
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        expected = (
            f"options that {ablation.system} can read; for variant {variant!r} it raises {reason}"
        )
        raise read_source(file).problem(("system",), ablation.system, expected=expected) from error


class _Relay:
    """A system's progress, with the seed that it belongs to; remembers where the run is."""

    def __init__(self, progress: Progress, seed: int) -> None:
        self.progress, self.seed = progress, seed
        self.stage, self.step = "start", 0

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.stage, self.step = stage, done
        self.progress(self.seed, stage, done, total)


#: A system's ``run`` with its options bound.
_Run = Callable[[int, RunContext], Outcome]


def _check_request(
    file: Path, ablation: Ablation, variant: str, tier: str, parent: Path | None
) -> None:
    if tier not in ablation.tiers:
        expected = f"one of {', '.join(ablation.tiers)}"
        raise read_source(file).problem(("tiers",), tier, expected=expected)
    known = ablation.at(tier).variants
    if variant not in known:
        expected = f"a variant that tier {tier!r} runs: {', '.join(known)}"
        raise read_source(file).problem(("variants",), variant, expected=expected)
    origin = known[variant].starts_from
    if (origin is None) != (parent is None):
        expected = "no checkpoint" if origin is None else f"the state file of variant {origin!r}"
        expected += f", since variant {variant!r} starts from {origin or 'nothing'}"
        raise InputError("--parent", "", parent and str(parent), expected=expected)


def _runner(
    folder: Path,
    ablation: Ablation,
    variant: str,
    tier: str,
    options: dict[str, Any],
    *,
    root: Path,
    threads: int,
) -> _Run:
    file = folder / "ablation.yaml"
    _refuse_given(file, ablation)
    if ablation.command is not None:
        check_command(file, ablation)
        return lambda seed, context: Outcome(
            run_command(ablation, folder, options, seed, root=root, threads=threads)
        )
    system = load_system(file, cast("str", ablation.system))
    checked = _check_options(file, ablation, system, variant, tier, options)
    return lambda seed, context: system.run(checked, seed, context)


def _called(ablation: Ablation) -> dict[str, Any]:
    """What rows depend on besides options and code: limits, and how a command is called."""
    limits = ablation.limits
    called: dict[str, Any] = {} if limits is None else {"limits": limits.model_dump()}
    if ablation.command is None:
        return called
    reader = ablation.metrics_from
    called["command"] = ablation.command
    if ablation.preload:
        called["preload"] = ablation.preload
    if reader is not None:  # which of the metrics it finds are kept
        called |= {"metrics_from": reader.model_dump(), "metrics": sorted(ablation.units)}
    return called


def _units(ablation: Ablation, rows: Iterable[Row]) -> dict[str, str]:
    """Metric → its unit. Only a command may measure what the ablation does not declare."""
    measured = sorted({row.metric for row in rows})
    units = {name: metric.unit for name, metric in ablation.declared(measured).items()}
    if ablation.command is not None:
        units = dict.fromkeys(measured, UNDECLARED) | units
    return {**units, RUN_METRIC: "1"}


def _run_seed(
    run: _Run, seed: int, context: RunContext, parent: Mapping[str, Any] | None, clock: Clock
) -> tuple[Outcome, str]:
    """The outcome of one seed and its status; failures of a run are outcomes."""
    relay = cast("_Relay", context.progress)
    if parent is not None:
        if parent["status"] != "ok":
            return _failure([], "parent", 0, parent["status"])
        context = replace(context, parent=parent["state"])
    try:
        with clock.limit():
            return run(seed, context), "ok"
    except TimeLimitError as error:
        print(f"seed {seed}: {error}", file=sys.stderr)
        return _failure([], relay.stage, relay.step, TIME_LIMIT)
    except Diverged as error:
        return _failure(error.rows, error.stage, error.step, "diverged")
    except Failed as error:
        print(f"seed {seed}: {error}", file=sys.stderr)
        return _failure(error.rows, error.stage, error.step, "failed")
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        print(f"seed {seed}: out of memory ({error}), which is no outcome", file=sys.stderr)
    except SystemExit as error:
        if error.code in _STOPPED:
            raise
        # Else the job would end here, with the status of a job that has written its results.
        expected = f"a system that returns; it called sys.exit({error.code!r}) in seed {seed}"
        raise InputError("system", "", expected=expected) from error
    # Outside the handler, whose exception would keep the run's tensors alive.
    gc.collect()
    if context.device.type == "cuda":
        torch.cuda.empty_cache()
    return _failure([], relay.stage, relay.step, OUT_OF_MEMORY)


def _failure(rows: list[Row], stage: str, step: int, status: str) -> tuple[Outcome, str]:
    return Outcome([*rows, Row(stage, step, RUN_METRIC, float("nan"), status)]), status


def _is_out_of_memory(error: Exception) -> bool:
    # torch has no class of its own for an allocation that fails on the CPU.
    known = (MemoryError, torch.OutOfMemoryError)
    return isinstance(error, known) or "DefaultCPUAllocator: can't allocate memory" in str(error)


def _save_seconds() -> float:
    """How soon after a save another one is left out.

    Raises:
        InputError: the environment says something that is no number of seconds.
    """
    given = os.environ.get(_SAVE_VARIABLE, "")
    try:
        seconds = float(given) if given else _SAVE_SECONDS
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise InputError(_SAVE_VARIABLE, "", given, expected="a number of seconds, such as 10")
    return seconds


def _find_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("--device", "", name, expected="'cpu' or 'auto': no GPU is visible")
    return torch.device(name)


def _read_parents(
    parent: Path | None,
    ablation: str,
    variant: str | None,
    seeds: Sequence[int],
    data_seed: int | None,
) -> dict[int, Any]:
    """Seed → entry of the parent's state file."""
    if parent is None:
        return {}
    content = load_state(parent, checksum=True)
    wanted = {"ablation": ablation, "variant": variant, "data_seed": data_seed}
    found = {key: content.get(key) for key in wanted}
    if found != wanted:
        expected = f"the state of variant {variant!r} of ablation {ablation!r}"
        if data_seed is not None or found["data_seed"] is not None:
            expected += f" on {'the tracked data' if data_seed is None else f'draw {data_seed}'}"
        else:
            del found["data_seed"]
        raise InputError(parent, "", found, expected=expected)
    missing = sorted(set(seeds) - set(content["seeds"]))
    if missing:
        raise InputError(parent, "seeds", missing, expected="a checkpoint that has these seeds")
    return {seed: content["seeds"][seed] for seed in seeds}


def _resume_file(folder: Path, seed: int, key: str, kind: str) -> Path:
    """Where a seed keeps its state; what it kept for another request is of no use: removed."""
    for stale in folder.glob(f"seed-{seed}.*"):
        if f".{key}." not in stale.name:
            stale.unlink()
    return folder / f"seed-{seed}.{key}.{kind}"


def _forget(folder: Path, seeds: Sequence[int]) -> None:
    for seed in seeds:
        for path in folder.glob(f"seed-{seed}.*"):
            path.unlink()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
