"""An ablation file, read and checked.

``ablations/<name>/ablation.yaml`` says what is asked of a documented fix before anything runs:
the question, the baseline and the options each variant changes, the metrics, and the claims with
their decision rules. Everything that can be wrong in it is refused here, in one message.
"""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations, product
from pathlib import Path
from statistics import fmean
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from fixbench.errors import InputError

__all__ = [
    "TESTED_RULES",
    "Ablation",
    "Claim",
    "Comparison",
    "Control",
    "Decision",
    "Document",
    "Documented",
    "Effect",
    "Factorial",
    "Metric",
    "Precondition",
    "Slope",
    "Term",
    "Tier",
    "Variant",
    "claim_difference",
    "flatten",
    "load_ablation",
    "option_difference",
    "parse_seeds",
    "read_yaml",
    "resolve_options",
    "validation_problem",
]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
TierName = Literal["smoke", "small", "extended", "full"]

#: The rules of a claim that a statistical test decides, so that it counts in a family.
TESTED_RULES = ("difference", "no_difference", "not_worse", "share")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Document(_Strict):
    """The report whose fix is re-run: a file of the specification and the section quoted."""

    file: str
    title: str
    section: str


class Metric(_Strict):
    """A measured quantity.

    Attributes:
        unit: shown beside every value; ``"1"`` for a pure number.
        better: the direction that a practitioner wants, ``"neither"`` for a mechanism.
        smallest_effect: the smallest difference (plain scale) that matters to a practitioner.
    """

    unit: str
    better: Literal["higher", "lower", "neither"]
    description: str
    smallest_effect: float | None = None


