"""Entities of RO-Crate metadata, each a mapping with an ``@id`` and a ``@type``."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fixbench.errors import InputError
from fixbench.provenance import file_hash
from fixbench.reading import read_yaml

__all__ = [
    "CONTEXT",
    "PROFILES",
    "Entity",
    "authors",
    "file_entity",
    "licence",
    "local",
    "named",
    "refs",
]

Entity = dict[str, Any]

_TERMS = "https://w3id.org/ro/terms/workflow-run#"
#: With the terms of the profile that are used here written out, so that one download fewer is
#: needed to read the metadata.
CONTEXT = [
    "https://w3id.org/ro/crate/1.1/context",
    {name: f"{_TERMS}{name}" for name in ("ContainerImage", "containerImage", "sha256")},
]

_WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
#: The profiles that the crate conforms to.
PROFILES: tuple[tuple[str, str, str], ...] = (
    ("https://w3id.org/ro/wfrun/process/0.5", "Process Run Crate", "0.5"),
    ("https://w3id.org/ro/wfrun/workflow/0.5", "Workflow Run Crate", "0.5"),
    (_WORKFLOW_CRATE, "Workflow RO-Crate", "1.0"),
)

_TYPES = {
    ".bib": "application/x-bibtex",
    ".cff": "application/yaml",
    ".dvc": "application/yaml",
    ".lock": "text/plain",
    ".md": "text/markdown",
    ".parquet": "application/vnd.apache.parquet",
    ".smk": "text/x-snakemake",
    ".yaml": "application/yaml",
}


def refs(items: Iterable[Entity | str]) -> dict[str, str] | list[dict[str, str]]:
    """References to entities; a single one is no list, as RO-Crate recommends."""
    found = [{"@id": item if isinstance(item, str) else item["@id"]} for item in items]
    return found[0] if len(found) == 1 else found


def local(kind: str, *parts: str) -> str:
    """The ``@id`` of something that is no file: ``"#job-a%20b"``."""
    return f"#{quote('-'.join([kind, *parts]))}"


def named(identifier: str, kind: str, name: str, /, **properties: Any) -> Entity:
    """An entity with a name, without those of its properties that are ``None``."""
    content = {"@id": identifier, "@type": kind, "name": name, **properties}
    return {key: value for key, value in content.items() if value is not None}


def file_entity(name: str, path: Path, description: str) -> Entity:
    """A file of the crate, with its SHA-256.

    Args:
        name: its path in the crate.
    """
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "text/plain"
    return named(
        quote(name),
        "File",
        path.name,
        description=description,
        contentSize=str(path.stat().st_size),
        encodingFormat=kind,
        sha256=file_hash(path),
    )


def licence(identifier: str) -> Entity:
    """A licence by its SPDX identifier."""
    return named(f"https://spdx.org/licenses/{identifier}", "CreativeWork", identifier)


def authors(citation: Path) -> tuple[Mapping[str, Any], list[Entity]]:
    """``CITATION.cff``, and its authors as persons and organisations.

    Raises:
        InputError: the file is missing, or names no title, licence or author.
    """
    content = read_yaml(citation)
    for key in ("title", "license", "authors"):
        if not isinstance(content, dict) or not content.get(key):
            raise InputError(citation, key, expected="this key, as in the Citation File Format")
    found = []
    for index, author in enumerate(content["authors"], start=1):
        parts = [author.get(key) for key in ("given-names", "name-particle", "family-names")]
        person = " ".join(part for part in parts if part)
        kind = "Person" if person else "Organization"
        identifier = author.get("orcid") or author.get("website") or local("author", str(index))
        found.append(named(identifier, kind, person or author.get("name", "not named")))
    return content, found
