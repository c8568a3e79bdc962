"""The claims of an ablation with the terms of their effects, from its files, without fixbench.

Written from CONTRIBUTING, as a reader would in a notebook, to check the expansion of the package:
`claims` gives each claim with every default, in the form whose SHA-256 is published.
"""

import re
from itertools import combinations, product
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
READING = ("metric", "stage", "at")


def read(folder: Any, name: Any) -> Any:
    return YAML(typ="safe", pure=True).load(ROOT / "ablations" / folder / f"{name}.yaml")


def listed(picked: Any, factors: Any) -> Any:
    """Factor → levels, of a factor, a list of factors, or factor → one level, several or "all"."""
    if isinstance(picked, str):
        picked = [picked]
    if isinstance(picked, list):
        picked = dict.fromkeys(picked, "all")
    found = {}
    for factor, levels in picked.items():
        levels = list(factors[factor]) if levels == "all" else levels
        found[factor] = [levels] if isinstance(levels, str) else levels
    return found


class Design:
    """Which variant has which levels, by the name that its grid's pattern gives it."""

    def __init__(self, file: Any) -> None:
        self.factors = file.get("factors", {})
        self.first = {name: next(iter(levels)) for name, levels in self.factors.items()}
        self.names: dict[Any, str] = {}  # what is not at its first level → name
        if file["baseline_variant"] in file.get("variants", {}):
            self.names[frozenset()] = file["baseline_variant"]
        for grid in file.get("grids", []):
            self.add(grid)

    def key(self, levels: Any) -> Any:
        return frozenset((f, level) for f, level in levels.items() if level != self.first[f])

    def levels(self, variant: Any) -> Any:
        """Of a variant of no grid: ``None``."""
        return next((dict(key) for key, name in self.names.items() if name == variant), None)

    def add(self, grid: Any) -> None:
        start = self.levels(grid["base"]) if "base" in grid else {}
        if start is None:
            return  # its cells have no levels by which an effect could find them
        crossed = listed(grid["cross"], self.factors)
        for cell in product(*crossed.values()):
            levels = dict(zip(crossed, cell, strict=True))
            self.names.setdefault(self.key(start | levels), self.name(grid["name"], levels))

    def name(self, pattern: Any, levels: Any) -> Any:
        for factor, level in levels.items():
            kept = "" if level == self.first[factor] else rf"\g<1>{level}\g<2>"
            pattern = re.sub(rf"\[([^\[\]]*)\{{{factor}\}}([^\[\]]*)\]", kept, pattern)
            pattern = pattern.replace(f"{{{factor}}}", level)
        return pattern

    def variants(self, levels: Any, over: Any) -> list[Any]:
        axes = listed(over, self.factors)
        cells = (dict(zip(axes, cell, strict=True)) for cell in product(*axes.values()))
        return [self.names[self.key(levels | cell)] for cell in cells]

    def option(self, factor: Any) -> Any:
        """The option that a factor changes, if it is one; else its name."""
        changes = [level.get("changes", level) for level in self.factors[factor].values()]
        changed = {key for level in changes for key in level if key != "text"}
        return changed.pop() if len(changed) == 1 else factor