class Variant(_Strict):
    """One set of options, given as what it changes in the baseline.

    Attributes:
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

    def measured_in(self, tier: str) -> list[str] | None:
        """What ``tier`` measures; ``None`` for everything."""
        return {str(name): parts for name, parts in self.measure.items()}.get(tier)


class Term(_Strict):
    """One weighted per-seed number of an effect.

    Attributes:
        at: ``first``, ``last``, ``mean`` over the stage's steps, ``area`` (trapezoid over steps,
            divided by their range), or a step number.
    """

    variant: Name
    metric: str
    stage: str
    at: Literal["first", "last", "mean", "area"] | int = "last"
    weight: float = 1.0


class Slope(_Strict):
    """Dose and response: the least-squares slope of a metric over the doses of some variants.

    With the effect's ``scale: log`` it is the slope of the metric's logarithm: over logarithms of
    doses the exponent of a power law.

    Attributes:
        doses: variant → its dose.
        over: the option whose values the doses are; checked where it is given.
        dose_scale: ``log`` for natural logarithms of the doses.
        at: as in a term.
    """

    doses: dict[Name, Annotated[float, Field(allow_inf_nan=False)]]
    over: str | None = None
    dose_scale: Literal["plain", "log"] = "plain"
    metric: str
    stage: str
    at: Literal["first", "last", "mean", "area"] | int = "last"

    @model_validator(mode="after")
    def _spread(self) -> Slope:
        if len(set(self.doses.values())) < 2:
            raise ValueError("at least two different doses")
        if self.dose_scale == "log" and min(self.doses.values()) <= 0:
            raise ValueError("positive doses, which their logarithms need")
        return self

    def terms(self) -> list[Term]:
        """The variants with the weights that make their sum the slope."""
        logarithmic = self.dose_scale == "log"
        doses = [math.log(dose) if logarithmic else dose for dose in self.doses.values()]
        centre = fmean(doses)
        square = sum((dose - centre) ** 2 for dose in doses)
        return [
            Term(
                variant=variant,
                metric=self.metric,
                stage=self.stage,
                at=self.at,
                weight=(dose - centre) / square,
            )
            for variant, dose in zip(self.doses, doses, strict=True)
        ]


class Factorial(_Strict):
    """A main effect or an interaction of factors with two levels each, in a full design.

    A main effect is the mean at the high level less that at the low one; an interaction of two
    factors is the difference that the second makes to the effect of the first; both are averaged
    over the other factors. That is the coefficient of a regression on levels of -1/2 and 1/2.

    Attributes:
        factors: their names; one that is a baseline option is checked against its values.
        cells: variant → one sign a factor, in their order: ``+`` for high, ``-`` for low.
        of: the factor whose main effect it is, or those that interact.
        at: as in a term.
    """

    factors: Annotated[list[str], Field(min_length=1)]
    cells: dict[Name, Annotated[str, Field(pattern=r"^[+-]+$")]]
    of: Annotated[list[str], Field(min_length=1)]
    metric: str
    stage: str
    at: Literal["first", "last", "mean", "area"] | int = "last"

    @model_validator(mode="after")
    def _full(self) -> Factorial:
        if len(set(self.factors)) < len(self.factors):
            raise ValueError("factors that differ")
        if len(set(self.of)) < len(self.of) or not set(self.of) <= set(self.factors):
            raise ValueError(f"'of' some of the factors {', '.join(self.factors)}, each once")
        wanted = {"".join(signs) for signs in product("-+", repeat=len(self.factors))}
        if sorted(self.cells.values()) != sorted(wanted):
            shown = ", ".join(sorted(wanted)) if len(wanted) <= 16 else f"all {len(wanted)}"
            raise ValueError(f"one variant for each combination of levels: {shown}")
        return self

    def terms(self) -> list[Term]:
        """The variants with the weights that make their sum the effect."""
        size = 2.0 ** len(self.of) / len(self.cells)
        places = [self.factors.index(name) for name in self.of]
        return [
            Term(
                variant=variant,
                metric=self.metric,
                stage=self.stage,
                at=self.at,
                weight=size * math.prod(1 if signs[place] == "+" else -1 for place in places),
            )
            for variant, signs in self.cells.items()
        ]


class Effect(_Strict):
    """A per-seed contrast: the weighted sum of its terms, on the plain or the log scale.

    On the log scale logs are taken of single values, before any averaging over steps, and the
    effect is reported as a ratio (``exp`` of the mean), or for a slope as it is.

    Attributes:
        slope, factorial: instead of ``terms``.
        samples: the steps that its terms average are samples: ``nested`` where every seed has its
            own (such as batches), ``crossed`` where all have the same (such as test scenes). Seeds
            stay the unit; an interval that counts the samples too stands beside.
    """

    terms: list[Term] = Field(default_factory=list)
    slope: Slope | None = None
    factorial: Factorial | None = None
    scale: Literal["plain", "log"] = "plain"
    samples: Literal["nested", "crossed"] | None = None

    @model_validator(mode="after")
    def _one_contrast(self) -> Effect:
        given = (bool(self.terms), self.slope is not None, self.factorial is not None)
        if sum(given) != 1:
            raise ValueError("exactly one of 'terms', 'slope' and 'factorial'")
        if self.samples is not None and any(term.at != "mean" for term in self.weighted):
            raise ValueError("every term at 'mean', which is over the samples")
        return self

    @property
    def weighted(self) -> list[Term]:
        """The terms, declared or those of the design."""
        design = self.slope or self.factorial
        return self.terms if design is None else design.terms()

    @property
    def reported(self) -> Literal["plain", "log"]:
        """The scale on which the effect is a number: a slope of logarithms is no ratio."""
        return "plain" if self.slope is not None else self.scale


class Decision(_Strict):
    """The rule that turns an effect into a verdict, written before results exist.

    All numbers are on the natural scale: for a log effect ``null`` is a ratio, and ``margin`` and
    ``tolerance`` are factors above 1 (1.1 means "between 1/1.1 and 1.1 times").

    Attributes:
        rule: ``difference`` (the claim asserts an effect in ``direction``), ``no_difference`` (it
            asserts none), ``not_worse`` (it asserts none that matters against ``direction``, the
            better side: non-inferiority), ``property`` (every value of the metric must be 1),
            ``share`` (the share of seeds in which every value is 1 lies on the side ``direction``
            of ``null``) or ``not_testable``.
        null: the value that means "no effect" (0, or 1 on the log scale, when omitted).
        margin: the smallest effect that matters; equivalence and "not worse" are judged by it.
        tolerance: how near the documented size counts as the same size.
        reason: for ``not_testable``: why.
    """

    rule: Literal["difference", "no_difference", "not_worse", "property", "share", "not_testable"]
    direction: Literal["greater", "less"] | None = None
    null: float | None = None
    margin: float | None = None
    tolerance: float | None = None
    reason: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> Decision:
        if self.rule == "difference" and (self.direction is None or self.margin is None):
            raise ValueError("a 'difference' rule with a direction and a margin")
        if self.rule == "no_difference" and self.margin is None:
            raise ValueError("a 'no_difference' rule with a margin")
        if self.rule == "not_worse" and (self.direction is None or self.margin is None):
            raise ValueError("a 'not_worse' rule with a direction (the better side) and a margin")
        if self.rule == "not_worse" and self.tolerance is not None:
            raise ValueError("a 'not_worse' rule without a tolerance: the margin bounds its size")
        if self.rule == "share" and (
            self.direction is None or self.null is None or not 0 < self.null < 1
        ):
            raise ValueError("a 'share' rule with a direction and a null between 0 and 1")
        if self.rule == "share" and self.margin is not None:
            raise ValueError("a 'share' rule without a margin: no share is equivalent to its null")
        if self.rule == "not_testable" and not self.reason:
            raise ValueError("a 'not_testable' rule with a reason")
        for name in ("margin", "tolerance"):
            size = getattr(self, name)
            if size is not None and size <= 0:
                raise ValueError(f"a positive {name}")
        return self

    @property
    def tested(self) -> bool:
        """Whether a statistical test decides, so that the claim counts in a family."""
        return self.rule in TESTED_RULES


class Control(_Strict):
    """A rival explanation and the measurement that would show it.

    The control explains the documented comparison when the confidence interval of its effect lies
    wholly above ``explains_above`` and wholly below ``explains_below`` (an omitted bound is open).
    A control with neither bound is shown and decides nothing.
    """

    name: str
    effect: Effect
    meaning: str
    explains_above: float | None = None
    explains_below: float | None = None


class Precondition(_Strict):
    """What must be shown before a claim can be judged, such as that there was something to learn.

    It is met when the confidence interval of its effect lies wholly above ``above`` and wholly
    below ``below`` (an omitted bound is open). A claim with an unmet precondition is not testable,
    whatever its own effect: the experiment could not have told.
    """

    name: str
    effect: Effect
    meaning: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Precondition:
        if self.above is None and self.below is None:
            raise ValueError("a precondition with 'above', 'below' or both")
        return self


class Comparison(_Strict):
    """Several variants side by side: a table that describes, and judges no claim.

    Attributes:
        variants: in the order in which they are compared; the baseline variant need not be named
            where ``pairs`` is ``baseline``.
        pairs: ``all`` (each with every earlier one) or ``baseline`` (each with that variant). p is
            Holm-adjusted within the table.
        at: as in a term.
    """

    name: str
    variants: Annotated[list[Name], Field(min_length=1)]
    pairs: Literal["all", "baseline"]
    metric: str
    stage: str
    at: Literal["first", "last", "mean", "area"] | int = "last"
    scale: Literal["plain", "log"] = "plain"

    @model_validator(mode="after")
    def _distinct(self) -> Comparison:
        if len(set(self.variants)) < len(self.variants):
            raise ValueError("each variant once")
        if self.pairs == "all" and len(self.variants) < 2:
            raise ValueError("at least two variants, of which there are pairs")
        return self

    def effects(self, baseline: str) -> list[tuple[str, str, Effect]]:
        """(variant, reference, their contrast), in the order of the table."""
        if self.pairs == "all":
            pairs = [(later, earlier) for earlier, later in combinations(self.variants, 2)]
        else:
            pairs = [(name, baseline) for name in self.variants if name != baseline]
        return [
            (
                *pair,
                Effect(
                    terms=[
                        Term(
                            variant=name,
                            metric=self.metric,
                            stage=self.stage,
                            at=self.at,
                            weight=weight,
                        )
                        for name, weight in zip(pair, (1.0, -1.0), strict=True)
                    ],
                    scale=self.scale,
                ),
            )
            for pair in pairs
        ]


class Documented(_Strict):
    """What the document says: its figure as printed, and as a number where there is one."""

    text: str
    value: float | None = None


class Claim(_Strict):
    """A testable statement of the document and the rule that judges it.

    Attributes:
        source: where the statement stands, if not in the ablation's own document.
    """

    id: Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{2}[a-z]?$")]
    statement: str
    section: str
    source: str | None = None
    kind: Literal["arithmetic", "mechanism", "outcome", "not_testable"]
    documented: Documented
    decision: Decision
    effect: Effect | None = None
    primary: bool = True
    preconditions: list[Precondition] = Field(default_factory=list)
    controls: list[Control] = Field(default_factory=list)
    supporting: list[Control] = Field(default_factory=list)

    @model_validator(mode="after")
    def _complete(self) -> Claim:
        if (self.effect is None) != (self.decision.rule == "not_testable"):
            raise ValueError("an effect exactly when the decision is not 'not_testable'")
        if self.preconditions and not self.decision.tested:
            raise ValueError("preconditions with a rule that is tested over seeds alone")
        if self.effect is not None and self.decision.rule in ("property", "share"):
            if not self.effect.terms:
                raise ValueError(f"terms, not a design, with a {self.decision.rule!r} rule")
            if self.decision.rule == "share" and self.effect.scale == "log":
                raise ValueError("the plain scale with a 'share' rule")
        if self.effect is not None and self.effect.reported == "log":
            for name in ("margin", "tolerance"):
                factor = getattr(self.decision, name)
                if factor is not None and factor <= 1:
                    raise ValueError(f"a {name} above 1 (a factor) on the log scale")
            ratios = {"null": self.decision.null, "documented value": self.documented.value}
            for name, ratio in ratios.items():
                if ratio is not None and ratio <= 0:
                    raise ValueError(f"a positive {name} on the log scale")
        return self

    def effects(self) -> Iterator[tuple[str, Effect]]:
        """Every effect of the claim with the key under which it stands in the file."""
        if self.effect is not None:
            yield "effect", self.effect
        for kind in ("preconditions", "controls", "supporting"):
            for index, item in enumerate(getattr(self, kind)):
                yield f"{kind}.{index}.effect", item.effect


class Tier(_Strict):
    """A size of the same experiment.

    Attributes:
        seeds: a range such as ``"0-9"`` or a list such as ``"0-4,7"``.
        block: how many seeds one job runs.
        options: dotted option → value, applied to the baseline before the variants.
        scaled_down: what is smaller than in the document, and why; printed in the report.
    """

    seeds: str
    block: Annotated[int, Field(ge=1)] = 5
    options: dict[str, Any] = Field(default_factory=dict)
    scaled_down: list[str] = Field(default_factory=list)


class Ablation(_Strict):
    """An ablation file as written, for one tier.

    Attributes:
        system: a module that offers ``Options`` and ``run`` (`fixbench.job.System`), or a
            path to such a module relative to the folder.
        command: instead of ``system``: a shell command with ``{seed}``, ``{options}`` and
            ``{output}`` that leaves metrics in CSV, JSON lines or Parquet at ``{output}``.
        inputs: tracked data and checkpoint folders that its jobs read.
        baseline: the resolved options before tier and variant.
        curves: metrics that the report draws over steps besides losses.
    """

    title: str
    question: str
    document: Document
    system: str | None = None
    command: str | None = None
    environment: Name = "torch"
    inputs: list[str] = Field(default_factory=list)
    baseline_variant: Name
    baseline: dict[str, Any]
    variants: dict[Name, Variant] = Field(min_length=1)
    metrics: dict[str, Metric] = Field(min_length=1)
    claims: list[Claim]
    comparisons: list[Comparison] = Field(default_factory=list)
    curves: list[str] = Field(default_factory=list)
    tiers: dict[TierName, Tier]
    threats: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_system(self) -> Ablation:
        if (self.system is None) == (self.command is None):
            raise ValueError("exactly one of 'system' and 'command'")
        return self

    def references(self, variant: str) -> list[str]:
        """The variants that ``variant`` is relative to, nearest first; not the baseline."""
        chain: list[str] = []
        while (reference := self.variants[[variant, *chain][-1]].relative_to) is not None:
            chain.append(reference)
        return chain

    def variants_in(self, tier: str) -> dict[str, Variant]:
        """The variants that ``tier`` runs, in file order."""
        return {
            name: variant
            for name, variant in self.variants.items()
            if variant.tiers is None or tier in variant.tiers
        }


def load_ablation(path: Path) -> Ablation:
    """Read ``ablation.yaml`` and check everything that can be checked without running it.

    Raises:
        InputError: see the module docstring.
    """
    content = read_yaml(path)
    try:
        ablation = Ablation.model_validate(content)
    except ValidationError as error:
        raise validation_problem(path, error) from None
    _check_references(path, ablation)
    return ablation


def read_yaml(path: Path) -> Any:
    """Parse YAML 1.2, refusing duplicate keys.

    Raises:
        InputError: the file is missing, unreadable or not YAML.
    """
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, "", expected=f"a readable UTF-8 file ({error})") from None
    except MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}" if mark is not None else ""
        problem = " ".join(str(error.problem).split())
        raise InputError(
            path, where, problem, expected="valid YAML, indented with spaces, each key once"
        ) from None


def parse_seeds(text: str, *, file: str | Path = "--seeds", key: str = "") -> list[int]:
    """``"0-4,7"`` → ``[0, 1, 2, 3, 4, 7]``, sorted.

    Raises:
        InputError: not of that form, or a seed twice.
    """
    seeds: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None or (match[2] and int(match[2]) < int(match[1])):
            raise InputError(file, key, text, expected="seeds such as '0-9' or '0-4,7', upwards")
        seeds.extend(range(int(match[1]), int(match[2] or match[1]) + 1))
    for seed in seeds:
        if seeds.count(seed) > 1:
            raise InputError(file, key, text, expected=f"each seed once; {seed} stands twice")
    return sorted(seeds)


def resolve_options(ablation: Ablation, variant: str, tier: str) -> dict[str, Any]:
    """The options of ``variant`` in ``tier``: baseline, the tier's, then the variants' in turn."""
    options: dict[str, Any] = json.loads(json.dumps(ablation.baseline))
    chain = (variant, *ablation.references(variant))
    layers = [ablation.variants[name].changes for name in chain]
    layers.append(ablation.tiers[tier].options)  # type: ignore[index]
    for changes in reversed(layers):
        for key, value in changes.items():
            *parents, last = key.split(".")
            node = options
            for parent in parents:
                node = node[parent]
            node[last] = json.loads(json.dumps(value))
    return options


def flatten(options: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested options → dotted key → leaf."""
    flat: dict[str, Any] = {}
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def option_difference(ablation: Ablation, variant: str, tier: str) -> dict[str, tuple[Any, Any]]:
    """Dotted key → (reference's value, variant's value) wherever the resolved options differ.

    The reference is the variant that it is declared ``relative_to``, by default the baseline.
    """
    reference = ablation.variants[variant].relative_to or ablation.baseline_variant
    baseline = flatten(resolve_options(ablation, reference, tier))
    changed = flatten(resolve_options(ablation, variant, tier))
    return {
        key: (baseline.get(key), changed.get(key))
        for key in sorted({*baseline, *changed})
        if baseline.get(key) != changed.get(key)
    }


