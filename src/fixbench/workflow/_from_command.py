"""A new ablation around a command that trains: ``fixbench new NAME --from-command COMMAND``."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixbench.ablation import load_ablation
from fixbench.command import BUILT_IN, check_command, options_text, placeholders
from fixbench.errors import InputError
from fixbench.files import whole_folder, write_text
from fixbench.workflow._folders import check_new_name, template

__all__ = ["Asked", "new_from_command"]

_WHERE = "fixbench new"
_OPTION = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*"
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
#: What is copied beside the ablation file is code; data stay where they are.
_LARGEST = 1_000_000
#: The ending of a file → the kind of ``metrics_from``.
_KINDS = {".json": "json", ".jsonl": "json", ".ndjson": "json", ".csv": "csv", ".tsv": "csv"}
#: Placeholders with which every option reaches a command.
_ALL_OPTIONS = ("options", "options_yaml", "overrides")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a new ablation is made of, as it stands on the command line.

    Attributes:
        command: with ``{seed}`` and placeholders of options.
        baseline: ``OPTION=VALUE``, of each option that the command takes.
        variants: ``NAME:OPTION=VALUE``; of one name several make a bundle.
        metric: ``NAME:BETTER``, such as ``loss:lower``.
        log: a regular expression that finds the metric in what the command prints.
        metrics_file: the path, with placeholders, of a file that the command writes anyway.
        preload: modules that the command's Python imports once for all seeds of a job.
    """

    command: str
    baseline: Sequence[str] = ()
    variants: Sequence[str] = ()
    metric: str = "accuracy:higher"
    log: str | None = None
    metrics_file: str | None = None
    preload: Sequence[str] = ()


@dataclass
class _Parsed:
    baseline: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    metric: str = ""
    better: str = ""
    reader: dict[str, Any] | None = None


def new_from_command(folder: Path, name: str, asked: Asked) -> tuple[Path, list[str]]:
    """Write an ablation that runs a command, and return its folder and the files copied into it.

    The files of the working directory that the command names are copied beside the ablation file,
    in whose folder it runs: they count as its code, so that a change of them runs it again.

    Raises:
        InputError: the name is none for a new ablation; or the command, an option, a variant or a
            place for metrics is missing or wrong. Nothing was written.
    """
    check_new_name(folder, name)
    parsed = _parse(asked)
    copies = _copies(asked.command)
    target = folder / name
    with whole_folder(target) as partial:
        write_text(partial / "ablation.yaml", _ablation(name, asked, parsed))
        write_text(partial / "claims.yaml", _claims(name, parsed))
        rule = (template() / "rule.smk").read_text(encoding="utf-8")
        write_text(partial / "rule.smk", rule.replace("__NAME__", name))
        for relative in copies:
            copy = partial / relative
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(relative, copy)
        try:
            file = partial / "ablation.yaml"
            check_command(file, load_ablation(file))
        except InputError as error:  # of a file that will not be there
            key = "--from-command" if error.key == "command" else error.key
            expected = error.expected.replace(str(partial), str(target))
            raise InputError(_WHERE, key, error.value, expected=expected) from None
    return target, copies


def _parse(asked: Asked) -> _Parsed:
    parsed = _Parsed()
    for text in asked.baseline:
        option, value = _assignment("--baseline", text, text)
        if option in BUILT_IN:
            expected = f"another name; {{{option}}} is {BUILT_IN[option]}"
            raise InputError(_WHERE, "--baseline", text, expected=expected)
        others = [o for o in parsed.baseline if f"{o}.".startswith(f"{option}.")]
        others += [o for o in parsed.baseline if f"{option}.".startswith(f"{o}.")]
        if others:
            expected = f"each option once; {others[0]} is given too"
            raise InputError(_WHERE, "--baseline", text, expected=expected)
        parsed.baseline[option] = value
    _check_command(asked, parsed)
    for text in asked.variants:
        name, colon, change = text.partition(":")
        if not colon or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) is None:
            expected = "a name and what it changes, such as high:dropout=0.5"
            raise InputError(_WHERE, "--variant", text, expected=expected)
        if name == "baseline":
            expected = "another name; 'baseline' changes nothing"
            raise InputError(_WHERE, "--variant", text, expected=expected)
        option, value = _assignment("--variant", change, text)
        if option not in parsed.baseline:
            known = ", ".join(parsed.baseline) or "there is none; give it with --baseline"
            expected = f"an option of the baseline: {known}"
            raise InputError(_WHERE, "--variant", text, expected=expected)
        if value == parsed.baseline[option] and type(value) is type(parsed.baseline[option]):
            expected = f"another value than the baseline's, {options_text(value)}"
            raise InputError(_WHERE, "--variant", text, expected=expected)
        changes = parsed.variants.setdefault(name, {})
        if option in changes:
            expected = f"each option of a variant once; {option} stands there twice"
            raise InputError(_WHERE, "--variant", text, expected=expected)
        changes[option] = value
    if not parsed.variants:
        example = next(iter(parsed.baseline), "dropout")
        expected = f"what is compared with the baseline, such as --variant high:{example}=0.5"
        raise InputError(_WHERE, "--variant", expected=expected)
    parsed.metric, _, parsed.better = asked.metric.rpartition(":")
    if not parsed.metric or parsed.better not in ("higher", "lower", "neither"):
        expected = "a name and which side is better, such as loss:lower or accuracy:higher"
        raise InputError(_WHERE, "--metric", asked.metric, expected=expected)
    parsed.reader = _reader(asked, parsed.metric)
    return parsed


