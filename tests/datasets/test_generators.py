"""Data sets and their generators: one list, and modules that load alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fixbench.datasets import generators
from fixbench.datasets.generators import GENERATORS, SEED, generate
from fixbench.errors import InputError
from fixbench.tracking import tracked_files

ROOT = Path(__file__).parents[2]


def test_every_tracked_data_set_has_a_generator() -> None:
    assert set(GENERATORS) == {path.split("/")[1] for path in tracked_files(ROOT, "data")}


def test_a_data_set_is_written_to_a_folder_of_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("small_generator")
    module.write = lambda directory, *, seed: directory.write_text(str(seed))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "small_generator", module)
    monkeypatch.setattr(generators, "GENERATORS", {"small": "small_generator:write"})
    generate("small", tmp_path)
    assert (tmp_path / "small").read_text() == str(SEED)
    generate("small", tmp_path, seed=SEED + 1)
    assert (tmp_path / "small").read_text() == str(SEED + 1)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="expected one of aa_clip, alignment, dcal, events, yowo"
    ) as caught:
        generate("imagenet", tmp_path)
    assert (caught.value.key, caught.value.value) == ("name", "imagenet")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("reader", "others"),
    [
        ("procedures", set()),
        ("action_genome", set()),
        ("scenes", set()),
        ("event_sequences", set()),
        ("anomaly", {"photographs"}),
        ("fine_grained", set()),
        ("prompts", {"photographs"}),
        ("parts", {"photographs"}),
    ],
)
def test_a_reader_loads_no_generator(reader: str, others: set[str]) -> None:
    """What a system imports decides which edits make its results stale."""
    program = (
        f"import sys; import fixbench.datasets.{reader}; "
        "names = [name.split('.') for name in sys.modules]; "
        "print(*{name[2] for name in names if name[:2] == ['fixbench', 'datasets'] and name[2:]})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert set(done.stdout.split()) == {reader, *others}