def claim_difference(
    recorded: Mapping[str, Any], claim: Claim
) -> dict[str, tuple[Any | None, Any | None]]:
    """Dotted key → (recorded value, present value) wherever a claim was edited since.

    Items of a list go by their name, or else by their place; a key that is not there, or says
    nothing, is ``None``.

    Args:
        recorded: the claim as a result file has it, of whatever version of the schema.
    """
    with suppress(ValidationError):  # of another version: compared as it stands
        recorded = Claim.model_validate(recorded).model_dump(mode="json")
    before = _leaves(recorded)
    after = _leaves(claim.model_dump(mode="json"))
    declared = _leaves(claim.model_dump(mode="json", exclude_defaults=True))
    keys = [key for key in after if key in before or key in declared]
    keys += [key for key in before if key not in after]
    return {
        key: (before.get(key), after.get(key)) for key in keys if before.get(key) != after.get(key)
    }


def _leaves(value: Any, prefix: str = "") -> dict[str, Any]:
    """Dotted key → leaf of nested mappings and lists, without what is empty."""
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, list):
        named = [item.get("name") if isinstance(item, Mapping) else None for item in value]
        unique = None not in named and len(set(named)) == len(named)
        items = [(str(named[place] if unique else place), item) for place, item in enumerate(value)]
    else:
        return {} if value is None else {prefix: value}
    return {
        key: leaf
        for name, item in items
        for key, leaf in _leaves(item, f"{prefix}.{name}" if prefix else name).items()
    }


