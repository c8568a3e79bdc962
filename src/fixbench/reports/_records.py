"""Provenance records in print; what a record lacks is said to be not recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fixbench.reports._format import NOT_RECORDED, counted, short_hash

__all__ = [
    "Record",
    "agreed",
    "code",
    "device",
    "gpus",
    "hash_of",
    "image",
    "libraries",
    "nested",
    "runtime",
]

Record = Mapping[str, Any]


def agreed(records: Sequence[Record], read: Callable[[Record], object | None]) -> str:
    """What the records say; every answer with its number of jobs where they differ."""
    counts: Counter[str] = Counter()
    for record in records:
        found = read(record)
        counts[NOT_RECORDED if found is None else str(found)] += 1
    if not counts:
        return NOT_RECORDED
    if len(counts) == 1:
        return next(iter(counts))
    return "; ".join(f"{text} ({counted(n, 'job')})" for text, n in sorted(counts.items()))


def nested(record: Record, *path: str) -> Any:
    """A nested value, ``None`` where anything on the way is missing."""
    node: Any = record
    for key in path:
        if not isinstance(node, Mapping):
            return None
        node = node.get(key)
    return node


def code(record: Record) -> str | None:
    """Version, commit and state of the code."""
    found = nested(record, "code")
    if not found:
        return None
    version, commit = found.get("version"), found.get("commit")
    # Outside a checkout both the commit and its state are "unknown".
    state = {True: "with uncommitted changes", False: "clean"}.get(
        found.get("dirty"), "state unknown"
    )
    if commit in (None, "unknown"):
        return f"{version or 'version not recorded'}, commit unknown"
    return f"{version or 'version not recorded'}, commit {short_hash(commit)}, {state}"


def runtime(record: Record) -> str | None:
    """The container engine."""
    engine = nested(record, "runtime", "engine")
    return "the local environment, no container" if engine == "none" else engine


def image(record: Record) -> str | None:
    """The container image with its identity and its base."""
    found = nested(record, "runtime") or {}
    if found.get("image") is None:
        return "none" if found else None
    text = str(found["image"])
    if "image_id" in found:
        text += f", {short_hash(str(found['image_id']).removeprefix('sha256:'))}"
    if "base" in found:
        text += f", on {found['base']}"
    if found.get("base_locked") is False:
        text += " (not the base that the repository locks)"
    return text


def gpus(record: Record) -> str | None:
    """The GPUs that the job got."""
    kind = nested(record, "device", "type")
    found = nested(record, "runtime", "gpus")
    if found:
        return ", ".join(map(str, found))
    return "none: ran on the CPU" if kind == "cpu" else kind


def device(record: Record) -> str | None:
    """Kind and name of the device."""
    parts = [nested(record, "device", key) for key in ("type", "name")]
    return ", ".join(str(part) for part in parts if part) or None


def hash_of(record: Record, *, key: str, name: str) -> str:
    """The hash of one named lock file or input."""
    return short_hash(nested(record, key, name))


def libraries(record: Record) -> str | None:
    """Libraries with their versions, by name."""
    found = nested(record, "libraries")
    return ", ".join(f"{k} {v}" for k, v in sorted(found.items())) if found else None
