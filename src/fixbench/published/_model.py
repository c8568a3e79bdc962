"""The form of ``claims.json``. What a key means is read from these docstrings into the schema."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from fixbench.ablation._base import Scale, Strict, TierName

__all__ = [
    "VERSION",
    "PublishedClaim",
    "PublishedControl",
    "PublishedLevel",
    "PublishedPrecondition",
    "PublishedQuote",
    "PublishedSupporting",
    "PublishedTable",
]

#: It changes when a key changes its meaning or goes; a new key leaves it.
VERSION: Final = 1


class PublishedSupporting(Strict):
    """A measurement that stands beside a claim. Null where there is no number.

    Attributes:
        name: what is measured.
        meaning: what it says about the claim.
        measured: the mean over seeds, in the unit; of a log effect the geometric mean of ratios.
        unit: of `measured` and its interval; empty for a pure number.
        interval_low, interval_high: the confidence interval, in the unit.
        scale: the scale on which means and tests are taken; numbers are never logarithms.
        p: two-sided, of no effect, adjusted for nothing.
        n: the seeds that entered.
        n_failed: how many of them failed and were counted by policy.
        complete_case: `measured` without failed seeds.
    """

    name: str
    meaning: str
    measured: float | None
    unit: str
    interval_low: float | None
    interval_high: float | None
    scale: Scale | None
    p: float | None
    n: int | None
    n_failed: int | None
    complete_case: float | None


class PublishedControl(PublishedSupporting):
    """A rival explanation of a claim, and whether it explains it.

    Attributes:
        explains_above, explains_below: it explains the claim when its interval lies wholly
            between; null for an open bound, both for a control that decides nothing.
        state: explains, ruled out or open; null where it decides nothing.
        p_explains: that it does not explain; Holm-adjusted over the controls of the claim.
        p_ruled_out: that it is not ruled out; adjusted for nothing.
        seeds_needed: of an open one, the seeds that would decide it with 80 % power.
    """

    explains_above: float | None
    explains_below: float | None
    state: Literal["explains", "ruled out", "open"] | None
    p_explains: float | None
    p_ruled_out: float | None
    seeds_needed: int | None


class PublishedPrecondition(PublishedSupporting):
    """What must be shown before a claim can be judged.

    Attributes:
        above, below: it is met when its interval lies wholly between; null for an open bound.
        state: met, unmet or open.
        p_met: that it is not met; adjusted for nothing.
        p_unmet: that it is met; Holm-adjusted over the preconditions of the claim.
        seeds_needed: of an open one, the seeds that would decide it with 80 % power.
    """

    above: float | None
    below: float | None
    state: Literal["met", "unmet", "open"]
    p_met: float | None
    p_unmet: float | None
    seeds_needed: int | None


class PublishedLevel(Strict):
    """What one arm of an effect reached by itself: described, not tested.

    Attributes:
        variant: of the arm.
        metric, stage, at: what was read of its runs.
        mean: over runs, in the unit of the metric; never of logarithms.
        standard_deviation: of the runs, with n - 1; null of one run.
        n: runs that entered.
        n_lacking: runs that failed, or whose value is undefined.
    """

    variant: str
    metric: str
    stage: str
    at: str | int
    mean: float | None
    standard_deviation: float | None
    n: int
    n_lacking: int


class PublishedQuote(Strict):
    """Words of the document.

    Attributes:
        words: as printed; `…` stands for what is left out.
        section: the section they stand in.
        lines: their first and last line; null where they are not given.
    """

    words: str
    section: str
    lines: list[int] | None


class PublishedClaim(Strict):
    """One claim with its verdict. Null where there is no number.

    Attributes:
        id: of the claim, unique in its ablation.
        ablation: the name of its folder.
        label: the claim in at most six words.
        statement: what is claimed.
        section: where the document states it.
        source: where it is stated, if not in the ablation's document.
        document: the name of the document's file; null where it is stated elsewhere.
        repository, commit, path: where the document was published; null where it is not known.
        lines: the first and the last line of the document at which it is stated, from 1.
        quotes: words of the document that state it.
        kind: arithmetic, mechanism, outcome or not_testable.
        documented: the words or figures of the document.
        documented_value: its figure as a number, in the unit of the effect.
        metrics: the metrics that the effect reads.
        quantity: what `measured` is: a difference, a ratio, a slope, the level of one variant, a
            share of seeds, or the share of values with an exact property.
        unit: of `measured`, its interval, `null`, `margin_low` and so on; empty for a pure number.
        measured: the mean over seeds, in the unit; of a log effect the geometric mean of ratios.
        interval_low, interval_high: the confidence interval, in the unit.
        confidence: of the interval, as a share.
        scale: the scale on which means and tests are taken; numbers are never logarithms.
        rule: the decision rule.
        direction: the side of `null` on which the document puts the effect.
        null: the value that means no effect.
        margin: the smallest effect that matters, as declared: a difference, on the log scale a
            factor.
        margin_low, margin_high: the values between which an effect is too small to matter.
        tolerance: how near the documented size counts as the same, as declared.
        tolerance_low, tolerance_high: the values that count as the documented size.
        p_raw: two-sided, of no effect, adjusted for nothing.
        p_adjusted: Holm-adjusted over the family.
        p_equivalence: of an effect beyond the margin; where the document asserts that nothing gets
            worse, of one beyond its worse side.
        p_equivalence_adjusted: Holm-adjusted over the family.
        primary: whether the claim is one of the document's primary claims.
        family: the family of claims for which p is adjusted; null outside one.
        family_m: by how many claims Holm adjusts p of a difference.
        family_m_absence: by how many claims Holm adjusts p of equivalence.
        seeds: the seeds that entered.
        n: their number; with failed ones.
        n_failed: how many of them failed and were counted by policy.
        complete_case: `measured` without failed seeds.
        effect_size: mean minus null over the standard deviation of seeds, Hedges-corrected.
        seeds_needed: paired seeds that would settle with 80 % power what is open.
        worst_error: how often the least certain part of the verdict is wrong at the worst
            calibrated shape of seeds.
        verdict: what the rule, preconditions and controls say together.
        reason: the facts in sentences.
        edited: the claim, or a metric of it, was changed after its results were produced.
        claim_sha256: of the claim as judged.
        preconditions: what had to be shown first.
        control: what the controls say together; none where no control decides.
        controls: rival explanations.
        supporting: measurements that decide nothing.
        notes: what a reader must know besides.
        panel: the replication judged in other ways, which decide nothing; null where no mean was
            tested.
        looks: where seeds were added until a verdict: the plan and what each look showed.
        unadjusted_looks: earlier looks for which the verdict does not adjust.
        data: where there are data draws: the interval that counts them.
        levels: what each arm of the effect reached; none of an exact property, of a share of
            seeds, and of an effect of many terms.
        arms: where runs are no pairs: ``runs``, variant → its number, and ``degrees_of_freedom``
            of Welch's t; ``n`` is then the number of all runs.
    """

    id: str
    ablation: str
    label: str | None
    statement: str
    section: str
    source: str | None
    document: str | None = None
    repository: str | None = None
    commit: str | None = None
    path: str | None = None
    lines: list[int] | None = None
    quotes: list[PublishedQuote] = Field(default_factory=list)
    kind: str
    documented: str
    documented_value: float | None
    metrics: list[str]
    quantity: (
        Literal["difference", "ratio", "slope", "level", "share of seeds", "exact property"] | None
    )
    unit: str
    measured: float | None
    interval_low: float | None
    interval_high: float | None
    confidence: float | None
    scale: Scale | None
    rule: str | None
    direction: Literal["greater", "less"] | None
    null: float | None
    margin: float | None
    margin_low: float | None
    margin_high: float | None
    tolerance: float | None
    tolerance_low: float | None
    tolerance_high: float | None
    p_raw: float | None
    p_adjusted: float | None
    p_equivalence: float | None
    p_equivalence_adjusted: float | None
    primary: bool
    family: str | None
    family_m: int | None
    family_m_absence: int | None
    seeds: list[int]
    n: int | None
    n_failed: int | None
    complete_case: float | None
    effect_size: float | None
    seeds_needed: int | None
    worst_error: float | None
    verdict: str
    reason: str
    edited: bool
    claim_sha256: str
    preconditions: list[PublishedPrecondition]
    control: Literal["explains", "ruled out", "open", "none"]
    controls: list[PublishedControl]
    supporting: list[PublishedSupporting]
    notes: list[str]
    panel: dict[str, Any] | None
    looks: dict[str, Any] | None = None
    unadjusted_looks: int = 0
    data: dict[str, Any] | None = None
    levels: list[PublishedLevel] = Field(default_factory=list)
    arms: dict[str, Any] | None = None


class PublishedTable(Strict):
    """All claims of a run.

    Attributes:
        version: of this form.
        fixbench: the version that wrote the file.
        tier: the size at which the claims were tested.
        claims: in the order of their ablations and files.
    """

    version: Literal[1]
    fixbench: str
    tier: TierName
    claims: list[PublishedClaim]
