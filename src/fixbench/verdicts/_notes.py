"""What stands beside a verdict and does not change it: each note is data and can be printed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fixbench.verdicts._format import figure, seeds_text

__all__ = [
    "About",
    "ClaimEdited",
    "CompleteCase",
    "ConstantArms",
    "ConstantSeeds",
    "ContradictedLook",
    "CopiedSeeds",
    "FailedAsNull",
    "FailedAsWorst",
    "FailedOnBothSides",
    "FailedShare",
    "FailedUnpaired",
    "LeftOut",
    "MetricRedefined",
    "NoPairs",
    "NoRunSucceeded",
    "NotPositive",
    "Note",
    "OpenByFailures",
    "OtherSeeds",
    "OutOfMemory",
    "SameRuns",
    "TestsDisagree",
    "TooFewEqualSeeds",
    "UndefinedValues",
    "UnevenSteps",
    "counts_as_one",
    "is_unfit",
    "join",
]


class Note(Protocol):
    """Data with one way of printing it."""

    @property
    def text(self) -> str:
        """The note in sentences."""


def join(notes: Sequence[Note]) -> str:
    """All of them in one text."""
    return " ".join(note.text for note in notes)


@dataclass(frozen=True)
class About:
    """A note on a control, a supporting measurement or a precondition."""

    name: str
    note: Note

    @property
    def text(self) -> str:
        return f"{self.name!r}: {self.note.text}"


@dataclass(frozen=True)
class NoRunSucceeded:
    """All runs of a variant failed."""

    variant: str
    seeds: int

    @property
    def text(self) -> str:
        return (
            f"No run of variant {self.variant!r} succeeded ({self.seeds} of {self.seeds} failed), "
            "so that nothing can be said of an effect on it."
        )


@dataclass(frozen=True)
class NotPositive:
    """A value of an effect on the log scale that has no logarithm.

    Attributes:
        others: how many more there are of the same variant, stage and metric.
    """

    variant: str
    stage: str
    metric: str
    seed: int
    step: int
    value: float
    others: int = 0

    @property
    def text(self) -> str:
        more = f" (as {self.others} more)" if self.others else ""
        return (
            f"Metric {self.metric!r} of variant {self.variant!r} in stage {self.stage!r} is "
            f"{figure(self.value)} in seed {self.seed} at step {self.step}{more}, and an effect on "
            "the log scale needs positive values; declare it on the scale 'plain'."
        )


def is_unfit(note: Note) -> bool:
    """Whether it says that an effect does not suit its values, on one data draw or on all."""
    return isinstance(note.note if isinstance(note, About) else note, NotPositive)


def counts_as_one(note: Note) -> bool:
    """Whether it says that all seeds are copies of one, on one data draw or on all."""
    inner = note.note if isinstance(note, About) else note
    return isinstance(inner, CopiedSeeds) and inner.one


@dataclass(frozen=True)
class UndefinedValues:
    """Seeds in which a value does not exist by its nature."""

    variant: str
    stage: str
    metric: str
    seeds: tuple[int, ...]
    of: int

    @property
    def text(self) -> str:
        return (
            f"Metric {self.metric!r} of variant {self.variant!r} in stage {self.stage!r} is "
            f"undefined in {len(self.seeds)} of {seeds_text(self.of)} {[*self.seeds]}, which do "
            "not count."
        )


@dataclass(frozen=True)
class OutOfMemory:
    """Seeds in which a run ran out of memory: the machine's fault, and no outcome."""

    variant: str
    seeds: tuple[int, ...]
    of: int

    @property
    def text(self) -> str:
        return (
            f"Variant {self.variant!r} ran out of memory in {len(self.seeds)} of "
            f"{seeds_text(self.of)} {[*self.seeds]}. That is a fault of the machine and no "
            "outcome: they do not count. Run them again with more memory."
        )