def validation_problem(
    file: str | Path,
    error: ValidationError,
    *,
    where: Callable[[str], str] = str,
    unknown: str = "no such key; see config/ablation.schema.json",
) -> InputError:
    """The first problem that pydantic found, as one message.

    Args:
        where: dotted key as pydantic sees it → the key shown to the user.
        unknown: what to expect instead of an unknown key.
    """
    problems = error.errors(include_url=False)
    problem = problems[0]
    if problem["type"] == "missing":
        problem = _misspelt(problems) or problem
    key = where(".".join(str(part) for part in problem["loc"]))
    value = problem.get("input")
    if problem["type"] == "extra_forbidden":
        if problem is not problems[0]:
            unknown += f"; is it the required key {problems[0]['loc'][-1]!r}?"
        return InputError(file, key, value, expected=unknown)
    if problem["type"] == "missing":
        return InputError(file, key, expected="this key, which is required")
    message = str(problem["msg"]).removeprefix("Value error, ")
    message = re.sub(r"^\w+ should (be|match|have)( a valid)? ?", "", message)
    shown = None if isinstance(value, dict) else value
    return InputError(file, key, shown, expected=message)


def _misspelt(problems: Sequence[ErrorDetails]) -> ErrorDetails | None:
    """The unknown key that was meant to be the missing one, if one looks like it."""
    *parents, missing = problems[0]["loc"]
    strangers = {
        str(problem["loc"][-1]): problem
        for problem in problems
        if problem["type"] == "extra_forbidden" and [*problem["loc"][:-1]] == parents
    }
    close = difflib.get_close_matches(str(missing), strangers, n=1)
    return strangers[close[0]] if close else None


