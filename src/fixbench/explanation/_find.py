"""Which claim is meant, and which table says what was found."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fixbench.errors import InputError
from fixbench.published import PublishedClaim, read_table

__all__ = ["FoundClaim", "find_claim"]

_COMMAND = "fixbench explain"


@dataclass(frozen=True, kw_only=True)
class FoundClaim:
    """A claim in a table.

    Attributes:
        origin: what the table is: verdicts of a run, its table of claims, or the published one.
        folder: the ablation's, whether it is there or not.
    """

    claim: PublishedClaim
    tier: str
    table: Path
    origin: str
    folder: Path


def find_claim(
    name: str, *, tier: str, table: Path | None = None, ablations: Path = Path("ablations")
) -> FoundClaim:
    """The claim called ``LB02`` or ``lambda_rescaling/LB02``; case does not matter.

    Without ``table`` these are asked in turn, and the first that has the claim answers: the
    verdicts of a run (``results/*/TIER/claims.json``), its table (``reports/claims.json``, of other
    tiers than ``small`` in a folder of their name), and the published table. Paths are relative to
    the working directory.

    Args:
        tier: of the tables; one that is named has its own.

    Raises:
        InputError: no table has the claim, several ablations have it, or a table is damaged.
    """
    known: dict[str, FoundClaim] = {}
    for found in _tables(tier, table, ablations):
        named = {f"{item.claim.ablation}/{item.claim.id}": item for item in found}
        chosen = _named(name, named)
        if len(chosen) > 1:
            expected = f"one of {', '.join(chosen)}"
            raise InputError(_COMMAND, "CLAIM", name, expected=expected)
        if chosen:
            return named[chosen[0]]
        known |= named
    if not known:
        expected = "a run of this tier, or the published one; name a table with --claims"
        raise InputError(_COMMAND, "--tier", tier, expected=expected)
    raise InputError(_COMMAND, "CLAIM", name, expected=_suggestion(name, list(known)))


def _named(name: str, known: dict[str, FoundClaim]) -> list[str]:
    wanted = name.casefold()
    return [key for key in known if wanted in (key.casefold(), key.rpartition("/")[2].casefold())]


def _suggestion(name: str, known: Sequence[str]) -> str:
    """The nearest names, else the form of one."""
    by_text: dict[str, str] = {}
    for key in known:
        by_text |= {key.casefold(): key, key.rpartition("/")[2].casefold(): key}
    wanted = name.casefold()
    near = difflib.get_close_matches(wanted, list(by_text), n=4, cutoff=0.6)
    if near:
        return f"a claim of the tables; the nearest are {', '.join(by_text[item] for item in near)}"
    return f"one of the {len(known)} claims of the tables, such as {known[0]}"


def _tables(tier: str, table: Path | None, ablations: Path) -> Iterator[list[FoundClaim]]:
    """The claims of each table in turn; none of a table that is not there."""
    if table is not None:
        yield _read(table, "the table that was named", ablations, tier)
        return
    runs = sorted(Path("results").glob(f"*/{tier}/claims.json"))
    yield [item for path in runs for item in _read(path, "verdicts of a run", ablations, tier)]
    reports = Path("reports") / ("" if tier == "small" else tier)
    for path, origin in (
        (reports / "claims.json", "the table of a run"),
        (Path("reports", "reference", tier, "claims.json"), "the published run"),
    ):
        if path.is_file():
            yield _read(path, origin, ablations, tier)


def _read(path: Path, origin: str, ablations: Path, tier: str) -> list[FoundClaim]:
    """Every claim of a table, or of the verdicts that ``fixbench analyse`` wrote."""
    claims, tier = (_verdicts(path, ablations, tier), tier) if _is_verdicts(path) else _table(path)
    return [
        FoundClaim(
            claim=claim,
            tier=tier,
            table=path,
            origin=origin,
            folder=_folder(path, claim.ablation, ablations),
        )
        for claim in claims
    ]


def _table(path: Path) -> tuple[list[PublishedClaim], str]:
    content = read_table(path)
    return content.claims, content.tier


def _is_verdicts(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False  # reading it as a table says what is wrong
    return isinstance(content, dict) and "verdicts" in content


def _verdicts(path: Path, ablations: Path, tier: str) -> list[PublishedClaim]:
    """The verdicts of a run in the form of a table."""
    from fixbench.ablation import load_ablation
    from fixbench.analysis import load_claims
    from fixbench.reports import JudgedAblation, published_rows

    results = load_claims(path)
    if not results:
        return []
    name = results[0].ablation
    folder = _folder(path, name, ablations)
    judged = JudgedAblation(
        name=name,
        ablation=load_ablation(folder / "ablation.yaml"),
        tier=tier,
        results=results,
    )
    return [PublishedClaim.model_validate(row) for row in published_rows([judged])]


def _folder(table: Path, name: str, ablations: Path) -> Path:
    """The ablation's folder: beside the table where ``fixbench judge`` wrote both."""
    places = (table.parent, table.parent / name)
    return next((place for place in places if _is_of(place)), ablations / name)


def _is_of(place: Path) -> bool:
    return (place / "ablation.yaml").is_file()