@dataclass(frozen=True)
class CopiedSeeds:
    """Seeds whose runs are equal in everything that was measured.

    Attributes:
        one: they are all, and count as one.
    """

    seeds: tuple[int, ...]
    of: int
    one: bool

    @property
    def text(self) -> str:
        whose = f"All {self.of} seeds" if len(self.seeds) == self.of else f"Seeds {[*self.seeds]}"
        count = "They count as one seed." if self.one else "They are counted as they are."
        return (
            f"{whose} give the same values to the last bit in everything that was measured; does "
            f"the program use its seed? {count}"
        )


@dataclass(frozen=True)
class SameRuns:
    """Variants whose runs are equal in everything that was measured, seed by seed."""

    variants: tuple[str, ...]

    @property
    def text(self) -> str:
        return (
            f"The runs of {' and '.join(map(repr, self.variants))} are equal to the last bit in "
            "every seed; does the program use its options?"
        )


@dataclass(frozen=True)
class FailedAsWorst:
    """How a failed run counts where one direction of the metric is better."""

    @property
    def text(self) -> str:
        return (
            "A failed run counts as the worst of the successful runs of this effect's variants, "
            "and the effect of its seed as at least as adverse to it as in any seed without "
            "failures."
        )


@dataclass(frozen=True)
class FailedOnBothSides:
    """Failed runs pull some seeds to one side and some to the other."""

    @property
    def text(self) -> str:
        return (
            "Runs of both sides of this effect fail. Simulated with up to 30 seeds, equal variants "
            "that fail alike are then called different in up to 10 % of cases, where 5 % is "
            "promised."
        )


@dataclass(frozen=True)
class FailedAsNull:
    """How failed runs count where they have no one adverse direction."""

    @property
    def text(self) -> str:
        return (
            "Where failures in one seed pull its effect in opposite directions, or neither "
            "direction of the metric is better, its effect counts as the null."
        )


@dataclass(frozen=True)
class FailedUnpaired:
    """How a failed run counts where runs are no pairs.

    Attributes:
        neutral: neither direction of the metric is better.
    """

    neutral: bool

    @property
    def text(self) -> str:
        if self.neutral:
            return (
                "Neither direction of the metric is better: a failed run counts with the value at "
                "which there would be no effect."
            )
        return "A failed run counts as the worst of the successful runs of this effect's variants."


@dataclass(frozen=True)
class NoPairs:
    """How variants were compared whose runs are no pairs.

    Attributes:
        sizes: variant and its number of runs.
        common: seeds that both of two variants have; correlation, gain: over these, as in
            `fixbench.statistics.Pairing`; NaN where that is not known.
    """

    sizes: tuple[tuple[str, int], ...]
    common: int
    correlation: float
    gain: float

    @property
    def text(self) -> str:
        runs = " and ".join(f"{count} of {name!r}" for name, count in self.sizes)
        text = f"Compared without pairs, by Welch's t-test of independent runs: {runs}."
        if math.isnan(self.gain) and math.isnan(self.correlation):
            return f"{text} What pairs by seed would have gained is not known."
        text += f" Over the {self.common} seeds that both have, their correlation is "
        text += f"{figure(self.correlation)}"
        if not math.isfinite(self.gain):
            return f"{text}, and their difference does not vary: pairs would have shown it exactly."
        if self.gain <= 1:
            return f"{text}: pairs by seed would have gained nothing."
        return (
            f"{text}: without pairs it takes about {figure(self.gain)} times as many runs for an "
            "interval as narrow."
        )


@dataclass(frozen=True)
class ConstantArms:
    """Variants none of which varies between runs, compared without pairs."""

    sizes: tuple[int, ...]

    @property
    def text(self) -> str:
        return (
            f"No variant varies between its runs ({' and '.join(map(str, self.sizes))}): the "
            "interval has no width, and p is that of the permutation test."
        )


@dataclass(frozen=True)
class FailedShare:
    """How failed seeds count in a share of seeds: against the claim."""

    holds: bool

    @property
    def text(self) -> str:
        word = "holds" if self.holds else "does not hold"
        return f"Failed seeds count as seeds in which the property {word}."