def _check_references(path: Path, ablation: Ablation) -> None:
    """Names that point to nothing, changes that are no changes, claims no tier can answer."""
    known = ", ".join(ablation.variants)
    options = flatten(ablation.baseline)
    if ablation.baseline_variant not in ablation.variants:
        raise InputError(
            path, "baseline_variant", ablation.baseline_variant, expected=f"one of {known}"
        )
    if ablation.variants[ablation.baseline_variant].changes:
        key = f"variants.{ablation.baseline_variant}.changes"
        raise InputError(path, key, expected="no changes in the baseline variant")
    for tier_name, tier in ablation.tiers.items():
        parse_seeds(tier.seeds, file=path, key=f"tiers.{tier_name}.seeds")
        for key in tier.options:
            _check_option(path, f"tiers.{tier_name}.options.{key}", key, options)
    for name, variant in ablation.variants.items():
        _check_variant(path, ablation, name, variant, options)
    _check_comparisons(path, ablation)
    for metric in ablation.curves:
        if metric not in ablation.metrics:
            expected = f"one of {', '.join(ablation.metrics)}"
            raise InputError(path, "curves", metric, expected=expected)
    identifiers: set[str] = set()
    for index, claim in enumerate(ablation.claims):
        if claim.id in identifiers:
            raise InputError(path, f"claims.{index}.id", claim.id, expected="each id once")
        identifiers.add(claim.id)
        for key, effect in claim.effects():
            place = f"claims.{claim.id}.{key}"
            for position, term in enumerate(effect.terms):
                _check_term(path, f"{place}.terms.{position}", term, ablation)
            if effect.slope is not None:
                _check_slope(path, f"{place}.slope", effect.slope, ablation)
            if effect.factorial is not None:
                _check_factorial(path, f"{place}.factorial", effect.factorial, ablation)


