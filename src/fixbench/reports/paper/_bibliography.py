"""References in BibTeX: methods, the documents, and the papers that an ablation names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

from fixbench.errors import InputError
from fixbench.reports import _latex
from fixbench.reports.paper._environment import render
from fixbench.reports.paper._judged import JudgedAblation

__all__ = ["bibliography", "document_key", "entries", "methods", "paper_keys"]

_ENTRY = re.compile(r"^@\w+\s*\{\s*([^,\s]+)\s*,", re.MULTILINE)


def document_key(judged: JudgedAblation) -> str:
    """The key of an ablation's document."""
    return f"fixbench-document-{judged.name}"


def paper_keys(judged: JudgedAblation) -> list[str]:
    """The keys of the ablation's own ``references.bib``, in its order.

    Raises:
        InputError: the file has text and no entry.
    """
    found = list(entries(judged.references))
    if judged.references.strip() and not found:
        expected = "BibTeX entries such as @article{key, …}"
        raise InputError(f"{judged.name}/references.bib", "", expected=expected)
    return found


def entries(text: str) -> dict[str, str]:
    """Key → entry of a BibTeX text."""
    starts = [(match.start(), match[1]) for match in _ENTRY.finditer(text)]
    if not starts:
        return {}
    ends = [start for start, _ in starts[1:]] + [len(text)]
    return {key: text[start:end].strip() for (start, key), end in zip(starts, ends, strict=True)}


def methods() -> dict[str, str]:
    """Key → entry of the statistical methods that pages name."""
    place = files("fixbench.reports").joinpath("templates", "paper", "methods.bib")
    return entries(place.read_text(encoding="utf-8"))


def bibliography(judged: Sequence[JudgedAblation]) -> str:
    """All references, each key once: methods, then the documents, then papers.

    Raises:
        InputError: two ablations give a key different entries.
    """
    found = methods()
    for item in judged:
        found |= entries(
            render(
                "document.bib",
                key=document_key(item),
                title=_latex.escape(item.ablation.document.title),
                **_origin(item),
                section=_latex.escape(item.ablation.document.section),
                file=item.ablation.document.file,
            )
        )
    for item in judged:
        for key, entry in entries(item.references).items():
            if found.setdefault(key, entry) != entry:
                expected = "one and the same entry in all ablations, or another key"
                raise InputError(f"{item.name}/references.bib", key, expected=expected)
    return "\n\n".join([_HEAD, *_sorted(found.items())]) + "\n"


def _origin(judged: JudgedAblation) -> dict[str, str]:
    """Who wrote a document, as far as its repository says it, and where it stands there."""
    origin = judged.ablation.document.origin
    if origin is None or origin.repository is None:
        return {"author": "Anonymous", "repository": "", "where": ""}
    name = "/".join(origin.repository.rstrip("/").split("/")[-2:])
    where = origin.path or "Repository"
    if origin.commit is not None:
        where += f", commit {origin.commit}"
    return {"author": f"Authors of {name}", "repository": origin.repository, "where": where}


_HEAD = "% References of the pages and appendices that Fixbench writes."


def _sorted(items: Iterable[tuple[str, str]]) -> list[str]:
    return [entry for _, entry in sorted(items)]
