"""What was read from a source before: a cache on disk, by the content of the source.

To parse all modules takes most of the time of a start, and they seldom change. The cache is
``.fixbench/imports.json`` below the working directory; it is written only where that folder is
there. A cache that is damaged, or of another version of the parser, is not used.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fixbench.errors import InputError
from fixbench.files import write_text

__all__ = ["Parsed", "keep_parsed", "parsed"]

_FILE = Path(".fixbench", "imports.json")
#: A cache with more entries forgets those that this process did not read.
_MANY = 2000


@dataclass(frozen=True)
class Parsed:
    """What is read from one source.

    Attributes:
        imports: (module, number of leading dots, imported members) of each import.
        has_code: whether there is more in it than a docstring.
        lists_modules: whether it looks for modules by the names of files.
    """

    imports: tuple[tuple[str, int, tuple[str, ...]], ...]
    has_code: bool
    lists_modules: bool = False


class _Cache:
    """SHA-256 of a source → what was read from it."""

    def __init__(self) -> None:
        self.known = _load()
        self.used: dict[str, Parsed] = {}
        self.new = False


def parsed(content: bytes, parse: Callable[[bytes], Parsed]) -> Parsed:
    """What ``parse`` reads from a source, or read from the same source before."""
    kept = _cache()
    key = hashlib.sha256(content).hexdigest()
    found = kept.used.get(key) or kept.known.get(key)
    if found is None:
        found, kept.new = parse(content), True
    kept.used[key] = found
    return found


def keep_parsed() -> None:
    """Write what is new to the cache, if there is a folder for it that can be written."""
    kept = _cache()
    if not kept.new or not _FILE.parent.is_dir():
        return
    entries = kept.used if len(kept.known) > _MANY else kept.known | kept.used
    content = {
        "parser": _parser(),
        "sources": {key: astuple(entries[key]) for key in sorted(entries)},
    }
    try:
        write_text(_FILE, json.dumps(content))
    except InputError:  # read-only, or another process writes it: the next start parses again
        return
    kept.new = False


@cache
def _cache() -> _Cache:
    return _Cache()


def _load() -> dict[str, Parsed]:
    try:
        content = json.loads(_FILE.read_text(encoding="utf-8"))
        if content["parser"] != _parser():
            return {}
        return {key: _parsed_entry(value) for key, value in content["sources"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _parsed_entry(value: Any) -> Parsed:
    """An entry of the cache.

    Raises:
        TypeError, ValueError: it is none.
    """
    imports, has_code, lists_modules = value
    found = tuple((str(name), int(level), tuple(map(str, parts))) for name, level, parts in imports)
    if not (isinstance(has_code, bool) and isinstance(lists_modules, bool)):
        raise TypeError
    return Parsed(found, has_code, lists_modules)


@cache
def _parser() -> str:
    """What decides how a source is read: the parser's own source, and the version of Python."""
    source = Path(__file__).with_name("_sources.py").read_bytes()
    return f"{hashlib.sha256(source).hexdigest()} {sys.version_info[:2]}"
