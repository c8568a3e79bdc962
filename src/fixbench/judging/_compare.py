"""Variants of a table compared in a program or a notebook, by the code of ``fixbench judge``."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.judging._claim import Claim, claims_entries
from fixbench.judging._comparison import Comparison
from fixbench.judging._judge import Found, choices_of, claims_file, find, write_and_judge
from fixbench.judging._roles import Better, near

__all__ = ["compare"]

_ROLES = ("variant", "seed", "metric", "value", "methods", "stage", "step", "status")
#: Option of the command → argument, where it is called otherwise.
_ARGUMENTS = {"margin": "smallest_effect"}


def compare(
    results: Any,
    *,
    baseline: str | None = None,
    metric: str | Sequence[str] = (),
    better: Better | Mapping[str, Better] | None = None,
    smallest_effect: float | Mapping[str, float] | None = None,
    claims: Claim | Sequence[Claim] | str | Path | None = None,
    columns: Mapping[str, str | Sequence[str]] | None = None,
    unpaired: bool = False,
    name: str | None = None,
    reader: str | None = None,
) -> Comparison:
    """Compare every other variant with the baseline, or judge claims that are given.

    What columns are, which runs are pairs, tests and verdicts are those of `judge`, which writes
    files; this writes none.

    Args:
        results: a pandas or Polars frame; or a path, a pattern, several of them, or the folder of
            a tool.
        baseline: the variant that the others are compared with; else from the names, else the
            first.
        metric: the metrics that are compared, by name; all of them where it is left out. Where
            columns are variants it says what their values are called.
        better: ``"higher"`` or ``"lower"``, of all metrics or metric → direction; else from the
            name of the metric.
        smallest_effect: the smallest difference that matters, likewise. Without it a direction
            alone can be shown.
        claims: instead of all comparisons; or the path of a ``claims.yaml``.
        columns: role → column, or several, where their names do not say what they are. Roles are
            ``variant``, ``seed``, ``metric`` (of the names of metrics), ``value``, ``methods``
            (columns that are a variant each), ``stage``, ``step`` and ``status``.
        unpaired: runs with the same seed are no pairs.
        name: of what is compared, for files and captions; from the file where it is left out.
        reader: of a folder that a tool wrote, where its content does not show which.

    Raises:
        InputError: what was given cannot be read or compared; one message says what would be right.
    """
    for role in columns or {}:
        if role not in _ROLES:
            raise InputError("columns", "", role, expected=f"a role: {near(role, _ROLES)}")
    wanted = (metric,) if isinstance(metric, str) else tuple(metric)
    choices = choices_of(baseline, better, smallest_effect)
    try:
        found = find(
            results,
            columns=columns or {},
            choices=choices,
            unpaired=unpaired,
            reader=reader,
            metrics=wanted,
        )
        text, names = _claims(claims, found, choices.margin)
        return _judged(found, text, names, claims, name)
    except InputError as error:
        raise _in_python(error) from None


def _in_python(error: InputError) -> InputError:
    """The message with arguments, where that of the command has options."""

    def argument(name: str) -> str:
        return f"columns: {name}" if name in _ROLES else _ARGUMENTS.get(name, name)

    option = error.file.removeprefix("--")
    where = error.file if option == error.file else argument(option)
    expected = re.sub(
        r"--([a-z]+)",
        lambda match: f"columns={{'{match[1]}': …}}" if match[1] in _ROLES else f"{match[1]}=",
        error.expected,
    )
    return InputError(where, error.key, error.value, expected=expected)


def _claims(
    claims: Claim | Sequence[Claim] | str | Path | None,
    found: Found,
    smallest_effect: Mapping[str, float],
) -> tuple[str | None, dict[str, str]]:
    """The text of claims that were given, and id → name of those with one."""
    if claims is None:
        return None, _names(found)
    if isinstance(claims, str | Path):
        return claims_file(Path(claims)), {}
    several = [claims] if isinstance(claims, Claim) else [*claims]
    return claims_entries(several, found.given, found.proposal, smallest_effect)


def _names(found: Found) -> dict[str, str]:
    """Id of a comparison → its variant, with the metric and the stage where there are several."""
    given = found.given
    names: dict[str, str] = {}
    for item in found.proposal.comparisons:
        parts = [given.labels[item.variant]]
        parts += [item.metric] if len(given.metrics) > 1 else []
        parts += [item.stage] if len(given.stages) > 1 else []
        text = ", ".join(parts)
        names[item.id] = text if text not in names.values() else f"{text} ({item.id})"
    return names


def _judged(
    found: Found,
    text: str | None,
    names: dict[str, str],
    claims: Claim | Sequence[Claim] | str | Path | None,
    name: str | None,
) -> Comparison:
    with tempfile.TemporaryDirectory() as place:
        try:
            judged = write_and_judge(
                found, text, name=name, directory=Path(place), force=False, pages=False
            )
        except InputError as error:
            if not error.file.startswith(place):
                raise
            # The user's file, not its copy that is gone when the message is read.
            where = f"{claims if isinstance(claims, str | Path) else 'claims'}"
            lines = error.file.partition(".yaml")[2]
            raise InputError(
                f"{where}{lines}", error.key, error.value, expected=error.expected
            ) from None
    return Comparison(
        name=judged.folder.name,
        ablation=judged.ablation,
        results=judged.results,
        names={result.id: names.get(result.id, _named(result)) for result in judged.results},
        found=found,
        claims=text,
        asked_name=name,
    )


def _named(result: Any) -> str:
    """What a claim of a file is called."""
    return f"{result.id} {result.label or result.statement}"
