"""Records as JSON files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from pydantic_core import to_json

__all__ = ["write_json"]


def write_json(path: Path, content: Any) -> None:
    """Write JSON, atomically, with a fixed layout.

    A number that is not finite, which JSON does not have, becomes "NaN" or "Infinity".
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    try:
        plain = json.loads(to_json(content, inf_nan_mode="strings"))
        text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False)
        partial.write_text(text + "\n", encoding="utf-8")
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
