"""Options as text: one word, a file that is JSON and YAML, overrides of Hydra."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["option_text", "options_text", "override"]

#: Characters that JSON allows in a text and YAML does not, or reads as the end of a line.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
#: What Hydra reads as the same text without quotes.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.@/+-]*")


def option_text(value: Any) -> str:
    """An option as one word: a text as it is, anything else as JSON.

    A number is the shortest that names the same double.
    """
    return value if isinstance(value, str) else options_text(value)


def options_text(value: Any) -> str:
    """Options as text that is JSON and, with the same values, YAML 1.1 and 1.2."""
    if isinstance(value, Mapping):
        items = (
            f"{options_text(str(key))}: {options_text(value[key])}"
            for key in sorted(value, key=str)
        )
        return "{" + ", ".join(items) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(options_text, value)) + "]"
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return _NOT_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
    text = json.dumps(value)
    # YAML 1.1 takes 1e-05 for a text.
    return re.sub(r"^(-?\d+)e", r"\1.0e", text) if isinstance(value, float) else text


def override(name: str, value: Any) -> str:
    """``name=value`` in the grammar of Hydra's overrides.

    A text that Hydra would read as something else stands in single quotes.
    """
    return f"{name}={_hydra(value)}"


def _hydra(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_hydra(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_hydra, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    special = value.lower() in ("true", "false", "null", "nan", "inf")
    if _PLAIN.fullmatch(value) and not special:
        return value
    # Before a quote each backslash stands twice, and so it does at the end.
    text = re.sub(r"(\\*)'", lambda match: f"{match[1] * 2}\\'", value)
    return "'" + re.sub(r"(\\+)$", r"\1\1", text) + "'"
