"""Planted worlds: what is true of a claim, its controls and preconditions, and what would be wrong.

An adversary plants them: no effect, effects on the edge of margin and tolerance, controls and
preconditions on their bound or beyond it, of several at once, on arms that the claim uses too, runs
that fail, seeds that are skewed or collapse. Sizes are in standard deviations of the effect of one
seed, unless a world sets another `Truth.deviation`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fixbench.calibration._distributions import DISTRIBUTIONS, Distribution
from fixbench.calibration._methods import ALPHA
from fixbench.calibration._rate import Bound

__all__ = [
    "BLAMED",
    "BLOCK",
    "BUDGET",
    "CLEARED",
    "EFFECT",
    "JUDGED",
    "NOT_TESTABLE",
    "SEQUENTIAL",
    "TRUTHS",
    "UNTIL",
    "Beside",
    "Truth",
]

# Of the effect of one seed; the margin, the tolerance and the planted sizes stand beside it.
_DEVIATION = 0.3
# Noise so large that equivalence is out of reach and every false difference counts.
_NOISY = 5.0
_MARGIN, _TOLERANCE, _DOCUMENTED = 1.0, 1.0, 4.0
# A margin that is shown at once, in worlds that are about something else.
_SMALL = 0.01

#: What a rate counts; each is a table of the report.
EFFECT = "false verdicts on the effect"
CLEARED = "a control explains the effect, and the claim is reproduced"
BLAMED = "a control explains nothing, and the claim is confounded"
JUDGED = "a precondition is not met, and the claim is judged"
NOT_TESTABLE = "every precondition is met, and the claim is not testable"

#: Seeds a block and in all, where they are added until a verdict.
BLOCK, BUDGET = 5, 30
#: What the condition of such a rate ends with.
UNTIL = f", until a verdict, by seeds a block, up to {BUDGET}"


@dataclass(frozen=True, kw_only=True)
class Beside:
    """A control or a precondition of a planted claim.

    Attributes:
        effect: the planted one.
        above, below: a control explains, and a precondition is met, where the effect lies between.
        arm: the arm of the claim b - a that it shares: "a" in c - a, "b" in b - c, where c is an
            arm of its own; ``None`` where it is a metric of its own in the runs of b and a.
        failing: the probability that a run of c fails.
    """

    effect: float
    above: float = -math.inf
    below: float = math.inf
    arm: Literal["a", "b"] | None = None
    failing: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Truth:
    """A planted effect, the claim about it, and the verdicts that would be mistakes.

    Attributes:
        effect: how much variant b exceeds a; more is better, and documented.
        wrong: the verdicts counted.
        nominal, bound: the promised rate of these verdicts.
        counted: what they are, one of the questions of this module.
        tolerance: around ``documented``; ``None`` where none is declared.
        failing: the probability that a run of a, and of b, fails.
        deviation: of the effect of one seed.
        seeds: the distribution of that effect, all of it in b and c; ``None`` where each arm has
            normal noise.
        required: as in `Rate`.
    """

    name: str
    effect: float
    wrong: tuple[str, ...]
    nominal: float
    bound: Bound = "at most"
    counted: str = EFFECT
    rule: str = "difference"
    margin: float = _MARGIN
    tolerance: float | None = None
    documented: float = _DOCUMENTED
    failing: tuple[float, float] = (0.0, 0.0)
    controls: tuple[Beside, ...] = ()
    preconditions: tuple[Beside, ...] = ()
    deviation: float = _DEVIATION
    seeds: Distribution | None = None
    required: bool = True

    @property
    def besides(self) -> tuple[Beside, ...]:
        """Controls, then preconditions."""
        return (*self.controls, *self.preconditions)


_SHOWN = ("reproduced", "direction only", "another size")
_OF_ANY_SIZE = (*_SHOWN, "negligible")
# What a claim with a precondition that is not met must not be called.
_JUDGED = (*_OF_ANY_SIZE, "absent", "reversed", "confounded")


def _of_effects() -> Iterator[Truth]:
    """Worlds without controls and preconditions."""
    yield Truth(
        name="A/A: no effect, an effect documented",
        effect=0.0,
        wrong=(*_OF_ANY_SIZE, "reversed"),
        nominal=ALPHA,
        deviation=_NOISY,
    )
    for share in (1.0, 1.1):
        yield Truth(
            name=f"{share:g} times the margin, which counts as an effect",
            effect=share * _MARGIN,
            wrong=("absent", "negligible"),
            nominal=ALPHA,
        )
    for share in (0.9, 1.0):
        yield Truth(
            name=f"{share:g} times the margin, which does not count as one",
            effect=share * _MARGIN,
            wrong=("reproduced",),
            nominal=ALPHA / 2,
        )
    yield Truth(
        name="as large as the margin, against the documented direction",
        effect=-_MARGIN,
        wrong=("absent", *_OF_ANY_SIZE),
        nominal=ALPHA,
    )
    for side, word in ((1, "upper"), (-1, "lower")):
        edge = _DOCUMENTED + side * _TOLERANCE
        yield Truth(
            name=f"another size, at the {word} edge of the tolerance",
            effect=edge,
            wrong=("reproduced",),
            nominal=ALPHA / 2,
            tolerance=_TOLERANCE,
        )
        yield Truth(
            name=f"the documented size, at the {word} edge of the tolerance",
            effect=edge,
            wrong=("another size",),
            nominal=ALPHA / 2,
            tolerance=_TOLERANCE,
        )
    for rule, effect in (("no_difference", _MARGIN), ("not_worse", -_MARGIN)):
        yield Truth(
            name=f"as large as the margin, {rule}",
            effect=effect,
            wrong=("reproduced",),
            nominal=ALPHA if rule == "no_difference" else ALPHA / 2,
            rule=rule,
        )
        yield Truth(
            name=f"no more than the margin, {rule}",
            effect=effect,
            wrong=("refuted",),
            nominal=ALPHA / 2,
            rule=rule,
        )
    for rate, words in ((0.2, "a fifth"), (0.5, "half")):
        yield Truth(
            name=f"no effect, {words} of all runs fails",
            effect=0.0,
            wrong=(*_OF_ANY_SIZE, "reversed"),
            nominal=ALPHA,
            failing=(rate, rate),
            deviation=_NOISY,
            required=False,
        )
    yield Truth(
        name="no effect, a fifth of the runs of b fails",
        effect=0.0,
        wrong=_OF_ANY_SIZE,
        nominal=ALPHA / 2,
        failing=(0.0, 0.2),
        deviation=_NOISY,
    )
    for margin, words in ((_MARGIN, ""), (20 * _MARGIN, " of a wide margin")):
        yield Truth(
            name=f"none{words} documented, and most runs of b fail",
            effect=0.0,
            wrong=("reproduced",),
            nominal=ALPHA,
            rule="no_difference",
            margin=margin,
            failing=(0.0, 0.8),
        )


def _explained(size: float, name: str, control: Beside, **changes: object) -> Truth:
    """A control that in truth explains the effect, or is on its bound, and so does not clear it."""
    options: dict[str, object] = {
        "name": name,
        "effect": size,
        "documented": size,
        "wrong": _SHOWN,
        "nominal": ALPHA / 2,
        "counted": CLEARED,
        "margin": _SMALL,
        "deviation": 1.0,
        "controls": (control,),
    }
    return Truth(**(options | changes))  # type: ignore[arg-type]


def _blamed(name: str, controls: tuple[Beside, ...], **changes: object) -> Truth:
    """Controls on their bound, which do not explain an effect that any number of seeds shows."""
    options: dict[str, object] = {
        "name": name,
        "effect": _DOCUMENTED,
        "wrong": ("confounded",),
        "nominal": ALPHA / 2,
        "counted": BLAMED,
        "margin": _SMALL,
        "controls": controls,
    }
    return Truth(**(options | changes))  # type: ignore[arg-type]


def _of_controls() -> Iterator[Truth]:
    for size in (1.0, 2.0, 3.0):
        explains = Beside(effect=size, above=size / 2)
        tolerance = size / 2 if size == 2 else None
        name = f"effect and control {size:g} SD, bound half of it"
        yield _explained(size, name, explains, tolerance=tolerance)
    # So large beside the noise that every number of seeds shows the effect.
    large = _DOCUMENTED
    at_bound = Beside(effect=large / 2, above=large / 2)
    yield _explained(large, "control at its bound", at_bound, deviation=_DEVIATION)
    for count in (1, 2, 5):
        text = "control" if count == 1 else f"{count} controls"
        yield _blamed(f"{text} at the bound", (at_bound,) * count)
    for arm, contrast in (("a", "c − a"), ("b", "b − c")):
        for size in (1.0, 2.0):
            explains = Beside(effect=size, above=size / 2, arm=arm)  # type: ignore[arg-type]
            name = f"effect and control {contrast} {size:g} SD, bound half of it"
            yield _explained(size, name, explains)
        shared = Beside(effect=large / 2, above=large / 2, arm=arm)  # type: ignore[arg-type]
        name = f"control {contrast} at its bound"
        yield _explained(large, name, shared, deviation=_DEVIATION)
        for count in (1, 2, 5):
            text = "control" if count == 1 else f"{count} controls"
            yield _blamed(f"{text} {contrast} at the bound", (shared,) * count)
    for arm, contrast in (("a", "c − a"), ("b", "b − c")):
        fails = Beside(effect=2.0, above=1.0, arm=arm, failing=1 / 3)  # type: ignore[arg-type]
        name = f"effect and control {contrast} 2 SD, a third of the runs of c fails"
        yield _explained(2.0, name, fails)
        edge = Beside(effect=2.0, above=2.0, arm=arm, failing=1 / 3)  # type: ignore[arg-type]
        name = f"control {contrast} at its bound, a third of the runs of c fails"
        yield _explained(2.0, name, edge, deviation=_DEVIATION)
        yield _blamed(f"{name}, blamed", (edge,))


def _conditional(name: str, preconditions: tuple[Beside, ...], **changes: object) -> Truth:
    options: dict[str, object] = {
        "name": name,
        "effect": _DOCUMENTED,
        "wrong": _JUDGED,
        "nominal": ALPHA / 2,
        "counted": JUDGED,
        "preconditions": preconditions,
    }
    return Truth(**(options | changes))  # type: ignore[arg-type]


def _of_preconditions() -> Iterator[Truth]:
    edge, met = Beside(effect=0.0, above=0.0), Beside(effect=2.0, above=0.0)
    for count in (1, 2, 5):
        text = "one precondition" if count == 1 else f"one of {count} preconditions"
        yield _conditional(f"{text} at its bound", (edge, *(met,) * (count - 1)))
        yield _conditional(
            f"{count} precondition{'s' * (count > 1)} at the bound",
            (edge,) * count,
            wrong=("not testable",),
            counted=NOT_TESTABLE,
        )
    for arm, contrast in (("a", "c − a"), ("b", "b − c")):
        shared = Beside(effect=0.0, above=0.0, arm=arm, failing=1 / 3)  # type: ignore[arg-type]
        name = f"precondition {contrast} at its bound, a third of the runs of c fails"
        yield _conditional(name, (shared,))
    yield _conditional("no effect, precondition at its bound", (edge,), effect=0.0)


def _of_windows() -> Iterator[Truth]:
    """Controls and preconditions with two bounds."""
    bounds = {
        "lower": Beside(effect=2.0, above=2.0, below=4.0),
        "upper": Beside(effect=2.0, above=0.0, below=2.0),
    }
    narrow = Beside(effect=2.0, above=1.99, below=2.01)
    for word, edge in bounds.items():
        name = f"control at the {word} one of two bounds"
        yield _explained(2.0, name, edge, deviation=_DEVIATION)
        yield _blamed(f"{name}, blamed", (edge,))
        name = f"precondition at the {word} one of two bounds"
        yield _conditional(name, (edge,))
        unmet = {"wrong": ("not testable",), "counted": NOT_TESTABLE}
        yield _conditional(f"{name}, met", (edge,), **unmet)
    # Outside is then wrong on either side.
    name = "control between two bounds near each other"
    yield _explained(2.0, name, narrow, deviation=_DEVIATION, nominal=ALPHA)
    yield _blamed("5 controls at one of two bounds", (*bounds.values(), *bounds.values(), narrow))
    for count in (1, 5):
        text = "precondition" if count == 1 else f"{count} preconditions"
        yield _conditional(
            f"{text} between two bounds near each other",
            (narrow,) * count,
            wrong=("not testable",),
            counted=NOT_TESTABLE,
            nominal=ALPHA,
        )


def _of_failures() -> Iterator[Truth]:
    """Controls and preconditions of which runs of both arms fail, those of the claim too."""
    for rate, words in ((0.2, "a fifth"), (0.5, "half")):
        options: dict[str, object] = {"failing": (rate, rate)}
        for arm, contrast in (("a", "c − a"), (None, "b − a")):
            failing = f"{contrast}, {words} of the runs of both arms fails"
            edge = Beside(
                effect=2.0,
                above=2.0,
                arm=arm,  # type: ignore[arg-type]
                failing=rate,
            )
            yield _explained(
                2.0, f"control {failing}, at its bound", edge, deviation=_DEVIATION, **options
            )
            yield _blamed(f"control {failing}, at its bound, blamed", (edge,), **options)
            name = f"precondition {failing}, at its bound"
            yield _conditional(name, (edge,), **options)
            unmet = {"wrong": ("not testable",), "counted": NOT_TESTABLE}
            yield _conditional(f"{name}, met", (edge,), **unmet, **options)


def _of_shapes() -> Iterator[Truth]:
    """The main worlds where seeds are skewed, or some collapse: nothing is promised."""
    for kind in DISTRIBUTIONS:
        if kind.symmetric:
            continue
        options: dict[str, object] = {"seeds": kind, "required": False}
        explains, edge = Beside(effect=1.0, above=0.5), Beside(effect=2.0, above=2.0)
        name = f"{kind.name}: effect and control 1 SD, bound half of it"
        yield _explained(1.0, name, explains, **options)
        yield _explained(
            2.0, f"{kind.name}: control at its bound", edge, deviation=_DEVIATION, **options
        )
        for count in (1, 5):
            text = "control" if count == 1 else f"{count} controls"
            yield _blamed(f"{kind.name}: {text} at the bound", (edge,) * count, **options)
        none = Beside(effect=0.0, above=0.0)
        yield _conditional(f"{kind.name}: precondition at its bound", (none,), **options)
        yield _conditional(
            f"{kind.name}: 1 precondition at the bound",
            (none,),
            wrong=("not testable",),
            counted=NOT_TESTABLE,
            **options,
        )
        for wrong, effect, nominal, counts in (
            (("reproduced",), _MARGIN, ALPHA / 2, "does not count as one"),
            (("absent", "negligible"), _MARGIN, ALPHA, "counts as an effect"),
            (("absent", "negligible"), -_MARGIN, ALPHA, "counts as an effect"),
        ):
            yield Truth(
                name=f"{kind.name}: {effect:g} times the margin, which {counts}",
                effect=effect,
                wrong=wrong,
                nominal=nominal,
                **options,  # type: ignore[arg-type]
            )


def _of_looks() -> Iterator[Truth]:
    for size in (1.0, 2.0):
        explains = Beside(effect=size, above=size / 2)
        yield _explained(size, f"effect and control {size:g} SD, bound half of it", explains)
    edge = Beside(effect=2.0, above=2.0)
    yield _explained(2.0, "control at its bound", edge)
    for count in (1, 5):
        text = "control" if count == 1 else f"{count} controls"
        yield _blamed(f"{text} at the bound", (edge,) * count)
    none, met = Beside(effect=0.0, above=0.0), Beside(effect=2.0, above=0.0)
    yield _conditional("one precondition at its bound", (none,))
    yield _conditional("one of 5 preconditions at its bound", (none, *(met,) * 4))
    for count in (1, 5):
        yield _conditional(
            f"{count} precondition{'s' * (count > 1)} at the bound",
            (none,) * count,
            wrong=("not testable",),
            counted=NOT_TESTABLE,
        )
    yield Truth(
        name="as large as the margin, which does not count as an effect",
        effect=_MARGIN,
        wrong=("reproduced",),
        nominal=ALPHA / 2,
        deviation=1.0,
    )
    yield Truth(
        name="another size, at the edge of the tolerance",
        effect=_DOCUMENTED + _TOLERANCE,
        wrong=("reproduced",),
        nominal=ALPHA / 2,
        tolerance=_TOLERANCE,
    )


#: Judged at every number of seeds.
TRUTHS: tuple[Truth, ...] = (
    *_of_effects(),
    *_of_controls(),
    *_of_preconditions(),
    *_of_windows(),
    *_of_failures(),
    *_of_shapes(),
)
#: Judged where seeds are added until a verdict.
SEQUENTIAL: tuple[Truth, ...] = (
    *_of_looks(),
    *_of_windows(),
    *_of_failures(),
    *(truth for truth in _of_effects() if any(truth.failing) or truth.rule != "difference"),
    *_of_shapes(),
)