def _check_command(asked: Asked, parsed: _Parsed) -> None:
    found = placeholders(asked.command, [*BUILT_IN, *parsed.baseline])
    if "seed" not in found:
        expected = "a command with {seed}: without it every seed is the same run"
        raise InputError(_WHERE, "--from-command", asked.command, expected=expected)
    for option in found:
        if option not in BUILT_IN and option not in parsed.baseline:
            group = any(other.startswith(f"{option}.") for other in parsed.baseline)
            if not group:
                expected = f"a value for {{{option}}} of the command: --baseline {option}=VALUE"
                raise InputError(_WHERE, "--baseline", expected=expected)
    for option in () if set(found) & set(_ALL_OPTIONS) else parsed.baseline:
        if not any(f"{option}.".startswith(f"{name}.") for name in found):
            expected = f"an option that the command takes, as {{{option}}}, {{options}} or "
            raise InputError(_WHERE, "--baseline", option, expected=expected + "{overrides}")
    if asked.log is not None and asked.metrics_file is not None:
        expected = "one place for metrics, --log or --metrics-file"
        raise InputError(_WHERE, "--log", asked.log, expected=expected)
    if "output" not in found and asked.log is None and asked.metrics_file is None:
        expected = (
            "{output}, the path to which it writes metrics; or tell with --log PATTERN or "
            "--metrics-file PATH where it leaves them"
        )
        raise InputError(_WHERE, "--from-command", asked.command, expected=expected)


def _assignment(key: str, text: str, given: str) -> tuple[str, Any]:
    option, equals, value = text.partition("=")
    if not equals or re.fullmatch(_OPTION, option) is None:
        expected = "OPTION=VALUE, such as dropout=0.1 or optimiser.rate=0.1"
        raise InputError(_WHERE, key, given, expected=expected)
    try:
        read = json.loads(value)
    except ValueError:
        read = float(value) if _NUMBER.fullmatch(value) else value
    return option, value if isinstance(read, float) and read - read != 0 else read


def _reader(asked: Asked, metric: str) -> dict[str, Any] | None:
    if asked.log is not None:
        named = "(?P<metric>" in asked.log
        return {"kind": "regex"} | (
            {"pattern": asked.log} if named else {"patterns": {metric: asked.log}}
        )
    if asked.metrics_file is None:
        return None
    kind = _KINDS.get(Path(asked.metrics_file).suffix.lower())
    if kind is None:
        expected = f"a path that ends in {', '.join(_KINDS)}; see docs/ablations.md for others"
        raise InputError(_WHERE, "--metrics-file", asked.metrics_file, expected=expected)
    return {"kind": kind, "path": asked.metrics_file}


