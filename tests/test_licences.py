"""No package that is locked binds the code that imports it; the list of licences is current."""

from __future__ import annotations

import ast
import sys
from importlib import metadata

import pytest
from tests.licences import EXCEPTIONS, LIST, ROOT, Licence, licences, listed


@pytest.mark.parametrize("licence", licences(), ids=lambda licence: licence.name)
def test_every_licence_is_permissive_or_a_reasoned_exception(licence: Licence) -> None:
    assert licence.permissive or licence.name in EXCEPTIONS, licence
    assert not (licence.permissive and licence.name in EXCEPTIONS), "no exception is needed"


def test_the_package_imports_no_exception() -> None:
    imported = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.split(".")[0])
    brings = metadata.packages_distributions()
    used = {name for top in imported - sys.stdlib_module_names for name in brings.get(top, [])}
    assert {"torch", "pandas", "pydantic"} <= used
    assert not {name.lower() for name in used} & set(EXCEPTIONS)


def test_the_list_is_current() -> None:
    assert LIST.read_text(encoding="utf-8") == listed()


@pytest.mark.parametrize(
    ("text", "permissive"),
    [
        ("MIT", True),
        ("BSD-3-Clause AND MIT", True),
        ("Apache-2.0 OR GPL-2.0-or-later", True),
        ("MPL-2.0 AND (GPL-2.0-only OR MIT)", True),
        ("GPL-3.0-only AND (Apache-2.0 OR MIT)", False),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("GNU General Public License v2 (GPLv2)", False),
        ("GPLv2 with linking exception", False),
        ("not named", False),
    ],
)
def test_the_policy(text: str, permissive: bool) -> None:
    assert Licence("some", "1", text, "to run").permissive is permissive
