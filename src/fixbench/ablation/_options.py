"""Options: nested as systems read them, or flat with dotted keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["changed", "copied", "flatten"]


def copied(value: Any) -> Any:
    """A copy of nested mappings and lists that shares nothing with the original."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copied(item) for item in value]
    return value


def changed(options: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of ``options`` in which dotted keys have other values."""
    made: dict[str, Any] = copied(options)
    for key, value in changes.items():
        *parents, last = key.split(".")
        node = made
        for parent in parents:
            node = node[parent]
        node[last] = copied(value)
    return made


def flatten(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options → dotted key → leaf."""
    flat: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
