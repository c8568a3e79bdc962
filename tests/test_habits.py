"""What is written in several places says the same: versions, and the checks before a commit."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

import fixbench

ROOT = Path(__file__).parents[1]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def parsed(name: str) -> Any:
    return YAML(typ="safe").load(read(name))


def releases() -> list[tuple[str, date]]:
    """The versions of the changelog with their dates, in the order of the file."""
    found = re.findall(
        r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", read("CHANGELOG.md"), re.M
    )
    return [(version, date.fromisoformat(day)) for version, day in found]


def test_the_newest_release_is_the_version_of_package_and_citation() -> None:
    newest, _ = releases()[0]
    assert newest == fixbench.__version__ == parsed("CITATION.cff")["version"]


def test_releases_are_ordered_from_the_newest_to_the_oldest() -> None:
    order = [(tuple(map(int, version.split("."))), day) for version, day in releases()]
    assert order == sorted(order, reverse=True)
    assert len({version for version, _ in order}) == len(order) >= 2


def test_every_heading_of_a_release_is_dated() -> None:
    headings = re.findall(r"^## (.*)$", read("CHANGELOG.md"), re.M)
    headings = [heading for heading in headings if heading != "[Unreleased]"]
    assert len(headings) == len(releases())


def test_hooks_run_what_make_checks_runs() -> None:
    recipe = re.search(r"^checks: .*\n((?:\t.*\n)+)", read("Makefile"), re.M)
    assert recipe is not None
    lines = [line.strip() for line in recipe[1].splitlines()]
    commands = [line for line in lines if not line.startswith(("@", "$(call say"))]
    (local,) = parsed(".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"  # nothing is downloaded
    assert [hook["entry"] for hook in local["hooks"]] == commands
    assert all(hook["language"] == "system" for hook in local["hooks"])


@pytest.mark.parametrize("name", ["bug", "ablation", "verdict"])
def test_an_issue_form_asks_for_something(name: str) -> None:
    form = parsed(f".github/ISSUE_TEMPLATE/{name}.yml")
    assert {"name", "description", "body"} <= form.keys()
    fields = [field for field in form["body"] if field["type"] != "markdown"]
    assert len({field["id"] for field in fields}) == len(fields)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_hosted_ci_calls_the_local_one_with_pinned_actions_and_limits() -> None:
    (job,) = parsed(".github/workflows/ci.yml")["jobs"].values()
    assert ".ci/run" in [step.get("run") for step in job["steps"]]
    used = [step["uses"] for step in job["steps"] if "uses" in step]
    assert all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
    assert job["timeout-minutes"] <= 120
