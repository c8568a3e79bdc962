"""Whether what a claim declares is complete, before any result exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fixbench.ablation import Ablation, Claim
from fixbench.errors import InputError
from fixbench.reading import read_source
from fixbench.verdicts.rules import Problem, Rule, TestedRule, load_rule, rule_names

__all__ = ["check_claim", "check_claims"]


def check_claims(ablation: Ablation, file: str | Path) -> None:
    """Refuse a claim that its rule could not judge.

    Args:
        file: ``claims.yaml``, for the message.

    Raises:
        InputError: the first problem, with the claim, the key and what would be right.
    """
    for index, claim in enumerate(ablation.claims):
        for problem in check_claim(claim):
            keys: tuple[str | int, ...] = ("claims", index, *problem.key.split("."))
            if Path(file).is_file():
                source = read_source(Path(file))
                raise source.problem(keys, problem.value, expected=problem.expected)
            key = f"claims.{claim.id}.{problem.key}"
            raise InputError(file, key, problem.value, expected=problem.expected)


def check_claim(claim: Claim) -> Iterator[Problem]:
    """What is wrong with a claim: for its rule, then for any rule."""
    decision = claim.decision
    if decision.rule not in rule_names():
        expected = f"one of the rules {', '.join(rule_names())}"
        yield Problem("decision.rule", expected, decision.rule)
        return
    rule = load_rule(decision.rule)
    if (claim.effect is None) == rule.needs_effect:
        expected = "an effect" if rule.needs_effect else "no effect"
        yield Problem("effect", f"{expected} with a {rule.name!r} rule")
        return
    yield from rule.check(claim)
    if decision.collapse is not None and not (isinstance(rule, TestedRule) and rule.collapses):
        yield Problem("decision.collapse", f"no such key with a {rule.name!r} rule")
    if decision.unpaired:
        yield from _unpaired(claim, rule)
    for name in ("margin", "tolerance"):
        size = getattr(decision, name)
        if size is not None and size <= 0:
            yield Problem(f"decision.{name}", f"a positive {name}", size)
    if claim.preconditions and not rule.tested:
        yield Problem("preconditions", "preconditions with a rule that is tested over seeds alone")
    if claim.effect is not None and claim.effect.reported == "log":
        yield from _ratios(claim)


def _unpaired(claim: Claim, rule: Rule) -> Iterator[Problem]:
    """Welch's t compares means of several variants, run by run."""
    from fixbench.verdicts.rules._mean import MeanRule

    if not isinstance(rule, MeanRule) or rule.collapses:
        expected = f"no such key with a {rule.name!r} rule, which needs pairs or none"
        yield Problem("decision.unpaired", expected)
        return
    assert claim.effect is not None
    if len({term.variant for term in claim.effect.weighted}) < 2:
        yield Problem("decision.unpaired", "an effect of two variants or more")
    if claim.effect.samples is not None:
        yield Problem("decision.unpaired", "an effect without 'samples'")


def _ratios(claim: Claim) -> Iterator[Problem]:
    """On the log scale an effect is a ratio, a margin or tolerance a factor."""
    decision = claim.decision
    for name, factor in (("margin", decision.margin), ("tolerance", decision.tolerance)):
        if factor is not None and factor <= 1:
            expected = f"a {name} above 1 (a factor) on the log scale"
            yield Problem(f"decision.{name}", expected, factor)
    if decision.null is not None and decision.null <= 0:
        yield Problem("decision.null", "a positive null on the log scale", decision.null)
    documented = claim.documented.value
    if documented is not None and documented <= 0:
        expected = "a positive documented value on the log scale"
        yield Problem("documented.value", expected, documented)
