"""Reading what a person wrote: YAML with line numbers, seeds, and what pydantic finds wrong.

YAML is version 1.2 with its core schema: ``on``, ``off``, ``yes``, ``no`` and dates are text,
``1.0e+6`` is a number. libyaml's parser is used where PyYAML was built with it; it is about ten
times as fast as the one in Python.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fixbench.errors import InputError

__all__ = ["HAS_LIBYAML", "Source", "parse_seeds", "read_source", "read_yaml", "validation_problem"]

#: Whether libyaml's parser is in use.
HAS_LIBYAML: bool = yaml.__with_libyaml__
_PREFIX = "tag:yaml.org,2002:"
_VALID = "valid YAML, indented with spaces, each key once"

#: What no file that a person wrote comes near, and what a hostile one needs.
_DEEPEST = 64
_MOST_VALUES = 100_000
_MOST_SEEDS = 10_000
#: What neither a page nor a terminal can print as it is; text that turns the direction of writing
#: shows a reader something else than it says.
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


class _Loader(yaml.CSafeLoader if HAS_LIBYAML else yaml.SafeLoader):  # type: ignore[misc]
    """Composes nodes; which plain scalars are no text follows the core schema of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


#: Tag → what its scalars look like.
_FORMS: dict[str, re.Pattern[str]] = {}
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        "float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
):
    _FORMS[_tag] = re.compile(_pattern)
    _Loader.add_implicit_resolver(_PREFIX + _tag, _FORMS[_tag], _first)


