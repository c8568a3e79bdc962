"""The decision rules, one module each; a module that is dropped in here is a rule.

The name of the module is the name of the rule in an ablation file. Modules that begin with an
underscore are what rules share.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import cast

from fixbench.ablation import Claim
from fixbench.verdicts.rules._rule import ExactRule, Problem, Rule, Settled, Tested, TestedRule

__all__ = [
    "ExactRule",
    "Problem",
    "Rule",
    "Settled",
    "Tested",
    "TestedRule",
    "is_tested",
    "load_rule",
    "rule_names",
]


def rule_names() -> tuple[str, ...]:
    """The names of all rules, in alphabetical order; no rule is imported for it."""
    names = (module.name for module in iter_modules(__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def load_rule(name: str) -> Rule:
    """The rule of that name.

    Raises:
        KeyError: there is none.
    """
    if name not in rule_names():
        raise KeyError(name)
    rule = cast(Rule, import_module(f"{__name__}.{name}").RULE)
    if rule.name != name:
        raise TypeError(f"the rule in {name}.py calls itself {rule.name!r}")
    return rule


def is_tested(claim: Claim) -> bool:
    """Whether a statistical test decides the claim, so that it counts in a family if primary."""
    return load_rule(claim.decision.rule).tested