def _copies(command: str) -> list[str]:
    """The files of the working directory that a command names, relative to it."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        expected = f"quotes that are closed ({error})"
        raise InputError(_WHERE, "--from-command", command, expected=expected) from None
    if "cd" in words:  # what it names then is relative to another folder
        return []
    found: dict[str, None] = {}
    for word in words:
        name = word.rpartition("=")[2] if word.startswith("-") else word
        path = Path(name)
        if not name or path.is_absolute() or ".." in path.parts or not path.exists():
            continue
        if path.is_dir():
            if "/" in name:  # else more likely a word of the program's
                raise _not_copied(name, "a file; the folder is not copied")
            continue
        if path.stat().st_size > _LARGEST:
            raise _not_copied(name, f"a file of at most {_LARGEST // 1_000_000} MB, to copy")
        found[path.as_posix()] = None
    return list(found)


def _not_copied(name: str, what: str) -> InputError:
    expected = f"{what}: name it from anywhere, as {{root}}/{name}"
    return InputError(_WHERE, "--from-command", name, expected=expected)


def _text(value: str) -> str:
    """A text in YAML on one line, with no more marks than a reader needs."""
    if value.isprintable() and value:
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    return options_text(value)


def _block(options: dict[str, Any], indent: str) -> str:
    """Dotted options as nested YAML."""
    tree: dict[str, Any] = {}
    for option, value in options.items():
        *above, last = option.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value

    def lines(node: dict[str, Any], indent: str) -> list[str]:
        made = []
        for key, value in node.items():
            if isinstance(value, dict) and value:
                made += [f"{indent}{_key(key)}:", *lines(value, f"{indent}  ")]
            else:
                made.append(f"{indent}{_key(key)}: {options_text(value)}")
        return made

    return "\n".join(lines(tree, indent))


def _key(name: str) -> str:
    """A name in YAML, quoted where it would be something else."""
    plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", name)
    return name if plain and name.lower() not in ("true", "false", "null") else _text(name)


def _ablation(name: str, asked: Asked, parsed: _Parsed) -> str:
    reader = "" if parsed.reader is None else _reader_text(parsed.reader)
    modules = ", ".join(map(_key, asked.preload))
    preload = f"preload: [{modules}]\n" if modules else ""
    # A job imports once for all of its seeds: with all of them in one job it does so once.
    block = 10 if modules else 5
    variants = "\n".join(_variant(*item) for item in parsed.variants.items())
    options = ", ".join(parsed.baseline) or "none"
    return f"""\
# yaml-language-server: $schema=../../config/ablation.schema.json
# Made by `fixbench new`. It runs as it stands. Edit what says EDIT before results exist, and then
#   fixbench check {name}
# docs/ablations.md explains all keys; "Your own script" is about commands.
title: 'EDIT: what is compared, in one line'
question: 'EDIT: what is asked, in one or two sentences.'
document: {{file: notes.md, title: 'EDIT: where the effect was reported', section: 'EDIT'}}

# Runs in this folder, once for each variant and seed.
command: {_text(asked.command)}
{preload}{reader}
# The options: {options}. A new one also needs its placeholder in the command.
baseline_variant: baseline
baseline:{" {}" if not parsed.baseline else chr(10) + _block(parsed.baseline, "  ")}
variants:
  baseline: {{reason: 'EDIT: the state before the change'}}
{variants}
metrics:
  {_key(parsed.metric)}:
    unit: '1'                     # EDIT: such as '%', s or nats
    better: {parsed.better}
    description: 'EDIT: what is measured, and on which data'
    stage: run                    # the stage of values for which the script names none
tiers:
  # To see that everything works; `options: {{epochs: 1}}` here makes an option smaller.
  smoke: {{seeds: '0-2', block: 3, scaled_down: ['Three seeds: its verdicts mean nothing.']}}
  small: {{seeds: '0-9', block: {block}}}
threats:
  - 'EDIT: what a reader must not conclude from this experiment.'
"""


def _reader_text(reader: dict[str, Any]) -> str:
    lines = ["metrics_from:                     # read after each run"]
    for key, value in reader.items():
        if isinstance(value, dict):
            inner = [f"    {_key(k)}: {_text(v)}" for k, v in value.items()]
            lines += [f"  {key}:", *inner]
        else:
            lines.append(f"  {key}: {value if key == 'kind' else _text(value)}")
    return "\n".join(lines) + "\n"


def _variant(name: str, changes: dict[str, Any]) -> str:
    written = ", ".join(f"{_key(option)}: {options_text(v)}" for option, v in changes.items())
    groups = {option.split(".")[0] for option in changes}
    bundle = "\n    bundle: true                  # several options change at once" * (
        len(groups) > 1
    )
    return f"  {_key(name)}:\n    reason: 'EDIT: the change'\n    changes: {{{written}}}{bundle}"


def _claims(name: str, parsed: _Parsed) -> str:
    variant = next(iter(parsed.variants))
    letters = re.sub(r"[^A-Z]", "", name.upper())[:2].ljust(2, "X")
    direction = "less" if parsed.better == "lower" else "greater"
    return f"""\
# yaml-language-server: $schema=../../config/claims.schema.json
# What is claimed, and the rule that decides it. Write it before results exist.
claims:
  - id: {letters}01
    label: 'Effect of {variant}'
    statement: 'EDIT: what you claim of {variant}, in your words.'
    section: 'EDIT'
    kind: outcome
    documented: {{text: 'EDIT: the figures as they were reported, if any'}}
    decision:
      rule: difference            # EDIT: or no_difference, not_worse, ...; see docs/ablations.md
      direction: {direction}
      margin: 0.01                # EDIT: effects up to this size do not matter
    effect: {{variant: {_key(variant)}, against: baseline, metric: {_key(parsed.metric)}}}
"""
