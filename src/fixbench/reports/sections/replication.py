"""The replication panel: what those who judge replications ask, beside the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fixbench.ablation import Claim
from fixbench.reports import figures
from fixbench.reports._effects import effect_quantity
from fixbench.reports._format import MISSING, counted, interval, number, p_value
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult, ReplicationPanel, pairs_in_doubt
from fixbench.reports._strips import claim_strip, named_mean, named_null
from fixbench.reports._views import FigureView, TableText, drawable
from fixbench.reports.sections._section import Block, BlockSection, Paragraph, Picture, Table

__all__ = ["build"]

_TABLE = TableText(
    caption="A row for each claim on a mean over seeds. A dash: the question does not apply.",
    columns=(
        "Claim",
        "Documented value in interval / in that of one run",
        "p beyond margin",
        "P(A > B)",
        "ρ of pairs (gain)",
        "Sceptical p",
    ),
)
_EXPLANATION = (
    "These numbers stand beside the verdicts and decide none. A documented figure is that of a "
    "single run. It is therefore compared with two intervals: that of the mean, and that in which "
    "one more run lies. “p beyond margin” tests that the effect exceeds the smallest effect that "
    "matters, in the documented direction where there is one. P(A > B) is the probability that a "
    "run of the first variant lies above a run of the second, over all pairs of runs (interval of "
    "Brunner and Munzel). ρ is the correlation of the two arms over seeds. The gain is the number "
    "of unpaired seeds that one paired seed replaces. The sceptical p (Held, 2020; one-sided, "
    "golden level) needs a standard error in the document. No p here is adjusted."
)


def build(inputs: Inputs) -> BlockSection | None:
    """The section; ``None`` where no claim has a panel."""
    shown = [
        (claim, result, result.panel) for claim, result in inputs.judged if result.panel is not None
    ]
    if not shown:
        return None
    picture = _picture(inputs, shown)
    blocks: list[Block] = [
        Paragraph(text=_summary([panel for _, _, panel in shown])),
        Table(
            text=_TABLE,
            rows=[_row(result, panel) for _, result, panel in shown],
            widths=(None, 2, 1, 2, 2, 1),
        ),
        *([] if picture is None else [Picture(figure=picture)]),
        *(Paragraph(text=text) for text in _tasks(shown)),
        Paragraph(text=_EXPLANATION, soft=True),
    ]
    return BlockSection(
        id="replication", heading="Replication panel", navigation="Replication", blocks=blocks
    )


def _summary(panels: Sequence[ReplicationPanel]) -> str:
    """What the table says as a whole, and what pairing gained."""
    compared = [panel for panel in panels if panel.documented_in_prediction is not None]
    text = "No claim has a documented value to compare with."
    if compared:
        inner = sum(bool(panel.documented_in_interval) for panel in compared)
        outer = sum(bool(panel.documented_in_prediction) for panel in compared)
        text = (
            f"Of {counted(len(compared), 'documented value')}, the interval of the mean "
            f"contains {inner}, that of one run {outer}."
        )
    pairings = [panel.pairing for panel in panels if panel.pairing is not None]
    defined = [pairing for pairing in pairings if pairing.finding != "undefined"]
    if defined:
        gained = sum(pairing.finding == "gain" for pairing in defined)
        text += (
            f" Pairing by seed shows a gain in {gained} of {counted(len(defined), 'contrast')} "
            "(arms correlate, one-sided permutation p ≤ 0.05)."
        )
    other = sum(pairing.finding == "other pairs correlate more" for pairing in defined)
    if other:
        text += f" In {other}, another assignment of seeds correlates more than the declared pairs."
    if pairs_in_doubt(pairings):
        text += (
            " Together these contrasts do not look paired: check that a seed means the same data "
            "and the same starting weights in all variants. Means and verdicts stay valid, but the "
            "pairs save no seeds."
        )
    return text


def _row(result: ClaimResult, panel: ReplicationPanel) -> list[str]:
    superiority, pairing = panel.superiority, panel.pairing
    chance = MISSING
    if superiority is not None:
        chance = " ".join(interval(superiority.probability, superiority.low, superiority.high))
    paired = MISSING
    if pairing is not None and pairing.finding != "undefined":
        paired = f"{number(pairing.correlation, 2)} ({number(pairing.gain, 2)} times)"
    return [
        result.id,
        f"{_answer(panel.documented_in_interval)} / {_answer(panel.documented_in_prediction)}",
        MISSING if panel.minimum_effect_p is None else p_value(panel.minimum_effect_p),
        chance.removesuffix(f" {MISSING}"),
        paired,
        MISSING if panel.sceptical_p is None else p_value(panel.sceptical_p),
    ]


def _answer(inside: bool | None) -> str:
    return {True: "yes", False: "no", None: MISSING}[inside]


def _tasks(shown: Sequence[tuple[Claim, ClaimResult, ReplicationPanel]]) -> list[str]:
    texts = []
    for _, result, panel in shown:
        if panel.interquartile is None or panel.tasks is None:
            continue
        middle = panel.interquartile
        value, limits = interval(middle.value, middle.low, middle.high)
        texts.append(
            f"{result.id} spans {panel.tasks} tasks. The interquartile mean of its differences "
            f"over seeds and tasks is {value} {limits} (stratified bootstrap)."
        )
    return texts


def _picture(
    inputs: Inputs, shown: Sequence[tuple[Claim, ClaimResult, ReplicationPanel]]
) -> FigureView | None:
    drawn = []
    for claim, result, panel in shown:
        low, high = panel.prediction_low, panel.prediction_high
        if low is None or high is None or result.effect is None or not drawable(result.effect):
            continue
        assert claim.effect is not None
        strip = claim_strip(
            claim, result, claim.id, quantity=effect_quantity(claim.effect, inputs.ablation)
        )
        drawn.append(replace(strip, margin=None, target=None, prediction=(low, high)))
    if not drawn:
        return None
    told = [
        f"{item.label}: {number(item.estimate.estimate)}, one run "
        f"[{', '.join(map(number, item.prediction or ()))}]"
        for item in drawn
    ]
    return FigureView(
        svg=figures.forest(f"{inputs.name}-replication", drawn),
        caption=f"Each effect with the interval of its {named_mean(drawn)} (thick) and of one more "
        f"run (thin); open diamond: documented value; {named_null(drawn)}.",
        alternative=f"Documented values beside two intervals. {'; '.join(told)}.",
    )