def _check_comparisons(path: Path, ablation: Ablation) -> None:
    for index, comparison in enumerate(ablation.comparisons):
        where = f"comparisons.{index}"
        _check_variants(path, f"{where}.variants", comparison.variants, ablation)
        effects = comparison.effects(ablation.baseline_variant)
        if not effects:
            expected = "a variant besides the baseline"
            raise InputError(path, f"{where}.variants", comparison.variants, expected=expected)
        _check_term(path, where, effects[0][2].terms[0], ablation)


def _check_option(path: Path, where: str, key: str, options: Mapping[str, Any]) -> None:
    if key not in options:
        known = ", ".join(sorted(options))
        raise InputError(path, where, key, expected=f"an option of the baseline: {known}")


def _check_variant(
    path: Path, ablation: Ablation, name: str, variant: Variant, options: Mapping[str, Any]
) -> None:
    where = f"variants.{name}"
    chain = [name]
    while (reference := ablation.variants[chain[-1]].relative_to) is not None:
        if reference not in ablation.variants or reference in chain:
            others = ", ".join(v for v in ablation.variants if v not in chain)
            key = f"variants.{chain[-1]}.relative_to"
            raise InputError(path, key, reference, expected=f"another variant: {others}")
        chain.append(reference)
    for key in variant.changes:
        _check_option(path, f"{where}.changes.{key}", key, options)
    if variant.starts_from is not None:
        if ablation.command is not None:
            expected = "no such key: a 'command' leaves no state to start from"
            raise InputError(path, f"{where}.starts_from", variant.starts_from, expected=expected)
        if variant.starts_from not in ablation.variants or variant.starts_from == name:
            expected = f"another variant: {', '.join(v for v in ablation.variants if v != name)}"
            raise InputError(path, f"{where}.starts_from", variant.starts_from, expected=expected)
    for tier in ablation.tiers:
        if variant.tiers is not None and tier not in variant.tiers:
            continue
        if variant.starts_from is not None:
            parent = ablation.variants[variant.starts_from]
            if parent.tiers is not None and tier not in parent.tiers:
                expected = f"a variant that tier {tier!r} runs"
                key = f"{where}.starts_from"
                raise InputError(path, key, variant.starts_from, expected=expected)
        differing = option_difference(ablation, name, tier)
        # A change from or to a mapping shows in the keys below it.
        idle = sorted(
            key
            for key in variant.changes
            if not any(f"{other}.".startswith(f"{key}.") for other in differing)
        )
        if idle:
            raise InputError(
                path,
                f"{where}.changes.{idle[0]}",
                variant.changes[idle[0]],
                expected=f"a value that differs from the baseline's in tier {tier!r}",
            )
    groups = {key.split(".")[0] for key in variant.changes}
    if len(groups) > 1 and not variant.bundle:
        raise InputError(
            path,
            f"{where}.changes",
            sorted(groups),
            expected="one option group (one factor), or 'bundle: true' with variants that take "
            "its parts apart",
        )


