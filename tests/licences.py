"""Licences of every locked package: ``python -m tests.licences`` writes envs/LICENCES.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIST = ROOT / "envs" / "LICENCES.md"
LOCKS = {"torch-cpu.lock": "to run", "dev.lock": "to develop"}

#: What the texts of packages call licences that let the package be used without conditions on
#: the code that imports it.
PERMISSIVE = re.compile(
    r"""^( apache([ -]2\.0)?(\ software)?(\ license)?(\ 2\.0|,\ version\ 2\.0)?
        | (free)?bsd(-[23]-clause)?(\ license)?
        | [023]?bsd(-[23]-clause)?(\ license)? | mit(-0|-cmu)?(\ license)?
        | (psf|python\ software\ foundation)(-2\.0)?(\ license)?
        | mpl-2\.0 | mozilla\ public\ license\ 2\.0\ \(mpl\ 2\.0\) | zope\ public\ license
        | bsl-1\.0 | zlib | cc0-1\.0 | apache-2\.0\ with\ llvm-exception | public\ domain )$""",
    re.VERBOSE | re.IGNORECASE,
)

#: Other licences, each with why it is no condition on this package.
EXCEPTIONS = {
    "grandalf": "GPL-2.0: of DVC's `dvc dag`; not imported here, DVC is run as a program",
    "pygit2": "GPL-2.0 with linking exception: of DVC; not imported here",
    "asyncssh": "EPL-2.0 or GPL-2.0: of DVC's SSH remotes; not imported here",
    "docutils": "public domain and BSD, some parts GPL: of Snakemake's reports; not imported here",
}

#: Packages whose metadata name no licence: what the licence file that they install says.
_BY_TEXT = {"Apache License": "Apache-2.0", "MIT License": "MIT"}


@dataclass(frozen=True)
class Licence:
    """A package of a lock, and what its metadata say of its licence."""

    name: str
    version: str
    text: str
    purpose: str

    @property
    def permissive(self) -> bool:
        """Whether every licence is permissive, or one of several that may be chosen is."""
        return _permissive(self.text)


def _permissive(expression: str) -> bool:
    """``AND`` binds closer than ``OR``; classifiers of one package are joined by `` / ``."""
    expression = expression.strip()
    if PERMISSIVE.match(expression):
        return True
    for word, enough in ((" OR ", any), (" AND ", all), (" / ", all)):
        parts = _divided(expression, word)
        if len(parts) > 1:
            return enough(map(_permissive, parts))
    inner = re.fullmatch(r"\((.*)\)", expression)
    return inner is not None and _permissive(inner[1])


def _divided(expression: str, word: str) -> list[str]:
    """The parts of an expression between ``word``, outside brackets."""
    parts, depth, start = [], 0, 0
    for place, character in enumerate(expression):
        depth += (character == "(") - (character == ")")
        if depth == 0 and expression.startswith(word, place):
            parts.append(expression[start:place])
            start = place + len(word)
    return [*parts, expression[start:]]


def licences() -> list[Licence]:
    """Every package of the locks, as it is installed."""
    found: dict[str, Licence] = {}
    for lock, purpose in LOCKS.items():
        for line in (ROOT / "envs" / lock).read_text(encoding="utf-8").splitlines():
            match = re.match(r"([A-Za-z0-9._-]+)==([^ ]+)", line)
            if match and match[1] not in found:
                found[match[1]] = Licence(match[1], match[2], _text(match[1]), purpose)
    return sorted(found.values(), key=lambda licence: licence.name)


def _text(name: str) -> str:
    distribution = metadata.distribution(name)
    of = distribution.metadata
    classifiers = [
        line.split("::")[-1].strip()
        for line in of.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    expressions, names = of.get_all("License-Expression") or [], of.get_all("License") or []
    for said in (*expressions, " / ".join(classifiers), *names):
        if said.strip():
            return str(said).strip().splitlines()[0]
    for file in distribution.files or []:
        if "licen" in file.name.lower():
            head = " ".join(Path(str(file.locate())).read_text(encoding="utf-8").split())[:300]
            return next((text for key, text in _BY_TEXT.items() if key in head), head[:40])
    return "not named"


def listed() -> str:
    """The list, in Markdown."""
    lines = [
        "# Licences of the locked packages",
        "",
        "`python -m tests.licences` writes this list; a test compares it with the policy in",
        "[tests/licences.py](../tests/licences.py). `make cluster` adds Snakemake's executor for",
        "Slurm and its job step (both MIT), which are not installed where the list is made.",
        "",
        "| package | version | licence | used |",
        "|---|---|---|---|",
    ]
    for one in licences():
        reason = f"; {EXCEPTIONS[one.name]}" if one.name in EXCEPTIONS else ""
        lines.append(f"| {one.name} | {one.version} | {one.text}{reason} | {one.purpose} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    LIST.write_text(listed(), encoding="utf-8")
    print(f"wrote {LIST.relative_to(ROOT)}")
