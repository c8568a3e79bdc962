"""Results on disk → verdicts → reports: the glue between the upper layers."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from fixbench.ablation import Ablation, load_ablation
from fixbench.determinism import read_determinism
from fixbench.errors import InputError
from fixbench.files import check_output, plain_json, write_json
from fixbench.made_by import check_options, check_records
from fixbench.provenance import code_hash, file_hash, read_provenance
from fixbench.published import read_rows
from fixbench.results import read_metadata, read_results, run_columns, write_table
from fixbench.statistics import SPENDING, Progress, holm, spending_levels
from fixbench.verdicts import ClaimResult, adjudicate, check_claims, synthesise
from fixbench.verdicts import look_at as look_at_claims

if TYPE_CHECKING:
    from fixbench.reports import JudgedAblation

__all__ = [
    "analyse",
    "collect_rows",
    "compare_verdicts",
    "failed_runs",
    "load_claims",
    "look_at",
    "report",
    "save_claims",
    "synthesise_tables",
    "write_all_claims",
]

_RESULTS = TypeAdapter(list[ClaimResult])
_ALPHA = 0.05

#: Claim, metric or variant → every form in which the result files have it.
_Forms = dict[str, list[Mapping[str, Any]]]


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """What the results were produced under."""

    claims: _Forms
    metrics: _Forms
    options: _Forms


def analyse(
    folder: Path,
    tier: str,
    results: Sequence[Path],
    *,
    looks: Sequence[int] = (),
    unadjusted_looks: int = 0,
    provenance: Sequence[Path] = (),
) -> list[ClaimResult]:
    """Judge the claims of the ablation in ``folder`` from its result files.

    Args:
        provenance: the records of the jobs that wrote ``results``, to be compared with them.
        looks: the seeds at each planned look, where seeds are added until a verdict.
        unadjusted_looks: the number of earlier looks for which this judgement does not adjust.

    Raises:
        InputError: the ablation file is wrong; or a result file is missing, is damaged, belongs to
            another ablation or tier, was made with other options or is not what its record says,
            or lacks a seed that it was asked for; or the seeds are not those of a planned look.
    """
    ablation, frame, recorded = _read(folder, tier, results, provenance)
    judged = adjudicate(
        ablation,
        frame,
        tier=tier,
        confidence=1 - _ALPHA,
        recorded_claims=recorded.claims,
        recorded_metrics=recorded.metrics,
        looks=looks,
    )
    return [replace(result, unadjusted_looks=unadjusted_looks) for result in judged]


def look_at(
    folder: Path,
    tier: str,
    results: Sequence[Path],
    decision: Path,
    *,
    looks: Sequence[int],
    provenance: Sequence[Path] = (),
) -> Progress:
    """Look at the seeds so far, and write what they show and whether to add another block.

    ``decision`` gets the plan (first seed, seeds at each look, alpha, spending, the levels for one
    claim alone), p of every claim at each look, where it met its level, the primary claims that
    are not settled, and ``next_n``: the seeds of the next look, or null.

    Raises:
        InputError: as `analyse`.
    """
    ablation, frame, recorded = _read(folder, tier, results, provenance)
    seen, progress = look_at_claims(
        ablation, frame, tier=tier, looks=looks, alpha=_ALPHA, recorded_claims=recorded.claims
    )
    seeds = sorted(set(frame["seed"].tolist()))
    write_json(
        decision,
        {
            "ablation": folder.name,
            "tier": tier,
            "plan": {
                "first_seed": seeds[0],
                "looks": list(looks),
                "alpha": _ALPHA,
                "spending": SPENDING,
                "levels": [item.level for item in spending_levels(looks, alpha=_ALPHA)],
            },
            "look": looks.index(len(seeds)) + 1,
            "seeds": len(seeds),
            "claims": {
                key: {
                    "p": {
                        kind: [None if math.isnan(p) else p for p in values]
                        for kind, values in item.p_values.items()
                    },
                    "shown": {kind: asdict(where) for kind, where in item.shown.items()},
                }
                for key, item in seen.items()
                if item.p_values
            },
            "undecided": list(progress.undecided),
            "next_n": progress.next_n,
        },
    )
    return progress


def _read(
    folder: Path, tier: str, results: Sequence[Path], provenance: Sequence[Path] = ()
) -> tuple[Ablation, pd.DataFrame, _Recorded]:
    """The ablation, its rows, and what they were produced under."""
    ablation = load_ablation(folder / "ablation.yaml")
    check_claims(ablation, folder / "claims.yaml")
    metadata = _check_files(folder, ablation, tier, results)
    if provenance:
        check_records(metadata, provenance, code_hash(ablation, folder))
    frame = read_results(results)
    if frame.empty:
        files = ", ".join(map(str, results))
        expected = "rows of at least one seed; there is nothing to judge: run the jobs"
        raise InputError(files, "rows", expected=expected)
    for path, content in metadata.items():
        found = set(frame.loc[frame["file"] == str(path), "seed"])
        asked = content["seeds"]
        if _is_collection(content):
            rows = frame[frame["file"] == str(path)]
            asked = {(variant, seed) for variant, seeds in asked.items() for seed in seeds}
            found = set(zip(rows["variant"], rows["seed"], strict=True))
        missing = sorted(set(asked) - found)
        if missing:
            expected = "rows of every seed that was asked for; delete the file and run again"
            raise InputError(path, "seed", missing, expected=f"no missing seed: {expected}")
    recorded = _Recorded(
        claims=_forms(content["claims"] for content in metadata.values()),
        # Files of earlier versions do not record metrics.
        metrics=_forms(content.get("metrics", {}) for content in metadata.values()),
        options=_forms(
            {content["variant"]: content["options"]}
            for content in metadata.values()
            if not _is_collection(content)
        ),
    )
    return ablation, frame, recorded


def collect_rows(folder: Path, tier: str, results: Sequence[Path], output: Path) -> int:
    """Write all rows of an ablation to one Parquet file, and return how many there are.

    A published report has these rows beside it, and `analyse` judges the claims from them again.
    The metadata holds the SHA-256 of each file that the rows came from, the seeds of each variant,
    and the options, claims and definitions of metrics under which they were produced.

    Raises:
        InputError: as `analyse`; a variant of the tier, or a seed of a variant that others have,
            is missing; ``output`` is one of ``results`` or cannot be written.
    """
    if output.resolve() in {path.resolve() for path in results}:
        expected = "a file that is none of --results, which it would replace"
        raise InputError("--output", "", str(output), expected=expected)
    check_output(output, "--output")
    ablation, frame, recorded = _read(folder, tier, results)
    seeds = {
        name: sorted(set(frame.loc[frame["variant"] == name, "seed"].tolist()))
        for name in ablation.at(tier).variants
    }
    runs = frame[run_columns(frame)].drop_duplicates().groupby("variant")
    found = {
        str(name): set(map(tuple, part.iloc[:, 1:].to_numpy().tolist())) for name, part in runs
    }
    _check_complete(tier, {name: found.get(name, set()) for name in seeds})
    content = {
        "seeds": seeds,
        "ablation": folder.name,
        "tier": tier,
        "claims": recorded.claims,
        "metrics": recorded.metrics,
        "options": recorded.options,
        "files": {name: digest for path in results for name, digest in _origins(path).items()},
    }
    table = pa.concat_tables([pq.read_table(path).replace_schema_metadata() for path in results])
    write_table(output, table, content, compression_level=19)
    return len(table)


def _origins(path: Path) -> Mapping[str, str]:
    """The files that rows came from, with their SHA-256; of collected rows those before them."""
    collected: Mapping[str, str] | None = read_metadata(path).get("files")
    return {str(path): file_hash(path)} if collected is None else collected


def _check_complete(tier: str, runs: Mapping[str, Collection[tuple[int, ...]]]) -> None:
    """Refuse rows that lack a variant of the tier, or a seed of one, on any data draw."""
    if absent := [name for name, found in runs.items() if not found]:
        expected = f"the results of every variant of tier {tier!r}; there are none of these"
        raise InputError("--results", "variants", ", ".join(absent), expected=expected)
    everything = set[tuple[int, ...]]().union(*runs.values())
    for name, found in runs.items():
        if lacking := sorted(everything - {*found}):
            seeds = [
                seed if not draw else f"{seed} on data draw {draw[0]}" for seed, *draw in lacking
            ]
            listed = ", ".join(map(str, seeds))
            expected = f"the seeds that other variants have; seeds [{listed}] of it are missing"
            raise InputError("--results", "variant", name, expected=expected)


def save_claims(path: Path, results: Sequence[ClaimResult]) -> None:
    """Write the verdicts and everything they rest on, and a checksum, whole or not at all."""
    rows = [asdict(result) for result in results]
    for row in rows:
        for key in ("looks", "unadjusted_looks", "panel", "levels"):
            if not row[key]:  # absent, as in files of earlier versions
                del row[key]
        for effect in _effects(row):
            if not effect["arms"]:  # nor do pairs have arms
                del effect["arms"], effect["degrees_of_freedom"]
        if row["data"] is None:  # nor has one on tracked data an interval that counts draws
            del row["data"]
    write_json(path, {"sha256": _digest(plain_json(rows)), "verdicts": rows})


def _digest(rows: Any) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def _effects(row: dict[str, Any]) -> list[dict[str, Any]]:
    """The estimates of a result and of what stands beside it."""
    beside = [*row["preconditions"], *row["controls"], *row["supporting"]]
    return [item["effect"] for item in (row, *beside) if item["effect"] is not None]


def load_claims(path: Path) -> list[ClaimResult]:
    """Read what `save_claims` wrote.

    Raises:
        InputError: the file is missing, was not written by `save_claims`, or was changed since.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["sha256"] != _digest(content["verdicts"]):
            raise InputError(
                path,
                "sha256",
                content["sha256"],
                expected="the checksum of these verdicts, which were changed after "
                "`fixbench analyse` wrote them; delete the file and judge again",
            )
        return _RESULTS.validate_python(content["verdicts"])
    except (OSError, ValueError, LookupError, TypeError):  # a ValidationError is a ValueError
        raise InputError(path, "", expected="the verdicts that `fixbench analyse` wrote") from None