def _check_term(path: Path, where: str, term: Term, ablation: Ablation) -> None:
    if term.variant not in ablation.variants:
        known = ", ".join(ablation.variants)
        raise InputError(path, f"{where}.variant", term.variant, expected=f"one of {known}")
    if term.metric not in ablation.metrics:
        known = ", ".join(ablation.metrics)
        raise InputError(path, f"{where}.metric", term.metric, expected=f"one of {known}")


def _check_variants(path: Path, where: str, names: Iterable[str], ablation: Ablation) -> None:
    for name in names:
        if name not in ablation.variants:
            known = ", ".join(ablation.variants)
            raise InputError(path, where, name, expected=f"one of {known}")


def _option_values(
    ablation: Ablation, option: str, variants: Iterable[str], tier: str
) -> dict[str, Any]:
    """Variant → what it sets the option to, of those that the tier runs."""
    run = ablation.variants_in(tier)
    return {
        name: flatten(resolve_options(ablation, name, tier))[option]
        for name in variants
        if name in run
    }


def _check_factorial(path: Path, where: str, design: Factorial, ablation: Ablation) -> None:
    """A sign that contradicts the options would silently exchange effects."""
    _check_variants(path, f"{where}.cells", design.cells, ablation)
    _check_term(path, where, design.terms()[0], ablation)
    options = flatten(ablation.baseline)
    for place, factor in enumerate(design.factors):
        for tier in ablation.tiers if factor in options else ():
            values = _option_values(ablation, factor, design.cells, tier)
            for name, value in values.items():
                for other, another in values.items():
                    same = design.cells[name][place] == design.cells[other][place]
                    if same != (value == another):
                        expected = (
                            f"the same sign exactly where {factor} is the same; in tier {tier!r} "
                            f"it is {value!r} in {name!r} and {another!r} in {other!r}"
                        )
                        raise InputError(path, f"{where}.cells", design.cells, expected=expected)


def _check_slope(path: Path, where: str, slope: Slope, ablation: Ablation) -> None:
    _check_variants(path, f"{where}.doses", slope.doses, ablation)
    _check_term(path, where, slope.terms()[0], ablation)
    if slope.over is None:
        return
    _check_option(path, f"{where}.over", slope.over, flatten(ablation.baseline))
    for tier in ablation.tiers:
        values = _option_values(ablation, slope.over, slope.doses, tier)
        for variant, value in values.items():
            dose = slope.doses[variant]
            if value != dose:
                expected = f"its value of {slope.over} in tier {tier!r}, which is {value!r}"
                raise InputError(path, f"{where}.doses.{variant}", dose, expected=expected)
