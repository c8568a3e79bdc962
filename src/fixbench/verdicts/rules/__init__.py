"""The decision rules, one module each; a module that is dropped in here is a rule.

The name of the module is the name of the rule in an ablation file. Modules that begin with an
underscore are what rules share.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

from fixbench.ablation import Claim
from fixbench.errors import InputError
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
        InputError: its module cannot be imported, or offers no ``RULE`` of that name.
    """
    if name not in rule_names():
        raise KeyError(name)
    places = [Path(folder, f"{name}.py") for folder in __path__]
    file = next((path for path in places if path.is_file()), places[0])
    try:
        module = import_module(f"{__name__}.{name}")
    except Exception as error:  # whatever a new module raises
        where = f"line {error.lineno}" if isinstance(error, SyntaxError) else ""
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        expected = f"a rule that can be imported ({problem})"
        raise InputError(file, where, expected=expected) from error
    rule = getattr(module, "RULE", None)
    if not isinstance(rule, ExactRule | TestedRule):
        expected = "an instance of a class of ExactRule or TestedRule"
        raise InputError(file, "RULE", rule, expected=expected)
    if (found := getattr(rule, "name", None)) != name:
        expected = f"{name!r}, as the file is called"
        raise InputError(file, "RULE.name", found or "", expected=expected)
    return rule


def is_tested(claim: Claim) -> bool:
    """Whether a statistical test decides the claim, so that it counts in a family if primary."""
    return load_rule(claim.decision.rule).tested
