"""JSON schemas of files: of those that people write, by which editors complete and explain keys.

``python -m fixbench.schemas config`` writes them into that folder. They stand above the decision
rules, whose names they list.
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from fixbench.ablation import Decision
from fixbench.ablation._base import Strict
from fixbench.ablation._written import (
    WrittenAblation,
    WrittenCitations,
    WrittenClaims,
    WrittenFindings,
)
from fixbench.published import PublishedTable
from fixbench.verdicts.rules import rule_names

__all__ = ["schemas"]


def schemas() -> dict[str, dict[str, Any]]:
    """The schemas of the files of an ablation's folder, by name.

    ``claims_table`` is that of ``claims.json``, which a run writes for programs.

    What a key means is read from the ``Attributes`` section of its model's docstring.
    """
    models: dict[str, type[Strict]] = {
        "ablation": WrittenAblation,
        "claims": WrittenClaims,
        "citations": WrittenCitations,
        "findings": WrittenFindings,
        "claims_table": PublishedTable,
    }
    return {name: _explained(model) for name, model in models.items()}


def _explained(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    known = {_title(item): item for item in _subclasses(Strict)}
    for part in (schema, *schema.get("$defs", {}).values()):
        owner = known.get(part["title"]) if "properties" in part else None
        if owner is None:
            continue
        part["title"] = part["title"].split("[")[0]
        part["description"] = _sections(owner)[0]
        meanings: dict[str, str] = {}
        for ancestor in reversed(owner.__mro__):
            meanings |= _sections(ancestor)[1]
        for key, value in part["properties"].items():
            value.pop("title", None)
            if key in meanings:
                value["description"] = meanings[key]
        if owner is Decision:
            part["properties"]["rule"]["enum"] = list(rule_names())
    return schema


def _title(model: type[BaseModel]) -> str:
    return str(model.model_config.get("title") or model.__name__)


def _subclasses(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for item in model.__subclasses__():
        yield item
        yield from _subclasses(item)


def _sections(model: type) -> tuple[str, dict[str, str]]:
    """The text of a docstring, and what its ``Attributes`` section says of each key."""
    text, _, attributes = inspect.cleandoc(model.__doc__ or "").partition("\n\nAttributes:\n")
    entries = re.split(r"\n(?=    \S)", f"\n{attributes}")[1:]
    meanings = {}
    for entry in entries:
        names, _, meaning = entry.strip().partition(": ")
        for name in names.split(", "):
            meanings[name] = _plain(meaning)
    return _plain(text), meanings


def _plain(text: str) -> str:
    paragraphs = re.split(r"\n\s*\n", text.replace("``", "`").strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(
        prog="python -m fixbench.schemas", description="Write the JSON schemas of written files."
    )
    _parser.add_argument("folder", type=Path, help="where to write them, such as config")
    _folder = _parser.parse_args().folder
    if not _folder.is_dir():
        _parser.error(f"there is no folder {_folder}")
    for _name, _schema in schemas().items():
        _text = json.dumps(_schema, indent=2, ensure_ascii=False)
        Path(_folder, f"{_name}.schema.json").write_text(f"{_text}\n", encoding="utf-8")
