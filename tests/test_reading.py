"""YAML 1.2 with line numbers; seeds; what pydantic finds wrong."""

from __future__ import annotations

import importlib
import math
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

import fixbench.reading
from fixbench.errors import InputError
from fixbench.reading import Source, parse_seeds, read_source, read_yaml, validation_problem
from fixbench.workflow import seed_label

ROOT = Path(__file__).parents[1]


@pytest.fixture(params=["libyaml", "python"])
def reading(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module with either parser."""
    if request.param == "python":
        monkeypatch.setattr(yaml, "__with_libyaml__", False)
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    spec = importlib.util.spec_from_file_location("a_reading", fixbench.reading.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "a_reading", module)
    spec.loader.exec_module(module)
    return module


def test_the_fast_parser_is_in_use_where_it_is_there() -> None:
    assert yaml.__with_libyaml__ == fixbench.reading.HAS_LIBYAML
    if yaml.__with_libyaml__:
        assert issubclass(fixbench.reading._Loader, yaml.CSafeLoader)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[on, off, yes, no, On, y]", ["on", "off", "yes", "no", "On", "y"]),
        ("[true, True, FALSE]", [True, True, False]),
        ("[~, null, '']", [None, None, ""]),
        ("[12, +12, -3, 010, 0x1F, 0o17]", [12, 12, -3, 10, 31, 15]),
        ("[1.0e+6, 1e5, .5, 1., -2.5E-3]", [1e6, 1e5, 0.5, 1.0, -0.0025]),
        ("[.inf, -.INF]", [math.inf, -math.inf]),
        ("[2020-01-01, 12:30, 1_000, 1e, .]", ["2020-01-01", "12:30", "1_000", "1e", "."]),
        ("{a: &x [1], b: *x}", {"a": [1], "b": [1]}),
        ("{'1': a, 1: b}", {"1": "a", 1: "b"}),
        ("{a: !!str 1}", {"a": "1"}),
        ("", None),
    ],
)
def test_the_core_schema_of_yaml_1_2(
    reading: ModuleType, tmp_path: Path, text: str, value: Any
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    found = reading.read_yaml(path)
    assert found == value
    assert repr(found) == repr(value)  # 1 and True and 1.0 differ


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a:\n  b: 1\n  c: {d: 1, d: 2}\n", 3),
        ("a:\n\t- b\n", 2),
        ("a: [1\nb: 2\n", 2),
        ("a: 1\nb: &x [*x]\n", 2),
        ("a: 1\n? [b]\n: c\n", 2),
        ("a: 1\n--- b\n", 2),
        ("a: 1\nb: *y\n", 2),
        ("a: 1\nb: !!python/name:os.system x\n", 2),
        ("a: 1\nb: !!int x\n", 2),
        ("a: 1\nb: !!int 1_0\n", 2),
        ("a: 1\nb: !!bool maybe\n", 2),
        ("a: 1\nb: !!null x\n", 2),
        ("a: 1\nb: !!set {c}\n", 2),
        ("a: 1\nb: !own [c]\n", 2),
        ("a: 1\nb: !!map [c]\n", 2),
    ],
)
def test_what_is_no_yaml_is_refused_with_its_line(
    reading: ModuleType, tmp_path: Path, text: str, line: int
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        reading.read_yaml(path)
    assert str(caught.value).startswith(f"{path}: line {line} is ")
    assert str(caught.value).endswith("; expected valid YAML, indented with spaces, each key once")


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        (f"a: 1\nb: {2**64}\n", "an integer of at most 64 bits"),
        (f"a: 1\nb: {'9' * 5000}\n", "an integer of at most 64 bits"),
        (f"a: 1\nb: 0x{'f' * 5000}\n", "an integer of at most 64 bits"),
        (f"a: 1\nb: {'[' * 65}{']' * 65}\n", "at most 64 levels of nesting"),
        ("a: 1\nb: " + "[" * 100_000, "at most 64 levels of nesting"),
        ("a:\n" + "- " * 100_000, "at most 64 levels of nesting"),
        ("a: 1\nb: " + "{c: " * 100_000, "at most 64 levels of nesting"),
    ],
    ids=["int", "digits", "hex", "just", "flow", "block", "map"],
)
def test_what_is_hostile_is_refused_with_its_line(
    reading: ModuleType, tmp_path: Path, text: str, limit: str
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        reading.read_yaml(path)
    assert str(caught.value) == f"{path}: line 2; expected {limit}"


def test_aliases_are_counted_as_if_they_were_written_out(
    reading: ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "a.yaml"
    # Line n is ten times the line before it: 1, 11, 111, … values; deeper by one each time.
    wide = ["a0: &a0 [x]"] + [
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)
    ]
    deep = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5000)]
    for lines, line, limit in (
        (wide, 6, "at most 100000 values, aliases written out"),
        (deep, 65, "at most 64 levels of nesting, aliases written out"),
    ):
        path.write_text("\n".join(lines))
        with pytest.raises(InputError) as caught:
            reading.read_yaml(path)
        assert str(caught.value) == f"{path}: line {line}; expected {limit}"
    path.write_text("\n".join(wide[:5]))
    assert len(reading.read_yaml(path)["a4"]) == 10


def test_the_largest_numbers_and_the_deepest_nesting(reading: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(f"[{2**64 - 1}, {-(2**64) + 1}, {'[' * 62}a{']' * 62}]")
    first, second, value = reading.read_yaml(path)
    assert (first, second) == (2**64 - 1, -(2**64) + 1)
    for _ in range(62):
        (value,) = value
    assert value == "a"


@pytest.mark.parametrize("content", [None, b"title: \xff\xfe"])
def test_a_file_that_is_missing_or_not_utf_8(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="a readable UTF-8 file"):
        read_yaml(path)


def test_control_characters_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("a: \x07\n")
    with pytest.raises(InputError, match="expected valid YAML"):
        read_yaml(path)


SOURCE = """\
title: a
claims:
  - id: A1
    effect: {metric: m,
             stage: s}
  - name: b
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "a.yaml"
    path.write_text(SOURCE)
    return read_source(path)


@pytest.mark.parametrize(
    ("keys", "line", "key"),
    [
        (("title",), 1, "title"),
        (("claims", 0, "effect", "stage"), 5, "claims.A1.effect.stage"),
        (("claims", 0, "effect", "at"), 4, "claims.A1.effect.at"),
        (("claims", 1), 6, "claims.1"),
        (("claims", 7), 2, "claims.7"),
        ((), 1, ""),
    ],
)
def test_where_a_key_stands(
    source: Source, keys: tuple[str | int, ...], line: int, key: str
) -> None:
    assert source.line(keys) == line
    assert source.key(keys) == key
    problem = source.problem(keys, 3, expected="four")
    assert problem.file == f"{source.path}:{line}"


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    title: str
    claims: list[dict[str, int] | int]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"title": 1, "claims": []}, "title is 1; expected string"),
        ({"titel": "a", "claims": []}, "titel is 'a'; expected no such key; see the schemas in"),
        ({"claims": []}, "title; expected this key, which is required"),
    ],
)
def test_the_first_problem_as_one_message(content: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate(content)
    assert str(validation_problem("f", caught.value)).startswith(f"f: {text}")
    with_prefix = validation_problem("f", caught.value, where=lambda key: f"x.{key}")
    assert str(with_prefix).startswith(f"f: x.{text}")


def test_a_place_is_shown_as_it_was_written(source: Source) -> None:
    with pytest.raises(ValidationError) as caught:
        Model.model_validate({**source.content})
    # Without the name of the alternative that pydantic adds.
    shown = str(validation_problem(source, caught.value))
    assert shown.startswith(f"{source.path}:3: claims.A1.id")


@given(st.sets(st.integers(0, 200), min_size=1))
def test_seed_label_is_the_inverse_of_parse_seeds(seeds: set[int]) -> None:
    assert parse_seeds(seed_label(list(seeds))) == sorted(seeds)


@pytest.mark.parametrize("text", ["0-10000", "0-4999,5000-10000", "5-99999999999", "0-9,8-60000"])
def test_so_many_seeds_are_a_slip(text: str) -> None:
    with pytest.raises(InputError, match="expected at most 10000 seeds"):
        parse_seeds(text)
    assert len(parse_seeds("0-9999")) == 10_000


@pytest.mark.parametrize("text", ["", "a", "1-", "-1", "3-1", "1,,2", "1;2", "1.5", "٣", "9" * 20])
def test_parse_seeds_refuses(text: str) -> None:
    with pytest.raises(InputError, match=r"^--seeds is .*; expected seeds such as '0-9'"):
        parse_seeds(text)


def test_processor_time_of_the_longest_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Shown, and not judged: it depends on the machine."""
    path = max((ROOT / "ablations").glob("*/*.yaml"), key=lambda file: file.stat().st_size)
    started = time.process_time()
    read_source(path)
    with capsys.disabled():
        print(f"\n{path.relative_to(ROOT)}: {time.process_time() - started:.3f} s")


@pytest.mark.parametrize("character", ["\\x07", "\\0", "\\r", "\\u202e", "\\x9b"])
def test_escaped_control_characters_are_refused(tmp_path: Path, character: str) -> None:
    """A terminal or a page would show something else than the file says."""
    file = tmp_path / "x.yaml"
    file.write_text(f'title: one\nquestion: "a{character}b"\n', encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_yaml(file)
    text = str(caught.value)
    assert text.startswith(f"{file}: line 2; expected text without control characters; '\\")
    assert text.isprintable()


def test_line_breaks_and_tabs_are_text(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text('title: "a\\nb\\tc"\n', encoding="utf-8")
    assert read_yaml(file) == {"title": "a\nb\tc"}
