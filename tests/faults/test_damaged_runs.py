"""Files of a finished run that are damaged: refused by name, or made again with the same bytes."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.faults._pipeline import RESULTS, Pipeline

LONG = os.environ.get("FIXBENCH_FAULTS") == "long"

FILES = {
    "results": f"{RESULTS}/cube/0-2.parquet",
    "state": f"{RESULTS}/cube/0-2.state",
    "record": "logs/toy_command/smoke/cube/0-2.provenance.json",
    "request": ".fixbench/requests/toy_command/smoke/cube.json",
    "verdicts": f"{RESULTS}/claims.json",
}


def corrupt(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def swap(path: Path) -> None:
    """With that of the other variant, or with another file."""
    other = Path(str(path).replace("cube", "large"))
    shutil.copy(other if other != path else path.with_name("cube") / "0-2.parquet", path)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "corrupt": corrupt,
    "truncate": truncate,
    "empty": lambda path: path.write_bytes(b""),
    "swap": swap,
    "delete": Path.unlink,
}
CASES = [(file, damage) for file in FILES for damage in DAMAGES] if LONG else [("request", "empty")]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pipeline, dict[str, bytes]]:
    pipeline = Pipeline(tmp_path_factory.mktemp("finished") / "checkout", pause=0.0)
    pipeline.finish()
    return pipeline, pipeline.results()


@pytest.mark.parametrize(("file", "damage"), CASES)
def test_a_damaged_file(
    finished: tuple[Pipeline, dict[str, bytes]], file: str, damage: str
) -> None:
    pipeline, expected = finished
    path = pipeline.folder / FILES[file]
    DAMAGES[damage](path)
    missing = file == "state" and damage == "delete"
    # So that the verdicts are worked out again, from whatever is there.
    if file not in ("request", "verdicts"):
        (pipeline.folder / FILES["verdicts"]).unlink()
    status, said = pipeline.run()
    assert "Traceback" not in said
    if status:
        errors = [line for line in said.splitlines() if "fixbench: error: " in line]
        assert errors, said
        assert "again" in errors[0]
        # What the message says to do.
        path.unlink(missing_ok=True)
        if file in ("record", "state"):
            (pipeline.folder / FILES["results"]).unlink()
        pipeline.finish()
    if missing:  # nobody needs it any more
        assert pipeline.results() == {
            name: content for name, content in expected.items() if name != FILES["state"]
        }
        for lost in ("results", "verdicts"):
            (pipeline.folder / FILES[lost]).unlink()
        pipeline.finish()
        assert pipeline.results() == expected
    elif file != "verdicts" or damage == "delete":
        assert pipeline.results() == expected
    else:  # nobody has asked for them: whoever reads them refuses them
        from fixbench.analysis import load_claims
        from fixbench.errors import InputError

        if path.read_bytes() != expected[FILES["verdicts"]]:
            with pytest.raises(InputError):
                load_claims(path)
            path.unlink()
            pipeline.finish()
        assert pipeline.results() == expected


@pytest.mark.skipif(not LONG, reason="make faults")
def test_a_clock_that_was_set_back(finished: tuple[Pipeline, dict[str, bytes]]) -> None:
    pipeline, expected = finished
    day = 24 * 60 * 60
    for top, way in (("results", -day), ("ablations", day), (".fixbench", day)):
        for path in (pipeline.folder / top).rglob("*"):
            now = time.time() + way
            os.utime(path, (now, now))
    pipeline.finish()
    assert pipeline.results() == expected


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_written(finished: tuple[Pipeline, dict[str, bytes]]) -> None:
    pipeline, expected = finished
    folder = pipeline.folder / RESULTS
    (folder / "claims.json").unlink()
    folder.chmod(0o500)
    try:
        status, said = pipeline.run()
    finally:
        folder.chmod(0o700)
    assert status
    assert "Traceback" not in said
    pipeline.finish()
    assert pipeline.results() == expected
