"""What the analysis says of one claim, with everything that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fixbench.statistics import Crossing, EffectEstimate, Proportion
from fixbench.verdicts._data import DataInterval
from fixbench.verdicts._levels import ArmLevel
from fixbench.verdicts._panel import ReplicationPanel
from fixbench.verdicts._ruling import Ruling, Verdict

__all__ = [
    "ClaimChange",
    "ClaimResult",
    "ControlResult",
    "ControlState",
    "Looks",
    "PreconditionResult",
    "PreconditionState",
    "Verdict",
    "WorstRate",
]

ControlState = Literal["explains", "ruled out", "open"]
PreconditionState = Literal["met", "unmet", "open"]


@dataclass(frozen=True, kw_only=True)
class ControlResult:
    """A control or a supporting measurement: its effect and what it says of the claim.

    Attributes:
        effect: ``None`` where the tier leaves out a control that decides.
        state: ``None`` where it decides nothing, as it has no bounds.
        p_explains: Holm-adjusted over the controls of the claim; p_ruled_out: adjusted for nothing.
        seeds_needed: of an open one, the seeds that would decide it with 80 % power, if any.
    """

    name: str
    meaning: str
    effect: EffectEstimate | None
    state: ControlState | None = None
    p_explains: float = float("nan")
    p_ruled_out: float = float("nan")
    seeds_needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class PreconditionResult:
    """What had to be shown before the claim could be judged, and whether it was.

    Attributes:
        p_met: adjusted for nothing; p_unmet: Holm-adjusted over the preconditions of the claim.
        seeds_needed: of an open one, the seeds that would decide it with 80 % power, if any.
    """

    name: str
    meaning: str
    effect: EffectEstimate
    state: PreconditionState
    p_met: float = float("nan")
    p_unmet: float = float("nan")
    seeds_needed: int | None = None


@dataclass(frozen=True, kw_only=True)
class ClaimChange:
    """One key of a claim that was edited after its results were produced.

    Attributes:
        key: dotted, as in the ablation file.
        before, after: the values as JSON; ``None`` where the key says nothing.
    """

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class Looks:
    """Looks at seeds that were added until a verdict (`fixbench.statistics.decide`).

    Attributes:
        planned: the seeds at each look, fixed before the first.
        made: how many looks were made.
        levels: of each planned look, for one claim that has all of ``alpha``.
        p_values: kind of evidence → its p at each look made, of one claim.
        shown: kind of evidence → the look that showed it.
    """

    planned: tuple[int, ...]
    made: int
    alpha: float
    spending: str
    levels: tuple[float, ...]
    p_values: Mapping[str, tuple[float, ...]]
    shown: Mapping[str, Crossing]


@dataclass(frozen=True, kw_only=True)
class WorstRate:
    """How often something that a verdict says is wrong, at the worst calibrated shape of seeds.

    Attributes:
        said: the verdict of the effect alone, or what is said of controls or preconditions.
        n: the number of seeds that it was calibrated at; ``None``: with looks after blocks of five.
        shape: the worst one, by name (`fixbench.verdicts.calibrated_shapes`).
    """

    said: str
    rate: float
    n: int | None
    shape: str


@dataclass(frozen=True, kw_only=True)
class ClaimResult:
    """The verdict on one claim, with everything it rests on.

    Attributes:
        label: the claim in at most six words, if it has one.
        verdict: after preconditions and controls; ``ruling`` says what the effect alone gives.
        reason: the facts in sentences (`fixbench.verdicts.write_reason`).
        ruling: the facts; ``None`` in files of version 0.1.0.
        p_adjusted: Holm over the primary claims of the document (NaN outside the family).
        p_equivalence: TOST within the margin around the null, for a ``not_worse`` rule the
            non-inferiority test of its worse side; ``p_equivalence_adjusted``: Holm.
        proportion: of a property or a share: in how many seeds every measurement held.
        source: where the statement stands, if not in the ablation's document.
        seeds_needed: paired seeds that would settle with 80 % power what is open, if any: of an
            inconclusive claim its effect, of an unresolved one its controls and preconditions, of
            one that is shown to differ its size.
        looks: where seeds were added until a verdict; p is then not adjusted for anything, and
            intervals, preconditions and controls have the confidence 1 - level of the last look.
        unadjusted_looks: looks that were made at seeds of the tier, and that this judgement, of a
            run without looks, does not allow for.
        sha256: of the claim as judged (`fixbench.ablation.claim_hash`).
        recorded: the hashes of the forms that the results were produced under, each once; none
            where the claim was added later, or nothing was recorded.
        edited: the claim, or a metric that it rests on, differs from what the results were
            produced under; ``changes``: in what, key by key (of a claim that was added nothing but
            its metrics; of one that was withdrawn its rule).
        data: of a primary claim, where there are data draws: the interval that counts them.
        panel: the replication judged in other ways; it decides nothing.
        levels: what each arm of its effect reached; they decide nothing.
        worst: what it says on the strength of a mean, with how often that is wrong where seeds are
            skewed or collapse.
    """

    id: str
    ablation: str
    statement: str
    section: str
    kind: str
    documented: str
    documented_value: float | None
    verdict: Verdict
    reason: str
    primary: bool
    sha256: str
    label: str | None = None
    recorded: tuple[str, ...] = ()
    source: str | None = None
    effect: EffectEstimate | None = None
    proportion: Proportion | None = None
    p_adjusted: float = float("nan")
    p_equivalence: float = float("nan")
    p_equivalence_adjusted: float = float("nan")
    seeds_needed: int | None = None
    looks: Looks | None = None
    unadjusted_looks: int = 0
    preconditions: tuple[PreconditionResult, ...] = ()
    controls: tuple[ControlResult, ...] = ()
    supporting: tuple[ControlResult, ...] = ()
    edited: bool = False
    changes: tuple[ClaimChange, ...] = ()
    notes: tuple[str, ...] = ()
    ruling: Ruling | None = None
    data: DataInterval | None = None
    panel: ReplicationPanel | None = None
    levels: tuple[ArmLevel, ...] = ()
    worst: tuple[WorstRate, ...] = ()

    @property
    def control(self) -> ControlState | Literal["none"]:
        """What its controls say together; ``"none"`` where it declares none that decides."""
        states = {control.state for control in self.controls} - {None}
        for state in ("explains", "open", "ruled out"):
            if state in states:
                return state
        return "none"
