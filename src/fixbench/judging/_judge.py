"""Results that exist → claims, verdicts and pages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from fixbench import analysis
from fixbench.ablation import Ablation, load_ablation
from fixbench.errors import InputError
from fixbench.judging._folder import place_claims, place_files, write_given
from fixbench.judging._given import Given, only_metrics, read_given
from fixbench.judging._proposal import (
    RESULTS,
    TIER,
    Choices,
    Proposal,
    ablation_text,
    claims_text,
    propose,
)
from fixbench.judging._roles import Asked, Better, Roles, find_roles
from fixbench.judging._tables import Table, frame_table, read_tables, together
from fixbench.judging.readers import is_known, read_folder
from fixbench.provenance import file_hash
from fixbench.verdicts import ClaimResult

__all__ = [
    "CANNOT_KNOW",
    "Found",
    "Judged",
    "choices_of",
    "claims_file",
    "find",
    "judge",
    "judge_folder",
    "write_and_judge",
]

#: What a table cannot say, and what that costs.
CANNOT_KNOW: Mapping[str, str] = {
    "pre-registration": "claims, rules and baseline were written after the results: if they were "
    "chosen because of what the results show, p-values and intervals promise too much",
    "provenance": "code, data, machine and date of the runs are not recorded: nobody can run them "
    "again from here, and runs that were left out do not show",
    "controls": "none is declared: a variant may differ from the baseline in more than its name "
    "says, and no rival explanation was tested",
}


@dataclass(frozen=True, kw_only=True)
class Found:
    """Results that were read, and the comparisons that are proposed of them."""

    table: Table
    roles: Roles
    given: Given
    proposal: Proposal


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What was found in given results, and what they show.

    Attributes:
        folder: the ablation that was written: ``ablation.yaml``, ``claims.yaml``, the rows.
        directory: where the pages are.
        results: one for each claim, in the order of ``claims.yaml``.
        given, proposal: what was found and proposed; ``None`` where a folder was judged again.
        kept: files that were edited and therefore kept.
        pages: the files that were written to ``directory``.
    """

    folder: Path
    directory: Path
    ablation: Ablation
    results: list[ClaimResult]
    given: Given | None = None
    proposal: Proposal | None = None
    kept: list[str] = field(default_factory=list)
    pages: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        from fixbench.judging._summary import summary

        return "\n".join(summary(self))

    def to_frame(self) -> Any:
        """The verdicts as a pandas frame, a row for each claim."""
        import pandas as pd

        from fixbench.judging._summary import claim_rows

        return pd.DataFrame(claim_rows(self))


def judge(
    results: Any,
    *,
    variant: str | Sequence[str] = (),
    seed: str | Sequence[str] = (),
    metric: str | Sequence[str] = (),
    value: str | None = None,
    methods: Sequence[str] = (),
    stage: str | Sequence[str] = (),
    step: str | None = None,
    status: str | None = None,
    baseline: str | None = None,
    better: Better | Mapping[str, Better] | None = None,
    margin: float | Mapping[str, float] | None = None,
    unpaired: bool = False,
    claims: str | Path | None = None,
    name: str | None = None,
    reader: str | None = None,
    directory: str | Path = "fixbench-report",
    force: bool = False,
    pages: bool = True,
) -> Judged:
    """Judge results that exist: a file, several, a folder that a tool wrote, or a data frame.

    Args:
        results: a path or pattern, several of them, a pandas or Polars frame; or the folder that
            an earlier call wrote, which is judged again.
        variant, seed, metric, value, stage, step, status: columns, where their names do not say
            what they are. Several of ``variant``, ``seed`` or ``stage`` count together. ``metric``
            is, with ``value``, the column of metric names, else the columns of metrics.
        methods: columns that are a variant each.
        baseline: the variant that the others are compared with.
        better: ``"higher"`` or ``"lower"``, of all metrics or metric → direction.
        margin: the smallest difference that matters, likewise. Without it no claim is
            "reproduced" or "absent": only a direction can be shown.
        unpaired: runs with the same seed are no pairs.
        claims: a ``claims.yaml`` to judge by, instead of claims that are proposed.
        name: of the ablation that is written; from the name of the file where it is left out.
        reader: of a folder that a tool wrote, where its content does not show which.
        directory: where ablation and pages are written.
        force: replace files of the ablation that were edited.
        pages: write the pages too, not only the ablation and its verdicts.

    Raises:
        InputError: what was given cannot be read or judged; one message says what would be right.
    """
    directory = Path(directory)
    again = _written_before(results)
    if again is not None:
        return judge_folder(
            again, directory=again.parent, claims=claims, force=force, write_pages=pages
        )
    found = find(
        results,
        columns={
            "variant": variant,
            "seed": seed,
            "metric": metric,
            "value": value,
            "methods": methods,
            "stage": stage,
            "step": step,
            "status": status,
        },
        choices=choices_of(baseline, better, margin),
        unpaired=unpaired,
        reader=reader,
    )
    return write_and_judge(
        found,
        None if claims is None else claims_file(Path(claims)),
        name=name,
        directory=directory,
        force=force,
        pages=pages,
    )


def choices_of(
    baseline: str | None,
    better: Better | Mapping[str, Better] | None,
    margin: float | Mapping[str, float] | None,
) -> Choices:
    """What a user decides; of all metrics, or metric by metric."""
    return Choices(
        baseline=baseline,
        better=better if isinstance(better, Mapping) else {"": better} if better else {},
        margin=margin if isinstance(margin, Mapping) else {} if margin is None else {"": margin},
    )