def report(
    folder: Path,
    tier: str,
    results: Sequence[Path],
    provenance: Sequence[Path],
    claims: Path,
    directory: Path,
    *,
    determinism: Path | None = None,
) -> None:
    """Write the pages of one ablation to ``directory``.

    Args:
        determinism: what `fixbench determinism` wrote, to be printed beside the effects. A record
            of other code or of another tier is named and not used.

    Raises:
        InputError: a file is missing or damaged, ``determinism`` belongs to another ablation, or
            ``directory`` cannot be written to.
    """
    from fixbench.reports import write_appendix, write_report  # draw figures: slow to import

    repeated = None
    if determinism is not None:
        repeated = read_determinism(determinism)
        if repeated.ablation != folder.name:
            raise InputError(determinism, "ablation", repeated.ablation, expected=repr(folder.name))
    judged = _judged(folder, tier, load_claims(claims))
    write_report(
        folder.name,
        judged.ablation,
        tier,
        read_results(results),
        judged.results,
        [read_provenance(path) for path in provenance],
        directory,
        determinism=repeated,
    )
    write_appendix(judged, directory)


def write_all_claims(
    claims: Sequence[Path], directory: Path, *, tier: str, ablations: Path
) -> None:
    """Write what is said of all claims, of all ablations, to ``directory``.

    Args:
        claims: verdicts that `save_claims` wrote.
        tier: the tier in which they were judged.
        ablations: where the folders of ablations are.

    Raises:
        InputError: a file is missing or damaged, or ``directory`` cannot be written to.
    """
    from fixbench.reports import write_claims

    results: dict[str, list[ClaimResult]] = {}
    for path in claims:
        for result in load_claims(path):
            results.setdefault(result.ablation, []).append(result)
    judged = [_judged(ablations / name, tier, found) for name, found in results.items()]
    write_claims(judged, directory, tier=tier)


