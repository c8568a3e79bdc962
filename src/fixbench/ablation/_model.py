"""An ablation, expanded: every variant, every claim with its terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from fixbench.ablation._base import ModuleName, Name, Strict, TierName
from fixbench.ablation._citations import Origin
from fixbench.ablation._claims import Claim
from fixbench.ablation._comparison import Comparison
from fixbench.ablation._effects import Effect
from fixbench.ablation._findings import Conclusion, TextOrLater, TextOrSupposing, TextOrThreat
from fixbench.ablation._metrics_from import MetricsFrom

if TYPE_CHECKING:
    from fixbench.ablation._tier import AblationInTier

__all__ = [
    "Ablation",
    "Document",
    "Limits",
    "Metric",
    "Tier",
    "Variant",
    "family_of",
    "metric_problem",
]


class Document(Strict):
    """The report whose fix is run again.

    Attributes:
        file: its file name in the specification.
        title: its title.
        section: the section that documents the fix.
        origin: where it was published, as far as it is known.
    """

    file: str
    title: str
    section: str
    origin: Origin | None = None


class Metric(Strict):
    """A measured quantity.

    Attributes:
        unit: shown beside every value; ``"1"`` for a pure number.
        better: the direction that a practitioner wants, ``"neither"`` for a mechanism.
        description: what is measured.
        smallest_effect: the smallest difference (plain scale) that matters to a practitioner.
    """

    unit: str
    better: Literal["higher", "lower", "neither"]
    description: str
    smallest_effect: float | None = None

    @property
    def definition(self) -> dict[str, str]:
        """What verdicts read of it: how failed runs count, and the unit of what they say."""
        return {"better": self.better, "unit": self.unit}


class Variant(Strict):
    """One set of options, given as what it changes in the baseline.

    Attributes:
        reason: what it is, or why it runs.
        changes: dotted option → value; empty for the baseline itself.
        relative_to: the variant whose options are changed; the baseline when omitted.
        starts_from: the variant whose checkpoint (same seed) this one continues from.
        bundle: the documented change altered several options at once; without it a variant may
            change one option group only (all its dotted keys share the first component).
        tiers: the tiers that run it; all when omitted.
        measure: tier → the parts of a run that are measured there, by the names that the system
            gives them; everything in a tier that is not named.
    """

    reason: str
    changes: dict[str, Any] = Field(default_factory=dict)
    relative_to: Name | None = None
    starts_from: Name | None = None
    bundle: bool = False
    tiers: list[TierName] | None = None
    measure: dict[TierName, list[str]] = Field(default_factory=dict)

    def runs_in(self, tier: str) -> bool:
        """Whether ``tier`` runs it."""
        return self.tiers is None or tier in self.tiers


class Tier(Strict):
    """A size of the same experiment.

    Attributes:
        seeds: a range such as ``"0-9"`` or a list such as ``"0-4,7"``.
        block: how many seeds one job runs.
        data_seeds: data draws, written as ``seeds`` are: every seed runs on each of them, and the
            inputs under ``draws`` are generated with these seeds; the tracked data when omitted.
        options: dotted option → value, applied to the baseline before the variants.
        scaled_down: what is smaller than in the document, and why; printed in the report.
    """

    seeds: str
    block: Annotated[int, Field(ge=1)] = 5
    data_seeds: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    scaled_down: list[str] = Field(default_factory=list)


class Limits(Strict):
    """How long runs may take: an outcome that is declared before results exist.

    A seed that takes longer has failed, with the status ``"time_limit"``. Time is counted in the
    process that ends the seed; one that was interrupted has its whole time again.

    Attributes:
        seed_seconds: of each seed.
        job_seconds: of a job, from its start; a seed that has not ended by then has failed.
            Which seeds these are depends on the block: `seed_seconds` does not.
    """

    seed_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    job_seconds: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _any(self) -> Limits:
        if self.seed_seconds is None and self.job_seconds is None:
            raise ValueError("seed_seconds, job_seconds, or both")
        return self


class Ablation(Strict):
    """The files of an ablation, expanded: what all other code reads.

    Attributes:
        title, question, document: what is asked, and of which report.
        system: a module that offers ``Options`` and ``run`` (`fixbench.job.System`), or a
            path to such a module relative to the folder.
        command: instead of ``system``: a shell command with ``{seed}`` that leaves metrics in CSV,
            JSON lines or Parquet at ``{output}``, or where ``metrics_from`` says.
        preload: modules that the command's Python imports once for all seeds of a job, each of
            which is then a copy of that process.
        metrics_from: where a command's metrics are read, instead of ``{output}``.
        results: instead of both: the file of results that were given, in the folder; nothing runs.
        inputs: tracked data and checkpoint folders that its jobs read.
        draws: those of the inputs that a tier with ``data_seeds`` generates anew for each draw.
        limits: how long runs may take.
        baseline: the options before tier and variant.
        metrics: by name; members of a family that claims, curves and comparisons name are here.
        families: ``prefix/*`` → the metric that every name with this prefix is.
        curves: metrics that the report draws over steps besides losses.
        figures: effects whose figures conclusions and later threats name beside those of claims.
        headline: the primary claim that is told first of all.
        setting: what was trained and where it differs from the document, in short.
        conclusions: printed by reports that find what they suppose.
        found: of one claim each, what its verdict does not say; printed likewise.
        threats: those known beforehand; later_threats: those seen with results in view.
    """

    title: str
    question: str
    document: Document
    system: str | None = None
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
    variants: dict[Name, Variant] = Field(min_length=1)
    metrics: dict[str, Metric]
    families: dict[str, Metric] = Field(default_factory=dict)
    claims: list[Claim]
    figures: dict[str, Effect] = Field(default_factory=dict)
    headline: str | None = None
    setting: TextOrSupposing | None = None
    conclusions: list[Conclusion] = Field(default_factory=list)
    found: list[Conclusion] = Field(default_factory=list)
    comparisons: list[Comparison] = Field(default_factory=list)
    curves: list[str] = Field(default_factory=list)
    tiers: dict[TierName, Tier]
    threats: list[TextOrThreat] = Field(min_length=1)
    later_threats: list[TextOrLater] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_system(self) -> Ablation:
        if [self.system, self.command, self.results].count(None) != 2:
            raise ValueError("exactly one of 'system' and 'command'")
        return self

    def at(self, tier: str) -> AblationInTier:
        """The ablation as ``tier`` runs it.

        Raises:
            KeyError: the ablation has no such tier.
        """
        from fixbench.ablation._tier import AblationInTier

        return AblationInTier(self, tier)

    def metric(self, name: str) -> Metric:
        """The metric of this name, declared by itself or by its family.

        Raises:
            KeyError: neither is declared.
        """
        return self.metrics[name] if name in self.metrics else self.families[_family(self, name)]

    def declared(self, names: Iterable[str] = ()) -> dict[str, Metric]:
        """Every metric by name: those of `metrics`, then those of ``names`` that a family has."""
        found = dict(self.metrics)
        for name in names:
            if name not in found and (family := family_of(name, self.families)) is not None:
                found[name] = self.families[family]
        return found

    @property
    def units(self) -> dict[str, str]:
        """Metric or family → its unit, whatever members of a family are in use."""
        alone = {
            name: metric.unit
            for name, metric in self.metrics.items()
            if (family := family_of(name, self.families)) is None or self.families[family] != metric
        }
        return alone | {name: metric.unit for name, metric in self.families.items()}

    def references(self, variant: str) -> list[str]:
        """The variants that ``variant`` is relative to, nearest first; not the baseline."""
        chain: list[str] = []
        while (reference := self.variants[[variant, *chain][-1]].relative_to) is not None:
            chain.append(reference)
        return chain


def family_of(name: str, families: Mapping[str, object]) -> str | None:
    """The pattern of the family that ``name`` belongs to, the one with the longest prefix.

    A name that `metric_problem` refuses belongs to none.
    """
    if metric_problem(name) is not None:
        return None
    parts = name.split("/")
    for size in range(len(parts) - 1, 0, -1):
        pattern = "/".join([*parts[:size], "*"])
        if pattern in families:
            return pattern
    return None


def metric_problem(name: str, *, family: bool = False) -> str | None:
    """What the name of a metric should be, where it is none.

    Args:
        family: ``prefix/*``, which declares a family, is a name too.
    """
    if family:
        name = name.removesuffix("/*")
    elif name.endswith("/*"):
        return "the name of one metric, not of a family"
    proper = name.isprintable() and name == name.strip() and "*" not in name
    if proper and all(name.split("/")):
        return None
    also = "; '*' stands only at the end of a family's name, after '/'" if "*" in name else ""
    return f"a name of printable characters, with text before and after each '/'{also}"


def _family(ablation: Ablation, name: str) -> str:
    family = family_of(name, ablation.families)
    if family is None:
        raise KeyError(name)
    return family
