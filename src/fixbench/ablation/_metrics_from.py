"""Where the metrics of a command are read, as declared in ``ablation.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field

from fixbench.ablation._base import Strict
from fixbench.ablation._places import Keys

__all__ = ["MetricsFrom", "metrics_from_problems"]

#: Kind → the keys that it takes besides ``kind``, ``path`` and ``stage``.
_KEYS = {
    "regex": ("pattern", "patterns"),
    "json": ("metrics", "step"),
    "csv": ("metrics", "step"),
    "tensorboard": ("metrics",),
}
_GROUPS = ("metric", "value", "step", "stage")


class MetricsFrom(Strict):
    """Where the metrics of a command are read, instead of a table at ``{output}``.

    A metric that is found and not declared under the ablation's ``metrics`` is left out, with a
    note in the log. A value without a step is the next of its metric: steps 0, 1, 2 and so on.

    Attributes:
        kind: what is read. ``regex``: lines of the log, or of a text file. ``json``: one object,
            a list of objects, or one object on each line. ``csv``: a table with one column a
            metric, or with the columns ``metric`` and ``value`` (and ``step``, ``stage``,
            ``status``). ``tensorboard``: a folder with event files.
        path: the file or folder, with placeholders; ``{output}`` or ``{work}`` is one of them,
            so that no other run writes there. A pattern such as ``*`` may stand for the one name
            that is there. Without it ``regex`` reads what the command prints.
        pattern: of ``regex``: a regular expression with the named groups ``metric`` and
            ``value``, and optionally ``step`` and ``stage``, searched in each line.
        patterns: of ``regex``, instead of ``pattern``: metric → a regular expression with one
            group, the value, or with the named group ``value``, and optionally ``step`` and
            ``stage``.
        metrics: metric → where it is: the dotted path of a key of ``json``, a column of ``csv``, a
            tag of ``tensorboard``. Without it names are the metrics' own.
        step: where the step is: a dotted path of ``json``, a column of ``csv``.
        stage: the stage of what is read, where a row names none.
    """

    kind: Literal["regex", "json", "csv", "tensorboard"]
    path: str | None = None
    pattern: str | None = None
    patterns: Annotated[dict[str, str], Field(min_length=1)] | None = None
    metrics: Annotated[dict[str, str], Field(min_length=1)] | None = None
    step: str | None = None
    stage: Annotated[str, Field(min_length=1)] = "run"

    @property
    def mapped(self) -> tuple[str, ...]:
        """The metrics that it says where to find."""
        return tuple(self.patterns or self.metrics or ())


def metrics_from_problems(
    written: MetricsFrom, declared: Iterable[str], known: Iterable[str]
) -> Iterable[tuple[Keys, object, str]]:
    """What is wrong in it: keys below ``metrics_from``, the value, what would be right.

    Args:
        declared: those of its `MetricsFrom.mapped` that the ablation declares as metrics.
        known: what the ablation declares, for the message.
    """
    allowed = _KEYS[written.kind]
    for key in ("pattern", "patterns", "metrics", "step"):
        value = getattr(written, key)
        if value is not None and key not in allowed:
            takes = " and ".join(repr(name) for name in allowed)
            yield (key,), value, f"no such key: kind {written.kind!r} takes {takes}"
    if written.path is None and written.kind != "regex":
        yield ("path",), None, "this key, such as '{output}/metrics." + written.kind + "'"
    if written.path is not None and not re.search(r"\{(output|work)\}", written.path):
        yield (
            ("path",),
            written.path,
            "a path with {output} or {work}: other runs, which run at the same time, must not "
            "write there",
        )
    if written.kind == "regex":
        if (written.pattern is None) == (written.patterns is None):
            found = None if written.pattern is None else written.pattern
            yield ("pattern",), found, "exactly one of 'pattern' and 'patterns'"
        if written.pattern is not None:
            needed = _pattern_problem(written.pattern, ("metric", "value"))
            if needed:
                yield ("pattern",), written.pattern, needed
        for metric, pattern in (written.patterns or {}).items():
            if needed := _pattern_problem(pattern, ("value",)):
                yield ("patterns", metric), pattern, needed
    there = set(declared)
    for metric in written.mapped:
        if metric not in there:
            key = "patterns" if written.patterns else "metrics"
            yield (key, metric), metric, f"a metric of the ablation: {', '.join(known)}"


def _pattern_problem(pattern: str, needed: tuple[str, ...]) -> str | None:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        return f"a regular expression ({error})"
    names = compiled.groupindex.keys()
    strange = [name for name in names if name not in _GROUPS]
    if strange:
        return f"the groups {', '.join(_GROUPS)}; {strange[0]} is none of them"
    if needed == ("value",) and "value" not in names:
        if compiled.groups == 1 and not names:
            return None
        return "one group, the value, such as 'loss (\\S+)', or the named group (?P<value>...)"
    missing = [name for name in needed if name not in names]
    return f"the named group (?P<{missing[0]}>...)" if missing else None