def _judged(folder: Path, tier: str, results: Sequence[ClaimResult]) -> JudgedAblation:
    from fixbench.reports import JudgedAblation

    references = folder / "references.bib"
    return JudgedAblation(
        name=folder.name,
        ablation=load_ablation(folder / "ablation.yaml"),
        tier=tier,
        results=results,
        references=_read_text(references) if references.is_file() else "",
    )


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise InputError(path, "", expected="a text file in UTF-8 that can be read") from None


def failed_runs(claims: Sequence[Path]) -> list[str]:
    """A line for each claim that rests on failed runs; a run prints them when it ends."""
    lines = []
    for path in claims:
        for result in load_claims(path):
            effect = result.effect
            if effect is not None and effect.n_failed:
                lines.append(
                    f"{result.ablation} {result.id}: runs failed in {effect.n_failed} of "
                    f"{effect.n} seeds"
                )
    return lines


def compare_verdicts(claims: Path, reference: Path) -> list[str]:
    """Compare the verdicts of one ``claims.json`` with those of another.

    Returns:
        A line with the number of equal verdicts, then one for each verdict that differs; nothing
        where ``reference`` has none of the claims.

    Raises:
        InputError: a file is missing or is not such a table.
    """
    here, there = _verdicts(claims), _verdicts(reference)
    common = [key for key in here if key in there]
    if not common:
        return []
    differing = [key for key in common if here[key] != there[key]]
    same = len(common) - len(differing)
    lines = [f"{same} of {len(common)} verdicts are those of {reference}"]
    for key in differing:
        lines.append(f"  {' '.join(key)}: {here[key]} here, {there[key]} there")
    return lines


