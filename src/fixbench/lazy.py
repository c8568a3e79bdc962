"""Packages whose names are imported when they are first used.

A package that offers both light and heavy names (such as the list of decision rules, and the tests
that need scipy) would otherwise cost every caller the import of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(package: str, modules: Mapping[str, Sequence[str]]) -> Callable[[str], Any]:
    """A module-level ``__getattr__`` (PEP 562) that imports a name's module on first use.

    Args:
        package: the ``__name__`` of the package.
        modules: submodule → the public names that it defines.
    """
    homes = {name: module for module, names in modules.items() for name in names}

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{homes[name]}"), name)

    return load
