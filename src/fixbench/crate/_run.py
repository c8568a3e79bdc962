"""The files of a run that a crate holds, checked against the records of its jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fixbench
from fixbench.errors import InputError
from fixbench.provenance import file_hash, read_provenance
from fixbench.published import read_rows

__all__ = ["Run", "published_run", "read_run"]

_PACKAGE = Path(fixbench.__file__).parent
#: The rules, which the Snakefile takes from the package.
_RULES = ("workflow/rules/Snakefile", "workflow/rules/*.smk", "workflow/rules/captions/*")
#: What describes the workflow, relative to the checkout; what is not there is left out.
_WORKFLOW = (
    "Snakefile",
    "config/config.yaml",
    "*.dvc",
    "CITATION.cff",
    "LICENSE",
)
_ABLATION = (
    "ablation.yaml",
    "claims.yaml",
    "citations.yaml",
    "findings.yaml",
    "references.bib",
    "rule.smk",
)
_PAGES = (
    "claims.json",
    "claims.csv",
    "metrics.json",
    "index.html",
    "appendix.pdf",
    "{ablation}.html",
    "{ablation}.pdf",
    "{ablation}.parquet",
)


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run of a tier.

    Attributes:
        root: the checkout.
        tier: its size.
        ablations: the names of those whose claims were judged.
        sources: files of the workflow, its configuration and its ablations.
        locks: lock files that are those of the run.
        records: file → record of a job.
        results: files of rows that the records name, with the SHA-256 that they name.
        pages: verdicts, reports and published rows.
    """

    root: Path
    tier: str
    ablations: Sequence[str]
    sources: Sequence[Path]
    locks: Sequence[Path]
    records: Mapping[Path, Mapping[str, Any]]
    results: Sequence[Path]
    pages: Sequence[Path]

    def place(self, path: Path) -> Path:
        """Where a file of the run stands in a crate; what is of the package, below its name."""
        top = _PACKAGE.parent if path.is_relative_to(_PACKAGE) else self.root
        return path.relative_to(top)


def read_run(root: Path, tier: str, reports: Path, *, ablations: Path = Path("ablations")) -> Run:
    """The last run of a tier, from ``results/``, ``logs/`` and the folder of its reports.

    Raises:
        InputError: there is no such run, or a result is not the one that its record names.
    """
    names = _judged(root / reports)
    records = {
        path: read_provenance(path)
        for name in names
        for path in sorted((root / "logs" / name / tier).glob("*/*.provenance.json"))
    }
    results = [
        _verified(root / output, digest)
        for record in records.values()
        for output, digest in record.get("outputs", {}).items()
        if output.endswith(".parquet")
    ]
    return _run(root, tier, names, reports, records, results, root / ablations)


def published_run(root: Path, tier: str, published: Path) -> Run:
    """A published run: the rows of each ablation in one file, and the records in ``provenance/``.

    Raises:
        InputError: there is no such run.
    """
    names = _judged(root / published)
    records = {
        path: read_provenance(path)
        for name in names
        for path in sorted((root / published / "provenance" / name).glob("*.json"))
    }
    return _run(root, tier, names, published, records, [], root / "ablations")


def _run(
    root: Path,
    tier: str,
    names: Sequence[str],
    reports: Path,
    records: Mapping[Path, Mapping[str, Any]],
    results: Sequence[Path],
    ablations: Path,
) -> Run:
    if not records:
        expected = f"records of the jobs of tier {tier!r} of {', '.join(names)}; run them first"
        raise InputError(root / reports, "provenance", expected=expected)
    for path, record in records.items():
        if record.get("tier") != tier:
            raise InputError(path, "tier", record.get("tier"), expected=repr(tier))
    sources = [
        *_existing(root, _WORKFLOW),
        *_existing(_PACKAGE, _RULES),
        *(path for name in names for path in _existing(ablations / name, _ABLATION)),
    ]
    recorded = {
        (name, digest) for record in records.values() for name, digest in record["lock"].items()
    }
    locks = sorted({root / name for name, digest in recorded if _is(root / name, digest)})
    pages = [page.format(ablation=name) for name in names for page in _PAGES]
    return Run(
        root=root,
        tier=tier,
        ablations=names,
        sources=sources,
        locks=locks,
        records=records,
        results=results,
        pages=_existing(root / reports, dict.fromkeys(pages)),
    )


def _judged(reports: Path) -> list[str]:
    return list(dict.fromkeys(row["ablation"] for row in read_rows(reports / "claims.json")))


def _existing(folder: Path, patterns: Iterable[str]) -> list[Path]:
    return [path for pattern in patterns for path in sorted(folder.glob(pattern)) if path.is_file()]


def _is(path: Path, digest: str) -> bool:
    # Of some published records only the first digits were kept.
    return path.is_file() and file_hash(path).startswith(digest)


def _verified(path: Path, digest: str) -> Path:
    if not _is(path, digest):
        expected = f"the file whose SHA-256 begins with {digest[:12]}; run its job again"
        raise InputError(path, "", expected=expected)
    return path