def synthesise_tables(tables: Sequence[Path], output: Path | None = None) -> list[str]:
    """Say of every claim in several ``claims.json`` how far effects differ, and why verdicts do.

    ``output`` gets the same as JSON: a row for each claim, with its fixed and random effects on the
    scale on which it is tested.

    Returns:
        A line with the number of equal verdicts, one with the number of effects that differ, one
        for each verdict that differs.

    Raises:
        InputError: a file is missing or is not such a table, or there is no claim in two of them.
    """
    names = _distinct(tables)
    content = {name: read_rows(path) for name, path in names.items()}
    files = ", ".join(map(str, tables))
    try:
        found = synthesise(content)
    except (KeyError, TypeError):
        raise InputError(files, "", expected="tables of claims that a run wrote") from None
    if not found:
        raise InputError(files, "", expected="at least one claim that stands in two of the tables")
    if output is not None:
        write_json(output, [asdict(item) for item in found])
    differing = [item for item in found if item.cause != "same verdict"]
    compared = [item.p_differ for item in found if item.p_differ is not None]
    adjusted = holm({str(place): p for place, p in enumerate(compared)})
    apart, surely = (sum(p < _ALPHA for p in values) for values in (compared, adjusted.values()))
    lines = [
        f"{len(found) - len(differing)} of {len(found)} verdicts are the same in "
        f"{', '.join(names)}",
        f"effects differ in {apart} of the {len(compared)} claims with comparable intervals "
        f"(p < {_ALPHA:g} each), in {surely} with Holm's adjustment over m = {len(compared)}",
    ]
    for item in differing:
        verdicts = ", ".join(f"{verdict} in {name}" for name, verdict in item.verdicts.items())
        lines.append(f"  {item.ablation} {item.id}: {verdicts}. [{item.cause}] {item.text}")
    return lines


def _distinct(tables: Sequence[Path]) -> dict[str, Path]:
    """The shortest ends of the paths' folders that tell them apart: ``small``, ``extended``."""
    if len(set(map(Path.resolve, tables))) < max(2, len(tables)):
        files = ", ".join(map(str, tables))
        raise InputError(files, "", expected="at least two tables of claims, each once")
    for parts in range(1, max(len(path.parts) for path in tables)):
        names = ["/".join(path.parts[:-1][-parts:]) for path in tables]
        if all(names) and len(set(names)) == len(names):
            return dict(zip(names, tables, strict=True))
    return {str(path): path for path in tables}


def _verdicts(path: Path) -> dict[tuple[str, str], str]:
    return {(row["ablation"], row["id"]): row["verdict"] for row in read_rows(path)}


def _check_files(
    folder: Path, ablation: Ablation, tier: str, results: Sequence[Path]
) -> dict[Path, dict[str, Any]]:
    metadata = {path: read_metadata(path) for path in results}
    for path, content in metadata.items():
        wanted = {"ablation": folder.name, "tier": tier}
        for key, value in wanted.items():
            if content.get(key) != value:
                raise InputError(path, key, content.get(key), expected=repr(value))
        variants = [content.get("variant")]
        if _is_collection(content):
            # Those that were published first have no seeds in their metadata.
            variants = list(content.setdefault("seeds", {}))
        for variant in variants:
            if variant not in ablation.variants:
                expected = f"one of {', '.join(ablation.variants)}"
                raise InputError(path, "variant", variant, expected=expected)
        made = content.get("options", {})  # not every file says it
        made = made if _is_collection(content) else {content["variant"]: [made]}
        for variant, forms in made.items():
            if variant in ablation.at(tier).variants and any(forms):
                check_options(path, variant, forms, ablation.at(tier))
    return metadata


def _is_collection(metadata: Mapping[str, Any]) -> bool:
    """Whether `collect_rows` wrote the file: it has the rows of many jobs."""
    return "files" in metadata and "variant" not in metadata


def _forms(recorded: Iterable[Mapping[str, Any]]) -> _Forms:
    """Each form once: a job records one of each claim, rows that were collected all of them."""
    forms: _Forms = {}
    for content in recorded:
        for key, found in content.items():
            for form in found if isinstance(found, list) else [found]:
                if form not in forms.setdefault(key, []):
                    forms[key].append(form)
    return forms
