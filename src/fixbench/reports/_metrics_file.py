"""``metrics.json``: the verdict and the measured number of each claim, as DVC reads metrics."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["metrics_file"]


def metrics_file(rows: Iterable[Mapping[str, Any]]) -> str:
    """Ablation → claim → verdict, and the number where there is one, from the rows of a table.

    DVC flattens the keys to ``ablation.claim.measured`` and compares them between commits.
    """
    content: dict[str, dict[str, dict[str, Any]]] = {}
    for row in rows:
        entry = {"verdict": row["verdict"]}
        if row["measured"] is not None:
            entry["measured"] = row["measured"]
        content.setdefault(row["ablation"], {})[row["id"]] = entry
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
