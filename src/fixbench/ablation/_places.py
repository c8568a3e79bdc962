"""Where a key of an expanded variant is written: at the variant, its grid, its cell or a factor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Keys", "Places"]

Keys = tuple[str | int, ...]


class Places:
    """From what a variant says to the keys of ``ablation.yaml`` that say it.

    Args:
        content: the file as it was read.
    """

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self._cells: dict[str, tuple[int, dict[str, Keys]]] = {}

    def add_cell(self, variant: str, grid: int, options: Mapping[str, tuple[str, str]]) -> None:
        """Remember a variant that a grid makes.

        Args:
            grid: the index of the grid.
            options: dotted option → the factor and the level that change it.
        """
        self._cells[variant] = (
            grid,
            {name: self._level(*level) for name, level in options.items()},
        )

    def of(self, variant: str, key: str, *below: str) -> Keys:
        """The keys of what ``variant`` says.

        Args:
            key: such as ``changes`` or ``measure``.
            below: the option that is changed and keys in its value; the tier of a measurement.
        """
        if variant not in self._cells:
            default: Keys = ("variants", variant)
            holders = [default]
        else:
            grid, options = self._cells[variant]
            if key == "changes":
                option = below[0] if below else ""
                return (*options[option], *below) if option in options else ("grids", grid, "cross")
            default = ("grids", grid)
            holders = [(*default, "cells", variant), default]
        if key == "measure":
            holders.append(())
        holder = next((keys for keys in holders if key in self._at(keys)), default)
        place = (*holder, key)
        if key == "measure" and not isinstance(self._at(place), Mapping):
            below = below[1:]  # a list for all tiers
        return (*place, *below)

    def level(self, factor: str, level: str, option: str) -> Keys:
        """The keys of an option that a level of a factor changes."""
        return (*self._level(factor, level), option)

    def _level(self, factor: str, level: str) -> Keys:
        keys: Keys = ("factors", factor, level)
        return (*keys, "changes") if "changes" in self._at(keys) else keys

    def _at(self, keys: Keys) -> Any:
        value: Any = self._content
        for key in keys:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return {}
        return {} if value is None else value
