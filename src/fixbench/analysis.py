"""Results on disk → verdicts → reports: the glue between the upper layers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fixbench.ablation import Ablation, load_ablation
from fixbench.determinism import read_determinism
from fixbench.errors import InputError
from fixbench.provenance import read_provenance, write_json
from fixbench.results import read_metadata, read_results
from fixbench.statistics import ClaimResult, adjudicate

__all__ = [
    "analyse",
    "compare_verdicts",
    "load_claims",
    "report",
    "save_claims",
    "write_all_claims",
]

_RESULTS = TypeAdapter(list[ClaimResult])


def analyse(folder: Path, tier: str, results: Sequence[Path]) -> list[ClaimResult]:
    """Judge the claims of the ablation in ``folder`` from its result files.

    Raises:
        InputError: the ablation file is wrong, or a result file is missing, damaged, of another
            ablation or tier, or without a seed that it was asked for.
    """
    ablation = load_ablation(folder / "ablation.yaml")
    metadata = _check_files(folder, ablation, tier, results)
    frame = read_results(results)
    for path, content in metadata.items():
        found = set(frame.loc[frame["file"] == str(path), "seed"])
        missing = sorted(set(content["seeds"]) - found)
        if missing:
            expected = "rows of every seed that was asked for; delete the file and run again"
            raise InputError(path, "seed", missing, expected=f"no missing seed: {expected}")
    recorded = _recorded_claims(ablation, metadata.values())
    return adjudicate(ablation, frame, tier=tier, recorded_claims=recorded)


def save_claims(path: Path, results: Sequence[ClaimResult]) -> None:
    """Write the verdicts with all that they rest on, atomically."""
    write_json(path, [asdict(result) for result in results])


def load_claims(path: Path) -> list[ClaimResult]:
    """Read what `save_claims` wrote.

    Raises:
        InputError: the file is missing or was not written by `save_claims`.
    """
    try:
        return _RESULTS.validate_python(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):  # which a ValidationError is
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
        determinism: what `fixbench determinism` wrote, to be printed beside the effects.

    Raises:
        InputError: a file is missing or damaged, or ``directory`` cannot be written to.
    """
    from fixbench.reports import write_report  # draws figures: slow to import

    write_report(
        folder.name,
        load_ablation(folder / "ablation.yaml"),
        tier,
        read_results(results),
        load_claims(claims),
        [read_provenance(path) for path in provenance],
        directory,
        determinism=None if determinism is None else read_determinism(determinism),
    )


def write_all_claims(claims: Sequence[Path], directory: Path) -> None:
    """Write the table of all claims, of all ablations, to ``directory``."""
    from fixbench.reports import write_claims

    write_claims([result for path in claims for result in load_claims(path)], directory)


def compare_verdicts(claims: Path, reference: Path) -> list[str]:
    """How the verdicts of one ``claims.json`` differ from those of another, a line each.

    Raises:
        InputError: a file is missing or is not such a table.
    """
    here, there = _verdicts(claims), _verdicts(reference)
    common = [key for key in here if key in there]
    if not common:
        return [f"{reference} has no verdicts on these claims"]
    differing = [key for key in common if here[key] != there[key]]
    same = len(common) - len(differing)
    lines = [f"{same} of {len(common)} verdicts are those of {reference}"]
    for key in differing:
        lines.append(f"  {' '.join(key)}: {here[key]} here, {there[key]} there")
    return lines


def _verdicts(path: Path) -> dict[tuple[str, str], str]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        verdicts = {(row["ablation"], row["id"]): row["verdict"] for row in rows}
        if not verdicts:
            raise ValueError
        return verdicts
    except (OSError, ValueError, TypeError, KeyError):
        raise InputError(path, "", expected="the table of claims that a run wrote") from None


def _check_files(
    folder: Path, ablation: Ablation, tier: str, results: Sequence[Path]
) -> dict[Path, dict[str, Any]]:
    metadata = {path: read_metadata(path) for path in results}
    for path, content in metadata.items():
        wanted = {"ablation": folder.name, "tier": tier}
        for key, value in wanted.items():
            if content.get(key) != value:
                raise InputError(path, key, content.get(key), expected=repr(value))
        if content.get("variant") not in ablation.variants:
            expected = f"one of {', '.join(ablation.variants)}"
            raise InputError(path, "variant", content.get("variant"), expected=expected)
    return metadata


def _recorded_claims(
    ablation: Ablation, metadata: Iterable[Mapping[str, Any]]
) -> dict[str, list[Mapping[str, Any]]]:
    """Claim → every form in which the result files have it; claims that none has are left out."""
    recorded: dict[str, list[Mapping[str, Any]]] = {}
    for content in metadata:
        for claim in ablation.claims:
            form = content["claims"].get(claim.id)
            if form is not None and form not in recorded.setdefault(claim.id, []):
                recorded[claim.id].append(form)
    return recorded
