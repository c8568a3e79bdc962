"""What primary claims say of other data, where a tier drew data anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fixbench.ablation import Claim
from fixbench.reports import figures
from fixbench.reports._effects import effect_unit
from fixbench.reports._format import MISSING, counted, interval, number, percentage, seed_ranges
from fixbench.reports._inputs import Inputs
from fixbench.reports._judging import ClaimResult, DataInterval
from fixbench.reports._strips import claim_strip, named_mean, named_null, named_zones
from fixbench.reports._views import FigureView, TableText
from fixbench.reports.sections._section import Block, BlockSection, Paragraph, Picture, Table
from fixbench.results import DATA_SEED

__all__ = ["build"]

_BUYS = {"seed": "a seed", "draw": "a data draw", "either": "either"}

Drawn = tuple[Claim, ClaimResult, DataInterval]


def build(inputs: Inputs) -> BlockSection | None:
    """The section; ``None`` where nothing was drawn."""
    if DATA_SEED not in inputs.frame:
        return None
    draws = sorted({int(draw) for draw in inputs.frame[DATA_SEED].unique()})
    drawn = [
        (claim, result, result.data) for claim, result in inputs.judged if result.data is not None
    ]
    names = ", ".join(inputs.ablation.draws) or "data"
    blocks: list[Block] = [
        Paragraph(
            text=f"Every seed ran on {counted(len(draws), 'data draw')} "
            f"({names} generated with the seeds {seed_ranges(draws)}). "
            "The effect of a seed is its mean over these draws. Verdicts and their intervals have "
            "the seed as unit and speak of these draws only."
        )
    ]
    if drawn:
        blocks += [
            Paragraph(
                text="The interval below counts data as a second source of chance. It speaks of "
                "other data from the same generator. It tests nothing and changes no verdict."
            ),
            Picture(figure=_figure(inputs, drawn)),
            _intervals(inputs, drawn),
            _by_draw(drawn),
        ]
    else:
        blocks.append(
            Paragraph(
                text="No primary claim has an interval that counts data: it takes two draws, two "
                "seeds and a mean effect."
            )
        )
    return BlockSection(
        id="data-draws", heading="Data draws", navigation="Data draws", blocks=blocks
    )


def _figure(inputs: Inputs, drawn: Sequence[Drawn]) -> FigureView:
    items = []
    for claim, result, data in drawn:
        strip = claim_strip(claim, result, claim.id, ablation=inputs.ablation)
        counted_both = replace(
            strip.estimate,
            estimate=data.estimate,
            low=data.low,
            high=data.high,
            per_seed=dict(data.by_draw),
        )
        items.append(replace(strip, estimate=counted_both))
    confidence = number(100 * drawn[0][2].confidence, 3)
    return FigureView(
        svg=figures.strips(f"{inputs.name}-data-draws", items),
        caption=f"Effects by data draw. Small points: one draw each, mean over seeds; large point: "
        f"{named_mean(items)}; line: {confidence} % interval that counts seeds and data; "
        f"{named_null(items)}{named_zones(items)}.",
        alternative=f"Effects by data draw of {', '.join(claim.id for claim, _, _ in drawn)}.",
    )


def _intervals(inputs: Inputs, drawn: Sequence[Drawn]) -> Table:
    rows = []
    for claim, result, data in drawn:
        assert claim.effect is not None
        assert result.effect is not None
        unit = effect_unit(claim.effect, inputs.ablation)
        value, both = interval(data.estimate, data.low, data.high)
        _, seeds = interval(result.effect.estimate, result.effect.low, result.effect.high)
        shares = [
            MISSING if share != share else percentage(share) for share in data.components.shares
        ]
        value = f"{value} {unit}".strip()
        rows.append((claim.id, value, seeds, both, *shares, _BUYS[data.next.buy]))
    return Table(
        text=TableText(
            caption="The effect with the interval of seeds on these draws and that of seeds and "
            "data; what part of the variance of a single effect comes from where (of a log effect: "
            "of its logarithm); and what narrows the second interval more for the same number of "
            "runs",
            columns=("Claim", "Effect", "Seeds", "Seeds and data", "Seed", "Data", "Rest", "Next"),
        ),
        rows=rows,
        widths=(None, None, 2, 2, None, None, None, 1),
    )


def _by_draw(drawn: Sequence[Drawn]) -> Table:
    draws = sorted({draw for _, _, data in drawn for draw in data.by_draw})
    return Table(
        text=TableText(
            caption="Effect on each data draw, mean over seeds",
            columns=("Claim", *(f"Draw {draw}" for draw in draws)),
        ),
        rows=[
            (claim.id, *(number(data.by_draw.get(draw)) for draw in draws))
            for claim, _, data in drawn
        ],
        widths=(None, *(1.0 for _ in draws)),
    )
