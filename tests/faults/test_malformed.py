"""Malformed inputs: each is refused with its message, and a table of them stays long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.ablation import test_refusals
from tests.command import test_readers, test_written_rows
from tests.faults.fuzz import fuzz

from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.reading import parse_seeds

TOY = Path(__file__).parents[1] / "fixtures" / "ablations" / "toy"


def refusal(act: Callable[[], object]) -> str | None:
    """The message with which something is refused."""
    try:
        act()
    except InputError as error:
        return str(error)
    return None


def test_the_tables_of_messages_are_long() -> None:
    """Each entry is a malformed input and the message that a user gets, checked by its own test."""
    tables: list[Any] = [
        test_refusals.BAD,
        test_readers.BAD,
        test_readers.NOTHING,
        test_written_rows.BAD,
    ]
    assert sum(len(table) for table in tables) >= 60


def test_random_changes_are_accepted_or_refused(tmp_path: Path) -> None:
    for number in range(10_000, 10_150):
        fuzz(number, tmp_path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda part: (
        st.lists(part, max_size=3) | st.dictionaries(st.text(max_size=5), part, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ("title", "limits", "tiers", "metrics", "variants", "factors", "grids", "measure", "inputs")


@settings(deadline=None, derandomize=True, max_examples=60)
@given(key=st.sampled_from(KEYS), value=VALUES)
def test_any_value_of_any_key(
    tmp_path_factory: pytest.TempPathFactory, key: str, value: object
) -> None:
    import yaml

    folder = tmp_path_factory.mktemp("any") / "toy"
    folder.mkdir()
    content = yaml.safe_load((TOY / "ablation.yaml").read_text()) | {key: value}
    (folder / "ablation.yaml").write_text(
        yaml.safe_dump(content, allow_unicode=True), encoding="utf-8", errors="replace"
    )
    (folder / "claims.yaml").write_text((TOY / "claims.yaml").read_text())
    message = refusal(lambda: load_ablation(folder / "ablation.yaml"))
    assert message is None or ("expected" in message and "\n" not in message)


@settings(deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789-, \n٣", max_size=12))
def test_any_text_for_seeds(text: str) -> None:
    message = refusal(lambda: parse_seeds(text))
    if message is None:
        seeds = parse_seeds(text)
        assert seeds == sorted(set(seeds)) != []
    else:
        assert "expected" in message
