"""Claims: statements of the document, with the rules that judge them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from fixbench.ablation._base import Strict
from fixbench.ablation._citations import Lines, TextOrQuote
from fixbench.ablation._decision import Decision
from fixbench.ablation._effects import Effect

__all__ = [
    "Claim",
    "ClaimForm",
    "Control",
    "ControlForm",
    "Documented",
    "Precondition",
    "PreconditionForm",
]

# In words: what fits beside a verdict in a figure of all claims.
_LONGEST_LABEL = 6

#: An effect as it is written, or with its terms.
E = TypeVar("E", bound=Strict)
P = TypeVar("P", bound=Strict)
C = TypeVar("C", bound=Strict)


def _short(label: str) -> str:
    words = label.split()
    if not words or len(words) > _LONGEST_LABEL:
        raise ValueError(f"one to {_LONGEST_LABEL} words")
    return " ".join(words)


def _refuse_empty_window(above: float | None, below: float | None, prefix: str) -> None:
    if above is not None and below is not None and above >= below:
        raise ValueError(f"'{prefix}above' smaller than '{prefix}below'")


class ControlForm(Strict, Generic[E]):
    """A rival explanation, or a measurement that stands beside a claim.

    A control explains the documented comparison when the confidence interval of its effect lies
    wholly above ``explains_above`` and wholly below ``explains_below`` (an omitted bound is open;
    where all seeds are equal, only with the six or more that a sign test needs at 95 %). It is
    ruled out when that interval lies wholly outside. Otherwise it is open, and the claim
    unresolved. With neither bound it is shown and decides nothing.

    Attributes:
        id: a short key, by which sentences name its figures; it belongs to no hash.
        name: what is measured.
        effect: the measurement.
        meaning: what it says about the claim; for a control, the explanation.
        explains_above: the lower bound of the interval that explains the claim.
        explains_below: the upper bound of the interval that explains the claim.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = Field(
        default=None, exclude=True
    )
    name: str
    effect: E
    meaning: str
    explains_above: float | None = None
    explains_below: float | None = None

    @property
    def decides(self) -> bool:
        """Whether it has a bound; without one it is shown and decides nothing."""
        return self.explains_above is not None or self.explains_below is not None

    @model_validator(mode="after")
    def _window(self) -> ControlForm[E]:
        _refuse_empty_window(self.explains_above, self.explains_below, "explains_")
        return self


class PreconditionForm(Strict, Generic[E]):
    """What must be shown before a claim can be judged, such as that there was something to learn.

    It is met when the confidence interval of its effect lies wholly above ``above`` and wholly
    below ``below`` (an omitted bound is open; where all seeds are equal, only with the six or more
    that a sign test needs at 95 %). A claim with a precondition that is shown not to be met is
    not testable, whatever its own effect: the experiment could not have told. Where neither is
    shown, the claim is unresolved.

    Attributes:
        id: a short key, by which sentences name its figures; it belongs to no hash.
        name: what must be shown.
        effect: the measurement that shows it.
        meaning: why the claim cannot be judged without it.
        above: the lower bound of the interval that meets it.
        below: the upper bound of the interval that meets it.
    """

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")] | None = Field(
        default=None, exclude=True
    )
    name: str
    effect: E
    meaning: str
    above: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _bounded(self) -> PreconditionForm[E]:
        if self.above is None and self.below is None:
            raise ValueError("a precondition with 'above', 'below' or both")
        _refuse_empty_window(self.above, self.below, "")
        return self


class Control(ControlForm[Effect]):
    __doc__ = ControlForm.__doc__


class Precondition(PreconditionForm[Effect]):
    __doc__ = PreconditionForm.__doc__


class Documented(Strict):
    """What the document says.

    Attributes:
        text: its words or figures as printed.
        value: its figure as a number, where there is one.
        error: the standard error of that figure, in its unit, where the document has one.
    """

    text: str
    value: float | None = None
    error: Annotated[float, Field(gt=0)] | None = None

    @model_validator(mode="after")
    def _error_of_a_value(self) -> Documented:
        if self.error is not None and self.value is None:
            raise ValueError("an 'error' beside a 'value', whose standard error it is")
        return self

    @model_serializer(mode="wrap")
    def _without_default(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # Claims that were hashed before this key existed keep their hash.
        content: dict[str, Any] = serialise(self)
        if self.error is None:
            content.pop("error", None)
        return content


class ClaimForm(Strict, Generic[E, P, C]):
    """A testable statement of the document and the rule that judges it.

    Attributes:
        id: two letters and two digits, which the document's other claims do not have.
        label: the claim in at most six words, for tables and figures. It belongs to no hash: a
            result stays one of the same claim when only its label changes.
        statement: what is claimed, in plain words.
        section: where it stands in the document.
        lines: the first and the last line of the document at which it stands. They belong to no
            hash.
        quotes: words of the document that say it; text, or with the section and the lines of words
            that stand elsewhere. They belong to no hash.
        source: where the statement stands, if not in the ablation's own document.
        kind: ``arithmetic`` (exact), ``mechanism`` (what happens inside), ``outcome`` (what a
            practitioner sees) or ``not_testable``.
        documented: what the document says.
        decision: the rule that gives the verdict.
        effect: what the rule judges.
        primary: whether the claim counts in the family of the document's claims.
        preconditions: what must be shown before the claim can be judged.
        controls: rival explanations, with the measurements that would show them.
        supporting: measurements that are shown beside the claim and decide nothing.
    """

    id: Annotated[str, Field(pattern=r"^[A-Z]{2}[0-9]{2}[a-z]?$")]
    label: Annotated[str, AfterValidator(_short)] | None = Field(default=None, exclude=True)
    statement: str
    section: str
    lines: Lines | None = Field(default=None, exclude=True)
    quotes: list[TextOrQuote] = Field(default_factory=list, exclude=True)
    source: str | None = None
    kind: Literal["arithmetic", "mechanism", "outcome", "not_testable"]
    documented: Documented
    decision: Decision
    effect: E | None = None
    primary: bool = True
    preconditions: list[P] = Field(default_factory=list)
    controls: list[C] = Field(default_factory=list)
    supporting: list[C] = Field(default_factory=list)


class Claim(ClaimForm[Effect, Precondition, Control]):
    __doc__ = ClaimForm.__doc__

    def effects(self) -> Iterator[tuple[str, Effect]]:
        """Every effect of the claim with the key under which it stands."""
        if self.effect is not None:
            yield "effect", self.effect
        for kind in ("preconditions", "controls", "supporting"):
            for index, item in enumerate(getattr(self, kind)):
                yield f"{kind}.{index}.effect", item.effect
