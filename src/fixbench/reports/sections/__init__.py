"""The sections of a report, one module each.

A module builds the data of its section; the templates of the same name lay it out. These two lists
are the only place where a report's sections and their order are named.
"""

from __future__ import annotations

from collections.abc import Sequence

from fixbench.reports.sections import (
    answer,
    citations,
    claims,
    comparisons,
    conclusions,
    curves,
    data_draws,
    factorials,
    facts,
    failures,
    metrics,
    provenance,
    replication,
    scaled_down,
    threats,
    variants,
    verdicts,
)
from fixbench.reports.sections._section import Builder

__all__ = ["OPENING", "SECTIONS"]

#: Below the title and the question, above the links to the sections.
OPENING: Sequence[Builder] = (answer.build, conclusions.build, facts.build)

SECTIONS: Sequence[Builder] = (
    verdicts.build,
    claims.build,
    data_draws.build,
    replication.build,
    comparisons.build,
    factorials.build,
    curves.build,
    threats.build,
    citations.build,
    scaled_down.build,
    failures.build,
    metrics.build,
    variants.build,
    provenance.build,
)
