"""What the analysis says of one claim, with everything that it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fixbench.statistics import Crossing, EffectEstimate, Proportion
from fixbench.verdicts._panel import ReplicationPanel
from fixbench.verdicts._ruling import Ruling, Verdict

__all__ = [
    "ClaimChange",
    "ClaimResult",
    "ControlResult",
    "Looks",
    "PreconditionResult",
    "Verdict",
]


@dataclass(frozen=True, kw_only=True)
class ControlResult:
    """A control or a supporting measurement: its effect and whether it explains the claim."""

    name: str
    meaning: str
    effect: EffectEstimate
    explains: bool


@dataclass(frozen=True, kw_only=True)
class PreconditionResult:
    """What had to be shown before the claim could be judged, and whether it was."""

    name: str
    meaning: str
    effect: EffectEstimate
    met: bool


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
class ClaimResult:
    """The verdict on one claim, with everything it rests on.

    Attributes:
        verdict: after preconditions and controls; ``ruling`` says what the effect alone gives.
        reason: the facts in sentences (`fixbench.verdicts.write_reason`).
        ruling: the facts; ``None`` in files of version 0.1.0.
        p_adjusted: Holm over the primary claims of the document (NaN outside the family).
        p_equivalence: TOST within the margin around the null, for a ``not_worse`` rule the
            non-inferiority test of its worse side; ``p_equivalence_adjusted``: Holm.
        proportion: of a property or a share: in how many seeds every measurement held.
        source: where the statement stands, if not in the ablation's document.
        seeds_needed: paired seeds that would settle an inconclusive claim with 80 % power, if any.
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
        panel: the replication judged in other ways; it decides nothing.
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
    panel: ReplicationPanel | None = None
