"""Which file says what, and the schemas by which editors explain it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fixbench.ablation import load_ablation
from fixbench.errors import InputError
from fixbench.reading import read_yaml
from fixbench.schemas import schemas
from fixbench.workflow import Settings

ROOT = Path(__file__).parents[2]
WRITTEN = sorted((ROOT / "ablations").glob("*/*.yaml"))
TEMPLATE = sorted((ROOT / "src" / "fixbench" / "template").glob("*.yaml"))
FIXTURES = sorted((ROOT / "tests" / "fixtures" / "ablations").glob("*/*.yaml"))

Write = Callable[[dict[str, Any]], Path]


def test_the_folder_or_its_first_file(toy: dict[str, Any], write: Write) -> None:
    path = write(toy)
    assert load_ablation(path.parent) == load_ablation(path)


def test_threats_known_beforehand_and_later_ones_stay_apart(
    toy: dict[str, Any], write: Write
) -> None:
    toy["threats"] = ["known"]
    toy["later_threats"] = [{"claims": ["TY01"], "text": "seen"}]
    ablation = load_ablation(write(toy))
    assert [threat.text for threat in ablation.threats] == ["known"]
    assert [threat.text for threat in ablation.later_threats] == ["seen"]


@pytest.mark.parametrize(
    ("file", "text", "expected"),
    [
        ("ablation", "claims: []\n", "claims; expected no such key here; it belongs in"),
        ("ablation", "conclusions: []\n", "findings.yaml"),
        ("claims", "conclusions: []\n", "findings.yaml"),
        ("claims", "threats: [t]\n", "threats is ['t']; expected no such key; see config/claims"),
        ("findings", "claims: []\n", "claims.yaml"),
        ("findings", "title: t\n", "title is 't'; expected no such key; see config/findings"),
    ],
)
def test_a_key_in_another_file_than_its_own_is_refused(
    toy: dict[str, Any], write: Write, file: str, text: str, expected: str
) -> None:
    folder = write({**toy, "later_threats": ["t"]}).parent
    path = folder / f"{file}.yaml"
    content = {**read_yaml(path)}
    path.write_text(json.dumps(content, indent=1)[:-2] + ",\n " + json.dumps(_key(text))[1:])
    with pytest.raises(InputError) as caught:
        load_ablation(folder)
    assert str(caught.value).startswith(f"{path}:")
    assert expected in str(caught.value)


def _key(text: str) -> dict[str, Any]:
    key, _, value = text.strip().partition(": ")
    return {key: {"[]": [], "[t]": ["t"]}.get(value, value)}


def test_no_claims_file(toy: dict[str, Any], write: Write) -> None:
    path = write(toy)
    path.with_name("claims.yaml").unlink()
    with pytest.raises(InputError, match=r"claims\.yaml; expected a readable UTF-8 file"):
        load_ablation(path)


@pytest.mark.parametrize("name", ["ablation", "claims", "citations", "findings", "claims_table"])
def test_exported_schema_is_current(name: str) -> None:
    exported = json.loads((ROOT / "config" / f"{name}.schema.json").read_text())
    assert exported == schemas()[name], "run: python -m fixbench.schemas config"


def test_exported_schema_of_the_settings_is_current() -> None:
    exported = json.loads((ROOT / "config" / "config.schema.json").read_text())
    assert exported == Settings.model_json_schema()


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for part in (schema, *schema.get("$defs", {}).values()):
        for key, value in part.get("properties", {}).items():
            yield part["title"], key, value


def test_every_key_is_explained() -> None:
    silent = {
        (title, key)
        for schema in schemas().values()
        for title, key, value in properties(schema)
        if not value.get("description")
    }
    assert silent == set()


@pytest.mark.parametrize(
    "path", WRITTEN + TEMPLATE + FIXTURES, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_files_follow_their_schema(path: Path) -> None:
    jsonschema.validate(read_yaml(path), schemas()[path.stem])


@pytest.mark.parametrize(
    "path", WRITTEN + TEMPLATE, ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_files_are_of_a_size_that_a_person_reads(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    schema = f"../../config/{path.stem}.schema.json"
    assert lines[0] == f"# yaml-language-server: $schema={schema}"
    assert len(lines) <= 700
    assert max(map(len, lines)) <= 120
    assert len(WRITTEN) >= 9
    # The places of claims are looked up, not read.
    read = [file for file in WRITTEN if file.stem != "citations"]
    assert sum(len(file.read_text().splitlines()) for file in read) <= 1100 * len(
        {file.parent for file in read}
    )