def find(
    results: Any,
    *,
    columns: Mapping[str, str | Sequence[str] | None],
    choices: Choices,
    unpaired: bool,
    reader: str | None,
    metrics: Sequence[str] = (),
) -> Found:
    """What results hold, and the comparisons that are proposed of them.

    Args:
        columns: role, by the names of `Asked` → the column, or several.
        metrics: those that are compared, by name; all where it is empty.

    Raises:
        InputError: as `judge`.
    """
    table = _table(results, reader)
    named: dict[str, Any] = {
        role: _several(columns.get(role) or ())
        for role in ("variant", "metric", "methods", "stage")
    }
    named |= {role: columns.get(role) for role in ("value", "step", "status")}
    named["seed"] = together(table, _several(columns.get("seed") or ()))
    if metrics and not named["metric"] and not named["value"]:
        # Columns of other metrics need not hold values that can be read.
        named["metric"] = tuple(metrics) if set(metrics) <= set(table.columns) else ()
    # What a reader knows of its columns holds where nobody says otherwise.
    asked = Asked(**{**table.hints, **{role: column for role, column in named.items() if column}})
    roles = find_roles(table, asked)
    given = read_given(table, roles, unpaired=unpaired)
    if metrics:
        given = only_metrics(given, metrics)
    return Found(table=table, roles=roles, given=given, proposal=propose(given, choices))


def write_and_judge(
    found: Found,
    claims: str | None,
    *,
    name: str | None,
    directory: Path,
    force: bool,
    pages: bool,
) -> Judged:
    """Write what was found as an ablation, and judge it.

    Args:
        claims: the text of a ``claims.yaml``, instead of claims that are proposed.

    Raises:
        InputError: as `judge`.
    """
    table, given, proposal = found.table, found.given, found.proposal
    folder = directory / _folder_name(name if name is not None else table.name, asked=name)
    if _holds(folder, table):
        folder = folder.with_name(f"{folder.name}-judged")
    texts = {
        "ablation.yaml": ablation_text(given, proposal, name=folder.name, files=table.files),
        "claims.yaml": claims_text(given, proposal),
    }
    if claims is not None:
        del texts["claims.yaml"]
        place_claims(folder, claims, force=force)
    kept = place_files(folder, texts, force=force)
    write_given(folder, given, {file: file_hash(Path(file)) for file in _on_disk(table)})
    judged = judge_folder(folder, directory=directory, write_pages=pages)
    return replace(
        judged,
        given=given,
        proposal=proposal,
        kept=[name for name, stays in kept.items() if stays],
    )


def judge_folder(
    folder: Path,
    *,
    directory: Path,
    claims: str | Path | None = None,
    force: bool = False,
    write_pages: bool = True,
) -> Judged:
    """Judge the ablation of given results in ``folder`` as it stands.

    Args:
        claims: a ``claims.yaml`` that takes the place of the folder's own.
        force: also where the folder's own was edited.

    Raises:
        InputError: a file of it is wrong or missing.
    """
    if claims is not None:
        place_claims(folder, claims_file(Path(claims)), force=force)
    rows = folder / RESULTS
    results = analysis.analyse(folder, TIER, [rows])
    verdicts = folder / "verdicts.json"
    analysis.save_claims(verdicts, results)
    before = _stamps(directory)
    if write_pages:
        analysis.report(folder, TIER, [rows], [], verdicts, directory)
        analysis.write_all_claims([verdicts], directory, tier=TIER, ablations=folder.parent)
    after = _stamps(directory)
    return Judged(
        folder=folder,
        directory=directory,
        ablation=load_ablation(folder),
        results=results,
        pages=[name for name in after if after[name] != before.get(name)],
    )


def _several(names: str | Sequence[str]) -> tuple[str, ...]:
    return (names,) if isinstance(names, str) else tuple(names)


def _sources(results: Any) -> list[str | Path] | None:
    """Paths, where paths were given."""
    if isinstance(results, str | Path):
        return [results]
    if isinstance(results, Sequence) and all(isinstance(item, str | Path) for item in results):
        return [*results]
    return None


def _written_before(results: Any) -> Path | None:
    """The folder of an ablation of given results."""
    sources = _sources(results)
    if sources is None or len(sources) != 1:
        return None
    path = Path(sources[0])
    return path if (path / "ablation.yaml").is_file() else None


def _table(results: Any, reader: str | None) -> Table:
    sources = _sources(results)
    if sources is None:
        return frame_table(results)
    if not sources:
        raise InputError("results", "", expected="a file, a pattern or a folder of results")
    alone = Path(sources[0]) if len(sources) == 1 else None
    if reader is not None:
        if alone is None:
            raise InputError("--reader", "", reader, expected="one folder or file beside it")
        return read_folder(alone, reader)
    if alone is not None and (alone.is_dir() or is_known(alone)):
        return read_folder(alone)
    return read_tables(sources)


def _folder_name(text: str, *, asked: str | None) -> str:
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", text).strip("._-") or "results"
    if asked is not None and plain != asked:
        expected = "letters, digits and '_.-', since files are called so"
        raise InputError("--name", "", asked, expected=expected)
    return plain[:80]


def _holds(folder: Path, table: Table) -> bool:
    """Whether results lie in the folder, among which the ablation must not be written."""
    place = folder.resolve()
    return any(place in (Path(f).resolve(), *Path(f).resolve().parents) for f in table.files)


def claims_file(path: Path) -> str:
    """The text of claims that a user wrote."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise InputError(
            "--claims", "", str(path), expected="a claims.yaml that is there"
        ) from None


def _on_disk(table: Table) -> list[str]:
    return [file for file in table.files if Path(file).is_file()]


def _stamps(directory: Path) -> dict[str, int]:
    if not directory.is_dir():
        return {}
    return {
        path.name: path.stat().st_mtime_ns for path in sorted(directory.iterdir()) if path.is_file()
    }
