"""A whole report, independent of the format it is printed in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fixbench.reports._inputs import Inputs
from fixbench.reports.sections import OPENING, SECTIONS
from fixbench.reports.sections._section import Builder, Section

__all__ = ["Report", "build_report"]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A whole report.

    Attributes:
        opening: sections above the links; sections: those below.
    """

    name: str
    title: str
    question: str
    document: str
    opening: list[Section]
    sections: list[Section]


def build_report(
    inputs: Inputs,
    *,
    opening: Sequence[Builder] = OPENING,
    sections: Sequence[Builder] = SECTIONS,
) -> Report:
    """Build every section that has something to print, in the order of the lists."""
    document = inputs.ablation.document
    return Report(
        name=inputs.name,
        title=inputs.ablation.title,
        question=inputs.ablation.question,
        document=f"{document.title} ({document.file}, {document.section})",
        opening=_built(opening, inputs),
        sections=_built(sections, inputs),
    )


def _built(builders: Sequence[Builder], inputs: Inputs) -> list[Section]:
    built = (build(inputs) for build in builders)
    return [section for section in built if section is not None]
