"""A claim as it is written in Python, and the same as an entry of ``claims.yaml``."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Literal, get_args

import yaml

from fixbench.errors import InputError
from fixbench.judging._given import DEFAULT_STAGE, Cell, Given
from fixbench.judging._proposal import Proposal, identifier, why_unpaired
from fixbench.judging._roles import near

__all__ = ["Claim", "Expected", "claims_entries"]

Expected = Literal["better", "worse", "greater", "less", "no difference", "not worse"]

_NO_FIGURE = "no figure (the claim was written after the results)"
_LONGEST_LABEL = 6  # words


@dataclass(frozen=True)
class Claim:
    """What one variant is said to do beside another, to be judged by `compare`.

    Attributes:
        statement: the claim in words; it names the claim in tables.
        treatment, baseline: the variants, as they are called in the results; without ``baseline``
            that of the comparison.
        metric, stage: what is read; they may be left out where there is one only.
        expects: what the claim asserts of the treatment. "greater" and "less" speak of the number;
            "better" and "worse" of the side that is better in this metric. "no difference" asserts
            that none matters, "not worse" that nothing that matters is lost.
        smallest_effect: the smallest difference that matters, of ``scale: "log"`` a factor above 1;
            without it that of the comparison. With it the claim can be "reproduced", without it a
            direction alone is judged.
        documented: the size that a document states, treatment minus baseline, or on the log scale
            treatment over baseline.
        tolerance: how near to ``documented`` counts as the same size, likewise.
        scale: "log" for a ratio.

    Raises:
        InputError: what is given does not go together.
    """

    statement: str
    _: KW_ONLY
    treatment: str
    baseline: str | None = None
    metric: str | None = None
    stage: str | None = None
    expects: Expected = "better"
    smallest_effect: float | None = None
    documented: float | None = None
    tolerance: float | None = None
    scale: Literal["plain", "log"] = "plain"

    def __post_init__(self) -> None:
        if not isinstance(self.statement, str) or not self.statement.strip():
            raise self._wrong("statement", self.statement, "the claim in words")
        if self.expects not in get_args(Expected):
            expected = f"one of {', '.join(map(repr, get_args(Expected)))}"
            raise self._wrong("expects", self.expects, expected)
        if self.scale not in ("plain", "log"):
            raise self._wrong("scale", self.scale, "'plain', or 'log' for a ratio")
        for name in ("smallest_effect", "tolerance"):
            self._check_size(name, getattr(self, name))
        if self.documented is not None:
            good = _is_number(self.documented) and (self.scale == "plain" or self.documented > 0)
            if not good:
                expected = "a finite number, on the log scale a positive ratio"
                raise self._wrong("documented", self.documented, expected)
        if self.tolerance is not None:
            if self.documented is None:
                expected = "no tolerance without 'documented', the size that it is around"
                raise self._wrong("tolerance", self.tolerance, expected)
            if self.expects in ("no difference", "not worse"):
                expected = f"none where 'expects' is {self.expects!r}: 'smallest_effect' bounds it"
                raise self._wrong("tolerance", self.tolerance, expected)

    def _check_size(self, name: str, value: Any) -> None:
        least = 1 if self.scale == "log" else 0
        if value is not None and not (_is_number(value) and value > least):
            what = "a factor above 1" if self.scale == "log" else "a positive number"
            raise self._wrong(name, value, what)

    def _wrong(self, key: str, value: Any, expected: str) -> InputError:
        return InputError(f"claim {self.statement!r}", key, value, expected=expected)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def claims_entries(
    claims: Sequence[Claim],
    given: Given,
    proposal: Proposal,
    smallest_effect: Mapping[str, float],
) -> tuple[str, dict[str, str]]:
    """The text of a ``claims.yaml``, and id → statement.

    Args:
        smallest_effect: metric → the smallest difference that matters, "" for all that are not
            named; of claims on the plain scale that have none of their own.

    Raises:
        InputError: a claim names what is not there, or does not say enough to be judged.
    """
    if not claims:
        raise InputError("claims", "", expected="at least one claim, or none of this argument")
    names: dict[str, str] = {}
    entries = []
    for place, claim in enumerate(claims):
        if not isinstance(claim, Claim):
            raise InputError("claims", f"{place}", claim, expected="a fixbench.Claim")
        if claim.statement in names.values():
            raise InputError("claims", f"{place}", claim.statement, expected="each statement once")
        key = identifier(place)
        names[key] = claim.statement
        entries.append({"id": key, **_Entry(claim, given, proposal, smallest_effect).content()})
    return yaml.safe_dump({"claims": entries}, sort_keys=False, allow_unicode=True), names


class _Entry:
    """A claim with the names of what was found."""

    def __init__(
        self,
        claim: Claim,
        given: Given,
        proposal: Proposal,
        smallest_effect: Mapping[str, float],
    ) -> None:
        self._claim, self._given = claim, given
        self._where = f"claim {claim.statement!r}"
        self._metric = self._one("metric", claim.metric, given.metrics)
        self._stage = self._one("stage", claim.stage, given.stages)
        self._treatment = self._variant("treatment", claim.treatment)
        self._baseline = (
            proposal.baseline
            if claim.baseline is None
            else self._variant("baseline", claim.baseline)
        )
        if self._treatment == self._baseline:
            expected = f"another variant than the baseline: {near('', self._others())}"
            raise InputError(self._where, "treatment", claim.treatment, expected=expected)
        self._cells: list[Cell] = [
            (variant, self._metric, self._stage) for variant in (self._treatment, self._baseline)
        ]
        for cell in self._cells:
            if cell not in given.values:
                where = "" if self._stage == DEFAULT_STAGE else f" in stage {self._stage!r}"
                expected = f"a metric that {given.labels[cell[0]]!r} has{where}"
                raise InputError(self._where, "metric", self._metric, expected=expected)
        self._better = proposal.better[self._metric]
        self._margin = claim.smallest_effect
        if self._margin is None and claim.scale == "plain":
            self._margin = smallest_effect.get(self._metric, smallest_effect.get(""))

    def content(self) -> dict[str, Any]:
        claim = self._claim
        words = claim.statement.split()
        labels = [self._given.labels[cell[0]] for cell in self._cells]
        short = f"{labels[0]} vs {labels[1]}, {self._metric}".split()[:_LONGEST_LABEL]
        documented: dict[str, Any] = {"text": _NO_FIGURE}
        if claim.documented is not None:
            times = "times " if claim.scale == "log" else ""
            documented = {
                "text": f"{times}{claim.documented:g}",
                "value": float(claim.documented),
            }
        effect: dict[str, Any] = {
            "variant": self._treatment,
            "metric": self._metric,
            "stage": self._stage,
            "against": self._baseline,
        }
        if claim.scale == "log":
            effect["scale"] = "log"
        return {
            "label": " ".join(words if len(words) <= _LONGEST_LABEL else short),
            "statement": claim.statement,
            "section": "given",
            "kind": "outcome",
            "documented": documented,
            "decision": self._decision(),
            "effect": effect,
        }

    def _decision(self) -> dict[str, Any]:
        claim, margin = self._claim, self._margin
        decision: dict[str, Any]
        if claim.expects in ("no difference", "not worse"):
            if margin is None:
                expected = (
                    "the smallest difference that matters, which such a claim needs; on the log "
                    "scale a factor above 1"
                )
                raise InputError(self._where, "smallest_effect", expected=expected)
            decision = {"rule": claim.expects.replace(" ", "_")}
            if claim.expects == "not worse":
                decision["direction"] = self._side()
        elif margin is None:
            if claim.tolerance is not None:
                expected = "the smallest difference that matters, which a tolerance needs beside it"
                raise InputError(self._where, "smallest_effect", expected=expected)
            decision = {"rule": "direction", "direction": self._side()}
        else:
            decision = {"rule": "difference", "direction": self._side()}
        if margin is not None:
            decision["margin"] = float(margin)
        if claim.tolerance is not None:
            decision["tolerance"] = float(claim.tolerance)
        self._check_documented(decision.get("direction"))
        if why_unpaired(self._given, *self._cells):
            decision["unpaired"] = True
        return decision

    def _side(self) -> str:
        expects = self._claim.expects
        if expects in ("greater", "less"):
            return expects
        if self._better == "neither":
            expected = (
                "'greater' or 'less', or an argument 'better' beside the claims: which side of "
                f"{self._metric!r} is better is not known from its name"
            )
            raise InputError(self._where, "expects", expects, expected=expected)
        return "greater" if (self._better == "higher") == (expects != "worse") else "less"

    def _check_documented(self, side: str | None) -> None:
        value = self._claim.documented
        null = 1.0 if self._claim.scale == "log" else 0.0
        if value is None or side is None or self._claim.expects == "not worse":
            return
        if (value > null) != (side == "greater") or value == null:
            expected = f"a number on the side that the claim asserts, {side} than {null:g}"
            raise InputError(self._where, "documented", value, expected=expected)

    def _one(self, key: str, asked: str | None, names: Sequence[str]) -> str:
        if asked in names:
            return str(asked)
        if asked is None and len(names) == 1:
            return names[0]
        expected = f"a {key}: {near(asked or '', names)}"
        raise InputError(self._where, key, asked, expected=expected)

    def _variant(self, key: str, asked: str) -> str:
        for name, text in self._given.labels.items():
            if asked == text:
                return name
        if asked in self._given.labels:
            return asked
        expected = f"a variant: {near(str(asked), list(self._given.labels.values()))}"
        raise InputError(self._where, key, asked, expected=expected)

    def _others(self) -> list[str]:
        return [text for name, text in self._given.labels.items() if name != self._baseline]