@dataclass(frozen=True)
class Source:
    """A YAML file that was read: its content, and the line on which each key stands."""

    path: Path
    content: Any
    _root: yaml.Node | None = field(default=None, repr=False)

    def line(self, keys: Sequence[str | int]) -> int:
        """The line, from 1, of the value at ``keys`` or of the last of them that is there."""
        node, line = self._root, 0
        for key in keys:
            if isinstance(node, yaml.MappingNode):
                found = [(k, v) for k, v in node.value if k.value == str(key)]
                if not found:
                    break
                line, node = found[0][0].start_mark.line, found[0][1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
                if not 0 <= key < len(node.value):
                    break
                node = node.value[key]
                line = node.start_mark.line
            else:
                break
        return line + 1

    def key(self, keys: Sequence[str | int]) -> str:
        """The dotted key; an item of a list goes by its ``id`` where it has one."""
        shown: list[str] = []
        value = self.content
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                value = None
            named = value.get("id") if isinstance(value, dict) and isinstance(key, int) else None
            name = str(named or key)
            shown.append(name if name.isprintable() else repr(name))
        return ".".join(shown)

    def problem(self, keys: Sequence[str | int], value: Any = None, *, expected: str) -> InputError:
        """What is wrong at ``keys``, with file, line, key, value and what would be right."""
        return InputError(
            f"{self.path}:{self.line(keys)}", self.key(keys), value, expected=expected
        )


def read_yaml(path: Path) -> Any:
    """The content of a YAML file.

    Raises:
        InputError: as `read_source`.
    """
    return read_source(path).content


def read_source(path: Path) -> Source:
    """Parse YAML 1.2 and refuse duplicate keys.

    Raises:
        InputError: the file is missing, is not UTF-8 or is not YAML, or has control characters; or
            it is deeper than 64 levels or, with its aliases written out, of more than 100,000
            values.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", expected=f"a readable UTF-8 file ({error})") from None
    loader = None
    try:
        _check_depth(text)
        loader = _Loader(text)
        root = loader.get_single_node()
        content = None if root is None else _Construction().value(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark is not None else ""
        if isinstance(error, _TooMuch):
            raise InputError(path, where, expected=str(error.problem)) from None
        problem = " ".join(str(error.problem).split())
        raise InputError(path, where, problem, expected=_VALID) from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise InputError(path, "", problem, expected=_VALID) from None
    finally:
        if loader is not None:
            loader.dispose()
    return Source(path, content, root)


class _TooMuch(yaml.MarkedYAMLError):  # type: ignore[misc]
    """A limit, in words, and where it is passed."""


def _check_depth(text: str) -> None:
    """Refuse what is nested too deeply before nodes are composed, which is recursive in C."""
    loader, depth = _Loader(text), 0
    try:
        while loader.check_event():
            event = loader.get_event()
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > _DEEPEST:
                    limit = f"at most {_DEEPEST} levels of nesting"
                    raise _TooMuch(problem=limit, problem_mark=event.start_mark)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    finally:
        loader.dispose()


class _Construction:
    """Values of nodes. An alias gives the object of its anchor, which nobody may change."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self._open: set[int] = set()
        # Of each collection: how many values it has and how many levels, aliases written out.
        self._size: dict[int, tuple[int, int]] = {}

    def value(self, node: yaml.Node) -> Any:
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        place = id(node)
        if place in self._made:
            return self._made[place]
        kind = "map" if isinstance(node, yaml.MappingNode) else "seq"
        if node.tag != _PREFIX + kind:
            raise _refused(f"a tag that is not supported, {node.tag!r}", node)
        if place in self._open:
            raise _refused("an alias inside its own anchor", node)
        self._open.add(place)
        made: Any
        if isinstance(node, yaml.MappingNode):
            made = self._mapping(node)
        else:
            made = [self.value(item) for item in node.value]
        self._open.discard(place)
        self._made[place] = made
        self._measure(node)
        return made

    def _measure(self, node: yaml.CollectionNode) -> None:
        size, depth = 1, 0
        for entry in node.value:
            item = entry[1] if isinstance(node, yaml.MappingNode) else entry
            values, levels = self._size.get(id(item), (1, 0))
            size, depth = size + values, max(depth, levels)
        limit = None
        if size > _MOST_VALUES:
            limit = f"at most {_MOST_VALUES} values, aliases written out"
        elif depth >= _DEEPEST:
            limit = f"at most {_DEEPEST} levels of nesting, aliases written out"
        if limit is not None:
            raise _TooMuch(problem=limit, problem_mark=node.start_mark)
        self._size[id(node)] = size, depth + 1

    def _mapping(self, node: yaml.MappingNode) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refused("a key that is not a single value", key_node)
            key = _scalar(key_node)
            if key in made:
                raise _refused(f"found duplicate key {key_node.value!r}", key_node)
            made[key] = self.value(value_node)
        return made


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    kind = node.tag.removeprefix(_PREFIX)
    if kind == "str":
        if control := _CONTROL.search(text):
            limit = f"text without control characters; {control[0]!r} is one"
            raise _TooMuch(problem=limit, problem_mark=node.start_mark)
        return text
    if kind not in _FORMS or not node.tag.startswith(_PREFIX):
        raise _refused(f"a tag that is not supported, {node.tag!r}", node)
    if _FORMS[kind].match(text) is None:  # the tag was written
        raise _refused(f"{text!r}, which is no {kind}", node)
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "float":
        return _float(text.lower())
    # 64 bits are 20 digits; many more would take a time that grows with their square.
    number = int(text, 0 if text[:2] in ("0o", "0x") else 10) if len(text) <= 40 else None
    if number is None or number.bit_length() > 64:
        limit = "an integer of at most 64 bits"
        raise _TooMuch(problem=limit, problem_mark=node.start_mark)
    return number


def _float(text: str) -> float:
    return float(text.replace(".", "") if text.endswith(("inf", "nan")) else text)


def _refused(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def parse_seeds(text: str, *, file: str | Path = "--seeds", key: str = "") -> list[int]:
    """``"0-4,7"`` → ``[0, 1, 2, 3, 4, 7]``, sorted.

    Raises:
        InputError: not of that form, a seed twice, or more than 10,000 seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*([0-9]{1,19})(?:-([0-9]{1,19}))?\s*", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise InputError(file, key, text, expected="seeds such as '0-9' or '0-4,7', upwards")
        first, last = int(match[1]), int(match[2] or match[1])
        if len(seeds) + last - first >= _MOST_SEEDS:
            raise InputError(file, key, text, expected=f"at most {_MOST_SEEDS} seeds")
        seeds.extend(range(first, last + 1))
    seeds.sort()
    for seed, following in pairwise(seeds):
        if seed == following:
            raise InputError(file, key, text, expected=f"each seed once; {seed} stands twice")
    return seeds


def validation_problem(
    file: str | Path | Source,
    error: ValidationError,
    *,
    where: Callable[[str], str] = str,
    within: Sequence[str | int] = (),
    unknown: str = "no such key; see the schemas in config/",
) -> InputError:
    """The first problem that pydantic found, as one message.

    Args:
        file: its name or, for the line and the key as they were written, the file as it was read.
        where: dotted key as pydantic sees it → the key shown to the user.
        within: the keys above the part of the file that was validated.
        unknown: what to expect instead of an unknown key.
    """
    problems = error.errors(include_url=False)
    problem = problems[0]
    if problem["type"] == "missing":
        problem = _misspelt(problems) or problem
    keys: list[str | int] = [*within, *problem["loc"]]
    value = problem.get("input")
    if problem["type"] == "extra_forbidden":
        if problem is not problems[0]:
            unknown += f"; is it the required key {problems[0]['loc'][-1]!r}?"
        expected = unknown
    elif problem["type"] == "missing":
        expected, value = "this key, which is required", None
    else:
        message = str(problem["msg"]).removeprefix("Value error, ")
        expected = re.sub(r"^\w+ should (be|match|have)( a valid)? ?", "", message)
        expected = re.sub(r" or instance of \w+", "", expected)
        value = None if isinstance(value, dict) else value
    if isinstance(file, Source):
        last = keys[-1:] if problem["type"] == "missing" else []
        there = _that_are_there(file.content, keys[: len(keys) - len(last)])
        return file.problem([*there, *last], value, expected=expected)
    return InputError(file, where(".".join(map(str, keys))), value, expected=expected)


def _that_are_there(content: Any, keys: Sequence[str | int]) -> list[str | int]:
    """Without what pydantic adds to a place, such as the name of a type."""
    found: list[str | int] = []
    for key in keys:
        if (isinstance(content, dict) and key in content) or (
            isinstance(content, list) and isinstance(key, int) and key < len(content)
        ):
            content = content[key]  # type: ignore[index]
            found.append(key)
    return found


def _misspelt(problems: Sequence[ErrorDetails]) -> ErrorDetails | None:
    """The unknown key that was meant to be the missing one, if one looks like it."""
    *parents, missing = problems[0]["loc"]
    strangers = {
        str(problem["loc"][-1]): problem
        for problem in problems
        if problem["type"] == "extra_forbidden" and [*problem["loc"][:-1]] == parents
    }
    close = difflib.get_close_matches(str(missing), strangers, n=1)
    return strangers[close[0]] if close else None
