"""A comparison that shows itself: as text, as HTML, as figures, as LaTeX and as pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fixbench.ablation import Ablation, Claim
from fixbench.errors import InputError
from fixbench.judging._judge import Found, write_and_judge
from fixbench.judging._proposal import TIER
from fixbench.judging._roles import near
from fixbench.verdicts import ClaimResult, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from fixbench.reports import Drawing, JudgedAblation

__all__ = ["Comparison"]


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Comparison:
    """What `compare` found.

    Attributes:
        name: of what was compared.
        ablation: the same as an ablation, whose claims are those that were judged.
        results: one for each claim, with everything that its verdict rests on.
        names: id of a claim → what it is called in tables and in `verdicts`.
        found: what was read, and what each column was taken for.
        claims: the text of ``claims.yaml``, where claims were given.
        asked_name: the name that was given.
    """

    name: str
    ablation: Ablation
    results: Sequence[ClaimResult]
    names: Mapping[str, str]
    found: Found = field(repr=False)
    claims: str | None = None
    asked_name: str | None = None

    def __str__(self) -> str:
        from fixbench.judging._shown import as_text

        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from fixbench.judging._shown import as_html

        return as_html(self)

    @property
    def judged(self) -> JudgedAblation:
        """The ablation with its verdicts, as reports take it."""
        from fixbench.reports import JudgedAblation

        return JudgedAblation(
            name=self.name, ablation=self.ablation, tier=TIER, results=self.results
        )

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Name → verdict: of the variant, or the statement of a claim that was given."""
        return {self.names[result.id]: result.verdict for result in self.results}

    @property
    def table(self) -> pd.DataFrame:
        """A row for each claim.

        ``effect`` is treatment minus baseline (of a claim on the log scale treatment over
        baseline), ``low`` and ``high`` are its 95 % interval. ``p`` and ``p_holm`` are of no
        difference, ``p_equivalence`` and ``p_equivalence_holm`` of a difference that matters;
        ``p_holm`` and ``p_equivalence_holm`` are adjusted over all claims. ``n`` counts pairs of
        seeds, or all runs where ``paired`` is false. Numbers that do not exist are NaN.
        """
        import pandas as pd

        claims = {claim.id: claim for claim in self.ablation.claims}
        return pd.DataFrame([self._row(claims[result.id], result) for result in self.results])

    def _row(self, claim: Claim, result: ClaimResult) -> dict[str, Any]:
        effect, nothing = result.effect, float("nan")
        terms = [] if claim.effect is None else claim.effect.weighted
        labels = self.found.given.labels

        def listed(values: Any) -> str:
            return ", ".join(dict.fromkeys(values))

        return {
            "claim": result.id,
            "name": self.names[result.id],
            "variant": listed(labels.get(t.variant, t.variant) for t in terms if t.weight > 0),
            "baseline": listed(labels.get(t.variant, t.variant) for t in terms if t.weight < 0),
            "metric": listed(term.metric for term in terms),
            "stage": listed(term.stage for term in terms),
            "n": 0 if effect is None else effect.n,
            "n_failed": 0 if effect is None else effect.n_failed,
            "paired": effect is not None and not effect.arms,
            "effect": nothing if effect is None else effect.estimate,
            "low": nothing if effect is None else effect.low,
            "high": nothing if effect is None else effect.high,
            "p": nothing if effect is None else effect.p_value,
            "p_holm": result.p_adjusted,
            "p_equivalence": result.p_equivalence,
            "p_equivalence_holm": result.p_equivalence_adjusted,
            "verdict": result.verdict,
            "reason": result.reason,
        }

    def plot_strip(self, *names: str) -> Drawing:
        """Each effect on an axis of its own: its seeds, mean and interval.

        Args:
            names: those of claims, as in `verdicts`; all without any.

        Raises:
            InputError: there is no such name, or nothing to draw.
        """
        from fixbench.reports import draw_strips_of

        return draw_strips_of(self.judged, self._drawn(names))

    def plot_forest(self, *names: str) -> Drawing:
        """All effects below each other with their intervals; arguments as of `plot_strip`."""
        from fixbench.reports import draw_forest_of

        return draw_forest_of(self.judged, self._drawn(names))

    def plot_curves(self, metric: str | None = None) -> Drawing:
        """A metric over steps by variant: mean over seeds, its 95 % interval, single seeds.

        Args:
            metric: may be left out where one is compared.

        Raises:
            InputError: there is no such metric, or no column of steps.
        """
        from fixbench.judging._steps import step_rows
        from fixbench.reports import draw_curves_of

        found, given = self.found, self.found.given
        if metric is None and len(given.metrics) == 1:
            metric = given.metrics[0]
        if metric is None or metric not in given.metrics:
            expected = f"a metric: {near(metric or '', given.metrics)}"
            raise InputError("metric", "", metric, expected=expected)
        rows = step_rows(found.table, found.roles, given, metric)
        stages = [stage for stage in given.stages if stage in set(rows["stage"])]
        return draw_curves_of(self.ablation, rows, metric, labels=given.labels, stages=stages)

    def to_latex(self, *, caption: str | None = None, label: str | None = None) -> str:
        """The claims as a table for LaTeX, as wide as the text in one column and in two.

        The preamble needs ``\\usepackage{array,booktabs,tabularx}``. More than thirty claims are
        several tables.

        Args:
            caption: what the caption begins with; it goes on with what the columns hold.
            label: for ``\\ref``.
        """
        from fixbench.reports import table_alone

        return table_alone(self.judged, title=caption, label=label or f"tab:fixbench-{self.name}")

    def report(self, directory: str | Path = "fixbench-report", *, force: bool = False) -> Path:
        """Write the pages that ``fixbench judge`` writes, and the ablation.

        Args:
            force: replace files of the ablation that were edited.

        Returns:
            The HTML page.

        Raises:
            InputError: the directory cannot be written to, or has a file that was edited.
        """
        judged = write_and_judge(
            self.found,
            self.claims,
            name=self.asked_name,
            directory=Path(directory),
            force=force,
            pages=True,
        )
        return judged.directory / f"{judged.folder.name}.html"

    def _drawn(self, names: Sequence[str]) -> dict[str, str]:
        from fixbench.reports import is_drawn

        for name in names:
            if name not in self.names.values():
                expected = f"the name of a claim: {near(name, list(self.names.values()))}"
                raise InputError("names", "", name, expected=expected)
        drawn = {
            result.id: self.names[result.id]
            for claim, result in self.judged.claims
            if is_drawn(claim, result) and (not names or self.names[result.id] in names)
        }
        if not drawn:
            what = ", ".join(names) or "all claims"
            raise InputError("figure", what, expected="at least one effect that has a number")
        return drawn