@dataclass(frozen=True)
class UnevenSteps:
    """A run that was measured at other steps than the one it is compared with."""

    variant: str
    seed: int
    steps: str
    other_variant: str
    other_seed: int
    other_steps: str

    @property
    def text(self) -> str:
        return (
            f"Its runs were not measured at the same steps: seed {self.seed} of "
            f"{self.variant!r} at {self.steps}, seed {self.other_seed} of "
            f"{self.other_variant!r} at {self.other_steps}."
        )


@dataclass(frozen=True)
class CompleteCase:
    """The estimate from successful runs alone."""

    n_failed: int
    estimate: float
    unit: str = ""

    @property
    def text(self) -> str:
        return (
            f"Without the {seeds_text(self.n_failed)} that had a failed run the estimate is "
            f"{figure(self.estimate)}{self.unit}."
        )


@dataclass(frozen=True)
class ConstantSeeds:
    """What an effect that is the same in all seeds shows and does not show."""

    n: int
    estimate: float
    unit: str = ""

    @property
    def missed(self) -> float:
        """The share of seeds below which another value is missed in one case of twenty or more."""
        return float(1 - 0.05 ** (1 / self.n))

    @property
    def text(self) -> str:
        return (
            f"All {self.n} seeds gave {figure(self.estimate)}{self.unit}: the interval has no "
            "width, and p is that of the sign test, which is about the median. Another value may "
            f"have been missed if it occurs in fewer than {100 * self.missed:.0f} % of seeds; "
            "if the effect is exact by arithmetic, there is none."
        )


@dataclass(frozen=True)
class TooFewEqualSeeds:
    """An interval without width decides nothing before so many seeds."""

    fewest: int

    @property
    def text(self) -> str:
        return f"It decides nothing, as equal seeds do so only from {self.fewest} on."


@dataclass(frozen=True)
class OpenByFailures:
    """Only one way of counting failed runs shows on which side of its bounds an effect lies."""

    @property
    def text(self) -> str:
        return "It is open, as it depends on how the failed runs are counted."


@dataclass(frozen=True)
class TestsDisagree:
    """One of the two tests is significant and the other is not."""

    p: float
    p_bootstrap_t: float

    @property
    def text(self) -> str:
        return (
            f"The tests disagree before adjustment: t-test p = {figure(self.p)}, "
            f"bootstrap-t p = {figure(self.p_bootstrap_t)}."
        )


@dataclass(frozen=True)
class LeftOut:
    """A control or supporting measurement that the tier does not measure."""

    name: str
    tier: str
    variants: tuple[str, ...]

    @property
    def text(self) -> str:
        variants = ", ".join(map(repr, self.variants))
        return f"{self.name!r} is not measured: tier {self.tier!r} leaves it out for {variants}."


@dataclass(frozen=True)
class ContradictedLook:
    """What an earlier look showed and all seeds contradict."""

    look: int
    kind: str
    by_failures: bool

    @property
    def text(self) -> str:
        what = "the estimate from all seeds contradicts"
        if self.by_failures:
            what = "runs that failed since contradict"
        return (
            f"At look {self.look} it was shown to be {self.kind}, which {what}, so that it does "
            "not count."
        )


@dataclass(frozen=True)
class ClaimEdited:
    """The claim is not the one that the results were produced under."""

    added: bool

    @property
    def text(self) -> str:
        how = "added" if self.added else "edited"
        return f"The claim was {how} after these results were produced."


@dataclass(frozen=True)
class MetricRedefined:
    """A metric of the claim is not defined as it was when the results were produced."""

    @property
    def text(self) -> str:
        return (
            "The definition of a metric that it rests on was edited after these results were "
            "produced."
        )


@dataclass(frozen=True)
class OtherSeeds:
    """The seeds are not those of the tier."""

    seeds: tuple[int, ...]
    tier: str
    planned: tuple[int, ...]

    @property
    def text(self) -> str:
        return f"Run with seeds {[*self.seeds]}; tier {self.tier!r} declares {[*self.planned]}."
