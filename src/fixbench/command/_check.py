"""What of a command is known to be wrong before anything runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
from collections.abc import Collection
from pathlib import Path

from fixbench.ablation import Ablation, written_place
from fixbench.command._placeholders import BUILT_IN, option_words, placeholders
from fixbench.command._python_call import why_no_python_call
from fixbench.errors import InputError
from fixbench.reading import read_source

__all__ = ["check_command"]

#: A word of a command that ends so is a script.
_SCRIPTS = (".py", ".sh")
#: Each of these gives the program all options.
_ALL_OPTIONS = frozenset({"options", "options_yaml", "overrides"})


def check_command(file: Path, ablation: Ablation) -> None:
    """Refuse a command that cannot do what the ablation says.

    Args:
        file: the ablation file, in whose folder the command runs.

    Raises:
        InputError: it has no ``{seed}``, or no ``{output}`` although metrics are read there; a
            placeholder is unknown; an option that a variant or a tier changes does not reach it; a
            word of it that ends in ``.py`` or ``.sh`` names no file; or the library that reads its
            metrics is not installed. ``{root}`` in it is the working directory.
    """
    command = ablation.command
    assert command is not None
    options = option_words(ablation.baseline)
    found = placeholders(command, [*BUILT_IN, *options])
    reader = ablation.metrics_from
    if reader is None and "output" not in found:
        expected = "a command with {output}, the path to which it writes its metrics"
        raise InputError(file, "command", command, expected=expected)
    if "seed" not in found:
        expected = "a command with {seed}: without it every seed is the same run"
        raise InputError(file, "command", command, expected=expected)
    _check_known(file, "command", found, options)
    if reader is not None and reader.path is not None:
        inside = placeholders(reader.path, shell=False)
        _check_known(file, "metrics_from.path", inside, options)
        if "output" in inside and "output" not in found:
            expected = "a path with {work}: the command is not told {output}"
            raise InputError(file, "metrics_from.path", reader.path, expected=expected)
        if "overrides" in inside:
            expected = "a path without {overrides}, which are several words"
            raise InputError(file, "metrics_from.path", reader.path, expected=expected)
    by_library = reader is not None and reader.kind == "tensorboard"
    if by_library and importlib.util.find_spec("tensorboard") is None:
        expected = "another kind, or the library that reads it: pip install tensorboard"
        raise InputError(file, "metrics_from.kind", "tensorboard", expected=expected)
    if ablation.preload and (why := why_no_python_call(command, [*BUILT_IN, *options])):
        expected = f"beside 'preload' a plain call, such as python train.py --seed {{seed}}: {why}"
        raise InputError(file, "command", command, expected=expected)
    _check_reach(file, ablation, found)
    _check_scripts(file, command)


def _check_known(file: Path, key: str, names: Collection[str], options: Collection[str]) -> None:
    for name in names:
        if name not in BUILT_IN and name not in options:
            known = ", ".join(f"{{{other}}}" for other in (*BUILT_IN, *options))
            own = "; a brace of the program's own stands after a backslash" * (key == "command")
            raise InputError(file, key, f"{{{name}}}", expected=f"one of {known}{own}")


def _check_reach(file: Path, ablation: Ablation, found: Collection[str]) -> None:
    """A changed option that does not reach the command would make copies of one run."""
    if _ALL_OPTIONS & set(found):
        return

    def reaches(option: str) -> bool:
        return any(f"{option}.".startswith(f"{name}.") for name in found)

    expected = "an option that reaches the command: as {%s}, {options} or {overrides}"
    for name, variant in ablation.variants.items():
        for option, value in variant.changes.items():
            if not reaches(option):
                source, keys = written_place(file, name, "changes", option)
                raise source.problem(keys, value, expected=expected % option)
    for tier, content in ablation.tiers.items():
        for option, value in content.options.items():
            if not reaches(option):
                source = read_source(file)
                where = ("tiers", tier, "options", option)
                raise source.problem(where, value, expected=expected % option)


def _check_scripts(file: Path, command: str) -> None:
    try:
        words = shlex.split(command)
    except ValueError:  # quotes that only a shell understands, such as in a comment
        return
    for word in words:
        name = word.replace("{root}", str(Path().resolve()))
        name = name.replace("{folder}", str(file.parent.resolve()))
        # What the shell makes of a variable, a pattern or a list of commands is not known here.
        if not name.endswith(_SCRIPTS) or re.search(r"[$`*?~{}()<>|&;=]", name):
            continue
        if ("cd" in words and not Path(name).is_absolute()) or (file.parent / name).is_file():
            continue
        expected = f"a script that is there: the command runs in {file.parent}, without {name}"
        raise InputError(file, "command", word, expected=expected)