class Effects:
    def __init__(self, file: Any) -> None:
        self.design = Design(file)
        self.metrics = file["metrics"]

    def metric(self, name: Any) -> Any:
        parts = name.split("/")
        families = ["/".join([*parts[:size], "*"]) for size in range(len(parts) - 1, 0, -1)]
        return next(self.metrics[key] for key in [name, *families] if key in self.metrics)

    def read(self, written: Any, claim: Any) -> tuple[Any, Any]:
        """Metric, stage, step and scale."""
        usual = dict(claim)
        if "metric" in written:
            usual = self.metric(written["metric"])
        found = {key: written.get(key, usual.get(key)) for key in READING}
        found["at"] = "last" if found["at"] is None else found["at"]
        return found, usual.get("scale")

    def arm(self, written: Any, before: Any) -> Any:
        """The variants that are read: named, by their levels, or as in the reading before."""
        if "variant" in written:
            return {"variants": [written["variant"]]}
        if "variants" in written:
            return {"variants": written["variants"]}
        if "levels" not in written and "over" not in written:
            return before
        levels, over = {}, {}
        if before:
            over = before.get("over", {})
            levels = before.get("levels")
            if levels is None:
                levels = self.design.levels(before["variants"][0])
        over = written.get("over", over)
        over = listed(over, self.design.factors) if over else {}
        levels = {key: value for key, value in levels.items() if key not in over}
        levels |= written.get("levels", {})
        over = {key: value for key, value in over.items() if key not in levels}
        variants = self.design.variants(levels, over)
        return {"levels": levels, "over": over, "variants": variants}

    def terms(self, arm: Any, reading: Any, sign: Any) -> list[Any]:
        names = arm["variants"]
        return [{"variant": name, **reading, "weight": sign / len(names)} for name in names]

    def expand(self, written: Any, claim: Any) -> tuple[Any, dict[str, Any]]:
        """The effect with every default, and what effects beside its claim take from it."""
        written = {"variant": written} if isinstance(written, str) else written
        effect: dict[str, Any] = {"terms": [], "slope": None, "factorial": None}
        arm = None
        if "slope" in written:
            slope = written["slope"]
            reading, scale = self.read(slope, claim)
            effect["slope"] = {
                "doses": {name: float(dose) for name, dose in slope["doses"].items()},
                "over": slope.get("over"),
                "dose_scale": slope.get("dose_scale", "plain"),
                **reading,
            }
        elif "factorial" in written:
            reading, scale = self.read(written["factorial"], claim)
            effect["factorial"] = {**self.factorial(written["factorial"]), **reading}
        elif "terms" in written:
            readings = [self.read(term, claim) for term in written["terms"]]
            scale = readings[0][1]
            effect["terms"] = [
                {"variant": term["variant"], **found, "weight": float(term.get("weight", 1))}
                for term, (found, _) in zip(written["terms"], readings, strict=True)
            ]
            reading = {
                key: found for key, found in readings[0][0].items()
                if all(other[key] == found for other, _ in readings)
            }  # fmt: skip
        else:
            reading, scale = self.read(written, claim)
            named = {"variant", "variants", "levels", "over"} & set(written)
            arm = self.arm(written, None if named else claim.get("arm"))
            effect["terms"] = self.terms(arm, reading, 1.0)
            if "against" in written:
                second = written["against"]
                second = {"variant": second} if isinstance(second, str) else second
                differing = {key: second[key] for key in READING if key in second}
                effect["terms"] += self.terms(self.arm(second, arm), reading | differing, -1.0)
        effect["scale"] = written.get("scale", scale) or "plain"
        effect["samples"] = written.get("samples")
        return effect, {**reading, "scale": effect["scale"], "arm": arm}

    def factorial(self, written: Any) -> dict[str, Any]:
        if "cells" in written:
            return {key: written[key] for key in ("factors", "cells", "of")}
        names = list(written["cross"])
        cells = {}
        for count in range(len(names) + 1):
            for low in combinations(names, count):
                levels = {name: written["cross"][name][name in low] for name in names}
                (variant,) = self.design.variants(written.get("levels", {}) | levels, {})
                cells[variant] = "".join("-" if name in low else "+" for name in names)
        options = {name: self.design.option(name) for name in names}
        of = [options[name] for name in written["of"]]
        return {"factors": list(options.values()), "cells": cells, "of": of}


def number(value: Any) -> Any:
    return None if value is None else float(value)


def measurement(written: Any, bounds: Any, effects: Any, claim: Any) -> dict[str, Any]:
    return {
        "name": written["name"],
        "effect": effects.expand(written["effect"], claim)[0],
        "meaning": written["meaning"],
        **{name: number(written.get(name)) for name in bounds},
    }


def claims(folder: Any) -> Any:
    """Identifier → claim, with every default."""
    effects = Effects(read(folder, "ablation"))
    found = {}
    for written in read(folder, "claims")["claims"]:
        effect, own = None, dict[str, Any]()
        if "effect" in written:
            effect, own = effects.expand(written["effect"], {})
        explains = ("explains_above", "explains_below")
        decision = written["decision"]
        found[written["id"]] = {
            **{key: written.get(key) for key in ("id", "statement", "section", "source", "kind")},
            "documented": {
                "text": written["documented"]["text"],
                "value": number(written["documented"].get("value")),
            },
            "decision": {
                **{key: decision.get(key) for key in ("rule", "direction", "reason")},
                **{key: number(decision.get(key)) for key in ("null", "margin", "tolerance")},
            },
            "effect": effect,
            "primary": written.get("primary", True),
            **{
                kind: [measurement(item, bounds, effects, own) for item in written.get(kind, [])]
                for kind, bounds in (
                    ("preconditions", ("above", "below")),
                    ("controls", explains),
                    ("supporting", explains),
                )
            },
        }
    return found
