"""An ablation as one mapping, written to the files that its keys belong in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fixbench.reading import read_yaml

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy"

Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def toy() -> dict[str, Any]:
    """The toy: what its files say, in one mapping; later threats under ``later_threats``."""
    return {**read_yaml(TOY / "ablation.yaml"), **read_yaml(TOY / "claims.yaml")}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write such a mapping and return its ``ablation.yaml``."""

    def to_files(content: dict[str, Any]) -> Path:
        rest = dict(content)
        files: dict[str, dict[str, Any]] = {"claims": {"claims": rest.pop("claims", [])}}
        findings = {
            key: rest.pop(name)
            for name, key in (("conclusions", "conclusions"), ("later_threats", "threats"))
            if name in rest
        }
        files |= {"findings": findings} if findings else {}
        files["ablation"] = rest
        for name, part in files.items():
            # JSON is YAML, and keeps the order.
            (tmp_path / f"{name}.yaml").write_text(json.dumps(part, indent=1))
        return tmp_path / "ablation.yaml"

    return to_files
