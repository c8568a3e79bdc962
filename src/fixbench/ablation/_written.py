"""The files of an ablation as a person writes them, before anything is expanded."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from fixbench.ablation._base import LONGEST_NAME, At, ModuleName, Name, Scale, Strict, TierName
from fixbench.ablation._citations import Lines, TextOrQuote
from fixbench.ablation._claims import (
    ClaimForm,
    ControlForm,
    PreconditionForm,
)
from fixbench.ablation._comparison import ComparisonArms
from fixbench.ablation._findings import Conclusion, TextOrLater, TextOrSupposing, TextOrThreat
from fixbench.ablation._metrics_from import MetricsFrom
from fixbench.ablation._model import Document, Limits, Tier
from fixbench.ablation._written_effects import NamedEffect, Picked

__all__ = [
    "Level",
    "WrittenAblation",
    "WrittenCell",
    "WrittenCitation",
    "WrittenCitations",
    "WrittenClaim",
    "WrittenClaims",
    "WrittenComparison",
    "WrittenFindings",
    "WrittenGrid",
    "WrittenMetric",
    "WrittenVariant",
]


class WrittenMetric(Strict):
    """A measured quantity, or with a name such as ``loss/*`` all whose names begin with ``loss/``.

    Attributes:
        unit: shown beside every value; ``"1"``, where it is left out, for a pure number.
        better: the direction that a practitioner wants, ``"neither"`` for a mechanism.
        description: what is measured.
        smallest_effect: the smallest difference (plain scale) that matters to a practitioner.
        stage: the stage at which it is usually read, for effects that give none.
        at: the step or summary at which it is usually read, for effects that give none.
        scale: the scale on which it is usually read, for effects that give none.
    """

    unit: str = "1"
    better: Literal["higher", "lower", "neither"] = "neither"
    description: str
    smallest_effect: float | None = None
    stage: str | None = None
    at: At | None = None
    scale: Scale | None = None


def _kind(value: Any) -> str:
    return "by tier" if isinstance(value, dict) else "in each"


#: The tiers that run a variant.
Tiers = Annotated[list[TierName], Field(min_length=1)]

#: Parts of a run: the same in every tier that runs the variant, or tier → parts.
Measure = Annotated[
    Annotated[list[str], Tag("in each")]
    | Annotated[dict[TierName, list[str]], Field(min_length=1), Tag("by tier")],
    Discriminator(_kind),
]


def _module(value: str) -> str:
    module = re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", value) is not None
    if not module and not (value.isprintable() and re.search(r"[^/]\.py$", value)):
        raise ValueError("a module such as 'fixbench.systems.yowo', or a .py file of the folder")
    return value


class WrittenCell(Strict):
    """What differs in one cell of a grid.

    Attributes:
        reason: instead of the grid's.
        starts_from: instead of the grid's.
        tiers: instead of the grid's.
        measure: instead of the grid's.
    """

    reason: str | None = None
    starts_from: Name | None = None
    tiers: Tiers | None = None
    measure: Measure | None = None


class WrittenVariant(Strict):
    """One set of options, given as what it changes in the baseline.

    Attributes:
        reason: what it is, or why it runs.
        changes: dotted option → value; empty for the baseline itself.
        relative_to: the variant whose options are changed; the baseline when omitted.
        starts_from: the variant whose checkpoint (same seed) this one continues from.
        bundle: the documented change altered several options at once; without it a variant may
            change one option group only (all its dotted keys share the first component).
        tiers: the tiers that run it; where it is left out, those that ``measure`` names, or all.
        measure: the parts of a run that are measured, by the names that the system gives them:
            a list for every tier that runs the variant, or tier → list; everything when omitted.
    """

    reason: str
    changes: dict[str, Any] = Field(default_factory=dict)
    relative_to: Name | None = None
    starts_from: Name | None = None
    bundle: bool = False
    tiers: Tiers | None = None
    measure: Measure | None = None


class Level(Strict):
    """A level of a factor: the options that it changes, or these with a text of its own.

    An option of the baseline that is itself called ``changes`` or ``text`` is written below
    ``changes``.

    Attributes:
        changes: dotted option → value; empty for the first level, which is the baseline's.
        text: what it is called in reasons, where its name does not read well.
    """

    changes: dict[str, Any] = Field(default_factory=dict)
    text: str | None = None


def _level(value: Any) -> Any:
    # With one of a level's own keys it is no mapping of options, so that a slip in the other shows.
    if isinstance(value, dict) and not {"changes", "text"} & value.keys():
        return {"changes": value}
    return value


WrittenLevel = Annotated[
    Level, BeforeValidator(_level, json_schema_input_type=Level | dict[str, Any])
]


class WrittenGrid(Strict):
    """Variants made by crossing factors: one for each combination of levels.

    Attributes:
        base: the variant that the cells start from, whose own cell is not made again; without it
            they start from the baseline.
        cross: the factors, or factor → its levels (a list, or ``all``).
        name: the name of a cell: ``{factor}`` stands for its level, and what stands in brackets,
            such as ``[_{factor}]``, is left out at the factor's first level.
        reason: the reason of a cell, by the same pattern; without it the texts of its levels.
        starts_from: the variant whose checkpoint (same seed) the cells continue from.
        tiers: as in a variant.
        measure: as in a variant.
        cells: name of a cell → what differs in it.
    """

    base: Name | None = None
    cross: Picked
    name: str
    reason: str | None = None
    starts_from: Name | None = None
    tiers: Tiers | None = None
    measure: Measure | None = None
    cells: dict[Name, WrittenCell] = Field(default_factory=dict)


class WrittenComparison(ComparisonArms):
    """Several variants side by side: a table that describes, and judges no claim.

    Attributes:
        metric: the metric that is compared.
        stage: the stage of a run; where it is left out, the usual one of the metric.
        at: the step or the summary of steps; likewise, else ``last``.
        scale: ``log`` for ratios, ``plain`` for differences; likewise, else ``plain``.
    """

    metric: str
    stage: str | None = None
    at: At | None = None
    scale: Scale | None = None


class WrittenAblation(Strict):
    """``ablation.yaml``: what is asked and what runs, decided before results exist.

    Attributes:
        title: the title of its report.
        question: what is asked, in a few sentences.
        document: the report whose fix is run again.
        system: a module that offers ``Options`` and ``run``, or a path to such a module relative
            to the folder.
        command: instead of ``system``: a shell command with ``{seed}`` that leaves metrics in CSV,
            JSON lines or Parquet at ``{output}``, or where ``metrics_from`` says. Options reach
            it by their names, ``{optimiser.rate}``, by ``{overrides}``, or in the file
            ``{options}``.
        preload: modules that the command's Python imports once for all seeds of a job, each of
            which is then a copy of that process.
        metrics_from: where a command's metrics are read, instead of ``{output}``.
        limits: how long runs may take; one that takes longer has failed.
        results: instead of both: a file of results that exist, in the folder (``fixbench judge``
            writes such ablations); nothing of it can be run.
        environment: the locked environment that its jobs run in.
        inputs: tracked data and checkpoint folders that its jobs read.
        draws: those of the inputs that a tier with ``data_seeds`` generates anew for each draw;
            each needs a generator.
        baseline_variant: the name of the variant that changes nothing.
        baseline: the options before tier and variant.
        factors: factor → its levels → the options that each changes. The first level is the
            baseline's and changes nothing.
        measure: as in a variant; for variants and grids that give neither it nor ``tiers``.
        grids: variants made by crossing factors.
        variants: variants that belong to no grid.
        metrics: the measured quantities; ``prefix/*`` declares all whose names begin so.
        comparisons: tables of several variants side by side.
        curves: metrics that the report draws over steps besides losses.
        tiers: the sizes of the experiment.
        threats: what a reader must not conclude, as far as it is known before results; plain text,
            or with the claims that it concerns.
    """

    title: str
    question: str
    document: Document
    system: Annotated[str, AfterValidator(_module)] | None = None
    command: str | None = None
    results: str | None = None
    preload: list[ModuleName] = Field(default_factory=list)
    metrics_from: MetricsFrom | None = None
    limits: Limits | None = None
    environment: Name = "torch"
    inputs: list[str] = Field(default_factory=list)
    draws: list[str] = Field(default_factory=list)
    baseline_variant: Name
    baseline: dict[str, Any]
    factors: dict[Name, Annotated[dict[Name, WrittenLevel], Field(min_length=2)]] = Field(
        default_factory=dict
    )
    measure: Measure | None = None
    grids: list[WrittenGrid] = Field(default_factory=list)
    variants: dict[Name, WrittenVariant] = Field(default_factory=dict)
    metrics: dict[str, WrittenMetric] = Field(min_length=1)
    comparisons: list[WrittenComparison] = Field(default_factory=list)
    curves: list[str] = Field(default_factory=list)
    tiers: Annotated[dict[TierName, Tier], Field(min_length=1)]
    threats: list[TextOrThreat] = Field(min_length=1)


class WrittenControl(ControlForm[NamedEffect]):
    __doc__ = ControlForm.__doc__


class WrittenPrecondition(PreconditionForm[NamedEffect]):
    __doc__ = PreconditionForm.__doc__


class WrittenClaim(ClaimForm[NamedEffect, WrittenPrecondition, WrittenControl]):
    __doc__ = ClaimForm.__doc__


class WrittenClaims(Strict):
    """``claims.yaml``: the claims and the rules that judge them, decided before results exist.

    Attributes:
        claims: the claims, in the order of the report.
    """

    claims: list[WrittenClaim]


#: Small letters, so that it is no claim's id.
FigureName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=LONGEST_NAME)]


class WrittenCitation(Strict):
    """Where the document says what a claim says, apart from the claim.

    Attributes:
        lines: as in a claim.
        quotes: as in a claim.
    """

    lines: Lines | None = None
    quotes: list[TextOrQuote] = Field(default_factory=list)


class WrittenCitations(Strict):
    """``citations.yaml``: the places of claims, which no rule and no hash depends on.

    Attributes:
        citations: claim → its place.
    """

    citations: dict[str, WrittenCitation]


class WrittenFindings(Strict):
    """``findings.yaml``: what was written with results in view.

    Attributes:
        headline: the claim that says most of what the document is about: the overview tells its
            verdict first. A primary one.
        setting: what was trained and where it differs from the document, in one or two sentences
            that the overview prints first.
        figures: name → an effect that no claim has, whose figures the texts below need. It was
            chosen with results in view and decides nothing.
        conclusions: what a reader should now do, bound to what it supposes.
        found: what is so, of one claim that ``given`` names, where its verdict does not say it:
            printed beside its verdict.
        threats: what a reader must not conclude from these results; plain text, or with the
            claims that it concerns and what it supposes.
    """

    headline: str | None = None
    setting: TextOrSupposing | None = None
    figures: dict[FigureName, NamedEffect] = Field(default_factory=dict)
    conclusions: list[Conclusion] = Field(default_factory=list)
    found: list[Conclusion] = Field(default_factory=list)
    threats: list[TextOrLater] = Field(default_factory=list)
